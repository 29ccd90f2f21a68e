//! [`BoundedSemaphore`]: a semaphore that notices when it is released too often. Source:
//! `BoundedSemaphore` in gevent's `_semaphore.py`.

use std::any::Any;
use std::fmt;

use greenlet_core::Exception;
use hub::{AsLink, Link, LinkResult, LinkSource, Linkable, Seconds};

use super::{Semaphore, SemaphoreGuard};
use crate::future::Linked;

/// The methods of a bounded semaphore that are those of its `semaphore`: the same for one thread and for several.
macro_rules! bounded_methods {
    () => {
        impl BoundedSemaphore {
            /// How often the semaphore can be acquired now without waiting.
            pub fn counter(&self) -> usize {
                self.semaphore.counter()
            }

            /// Whether acquiring the semaphore would have to wait.
            pub fn locked(&self) -> bool {
                self.semaphore.locked()
            }

            /// Whether the semaphore can be acquired without waiting.
            pub fn ready(&self) -> bool {
                self.semaphore.ready()
            }

            /// Acquires the semaphore, as [`Semaphore::acquire`] does.
            ///
            /// # Errors
            /// Fails as [`Semaphore::acquire`] does.
            #[track_caller]
            pub fn acquire(&self) -> Result<bool, Exception> {
                self.semaphore.acquire()
            }

            /// Acquires the semaphore within `timeout` seconds, as [`Semaphore::acquire_timeout`] does.
            ///
            /// # Errors
            /// Fails as [`Semaphore::acquire_timeout`] does.
            #[track_caller]
            pub fn acquire_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
                self.semaphore.acquire_timeout(timeout)
            }

            /// Acquires the semaphore if that needs no waiting. Returns whether it did.
            pub fn try_acquire(&self) -> bool {
                self.semaphore.try_acquire()
            }

            /// Acquires the semaphore as [`acquire`](Self::acquire) does. Returns a guard that releases it.
            ///
            /// # Errors
            /// Fails as [`Semaphore::acquire`] does.
            #[track_caller]
            pub fn acquire_guard(&self) -> Result<SemaphoreGuard, Exception> {
                self.acquire()?;
                Ok(SemaphoreGuard::of(&self.semaphore, self.initial))
            }

            /// Acquires the semaphore as [`acquire_timeout`](Self::acquire_timeout) does. Returns a guard that releases
            /// it, or `None` if the semaphore was not acquired.
            ///
            /// # Errors
            /// Fails as [`Semaphore::acquire_timeout`] does.
            #[track_caller]
            pub fn acquire_guard_timeout(&self, timeout: impl Seconds) -> Result<Option<SemaphoreGuard>, Exception> {
                let acquired = self.acquire_timeout(timeout)?;
                Ok(acquired.then(|| SemaphoreGuard::of(&self.semaphore, self.initial)))
            }

            /// Acquires the semaphore as [`try_acquire`](Self::try_acquire) does. Returns a guard that releases it, or
            /// `None` if the semaphore was not acquired.
            pub fn try_acquire_guard(&self) -> Option<SemaphoreGuard> {
                self.try_acquire()
                    .then(|| SemaphoreGuard::of(&self.semaphore, self.initial))
            }

            /// Waits until the semaphore could be acquired, as [`Semaphore::wait`] does.
            ///
            /// # Errors
            /// Fails as [`Semaphore::wait`] does.
            #[track_caller]
            pub fn wait(&self) -> Result<usize, Exception> {
                self.wait_timeout(None)
            }

            /// [`wait`](Self::wait) for at most `timeout` seconds.
            ///
            /// # Errors
            /// Fails as [`Semaphore::wait_timeout`] does.
            #[track_caller]
            pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<usize, Exception> {
                self.semaphore.wait_timeout(timeout)
            }

            /// Removes a link, if it was not called yet, as [`Semaphore::unlink`] does.
            pub fn unlink(&self, link: &impl AsLink<BoundedSemaphore>) {
                self.semaphore.unlink(&link.as_link(self));
            }

            /// How many links and waiters are in line.
            pub fn linkcount(&self) -> usize {
                self.semaphore.linkcount()
            }
        }

        impl Default for BoundedSemaphore {
            /// A semaphore that can be acquired once: a lock.
            fn default() -> Self {
                BoundedSemaphore::new(1)
            }
        }
    };
}

