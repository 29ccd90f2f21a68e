//! [`ThreadsafeLoop`]: a loop for other threads. Source: gevent's `loop.run_callback_threadsafe`.

use std::fmt;
use std::os::fd::RawFd;
use std::sync::Arc;

use crate::core::callbacks::callback::{Mail, NotifyThreadsafe, RemoteTask, ThreadsafeCallback};
use crate::core::callbacks::mailbox::Mailbox;
use crate::core::callbacks::outcome::CallbackResult;
use crate::core::error::{Error, LoopDestroyed, NoInternals};
use crate::core::event_loop::facts::Facts;
use crate::core::event_loop::loop_::Loop;

/// A handle of a [`Loop`](crate::core::Loop) for any thread; see [`Loop::threadsafe`](crate::core::Loop::threadsafe).
/// It does not keep the loop alive.
///
/// ```
/// use std::thread;
/// use hub::core::Loop;
///
/// let loop_ = Loop::new("", false)?;
/// let loop_thread = thread::current().id();
/// let remote = loop_.threadsafe();
/// let worker = thread::spawn(move || {
///     remote.run_callback_threadsafe(move || assert_eq!(thread::current().id(), loop_thread))
/// });
/// let callback = worker.join().unwrap()?;
/// assert!(callback.pending());
/// loop_.run()?;
/// assert!(!callback.scheduled());
/// # Ok::<(), hub::core::Error>(())
/// ```
#[derive(Clone)]
pub struct ThreadsafeLoop(Arc<Mailbox>);

impl ThreadsafeLoop {
    pub(in crate::core) fn new(mailbox: Arc<Mailbox>) -> ThreadsafeLoop {
        ThreadsafeLoop(mailbox)
    }

    /// [`Loop::run_callback`](crate::core::Loop::run_callback) from any thread: queues `callback`, to be called by the
    /// loop's own thread, and wakes the loop.
    ///
    /// Callbacks of one thread run in the order in which it queued them. A queued callback keeps the loop running,
    /// as one of the loop's own thread does: a run that would end collects them first. If the loop is not running, the
    /// callback waits for its next run.
    ///
    /// This allocates and takes a lock, so it is not to be called from a signal handler.
    ///
    /// # Errors
    /// [`LoopDestroyed`]; `callback` was dropped then.
    pub fn run_callback_threadsafe<F, R>(&self, callback: F) -> Result<ThreadsafeCallback, LoopDestroyed>
    where
        F: FnOnce() -> R + Send + 'static,
        R: CallbackResult,
    {
        let task = RemoteTask::new(callback);
        self.0.post(Mail::Call(task.clone()))?;
        Ok(ThreadsafeCallback(task))
    }

    /// Has the loop's thread call [`notify`](NotifyThreadsafe::notify) of the object, as
    /// [`run_callback_threadsafe`](Self::run_callback_threadsafe) has it call a function. Allocates nothing once the
    /// loop's queues have grown to their usual size.
    ///
    /// # Errors
    /// [`LoopDestroyed`]; the object is not told then.
    pub fn run_callback_notify_threadsafe(&self, object: Arc<dyn NotifyThreadsafe>) -> Result<(), LoopDestroyed> {
        self.0.post(Mail::Notify(object))
    }

    /// Whether this is a handle of `loop_`.
    #[inline]
    pub fn is(&self, loop_: &Loop) -> bool {
        Arc::ptr_eq(&self.0, &loop_.state().mailbox)
    }

    /// Whether the calling thread is the loop's own.
    #[inline]
    pub fn is_here(&self) -> bool {
        self.0.is_here()
    }
}

/// The state of the loop as its own thread has told it in its latest round of callbacks, or at the end of its latest
/// run: other threads never look at the loop itself. What [`Loop`](crate::core::Loop) has by the same names is exact.
///
/// In the child of a fork, a loop of a thread that stayed in the parent is destroyed.
impl ThreadsafeLoop {
    /// Has the loop's thread [destroy](crate::core::Loop::destroy) the loop, soon: in its next round, for which the
    /// loop is woken. Callbacks that were queued before may be forgotten, as by any `destroy`. A loop that is not run
    /// again is destroyed at the end of its thread, [as any loop](crate::core::Loop#the-end-of-a-thread). Does nothing
    /// to one that is destroyed.
    ///
    /// gevent destroys a loop in whatever thread asks for it, also while it runs.
    pub fn destroy(&self) {
        self.0.destroy();
    }

    /// Whether the loop is destroyed. It is once its thread is over.
    pub fn destroyed(&self) -> bool {
        self.0.is_dead()
    }

    /// Whether somebody waits in the loop's place by an [`OuterWait`](crate::core::OuterWait), and there is nothing to
    /// do for the loop.
    pub(crate) fn is_idle_outside(&self) -> bool {
        self.0.facts.outside().is_some_and(|outside| outside.is_idle())
    }

    /// Whether this is libev's default loop; false once it is destroyed.
    pub fn default(&self) -> bool {
        self.facts().is_ok_and(Facts::is_default)
    }

    /// The backend, as libev's bit.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn backend_int(&self) -> Result<u32, LoopDestroyed> {
        Ok(self.facts()?.backend().bits())
    }

    /// The backend's name, or its number if it has no name.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn backend(&self) -> Result<String, LoopDestroyed> {
        Ok(self.facts()?.backend().to_name())
    }

    /// How many times the loop has waited.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn iteration(&self) -> Result<u32, LoopDestroyed> {
        Ok(self.facts()?.iteration())
    }

    /// How many events had happened and were not delivered yet.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn pendingcnt(&self) -> Result<u32, LoopDestroyed> {
        Ok(self.facts()?.pendingcnt())
    }

    /// The count of references, by active watchers, queued callbacks and `ref_`.
    ///
    /// # Errors
    /// Fails if the loop is destroyed, or with [`NoInternals`].
    pub fn activecnt(&self) -> Result<i32, Error> {
        Ok(self.facts()?.activecnt().ok_or(NoInternals)?)
    }

    /// The number of the backend's descriptor, if it has one and the loop is not destroyed.
    pub fn fileno(&self) -> Option<RawFd> {
        self.facts().ok()?.fileno()
    }

    fn facts(&self) -> Result<&Facts, LoopDestroyed> {
        if self.0.is_dead() {
            Err(LoopDestroyed)
        } else {
            Ok(&self.0.facts)
        }
    }
}

impl fmt::Debug for ThreadsafeLoop {
    /// The loop's own: `<loop at 0x.. epoll default pending=0 ref=0 fileno=3>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.facts.fmt(f)
    }
}
