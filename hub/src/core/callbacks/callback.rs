//! Callbacks that the loop runs once, soon: gevent's `loop.run_callback`.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use greenlet_core::{Exception, Object, RawGreenlet};
use waiter::Resume;

use crate::core::callbacks::outcome::CallbackResult;
use crate::core::callbacks::start::Start;
use crate::core::event_loop::forking::ForkMutex;
use crate::core::watchers::body_ref::BodyRef;

/// An entry of the queue.
pub(in crate::core) enum Entry {
    /// Queued by the user; the handle is shared.
    Call(Rc<dyn Task>),
    /// Ends one park of one greenlet. Costs no allocation.
    Resume(Resume),
    /// Begins a greenlet. Costs no allocation.
    Start(Start),
    /// An object that is to notify its waiters. Costs no allocation.
    Notify(Rc<dyn Notify>),
    /// A function that is to be called with a greenlet. Costs no allocation.
    Greenlet(RawGreenlet, GreenletFn),
    /// Queued by another thread.
    Remote(Mail),
    /// An error, perhaps of a watcher, from a place where it could not be reported.
    Report(Option<BodyRef>, Exception),
}

/// What other threads queue.
pub(in crate::core) enum Mail {
    /// Queued by the user; the handle is shared.
    Call(Arc<RemoteTask>),
    /// An object that is to be told. Costs no allocation.
    Notify(Arc<dyn NotifyThreadsafe>),
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

/// An object whose `notify` the loop calls once, soon: the notifier of gevent's linkable objects, without a new closure
/// for each call. Queued by [`Loop::run_callback_notify`].
///
/// [`Loop::run_callback_notify`]: crate::core::Loop::run_callback_notify
pub trait Notify: Object {
    /// Called in the greenlet that runs the loop.
    ///
    /// # Errors
    /// An error goes to the loop's error handler, with a callback for [the object](Callback::object) as context.
    fn notify(self: Rc<Self>) -> Result<(), Exception>;
}

/// An object whose `notify` a loop's thread calls once, soon, when another thread says so: a callback without a new
/// closure for each call. Queued by [`ThreadsafeLoop::run_callback_notify_threadsafe`].
///
/// [`ThreadsafeLoop::run_callback_notify_threadsafe`]: crate::core::ThreadsafeLoop::run_callback_notify_threadsafe
pub trait NotifyThreadsafe: Send + Sync + 'static {
    /// Called in the greenlet that runs the loop. A panic goes to the loop's error handler.
    fn notify(self: Arc<Self>);
}

/// The function that [`Loop::run_callback_greenlet`](crate::core::Loop::run_callback_greenlet) queues.
pub type GreenletFn = fn(&RawGreenlet) -> Result<(), Exception>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum CallbackStage {
    Pending,
    Running,
    Over,
}

impl CallbackStage {
    fn from_u8(state: u8) -> CallbackStage {
        match state {
            0 => CallbackStage::Pending,
            1 => CallbackStage::Running,
            _ => CallbackStage::Over,
        }
    }
}

pub(in crate::core) trait Task {
    fn state(&self) -> &Cell<u8>;
    /// Runs the function, if it is still there.
    fn run(&self) -> Result<(), Exception>;
    /// Drops the function.
    fn clear(&self);
    /// Writes the name of the function, or the subject.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    /// The greenlet or object that the callback is about, if it has no function.
    fn subject(&self) -> Option<&Subject> {
        None
    }
}

struct LocalTask<F> {
    state: Cell<u8>,
    function: Cell<Option<F>>,
}

impl<F, R> Task for LocalTask<F>
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

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<F>())
    }
}

/// An entry without a function that has failed, as a callback for the error handler.
struct Entered {
    state: Cell<u8>,
    subject: Subject,
}

/// The greenlet or object that an [`Entered`] callback is about.
pub(in crate::core) enum Subject {
    Greenlet(RawGreenlet),
    Object(Rc<dyn Notify>),
}

impl From<&RawGreenlet> for Subject {
    fn from(greenlet: &RawGreenlet) -> Subject {
        Subject::Greenlet(greenlet.clone())
    }
}

impl From<&Rc<dyn Notify>> for Subject {
    fn from(object: &Rc<dyn Notify>) -> Subject {
        Subject::Object(object.clone())
    }
}

impl Task for Entered {
    fn state(&self) -> &Cell<u8> {
        &self.state
    }

    fn run(&self) -> Result<(), Exception> {
        Ok(())
    }

    fn clear(&self) {}

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Greenlet(greenlet) => write!(f, "{greenlet:?}"),
            Subject::Object(object) => write!(f, "{object:?}"),
        }
    }

    fn subject(&self) -> Option<&Subject> {
        Some(&self.subject)
    }
}

/// The handle of a queued callback. Dropping it changes nothing. Source: gevent's `callback` class.
#[derive(Clone)]
pub struct Callback(Rc<dyn Task>);

