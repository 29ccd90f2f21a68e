//! [`watch_signal`] and [`SignalHandler`]: the part of signal handlers that needs no greenlets. Source: `signal` in
//! gevent's `hub.py`. [`raise_in_main`]: signals that become exceptions, as Ctrl-C does in Python.

use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

use greenlet_core::Exception;

use crate::core::{CallbackResult, LastResort, Signal};
use crate::exceptions::KeyboardInterrupt;
use crate::local::{get_hub, hub_to_wait_in};

/// The handle of a signal handler that is in place. Dropping it changes nothing.
#[derive(Debug, Clone)]
pub struct SignalHandler {
    watcher: Signal,
    last_resort: Option<LastResort>,
}

impl SignalHandler {
    /// Takes the handler away. Does nothing if that was done, or if another one was put in its place.
    pub fn cancel(&self) {
        if !self.watcher.active() {
            return;
        }
        // An error means that the loop is destroyed, which has stopped the watcher already.
        let _ = self.watcher.stop();
        if let Some(last_resort) = self.last_resort {
            last_resort.undo();
        }
    }

    /// Whether the handler is in place: it was not cancelled, and its loop is there.
    pub fn active(&self) -> bool {
        self.watcher.active()
    }

    /// Whether the handler keeps the loop from ending; false at first.
    pub fn ref_(&self) -> bool {
        self.watcher.ref_()
    }

    /// Changes [`ref_`](SignalHandler::ref_).
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn set_ref(&self, ref_: bool) -> Result<(), Exception> {
        Ok(self.watcher.set_ref(ref_)?)
    }
}

/// Has `on_signal` called in the hub when the process gets the signal. The facade's `signal` makes a greenlet there, in
/// which the user's handler runs.
///
/// # Errors
/// [`IllegalSignal`](crate::core::IllegalSignal) if the signal does not exist or cannot be caught;
/// [`SignalInUse`](crate::core::SignalInUse) if another loop watches it.
pub fn watch_signal<R: CallbackResult>(
    signum: i32,
    on_signal: impl Fn() -> R + 'static,
) -> Result<SignalHandler, Exception> {
    let hub = hub_to_wait_in()?;
    let watcher = hub.loop_().signal(signum)?;
    watcher.set_ref(false)?;
    watcher.start(on_signal)?;
    Ok(SignalHandler {
        watcher,
        last_resort: None,
    })
}

/// Has Ctrl-C raise [`KeyboardInterrupt`] in the main greenlet, as in Python: [`raise_in_main`] for `SIGINT`.
///
/// ```
/// use hub::exceptions::KeyboardInterrupt;
///
/// hub::keyboard_interrupt()?;
/// # unsafe extern "C" { safe fn raise(signum: i32) -> i32; }
/// # raise(2);
/// match hub::sleep(100) {
///     Err(ex) if ex.is::<KeyboardInterrupt>() => println!("interrupted"),
///     other => other?,
/// }
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
///
/// # Errors
/// Fails as `raise_in_main` does.
#[track_caller]
pub fn keyboard_interrupt() -> Result<SignalHandler, Exception> {
    raise_in_main(libc::SIGINT, KeyboardInterrupt)
}

thread_local! {
    /// What [`raise_in_main`] has put in place in this thread, as long as it is there.
    static RAISING: RefCell<Vec<Weak<OnceCell<SignalHandler>>>> = const { RefCell::new(Vec::new()) };
}

/// Has the exception raised in the main greenlet of this thread when the process gets the signal. The call in which the
/// main greenlet waits returns the error, or the next such call if the greenlet runs. [`mask_kill`](crate::mask_kill)
/// does not hold it back.
///
/// [`run_main`](crate::run_main) gives the process the exit status that belongs to the error, and runs the destructors
/// of the other greenlets before that.
///
/// # When the program is busy
///
/// The signal waits until the hub's loop runs. If it comes *once more* before that, it has its default action: for
/// `SIGINT` and `SIGTERM` this ends the process at once, without destructors, so also one whose greenlet never waits.
/// (Not so on a loop that receives signals by a [signalfd](crate::core::LoopFlags::SIGNALFD), and not for signals that
/// end no process.)
///
/// # How long
///
/// It lasts until it is [cancelled](SignalHandler::cancel), which brings the signal's earlier action back, or until the
/// hub's loop is destroyed, as at the end of [`run`](crate::run()); then the signal has its default action. Another
/// call for the same signal takes its place. Until then the action holds also if the program was started with the
/// signal ignored.
///
/// # Errors
/// [`IllegalSignal`](crate::core::IllegalSignal) if the signal does not exist or cannot be caught;
/// [`SignalInUse`](crate::core::SignalInUse) if another thread's loop watches it; an error if there is no hub to wait
/// in.
#[track_caller]
pub fn raise_in_main(signum: i32, exception: impl Into<Exception>) -> Result<SignalHandler, Exception> {
    let exception = exception.into();
    let watcher = hub_to_wait_in()?.loop_().signal(signum)?;
    watcher.set_ref(false)?;
    let place = Rc::new(OnceCell::<SignalHandler>::new());
    let this = place.clone();
    let start = || {
        watcher.start(move || {
            if let Some(last_resort) = this.get().and_then(|handler| handler.last_resort) {
                last_resort.seen();
            }
            get_hub().handle_system_error(exception.clone());
        })
    };
    let last_resort = match raising(signum) {
        None => LastResort::install(&watcher, start)?,
        Some((earlier, last_resort)) => {
            start()?;
            // An error means that the loop is destroyed, which has stopped the watcher already.
            let _ = earlier.stop();
            last_resort.renew(&watcher);
            last_resort
        }
    };
    let handler = place.get_or_init(|| SignalHandler {
        watcher,
        last_resort: Some(last_resort),
    });
    RAISING.with_borrow_mut(|raising| raising.push(Rc::downgrade(&place)));
    Ok(handler.clone())
}

/// The watcher that an earlier [`raise_in_main`] of this signal has started in this thread, if it is still started.
fn raising(signum: i32) -> Option<(Signal, LastResort)> {
    RAISING.with_borrow_mut(|raising| {
        raising.retain(|place| place.strong_count() > 0);
        let handlers = raising.iter().filter_map(Weak::upgrade);
        let mut handlers = handlers.filter_map(|place| place.get().cloned());
        let handler = handlers.find(|handler| handler.watcher.signum() == signum && handler.watcher.active())?;
        Some((handler.watcher, handler.last_resort?))
    })
}
