//! [`RLock`]: a lock that its owner may acquire again. Source: `RLock` in gevent's `lock.py`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use greenlet_core::{Exception, getcurrent};
use hub::{Seconds, Slack};

use super::{RLockGuard, Semaphore};

/// A lock was released by a greenlet that does not hold it.
///
/// Source: the `RuntimeError` of gevent's `RLock.release`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot release un-acquired lock. Owner: {}, current: greenlet #{current}", show(.owner))]
#[non_exhaustive]
pub struct NotOwnedError {
    /// The id of the greenlet that holds it, if one does.
    pub owner: Option<u64>,
    /// The id of the greenlet that wanted to release it.
    pub current: u64,
}

fn show(owner: &Option<u64>) -> String {
    owner.map_or("none".to_owned(), |id| format!("greenlet #{id}"))
}

/// A lock that one greenlet holds at a time, and may acquire several times over; it is free
/// again after as many releases. Handles are cheap to clone and mean the same lock.
///
/// ```
/// use gevent::lock::RLock;
///
/// let lock = RLock::new();
/// let _outer = lock.acquire_guard()?;
/// {
///     let _inner = lock.acquire_guard()?;
///     assert!(lock.locked() && lock.is_owned());
/// }
/// let other = gevent::spawn({
///     let lock = lock.clone();
///     move || lock.try_acquire()
/// });
/// assert!(!other.get()?);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `RLock`.
#[derive(Clone)]
pub struct RLock(Rc<RLockBody>);

struct RLockBody {
    block: Semaphore,
    /// The owner's id. Not its handle, which would keep a forgotten owner parked for ever.
    owner: Cell<Option<u64>>,
    count: Cell<usize>,
    /// How often greenlets, by their ids, will hold it again that have [released it for a time](RLock::release_save).
    saved: RefCell<HashMap<u64, usize>>,
}

/// How often a greenlet will hold a lock again. It may become less, as its guards may be dropped by others meanwhile.
pub(super) struct Saved<'a> {
    lock: &'a RLock,
    owner: u64,
    /// The same of its last release, if it is not back from that: what it waits with may call others' code.
    outer: Option<usize>,
}

impl Saved<'_> {
    /// Undoes [`release_save`](RLock::release_save).
    #[track_caller]
    pub(super) fn restore(self) -> Result<(), Exception> {
        if self.count() > 0 {
            self.lock.0.block.acquire()?;
            match self.count() {
                0 => drop(self.lock.0.block.release()),
                count => self.lock.own(count),
            }
        }
        Ok(())
    }

    fn count(&self) -> usize {
        let saved = self.lock.0.saved.borrow();
        saved.get(&self.owner).copied().unwrap_or(0)
    }
}

impl Drop for Saved<'_> {
    fn drop(&mut self) {
        let mut saved = self.lock.0.saved.borrow_mut();
        match self.outer {
            Some(count) => drop(saved.insert(self.owner, count)),
            None => drop(saved.remove(&self.owner)),
        }
        saved.give_back();
    }
}

impl RLock {
    /// A lock that nobody holds.
    pub fn new() -> RLock {
        RLock(Rc::new(RLockBody {
            block: Semaphore::new(1),
            owner: Cell::new(None),
            count: Cell::new(0),
            saved: RefCell::default(),
        }))
    }

    /// Acquires it, once more if the current greenlet holds it; waits as long as that takes.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; it is not acquired then.
    #[track_caller]
    pub fn acquire(&self) -> Result<(), Exception> {
        self.acquire_timeout(None).map(drop)
    }

