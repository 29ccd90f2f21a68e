//! [`Semaphore`] and [`BoundedSemaphore`]: those of gevent's `_semaphore.py`, for several
//! threads.

use std::fmt;
use std::sync::Arc;

use greenlet_core::Exception;
use hub::core::CallbackResult;
use hub::{Link, Linkable, Seconds};
use parking_lot::Mutex;

use super::line::{Given, Lined, Permits, ThreadsafeLine, hand, rawlink, unlink, wait, watch};
use super::waiter::LinkedObject;
use crate::lock::OverReleaseError;

/// A counter that [`acquire`](Semaphore::acquire) takes one from, waiting while it is 0, and that
/// [`release`](Semaphore::release) adds one to. Handles are cheap to clone and mean the same
/// semaphore.
///
/// A release while others wait hands the permit to the first of them: nobody overtakes it.
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
pub struct Semaphore(Arc<Mutex<Permits>>);

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

    /// How often it can be acquired now without waiting.
    pub fn counter(&self) -> usize {
        self.0.lock().counter
    }

    /// Whether acquiring it would have to wait.
    pub fn locked(&self) -> bool {
        self.counter() == 0
    }

    /// Whether it can be acquired without waiting.
    pub fn ready(&self) -> bool {
        self.counter() > 0
    }

    /// Acquires it; waits as long as that takes.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; it is not acquired then.
    #[track_caller]
    pub fn acquire(&self) -> Result<(), Exception> {
        self.acquire_timeout(None).map(drop)
    }

    /// [`acquire`](Semaphore::acquire), for at most `timeout` seconds. Returns whether it was
    /// acquired.
    ///
    /// # Errors
    /// As for `acquire`; for a time that is no number.
    #[track_caller]
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        wait(&self.0, (), Permits::try_take, timeout.checked()?)
    }

    /// Acquires it if that needs no waiting. Returns whether it did.
    pub fn try_acquire(&self) -> bool {
        self.0.lock().try_take()
    }

    /// [`acquire`](Semaphore::acquire) with a guard that releases it.
    ///
    /// # Errors
    /// As for `acquire`.
    #[track_caller]
    pub fn acquire_guard(&self) -> Result<SemaphoreGuard, Exception> {
        self.acquire()?;
        Ok(SemaphoreGuard::of(self, usize::MAX))
    }

    /// [`acquire_timeout`](Semaphore::acquire_timeout) with a guard that releases it.
    ///
    /// # Errors
    /// As for `acquire_timeout`.
    #[track_caller]
    pub fn acquire_guard_timeout(
        &self,
        timeout: impl Seconds,
    ) -> Result<Option<SemaphoreGuard>, Exception> {
        let acquired = self.acquire_timeout(timeout)?;
        Ok(acquired.then(|| SemaphoreGuard::of(self, usize::MAX)))
    }

    /// [`try_acquire`](Semaphore::try_acquire) with a guard that releases it.
    pub fn try_acquire_guard(&self) -> Option<SemaphoreGuard> {
        self.try_acquire()
            .then(|| SemaphoreGuard::of(self, usize::MAX))
    }

    /// Gives a permit to the first who waits, or adds it to the counter, which it returns.
    ///
    /// # Panics
    /// When the counter is `usize::MAX`.
    pub fn release(&self) -> usize {
        self.give(usize::MAX)
            .expect("a semaphore cannot be released so often")
    }

    /// Releases unless the counter would become more than `limit`.
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

    /// Waits until it could be acquired, at most `timeout` seconds, without acquiring it. Returns
    /// the counter: 0 if the time was over, or somebody else was quicker.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; for a time that is no number.
    #[track_caller]
    pub fn wait(&self, timeout: impl Seconds) -> Result<usize, Exception> {
        let enter = |permits: &mut Permits| permits.counter > 0;
        watch(&self.0, (), enter, timeout.checked()?)?;
        Ok(self.counter())
    }

    /// Calls `callback` with this semaphore once it could be acquired, in the hub of the thread that
    /// adds it: it must not block. If it can be already, soon.
    pub fn rawlink<R: CallbackResult>(&self, callback: impl Fn(&Semaphore) -> R + 'static) -> Link {
        let semaphore = self.clone();
        let link = Link::new(move |_| callback(&semaphore).into_result());
        Linkable::rawlink(self, link.clone());
        link
    }

    /// Adds a link to a semaphore that its users know by this handle.
    fn link_to(&self, link: Link, handle: Box<dyn LinkedObject>) {
        rawlink(&self.0, (), |permits| permits.counter > 0, link, handle);
    }

    /// Takes a link away that was added in this thread, if it was not called yet.
    pub fn unlink(&self, link: &Link) {
        unlink(&self.0, (), link);
    }

    /// How many wait, and links there are.
    pub fn linkcount(&self) -> usize {
        self.0.lock().line.len()
    }
}

