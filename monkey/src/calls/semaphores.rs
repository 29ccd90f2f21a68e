//! Semaphores of POSIX, which C libraries and some crates (ctrlc) wait for.
//!
//! Whoever posts may be a signal handler, which must not wake virtual threads, or another process. So a real thread
//! waits in the caller's place, by the C library's own function, and a post needs nothing.
//!
//! As with a futex, what is thrown into the wait is kept, and the wait goes on: its callers do not reckon with errors.

use libc::{c_int, clockid_t, sem_t, timespec};

use crate::originals::originals;
use crate::patches::Module;
use crate::place::place;
use crate::real_thread::by_real_thread;
use crate::wait::{errno, set_errno};

mod original {
    use super::*;

    originals! {
        sem_wait(semaphore: *mut sem_t) -> c_int;
        sem_timedwait(semaphore: *mut sem_t, time: *const timespec) -> c_int;
        sem_clockwait(semaphore: *mut sem_t, clock: clockid_t, time: *const timespec) -> c_int;
    }
}

/// sem_wait(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn sem_wait(semaphore: *mut sem_t) -> c_int {
    let address = semaphore.expose_provenance();
    // SAFETY: by the prototype's contract; the caller's semaphore is there while he waits for it.
    let wait = move || unsafe { original::sem_wait(std::ptr::with_exposed_provenance_mut(address)) };
    // SAFETY: by the prototype's contract.
    unsafe { waited(semaphore, wait) }
}

/// sem_timedwait(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn sem_timedwait(semaphore: *mut sem_t, time: *const timespec) -> c_int {
    let (address, its_time) = (semaphore.expose_provenance(), time.expose_provenance());
    // SAFETY: by the prototype's contract; what is the caller's is there while he waits.
    let wait = move || unsafe {
        let semaphore = std::ptr::with_exposed_provenance_mut(address);
        original::sem_timedwait(semaphore, std::ptr::with_exposed_provenance(its_time))
    };
    // SAFETY: by the prototype's contract.
    unsafe { waited(semaphore, wait) }
}

/// sem_clockwait(3), which older C libraries have not.
#[unsafe(no_mangle)]
unsafe extern "C" fn sem_clockwait(semaphore: *mut sem_t, clock: clockid_t, time: *const timespec) -> c_int {
    let (address, its_time) = (semaphore.expose_provenance(), time.expose_provenance());
    // SAFETY: by the prototype's contract; what is the caller's is there while he waits.
    let wait = move || unsafe {
        let semaphore = std::ptr::with_exposed_provenance_mut(address);
        original::sem_clockwait(semaphore, clock, std::ptr::with_exposed_provenance(its_time))
    };
    // SAFETY: by the prototype's contract.
    unsafe { waited(semaphore, wait) }
}

/// Has a real thread wait, if the caller may park and the semaphore cannot be had at once.
///
/// # Safety
/// The pointer is that of a semaphore.
unsafe fn waited(semaphore: *mut sem_t, wait: impl Fn() -> c_int + Copy + Send + 'static) -> c_int {
    if place(Module::Thread).is_none() {
        return wait();
    }
    let before = errno();
    // SAFETY: by this function's contract.
    if unsafe { libc::sem_trywait(semaphore) } == 0 {
        return 0;
    }
    set_errno(before);
    let job = move || {
        loop {
            let result = wait();
            let errno = errno();
            // A signal is nothing to the caller, whose thread goes on with others.
            if result == 0 || errno != libc::EINTR {
                return (result, errno);
            }
        }
    };
    match by_real_thread(job) {
        Ok((0, _)) => 0,
        Ok((result, errno)) => {
            set_errno(errno);
            result
        }
        Err(_) => wait(),
    }
}
