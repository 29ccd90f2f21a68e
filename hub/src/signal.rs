//! Signal handlers that run in a greenlet. Source: `signal` in gevent's `hub.py`.

use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, Value};

use crate::context::Context;
use crate::core::{CallbackResult, Signal};
use crate::local::{get_hub, hub_to_wait_in};

/// A signal handler that is in place; dropping it leaves it there.
#[derive(Debug, Clone)]
pub struct SignalHandler {
    watcher: Signal,
}

impl SignalHandler {
    /// Takes the handler away.
    pub fn cancel(&self) {
        // A destroyed loop has stopped it already.
        let _ = self.watcher.stop();
    }

    /// Whether the handler keeps the loop from ending; false at first.
    pub fn ref_(&self) -> bool {
        self.watcher.ref_()
    }

    /// Changes [`ref_`](SignalHandler::ref_).
    ///
    /// # Errors
    /// When the loop is destroyed.
    pub fn set_ref(&self, ref_: bool) -> Result<(), Exception> {
        Ok(self.watcher.set_ref(ref_)?)
    }
}

/// Calls `handler`, in a new greenlet each time, when the process gets the signal. Errors of it
/// are raised in the main greenlet; that somebody kills the greenlet is none.
///
/// # Errors
/// For a signal that does not exist, or that another loop handles.
pub fn signal<R: CallbackResult>(
    signum: i32,
    handler: impl Fn() -> R + 'static,
) -> Result<SignalHandler, Exception> {
    let hub = hub_to_wait_in()?;
    let watcher = hub.loop_().signal(signum)?;
    watcher.set_ref(false)?;
    let handler = Rc::new(handler);
    watcher.start(move || {
        let (handler, hub) = (handler.clone(), get_hub());
        let greenlet = RawGreenlet::builder()
            .parent(hub.greenlet())
            .build(move |_| {
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
