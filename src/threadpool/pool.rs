//! [`ThreadPool`]: the pool, as its hub's thread sees it. Source: `ThreadPool` and `ThreadResult` in
//! gevent's `threadpool.py`.
//!
//! ```text
//!   spawn ──> jobs ──> a thread runs it, leaves the result in its slot ──> done
//!                                                                           │ async
//!   AsyncResult <── receiver, by the job's number <── collect (in the hub) <┘
//! ```

use std::any::type_name;
use std::fmt;
use std::io;
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

/// The task was not done when the process forked, and this is the child: it is done in the parent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("the thread that runs this task is in the parent process")]
pub struct LostInForkError;

/// A pool cannot have that many threads.
///
/// Source: the `ValueError` of gevent's `ThreadPool.size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Size of the pool cannot be bigger than maxsize: {size} > {maxsize}")]
#[non_exhaustive]
pub struct PoolSizeError {
    /// What was asked for.
    pub size: usize,
    /// What is allowed.
    pub maxsize: usize,
}

/// OS threads that run functions for greenlets. Handles are cheap to clone and mean the same pool.
///
/// There are no threads to begin with; one is started for each task that finds all others busy, up
/// to `maxsize`. With that many tasks (and one) under way, [`spawn`](ThreadPool::spawn) waits.
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
    /// A pool of at most `maxsize` threads, for the hub of this thread. Threads that have nothing
    /// to do remain; see [`with_idle_timeout`](ThreadPool::with_idle_timeout).
    ///
    /// Where that cannot have one (the thread has ended, there are no file descriptors left), whatever needs its threads
    /// is an error that says so.
    pub fn new(maxsize: usize) -> ThreadPool {
        ThreadPool::make(&get_hub(), maxsize, None)
    }

    /// A pool whose threads end when they have had nothing to do for `idle_timeout` seconds; none is
    /// for ever.
    ///
    /// # Errors
    /// For a time that is no number; when this thread has no hub and none can be made, see
    /// [`try_get_hub`]; when the hub's loop is destroyed.
    #[track_caller]
    pub fn with_idle_timeout(
        maxsize: usize,
        idle_timeout: impl Seconds,
    ) -> Result<ThreadPool, Exception> {
        let idle = idle_timeout.checked()?;
        // As in gevent: -1 is for ever.
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

    /// The hub it belongs to.
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
        self.0
            .generation()
            .map_or(0, |generation| generation.shared.workers())
    }

    /// Has exactly so many threads: starts what is missing; waits, if there are more, until they
    /// have done what there is to do, and ended (not in the hub). More may be started later, when
    /// tasks need them.
    ///
    /// # Errors
    /// [`PoolSizeError`] for more than `maxsize`; when so many threads cannot be started (those that could be end again);
    /// what is thrown into the current greenlet while it waits.
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
            // Those that were started for this are of no use.
            generation.shared.shrink(before);
        })?;
        generation.shared.shrink(size);
        if getcurrent() == *inner.hub.greenlet() {
            return Ok(());
        }
        let _watching = Watching::begin(inner)?;
        loop {
            inner.told.clear();
            // A generation that is over has no threads in this process.
            if generation.shared.workers() <= size {
                return Ok(());
            }
            inner.told.wait(None)?;
            if !Rc::ptr_eq(&generation, &inner.generation()?) {
                return Ok(());
            }
        }
    }

    /// How many threads there may be.
    pub fn maxsize(&self) -> usize {
        self.0.maxsize.get()
    }

    /// Changes how many threads there may be. If there are more, some end when they have nothing to
    /// do.
    ///
    /// # Errors
    /// When no thread can be started; when the hub's loop is destroyed.
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

    /// Has a thread call `function`, and returns what will be its result. Waits while there are as
    /// many tasks under way as there may be threads, and one more.
    ///
    /// # Errors
    /// What is thrown into the current greenlet while it waits, and when no thread can be started:
    /// the function is not called then.
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

    /// Has a thread call `function`, and `receiver` called with the result, in the hub.
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
            // It may have begun anew meanwhile.
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
        // Weak, for the pool owns its receivers.
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
            // The greenlet may be unwound while whoever is told of the failure waits; somebody waits for the result.
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
    /// What is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn join(&self) -> Result<(), Exception> {
        // Whoever waits for what a fork has lost is told.
        let _ = self.0.generation();
        self.0.idle.wait(None).map(drop)
    }

    /// Ends all threads, after they have done all that they were given, and waits for it (not in
    /// the hub). The pool can be used again.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; the threads end all the same.
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.set_size(0)
    }
}

/// Calls a task's function; in a thread of the pool.
fn call<R: Outcome>(function: impl FnOnce() -> R) -> Result<R::Value, Exception> {
    match catch(|| function().into_result()) {
        Ok(ended) => ended,
        Err(Caught::Panic(exception)) => Err(exception),
        // Somebody has carried the end of a greenlet here.
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

/// What a blocking call of the OS returns, kept apart from why it could not be made.
pub(crate) fn apply_io<T: Send + 'static>(
    pool: &ThreadPool,
    function: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    pool.apply(move || Ok(function()))?
}
