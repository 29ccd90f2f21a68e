//! Queues between greenlets. Source: gevent's `queue.py`.
//!
//! | type | order and abilities |
//! |---|---|
//! | [`Queue`] (also called [`JoinableQueue`]) | first in, first out; counts tasks, can be shut down |
//! | [`LifoQueue`] | last in, first out; counts tasks, can be shut down |
//! | [`PriorityQueue`] | smallest first; counts tasks, can be shut down |
//! | [`SimpleQueue`] | first in, first out; counts no tasks, cannot be shut down |
//! | [`Channel`] | holds nothing: each put meets a get |
//!
//! ```
//! use gevent::queue::Queue;
//!
//! let queue = Queue::with_maxsize(2);
//! let producer = gevent::spawn({
//!     let queue = queue.clone();
//!     move || {
//!         for i in 0..5 {
//!             queue.put(i)?; // waits while there are two
//!         }
//!         queue.shutdown(false);
//!         Ok(())
//!     }
//! });
//! let got: Result<Vec<i32>, _> = queue.iter().collect();
//! assert_eq!(got?, [0, 1, 2, 3, 4]);
//! producer.get()?;
//! # Ok::<(), gevent::Exception>(())
//! ```
//!
//! Greenlets that wait are served in the order in which they came. The hub wakes them soon after an item or space is
//! there. A greenlet that comes in between may take the item or the space before them; they then go on waiting.
//!
//! No item is lost if a greenlet is killed or times out while it waits: an item that was to be put comes back in a
//! [`PutError`], and an item that was to be got stays in the queue.
//!
//! Queues belong to one thread. They work in callbacks of its hub, too, although a callback cannot wait: there a put
//! into a full queue lets waiting getters run first, a get from an empty queue lets waiting putters run first, and
//! either fails if that does not help.
//!
//! # Differences from gevent
//!
//! - Keywords are methods: `put(item, timeout=1)` is `put_timeout(item, 1)`, `Queue(2, items)` is
//!   `Queue::with_items(2, items)`.
//! - A failed [`put_timeout`](BaseQueue::put_timeout) or [`put_nowait`](BaseQueue::put_nowait)
//!   gives the item back, see [`PutError`].
//! - A queue holds items of one type, so `StopIteration` cannot be one of them: a queue of
//!   `Option`s is iterated [until `None`](BaseQueue::until_none), any queue until it is
//!   [shut down](BaseJoinableQueue::shutdown).
//! - A negative timeout is always an error, as it is for the queues of Python's library.
//! - Raising [`maxsize`](BaseQueue::set_maxsize) wakes the greenlets that wait for space.
//! - A get that waits when the queue is shut down still returns an item that was put just before. In
//!   gevent it fails although there is an item.
//! - Orders of your own are made by implementing [`Storage`], not by a subclass.

mod base;
mod channel;
mod channel_futures;
mod core;
mod errors;
mod futures;
mod heap;
mod iter;
mod joinable;
mod line;
mod promise;
mod standing;
mod storage;
mod turn;

pub use base::BaseQueue;
pub use channel::Channel;
pub use channel_futures::{ChannelGet, ChannelPut};
pub use errors::{Empty, Full, PutError, ShutDown, TaskDoneError};
pub use futures::{Get, Put};
pub use heap::Heap;
pub use iter::{Iter, UntilNone};
pub use joinable::BaseJoinableQueue;
pub use storage::Storage;

pub(crate) use iter::is_end;

use std::collections::VecDeque;

/// A queue, first in, first out. Its tasks can be [joined](BaseJoinableQueue::join), and it can be
/// [shut down](BaseJoinableQueue::shutdown).
pub type Queue<T> = BaseJoinableQueue<VecDeque<T>>;

/// Another name of [`Queue`], from the time when gevent's `Queue` could not be joined.
pub type JoinableQueue<T> = Queue<T>;

/// A queue, last in, first out.
///
/// ```
/// let queue = gevent::queue::LifoQueue::with_items(None, [1, 2]);
/// assert_eq!(queue.get()?, 2);
/// # Ok::<(), gevent::Exception>(())
/// ```
pub type LifoQueue<T> = BaseJoinableQueue<Vec<T>>;

/// A queue that gives the smallest item first, and equal ones in no particular order.
///
/// ```
/// let queue = gevent::queue::PriorityQueue::with_items(None, [(2, "b"), (1, "a")]);
/// assert_eq!(queue.get()?, (1, "a"));
/// # Ok::<(), gevent::Exception>(())
/// ```
pub type PriorityQueue<T> = BaseJoinableQueue<Heap<T>>;

/// A queue, first in, first out, that counts no tasks and cannot be shut down.
pub type SimpleQueue<T> = BaseQueue<VecDeque<T>>;
