//! [`DummySemaphore`]: a semaphore without a limit, for code that has nothing to guard. Source:
//! `DummySemaphore` in gevent's `lock.py`.

use greenlet_core::Exception;
use hub::core::CallbackResult;
use hub::{Link, Linkable, Seconds};

/// An object with the methods of a [`Semaphore`](super::Semaphore), for which nobody ever waits.
///
/// ```
/// use gevent::lock::DummySemaphore;
///
/// let semaphore = DummySemaphore::new();
/// semaphore.acquire()?;
/// assert!(!semaphore.locked() && semaphore.try_acquire());
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `DummySemaphore`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct DummySemaphore;

impl DummySemaphore {
    /// Makes a semaphore without a limit.
    pub fn new() -> DummySemaphore {
        DummySemaphore
    }

    /// Always false: nobody ever has to wait.
    pub fn locked(&self) -> bool {
        false
    }

    /// Always true: nobody ever has to wait.
    pub fn ready(&self) -> bool {
        true
    }

    /// Does nothing, and returns true.
    ///
    /// # Errors
    /// Never fails; the signature is that of the other semaphores.
    pub fn acquire(&self) -> Result<bool, Exception> {
        Ok(true)
    }

    /// Does nothing, and returns true: the semaphore counts as acquired.
    ///
    /// # Errors
    /// Never fails; the signature is that of the other semaphores.
    pub fn acquire_timeout(&self, _timeout: impl Seconds) -> Result<bool, Exception> {
        Ok(true)
    }

    /// Does nothing, and returns true: the semaphore counts as acquired.
    pub fn try_acquire(&self) -> bool {
        true
    }

    /// Returns a guard, whose drop does nothing.
    ///
    /// # Errors
    /// Never fails; the signature is that of the other semaphores.
    pub fn acquire_guard(&self) -> Result<DummyGuard, Exception> {
        Ok(DummyGuard(()))
    }

    /// Returns a guard, whose drop does nothing.
    ///
    /// # Errors
    /// Never fails; the signature is that of the other semaphores.
    pub fn acquire_guard_timeout(&self, _timeout: impl Seconds) -> Result<Option<DummyGuard>, Exception> {
        Ok(Some(DummyGuard(())))
    }

    /// Returns a guard, whose drop does nothing.
    pub fn try_acquire_guard(&self) -> Option<DummyGuard> {
        Some(DummyGuard(()))
    }

    /// Does nothing.
    pub fn release(&self) {}

    /// Does nothing, as in gevent: the callback is not called.
    pub fn rawlink<R: CallbackResult>(&self, callback: impl Fn(&DummySemaphore) -> R + 'static) -> Link {
        Link::new(move |_| callback(&DummySemaphore).into_result())
    }

    /// Does nothing.
    pub fn unlink(&self, _link: &Link) {}

    /// Always 0: nobody ever waits, and no link is kept.
    pub fn linkcount(&self) -> usize {
        0
    }

    /// Returns 1, at once.
    ///
    /// # Errors
    /// Never fails; the signature is that of the other semaphores.
    pub fn wait(&self) -> Result<usize, Exception> {
        self.wait_timeout(None)
    }

    /// Returns 1, at once.
    ///
    /// # Errors
    /// Never fails; the signature is that of the other semaphores.
    pub fn wait_timeout(&self, _timeout: impl Seconds) -> Result<usize, Exception> {
        Ok(1)
    }
}

/// The guard of a [`DummySemaphore`]: dropping it does nothing.
#[must_use = "the semaphore counts as acquired until the guard is dropped"]
#[derive(Debug)]
pub struct DummyGuard(());

impl Linkable for DummySemaphore {
    fn ready(&self) -> bool {
        true
    }

    /// Does nothing, as in gevent: the link is not called.
    fn rawlink(&self, _link: Link) {}

    fn unlink(&self, _link: &Link) {}
}
