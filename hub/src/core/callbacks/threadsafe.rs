//! [`ThreadsafeLoop`]: a loop for other threads. Source: gevent's `loop.run_callback_threadsafe`.

use std::fmt;
use std::sync::Arc;

use crate::core::callbacks::callback::{RemoteTask, ThreadsafeCallback};
use crate::core::callbacks::mailbox::Mailbox;
use crate::core::callbacks::outcome::CallbackResult;
use crate::core::error::LoopDestroyed;

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
        self.0.post(task.clone())?;
        Ok(ThreadsafeCallback(task))
    }
}

impl fmt::Debug for ThreadsafeLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<threadsafe loop at {:p}>", Arc::as_ptr(&self.0))
    }
}