    /// [`acquire`](RLock::acquire), for at most `timeout` seconds. Returns whether it was
    /// acquired.
    ///
    /// # Errors
    /// As for `acquire`; for a time that is no number.
    #[track_caller]
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        if self.acquire_again() {
            return Ok(true);
        }
        let acquired = self.0.block.acquire_timeout(timeout)?;
        if acquired {
            self.own(1);
        }
        Ok(acquired)
    }

    /// Acquires it if that needs no waiting: gevent's `acquire(blocking=False)`. Returns whether
    /// it did.
    pub fn try_acquire(&self) -> bool {
        if self.acquire_again() {
            return true;
        }
        let acquired = self.0.block.try_acquire();
        if acquired {
            self.own(1);
        }
        acquired
    }

    /// [`acquire`](RLock::acquire) with a guard that releases it.
    ///
    /// # Errors
    /// As for `acquire`.
    #[track_caller]
    pub fn acquire_guard(&self) -> Result<RLockGuard, Exception> {
        self.acquire()?;
        Ok(RLockGuard::of(self))
    }

    /// [`acquire_timeout`](RLock::acquire_timeout) with a guard that releases it.
    ///
    /// # Errors
    /// As for `acquire_timeout`.
    #[track_caller]
    pub fn acquire_guard_timeout(
        &self,
        timeout: impl Seconds,
    ) -> Result<Option<RLockGuard>, Exception> {
        let acquired = self.acquire_timeout(timeout)?;
        Ok(acquired.then(|| RLockGuard::of(self)))
    }

    /// [`try_acquire`](RLock::try_acquire) with a guard that releases it.
    pub fn try_acquire_guard(&self) -> Option<RLockGuard> {
        self.try_acquire().then(|| RLockGuard::of(self))
    }

    /// Undoes one [`acquire`](RLock::acquire) of the current greenlet.
    ///
    /// # Errors
    /// [`NotOwnedError`] when the current greenlet does not hold it.
    pub fn release(&self) -> Result<(), NotOwnedError> {
        self.check_owned()?;
        self.release_once();
        Ok(())
    }

    /// It is held.
    fn release_once(&self) {
        let count = self.0.count.get() - 1;
        self.0.count.set(count);
        if count == 0 {
            self.0.owner.set(None);
            self.0.block.release();
        }
    }

    /// Undoes one [`acquire`](RLock::acquire) of a greenlet, if it was not undone already; called in any.
    pub(super) fn release_of(&self, owner: u64) {
        if self.0.owner.get() == Some(owner) {
            return self.release_once();
        }
        let mut saved = self.0.saved.borrow_mut();
        if let Some(count) = saved.get_mut(&owner) {
            *count = count.saturating_sub(1);
        }
    }

    /// Whether a greenlet holds it.
    pub fn locked(&self) -> bool {
        self.0.count.get() > 0
    }

    /// Whether the current greenlet holds it.
    pub fn is_owned(&self) -> bool {
        self.0.owner.get() == Some(getcurrent().id())
    }

    pub(super) fn check_owned(&self) -> Result<(), NotOwnedError> {
        if self.is_owned() {
            return Ok(());
        }
        Err(NotOwnedError {
            owner: self.0.owner.get(),
            current: getcurrent().id(),
        })
    }

    /// Releases it as often as the owner, the current greenlet, has acquired it.
    pub(super) fn release_save(&self) -> Saved<'_> {
        let (owner, count) = (getcurrent().id(), self.0.count.replace(0));
        self.0.owner.set(None);
        let outer = self.0.saved.borrow_mut().insert(owner, count);
        self.0.block.release();
        Saved {
            lock: self,
            owner,
            outer,
        }
    }

    fn acquire_again(&self) -> bool {
        let owned = self.is_owned();
        if owned {
            self.0.count.set(self.0.count.get() + 1);
        }
        owned
    }

    fn own(&self, count: usize) {
        self.0.owner.set(Some(getcurrent().id()));
        self.0.count.set(count);
    }
}

impl Default for RLock {
    fn default() -> Self {
        RLock::new()
    }
}

impl PartialEq for RLock {
    /// Whether both are handles of the same lock.
    fn eq(&self, other: &RLock) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for RLock {}

impl fmt::Debug for RLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Rc::as_ptr(&self.0).addr();
        let (block, count) = (&self.0.block, self.0.count.get());
        write!(
            f,
            "<RLock at {address:#x} _block={block:?} _count={count} _owner="
        )?;
        f.write_str(&show(&self.0.owner.get()))?;
        f.write_str(">")
    }
}
