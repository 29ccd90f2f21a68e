//! [`ThreadPool`]: the handle of a pool, for the greenlets of its hub's thread. Source:
//! `ThreadPool` and `ThreadResult` in gevent's `threadpool.py`.
//!
//! ```text
//!   spawn ──> jobs ──> a thread runs it, leaves the result in its slot ──> done
//!                                                                           │ async
//!   AsyncResult <── receiver, by the job's number <── collect (in the hub) <┘
//! ```

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use greenlet_core::unwind::{Caught, call_each, catch};
use greenlet_core::{Exception, GreenletExit, getcurrent};
use hub::{Context, Hub, Seconds, get_hub, try_get_hub};
use parking_lot::Mutex;

use super::body::{Receiver, TaskPlace, ThreadPoolBody, Unstarted, Watching};
use super::task::Task;
use super::worker::Job;
use crate::event::AsyncResult;
use crate::outcome::Outcome;

/// The error of a task that was not done when the process forked, in the child. The parent does the
/// task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("the thread that runs this task is in the parent process")]
pub struct LostInForkError;

/// The error of [`ThreadPool::set_size`] for a size above the pool's `maxsize`.
///
/// Source: the `ValueError` of gevent's `ThreadPool.size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Size of the pool cannot be bigger than maxsize: {size} > {maxsize}")]
#[non_exhaustive]
pub struct PoolSizeError {
    /// The size that was asked for.
    pub size: usize,
    /// The largest size that is allowed.
    pub maxsize: usize,
}

/// A pool of OS threads that run functions for greenlets. Handles are cheap to clone and mean the
/// same pool.
///
/// A pool begins without threads. A task for which all threads are busy starts another one, up to
/// `maxsize`. With `maxsize` tasks and one more under way, [`spawn`](ThreadPool::spawn) waits.
///
/// ```
/// use gevent::threadpool::ThreadPool;
///
/// let pool = ThreadPool::new(2);
/// let result = pool.spawn(|| 6 * 7)?;
/// assert_eq!(result.get()?, 42);
/// let lengths = pool.map(|word: &str| word.len(), ["a", "bc"])?;
/// assert_eq!(lengths, [1, 2]);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `ThreadPool`.
#[derive(Clone)]
pub struct ThreadPool(Rc<ThreadPoolBody>);

impl ThreadPool {
    /// Makes a pool of at most `maxsize` threads, for the hub of this thread. Threads that have
    /// nothing to do remain; see [`with_idle_timeout`](ThreadPool::with_idle_timeout).
    ///
    /// If the hub can have no pool (the thread is over, or no file descriptors are left), each call
    /// that needs the pool's threads returns an error that gives the reason.
    pub fn new(maxsize: usize) -> ThreadPool {
        ThreadPool::make(&get_hub(), maxsize, None)
    }

    /// Makes a pool whose threads end when they have had nothing to do for `idle_timeout` seconds.
    /// `None`, and a negative time, mean that they remain.
    ///
    /// # Errors
    /// An error if the time is not a number, if this thread has no hub and none can be made (see
    /// [`try_get_hub`]), or if the hub's loop is destroyed.
    #[track_caller]
    pub fn with_idle_timeout(maxsize: usize, idle_timeout: impl Seconds) -> Result<ThreadPool, Exception> {
        let idle = idle_timeout.checked()?;
        // A negative time, such as gevent's -1, means no limit.
        let idle = idle.filter(|seconds| *seconds >= 0.0);
        let idle = idle.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let pool = ThreadPool::make(&try_get_hub()?, maxsize, idle);
        pool.0.generation()?;
        Ok(pool)
    }

    pub(super) fn of(inner: &Rc<ThreadPoolBody>) -> ThreadPool {
        ThreadPool(inner.clone())
    }

    pub(super) fn make(hub: &Hub, maxsize: usize, idle_timeout: Option<Duration>) -> ThreadPool {
        ThreadPool(Rc::new(ThreadPoolBody::new(hub, maxsize, idle_timeout)))
    }

    /// The hub that the pool belongs to.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// How many tasks are under way: queued, running, or their results not delivered yet.
    pub fn len(&self) -> usize {
        self.0.receivers.borrow().len()
    }

    /// Whether no tasks are under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many threads there are.
    pub fn size(&self) -> usize {
        self.0.generation().map_or(0, |generation| generation.shared.workers())
    }

    /// Brings the number of threads to `size`. Starts the missing ones; if there are more, has
    /// those end when there are no tasks to do, and waits for that (the hub, which cannot wait,
    /// does not). More threads may be started later, when tasks need them.
    ///
    /// # Errors
    /// [`PoolSizeError`] if `size` is above `maxsize`; an error if so many threads cannot be
    /// started, after which those that were started end; any exception that is thrown into the
    /// current greenlet while it waits.
    #[track_caller]
    pub fn set_size(&self, size: usize) -> Result<(), Exception> {
        let maxsize = self.maxsize();
        if size > maxsize {
            return Err(Exception::new(PoolSizeError { size, maxsize }));
        }
        let inner = &self.0;
        let generation = inner.generation()?;
        inner.attend()?;
        let before = generation.shared.workers();
        generation.shared.grow(size, size).inspect_err(|_| {
            // The threads that were started by this call are not needed: they end.
            generation.shared.shrink(before);
        })?;
        generation.shared.shrink(size);
        if getcurrent() == *inner.hub.greenlet() {
            return Ok(());
        }
        let _watching = Watching::begin(inner)?;
        loop {
            inner.told.clear();
            // If the process has forked meanwhile, the generation is another one, and the old one's
            // threads are not in this process.
            if generation.shared.workers() <= size {
                return Ok(());
            }
            inner.told.wait()?;
            if !Rc::ptr_eq(&generation, &inner.generation()?) {
                return Ok(());
            }
        }
    }

