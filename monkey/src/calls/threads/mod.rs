//! Threads that are made, joined, and give way.
//!
//! `std::thread::spawn` in a virtual thread makes another one of the same carrier, unless it is a worker of a runtime.
//! std makes threads by `pthread_create` with a function of its own, by which it is known: the threads of C libraries
//! have others, and are real ones.
//!
//! The sanitizers, with which there are no virtual threads, put their own functions in the place of those that make and
//! join threads. There, the names are theirs.
//!
//! | file | job |
//! |---|---|
//! | `mod.rs` | making threads; giving way |
//! | `made.rs` | the virtual threads that were made here |
//! | `joins.rs` | joining them, and real ones |
//! | `names.rs` | the names of virtual threads in the C library |
//! | `workers.rs` | threads that are real all the same: the workers of runtimes |

mod joins;
mod made;
mod names;
mod workers;

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gevent_threading::{DEFAULT_STACK_SIZE, NativeThread};
use libc::{c_int, pthread_attr_t, pthread_t};

use super::futexes::parks;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::Failed;
use made::{Answer, made};
pub use workers::real_threads;

mod original {
    use super::*;

    crate::originals::originals! {
        pthread_create(
            thread: *mut pthread_t,
            attributes: *const pthread_attr_t,
            start: Start,
            argument: *mut c_void,
        ) -> c_int;
        sched_yield() -> c_int;
    }
}

/// The function of a thread.
type Start = extern "C" fn(*mut c_void) -> *mut c_void;

/// The function of all threads of std; zero while it is not known.
static STDS_START: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether the next thread that this one makes is one of std.
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Called before anything is patched: looks how std makes and parks threads.
pub(crate) fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        IS_WATCHED.set(true);
        let watched = real_threads(|| thread::Builder::new().spawn(parks::learn));
        IS_WATCHED.set(false);
        if let Ok(watched) = watched {
            // It does not panic.
            let _ = watched.join();
        }
    });
}

/// pthread_create(3).
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "it is the sanitizer's"))]
unsafe extern "C" fn pthread_create(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    if IS_WATCHED.replace(false) {
        STDS_START.store(start as usize, Ordering::Relaxed);
    }
    if start as usize == STDS_START.load(Ordering::Relaxed)
        && place(Module::Thread) == Some(Place::VirtualThread)
        && !workers::next_is_real()
    {
        // SAFETY: by the prototype's contract.
        let (size, is_detached) = unsafe { settings(attributes) };
        let Some(number) = make(start, argument, size, is_detached) else {
            return libc::EAGAIN;
        };
        // SAFETY: by the prototype's contract.
        unsafe { *thread = number };
        return 0;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::pthread_create(thread, attributes, start, argument) }
}

/// Makes a virtual thread. None if there is no memory for it, or its carrier's hub is gone.
fn make(start: Start, argument: *mut c_void, size: usize, is_detached: bool) -> Option<pthread_t> {
    let answer = Answer::default();
    let theirs = answer.clone();
    let argument = argument.expose_provenance();
    let run = move || theirs.set(start(std::ptr::with_exposed_provenance_mut(argument)));
    let thread = NativeThread::spawn(size, run).ok()?;
    let number = thread.pthread() as pthread_t;
    if !is_detached {
        made().add(number, thread, answer);
    }
    Some(number)
}

/// The size of the stack that the attributes ask for, and whether nobody will join the thread.
///
/// # Safety
/// They are null, or initialised.
unsafe fn settings(attributes: *const pthread_attr_t) -> (usize, bool) {
    let (mut size, mut detached) = (0, 0);
    if attributes.is_null() {
        return (DEFAULT_STACK_SIZE, false);
    }
    // SAFETY: by this function's contract.
    unsafe {
        libc::pthread_attr_getstacksize(attributes, &raw mut size);
        pthread_attr_getdetachstate(attributes, &raw mut detached);
    }
    let size = if size == 0 { DEFAULT_STACK_SIZE } else { size };
    (size, detached == libc::PTHREAD_CREATE_DETACHED)
}

unsafe extern "C" {
    fn pthread_attr_getdetachstate(attributes: *const pthread_attr_t, state: *mut c_int) -> c_int;
}

/// sched_yield(2). In plain greenlets this gives no turn to others: locks spin by it, and may be half-way through
/// something that the next greenlet of the same thread must not see.
#[unsafe(no_mangle)]
extern "C" fn sched_yield() -> c_int {
    if place(Module::Thread) == Some(Place::VirtualThread)
        && Place::VirtualThread.wait(|_| hub::sleep(0)) != Err(Failed::MustBlock)
    {
        return 0;
    }
    // SAFETY: the function has no conditions.
    unsafe { original::sched_yield() }
}
