//! [`Greenlet`]: a greenlet that the hub schedules, and that can be joined, killed and linked to.
//!
//! ```
//! use gevent::prelude::*;
//!
//! let worker = Greenlet::builder().name("worker").spawn(|| {
//!     sleep(0.001)?;
//!     Ok(42)
//! });
//! worker.link(|ended| println!("{} has ended", ended.name()));
//! assert_eq!(worker.get()?, 42);
//! # Ok::<(), Exception>(())
//! ```
//!
//! Source: gevent's `greenlet.py`.

mod any;
mod base;
mod builder;
mod handle;
mod ident;
mod join;
mod kill;
mod link;
mod origin;
mod raw;
mod tree;

pub use any::{AnyGreenlet, AsGreenlet};
pub use builder::Builder;
pub use handle::{Greenlet, spawn, spawn_later};
pub use join::{JoinAll, JoinSelfError, joinall, joinall_timeout, joinall_with};
pub use kill::{Kill, killall, killall_with};
pub use origin::Spawned;
pub use raw::{Killable, Victim, kill, spawn_raw};
pub use tree::SpawnTreeLocals;