    /// How many threads there may be at most.
    pub fn maxsize(&self) -> usize {
        self.0.maxsize.get()
    }

    /// Sets how many threads there may be at most. If there are more, some end when they have
    /// nothing to do.
    ///
    /// # Errors
    /// An error if a queued task needs a thread and none can be started, or if the hub's loop is
    /// destroyed.
    pub fn set_maxsize(&self, maxsize: usize) -> Result<(), Exception> {
        let generation = self.0.generation();
        let before = self.0.maxsize.replace(maxsize);
        let generation = generation?;
        generation.set_maxsize(before, maxsize);
        if generation.shared.workers() > maxsize {
            generation.shared.shrink(maxsize);
        }
        generation.shared.grow(maxsize, 0)?;
        Ok(())
    }

    /// Has a thread call `function`, and returns the result, which will be set when that is done.
    /// Waits while `maxsize` tasks and one more are under way.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet while it waits; an error if there is
    /// no thread and none can be started. The function is not called then.
    #[track_caller]
    pub fn spawn<R: Outcome<Value: Send>>(
        &self,
        function: impl FnOnce() -> R + Send + 'static, // to share with threads: `gevent::threadsafe`, `Arc`
    ) -> Result<AsyncResult<R::Value>, Exception> {
        let result = AsyncResult::new();
        let its = result.clone();
        self.spawn_for(function, move |ended| {
            match ended {
                Ok(value) => its.set(value),
                Err(exception) => its.set_exception(exception),
            }
            Ok(())
        })?;
        Ok(result)
    }

    /// Has a thread call `function`, and then the hub call `receiver` with the result.
    #[track_caller]
    pub(super) fn spawn_for<F, R>(
        &self,
        function: F,
        receiver: impl FnOnce(Result<R::Value, Exception>) -> Result<(), Exception> + 'static,
    ) -> Result<(), Exception>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Outcome<Value: Send>,
    {
        let inner = &self.0;
        let generation = loop {
            let generation = inner.generation()?;
            generation.places.acquire()?;
            // The process may have forked during the wait, and the pool begun anew.
            if Rc::ptr_eq(&generation, &inner.generation()?) {
                break generation;
            }
        };
        let place = TaskPlace(&generation);
        inner.attend()?;
        let id = inner.next_id.replace(inner.next_id.get() + 1);
        let slot = Arc::new(Mutex::new(None));
        let its = slot.clone();
        let run = Box::new(move || {
            let ended = call(function);
            *its.lock() = Some((ended, thread::current().id()));
        });
        // The handle is weak, as the pool owns its receivers.
        let pool = Rc::downgrade(inner);
        let receive: Receiver = Box::new(move |done| {
            let ended = match done {
                true => slot.lock().take(),
                false => None,
            };
            let (ended, thread) = match ended {
                Some((ended, thread)) => (ended, Some(thread)),
                None => (Err(Exception::new(LostInForkError)), None),
            };
            let failure = ended.as_ref().err().cloned();
            let report = || {
                if let Some(exception) = failure
                    && let Some(pool) = pool.upgrade()
                {
                    let task = Task {
                        pool: ThreadPool(pool),
                        thread,
                        function: type_name::<F>(),
                    };
                    let hub = task.pool.hub();
                    hub.report_error(Context::Object(&task), exception);
                }
            };
            let mut received = Ok(());
            let receive = || received = receiver(ended);
            // `report` calls user code, which may wait, and the current greenlet may be unwound
            // there. The result is delivered all the same, as a greenlet waits for it.
            let steps: [Box<dyn FnOnce() + '_>; 2] = [Box::new(report), Box::new(receive)];
            call_each(steps);
            received
        });
        inner.receivers.borrow_mut().insert(id, receive);
        let task = Unstarted {
            inner,
            generation: &generation,
            id,
        };
        inner.idle.clear();
        inner.start_collecting()?;
        generation.shared.put(Job { id, run });
        if let Err(error) = generation.shared.grow(self.maxsize(), 0)
            && generation.shared.workers() == 0
        {
            return Err(Exception::new(error));
        }
        std::mem::forget((place, task));
        Ok(())
    }

    /// Waits until no tasks are under way.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn join(&self) -> Result<(), Exception> {
        // After a fork, this wakes the greenlets that wait for lost tasks. An error means that
        // there is no pool to begin.
        let _ = self.0.generation();
        self.0.idle.wait().map(drop)
    }

    /// Has all threads end when they have done the tasks that they were given, and waits for that
    /// (the hub, which cannot wait, does not). The pool can be used again.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile. The threads end all the
    /// same.
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.set_size(0)
    }
}

/// Calls the function of a task. Runs in a thread of the pool.
fn call<R: Outcome>(function: impl FnOnce() -> R) -> Result<R::Value, Exception> {
    match catch(|| function().into_result()) {
        Ok(ended) => ended,
        Err(Caught::Panic(exception)) => Err(exception),
        // The unwinding of a greenlet has been carried into this function, where it counts as a
        // kill.
        Err(Caught::Forced(_)) => Err(Exception::new(GreenletExit)),
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for ThreadPool {
    /// Whether both are handles of the same pool.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ThreadPool {}

impl Hash for ThreadPool {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

/// Makes a blocking call of the OS in a thread of the pool, and returns its result. The error may
/// also be that the call could not be made, or that the wait for it has failed.
#[track_caller]
pub(crate) fn apply_io<T: Send + 'static>(
    pool: &ThreadPool,
    function: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    pool.apply(move || Ok(function()))?
}
