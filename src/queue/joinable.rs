//! [`BaseJoinableQueue`]: a queue that counts tasks and can be shut down. Source: `Queue` in gevent's
//! `queue.py`, its `PriorityQueue` and `LifoQueue`.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use greenlet_core::Exception;
use greenlet_core::unwind::call_each;
use hub::Seconds;

use super::base::BaseQueue;
use super::errors::TaskDoneError;
use super::heap::Heap;
use super::iter::Iter;
use super::storage::Storage;
use crate::event::Event;

/// A queue whose items are tasks, and which can be [shut down](Self::shutdown).
///
/// A greenlet that has got a task calls [`task_done`](Self::task_done) when the task is done. Other greenlets can
/// [wait](Self::join) until all tasks are done.
///
/// It is used as [`Queue`](super::Queue), [`LifoQueue`](super::LifoQueue) and [`PriorityQueue`](super::PriorityQueue);
/// for orders of your own see [`Storage`]. Putting and getting are methods of [`BaseQueue`], to which it dereferences.
///
/// ```
/// use gevent::queue::Queue;
///
/// let queue = Queue::new();
/// for _ in 0..2 {
///     let queue = queue.clone();
///     gevent::spawn(move || {
///         for task in &queue {
///             let seconds: f64 = task?;
///             gevent::sleep(seconds)?;
///             queue.task_done()?;
///         }
///         Ok(())
///     });
/// }
/// for seconds in [0.001, 0.002, 0.001] {
///     queue.put(seconds)?;
/// }
/// assert!(queue.join()?);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `Queue`, which is also called `JoinableQueue`.
pub struct BaseJoinableQueue<S: Storage>(BaseQueue<S>);

impl<S: Storage> BaseJoinableQueue<S> {
    /// A queue for at most `maxsize` items (`None` and 0 mean no limit) that holds them in `storage`. Items that are in
    /// it already are unfinished tasks.
    pub fn with_storage(maxsize: impl Into<Option<usize>>, storage: S) -> Self {
        BaseJoinableQueue(BaseQueue::named(S::NAME, maxsize.into(), storage))
    }

    /// Makes `tasks` the number of unfinished tasks, instead of the number of items; 0 changes nothing.
    ///
    /// Source: the `unfinished_tasks` that gevent's queues are made with.
    #[must_use]
    pub fn with_unfinished_tasks(self, tasks: usize) -> Self {
        if tasks > 0 {
            self.0.0.unfinished_tasks.set(tasks);
            if let Some(all_done) = self.0.0.all_done.get() {
                all_done.clear();
            }
        }
        self
    }

    /// How many tasks are unfinished: items that were put into the queue and are not [done](Self::task_done).
    pub fn unfinished_tasks(&self) -> usize {
        self.0.0.unfinished_tasks.get()
    }

