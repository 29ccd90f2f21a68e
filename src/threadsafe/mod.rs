//! Events, results, semaphores and queues that any thread may use.
//!
//! gevent makes its own objects safe for several threads as far as Python's interpreter lock lets
//! it. Here they are types of their own, because those of [`event`](crate::event) and
//! [`lock`](crate::lock) pay for no mutex, no atomic counter and no wake-up of another loop: they
//! are not `Send`, and what takes place in one thread needs none of that.
//!
//! | here | one thread |
//! |---|---|
//! | [`threadsafe::Event`](Event) | [`event::Event`](crate::event::Event) |
//! | [`threadsafe::AsyncResult`](AsyncResult) | [`event::AsyncResult`](crate::event::AsyncResult) |
//! | [`threadsafe::Semaphore`](Semaphore), [`BoundedSemaphore`] | [`lock::Semaphore`](crate::lock::Semaphore), [`BoundedSemaphore`](crate::lock::BoundedSemaphore) |
//! | [`threadsafe::Queue`](Queue) | `queue::Queue` |
//!
//! # Who waits, and how
//!
//! - In a thread with a hub the greenlet parks, and the others of its thread go on. Another
//!   thread wakes it by its hub. The wait counts for the loop: the hub does not
//!   end with [`LoopExit`](crate::exceptions::LoopExit) meanwhile, as another thread may come.
//! - In a thread without a hub the thread itself waits. It gets no hub by that.
//! - Setting and releasing wait for nobody and need no hub (in gevent a waiter could be forgotten
//!   then: its issues 1739 and 2013).
//!
//! Permits and items are handed over in the order in which the waiters came, whatever their
//! threads. One that was handed to a waiter which is killed, or whose time is over, or whose hub is
//! destroyed, before it runs goes to the next.
//!
//! [`wait`](crate::wait) and [`iwait`](crate::iwait) take events, results and semaphores from here
//! as well, and links can be added to them. A link is called by the hub of the thread that has
//! added it, and until then holds that hub's loop, and the object.
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
mod line;
mod peek;
mod queue;
mod semaphore;
mod waiter;

pub use async_result::AsyncResult;
pub use event::Event;
pub use queue::{Iter, Queue};
pub use semaphore::{BoundedSemaphore, Semaphore, SemaphoreGuard};
