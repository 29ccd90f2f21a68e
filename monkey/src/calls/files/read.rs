//! Reading.

use libc::{MSG_DONTWAIT, RWF_NOWAIT, c_int, c_void, iovec, off_t, off64_t, size_t, ssize_t};

use super::{Kind, Transfer, transfer, transfer_file, unaware};
use crate::calls::blocking::{Call, place_for};
use crate::calls::buffers::message;
use crate::calls::sockets::receive;
use crate::originals::originals;
use crate::place::Place;

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
    let socket = || {
        Call::reading(place, fd).once(|how| {
            // SAFETY: by this function's contract.
            unsafe { receive::original::recv(fd, buffer, len, how.flag(MSG_DONTWAIT)) }
        })
    };
    let buffers = iovec {
        iov_base: buffer,
        iov_len: len,
    };
    transfer(fd, socket, |kind| {
        // SAFETY: by this function's contract.
        unsafe { read_file(place, fd, kind, &raw const buffers, 1, 0) }
    })
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
    let socket = || {
        let mut message = message(buffers, count);
        Call::reading(place, fd).once(|how| {
            // SAFETY: by this function's contract. The kernel leaves the buffers' lengths alone.
            unsafe { receive::original::recvmsg(fd, &raw mut message, how.flag(MSG_DONTWAIT)) }
        })
    };
    // SAFETY: by this function's contract.
    transfer(fd, socket, |kind| unsafe {
        read_file(place, fd, kind, buffers, count, 0)
    })
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
    unsafe { read_file(place, fd, Kind::of(fd), buffers, count, flags) }
}

/// Reads what is no socket, or one with flags.
///
/// # Safety
/// The contract of `preadv2`.
unsafe fn read_file(
    place: Place,
    fd: c_int,
    kind: Option<Kind>,
    buffers: *const iovec,
    count: c_int,
    flags: c_int,
) -> ssize_t {
    let read = Read {
        fd,
        buffers,
        count,
        flags,
    };
    transfer_file(Call::reading(place, fd), kind, 0, &read)
}

/// What `preadv2` is asked for, by a caller who keeps its contract until this is over.
struct Read {
    fd: c_int,
    buffers: *const iovec,
    count: c_int,
    flags: c_int,
}

impl Transfer for Read {
    fn try_to(&self, _done: usize) -> ssize_t {
        // SAFETY: by the caller's contract.
        unsafe { original::preadv2(self.fd, self.buffers, self.count, -1, self.flags | RWF_NOWAIT) }
    }

    fn block(&self, _done: usize) -> ssize_t {
        // SAFETY: by the caller's contract.
        unsafe {
            match self.flags {
                0 => original::readv(self.fd, self.buffers, self.count),
                flags => original::preadv2(self.fd, self.buffers, self.count, -1, flags),
            }
        }
    }

    fn unaware(&self, call: &mut Call, _kind: Kind) -> ssize_t {
        unaware::read(call, || self.block(0))
    }
}
