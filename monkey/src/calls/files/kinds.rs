//! [`Kind`]: what a descriptor is.

use std::mem::MaybeUninit;

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
        Some(match status.st_mode & libc::S_IFMT {
            libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK => Kind::Disk,
            libc::S_IFIFO => Kind::Pipe,
            libc::S_IFSOCK => Kind::Socket,
            _ => Kind::Other,
        })
    }
}
