//! [`Semaphore`] and [`BoundedSemaphore`]: gevent's semaphores of `_semaphore.py`, for several threads.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::sync::Arc;

use greenlet_core::Exception;
use hub::{AsLink, Link, LinkResult, LinkSource, Linkable, Seconds};
use parking_lot::Mutex;

use super::futures::Acquire;
use super::line::{Given, Lined, Permits, ThreadsafeLine, hand, rawlink, unlink, wait, watch};
use super::waiter::LinkedObject;
use crate::lock::{OverReleaseError, bounded_methods};

/// A counter of permits, for greenlets and threads. Handles are cheap to clone and mean the same semaphore.
///
/// [`acquire`](Semaphore::acquire) takes a permit, and waits while there is none; [`release`](Semaphore::release) gives
/// one back. A release while others wait hands the permit to the first of them, so that no newcomer overtakes it.
///
/// ```
/// use gevent::threadsafe::Semaphore;
///
/// let semaphore = Semaphore::new(0);
/// let thread = std::thread::spawn({
///     let semaphore = semaphore.clone();
///     move || semaphore.release()
/// });
/// semaphore.acquire()?; // other greenlets of this thread would go on
/// # thread.join().unwrap();
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone)]
pub struct Semaphore(pub(super) Arc<Mutex<Permits>>);

impl Lined for Permits {
    const KIND: &'static str = "threadsafe::Semaphore";
    type Which = ();

    fn line(&mut self, (): ()) -> &mut ThreadsafeLine {
        &mut self.line
    }

    fn give_back(&mut self, (): ()) -> Given {
        self.give()
    }
}

impl Semaphore {
    /// A semaphore that can be acquired `value` times.
    pub fn new(value: usize) -> Semaphore {
        Semaphore(Arc::new(Mutex::new(Permits::new(value))))
    }

    /// How often the semaphore can be acquired now without waiting.
    pub fn counter(&self) -> usize {
        self.0.lock().counter
    }

    /// Whether acquiring the semaphore would have to wait.
    pub fn locked(&self) -> bool {
        self.counter() == 0
    }

    /// Whether the semaphore can be acquired without waiting.
    pub fn ready(&self) -> bool {
        self.counter() > 0
    }

    /// Acquires the semaphore, and returns true; waits as long as that takes.
    ///
    /// # Errors
    /// Returns any exception that is thrown into the current greenlet meanwhile. The semaphore is not acquired then.
    #[track_caller]
    pub fn acquire(&self) -> Result<bool, Exception> {
        self.acquire_timeout(None)
    }

    /// [`acquire`](Semaphore::acquire), for at most `timeout` seconds. Returns whether it was
    /// acquired.
    ///
    /// # Errors
    /// Fails as `acquire` does, and with [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
    #[track_caller]
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        wait(&self.0, (), Permits::try_take, timeout.checked()?)
    }

    /// Acquires the semaphore if that needs no waiting. Returns whether it did.
    pub fn try_acquire(&self) -> bool {
        self.0.lock().try_take()
    }

    /// Acquires the semaphore as [`acquire`](Semaphore::acquire) does. Returns a guard that releases it.
    ///
    /// # Errors
    /// Fails as `acquire` does.
    #[track_caller]
    pub fn acquire_guard(&self) -> Result<SemaphoreGuard, Exception> {
        self.acquire()?;
        Ok(SemaphoreGuard::of(self, usize::MAX))
    }

    /// Acquires the semaphore as [`acquire_timeout`](Semaphore::acquire_timeout) does. Returns a guard that releases
    /// it, or `None` if the semaphore was not acquired.
    ///
    /// # Errors
    /// Fails as `acquire_timeout` does.
    #[track_caller]
    pub fn acquire_guard_timeout(&self, timeout: impl Seconds) -> Result<Option<SemaphoreGuard>, Exception> {
        let acquired = self.acquire_timeout(timeout)?;
        Ok(acquired.then(|| SemaphoreGuard::of(self, usize::MAX)))
    }

    /// Acquires the semaphore as [`try_acquire`](Semaphore::try_acquire) does. Returns a guard that releases it, or
    /// `None` if the semaphore was not acquired.
    pub fn try_acquire_guard(&self) -> Option<SemaphoreGuard> {
        self.try_acquire().then(|| SemaphoreGuard::of(self, usize::MAX))
    }

    /// Gives a permit to the first waiter, or adds it to the counter. Returns the counter.
    ///
    /// # Panics
    /// Panics if the counter is `usize::MAX`.
    pub fn release(&self) -> usize {
        self.give(usize::MAX).expect("a semaphore cannot be released so often")
    }

    /// Releases the semaphore and returns the counter; `None`, without a release, if the counter is `limit` or more.
    fn give(&self, limit: usize) -> Option<usize> {
        let mut permits = self.0.lock();
        if permits.counter >= limit {
            return None;
        }
        let given = permits.give();
        let counter = permits.counter;
        drop(permits);
        hand(&self.0, (), given);
        Some(counter)
    }

    /// Waits until the semaphore could be acquired, without acquiring it. Returns the counter: it is 0 if others have
    /// acquired the semaphore since.
    ///
    /// # Errors
    /// Returns any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn wait(&self) -> Result<usize, Exception> {
        self.wait_timeout(None)
    }

    /// [`wait`](Semaphore::wait) for at most `timeout` seconds. The counter is also 0 if the time was over.
    ///
    /// # Errors
    /// Fails as `wait` does, and with [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<usize, Exception> {
        let enter = |permits: &mut Permits| permits.counter > 0;
        watch(&self.0, (), enter, timeout.checked()?)?;
        Ok(self.counter())
    }

    /// Has the hub of the current thread call `callback` with this semaphore when the semaphore can be acquired, or
    /// soon if it can be already. `callback` must not block.
    pub fn rawlink<'c, R: LinkResult<'c, Semaphore>>(&self, callback: impl Fn(&Semaphore) -> R + 'c) -> Link {
        R::rawlink(callback, self)
    }

    /// Adds a link that is called with `handle`, the handle that users have of this semaphore.
    fn link_to(&self, link: Link, handle: Box<dyn LinkedObject>) {
        rawlink(&self.0, (), |permits| permits.counter > 0, link, handle);
    }

    /// Removes a link that was added in this thread, if it was not called yet.
    pub fn unlink(&self, link: &impl AsLink<Semaphore>) {
        unlink(&self.0, (), &link.as_link(self));
    }

    /// How many links and waiting greenlets and threads are in line.
    pub fn linkcount(&self) -> usize {
        self.0.lock().line.len()
    }
}

