//! Connecting.
//!
//! The kernel has one way only to begin a connection without waiting for it: `O_NONBLOCK`. It has no flag for a single
//! call. A negative `SO_SNDTIMEO` would do, too, but is no less a change, and the kernel writes a warning to its log;
//! `MSG_FASTOPEN` sends other packets; `io_uring` is forbidden in many containers; and a thread for each connection is
//! what virtual threads are to spare. So the flag is set for the time of this system call, which does not block, and
//! taken away again; nobody but those who use the same socket meanwhile can see it. Nothing is set for sockets that
//! connect at once.

use libc::{
    AF_UNIX, AF_UNSPEC, EAGAIN, EALREADY, EINPROGRESS, EISCONN, O_NONBLOCK, POLLOUT, c_int, sockaddr, socklen_t,
};

use crate::calls::blocking::{Call, place_for, ready, socket_option};
use crate::originals::originals;
use crate::place::Place;
use crate::wait::{Failed, errno, set_errno};

mod original {
    use super::*;

    originals! {
        connect(fd: c_int, address: *const sockaddr, address_len: socklen_t) -> c_int;
        __connect(fd: c_int, address: *const sockaddr, address_len: socklen_t) -> c_int;
    }
}

/// connect(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn connect(fd: c_int, address: *const sockaddr, address_len: socklen_t) -> c_int {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { connect_by(place, fd, address, address_len) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::connect(fd, address, address_len) },
    }
}

/// Another name of `connect`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __connect(fd: c_int, address: *const sockaddr, address_len: socklen_t) -> c_int {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { connect_by(place, fd, address, address_len) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::__connect(fd, address, address_len) },
    }
}

/// # Safety
/// The contract of `connect`.
unsafe fn connect_by(place: Place, fd: c_int, address: *const sockaddr, address_len: socklen_t) -> c_int {
    // SAFETY: by this function's contract.
    let connect = || unsafe { original::connect(fd, address, address_len) };
    // The length says whether there is a family.
    let family = match address.is_null() || (address_len as usize) < size_of::<libc::sa_family_t>() {
        true => return connect(),
        // SAFETY: as above.
        false => c_int::from(unsafe { (*address).sa_family }),
    };
    let waits = matches!(
        socket_option(fd, libc::SO_TYPE),
        Some(libc::SOCK_STREAM | libc::SOCK_SEQPACKET)
    );
    // SAFETY: F_GETFL changes nothing, and takes any number.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if !waits || family == AF_UNSPEC || flags < 0 || flags & O_NONBLOCK != 0 {
        return connect();
    }
    let mut call = Call::writing(place, fd);
    loop {
        let begun = begin(fd, flags, connect);
        let failed = match (begun, errno()) {
            (0, _) => return call.done(0) as c_int,
            (_, EINPROGRESS | EALREADY) => return wait_for_connection(&mut call, connect),
            // A Unix socket: the listener's queue is full, and nothing tells when it is not.
            (_, EAGAIN) if family == AF_UNIX => call.wait_a_while(),
            _ => return -1,
        };
        match failed {
            Ok(()) => {}
            Err(Failed::Errno(errno)) => return call.failed(0, errno) as c_int,
            Err(Failed::MustBlock) => return connect(),
        }
    }
}

/// Begins a connection without waiting for it.
fn begin(fd: c_int, flags: c_int, connect: impl Fn() -> c_int) -> c_int {
    set_flags(fd, flags | O_NONBLOCK);
    let begun = connect();
    let errno = errno();
    set_flags(fd, flags);
    set_errno(errno);
    begun
}

fn set_flags(fd: c_int, flags: c_int) {
    // SAFETY: flags are no pointers.
    unsafe { libc::fcntl(fd, libc::F_SETFL, flags) };
}

fn wait_for_connection(call: &mut Call, connect: impl Fn() -> c_int) -> c_int {
    loop {
        match call.wait() {
            Ok(()) if ready(call.fd(), POLLOUT) == 0 => {}
            // It is made, or has failed. The second call tells that, and sets the socket's state as a first one that
            // has waited would have done.
            Ok(()) => {
                return match connect() {
                    -1 if errno() == EISCONN => call.done(0) as c_int,
                    -1 => -1,
                    _ => call.done(0) as c_int,
                };
            }
            // The time is over.
            Err(Failed::Errno(EAGAIN)) => return call.failed(0, EINPROGRESS) as c_int,
            Err(Failed::Errno(errno)) => return call.failed(0, errno) as c_int,
            Err(Failed::MustBlock) => return connect(),
        }
    }
}
