//! Watching switches: greenlet's `settrace` and `gettrace`.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use crate::core::RawGreenlet;
use crate::exception::Exception;
use crate::switch::SwitchMessage;
use crate::thread::{Attention, Thread};
use crate::unwind;

/// The kind of switch that a tracer is told of, in the greenlet that has just been switched to.
///
/// Source: the `event` of greenlet's trace function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A switch with a value; also the end of a greenlet with a value.
    Switch,
    /// A switch with an exception; also the end of a greenlet with one, and the unwinding of a
    /// dropped greenlet.
    Throw,
}

/// A trace function. It is told the event, the greenlet that left and the one that runs now.
pub type TraceFn = dyn Fn(Event, &RawGreenlet, &RawGreenlet) -> Result<(), Exception>;

/// A trace function as [`settrace`] takes it, and gives it back.
pub struct Tracer {
    function: Box<TraceFn>,
    busy: Cell<bool>,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}

impl Tracer {
    /// Makes a tracer of a function.
    ///
    /// An error or a panic of the function goes to the greenlet that has just been switched to, and
    /// tracing ends.
    pub fn new(function: impl Fn(Event, &RawGreenlet, &RawGreenlet) -> Result<(), Exception> + 'static) -> Rc<Tracer> {
        Rc::new(Tracer {
            function: Box::new(function),
            busy: Cell::new(false),
        })
    }

    /// Calls the function: for a tracer that is set in place of this one, and tells it what it is told itself.
    ///
    /// # Errors
    /// Those of the function.
    pub fn call(&self, event: Event, origin: &RawGreenlet, target: &RawGreenlet) -> Result<(), Exception> {
        (self.function)(event, origin, target)
    }
}

/// Has `tracer` called after every switch on this thread; `None` ends that. Returns the tracer
/// that was set before.
///
/// The tracer's own switches are not traced.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use greenlet_core::{Event, RawGreenlet, Tracer, Value, settrace};
///
/// let events = Rc::new(RefCell::new(Vec::new()));
/// let seen = events.clone();
/// let old = settrace(Some(Tracer::new(move |event, origin, target| {
///     seen.borrow_mut().push((event, origin.id(), target.id()));
///     Ok(())
/// })));
/// let g = RawGreenlet::new(|_| Ok(Value::None));
/// g.switch(())?;
/// settrace(old);
/// assert_eq!(
///     *events.borrow(),
///     [(Event::Switch, 0, g.id()), (Event::Switch, g.id(), 0)]
/// );
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
///
/// Source: greenlet's `settrace`.
pub fn settrace(tracer: Option<Rc<Tracer>>) -> Option<Rc<Tracer>> {
    Thread::with(|thread| {
        if tracer.is_some() {
            thread.attend(Attention::TRACED);
        } else {
            thread.attended(Attention::TRACED);
        }
        thread.tracer.replace(tracer)
    })
}

/// The tracer of this thread.
///
/// Source: greenlet's `gettrace`.
pub fn gettrace() -> Option<Rc<Tracer>> {
    Thread::with(|thread| thread.tracer.borrow().clone())
}

/// Tells the tracer that the current greenlet has been switched to from `origin`. Returns the message that
/// the greenlet gets: `message`, or the tracer's error.
#[cold]
pub(crate) fn switched(thread: &Thread, origin: RawGreenlet, message: SwitchMessage) -> SwitchMessage {
    let tracer = thread.tracer.borrow().clone();
    let message = match &tracer {
        Some(tracer) if !tracer.busy.replace(true) => tell(thread, tracer, &origin, message),
        _ => message,
    };
    // Not dropped by the end of the block: the message would be forgotten if a destructor panicked then.
    drop((tracer, origin));
    message
}

/// Calls the tracer. Returns what [`switched`] does.
fn tell(thread: &Thread, tracer: &Tracer, origin: &RawGreenlet, message: SwitchMessage) -> SwitchMessage {
    let event = match message {
        SwitchMessage::Value(_) => Event::Switch,
        SwitchMessage::Throw(_) | SwitchMessage::Unwind => Event::Throw,
    };
    let current = thread.current_greenlet();
    let call = || (tracer.function)(event, origin, &current);
    let told = catch_unwind(AssertUnwindSafe(call));
    tracer.busy.set(false);
    let raised = match told {
        Ok(Ok(())) => return message,
        Ok(Err(exception)) => Ok(exception),
        // The greenlet was dropped while it was parked in the tracer: that is no error of the tracer's.
        Err(payload) if unwind::is_forced(&*payload) => resume_unwind(payload),
        Err(panic) => Err(panic),
    };
    drop(settrace(None));
    match (raised, message) {
        (Err(panic), _) => resume_unwind(panic),
        // An error of the tracer does not keep the greenlet from being unwound.
        (Ok(_), SwitchMessage::Unwind) => SwitchMessage::Unwind,
        (Ok(exception), _) => SwitchMessage::Throw(exception),
    }
}
