//! Closing: whoever waits for the descriptor is woken before.
//!
//! A socket with `SO_LINGER` is closed when its peer has taken all, or when the option's time is over. The kernel has
//! no way to do that without blocking, so a real thread closes it. All else is closed at once.

use std::os::fd::RawFd;

use libc::{CLOSE_RANGE_CLOEXEC, c_int, c_long, c_uint};

use super::blocking::{place_for, socket_option};
use crate::closing::{closing, closing_all};
use crate::originals::originals;
use crate::place::Place;
use crate::real_thread::by_real_thread;
use crate::wait::{errno, set_errno};

mod original {
    use super::*;

    originals! {
        close(fd: c_int) -> c_int;
        __close(fd: c_int) -> c_int;
        dup2(from: c_int, to: c_int) -> c_int;
        __dup2(from: c_int, to: c_int) -> c_int;
        dup3(from: c_int, to: c_int, flags: c_int) -> c_int;
        closefrom(first: c_int) -> ();
    }
}

/// close(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn close(fd: c_int) -> c_int {
    closing(fd);
    // SAFETY: by the prototype's contract.
    let close = move || unsafe { original::close(fd) };
    if lingers(fd) { close_slowly(close) } else { close() }
}

/// Another name of `close`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __close(fd: c_int) -> c_int {
    closing(fd);
    // SAFETY: by the prototype's contract.
    let close = move || unsafe { original::__close(fd) };
    if lingers(fd) { close_slowly(close) } else { close() }
}

/// Whether closing the descriptor takes a while, and its caller may park. In plain greenlets nobody asks: most of what
/// they close is the runtime's own.
fn lingers(fd: c_int) -> bool {
    place_for(fd) == Some(Place::VirtualThread)
        && socket_option::<libc::linger>(fd, libc::SO_LINGER)
            .is_some_and(|linger| linger.l_onoff != 0 && linger.l_linger > 0)
}

/// Has a real thread close, and parks the caller until then. What is thrown into him is kept: nobody reckons with the
/// failure of a close.
#[cold]
fn close_slowly(close: impl Fn() -> c_int + Copy + Send + 'static) -> c_int {
    match by_real_thread(move || (close(), errno())) {
        Ok((0, _)) => 0,
        Ok((result, errno)) => {
            set_errno(errno);
            result
        }
        Err(_) => close(),
    }
}

/// dup2(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn dup2(from: c_int, to: c_int) -> c_int {
    replacing(from, to);
    // SAFETY: by the prototype's contract.
    unsafe { original::dup2(from, to) }
}

/// Another name of `dup2`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __dup2(from: c_int, to: c_int) -> c_int {
    replacing(from, to);
    // SAFETY: by the prototype's contract.
    unsafe { original::__dup2(from, to) }
}

/// dup3(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn dup3(from: c_int, to: c_int, flags: c_int) -> c_int {
    if flags & !libc::O_CLOEXEC == 0 {
        replacing(from, to);
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::dup3(from, to, flags) }
}

/// `to` is closed, unless there is nothing to put in its place.
#[inline]
fn replacing(from: c_int, to: c_int) {
    // SAFETY: F_GETFD changes nothing, and takes any number.
    if from != to && crate::closing::anybody_waits() && unsafe { libc::fcntl(from, libc::F_GETFD) } >= 0 {
        closing(to);
    }
}

/// close_range(2).
///
/// Programs may ask whether the C library has it, and old ones have not. So this is the system call, which may be
/// missing as well.
#[unsafe(no_mangle)]
unsafe extern "C" fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    if flags.cast_unsigned() & CLOSE_RANGE_CLOEXEC == 0 && first <= last {
        let most = |fd: c_uint| RawFd::try_from(fd).unwrap_or(RawFd::MAX);
        closing_all(most(first)..=most(last));
    }
    let (first, last, flags) = (c_long::from(first), c_long::from(last), c_long::from(flags));
    // SAFETY: by the prototype's contract.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) as c_int }
}

/// closefrom(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn closefrom(first: c_int) {
    closing_all(first.max(0)..=RawFd::MAX);
    // SAFETY: by the prototype's contract.
    unsafe { original::closefrom(first) }
}
