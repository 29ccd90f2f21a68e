//! [`ThreadPoolExecutor`]: a pool with the names of Python's `concurrent.futures`. Source:
//! `ThreadPoolExecutor` in gevent's `threadpool.py`.

use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};
use hub::core::CallbackResult;
use hub::{Context, Link, Linkable, Seconds};

use super::pool::ThreadPool;
use crate::event::AsyncResult;
use crate::outcome::Outcome;
use crate::pool::IMap;

/// The error of an executor that is shut down: it takes no more tasks.
///
/// Source: the `RuntimeError` of `concurrent.futures`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("cannot schedule new futures after shutdown")]
pub struct ExecutorShutDownError;

/// A [`ThreadPool`] that can be shut down. Handles are cheap to clone and mean the same executor.
///
/// ```
/// use gevent::threadpool::ThreadPoolExecutor;
///
/// let executor = ThreadPoolExecutor::new(2);
/// let future = executor.submit(|| 6 * 7)?;
/// assert_eq!(future.result()?, 42);
/// executor.shutdown(true)?;
/// assert!(executor.submit(|| ()).is_err());
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `ThreadPoolExecutor`.
#[derive(Clone)]
pub struct ThreadPoolExecutor(Rc<RefCell<Option<ThreadPool>>>);

impl ThreadPoolExecutor {
    /// Makes an executor of at most `max_workers` threads. If the hub can have no pool,
    /// [`submit`](Self::submit) returns an error; see [`ThreadPool::new`].
    pub fn new(max_workers: usize) -> ThreadPoolExecutor {
        let pool = ThreadPool::new(max_workers);
        ThreadPoolExecutor(Rc::new(RefCell::new(Some(pool))))
    }

    fn pool(&self) -> Result<ThreadPool, ExecutorShutDownError> {
        self.0.borrow().clone().ok_or(ExecutorShutDownError)
    }

    /// Has a thread call `function`. Waits as [`ThreadPool::spawn`] does.
    ///
    /// # Errors
    /// [`ExecutorShutDownError`] after [`shutdown`](Self::shutdown); the errors of
    /// [`ThreadPool::spawn`].
    #[track_caller]
    pub fn submit<R: Outcome<Value: Send>>(
        &self,
        function: impl FnOnce() -> R + Send + 'static,
    ) -> Result<Future<R::Value>, Exception> {
        self.pool()?.spawn(function).map(Future)
    }

    /// Has threads call `function` with each item, and yields the values in the order of the items.
    ///
    /// # Errors
    /// [`ExecutorShutDownError`] after [`shutdown`](Self::shutdown).
    #[track_caller]
    pub fn map<I, R>(
        &self,
        function: impl Fn(I::Item) -> R + Send + Sync + 'static,
        iterable: I,
    ) -> Result<IMap<R::Value>, ExecutorShutDownError>
    where
        I: IntoIterator<Item: Send + 'static> + 'static,
        R: Outcome<Value: Send>,
    {
        Ok(self.pool()?.imap(function, iterable))
    }

    /// Shuts the executor down: it takes no more tasks, and the threads end after those that they
    /// were given. With `wait`, returns when the threads have ended.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet while it waits.
    #[track_caller]
    pub fn shutdown(&self, wait: bool) -> Result<(), Exception> {
        let pool = self.0.take();
        match pool {
            Some(pool) if wait => pool.kill(),
            _ => Ok(()),
        }
    }
}

/// The result of a task of a [`ThreadPoolExecutor`], which is there when the task is done.
///
/// Source: `Future` of Python's `concurrent.futures`, as gevent makes it.
pub struct Future<T: 'static>(AsyncResult<T>);

impl<T: 'static> Future<T> {
    /// Whether the task is done, and its result there.
    pub fn done(&self) -> bool {
        self.0.ready()
    }

    /// Whether the task is not done.
    pub fn running(&self) -> bool {
        !self.done()
    }

    /// Always false: a task cannot be cancelled, as a thread that runs cannot be stopped.
    pub fn cancel(&self) -> bool {
        false
    }

    /// Always false: a task is never cancelled.
    pub fn cancelled(&self) -> bool {
        false
    }

    /// The result as an [`AsyncResult`], whose methods have gevent's names.
    pub fn async_result(&self) -> &AsyncResult<T> {
        &self.0
    }

    /// Has `callback` called with this future, in the hub, when the task is done. The callback must
    /// not wait. If the task is done already, calls it at once, and reports its error or panic to
    /// the hub.
    pub fn add_done_callback<R: CallbackResult>(&self, callback: impl Fn(&Future<T>) -> R + 'static) {
        if self.done() {
            match catch(|| callback(self).into_result()) {
                Ok(Ok(())) => {}
                Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
                    hub::get_hub().report_error(Context::Object(self), exception);
                }
                Err(Caught::Forced(unwind)) => unwind.resume(),
            }
            return;
        }
        self.0.rawlink(move |result| callback(&Future(result.clone())));
    }
}

impl<T: Clone + 'static> Future<T> {
    /// Waits until the task is done, and returns its value.
    ///
    /// # Errors
    /// The error of the task; any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn result(&self) -> Result<T, Exception> {
        self.result_timeout(None)
    }

    /// [`result`](Future::result) for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `result`; [`TimeoutError`](crate::TimeoutError) if the time is over.
    #[track_caller]
    pub fn result_timeout(&self, timeout: impl Seconds) -> Result<T, Exception> {
        self.0.get_timeout(timeout)
    }

    /// Waits until the task is done, and returns the exception that it has failed with, if it has.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn exception(&self) -> Result<Option<Exception>, Exception> {
        self.exception_timeout(None)
    }

    /// [`exception`](Future::exception) for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `exception`; [`TimeoutError`](crate::TimeoutError) if the time is over.
    #[track_caller]
    pub fn exception_timeout(&self, timeout: impl Seconds) -> Result<Option<Exception>, Exception> {
        let timeout = timeout.checked()?;
        self.0.wait_timeout(timeout)?;
        if self.done() {
            return Ok(self.0.exception());
        }
        Err(crate::timeout::expired(timeout))
    }
}

impl<T: 'static> Linkable for Future<T> {
    fn ready(&self) -> bool {
        self.done()
    }

    fn rawlink(&self, link: Link) {
        Linkable::rawlink(&self.0, link);
    }

    fn unlink(&self, link: &Link) {
        Linkable::unlink(&self.0, link);
    }

    fn exception(&self) -> Option<Exception> {
        self.0.exception()
    }

    fn address(&self) -> usize {
        Linkable::address(&self.0)
    }
}

impl<T: 'static> Clone for Future<T> {
    fn clone(&self) -> Self {
        Future(self.0.clone())
    }
}

impl<T: 'static> PartialEq for Future<T> {
    /// Whether both are futures of the same task.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: 'static> Eq for Future<T> {}

impl<T: 'static> Hash for Future<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pool() {
            Ok(pool) => write!(f, "<ThreadPoolExecutor {pool:?}>"),
            Err(_) => f.write_str("<ThreadPoolExecutor shut down>"),
        }
    }
}

impl<T: 'static> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Future {:?}>", self.0)
    }
}
