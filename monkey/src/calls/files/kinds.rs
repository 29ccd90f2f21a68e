//! [`Kind`]: what a descriptor is.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::c_int;

/// What a descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::calls) enum Kind {
    /// A regular file, a folder, a disk: it is always ready.
    Disk,
    /// A pipe, or a FIFO with a name.
    Pipe,
    Socket,
    /// A terminal or another device; an eventfd and the like.
    Other,
}

impl Kind {
    /// None if the descriptor is not open.
    pub(in crate::calls) fn of(fd: c_int) -> Option<Kind> {
        let mut status = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the kernel fills in the status.
        let got = unsafe { libc::fstat(fd, status.as_mut_ptr()) };
        // SAFETY: it has done so.
        let status = (got == 0).then(|| unsafe { status.assume_init() })?;
        let kind = match status.st_mode & libc::S_IFMT {
            libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK => Kind::Disk,
            libc::S_IFIFO => Kind::Pipe,
            libc::S_IFSOCK => Kind::Socket,
            _ => Kind::Other,
        };
        if let Some(other) = other(fd) {
            other.store(kind != Kind::Socket, Ordering::Relaxed);
        }
        Some(kind)
    }
}

/// Whether the descriptor was something else than a socket when it was last looked at, and so may be: its number can be
/// that of another file by now. Who believes it looks again.
pub(super) fn may_be_no_socket(fd: c_int) -> bool {
    other(fd).is_some_and(|other| other.load(Ordering::Relaxed))
}

fn other(fd: c_int) -> Option<&'static AtomicBool> {
    static OTHERS: [AtomicBool; 1024] = [const { AtomicBool::new(false) }; 1024];
    OTHERS.get(usize::try_from(fd).ok()?)
}
