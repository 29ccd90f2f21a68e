//! [`Task`]: a function that has failed in a thread of a pool.

use std::fmt;
use std::thread::ThreadId;

use super::ThreadPool;

/// A function that has failed in a thread of a pool. The hub's [error handler] gets it as the
/// object of the error's context.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use gevent::threadpool::{Task, ThreadPool};
/// use gevent::{Context, Exception, get_hub};
///
/// let pool = ThreadPool::new(1);
/// let failed = Rc::new(Cell::new(0));
/// let (its, counts) = (pool.clone(), failed.clone());
/// get_hub().set_error_handler(Some(Rc::new(move |context: Context<'_>, _: Exception| {
///     if context.object::<Task>().is_some_and(|task| *task.pool() == its) {
///         counts.set(counts.get() + 1);
///     }
/// })));
/// let result = pool.apply(|| -> Result<(), Exception> { Err(Exception::msg("no answer")) });
/// assert!(result.is_err());
/// assert_eq!(failed.get(), 1);
/// # get_hub().set_error_handler(None);
/// # Ok::<(), Exception>(())
/// ```
///
/// Source: the pair of a worker and a function that gevent's `ThreadResult` has as its context.
///
/// [error handler]: crate::Hub::set_error_handler
pub struct Task {
    pub(super) pool: ThreadPool,
    pub(super) thread: Option<ThreadId>,
    pub(super) function: &'static str,
}

impl Task {
    /// The pool that has run the function.
    pub fn pool(&self) -> &ThreadPool {
        &self.pool
    }

    /// The thread that has run the function; `None` for a task that was
    /// [lost in a fork](super::LostInForkError).
    pub fn thread(&self) -> Option<ThreadId> {
        self.thread
    }

    /// The name of the function, as the compiler knows it.
    pub fn function(&self) -> &'static str {
        self.function
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(<ThreadPoolWorker")?;
        if let Some(thread) = self.thread {
            write!(f, " thread_ident={thread:?}")?;
        }
        write!(f, " threadpool-hub={:?}>, {})", self.pool.hub(), self.function)
    }
}
