//! [`ForkMutex`]: what is not to be cut in two by a fork.
//!
//! The child of a fork has only the thread that forked. A lock that another thread held just then would be locked
//! there for ever, and what it guards half changed. So a fork waits until nobody is inside, and who wants to enter
//! waits until it is over.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::yield_now;

use parking_lot::{Mutex, MutexGuard};

/// A mutex that no thread has locked, or waits for, when another one forks. To be held for a short time.
pub(crate) struct ForkMutex<T>(Mutex<T>);

impl<T> ForkMutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        ForkMutex(Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> ForkGuard<'_, T> {
        let inside = Inside::enter();
        ForkGuard {
            value: self.0.lock(),
            _inside: inside,
        }
    }
}

/// What is locked, until this is dropped: first the lock, then the leave to have it.
pub(crate) struct ForkGuard<'a, T> {
    value: MutexGuard<'a, T>,
    _inside: Inside,
}

impl<T> Deref for ForkGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for ForkGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// How many threads are inside.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
static FORKING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How many times this one is.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// While it exists, no other thread than its own forks.
struct Inside(PhantomData<*const ()>);

impl Inside {
    #[inline]
    fn enter() -> Inside {
        let depth = DEPTH.get();
        if depth == 0 {
            watch();
            loop {
                // In this order, and the other way round in `prepare`: one of the two sees the other.
                INSIDE.fetch_add(1, Ordering::SeqCst);
                if FORKING.load(Ordering::SeqCst) == 0 {
                    break;
                }
                INSIDE.fetch_sub(1, Ordering::SeqCst);
                yield_now();
            }
        }
        DEPTH.set(depth + 1);
        Inside(PhantomData)
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        let depth = DEPTH.get() - 1;
        DEPTH.set(depth);
        if depth == 0 {
            INSIDE.fetch_sub(1, Ordering::Release);
        }
    }
}

/// How many of those inside are the calling thread.
fn own() -> usize {
    usize::from(DEPTH.get() > 0)
}

/// Has every fork call the three functions below. Threads that come here at the same time may each see to it: they
/// count, so that twice is fine. (A `Once` could be left locked in the child of a fork just then.)
#[inline]
fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.load(Ordering::Acquire) {
        // SAFETY: the three use nothing but the statics, and call nothing that a fork could hold up. Failing means
        // that there is no memory, and a fork less safe.
        unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) };
        WATCHED.store(true, Ordering::Release);
    }
}

extern "C" fn prepare() {
    FORKING.fetch_add(1, Ordering::SeqCst);
    while INSIDE.load(Ordering::SeqCst) > own() {
        yield_now();
    }
}

extern "C" fn in_parent() {
    FORKING.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    // Others may have been about to enter, or to fork as well: here they do not exist.
    INSIDE.store(own(), Ordering::SeqCst);
    FORKING.store(0, Ordering::SeqCst);
}
