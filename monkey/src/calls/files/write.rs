//! Writing.

use libc::{ENOSYS, ENOTSOCK, EOPNOTSUPP, RWF_NOWAIT, c_int, c_void, iovec, off_t, off64_t, size_t, ssize_t};

use super::kinds::{Kind, may_be_no_socket};
use super::unaware;
use crate::calls::blocking::{Call, How, place_for};
use crate::calls::buffers::{Rest, total};
use crate::calls::sockets::send::{send_all, send_message};
use crate::originals::originals;
use crate::place::Place;
use crate::wait::{errno, set_errno};

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
    if !may_be_no_socket(fd) {
        let before = errno();
        // SAFETY: by this function's contract.
        let sent = unsafe { send_all(place, fd, buffer, len, 0, std::ptr::null(), 0) };
        if sent >= 0 || errno() != ENOTSOCK {
            return sent;
        }
        set_errno(before);
    }
    let buffers = iovec {
        iov_base: buffer.cast_mut(),
        iov_len: len,
    };
    // SAFETY: by this function's contract.
    unsafe { write_file(place, fd, &raw const buffers, 1, 0) }
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
    if !may_be_no_socket(fd) {
        let before = errno();
        // SAFETY: a message is numbers and pointers, and null pointers say that something is not there.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = buffers.cast_mut();
        message.msg_iovlen = count as _;
        // SAFETY: by this function's contract. The buffers are only read.
        let sent = unsafe { send_message(place, fd, &raw const message, 0, 0) };
        if sent >= 0 || errno() != ENOTSOCK {
            return sent;
        }
        set_errno(before);
    }
    // SAFETY: by this function's contract.
    unsafe { write_file(place, fd, buffers, count, 0) }
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
    unsafe { write_file(place, fd, buffers, count, flags) }
}

/// Writes to what is no socket, or to one with flags.
///
/// # Safety
/// The contract of `pwritev2`; the buffers have more than nothing.
unsafe fn write_file(place: Place, fd: c_int, buffers: *const iovec, count: c_int, flags: c_int) -> ssize_t {
    // What RWF_NOWAIT writes to a regular file may be a part. Others may append in between.
    let kind = match Kind::of(fd) {
        // SAFETY: by this function's contract.
        None | Some(Kind::Disk) => return unsafe { write_at_once(fd, buffers, count, flags) },
        Some(kind) => kind,
    };
    let mut call = Call::writing(place, fd);
    if kind != Kind::Socket {
        call.without_limit();
    }
    // SAFETY: by this function's contract.
    let len = unsafe { total(buffers, count as usize) };
    let written = call.all(len, |done, how| {
        // SAFETY: by this function's contract.
        let rest = (done > 0).then(|| unsafe { Rest::of(buffers, count as usize, done) });
        let (buffers, count) = match &rest {
            None => (buffers, count),
            Some(rest) => (rest.buffers().as_ptr(), rest.buffers().len() as c_int),
        };
        match how {
            // SAFETY: by this function's contract.
            How::Try => unsafe { original::pwritev2(fd, buffers, count, -1, flags | RWF_NOWAIT) },
            // SAFETY: as above.
            How::Block => unsafe { write_at_once(fd, buffers, count, flags) },
        }
    });
    match (written, errno()) {
        // SAFETY: by this function's contract.
        (-1, EOPNOTSUPP | ENOSYS) => unsafe { unaware::write(&mut call, kind, buffers, count, len, flags) },
        _ => written,
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
