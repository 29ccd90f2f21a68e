//! Functions that block, run by OS threads while the greenlets go on. Source: gevent's
//! `threadpool.py`.
//!
//! | here | what |
//! |---|---|
//! | [`ThreadPool`] | at most so many threads, started when they are needed |
//! | [`HubExt::threadpool`] | the pool that each hub has |
//! | [`HubExt::resolver_threadpool`] | another one, in which names are looked up |
//! | [`ThreadPoolExecutor`] | a pool with the names of Python's `concurrent.futures` |
//!
//! ```
//! use gevent::threadpool::HubExt;
//!
//! let pool = gevent::get_hub().threadpool();
//! let thread = pool.apply(|| {
//!     std::thread::sleep(std::time::Duration::from_millis(1)); // blocks no greenlet
//!     Ok(std::thread::current().id())
//! })?;
//! assert_ne!(thread, std::thread::current().id());
//! # Ok::<(), gevent::Exception>(())
//! ```
//!
//! A pool belongs to the thread of its hub; the functions it runs are sent to others, so they and
//! what they return are `Send`. Their errors, panics too, come back as the exceptions they
//! are, and are reported to the hub besides, as in gevent.
//!
//! # After a fork
//!
//! The child has only the thread that forked. When its [loop is reinitialised](hub::Hub::reinit),
//! or the pool is used there, the pool begins anew, with threads of its own. Tasks that were not
//! done yet are lost in the child (they go on in the parent): a greenlet that waits for one
//! there gets a [`LostInForkError`].
//!
//! # Differences from gevent
//!
//! - [`kill`](ThreadPool::kill) and [`join`](ThreadPool::join) are woken instead of looking again
//!   and again.
//! - A task counts until its result is delivered, so the length of a pool is right whenever its
//!   thread looks.
//! - When the last handle is dropped, the threads end after what they have been given.

mod body;
mod executor;
mod hub_ext;
mod mapping;
mod pool;
mod task;
mod worker;

pub use executor::{ExecutorShutDownError, Future, ThreadPoolExecutor};
pub use hub_ext::HubExt;
pub use pool::{LostInForkError, PoolSizeError, ThreadPool};
pub use task::Task;

pub(crate) use pool::apply_io;
