//! Events, results, semaphores and queues that any thread may use.
//!
//! In gevent the ordinary objects may be used by several threads, as far as Python's interpreter lock makes that safe.
//! Here the objects for several threads are types of their own. So the ordinary ones, in [`event`](crate::event),
//! [`lock`](crate::lock) and [`queue`](crate::queue), need no mutex, no atomic counter and no wake-up of another loop;
//! they are not `Send`.
//!
//! | for several threads | for one thread |
//! |---|---|
//! | [`threadsafe::Event`](Event) | [`event::Event`](crate::event::Event) |
//! | [`threadsafe::AsyncResult`](AsyncResult) | [`event::AsyncResult`](crate::event::AsyncResult) |
//! | [`threadsafe::Semaphore`](Semaphore), [`BoundedSemaphore`] | [`lock::Semaphore`](crate::lock::Semaphore), [`BoundedSemaphore`](crate::lock::BoundedSemaphore) |
//! | [`threadsafe::Queue`](Queue) | [`queue::Queue`](crate::queue::Queue) |
//!
//! # How a wait works
//!
//! - In a thread with a hub the greenlet parks, and the other greenlets of its thread go on. Another thread wakes it
//!   through its hub. The wait keeps the loop running: the hub does not end with
//!   [`LoopExit`](crate::exceptions::LoopExit) meanwhile, because another thread may wake the greenlet.
//! - In a thread without a hub the thread itself waits. No hub is made for it.
//! - Setting and releasing never wait and need no hub. (In gevent a waiter could be forgotten without one: its issues
//!   1739 and 2013.)
//!
//! Permits and items are handed over in the order in which the waiters came, whatever their threads. A waiter may be
//! killed, reach its timeout or lose its hub after something was handed to it and before it runs; the permit or the
//! item then goes to the next waiter.
//!
//! [`wait`](crate::wait) and [`iwait`](crate::iwait) take these events, results and semaphores as well, and links can
//! be added to them. The hub of the thread that has added a link calls it. Until then the link keeps the object alive
//! and that hub's loop running.
//!
//! ```
//! use gevent::threadsafe::AsyncResult;
//!
//! let result = AsyncResult::new();
//! let worker = std::thread::spawn({
//!     let result = result.clone();
//!     move || result.set(6 * 7)
//! });
//! let ticks = gevent::spawn(|| gevent::sleep(0.001)); // goes on meanwhile
//! assert_eq!(result.get()?, 42);
//! # worker.join().unwrap();
//! # ticks.get()?;
//! # Ok::<(), gevent::Exception>(())
//! ```

mod async_result;
mod event;
mod futures;
mod line;
mod peek;
mod queue;
mod semaphore;
mod waiter;

pub use async_result::AsyncResult;
pub use event::Event;
pub use futures::{Acquire, Get, GetResult, Put, WaitEvent};
pub use queue::{Iter, Queue};
pub use semaphore::{BoundedSemaphore, Semaphore, SemaphoreGuard};
