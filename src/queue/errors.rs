//! The errors of putting and getting. Source: the exceptions of Python's `queue`.

use std::fmt;

use greenlet_core::Exception;

/// There was no space in the queue within the time allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full")]
pub struct Full;

/// There was no item in the queue within the time allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("the queue is empty")]
pub struct Empty;

/// The queue is shut down: no item can be put into it, and none is left to get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("the queue is shut down")]
pub struct ShutDown;

/// `task_done` was called more often than items were put into the queue.
///
/// Source: the `ValueError` of gevent's `task_done`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("task_done() called too many times")]
pub struct TaskDoneError;

/// The reason why an item was not put into a queue, together with the item.
///
/// `?` turns it into an [`Exception`], that is [`Full`], [`ShutDown`] or the one that was thrown, and drops the item.
///
/// ```
/// use gevent::queue::{Full, PutError, Queue};
///
/// let queue = Queue::with_items(1, ["first"]);
/// assert!(matches!(queue.put_nowait("second"), Err(PutError::Full("second"))));
/// let put = || -> Result<(), gevent::Exception> { Ok(queue.put_nowait("second")?) };
/// assert!(put().unwrap_err().is::<Full>());
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum PutError<T> {
    /// There was no space within the time allowed.
    Full(T),
    /// The queue is shut down.
    ShutDown(T),
    /// An exception was thrown into the greenlet while it waited, for example by a kill, or the greenlet could not wait
    /// at all. The item is `None` if it had already been taken from a [`Channel`](super::Channel).
    Thrown(Option<T>, Exception),
}

impl<T> PutError<T> {
    /// The item, unless it was taken although the put failed.
    pub fn into_item(self) -> Option<T> {
        match self {
            PutError::Full(item) | PutError::ShutDown(item) => Some(item),
            PutError::Thrown(item, _) => item,
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PutError::Full(_) => f.write_str("Full(..)"),
            PutError::ShutDown(_) => f.write_str("ShutDown(..)"),
            PutError::Thrown(_, exception) => write!(f, "Thrown(.., {exception:?})"),
        }
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PutError::Full(_) => Full.fmt(f),
            PutError::ShutDown(_) => ShutDown.fmt(f),
            PutError::Thrown(_, exception) => exception.fmt(f),
        }
    }
}

/// `PutError` does not implement `std::error::Error`, because an exception can be sent to other threads, and the item
/// in a `PutError` need not be `Send`.
impl<T> From<PutError<T>> for Exception {
    #[track_caller]
    fn from(error: PutError<T>) -> Exception {
        let (item, exception) = match error {
            PutError::Full(item) => (Some(item), Exception::new(Full)),
            PutError::ShutDown(item) => (Some(item), Exception::new(ShutDown)),
            PutError::Thrown(item, exception) => (item, exception),
        };
        // The item's destructor may panic. If it ran while the exception is being returned, the exception would be
        // leaked.
        drop(item);
        exception
    }
}
