//! Pools of OS threads, which run functions that block while the greenlets go on. Source: gevent's
//! `threadpool.py`.
//!
//! | here | what |
//! |---|---|
//! | [`ThreadPool`] | a limited number of threads, started when they are needed |
//! | [`HubExt::threadpool`] | the pool that each hub has |
//! | [`HubExt::resolver_threadpool`] | the other pool of each hub, in which names are looked up |
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
//! A pool belongs to the thread of its hub. Its functions are sent to other threads, so they and
//! their values are `Send`. Their errors and panics come back as exceptions, and are reported to
//! the hub as well, as in gevent.
//!
//! # After a fork
//!
//! The child process has only the thread that forked. When its
//! [loop is reinitialised](hub::Hub::reinit), or the pool is used in it, the pool begins anew, with
//! new threads. Tasks that were not done yet are lost in the child, and go on in the parent: a
//! greenlet of the child that waits for one gets a [`LostInForkError`].
//!
//! # Differences from gevent
//!
//! - [`kill`](ThreadPool::kill) and [`join`](ThreadPool::join) are woken. gevent's look again and
//!   again.
//! - A task counts as under way until its result is delivered, so the length of a pool is always
//!   right for the greenlets that ask.
//! - When the last handle of a pool is dropped, its threads do the tasks that they were given, and
//!   end.

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
