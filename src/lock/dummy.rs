//! [`DummySemaphore`]: for where there is nothing to guard. Source: `DummySemaphore` in gevent's
//! `lock.py`.

use greenlet_core::Exception;
use hub::{Link, Linkable, Seconds};

/// What looks like a [`Semaphore`](super::Semaphore) that nobody ever has to wait for.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DummySemaphore;

impl DummySemaphore {
    /// A semaphore without a limit.
    pub fn new() -> DummySemaphore {
        DummySemaphore
    }

    /// Never.
    pub fn locked(&self) -> bool {
        false
    }

    /// Always.
    pub fn ready(&self) -> bool {
        true
    }

    /// Does nothing.
    ///
    /// # Errors
    /// None: the signature is that of the other semaphores.
    pub fn acquire(&self) -> Result<(), Exception> {
        Ok(())
    }

    /// Does nothing, and says that it is acquired.
    ///
    /// # Errors
    /// None: the signature is that of the other semaphores.
    pub fn acquire_timeout(&self, _timeout: impl Seconds) -> Result<bool, Exception> {
        Ok(true)
    }

    /// Does nothing, and says that it is acquired.
    pub fn try_acquire(&self) -> bool {
        true
    }

    /// Does nothing.
    pub fn release(&self) {}

    /// Returns at once: 1.
    ///
    /// # Errors
    /// None: the signature is that of the other semaphores.
    pub fn wait(&self, _timeout: impl Seconds) -> Result<usize, Exception> {
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
