//! Reading and writing by descriptors of all kinds.
//!
//! | what it is | how it is read and written |
//! |---|---|
//! | a socket | as one: with `MSG_DONTWAIT` |
//! | a regular file, a folder, a disk | by the C library at once: the kernel has no other way to wait for a disk |
//! | anything else: a pipe, an eventfd | with `RWF_NOWAIT`, if the kernel knows it for this kind |
//! | the others: a FIFO with a name, a terminal | once `poll` tells that it is ready; see `unaware.rs` |
//!
//! A call does not know what it is for. So it is made as a socket's first, unless the number was that of something else
//! when it was last looked at; and what is no socket is looked at each time.

mod kinds;
mod read;
mod unaware;
mod write;

use libc::{ENOSYS, ENOTSOCK, EOPNOTSUPP, c_int, iovec, ssize_t};

use crate::calls::blocking::{Call, How};
use crate::calls::buffers::total;
use crate::wait::{errno, set_errno};

pub(super) use self::kinds::Kind;

/// The flags of `preadv2` and `pwritev2` with which a pipe or a socket may wait. With another one the call fails, or is
/// not to wait.
const FLAGS_THAT_WAIT: c_int = libc::RWF_HIPRI | libc::RWF_DSYNC | libc::RWF_SYNC | libc::RWF_APPEND;

/// Whether so many buffers have room for nothing, or are not a number of buffers that the kernel takes. Then nothing is
/// waited for.
///
/// # Safety
/// There are so many buffers.
unsafe fn is_nothing(buffers: *const iovec, count: c_int) -> bool {
    // SAFETY: by this function's contract.
    !(1..=libc::UIO_MAXIOV).contains(&count) || unsafe { total(buffers, count as usize) } == 0
}

/// Moves bytes by a descriptor: as those of a socket, if it is one, else by `file`, which is told what it is.
fn transfer(fd: c_int, socket: impl Fn() -> ssize_t, file: impl FnOnce(Option<Kind>) -> ssize_t) -> ssize_t {
    if !kinds::may_be_no_socket(fd) {
        let before = errno();
        let moved = socket();
        if moved >= 0 || errno() != ENOTSOCK {
            return moved;
        }
        set_errno(before);
    }
    match Kind::of(fd) {
        Some(Kind::Socket) => socket(),
        kind => file(kind),
    }
}

/// How the bytes of what is not taken for a socket are moved.
trait Transfer {
    /// Moves some of those that are left when so many are moved, and fails with `EAGAIN` where it would block.
    ///
    /// # Errors
    /// As those of a system call. `EOPNOTSUPP` or `ENOSYS` if the kernel cannot do that.
    fn try_to(&self, done: usize) -> ssize_t;
    /// Moves some of those that are left, and blocks until it can.
    fn block(&self, done: usize) -> ssize_t;
    /// Moves them where the kernel cannot do it without blocking.
    fn unaware(&self, call: &mut Call, kind: Kind) -> ssize_t;
}

/// Moves `len` bytes, or some if this is 0, by what is of this kind.
fn transfer_file(mut call: Call, kind: Option<Kind>, len: usize, transfer: &impl Transfer) -> ssize_t {
    let kind = match kind {
        // What RWF_NOWAIT moves of a regular file may be a part, and others may append in between.
        None | Some(Kind::Disk) => return transfer.block(0),
        Some(kind) => kind,
    };
    if kind != Kind::Socket {
        call.without_limit();
    }
    let before = call.errno();
    let moved = call.all(len, |done, how| match how {
        How::Try => transfer.try_to(done),
        How::Block => {
            set_errno(before);
            transfer.block(done)
        }
    });
    match (moved, errno()) {
        (-1, EOPNOTSUPP | ENOSYS) => {
            set_errno(before);
            transfer.unaware(&mut call, kind)
        }
        _ => moved,
    }
}
