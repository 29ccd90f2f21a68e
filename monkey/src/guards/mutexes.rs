//! While a mutex of the C library's is held, nobody parks.
//!
//! Who has to wait for such a mutex blocks its carrier: the C library waits by system calls that nobody can catch. If
//! the holder is another virtual thread of that carrier and has parked, it can never go on to unlock. So a thread
//! counts what it holds. A condition variable gives its mutex up and takes it again inside of one call, so the count is
//! right after it.
//!
//! A mutex that another thread unlocks than the one that has locked it is against the C library's rules, but happens.
//! The C library notes the owner's number in the mutex. If that is not the caller's, the owner's number is left in
//! [`UNLOCKED_ELSEWHERE`], where the owner looks before it believes its count.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use libc::{FILE, c_int, clockid_t, pthread_mutex_t, pthread_rwlock_t, pthread_spinlock_t, timespec};

use crate::originals::originals;

thread_local! {
    /// How many the thread holds.
    static HELD: Cell<u32> = const { Cell::new(0) };
    /// The thread's number, as the C library has written it into the mutex that was locked last.
    static OWNER: Cell<c_int> = const { Cell::new(0) };
}

/// Whether the thread holds any.
#[inline(always)]
pub(super) fn are_held() -> bool {
    HELD.get() != 0 && really_held()
}

#[cold]
fn really_held() -> bool {
    if UNCLAIMED.load(Ordering::Relaxed) > 0 {
        let gone = claim(OWNER.get());
        HELD.set(HELD.get().saturating_sub(gone));
    }
    HELD.get() != 0
}

/// Owners of mutexes that others have unlocked, in the upper half, with how many these are, in the lower. When all are
/// taken, the oldest is forgotten.
static UNLOCKED_ELSEWHERE: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];
static UNCLAIMED: AtomicU32 = AtomicU32::new(0);

#[cold]
fn unlocked_for(owner: c_int) {
    static OLDEST: AtomicUsize = AtomicUsize::new(0);
    let key = u64::from(owner as u32) << 32;
    for slot in &UNLOCKED_ELSEWHERE {
        let mut known = slot.load(Ordering::Relaxed);
        while known == 0 || known >> 32 == key >> 32 {
            let counted = known.max(key) + 1;
            match slot.compare_exchange_weak(known, counted, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    UNCLAIMED.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Err(now) => known = now,
            }
        }
    }
    let oldest = OLDEST.fetch_add(1, Ordering::Relaxed) % UNLOCKED_ELSEWHERE.len();
    UNCLAIMED.fetch_add(1, Ordering::Relaxed);
    let forgotten = UNLOCKED_ELSEWHERE[oldest].swap(key + 1, Ordering::Relaxed);
    UNCLAIMED.fetch_sub(forgotten as u32, Ordering::Relaxed);
}

/// How many mutexes of this owner's others have unlocked since it was asked last.
fn claim(owner: c_int) -> u32 {
    let mut all = 0;
    for slot in &UNLOCKED_ELSEWHERE {
        let known = slot.load(Ordering::Relaxed);
        if known >> 32 == u64::from(owner as u32)
            && slot
                .compare_exchange(known, 0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            let count = known as u32;
            UNCLAIMED.fetch_sub(count, Ordering::Relaxed);
            all += count;
        }
    }
    all
}

/// The number of the thread that has locked a mutex, as the C library writes it there.
///
/// # Safety
/// The mutex is alive.
#[inline(always)]
unsafe fn owner(mutex: *mut pthread_mutex_t) -> c_int {
    // SAFETY: by this function's contract. A mutex begins with the word of the lock, the count of a recursive one, and
    // its owner: its initialisers, which are compiled into programs, have fixed that for ever. Another thread may write
    // it meanwhile.
    unsafe { AtomicU32::from_ptr(mutex.cast::<u32>().add(2)).load(Ordering::Relaxed) as c_int }
}

/// Counts a mutex if it was locked. A robust one whose owner has died is locked, too.
///
/// # Safety
/// The mutex is alive.
#[inline(always)]
unsafe fn locked(mutex: *mut pthread_mutex_t, result: c_int) -> c_int {
    if result == 0 || result == libc::EOWNERDEAD {
        // SAFETY: by this function's contract.
        OWNER.set(unsafe { owner(mutex) });
        one_more();
    }
    result
}

#[inline(always)]
fn one_more() {
    HELD.set(HELD.get().wrapping_add(1));
}

#[inline(always)]
fn one_less() {
    HELD.set(HELD.get().saturating_sub(1));
}

#[inline(always)]
fn counted(result: c_int) -> c_int {
    if result == 0 {
        one_more();
    }
    result
}

mod original {
    use super::*;

