//! [`signal_handler`]: signal handlers that run in a greenlet. Source: `signal` in gevent's `hub.py`.

use std::rc::Rc;

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};
use hub::core::CallbackResult;
use hub::{Context, SignalHandler, get_hub, watch_signal};

use crate::greenlet::Greenlet;

/// Has `handler` called, in a new [`Greenlet`] each time, when the process gets the signal. An error or a panic of the
/// handler is raised in the main greenlet, except if its greenlet was killed.
///
/// The greenlet begins at once, without a turn of its own, so spawn callbacks are not called with it, as in gevent.
/// [`AnyGreenlet::current`](crate::AnyGreenlet::current) is its handle there.
///
/// # Errors
/// [`IllegalSignal`](crate::core::IllegalSignal) if the signal does not exist or cannot be caught;
/// [`SignalInUse`](crate::core::SignalInUse) if another loop watches it.
pub fn signal_handler<R: CallbackResult>(
    signum: i32,
    handler: impl Fn() -> R + 'static,
) -> Result<SignalHandler, Exception> {
    let handler = Rc::new(handler);
    watch_signal(signum, move || handle_in_greenlet(handler.clone()))
}

/// Calls the handler in a new greenlet, which begins at once. Called in the hub.
pub(super) fn handle_in_greenlet<R: CallbackResult>(handler: Rc<impl Fn() -> R + 'static>) {
    let greenlet = Greenlet::new(move || handle(&*handler));
    if let Err(exception) = greenlet.switch(()) {
        get_hub().report_error(Context::None, exception);
    }
}

/// Calls the handler, and reports its error.
fn handle<R: CallbackResult>(handler: &impl Fn() -> R) {
    let exception = match catch(|| handler().into_result()) {
        Ok(Ok(())) => return,
        Ok(Err(exception)) | Err(Caught::Panic(exception)) => exception,
        Err(Caught::Forced(unwind)) => unwind.resume(),
    };
    match exception.thrown_here() {
        Some(kill) if kill.is_exit() => {}
        _ => get_hub().report_error(Context::None, exception),
    }
}
