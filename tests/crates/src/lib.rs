//! Crates that were written for threads, unchanged, in virtual threads after `gevent_monkey::patch_all`.
//!
//! A [`Case`] is what a thread does with a crate, and with a real server of its own; [`modes`] has a hundred of them at
//! once: in threads of the operating system, in virtual threads, or in plain greenlets.
//!
//! | here | job |
//! |---|---|
//! | `cases` | a file for each crate |
//! | `servers` | redis, PostgreSQL, MariaDB, nginx, a mail server: Debian's, in temporary folders |
//! | `modes.rs` | a hundred at once |
//! | `rendezvous.rs` | a hundred wait in a server for each other |
//! | `versions.rs` | which versions were tried |
//! | `bin/crates-table.rs` | prints how long it takes |

pub mod cases;
pub mod modes;
pub mod rendezvous;
mod servers;
pub mod versions;

#[path = "../../common/mod.rs"]
#[allow(
    dead_code,
    unexpected_cfgs,
    reason = "shared with the tests of a package that has features"
)]
mod common;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// The result of a case.
pub type Result<T = ()> = common::Result<T>;

/// The limit of waits that take next to no time unless something is broken.
pub const SOON: Duration = common::SOON;

/// How long each of the hundred waits.
pub const WAIT: Duration = Duration::from_millis(10);

/// How many do it at once.
pub const THREADS: usize = 100;

/// Raises this process's limit of open files as far as it may.
///
/// # Errors
/// Those of the system.
pub fn raise_fd_limit() -> Result {
    common::raise_fd_limit()
}

/// What is done with a crate.
pub trait Case: Send + Sync {
    /// What the thread of this number does: it waits once for this time, mostly in a server, or not at all, and checks
    /// every value that it gets.
    fn run(&self, i: usize, wait: Duration) -> Result;

    /// The same once more, with the same server, if the crate has threads of its own: the calling thread makes those
    /// anew.
    fn with_threads_made_here(&self) -> Result<Option<Arc<dyn Case>>> {
        Ok(None)
    }

    /// Checks what is left when so many have run, in all.
    fn end(&self, _runs: usize) -> Result {
        Ok(())
    }
}

/// A [`Case`], and the servers that it needs, which stop when they are dropped.
pub struct Started {
    /// What is done.
    pub case: Arc<dyn Case>,
    /// The servers.
    pub servers: Box<dyn Any>,
}

impl Started {
    fn new(case: impl Case + 'static, servers: impl Any) -> Result<Option<Started>> {
        let (case, servers) = (Arc::new(case), Box::new(servers));
        Ok(Some(Started { case, servers }))
    }
}

/// Fails unless the values are equal.
fn equal<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{found:?}, not {expected:?}").into()),
    }
}
