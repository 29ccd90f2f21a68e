//! What a watcher does when it fires.

use std::fmt;
use std::rc::Rc;

use greenlet_core::Exception;
use waiter::Resume;

use super::Events;

/// What a callback may return: nothing, or `Result<(), Exception>`, whose error goes to the loop's error
/// handler.
pub trait CallbackResult {
    /// The error, if any.
    ///
    /// # Errors
    /// The callback's own.
    fn into_result(self) -> Result<(), Exception>;
}

impl CallbackResult for () {
    fn into_result(self) -> Result<(), Exception> {
        Ok(())
    }
}

impl CallbackResult for Result<(), Exception> {
    fn into_result(self) -> Result<(), Exception> {
        self
    }
}

type Call = dyn Fn(Events) -> Result<(), Exception>;

/// Cloned out of its node before it is used, so that a callback may replace or stop itself.
#[derive(Clone, Default)]
pub(super) enum Handler {
    /// Nothing is set.
    #[default]
    None,
    /// A closure.
    Call(Rc<Call>),
    /// Wakes one park of one greenlet. Costs no allocation.
    Resume(Resume),
}

impl Handler {
    pub(super) fn plain<R: CallbackResult>(callback: impl Fn() -> R + 'static) -> Handler {
        Handler::Call(Rc::new(move |_| callback().into_result()))
    }

    pub(super) fn with_events<R: CallbackResult>(
        callback: impl Fn(Events) -> R + 'static,
    ) -> Handler {
        Handler::Call(Rc::new(move |events| callback(events).into_result()))
    }

    pub(super) fn run(&self, events: Events) -> Result<(), Exception> {
        match self {
            Handler::None => Ok(()),
            Handler::Call(call) => call(events),
            Handler::Resume(resume) => resume.switch(),
        }
    }

    pub(super) fn is_set(&self) -> bool {
        !matches!(self, Handler::None)
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Handler::None => f.write_str("None"),
            Handler::Call(call) => write!(f, "<function at {:p}>", Rc::as_ptr(call).cast::<()>()),
            Handler::Resume(resume) => resume.fmt(f),
        }
    }
}
