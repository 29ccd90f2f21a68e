//! Accepting connections.
//!
//! The kernel has no way to accept without blocking but `O_NONBLOCK`. So a listener is asked whether there is a
//! connection, and only then is it accepted. In between, somebody else may take it, and then the thread blocks until
//! there is another one. Those who accept here do not take it from each other, as a lock is held by who looks and
//! accepts. There remain another process that has the same listener, and threads of this one that accept without this
//! crate: plain threads, and system calls that do not go through the C library.

use std::hint::spin_loop;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::yield_now;

use libc::{POLLIN, SO_ACCEPTCONN, SOCK_CLOEXEC, SOCK_NONBLOCK, c_int, sockaddr, socklen_t};

use crate::calls::blocking::{Call, is_nonblocking, place_for, ready, socket_option};
use crate::guards::never_parks;
use crate::originals::originals;
use crate::place::Place;
use crate::wait::Failed;

mod original {
    use super::*;

    originals! {
        accept(fd: c_int, address: *mut sockaddr, address_len: *mut socklen_t) -> c_int;
        accept4(fd: c_int, address: *mut sockaddr, address_len: *mut socklen_t, flags: c_int) -> c_int;
    }
}

/// accept(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn accept(fd: c_int, address: *mut sockaddr, address_len: *mut socklen_t) -> c_int {
    // SAFETY: by the prototype's contract.
    let accept = || unsafe { original::accept(fd, address, address_len) };
    match place_for(fd) {
        Some(place) => accept_by(place, fd, accept),
        None => accept(),
    }
}

/// accept4(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn accept4(fd: c_int, address: *mut sockaddr, address_len: *mut socklen_t, flags: c_int) -> c_int {
    // SAFETY: by the prototype's contract.
    let accept = || unsafe { original::accept4(fd, address, address_len, flags) };
    match place_for(fd) {
        // The kernel refuses other flags at once.
        Some(place) if flags & !(SOCK_CLOEXEC | SOCK_NONBLOCK) == 0 => accept_by(place, fd, accept),
        _ => accept(),
    }
}

fn accept_by(place: Place, fd: c_int, accept: impl Fn() -> c_int) -> c_int {
    let Some(lock) = lock_of(fd).filter(|_| !is_nonblocking(fd)) else {
        return accept();
    };
    let mut call = Call::reading(place, fd);
    loop {
        let waited = match Locked::new(lock) {
            Some(_locked) if ready(fd, POLLIN) != 0 => return accept(),
            // What is no listener fails at once.
            Some(_) if socket_option(fd, SO_ACCEPTCONN) != Some(1) => return accept(),
            Some(locked) => {
                drop(locked);
                call.wait()
            }
            // Somebody else accepts for so long that he waits for a connection, perhaps.
            None => call.wait_a_while(),
        };
        match waited {
            Ok(()) => {}
            Err(Failed::Errno(errno)) => return call.failed(0, errno) as c_int,
            Err(Failed::MustBlock) => return accept(),
        }
    }
}

/// The locks of listeners, by their numbers. Whoever has one may have to wait for a connection, so nobody waits for a
/// lock for long.
static LOCKS: [AtomicBool; 64] = [const { AtomicBool::new(false) }; 64];

/// The lock of a listener, which is one for all descriptors that it has. None for what is no socket.
fn lock_of(fd: c_int) -> Option<&'static AtomicBool> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel fills in the status.
    let got = unsafe { libc::fstat(fd, status.as_mut_ptr()) };
    // SAFETY: it has done so.
    let status = (got == 0).then(|| unsafe { status.assume_init() })?;
    let socket = status.st_mode & libc::S_IFMT == libc::S_IFSOCK;
    socket.then(|| &LOCKS[status.st_ino as usize % LOCKS.len()])
}

/// A lock, until this is dropped.
struct Locked(&'static AtomicBool);

impl Locked {
    /// None if somebody has it for longer than it takes to look.
    fn new(lock: &'static AtomicBool) -> Option<Locked> {
        for tries in 1..=1000 {
            if !lock.swap(true, Ordering::Acquire) {
                return Some(Locked(lock));
            }
            match tries % 100 {
                // Its holder may have been preempted.
                0 => never_parks(yield_now),
                _ => spin_loop(),
            }
        }
        None
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// In the child of a fork, none of the threads is there that may have locked one.
#[used]
#[unsafe(link_section = ".init_array")]
static UNLOCK_IN_CHILDREN: extern "C" fn() = unlock_in_children;

extern "C" fn unlock_in_children() {
    unsafe extern "C" fn unlock_all() {
        (LOCKS.iter()).for_each(|lock| lock.store(false, Ordering::Relaxed));
    }
    // SAFETY: the function stays, as the program does not unload itself.
    unsafe { libc::pthread_atfork(None, None, Some(unlock_all)) };
}
