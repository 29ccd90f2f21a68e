//! Callbacks that the loop runs once, soon: gevent's `loop.run_callback`.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use greenlet_core::{Exception, RawGreenlet};
use waiter::Resume;

use super::forking::ForkMutex;
use super::handler::CallbackResult;
use super::start::Start;

/// What is in the queue.
pub(super) enum Entry {
    /// Queued by the user; the handle is shared.
    Call(Rc<dyn Task>),
    /// Wakes one park of one greenlet. Costs no allocation.
    Resume(Resume),
    /// Begins a greenlet. Costs no allocation.
    Start(Start),
    /// An object that tells those who wait for it. Costs no allocation.
    Notify(Rc<dyn Notify>),
    /// Something to be done with a greenlet. Costs no allocation.
    Greenlet(RawGreenlet, GreenletFn),
    /// Queued by another thread.
    Remote(Arc<RemoteTask>),
    /// An error from a place where nothing could be reported; the text, the context, says which.
    Report(Option<&'static str>, Exception),
}

impl From<Resume> for Entry {
    #[inline(always)]
    fn from(resume: Resume) -> Entry {
        Entry::Resume(resume)
    }
}

impl From<Rc<dyn Notify>> for Entry {
    #[inline(always)]
    fn from(object: Rc<dyn Notify>) -> Entry {
        Entry::Notify(object)
    }
}

impl From<(RawGreenlet, GreenletFn)> for Entry {
    #[inline(always)]
    fn from((greenlet, function): (RawGreenlet, GreenletFn)) -> Entry {
        Entry::Greenlet(greenlet, function)
    }
}

impl From<Start> for Entry {
    #[inline(always)]
    fn from(start: Start) -> Entry {
        Entry::Start(start)
    }
}

/// An object whose `notify` the loop calls once, soon: the notifier of gevent's linkable objects, without a
/// closure made for each time. Queued by [`Loop::run_callback_notify`].
///
/// [`Loop::run_callback_notify`]: super::Loop::run_callback_notify
pub trait Notify: fmt::Debug {
    /// Called in the greenlet that runs the loop.
    ///
    /// # Errors
    /// Given to the loop's error handler, with the object as context.
    fn notify(self: Rc<Self>) -> Result<(), Exception>;
}

/// What [`Loop::run_callback_greenlet`](super::Loop::run_callback_greenlet) calls.
pub type GreenletFn = fn(&RawGreenlet) -> Result<(), Exception>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    Pending,
    Running,
    Over,
}

impl State {
    fn from_u8(state: u8) -> State {
        match state {
            0 => State::Pending,
            1 => State::Running,
            _ => State::Over,
        }
    }
}

pub(super) trait Task {
    fn state(&self) -> &Cell<u8>;
    /// Runs the function, if it is still there.
    fn run(&self) -> Result<(), Exception>;
    /// Drops the function.
    fn clear(&self);
    fn name(&self) -> &'static str;
}

struct Local<F> {
    state: Cell<u8>,
    function: Cell<Option<F>>,
}

impl<F, R> Task for Local<F>
where
    F: FnOnce() -> R,
    R: CallbackResult,
{
    fn state(&self) -> &Cell<u8> {
        &self.state
    }

    fn run(&self) -> Result<(), Exception> {
        match self.function.take() {
            Some(function) => function().into_result(),
            None => Ok(()),
        }
    }

    fn clear(&self) {
        drop(self.function.take());
    }

    fn name(&self) -> &'static str {
        std::any::type_name::<F>()
    }
}

/// The handle of a queued callback. Dropping it changes nothing. Source: gevent's `callback` class.
#[derive(Clone)]
pub struct Callback(Rc<dyn Task>);

