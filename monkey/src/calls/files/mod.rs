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

use libc::{c_int, iovec};

use crate::calls::buffers::total;

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
