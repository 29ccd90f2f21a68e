//! [`RLock`]: a re-entrant lock, which its owner may acquire again. Source: `RLock` in gevent's `lock.py`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::rc::Rc;

use greenlet_core::{Exception, getcurrent};
use hub::{Seconds, Slack};

use super::{RLockGuard, Semaphore};

/// The error of a greenlet that releases a lock which it does not hold.
///
/// Source: the `RuntimeError` of gevent's `RLock.release`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot release un-acquired lock. Owner: {}, current: greenlet #{current}", show(.owner))]
#[non_exhaustive]
pub struct NotOwnedError {
    /// The id of the greenlet that holds the lock, if one does.
    pub owner: Option<u64>,
    /// The id of the greenlet that wanted to release the lock.
    pub current: u64,
}

fn show(owner: &Option<u64>) -> String {
    owner.map_or("none".to_owned(), |id| format!("greenlet #{id}"))
}

/// A lock that one greenlet at a time holds, and may acquire several times. It is free after as
/// many releases. Handles are cheap to clone and mean the same lock.
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
    /// The owner's id. A handle would keep an owner that nobody else knows parked for ever.
    owner: Cell<Option<u64>>,
    count: Cell<usize>,
    /// For each greenlet that has [released the lock for a time](RLock::release_save), by its id:
    /// how often it will hold the lock again.
    saved: RefCell<HashMap<u64, usize>>,
}

/// The promise that a greenlet acquires again a lock that it has released for a time. The count is
/// in [`RLockBody::saved`], where it may become less, as others may drop the greenlet's guards
/// meanwhile.
pub(super) struct Saved<'a> {
    lock: &'a RLock,
    owner: u64,
    /// The count of an outer release of the same greenlet, if there is one: user code that is
    /// called while the greenlet waits may release the lock once more.
    outer: Option<usize>,
}

impl Saved<'_> {
    /// Acquires the lock again, as often as the greenlet is still to hold it.
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
    /// Makes a lock that nobody holds.
    pub fn new() -> RLock {
        RLock(Rc::new(RLockBody {
            block: Semaphore::new(1),
            owner: Cell::new(None),
            count: Cell::new(0),
            saved: RefCell::default(),
        }))
    }

    /// Acquires the lock, once more if the current greenlet holds it. Waits as long as that takes.
    /// Returns true.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile; the lock is not acquired
    /// then.
    #[track_caller]
    pub fn acquire(&self) -> Result<bool, Exception> {
        self.acquire_timeout(None)
    }

    /// [`acquire`](RLock::acquire), for at most `timeout` seconds. Returns whether the lock was
    /// acquired.
    ///
    /// # Errors
    /// As for `acquire`; an error if the time is not a number.
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

    /// Acquires the lock if that needs no waiting: gevent's `acquire(blocking=False)`. Returns
    /// whether it did.
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

    /// [`acquire`](RLock::acquire) with a guard that releases the lock.
    ///
    /// # Errors
    /// As for `acquire`.
    #[track_caller]
    pub fn acquire_guard(&self) -> Result<RLockGuard, Exception> {
        self.acquire()?;
        Ok(RLockGuard::of(self))
    }

    /// [`acquire_timeout`](RLock::acquire_timeout) with a guard that releases the lock.
    ///
    /// # Errors
    /// As for `acquire_timeout`.
    #[track_caller]
    pub fn acquire_guard_timeout(&self, timeout: impl Seconds) -> Result<Option<RLockGuard>, Exception> {
        let acquired = self.acquire_timeout(timeout)?;
        Ok(acquired.then(|| RLockGuard::of(self)))
    }

    /// [`try_acquire`](RLock::try_acquire) with a guard that releases the lock.
    pub fn try_acquire_guard(&self) -> Option<RLockGuard> {
        self.try_acquire().then(|| RLockGuard::of(self))
    }

    /// Undoes one [`acquire`](RLock::acquire) of the current greenlet.
    ///
    /// # Errors
    /// [`NotOwnedError`] if the current greenlet does not hold the lock.
    pub fn release(&self) -> Result<(), NotOwnedError> {
        self.check_owned()?;
        self.release_once();
        Ok(())
    }

    /// Undoes one acquire of the owner. The caller has made sure that there is one.
    fn release_once(&self) {
        let count = self.0.count.get() - 1;
        self.0.count.set(count);
        if count == 0 {
            self.0.owner.set(None);
            self.0.block.release();
        }
    }

    /// Undoes one [`acquire`](RLock::acquire) of the greenlet with the id `owner`, if there is one
    /// to undo. Any greenlet may call it.
    pub(super) fn release_of(&self, owner: u64) {
        if self.0.owner.get() == Some(owner) {
            return self.release_once();
        }
        let mut saved = self.0.saved.borrow_mut();
        if let Some(count) = saved.get_mut(&owner) {
            *count = count.saturating_sub(1);
        }
    }

    /// Whether a greenlet holds the lock.
    pub fn locked(&self) -> bool {
        self.0.count.get() > 0
    }

    /// Whether the current greenlet holds the lock.
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

    /// Releases the lock as often as the owner, the current greenlet, has acquired it, for a time:
    /// until [`Saved::restore`].
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

impl Hash for RLock {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl fmt::Debug for RLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Rc::as_ptr(&self.0).addr();
        let (block, count) = (&self.0.block, self.0.count.get());
        write!(f, "<RLock at {address:#x} _block={block:?} _count={count} _owner=")?;
        f.write_str(&show(&self.0.owner.get()))?;
        f.write_str(">")
    }
}
