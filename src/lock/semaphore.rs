//! [`Semaphore`]: a lock that a given number of greenlets can hold at a time. Source: `Semaphore`
//! in gevent's `_semaphore.py`.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};

use greenlet_core::{Exception, Object};
use hub::{AsLink, Link, LinkResult, LinkSource, Linkable, Seconds};

use super::bounded::BoundedSemaphore;
use super::guard::SemaphoreGuard;
use crate::abstract_linkable::{AbstractLinkable, Waitable};
use crate::future::Linked;

/// A counter that [`acquire`](Semaphore::acquire) takes one from, waiting while it is 0, and that
/// [`release`](Semaphore::release) adds one to. Handles are cheap to clone and mean the same
/// semaphore.
///
/// Greenlets that wait are woken in the order in which they came. A semaphore has no owner: any
/// greenlet may release it. A [`BoundedSemaphore`](super::BoundedSemaphore) returns an error if it
/// is released too often.
///
/// ```
/// use gevent::lock::Semaphore;
///
/// let two_at_a_time = Semaphore::new(2);
/// let greenlets: Vec<_> = (0..4)
///     .map(|i| {
///         let semaphore = two_at_a_time.clone();
///         gevent::spawn(move || {
///             let _guard = semaphore.acquire_guard()?;
///             gevent::sleep(0.001)?;
///             Ok(i)
///         })
///     })
///     .collect();
/// gevent::joinall(&greenlets)?;
/// assert_eq!(two_at_a_time.counter(), 2);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `Semaphore`.
#[derive(Clone)]
pub struct Semaphore(AbstractLinkable<Counter>);

struct Counter {
    value: Cell<usize>,
    /// The first value, if the semaphore is bounded: the value never exceeds it.
    limit: Option<usize>,
}

impl Waitable for Counter {
    const KIND: &'static str = "Semaphore";
    const NOTIFY_ALL: bool = false;

    fn ready(&self) -> bool {
        self.value.get() > 0
    }

    fn handle(object: AbstractLinkable<Self>) -> Box<dyn Object> {
        let limit = object.state().limit;
        let semaphore = Semaphore(object);
        match limit {
            None => Box::new(semaphore),
            Some(limit) => Box::new(BoundedSemaphore::of(semaphore, limit)),
        }
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "counter={}", self.value.get())
    }
}

impl Semaphore {
    /// Makes a semaphore that can be acquired `value` times.
    pub fn new(value: usize) -> Semaphore {
        Semaphore::make(value, None)
    }

    pub(super) fn make(value: usize, limit: Option<usize>) -> Semaphore {
        let value = Cell::new(value);
        Semaphore(AbstractLinkable::new(Counter { value, limit }))
    }

    /// The first value, if the semaphore is bounded.
    pub(super) fn limit(&self) -> Option<usize> {
        self.0.state().limit
    }

    /// How often the semaphore can be acquired now without waiting.
    pub fn counter(&self) -> usize {
        self.0.state().value.get()
    }

    /// Whether acquiring the semaphore would have to wait.
    pub fn locked(&self) -> bool {
        self.counter() == 0
    }

    /// Whether the semaphore can be acquired without waiting.
    pub fn ready(&self) -> bool {
        self.counter() > 0
    }

    /// Acquires the semaphore. Waits as long as that takes: for ever if nobody releases it.
    /// Returns true: gevent's `acquire()`.
    ///
    /// A greenlet that comes while the counter is not 0 takes from it at once, even before others
    /// that are to be woken for it and have not run yet. Those keep their places.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile; the semaphore is not
    /// acquired then.
    #[track_caller]
    pub fn acquire(&self) -> Result<bool, Exception> {
        // The first call nearly always succeeds. Only a tracer can let other greenlets run, which
        // take from the counter, before the greenlet that was woken.
        while !self.acquire_timeout(None)? {}
        Ok(true)
    }