impl Callback {
    pub(in crate::core) fn new<R: CallbackResult + 'static>(function: impl FnOnce() -> R + 'static) -> Callback {
        let state = Cell::new(CallbackStage::Pending as u8);
        Callback(Rc::new(LocalTask {
            state,
            function: Cell::new(Some(function)),
        }))
    }

    pub(in crate::core) fn from_task(task: Rc<dyn Task>) -> Callback {
        Callback(task)
    }

    /// The callback for an entry that has failed, and had no handle.
    #[cold]
    pub(in crate::core) fn entered(subject: impl Into<Subject>) -> Callback {
        Callback(Rc::new(Entered {
            state: Cell::new(CallbackStage::Running as u8),
            subject: subject.into(),
        }))
    }

    pub(in crate::core) fn to_entry(&self) -> Entry {
        Entry::Call(self.0.clone())
    }

    /// True until the callback is entered.
    pub fn pending(&self) -> bool {
        self.0.state().get() == CallbackStage::Pending as u8
    }

    /// True until the callback has returned: it is pending or running. In gevent, the callback's truth value.
    pub fn scheduled(&self) -> bool {
        self.0.state().get() != CallbackStage::Over as u8
    }

    /// Drops the function, so that nothing is called; the place in the queue stays until its turn. Does nothing
    /// to a callback that runs or has run, except that it no longer counts as [`scheduled`](Self::scheduled).
    pub fn stop(&self) {
        self.0.state().set(CallbackStage::Over as u8);
        self.0.clear();
    }

    /// The same as [`stop`](Self::stop).
    pub fn close(&self) {
        self.stop();
    }

    /// The greenlet that the callback begins (one of [`spawn_raw`](crate::spawn_raw)) or is queued for by
    /// [`run_callback_greenlet`](crate::core::Loop::run_callback_greenlet); none for a callback with a function.
    pub fn greenlet(&self) -> Option<&RawGreenlet> {
        match self.0.subject()? {
            Subject::Greenlet(greenlet) => Some(greenlet),
            Subject::Object(_) => None,
        }
    }

    /// The object that the callback [notifies](crate::core::Loop::run_callback_notify); none for any other callback.
    pub fn object(&self) -> Option<&dyn Object> {
        match self.0.subject()? {
            Subject::Object(object) => Some(&**object),
            Subject::Greenlet(_) => None,
        }
    }

    /// Runs the function, unless it was stopped.
    pub(in crate::core) fn run(&self) -> Result<(), Exception> {
        self.0.run()
    }

    /// Marks the callback as running until the result is dropped.
    pub(in crate::core) fn begin(&self) -> impl Drop + '_ {
        struct Over<'a>(&'a Cell<u8>);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.set(CallbackStage::Over as u8);
            }
        }
        let state = self.0.state();
        if state.get() == CallbackStage::Pending as u8 {
            state.set(CallbackStage::Running as u8);
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
        let at: *const () = Rc::as_ptr(&self.0).cast();
        write!(f, "<callback at {at:p} ")?;
        let state = CallbackStage::from_u8(self.0.state().get());
        show(f, state, |f| self.0.show(f))
    }
}

/// The rest of a callback's `Debug` output.
fn show(
    f: &mut fmt::Formatter<'_>,
    state: CallbackStage,
    function: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    match state {
        CallbackStage::Pending => f.write_str("pending callback=")?,
        CallbackStage::Running => f.write_str("running callback=")?,
        // The function is gone.
        CallbackStage::Over => return f.write_str("stopped>"),
    }
    function(f)?;
    f.write_str(">")
}

type RemoteFunction = Box<dyn FnOnce() -> Result<(), Exception> + Send>;

pub(in crate::core) struct RemoteTask {
    state: AtomicU8,
    function: ForkMutex<Option<RemoteFunction>>,
    name: &'static str,
}

impl RemoteTask {
    pub(in crate::core) fn new<F, R>(function: F) -> Arc<RemoteTask>
    where
        F: FnOnce() -> R + Send + 'static,
        R: CallbackResult,
    {
        Arc::new(RemoteTask {
            state: AtomicU8::new(CallbackStage::Pending as u8),
            function: ForkMutex::new(Some(Box::new(|| function().into_result()))),
            name: std::any::type_name::<F>(),
        })
    }
}

/// The handle of a callback queued by [`ThreadsafeLoop::run_callback_threadsafe`]; like [`Callback`], but any
/// thread may hold it.
///
/// [`ThreadsafeLoop::run_callback_threadsafe`]: crate::core::ThreadsafeLoop::run_callback_threadsafe
#[derive(Clone)]
pub struct ThreadsafeCallback(pub(in crate::core) Arc<RemoteTask>);

impl ThreadsafeCallback {
    /// Runs the function, unless it was stopped.
    pub(in crate::core) fn run(&self) -> Result<(), Exception> {
        let function = self.0.function.lock().take();
        function.map_or(Ok(()), |function| function())
    }

    /// Marks the callback as running until the result is dropped.
    pub(in crate::core) fn begin(&self) -> impl Drop + '_ {
        struct Over<'a>(&'a AtomicU8);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(CallbackStage::Over as u8, Ordering::Release);
            }
        }
        let (pending, running) = (CallbackStage::Pending as u8, CallbackStage::Running as u8);
        // This changes nothing if the callback was stopped.
        let _ = self
            .0
            .state
            .compare_exchange(pending, running, Ordering::AcqRel, Ordering::Relaxed);
        Over(&self.0.state)
    }

    /// True until the callback is entered.
    pub fn pending(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == CallbackStage::Pending as u8
    }

    /// True until the callback has returned: it is pending or running.
    pub fn scheduled(&self) -> bool {
        self.0.state.load(Ordering::Acquire) != CallbackStage::Over as u8
    }

    /// Drops the function (in the calling thread), unless it has been entered. Returns true if it was dropped: then
    /// it never runs.
    pub fn stop(&self) -> bool {
        let function = self.0.function.lock().take();
        let stopped = function.is_some();
        if stopped {
            self.0.state.store(CallbackStage::Over as u8, Ordering::Release);
        }
        drop(function);
        stopped
    }
}

impl PartialEq for ThreadsafeCallback {
    fn eq(&self, other: &ThreadsafeCallback) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ThreadsafeCallback {}

impl fmt::Debug for ThreadsafeCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<threadsafe_callback at {:p} ", Arc::as_ptr(&self.0))?;
        let state = CallbackStage::from_u8(self.0.state.load(Ordering::Acquire));
        show(f, state, |f| f.write_str(self.0.name))
    }
}
