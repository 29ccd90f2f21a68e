//! [`Pool`]: a group with a limit. Source: `Pool` in gevent's `pool.py`.

use std::fmt;
use std::ops::Deref;

use super::group::{Group, Members};
use crate::greenlet::AnyGreenlet;

/// The error of adding a greenlet to a pool that has no free place, or gets none in time.
///
/// Source: gevent's `PoolFull`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("the pool is full")]
pub struct PoolFull;

/// A [`Group`] with a limit for the number of its greenlets: adding one to a full pool waits until
/// another one has ended. Handles are cheap to clone and mean the same pool.
///
/// Its methods are those of [`Group`], to which it dereferences.
///
/// ```
/// use gevent::pool::Pool;
///
/// let pool = Pool::new(1);
/// let first = pool.spawn(|| gevent::sleep(0.001))?;
/// assert!(pool.full());
/// pool.spawn(|| ())?; // waits for the first
/// assert!(first.ready());
/// assert!(pool.join()?);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `Pool`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pool(Group);

impl Pool {
    /// Makes a pool for at most `size` greenlets. `None` means no limit; a pool of size 0 is always
    /// full.
    pub fn new(size: impl Into<Option<usize>>) -> Pool {
        let group = Group::limited(size.into());
        group.list();
        Pool(group)
    }

    /// The same pool, as a group.
    pub fn group(&self) -> &Group {
        &self.0
    }
}

impl Deref for Pool {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.0
    }
}

impl IntoIterator for &Pool {
    type Item = AnyGreenlet;
    type IntoIter = Members;

    fn into_iter(self) -> Members {
        self.0.iter()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f, "Pool")
    }
}
