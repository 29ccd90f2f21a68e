//! Forks, of whose child one thread is all: the one that forked.
//!
//! - [`ForkMutex`] is a mutex that no thread holds while another one forks. A lock that another thread held just then
//!   would be locked in the child for ever, and the data in it half changed. So a fork waits until no other thread
//!   holds such a lock, and a thread that wants to lock one waits until the fork is over.
//! - [`ThreadToken`] names a thread that has something to itself for longer, and tells in the child that it is no more.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::yield_now;

use greenlet_core::{Direct, direct};

/// A mutex that no thread has locked, or waits for, when another one forks. It is to be held for a short time only.
///
/// It is one of std, whose waiters are known by the mutex alone. `gevent-monkey` wakes threads in the midst of a wait
/// of parking_lot's, in which the same thread must not wait by parking_lot once more.
#[doc(hidden)]
#[derive(Debug)]
pub struct ForkMutex<T>(Mutex<T>);

impl<T> ForkMutex<T> {
    /// An unlocked one.
    pub const fn new(value: T) -> Self {
        ForkMutex(Mutex::new(value))
    }

    /// Locks it.
    #[inline]
    pub fn lock(&self) -> ForkGuard<'_, T> {
        let (inside, direct) = (Inside::enter(), Direct::begin());
        ForkGuard {
            value: self.0.lock().unwrap_or_else(PoisonError::into_inner),
            _inside: inside,
            _direct: direct,
        }
    }
}

impl<T: Default> Default for ForkMutex<T> {
    fn default() -> Self {
        ForkMutex::new(T::default())
    }
}

/// The lock of a [`ForkMutex`]. Dropping it unlocks the mutex first, and lets forks happen then. Until it is dropped,
/// no call of the system lets others run, which might want the same lock.
#[doc(hidden)]
#[derive(Debug)]
pub struct ForkGuard<'a, T> {
    value: MutexGuard<'a, T>,
    _inside: Inside,
    _direct: Direct,
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

/// The name of a thread, which no other thread ever has, in this process or in one that it forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::core) struct ThreadToken(u64);

/// The next token to be given.
static NEXT_TOKEN: AtomicU64 = AtomicU64::new(1);
/// In the child of a fork: the least token of a thread that the child has started, and the token of the thread that
/// forked (0 if it had none).
static OLDEST_TOKEN: AtomicU64 = AtomicU64::new(0);
static SURVIVOR: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// This thread's token; 0 before it is asked for.
    static TOKEN: Cell<u64> = const { Cell::new(0) };
}

impl ThreadToken {
    /// This thread's.
    pub(in crate::core) fn here() -> ThreadToken {
        watch();
        if TOKEN.get() == 0 {
            TOKEN.set(NEXT_TOKEN.fetch_add(1, Ordering::Relaxed));
        }
        ThreadToken(TOKEN.get())
    }

    /// Whether this is the child of a fork, and the thread was left behind in the parent. (A thread that has ended in
    /// this process is not told apart from a living one. Nor is anything known of a fork that bypassed the C library.)
    pub(in crate::core) fn stayed_in_parent(self) -> bool {
        self.0 < OLDEST_TOKEN.load(Ordering::Relaxed) && self.0 != SURVIVOR.load(Ordering::Relaxed)
    }
}

/// How many threads have locked a [`ForkMutex`], or wait for one.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// How many threads fork.
static FORKING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How many locks this thread has, or waits for.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// While it exists, no thread but its own forks.
#[derive(Debug)]
struct Inside(PhantomData<*const ()>);

impl Inside {
    #[inline]
    fn enter() -> Inside {
        let depth = DEPTH.get();
        if depth == 0 {
            watch();
            loop {
                // This thread adds to INSIDE, then reads FORKING; `prepare` adds to FORKING, then reads INSIDE. So one
                // of the two sees the other.
                INSIDE.fetch_add(1, Ordering::SeqCst);
                if FORKING.load(Ordering::SeqCst) == 0 {
                    break;
                }
                INSIDE.fetch_sub(1, Ordering::SeqCst);
                direct(yield_now);
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

/// The calling thread's share of `INSIDE`: 0 or 1.
fn own() -> usize {
    usize::from(DEPTH.get() > 0)
}

/// Has every fork call the three functions below. If threads come here at the same time, each of them may register the
/// functions; these only count, so running them twice does no harm. (A `Once` would be left locked in the child, if the
/// fork came just then.)
#[inline]
fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.load(Ordering::Acquire) {
        // SAFETY: the three functions use nothing but the statics and this thread's counter, and call nothing that a
        // fork could hold up. The call fails only without memory; then forks are not waited for.
        unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) };
        WATCHED.store(true, Ordering::Release);
    }
}

/// Registers the functions before the program registers its own, so that those run while nobody is held up here: they
/// may wait for a lock of the program's, whose holder has to go on meanwhile.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static WATCH: extern "C" fn() = {
    extern "C" fn from_the_beginning() {
        watch();
    }
    from_the_beginning
};

extern "C" fn prepare() {
    FORKING.fetch_add(1, Ordering::SeqCst);
    while INSIDE.load(Ordering::SeqCst) > own() {
        direct(yield_now);
    }
}

extern "C" fn in_parent() {
    FORKING.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    // Other threads may have been about to enter or to fork, too: in the child they do not exist.
    INSIDE.store(own(), Ordering::SeqCst);
    FORKING.store(0, Ordering::SeqCst);
    OLDEST_TOKEN.store(NEXT_TOKEN.load(Ordering::Relaxed), Ordering::Relaxed);
    SURVIVOR.store(TOKEN.get(), Ordering::Relaxed);
}
