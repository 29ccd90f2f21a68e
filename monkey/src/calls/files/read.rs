//! Reading.

use libc::{
    ENOSYS, ENOTSOCK, EOPNOTSUPP, MSG_DONTWAIT, RWF_NOWAIT, c_int, c_void, iovec, off_t, off64_t, size_t, ssize_t,
};

use super::kinds::{Kind, may_be_no_socket};
use super::unaware;
use crate::calls::blocking::{Call, How, place_for};
use crate::calls::sockets::receive;
use crate::originals::originals;
use crate::place::Place;
use crate::wait::{errno, set_errno};

mod original {
    use super::*;

    originals! {
        read(fd: c_int, buffer: *mut c_void, len: size_t) -> ssize_t;
        __read(fd: c_int, buffer: *mut c_void, len: size_t) -> ssize_t;
        __read_chk(fd: c_int, buffer: *mut c_void, len: size_t, room: size_t) -> ssize_t;
        readv(fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t;
        preadv2(fd: c_int, buffers: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t;
        preadv64v2(fd: c_int, buffers: *const iovec, count: c_int, offset: off64_t, flags: c_int) -> ssize_t;
    }
}

/// read(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: c_int, buffer: *mut c_void, len: size_t) -> ssize_t {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) if len > 0 => unsafe { read_by(place, fd, buffer, len) },
        // SAFETY: by the prototype's contract.
        _ => unsafe { original::read(fd, buffer, len) },
    }
}

/// Another name of `read`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __read(fd: c_int, buffer: *mut c_void, len: size_t) -> ssize_t {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) if len > 0 => unsafe { read_by(place, fd, buffer, len) },
        // SAFETY: by the prototype's contract.
        _ => unsafe { original::__read(fd, buffer, len) },
    }
}

/// `read` in C code that was compiled with `_FORTIFY_SOURCE`, which knows how much room there is.
#[unsafe(no_mangle)]
unsafe extern "C" fn __read_chk(fd: c_int, buffer: *mut c_void, len: size_t, room: size_t) -> ssize_t {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) if len > 0 && len <= room => unsafe { read_by(place, fd, buffer, len) },
        // The original ends the process if there is too little room.
        // SAFETY: by the prototype's contract.
        _ => unsafe { original::__read_chk(fd, buffer, len, room) },
    }
}

/// # Safety
/// The contract of `read`.
unsafe fn read_by(place: Place, fd: c_int, buffer: *mut c_void, len: usize) -> ssize_t {
    let mut call = Call::reading(place, fd);
    if !may_be_no_socket(fd) {
        let received = call.once(|how| {
            // SAFETY: by this function's contract.
            unsafe { receive::original::recv(fd, buffer, len, how.flag(MSG_DONTWAIT)) }
        });
        if received >= 0 || errno() != ENOTSOCK {
            return received;
        }
    }
    let buffers = iovec {
        iov_base: buffer,
        iov_len: len,
    };
    // SAFETY: by this function's contract.
    unsafe { read_file(&mut call, &raw const buffers, 1, 0) }
}

/// readv(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn readv(fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { readv_by(place, fd, buffers, count) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::readv(fd, buffers, count) },
    }
}

/// # Safety
/// The contract of `readv`.
unsafe fn readv_by(place: Place, fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: by this function's contract.
    if unsafe { super::is_nothing(buffers, count) } {
        // SAFETY: by this function's contract.
        return unsafe { original::readv(fd, buffers, count) };
    }
    let mut call = Call::reading(place, fd);
    if !may_be_no_socket(fd) {
        // SAFETY: a message is numbers and pointers, and null pointers say that something is not there.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = buffers.cast_mut();
        message.msg_iovlen = count as _;
        let received = call.once(|how| {
            // SAFETY: by this function's contract. The kernel leaves the buffers' lengths alone.
            unsafe { receive::original::recvmsg(fd, &raw mut message, how.flag(MSG_DONTWAIT)) }
        });
        if received >= 0 || errno() != ENOTSOCK {
            return received;
        }
    }
    // SAFETY: by this function's contract.
    unsafe { read_file(&mut call, buffers, count, 0) }
}

/// preadv2(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn preadv2(fd: c_int, buffers: *const iovec, count: c_int, offset: off_t, flags: c_int) -> ssize_t {
    // Only what has offsets can be read at one, and that is never waited for.
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) if offset == -1 => unsafe { preadv2_by(place, fd, buffers, count, flags) },
        // SAFETY: by the prototype's contract.
        _ => unsafe { original::preadv2(fd, buffers, count, offset, flags) },
    }
}

/// `preadv2` with offsets of 64 bits.
#[unsafe(no_mangle)]
unsafe extern "C" fn preadv64v2(
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    offset: off64_t,
    flags: c_int,
) -> ssize_t {
    match place_for(fd) {
        // SAFETY: by the prototype's contract.
        Some(place) if offset == -1 => unsafe { preadv2_by(place, fd, buffers, count, flags) },
        // SAFETY: by the prototype's contract.
        _ => unsafe { original::preadv64v2(fd, buffers, count, offset, flags) },
    }
}

/// # Safety
/// The contract of `preadv2`.
unsafe fn preadv2_by(place: Place, fd: c_int, buffers: *const iovec, count: c_int, flags: c_int) -> ssize_t {
    if flags == 0 {
        // SAFETY: by this function's contract.
        return unsafe { readv_by(place, fd, buffers, count) };
    }
    // SAFETY: by this function's contract.
    if flags & !super::FLAGS_THAT_WAIT != 0 || unsafe { super::is_nothing(buffers, count) } {
        // SAFETY: by this function's contract.
        return unsafe { original::preadv2(fd, buffers, count, -1, flags) };
    }
    // SAFETY: by this function's contract.
    unsafe { read_file(&mut Call::reading(place, fd), buffers, count, flags) }
}

/// Reads what is no socket, or one with flags.
///
/// # Safety
/// The contract of `preadv2`.
unsafe fn read_file(call: &mut Call, buffers: *const iovec, count: c_int, flags: c_int) -> ssize_t {
    let fd = call.fd();
    let before = call.errno();
    let block = || {
        set_errno(before);
        // SAFETY: by this function's contract.
        unsafe {
            match flags {
                0 => original::readv(fd, buffers, count),
                _ => original::preadv2(fd, buffers, count, -1, flags),
            }
        }
    };
    // What RWF_NOWAIT reads of a regular file may be less than there is.
    match Kind::of(fd) {
        None | Some(Kind::Disk) => return block(),
        Some(Kind::Socket) => {}
        Some(Kind::Pipe | Kind::Other) => call.without_limit(),
    }
    let read = call.once(|how| match how {
        // SAFETY: by this function's contract.
        How::Try => unsafe { original::preadv2(fd, buffers, count, -1, flags | RWF_NOWAIT) },
        How::Block => block(),
    });
    match (read, errno()) {
        (-1, EOPNOTSUPP | ENOSYS) => unaware::read(call, block),
        _ => read,
    }
}
