//! Threads that are real although a virtual thread makes them: the workers of runtimes.
//!
//! Workers are to run beside each other, and one that computes for long must not hold up others. std tells nobody what
//! a thread is made for. But who makes workers asks first how many processors there are, as tokio, rayon and OpenMP do.

use std::cell::Cell;

use libc::{_SC_NPROCESSORS_CONF, _SC_NPROCESSORS_ONLN, c_int, c_long, cpu_set_t, pid_t, pthread_t};

use crate::patches::Module;
use crate::place::{Place, place};

mod original {
    use super::*;

    crate::originals::originals! {
        sched_getaffinity(process: pid_t, size: usize, processors: *mut cpu_set_t) -> c_int;
        pthread_getaffinity_np(thread: pthread_t, size: usize, processors: *mut cpu_set_t) -> c_int;
        sysconf(name: c_int) -> c_long;
        get_nprocs() -> c_int;
        get_nprocs_conf() -> c_int;
    }
}

thread_local! {
    /// How many calls of [`real_threads`] the thread is in.
    static WITHIN: Cell<u32> = const { Cell::new(0) };
    /// How many of the threads that a virtual thread makes next are workers.
    static WORKERS: Cell<usize> = const { Cell::new(0) };
}

/// Calls a function in which `std::thread::spawn` makes real threads, also in a virtual thread.
///
/// A runtime that has threads of its own (tokio, rayon) is to be built in here, or before the first virtual thread: its
/// workers are to work beside each other, and never wait for each other's turn. A runtime that asks how many processors
/// there are, and makes that many threads, gets real ones anyway.
///
/// ```
/// gevent_monkey::patch_thread()?;
/// let thread = gevent_threading::spawn(|| {
///     let real = gevent_monkey::real_threads(|| std::thread::spawn(gevent_threading::is_virtual));
///     let virtual_one = std::thread::spawn(gevent_threading::is_virtual);
///     (real.join().unwrap(), virtual_one.join().unwrap())
/// });
/// assert_eq!(thread.join().unwrap(), (false, true));
/// # Ok::<(), gevent_threading::Unsupported>(())
/// ```
pub fn real_threads<R>(f: impl FnOnce() -> R) -> R {
    struct Within;
    impl Drop for Within {
        fn drop(&mut self) {
            WITHIN.set(WITHIN.get() - 1);
        }
    }
    WITHIN.set(WITHIN.get() + 1);
    let _within = Within;
    f()
}

/// Whether the thread that a virtual thread makes now is to be a real one. A worker is counted by this.
pub(super) fn next_is_real() -> bool {
    if WITHIN.get() > 0 {
        return true;
    }
    let workers = WORKERS.get();
    WORKERS.set(workers.saturating_sub(1));
    workers > 0
}

/// The caller was told that there are so many processors.
fn told(processors: impl FnOnce() -> usize) {
    if place(Module::Thread) == Some(Place::VirtualThread) && WITHIN.get() == 0 {
        WORKERS.set(processors());
    }
}

/// How many processors are in a set of so many bytes.
///
/// # Safety
/// The set has them.
unsafe fn count(size: usize, processors: *const cpu_set_t) -> usize {
    // SAFETY: by this function's contract.
    let set = unsafe { std::slice::from_raw_parts(processors.cast::<u8>(), size) };
    set.iter().map(|byte| byte.count_ones() as usize).sum()
}

/// sched_getaffinity(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getaffinity(process: pid_t, size: usize, processors: *mut cpu_set_t) -> c_int {
    // SAFETY: by the prototype's contract.
    let result = unsafe { original::sched_getaffinity(process, size, processors) };
    if result == 0 {
        // SAFETY: the C library has filled all of it.
        told(|| unsafe { count(size, processors) });
    }
    result
}

/// pthread_getaffinity_np(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getaffinity_np(thread: pthread_t, size: usize, processors: *mut cpu_set_t) -> c_int {
    // SAFETY: by the prototype's contract.
    let result = unsafe { original::pthread_getaffinity_np(thread, size, processors) };
    if result == 0 {
        // SAFETY: the C library has filled all of it.
        told(|| unsafe { count(size, processors) });
    }
    result
}

/// sysconf(3).
#[unsafe(no_mangle)]
extern "C" fn sysconf(name: c_int) -> c_long {
    // SAFETY: the function takes any number.
    let value = unsafe { original::sysconf(name) };
    if matches!(name, _SC_NPROCESSORS_ONLN | _SC_NPROCESSORS_CONF) {
        told(|| usize::try_from(value).unwrap_or(0));
    }
    value
}

/// get_nprocs(3).
#[unsafe(no_mangle)]
extern "C" fn get_nprocs() -> c_int {
    // SAFETY: the function has no conditions.
    let processors = unsafe { original::get_nprocs() };
    told(|| usize::try_from(processors).unwrap_or(0));
    processors
}

/// get_nprocs_conf(3).
#[unsafe(no_mangle)]
extern "C" fn get_nprocs_conf() -> c_int {
    // SAFETY: the function has no conditions.
    let processors = unsafe { original::get_nprocs_conf() };
    told(|| usize::try_from(processors).unwrap_or(0));
    processors
}