    /// Reports that a task is done. To be called once for each item that was got.
    ///
    /// # Errors
    /// [`TaskDoneError`] if no task is unfinished.
    #[track_caller]
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        match self.unfinished_tasks() {
            0 => Err(TaskDoneError),
            _ => {
                self.0.0.task_done();
                Ok(())
            }
        }
    }

    /// Waits until all tasks are done, and returns true.
    ///
    /// # Errors
    /// Returns any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn join(&self) -> Result<bool, Exception> {
        self.join_timeout(None)
    }

    /// [`join`](Self::join) for at most `timeout` seconds. Returns whether all tasks were done, at the call or at some
    /// time during the wait.
    ///
    /// # Errors
    /// Fails as `join` does, and with [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
    #[track_caller]
    pub fn join_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        self.all_done().wait_timeout(timeout)
    }

    /// [`join`](Self::join) as a future, which keeps the queue. Dropping it leaves no link behind.
    ///
    /// ```
    /// use gevent::future::block_on;
    /// use gevent::queue::Queue;
    ///
    /// let queue = Queue::with_items(None, ["task"]);
    /// let worker = gevent::spawn({
    ///     let queue = queue.clone();
    ///     move || Ok((queue.get()?, queue.task_done()?))
    /// });
    /// block_on(queue.join_async())?;
    /// assert_eq!(queue.unfinished_tasks(), 0);
    /// # worker.get()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn join_async(&self) -> impl Future<Output = ()> + use<S> {
        let queue = self.clone();
        async move { queue.all_done().await }
    }

    /// The event that is set while all tasks are done.
    fn all_done(&self) -> &Event {
        self.0.0.all_done.get_or_init(|| {
            let event = Event::new();
            if self.unfinished_tasks() == 0 {
                event.set();
            }
            event
        })
    }

    /// Shuts the queue down: puts fail from now on, and gets fail when the queue is empty. Greenlets that wait are
    /// woken: their puts fail, and so do their gets if there is no item.
    ///
    /// With `immediate` the items are dropped and count as done, so gets fail at once.
    pub fn shutdown(&self, immediate: bool) {
        let inner = &self.0.0;
        let discard = || {
            if immediate {
                inner.discard_all();
            }
        };
        let end = || {
            if !inner.is_shutdown.replace(true) {
                inner.getters.dismiss(&inner.hub);
                inner.putters.dismiss(&inner.hub);
            }
        };
        // The destructor of an item may panic; the second step is then taken all the same.
        let steps: [&dyn Fn(); 2] = [&discard, &end];
        call_each(steps);
    }

    /// Whether the queue is shut down.
    pub fn is_shutdown(&self) -> bool {
        self.0.0.is_shutdown.get()
    }

    /// Whether both are handles of the same queue.
    pub fn same(&self, other: &Self) -> bool {
        self.0.same(&other.0)
    }
}

impl<S: Storage + Clone> BaseJoinableQueue<S> {
    /// Another queue of the same size, with the same items and as many unfinished tasks.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = BaseJoinableQueue(self.0.copy());
        copy.0.0.unfinished_tasks.set(self.unfinished_tasks());
        copy
    }
}

macro_rules! constructors {
    ($($storage:ty, [$($bound:tt)*];)*) => {$(
        impl<T: $($bound)* 'static> BaseJoinableQueue<$storage> {
            /// A queue without a limit.
            pub fn new() -> Self {
                Self::with_maxsize(None)
            }

            /// A queue for at most `maxsize` items; `None` and 0 mean no limit.
            pub fn with_maxsize(maxsize: impl Into<Option<usize>>) -> Self {
                Self::with_items(maxsize, [])
            }

            /// A queue for at most `maxsize` items (`None` and 0 mean no limit) that begins with `items`. They may be
            /// more than `maxsize`, and are unfinished tasks.
            pub fn with_items(
                maxsize: impl Into<Option<usize>>,
                items: impl IntoIterator<Item = T>,
            ) -> Self {
                let storage = items.into_iter().collect();
                Self::with_storage(maxsize, storage)
            }
        }

        impl<T: $($bound)* 'static> Default for BaseJoinableQueue<$storage> {
            fn default() -> Self {
                Self::new()
            }
        }
    )*};
}

constructors! {
    VecDeque<T>, [];
    Vec<T>, [];
    Heap<T>, [Ord +];
}

impl<S: Storage> Deref for BaseJoinableQueue<S> {
    type Target = BaseQueue<S>;

    fn deref(&self) -> &BaseQueue<S> {
        &self.0
    }
}

impl<'a, S: Storage> IntoIterator for &'a BaseJoinableQueue<S> {
    type Item = Result<S::Item, Exception>;
    type IntoIter = Iter<'a, BaseQueue<S>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<S: Storage> Clone for BaseJoinableQueue<S> {
    fn clone(&self) -> Self {
        BaseJoinableQueue(self.0.clone())
    }
}

/// Two are equal if they are handles of the same queue.
impl<S: Storage> PartialEq for BaseJoinableQueue<S> {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl<S: Storage> Eq for BaseJoinableQueue<S> {}

impl<S: Storage> Hash for BaseJoinableQueue<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<S: Storage> fmt::Debug for BaseJoinableQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = format!("{:?}", self.0);
        match self.unfinished_tasks() {
            0 => f.write_str(&queue),
            tasks => write!(f, "{} tasks={tasks}>", queue.trim_end_matches('>')),
        }
    }
}