    /// [`acquire`](Semaphore::acquire), for at most `timeout` seconds. Returns whether the
    /// semaphore was acquired.
    ///
    /// # Errors
    /// As for `acquire`; an error if the time is not a number.
    #[track_caller]
    pub fn acquire_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        if self.try_acquire() {
            return Ok(true);
        }
        let woken = self.0.wait_timeout(timeout)?;
        // A link wakes the greenlet only while the counter is not 0, and the greenlet runs at once,
        // so `try_acquire` fails only after a tracer has let others run.
        Ok(woken && self.try_acquire())
    }

    /// Acquires the semaphore if that needs no waiting: gevent's `acquire(blocking=False)`. Returns
    /// whether it did.
    pub fn try_acquire(&self) -> bool {
        let counter = &self.0.state().value;
        match counter.get().checked_sub(1) {
            Some(less) => {
                counter.set(less);
                true
            }
            None => false,
        }
    }

    /// [`acquire`](Semaphore::acquire) with a guard that releases the semaphore.
    ///
    /// # Errors
    /// As for `acquire`.
    #[track_caller]
    pub fn acquire_guard(&self) -> Result<SemaphoreGuard, Exception> {
        self.acquire()?;
        Ok(SemaphoreGuard::of(self, usize::MAX))
    }

    /// [`acquire_timeout`](Semaphore::acquire_timeout) with a guard that releases the semaphore.
    ///
    /// # Errors
    /// As for `acquire_timeout`.
    #[track_caller]
    pub fn acquire_guard_timeout(&self, timeout: impl Seconds) -> Result<Option<SemaphoreGuard>, Exception> {
        let acquired = self.acquire_timeout(timeout)?;
        Ok(acquired.then(|| SemaphoreGuard::of(self, usize::MAX)))
    }

    /// [`try_acquire`](Semaphore::try_acquire) with a guard that releases the semaphore.
    pub fn try_acquire_guard(&self) -> Option<SemaphoreGuard> {
        self.try_acquire().then(|| SemaphoreGuard::of(self, usize::MAX))
    }

    /// [`acquire_guard`](Semaphore::acquire_guard) as a future. It has its place among the waiting greenlets from its
    /// first poll on. If it is dropped, it acquires nothing.
    pub fn acquire_async(&self) -> Linked<Semaphore> {
        Linked::new(self.clone())
    }

    /// Adds one to the counter, and wakes a greenlet that waits. Returns the counter.
    ///
    /// # Panics
    /// Panics if the counter is `usize::MAX`.
    #[track_caller]
    pub fn release(&self) -> usize {
        let counter = &self.0.state().value;
        let more = counter.get().checked_add(1);
        counter.set(more.expect("a semaphore cannot be released so often"));
        self.0.check_and_notify();
        self.counter()
    }

    /// [Releases](Semaphore::release) the semaphore `n` times.
    pub(crate) fn add(&self, n: usize) {
        if n > 0 {
            self.0.state().value.update(|counter| counter.saturating_add(n));
            self.0.check_and_notify();
        }
    }

    /// [Acquires](Semaphore::try_acquire) the semaphore up to `n` times, as often as the counter
    /// allows. Returns how often.
    pub(crate) fn take_at_most(&self, n: usize) -> usize {
        let taken = self.counter().min(n);
        self.0.state().value.update(|counter| counter - taken);
        taken
    }

    /// Waits until the semaphore can be acquired, without acquiring it. Returns the counter: 0 if another greenlet was
    /// quicker.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn wait(&self) -> Result<usize, Exception> {
        self.wait_timeout(None)
    }

    /// [`wait`](Semaphore::wait) for at most `timeout` seconds. The counter is also 0 if the time is over.
    ///
    /// # Errors
    /// As for `wait`; an error if the time is not a number.
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<usize, Exception> {
        if self.counter() == 0 {
            self.0.wait_timeout(timeout)?;
        }
        Ok(self.counter())
    }

    /// Has `callback` called once with this semaphore, in the hub, when the semaphore can be
    /// acquired; soon, if it can be now. The callback must not wait.
    pub fn rawlink<'c, R: LinkResult<'c, Semaphore>>(&self, callback: impl Fn(&Semaphore) -> R + 'c) -> Link {
        R::rawlink(callback, self)
    }

    /// Takes a link away, if the link was not called yet.
    pub fn unlink(&self, link: &impl AsLink<Semaphore>) {
        self.0.unlink(&link.as_link(self));
    }

    /// How many links and waiting greenlets there are.
    pub fn linkcount(&self) -> usize {
        self.0.linkcount()
    }
}

impl Default for Semaphore {
    /// A semaphore that can be acquired once: a lock.
    fn default() -> Self {
        Semaphore::new(1)
    }
}

impl Linkable for Semaphore {
    fn ready(&self) -> bool {
        self.counter() > 0
    }

    fn rawlink(&self, link: Link) {
        self.0.rawlink(link);
    }

    fn unlink(&self, link: &Link) {
        self.0.unlink(link);
    }

    fn address(&self) -> usize {
        self.0.address()
    }
}

impl LinkSource for Semaphore {
    fn of(source: &dyn Any) -> Option<Self> {
        AbstractLinkable::of(source).map(Semaphore)
    }
}

impl PartialEq for Semaphore {
    /// Whether both are handles of the same semaphore.
    fn eq(&self, other: &Semaphore) -> bool {
        self.0.same(&other.0)
    }
}

impl Eq for Semaphore {}

impl Hash for Semaphore {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.address().hash(state);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
