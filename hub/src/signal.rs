//! [`signal`]: signal handlers that run in a greenlet. Source: `signal` in gevent's `hub.py`.

use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, Value};

use crate::context::Context;
use crate::core::{CallbackResult, Signal};
use crate::local::{get_hub, hub_to_wait_in};

/// The handle of a signal handler that is in place. Dropping it changes nothing.
#[derive(Debug, Clone)]
pub struct SignalHandler {
    watcher: Signal,
}

impl SignalHandler {
    /// Takes the handler away.
    pub fn cancel(&self) {
        // An error means that the loop is destroyed, which has stopped the watcher already.
        let _ = self.watcher.stop();
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

/// Has `handler` called, in a new greenlet each time, when the process gets the signal. An error of the handler is
/// raised in the main greenlet, except if its greenlet was killed.
///
/// # Errors
/// [`IllegalSignal`](crate::core::IllegalSignal) if the signal does not exist or cannot be caught;
/// [`SignalInUse`](crate::core::SignalInUse) if another loop watches it.
pub fn signal<R: CallbackResult>(signum: i32, handler: impl Fn() -> R + 'static) -> Result<SignalHandler, Exception> {
    let hub = hub_to_wait_in()?;
    let watcher = hub.loop_().signal(signum)?;
    watcher.set_ref(false)?;
    let handler = Rc::new(handler);
    watcher.start(move || {
        let (handler, hub) = (handler.clone(), get_hub());
        let greenlet = RawGreenlet::builder().parent(hub.greenlet()).build(move |_| {
            let Err(exception) = handler().into_result() else {
                return Ok(Value::None);
            };
            match exception.thrown_here() {
                Some(kill) if kill.is_exit() => {}
                _ => get_hub().report_error(Context::None, exception),
            }
            Ok(Value::None)
        });
        greenlet.switch(()).map(drop)
    })?;
    Ok(SignalHandler { watcher })
}