/// Lets [`wait`](crate::wait) and [`iwait`](crate::iwait) take a semaphore.
impl Linkable for Semaphore {
    fn ready(&self) -> bool {
        self.counter() > 0
    }

    fn rawlink(&self, link: Link) {
        self.link_to(link, Box::new(self.clone()));
    }

    fn unlink(&self, link: &Link) {
        unlink(&self.0, (), link);
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl LinkSource for Semaphore {
    fn of(source: &dyn Any) -> Option<Self> {
        source.downcast_ref().cloned()
    }
}

impl Default for Semaphore {
    /// A semaphore that can be acquired once.
    fn default() -> Self {
        Semaphore::new(1)
    }
}

impl PartialEq for Semaphore {
    /// Whether both are handles of the same semaphore.
    fn eq(&self, other: &Semaphore) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Semaphore {}

impl Hash for Semaphore {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Arc::as_ptr(&self.0), state);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Arc::as_ptr(&self.0).addr();
        let (counter, links) = (self.counter(), self.linkcount());
        write!(
            f,
            "<threadsafe::Semaphore at {address:#x} counter={counter} _links[{links}]>"
        )
    }
}

/// A [`Semaphore`] whose counter never exceeds its first value: releasing it more often than it
/// was acquired is an error.
///
/// ```
/// let semaphore = gevent::threadsafe::BoundedSemaphore::new(1);
/// semaphore.acquire()?;
/// semaphore.release()?;
/// assert!(semaphore.release().is_err());
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BoundedSemaphore {
    semaphore: Semaphore,
    initial: usize,
}

impl BoundedSemaphore {
    /// A semaphore that can be acquired `value` times.
    pub fn new(value: usize) -> BoundedSemaphore {
        BoundedSemaphore {
            semaphore: Semaphore::new(value),
            initial: value,
        }
    }

    /// Gives a permit to the first waiter, or adds it to the counter. Returns the counter.
    ///
    /// # Errors
    /// [`OverReleaseError`] if the counter has its first value already.
    pub fn release(&self) -> Result<usize, OverReleaseError> {
        self.semaphore.give(self.initial).ok_or(OverReleaseError)
    }

    /// [`acquire_guard`](Self::acquire_guard) as a future, as [`Semaphore::acquire_async`] is one.
    pub fn acquire_async(&self) -> Acquire {
        Acquire::of(&self.semaphore, self.initial)
    }

    /// Has the hub of the current thread call `callback`, as [`Semaphore::rawlink`] does.
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
        self.semaphore.link_to(link, Box::new(self.clone()));
    }

    fn unlink(&self, link: &Link) {
        self.semaphore.unlink(link);
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn address(&self) -> usize {
        Linkable::address(&self.semaphore)
    }
}

impl LinkSource for BoundedSemaphore {
    fn of(source: &dyn Any) -> Option<Self> {
        source.downcast_ref().cloned()
    }
}

/// A guard that releases a semaphore when it is dropped, in whatever thread that is.
#[must_use = "the semaphore is released when the guard is dropped"]
#[derive(Debug)]
pub struct SemaphoreGuard {
    semaphore: Semaphore,
    /// The value that the counter may not exceed.
    limit: usize,
}

impl SemaphoreGuard {
    pub(super) fn of(semaphore: &Semaphore, limit: usize) -> SemaphoreGuard {
        SemaphoreGuard {
            semaphore: semaphore.clone(),
            limit,
        }
    }

    /// Drops the guard without a release, for example because other code releases the semaphore.
    pub fn forget(mut self) {
        // With a limit of 0 the drop releases nothing.
        self.limit = 0;
    }
}

impl Drop for SemaphoreGuard {
    fn drop(&mut self) {
        // This fails if other code has released a bounded semaphore too often; a drop cannot report that.
        let _ = self.semaphore.give(self.limit);
    }
}
