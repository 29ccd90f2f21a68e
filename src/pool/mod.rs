//! Groups of greenlets, with or without a limit. Source: gevent's `pool.py` and `_imap.py`.
//!
//! | here | what |
//! |---|---|
//! | [`Group`] | keeps track of greenlets until they end; waits for all of them, kills all of them |
//! | [`Pool`] | a group with a limit: [`spawn`](Group::spawn) waits while it is full |
//!
//! ```
//! use gevent::pool::Pool;
//!
//! let pool = Pool::new(2);
//! let squares = pool.map(|i| { gevent::sleep(0.001)?; Ok(i * i) }, 0..5)?;
//! assert_eq!(squares, [0, 1, 4, 9, 16]);
//! # Ok::<(), gevent::Exception>(())
//! ```
//!
//! # Differences from gevent
//!
//! - A pool is a group that has a limit: it dereferences to [`Group`], whose methods heed the
//!   limit. So [`spawn`](Group::spawn) and [`add`](Group::add) return a `Result` also for groups
//!   that are never full.
//! - A greenlet that is a member is not added again, and a greenlet that is none cannot be
//!   discarded, so the count of the free places is always right.
//! - The caller zips several iterables into one, and the function gets the tuple as its one
//!   argument.
//! - After an error of the iterable itself, or of starting a task, `imap` yields the values of the
//!   tasks that were started before, then the error, and ends. gevent's waits for ever.
//! - After a kill in `map`, or when the iterator of `imap` is dropped, tasks that run go on, but no
//!   others begin. gevent's goes on to the end of the iterable.

mod group;
mod imap;
mod mapping;
#[allow(clippy::module_inception, reason = "the file of the type of that name")]
mod pool;
mod wanted;

pub use group::{Group, Members};
pub use imap::{IMap, IMapUnordered};
pub(crate) use wanted::{Starting, Wanted};

pub use pool::{Pool, PoolFull};
