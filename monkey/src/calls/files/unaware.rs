//! Descriptors of kinds for which the kernel does not know `RWF_NOWAIT`: named FIFOs, terminals, other devices.
//!
//! They are asked by `poll`. Somebody else may read, or write, between that and the call, which then blocks the thread
//! until there is something again.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use libc::{POLLIN, POLLOUT, c_int, iovec, ssize_t};

use super::kinds::Kind;
use super::write::write_at_once;
use crate::calls::blocking::{Call, How, is_nonblocking, ready};
use crate::calls::buffers::Rest;
use crate::wait::{Failed, errno, set_errno};

/// A pipe that can be written takes so much at once.
const ROOM: usize = libc::PIPE_BUF;

/// Reads by `read`, which blocks, once there is something.
pub(super) fn read(call: &mut Call, read: impl Fn() -> ssize_t) -> ssize_t {
    let fd = call.fd();
    if is_nonblocking(fd) {
        return read();
    }
    loop {
        if ready(fd, POLLIN) != 0 {
            return read();
        }
        let limit = time_of_terminal(fd);
        match limit {
            Some(Duration::ZERO) => return read(),
            Some(limit) => call.limit(limit),
            None => {}
        }
        match call.wait() {
            Ok(()) => {}
            // The time is over, and nothing has come.
            Err(Failed::Errno(libc::EAGAIN)) if limit.is_some() => return call.done(0),
            Err(Failed::Errno(errno)) => return call.failed(0, errno),
            Err(Failed::MustBlock) => return read(),
        }
    }
}

/// How long a read from a terminal waits for the first character. None if that is for ever, or this is none.
fn time_of_terminal(fd: c_int) -> Option<Duration> {
    const TENTH: Duration = Duration::from_millis(100);
    let mut settings = MaybeUninit::<libc::termios>::uninit();
    let errno = errno();
    // SAFETY: the call takes any number, and fills in the settings if this is a terminal.
    let settings = unsafe { (libc::tcgetattr(fd, settings.as_mut_ptr()) == 0).then(|| settings.assume_init()) };
    set_errno(errno);
    settings
        .filter(|settings| settings.c_lflag & libc::ICANON == 0 && settings.c_cc[libc::VMIN] == 0)
        .map(|settings| TENTH * settings.c_cc[libc::VTIME].into())
}

/// Writes all, as `pwritev2` with these flags.
///
/// # Safety
/// There are so many buffers, of `len` bytes.
pub(super) unsafe fn write(
    call: &mut Call,
    kind: Kind,
    buffers: *const iovec,
    count: c_int,
    len: usize,
    flags: c_int,
) -> ssize_t {
    let fd = call.fd();
    set_errno(call.errno());
    match kind {
        // SAFETY: by this function's contract.
        _ if is_nonblocking(fd) => unsafe { write_at_once(fd, buffers, count, flags) },
        // SAFETY: by this function's contract.
        Kind::Pipe => unsafe { write_to_pipe(call, buffers, count, len, flags) },
        // SAFETY: by this function's contract.
        _ if ready(fd, POLLOUT) & POLLOUT != 0 && unsafe { is_one(buffers, len) } => unsafe {
            write_at_once(fd, buffers, count, flags)
        },
        // SAFETY: by this function's contract.
        _ => unsafe { write_in_pool(call, buffers, count, len, flags) },
    }
}

/// Whether an eventfd that can be written takes this at once: the number 1. Any other one may be too much.
///
/// # Safety
/// There is a buffer.
unsafe fn is_one(buffers: *const iovec, len: usize) -> bool {
    // SAFETY: by this function's contract.
    let first = unsafe { *buffers };
    // SAFETY: the first buffer has so many bytes.
    len == 8 && first.iov_len == 8 && unsafe { first.iov_base.cast::<u64>().read_unaligned() } == 1
}

/// Writes as much at a time as fits in there for sure. More than that may be torn by other writers, as ever.
///
/// # Safety
/// As for [`write`].
unsafe fn write_to_pipe(call: &mut Call, buffers: *const iovec, count: c_int, len: usize, flags: c_int) -> ssize_t {
    let fd = call.fd();
    call.all(len, |done, how| {
        if how == How::Try && ready(fd, POLLOUT) == 0 {
            set_errno(libc::EAGAIN);
            return -1;
        }
        if done == 0 && (how == How::Block || len <= ROOM) {
            // SAFETY: by this function's contract.
            return unsafe { write_at_once(fd, buffers, count, flags) };
        }
        // SAFETY: by this function's contract.
        let mut rest = unsafe { Rest::of(buffers, count as usize, done) };
        rest.cut(ROOM);
        let rest = rest.buffers();
        // SAFETY: these are buffers of the caller's.
        unsafe { write_at_once(fd, rest.as_ptr(), rest.len() as c_int, flags) }
    })
}

/// Has a thread of the hub's pool write: nothing tells how much a terminal takes at once. What is written is copied,
/// and the descriptor is another one, as the thread goes on if something is thrown into the caller.
///
/// # Safety
/// As for [`write`].
unsafe fn write_in_pool(call: &mut Call, buffers: *const iovec, count: c_int, len: usize, flags: c_int) -> ssize_t {
    // SAFETY: F_DUPFD_CLOEXEC takes any number.
    let fd = unsafe { libc::fcntl(call.fd(), libc::F_DUPFD_CLOEXEC, 0) };
    if fd < 0 {
        // SAFETY: by this function's contract.
        return unsafe { write_at_once(call.fd(), buffers, count, flags) };
    }
    // SAFETY: it is new, and nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut bytes = Vec::with_capacity(len);
    for n in 0..count as usize {
        // SAFETY: by this function's contract; an empty buffer may be null.
        unsafe {
            let buffer = *buffers.add(n);
            let part = buffer.iov_len.min(len - bytes.len());
            if part > 0 {
                bytes.extend_from_slice(std::slice::from_raw_parts(buffer.iov_base.cast::<u8>(), part));
            }
        }
    }
    let written = call.place().in_pool(move || {
        let buffer = iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        // SAFETY: the buffer is that of the bytes, which are there until this returns.
        let written = unsafe { write_at_once(fd.as_raw_fd(), &raw const buffer, 1, flags) };
        (written, errno())
    });
    match written {
        Ok((-1, errno)) | Err(Failed::Errno(errno)) => call.failed(0, errno),
        Ok((written, _)) => call.done(written.cast_unsigned()),
        // SAFETY: by this function's contract.
        Err(Failed::MustBlock) => unsafe { write_at_once(call.fd(), buffers, count, flags) },
    }
}