pub(crate) use bounded_methods;

/// The error of a [`BoundedSemaphore`] that is released more often than it was acquired.
///
/// Source: the `ValueError` of gevent's `BoundedSemaphore.release`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Semaphore released too many times")]
pub struct OverReleaseError;

/// A [`Semaphore`] whose counter never exceeds its first value. Releasing it more often than it was
/// acquired is an error.
///
/// ```
/// use gevent::lock::BoundedSemaphore;
///
/// let semaphore = BoundedSemaphore::new(1);
/// semaphore.acquire()?;
/// semaphore.release()?;
/// assert!(semaphore.release().is_err());
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `BoundedSemaphore`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BoundedSemaphore {
    semaphore: Semaphore,
    initial: usize,
}

impl BoundedSemaphore {
    /// Makes a semaphore that can be acquired `value` times.
    pub fn new(value: usize) -> BoundedSemaphore {
        BoundedSemaphore {
            semaphore: Semaphore::make(value, Some(value)),
            initial: value,
        }
    }

    /// The bounded handle of a semaphore, whose first value was `initial`.
    pub(super) fn of(semaphore: Semaphore, initial: usize) -> BoundedSemaphore {
        BoundedSemaphore { semaphore, initial }
    }

    /// Adds one to the counter, and wakes a greenlet that waits. Returns the counter.
    ///
    /// # Errors
    /// [`OverReleaseError`] if the counter has its first value already.
    pub fn release(&self) -> Result<usize, OverReleaseError> {
        if self.counter() >= self.initial {
            return Err(OverReleaseError);
        }
        Ok(self.semaphore.release())
    }

    /// [`acquire_guard`](Self::acquire_guard) as a future, in line with the greenlets that wait, as
    /// [`Semaphore::acquire_async`] is. If it is dropped, it acquires nothing.
    ///
    /// ```
    /// use gevent::future::block_on;
    /// use gevent::lock::BoundedSemaphore;
    ///
    /// let semaphore = BoundedSemaphore::new(1);
    /// block_on(async {
    ///     let _guard = semaphore.acquire_async().await;
    ///     assert!(semaphore.locked());
    /// })?;
    /// assert_eq!(semaphore.counter(), 1);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn acquire_async(&self) -> Linked<BoundedSemaphore> {
        Linked::new(self.clone())
    }

    /// See [`Semaphore::rawlink`].
    pub fn rawlink<'c, R: LinkResult<'c, BoundedSemaphore>>(
        &self,
        callback: impl Fn(&BoundedSemaphore) -> R + 'c,
    ) -> Link {
        R::rawlink(callback, self)
    }
}

bounded_methods!();

impl Linkable for BoundedSemaphore {
    fn ready(&self) -> bool {
        self.semaphore.ready()
    }

    fn rawlink(&self, link: Link) {
        Linkable::rawlink(&self.semaphore, link);
    }

    fn unlink(&self, link: &Link) {
        self.semaphore.unlink(link);
    }

    fn address(&self) -> usize {
        Linkable::address(&self.semaphore)
    }
}

impl LinkSource for BoundedSemaphore {
    fn of(source: &dyn Any) -> Option<Self> {
        let semaphore = Semaphore::of(source)?;
        let initial = semaphore.limit()?;
        Some(BoundedSemaphore { semaphore, initial })
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Bounded{}", format!("{:?}", self.semaphore).trim_start_matches('<'))
    }
}
