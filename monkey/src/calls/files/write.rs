//! Writing.

use libc::{RWF_NOWAIT, c_int, c_void, iovec, off_t, off64_t, size_t, ssize_t};

use super::{Kind, Transfer, transfer, transfer_file, unaware};
use crate::calls::blocking::{Call, place_for};
use crate::calls::buffers::{Rest, message, total};
use crate::calls::sockets::send::{send_all, send_message};
use crate::originals::originals;
use crate::place::Place;

mod original {
    use super::*;

    originals! {
        write(fd: c_int, buffer: *const c_void, len: size_t) -> ssize_t;
        __write(fd: c_int, buffer: *const c_void, len: size_t) -> ssize_t;
        writev(fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t;
        pwritev2(fd: c_int, buffers: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t;
        pwritev64v2(fd: c_int, buffers: *const iovec, count: c_int, offset: off64_t, flags: c_int) -> ssize_t;
    }
}

/// write(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, len: size_t) -> ssize_t {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) if len > 0 => unsafe { write_by(place, fd, buffer, len) },
        // SAFETY: by the prototype's contract.
        _ => unsafe { original::write(fd, buffer, len) },
    }
}

/// Another name of `write`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __write(fd: c_int, buffer: *const c_void, len: size_t) -> ssize_t {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) if len > 0 => unsafe { write_by(place, fd, buffer, len) },
        // SAFETY: by the prototype's contract.
        _ => unsafe { original::__write(fd, buffer, len) },
    }
}

/// A socket that has records (`SOCK_SEQPACKET`) gets one without `MSG_EOR`, which the kernel would set. Unix sockets
/// make no difference.
///
/// # Safety
/// The contract of `write`.
unsafe fn write_by(place: Place, fd: c_int, buffer: *const c_void, len: usize) -> ssize_t {
    // SAFETY: by this function's contract.
    let socket = || unsafe { send_all(place, fd, buffer, len, 0, std::ptr::null(), 0) };
    let buffers = iovec {
        iov_base: buffer.cast_mut(),
        iov_len: len,
    };
    transfer(fd, socket, |kind| {
        // SAFETY: by this function's contract.
        unsafe { write_file(place, fd, kind, &raw const buffers, 1, 0) }
    })
}

/// writev(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { writev_by(place, fd, buffers, count) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::writev(fd, buffers, count) },
    }
}

/// # Safety
/// The contract of `writev`.
unsafe fn writev_by(place: Place, fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: by this function's contract.
    if unsafe { super::is_nothing(buffers, count) } {
        // SAFETY: by this function's contract.
        return unsafe { original::writev(fd, buffers, count) };
    }
    let socket = || {
        let message = message(buffers, count);
        // SAFETY: by this function's contract. The buffers are only read.
        unsafe { send_message(place, fd, &raw const message, 0, 0) }
    };
    // SAFETY: by this function's contract.
    transfer(fd, socket, |kind| unsafe {
        write_file(place, fd, kind, buffers, count, 0)
    })
}

/// pwritev2(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn pwritev2(fd: c_int, buffers: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t {
    // Only what has offsets can be written at one, and that is never waited for.
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) if offset == -1 => unsafe { pwritev2_by(place, fd, buffers, count, flags) },
        // SAFETY: by the prototype's contract.
        _ => unsafe { original::pwritev2(fd, buffers, count, offset, flags) },
    }
}

/// `pwritev2` with offsets of 64 bits.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwritev64v2(
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    offset: off64_t,
    flags: c_int,
) -> ssize_t {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) if offset == -1 => unsafe { pwritev2_by(place, fd, buffers, count, flags) },
        // SAFETY: by the prototype's contract.
        _ => unsafe { original::pwritev64v2(fd, buffers, count, offset, flags) },
    }
}

/// # Safety
/// The contract of `pwritev2`.
unsafe fn pwritev2_by(place: Place, fd: c_int, buffers: *const iovec, count: c_int, flags: c_int) -> ssize_t {
    if flags == 0 {
        // SAFETY: by this function's contract.
        return unsafe { writev_by(place, fd, buffers, count) };
    }
    // SAFETY: by this function's contract.
    if flags & !super::FLAGS_THAT_WAIT != 0 || unsafe { super::is_nothing(buffers, count) } {
        // SAFETY: by this function's contract.
        return unsafe { original::pwritev2(fd, buffers, count, -1, flags) };
    }
    // SAFETY: by this function's contract.
    unsafe { write_file(place, fd, Kind::of(fd), buffers, count, flags) }
}

/// Writes to what is no socket, or to one with flags.
///
/// # Safety
/// The contract of `pwritev2`; the buffers have more than nothing.
unsafe fn write_file(
    place: Place,
    fd: c_int,
    kind: Option<Kind>,
    buffers: *const iovec,
    count: c_int,
    flags: c_int,
) -> ssize_t {
    // SAFETY: by this function's contract.
    let len = unsafe { total(buffers, count as usize) };
    let write = Write {
        fd,
        buffers,
        count,
        len,
        flags,
    };
    transfer_file(Call::writing(place, fd), kind, len, &write)
}

/// What `pwritev2` is asked for, by a caller who keeps its contract until this is over.
struct Write {
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    len: usize,
    flags: c_int,
}

impl Write {
    /// Calls `write` with the buffers that are left when so many bytes are written.
    fn with_rest(&self, done: usize, write: impl FnOnce(*const iovec, c_int) -> ssize_t) -> ssize_t {
        if done == 0 {
            return write(self.buffers, self.count);
        }
        // SAFETY: by the caller's contract.
        let rest = unsafe { Rest::of(self.buffers, self.count as usize, done) };
        write(rest.buffers().as_ptr(), rest.buffers().len() as c_int)
    }
}

impl Transfer for Write {
    fn try_to(&self, done: usize) -> ssize_t {
        self.with_rest(done, |buffers, count| {
            // SAFETY: by the caller's contract.
            unsafe { original::pwritev2(self.fd, buffers, count, -1, self.flags | RWF_NOWAIT) }
        })
    }

    fn block(&self, done: usize) -> ssize_t {
        self.with_rest(done, |buffers, count| {
            // SAFETY: by the caller's contract.
            unsafe { write_at_once(self.fd, buffers, count, self.flags) }
        })
    }

    fn unaware(&self, call: &mut Call, kind: Kind) -> ssize_t {
        // SAFETY: by the caller's contract.
        unsafe { unaware::write(call, kind, self.buffers, self.count, self.len, self.flags) }
    }
}

/// Writes by the C library, which may block.
///
/// # Safety
/// The contract of `pwritev2`.
pub(super) unsafe fn write_at_once(fd: c_int, buffers: *const iovec, count: c_int, flags: c_int) -> ssize_t {
    match flags {
        // SAFETY: by this function's contract.
        0 => unsafe { original::writev(fd, buffers, count) },
        // SAFETY: by this function's contract.
        _ => unsafe { original::pwritev2(fd, buffers, count, -1, flags) },
    }
}
