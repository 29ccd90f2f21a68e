//! Accepting connections.
//!
//! The kernel has no way to accept without blocking but `O_NONBLOCK`. So a listener is asked whether there is a
//! connection, and only then is it accepted. In between, somebody else may take it, and then the thread blocks until
//! there is another one. Those who accept here do not take it from each other, as a lock is held by who looks and
//! accepts. There remain another process that has the same listener, and threads of this one that accept without this
//! crate: plain threads, and system calls that do not go through the C library.

use std::mem::MaybeUninit;

use libc::{POLLIN, SO_ACCEPTCONN, SOCK_CLOEXEC, SOCK_NONBLOCK, c_int, sockaddr, socklen_t};
use parking_lot::Mutex;

use crate::calls::blocking::{Call, place_for, ready, socket_option};
use crate::guards::never_parks;
use crate::originals::originals;
use crate::place::Place;
use crate::wait::{Failed, errno};

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
    let Some(lock) = lock_of(fd) else {
        return accept();
    };
    let mut call = Call::reading(place, fd);
    loop {
        let accepted = never_parks(|| {
            let _lock = lock.lock();
            (ready(fd, POLLIN) != 0).then(&accept)
        });
        match accepted {
            // Somebody else's: this listener does not block.
            Some(-1) if errno() == libc::EAGAIN => return -1,
            Some(accepted) => return accepted,
            // What is no listener fails at once.
            None if socket_option(fd, SO_ACCEPTCONN) != Some(1) => return accept(),
            None => {}
        }
        match call.wait() {
            Ok(()) => {}
            Err(Failed::Errno(errno)) => return call.failed(0, errno) as c_int,
            Err(Failed::MustBlock) => return accept(),
        }
    }
}

/// The lock of a listener, which is one for all descriptors that it has. None for what is no socket.
fn lock_of(fd: c_int) -> Option<&'static Mutex<()>> {
    static LOCKS: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel fills in the status.
    let got = unsafe { libc::fstat(fd, status.as_mut_ptr()) };
    // SAFETY: it has done so.
    let status = (got == 0).then(|| unsafe { status.assume_init() })?;
    let socket = status.st_mode & libc::S_IFMT == libc::S_IFSOCK;
    socket.then(|| &LOCKS[status.st_ino as usize % LOCKS.len()])
}
