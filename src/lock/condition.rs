//! [`Condition`]: waiting for a change of data that a lock guards. Source: `Condition` in Python's
//! `threading`, which runs on gevent's locks in a patched program.

use std::fmt;
use std::hash::{Hash, Hasher};

use greenlet_core::Exception;
use hub::{Seconds, mask_kill};

use super::line::{Deadline, LockLine, Whose};
use super::{NotOwnedError, RLock, RLockGuard};

/// A lock with a line of greenlets, which wait until another greenlet that holds the lock notifies
/// them of a change. Handles are cheap to clone and mean the same condition.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use gevent::lock::Condition;
///
/// let changed = Condition::new();
/// let items = Rc::new(RefCell::new(Vec::new()));
/// let taker = gevent::spawn({
///     let (changed, items) = (changed.clone(), items.clone());
///     move || {
///         let _held = changed.acquire_guard()?;
///         changed.wait_for(|| !items.borrow().is_empty())?;
///         Ok(items.borrow_mut().pop())
///     }
/// });
/// gevent::sleep(0)?;
/// {
///     let _held = changed.acquire_guard()?;
///     items.borrow_mut().push(7);
///     changed.notify(1)?;
/// }
/// assert_eq!(taker.get()?, Some(7));
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: `threading.Condition`.
#[derive(Clone)]
pub struct Condition {
    lock: RLock,
    waiters: LockLine<Condition>,
}

impl Whose for Condition {
    const KIND: &'static str = "Condition";
}

impl Condition {
    /// Makes a condition with a lock of its own.
    pub fn new() -> Condition {
        Condition::with_lock(&RLock::new())
    }

    /// Makes a condition that uses `lock`. Several conditions may share a lock.
    pub fn with_lock(lock: &RLock) -> Condition {
        Condition {
            lock: lock.clone(),
            waiters: LockLine::new(),
        }
    }

    /// The lock of the condition.
    pub fn lock(&self) -> &RLock {
        &self.lock
    }

    /// Acquires the lock, see [`RLock::acquire`].
    ///
    /// # Errors
    /// As for [`RLock::acquire`].
    #[track_caller]
    pub fn acquire(&self) -> Result<bool, Exception> {
        self.lock.acquire()
    }

    /// Acquires the lock with a guard that releases it, see [`RLock::acquire_guard`].
    ///
    /// # Errors
    /// As for [`RLock::acquire_guard`].
    #[track_caller]
    pub fn acquire_guard(&self) -> Result<RLockGuard, Exception> {
        self.lock.acquire_guard()
    }

    /// Releases the lock, see [`RLock::release`].
    ///
    /// # Errors
    /// As for [`RLock::release`].
    pub fn release(&self) -> Result<(), NotOwnedError> {
        self.lock.release()
    }

    /// Releases the lock, waits for a notification, and acquires the lock again, as often as it was held. Returns true.
    ///
    /// The data may have changed again before the lock is acquired, so most callers want
    /// [`wait_for`](Condition::wait_for). The lock is held again when this returns, also with an error: kills and
    /// timeouts of the current greenlet are held back while the lock is acquired. The one exception is an error that is
    /// thrown by hand at that time: it is returned without the lock.
    ///
    /// # Errors
    /// [`NotOwnedError`] if the current greenlet does not hold the lock; any exception that is thrown into the greenlet
    /// while it waits.
    #[track_caller]
    pub fn wait(&self) -> Result<bool, Exception> {
        self.wait_timeout(None)
    }

    /// [`wait`](Condition::wait) for at most `timeout` seconds. Returns whether a notification came.
    ///
    /// # Errors
    /// As for `wait`; an error if the time is not a number.
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        let timeout = timeout.checked()?;
        self.lock.check_owned()?;
        let saved = self.lock.release_save();
        let notified = self.waiters.wait(timeout);
        let acquired = mask_kill(|| saved.restore());
        if acquired.is_err() && matches!(notified, Ok(true)) {
            // This greenlet has failed, so another one gets its notification.
            self.waiters.notify(1);
        }
        acquired.and(notified)
    }

    /// [Waits](Condition::wait) until `predicate` returns true, and returns true. The predicate is called with the lock
    /// held.
    ///
    /// # Errors
    /// As for `wait`.
    #[track_caller]
    pub fn wait_for(&self, predicate: impl FnMut() -> bool) -> Result<bool, Exception> {
        self.wait_for_timeout(predicate, None)
    }

    /// [`wait_for`](Condition::wait_for) for at most `timeout` seconds in all. Returns whether the predicate became
    /// true.
    ///
    /// # Errors
    /// As for [`wait_timeout`](Condition::wait_timeout).
    #[track_caller]
    pub fn wait_for_timeout(
        &self,
        mut predicate: impl FnMut() -> bool,
        timeout: impl Seconds,
    ) -> Result<bool, Exception> {
        let deadline = Deadline::after(timeout.checked()?);
        self.lock.check_owned()?;
        loop {
            if predicate() {
                return Ok(true);
            }
            match deadline.left() {
                Some(seconds) if seconds <= 0.0 => return Ok(false),
                left => self.wait_timeout(left)?,
            };
        }
    }

    /// Wakes the first `n` greenlets that wait. They go on when the lock is free.
    ///
    /// # Errors
    /// [`NotOwnedError`] if the current greenlet does not hold the lock.
    pub fn notify(&self, n: usize) -> Result<(), NotOwnedError> {
        self.lock.check_owned()?;
        self.waiters.notify(n);
        Ok(())
    }

    /// Wakes all greenlets that wait.
    ///
    /// # Errors
    /// As for [`notify`](Condition::notify).
    pub fn notify_all(&self) -> Result<(), NotOwnedError> {
        self.notify(usize::MAX)
    }

    /// How many greenlets wait for a notification.
    pub fn waiting(&self) -> usize {
        self.waiters.waiting()
    }
}

impl Default for Condition {
    fn default() -> Self {
        Condition::new()
    }
}

impl PartialEq for Condition {
    /// Whether both are handles of the same condition.
    fn eq(&self, other: &Condition) -> bool {
        self.waiters.same(&other.waiters)
    }
}

impl Eq for Condition {}

impl Hash for Condition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.waiters.address().hash(state);
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, waiting) = (self.waiters.address(), self.waiting());
        write!(f, "<Condition at {address:#x} {:?} waiting={waiting}>", self.lock)
    }
}