    originals! {
        pthread_mutex_lock(mutex: *mut pthread_mutex_t) -> c_int;
        pthread_mutex_trylock(mutex: *mut pthread_mutex_t) -> c_int;
        pthread_mutex_timedlock(mutex: *mut pthread_mutex_t, until: *const timespec) -> c_int;
        pthread_mutex_clocklock(mutex: *mut pthread_mutex_t, clock: clockid_t, until: *const timespec) -> c_int;
        pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int;
        pthread_rwlock_rdlock(lock: *mut pthread_rwlock_t) -> c_int;
        pthread_rwlock_tryrdlock(lock: *mut pthread_rwlock_t) -> c_int;
        pthread_rwlock_timedrdlock(lock: *mut pthread_rwlock_t, until: *const timespec) -> c_int;
        pthread_rwlock_clockrdlock(lock: *mut pthread_rwlock_t, clock: clockid_t, until: *const timespec) -> c_int;
        pthread_rwlock_wrlock(lock: *mut pthread_rwlock_t) -> c_int;
        pthread_rwlock_trywrlock(lock: *mut pthread_rwlock_t) -> c_int;
        pthread_rwlock_timedwrlock(lock: *mut pthread_rwlock_t, until: *const timespec) -> c_int;
        pthread_rwlock_clockwrlock(lock: *mut pthread_rwlock_t, clock: clockid_t, until: *const timespec) -> c_int;
        pthread_rwlock_unlock(lock: *mut pthread_rwlock_t) -> c_int;
        pthread_spin_lock(lock: *mut pthread_spinlock_t) -> c_int;
        pthread_spin_trylock(lock: *mut pthread_spinlock_t) -> c_int;
        pthread_spin_unlock(lock: *mut pthread_spinlock_t) -> c_int;
        flockfile(file: *mut FILE) -> ();
        ftrylockfile(file: *mut FILE) -> c_int;
        funlockfile(file: *mut FILE) -> ();
    }
}

macro_rules! mutexes {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name(mutex: *mut pthread_mutex_t, $($argument: $kind),*) -> c_int {
                // SAFETY: by the prototype's contract.
                unsafe { locked(mutex, original::$name(mutex, $($argument),*)) }
            }
        )*
    };
}

mutexes! {
    pthread_mutex_lock();
    pthread_mutex_trylock();
    pthread_mutex_timedlock(until: *const timespec);
    pthread_mutex_clocklock(clock: clockid_t, until: *const timespec);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int {
    // SAFETY: by the prototype's contract, the mutex is alive until it is unlocked.
    let (owner, result) = unsafe { (owner(mutex), original::pthread_mutex_unlock(mutex)) };
    if result == 0 {
        // A mutex that is locked by a transaction has no owner.
        if owner == OWNER.get() || owner == 0 {
            one_less();
        } else {
            unlocked_for(owner);
        }
    }
    result
}

macro_rules! locks {
    ($($name:ident($lock:ty $(, $argument:ident: $kind:ty)*);)*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name(lock: *mut $lock, $($argument: $kind),*) -> c_int {
                // SAFETY: by the prototype's contract.
                counted(unsafe { original::$name(lock, $($argument),*) })
            }
        )*
    };
}

locks! {
    pthread_rwlock_rdlock(pthread_rwlock_t);
    pthread_rwlock_tryrdlock(pthread_rwlock_t);
    pthread_rwlock_timedrdlock(pthread_rwlock_t, until: *const timespec);
    pthread_rwlock_clockrdlock(pthread_rwlock_t, clock: clockid_t, until: *const timespec);
    pthread_rwlock_wrlock(pthread_rwlock_t);
    pthread_rwlock_trywrlock(pthread_rwlock_t);
    pthread_rwlock_timedwrlock(pthread_rwlock_t, until: *const timespec);
    pthread_rwlock_clockwrlock(pthread_rwlock_t, clock: clockid_t, until: *const timespec);
    pthread_spin_lock(pthread_spinlock_t);
    pthread_spin_trylock(pthread_spinlock_t);
    ftrylockfile(FILE);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_rwlock_unlock(lock: *mut pthread_rwlock_t) -> c_int {
    // SAFETY: by the prototype's contract.
    let result = unsafe { original::pthread_rwlock_unlock(lock) };
    if result == 0 {
        one_less();
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_spin_unlock(lock: *mut pthread_spinlock_t) -> c_int {
    one_less();
    // SAFETY: by the prototype's contract.
    unsafe { original::pthread_spin_unlock(lock) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn flockfile(file: *mut FILE) {
    // SAFETY: by the prototype's contract.
    unsafe { original::flockfile(file) };
    one_more();
}

#[unsafe(no_mangle)]
unsafe extern "C" fn funlockfile(file: *mut FILE) {
    one_less();
    // SAFETY: by the prototype's contract.
    unsafe { original::funlockfile(file) };
}
