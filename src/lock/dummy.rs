//! [`DummySemaphore`]: a semaphore without a limit, for code that has nothing to guard. Source:
//! `DummySemaphore` in gevent's `lock.py`.

use greenlet_core::Exception;
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

    /// Does nothing.
    ///
    /// # Errors
    /// Never fails; the signature is that of the other semaphores.
    pub fn acquire(&self) -> Result<(), Exception> {
        Ok(())
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

    /// Does nothing.
    pub fn release(&self) {}

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

impl Linkable for DummySemaphore {
    fn ready(&self) -> bool {
        true
    }

    /// Does nothing, as in gevent: the link is not called.
    fn rawlink(&self, _link: Link) {}

    fn unlink(&self, _link: &Link) {}
}
