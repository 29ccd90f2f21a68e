//! [`BaseJoinableQueue`]: a queue that counts tasks and can be shut down. Source: `Queue` in gevent's
//! `queue.py`, its `PriorityQueue` and `LifoQueue`.

use std::collections::VecDeque;
use std::fmt;
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

/// A queue whose items are tasks: whoever got one says when it is [done](Self::task_done), and
/// others [wait](Self::join) until all are. It can be [shut down](Self::shutdown).
///
/// Used as [`Queue`](super::Queue), [`LifoQueue`](super::LifoQueue) and
/// [`PriorityQueue`](super::PriorityQueue); for orders of your own see [`Storage`]. Putting and
/// getting are those of [`BaseQueue`], to which it dereferences.
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
/// assert!(queue.join(None)?);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `Queue`, which was `JoinableQueue`.
pub struct BaseJoinableQueue<S: Storage>(BaseQueue<S>);

impl<S: Storage> BaseJoinableQueue<S> {
    /// A queue for at most `maxsize` items (none, and 0, is no limit) that holds them in
    /// `storage`. Those in it already are tasks that are not done.
    pub fn with_storage(maxsize: impl Into<Option<usize>>, storage: S) -> Self {
        BaseJoinableQueue(BaseQueue::named(S::NAME, maxsize.into(), storage))
    }

    /// The queue with so many tasks that are not done, instead of as many as it has items; 0 leaves it
    /// as it is.
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

    /// How many items were put into the queue and are not done.
    pub fn unfinished_tasks(&self) -> usize {
        self.0.0.unfinished_tasks.get()
    }

    /// Says that a task is done: to be called once for each item that was got.
    ///
    /// # Errors
    /// [`TaskDoneError`] if it was called for all items already.
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

    /// Waits until all tasks are done, at most `timeout` seconds; says whether they are (or were at
    /// some time while it waited).
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; for a time that is no number.
    #[track_caller]
    pub fn join(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        let all_done = self.0.0.all_done.get_or_init(|| {
            let event = Event::new();
            if self.unfinished_tasks() == 0 {
                event.set();
            }
            event
        });
        all_done.wait(timeout)
    }

    /// Shuts the queue down: puts fail from now on, gets do when it is empty. Who waits now is
    /// woken, and fails.
    ///
    /// With `immediate` the queue is emptied, its items count as done, and so gets fail at once.
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
        // The destructor of an item may panic.
        let steps: [&dyn Fn(); 2] = [&discard, &end];
        call_each(steps);
    }

    /// Whether it is shut down.
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

            /// A queue for at most `maxsize` items; none, and 0, is no limit.
            pub fn with_maxsize(maxsize: impl Into<Option<usize>>) -> Self {
                Self::with_items(maxsize, [])
            }

            /// A queue for at most `maxsize` items (none, and 0, is no limit), with some to begin
            /// with, however many; they are tasks that are not done.
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

impl<S: Storage> fmt::Debug for BaseJoinableQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = format!("{:?}", self.0);
        match self.unfinished_tasks() {
            0 => f.write_str(&queue),
            tasks => write!(f, "{} tasks={tasks}>", queue.trim_end_matches('>')),
        }
    }
}