impl Callback {
    pub(super) fn new<R: CallbackResult + 'static>(
        function: impl FnOnce() -> R + 'static,
    ) -> Callback {
        let state = Cell::new(State::Pending as u8);
        Callback(Rc::new(Local {
            state,
            function: Cell::new(Some(function)),
        }))
    }

    pub(super) fn from_task(task: Rc<dyn Task>) -> Callback {
        Callback(task)
    }

    pub(super) fn to_entry(&self) -> Entry {
        Entry::Call(self.0.clone())
    }

    /// True until the callback is entered.
    pub fn pending(&self) -> bool {
        self.0.state().get() == State::Pending as u8
    }

    /// True until the callback has returned: it is pending or running. In gevent, the callback's truth value.
    pub fn scheduled(&self) -> bool {
        self.0.state().get() != State::Over as u8
    }

    /// Drops the function, so that nothing is called; the place in the queue stays until its turn. Does nothing
    /// to a callback that runs or has run, except that it no longer counts as [`scheduled`](Self::scheduled).
    pub fn stop(&self) {
        self.0.state().set(State::Over as u8);
        self.0.clear();
    }

    /// The same as [`stop`](Self::stop).
    pub fn close(&self) {
        self.stop();
    }

    /// Runs the function, unless it was stopped.
    pub(super) fn run(&self) -> Result<(), Exception> {
        let _over = self.begin();
        self.0.run()
    }

    /// Marks the callback as running until the result is dropped.
    fn begin(&self) -> impl Drop + '_ {
        struct Over<'a>(&'a Cell<u8>);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.set(State::Over as u8);
            }
        }
        let state = self.0.state();
        if state.get() == State::Pending as u8 {
            state.set(State::Running as u8);
        }
        Over(state)
    }
}

impl PartialEq for Callback {
    fn eq(&self, other: &Callback) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Callback {}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = State::from_u8(self.0.state().get());
        show(
            f,
            "callback",
            Rc::as_ptr(&self.0).cast(),
            state,
            self.0.name(),
        )
    }
}

fn show(
    f: &mut fmt::Formatter<'_>,
    class: &str,
    at: *const (),
    state: State,
    name: &str,
) -> fmt::Result {
    let state = match state {
        State::Pending => "pending",
        State::Running => "running",
        // The function is gone.
        State::Over => return write!(f, "<{class} at {at:p} stopped>"),
    };
    write!(f, "<{class} at {at:p} {state} callback={name}>")
}

type RemoteFunction = Box<dyn FnOnce() -> Result<(), Exception> + Send>;

pub(super) struct RemoteTask {
    state: AtomicU8,
    function: ForkMutex<Option<RemoteFunction>>,
    name: &'static str,
}

impl RemoteTask {
    pub(super) fn new<F, R>(function: F) -> Arc<RemoteTask>
    where
        F: FnOnce() -> R + Send + 'static,
        R: CallbackResult,
    {
        Arc::new(RemoteTask {
            state: AtomicU8::new(State::Pending as u8),
            function: ForkMutex::new(Some(Box::new(|| function().into_result()))),
            name: std::any::type_name::<F>(),
        })
    }

    pub(super) fn run(&self) -> Result<(), Exception> {
        let function = self.function.lock().take();
        let Some(function) = function else {
            return Ok(());
        };
        self.state.store(State::Running as u8, Ordering::Release);
        struct Over<'a>(&'a AtomicU8);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(State::Over as u8, Ordering::Release);
            }
        }
        let _over = Over(&self.state);
        function()
    }
}

impl fmt::Debug for RemoteTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = State::from_u8(self.state.load(Ordering::Acquire));
        show(
            f,
            "threadsafe_callback",
            (&raw const *self).cast(),
            state,
            self.name,
        )
    }
}

/// The handle of a callback queued by [`ThreadsafeLoop::run_callback_threadsafe`]; like [`Callback`], but any
/// thread may hold it.
///
/// [`ThreadsafeLoop::run_callback_threadsafe`]: super::ThreadsafeLoop::run_callback_threadsafe
#[derive(Clone)]
pub struct ThreadsafeCallback(pub(super) Arc<RemoteTask>);

impl ThreadsafeCallback {
    /// True until the callback is entered.
    pub fn pending(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == State::Pending as u8
    }

    /// True until the callback has returned: it is pending or running.
    pub fn scheduled(&self) -> bool {
        self.0.state.load(Ordering::Acquire) != State::Over as u8
    }

    /// Drops the function (in the calling thread), unless it has been entered. Says whether it was dropped:
    /// then it is certain that it never runs.
    pub fn stop(&self) -> bool {
        let function = self.0.function.lock().take();
        let stopped = function.is_some();
        if stopped {
            self.0.state.store(State::Over as u8, Ordering::Release);
        }
        drop(function);
        stopped
    }
}

impl fmt::Debug for ThreadsafeCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