/// So that [`wait`](crate::wait) and [`iwait`](crate::iwait) take it.
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// How often it can be acquired now without waiting.
    pub fn counter(&self) -> usize {
        self.semaphore.counter()
    }

    /// Whether acquiring it would have to wait.
    pub fn locked(&self) -> bool {
        self.semaphore.locked()
    }

    /// Whether it can be acquired without waiting.
    pub fn ready(&self) -> bool {
        self.semaphore.ready()
    }

    /// See [`Semaphore::acquire`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn acquire(&self) -> Result<(), Exception> {
        self.semaphore.acquire()
    }

    /// See [`Semaphore::acquire_timeout`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        self.semaphore.acquire_timeout(timeout)
    }

    /// See [`Semaphore::try_acquire`].
    pub fn try_acquire(&self) -> bool {
        self.semaphore.try_acquire()
    }

    /// See [`Semaphore::acquire_guard`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn acquire_guard(&self) -> Result<SemaphoreGuard, Exception> {
        self.acquire()?;
        Ok(SemaphoreGuard::of(&self.semaphore, self.initial))
    }

    /// See [`Semaphore::acquire_guard_timeout`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn acquire_guard_timeout(
        &self,
        timeout: impl Seconds,
    ) -> Result<Option<SemaphoreGuard>, Exception> {
        let acquired = self.acquire_timeout(timeout)?;
        Ok(acquired.then(|| SemaphoreGuard::of(&self.semaphore, self.initial)))
    }

    /// See [`Semaphore::try_acquire_guard`].
    pub fn try_acquire_guard(&self) -> Option<SemaphoreGuard> {
        self.try_acquire()
            .then(|| SemaphoreGuard::of(&self.semaphore, self.initial))
    }

    /// See [`Semaphore::release`].
    ///
    /// # Errors
    /// [`OverReleaseError`] when the counter has its first value already.
    pub fn release(&self) -> Result<usize, OverReleaseError> {
        self.semaphore.give(self.initial).ok_or(OverReleaseError)
    }

    /// See [`Semaphore::wait`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn wait(&self, timeout: impl Seconds) -> Result<usize, Exception> {
        self.semaphore.wait(timeout)
    }

    /// See [`Semaphore::rawlink`].
    pub fn rawlink<R: CallbackResult>(
        &self,
        callback: impl Fn(&BoundedSemaphore) -> R + 'static,
    ) -> Link {
        let semaphore = self.clone();
        let link = Link::new(move |_| callback(&semaphore).into_result());
        Linkable::rawlink(self, link.clone());
        link
    }

    /// Takes a link away that was added in this thread, if it was not called yet.
    pub fn unlink(&self, link: &Link) {
        self.semaphore.unlink(link);
    }

    /// How many wait, and links there are.
    pub fn linkcount(&self) -> usize {
        self.semaphore.linkcount()
    }
}

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
}

impl Default for BoundedSemaphore {
    /// A semaphore that can be acquired once: a lock.
    fn default() -> Self {
        BoundedSemaphore::new(1)
    }
}

/// Releases a semaphore once, when it is dropped, in whatever thread that is.
#[must_use = "the semaphore is released when the guard is dropped"]
#[derive(Debug)]
pub struct SemaphoreGuard {
    semaphore: Semaphore,
    /// What the counter may not exceed.
    limit: usize,
}

impl SemaphoreGuard {
    fn of(semaphore: &Semaphore, limit: usize) -> SemaphoreGuard {
        SemaphoreGuard {
            semaphore: semaphore.clone(),
            limit,
        }
    }

    /// Does away with the guard: somebody else will release the semaphore, or nobody.
    pub fn forget(mut self) {
        // A limit of 0 lets nothing be released.
        self.limit = 0;
    }
}

impl Drop for SemaphoreGuard {
    fn drop(&mut self) {
        // A bounded one may have been released too often by somebody else, who was not told.
        let _ = self.semaphore.give(self.limit);
    }
}
