//! [`Way`]: how to read and write without blocking the thread, at descriptors that others use as well.
//!
//! gevent sets `O_NONBLOCK`. This flag belongs to what was opened, not to the descriptor: it holds for each copy of it,
//! in other processes, too. With it on descriptor 1, or on the terminal, `println!` panics as soon as nobody reads, and
//! the shell that runs next may find its input ended. So nothing here sets it on a descriptor that came from somewhere
//! else. There are other ways:
//!
//! | descriptor | way |
//! |---|---|
//! | a socket | `MSG_DONTWAIT`, which holds for one call |
//! | a pipe | `RWF_NOWAIT`, which holds for one call, too |
//! | a terminal | it is opened once more, with `O_NONBLOCK`: this flag is then ours alone |
//! | a regular file or block device | it never says that it would block, so each call takes as long as it takes |
//! | any other, and where the way above is not there | the system is asked whether the descriptor is ready; then a read returns what is there, and a write of few bytes has room |
//!
//! The last way has a gap: if another process reads the same descriptor, it may be faster, and our read blocks until
//! more comes.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags};

use crate::no_sigpipe::without_sigpipe;

/// How to call the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By plain calls.
    Plain,
    /// By those of sockets.
    Socket,
    /// By calls that are told not to wait. If the system cannot do that, the way becomes `Ready`.
    NoWait,
    /// By plain calls, if the system says that the descriptor is ready, of so many bytes at most if they write.
    Ready { most: usize },
}

/// How many bytes a pipe takes at once when it says that it has room. `PIPE_BUF` is 4096 on Linux, and at least 512.
const PIPE: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    4096
} else {
    512
};

/// How many bytes a terminal takes at once when it says that it has room: Linux counts it in units of 256 bytes, and
/// one byte becomes eight at most, if it is a tab.
const TERMINAL: usize = 32;

/// The same of the other end of a terminal, which changes no bytes.
const MASTER: usize = 256;

/// What to do with a descriptor, and for a terminal the descriptor that is ours alone.
pub(super) fn choose(fd: BorrowedFd<'_>) -> io::Result<(Way, Option<OwnedFd>)> {
    use std::io::IsTerminal;
    let stat = fstat(fd)?;
    let way = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::BlockDevice | FileType::Directory => Way::Plain,
        FileType::Socket => Way::Socket,
        _ if fd.is_terminal() => {
            return Ok(match terminal::reopen(fd, stat.st_rdev as u64) {
                terminal::Own::Opened(own) => (Way::Plain, Some(own)),
                terminal::Own::Master => (Way::Ready { most: MASTER }, None),
                terminal::Own::Refused => (Way::Ready { most: TERMINAL }, None),
            });
        }
        _ => Way::NoWait,
    };
    Ok((way, None))
}

/// Whether no loop can wait for the descriptor: that of a regular file or block device.
pub(super) fn never_waits(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let kind = FileType::from_raw_mode(fstat(fd)?.st_mode);
    Ok(matches!(
        kind,
        FileType::RegularFile | FileType::BlockDevice | FileType::Directory
    ))
}

/// Reads what is there. Fails with `WouldBlock` if it is nothing.
pub(super) fn read(fd: BorrowedFd<'_>, way: &Cell<Way>, buf: &mut [u8]) -> io::Result<usize> {
    match way.get() {
        Way::Plain => Ok(rustix::io::read(fd, buf)?),
        Way::Socket => Ok(rustix::net::recv(fd, buf, RecvFlags::DONTWAIT)?.0),
        Way::NoWait => match no_wait::read(fd, buf) {
            Err(error) if is_unknown(error) => {
                way.set(Way::Ready { most: PIPE });
                read(fd, way, buf)
            }
            read => Ok(read?),
        },
        Way::Ready { .. } => {
            check(fd, PollFlags::IN)?;
            Ok(rustix::io::read(fd, buf)?)
        }
    }
}

/// Writes as much as there is room for. Fails with `WouldBlock` if there is none.
pub(super) fn write(fd: BorrowedFd<'_>, way: &Cell<Way>, buf: &[u8]) -> io::Result<usize> {
    match way.get() {
        Way::Plain => Ok(rustix::io::write(fd, buf)?),
        Way::Socket => Ok(rustix::net::send(fd, buf, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?),
        Way::NoWait => match without_sigpipe(buf.len(), || Ok(no_wait::write(fd, buf)?)) {
            Err(error) if Errno::from_io_error(&error).is_some_and(is_unknown) => {
                way.set(Way::Ready { most: PIPE });
                write(fd, way, buf)
            }
            written => written,
        },
        Way::Ready { most } => {
            check(fd, PollFlags::OUT)?;
            let buf = &buf[..buf.len().min(most)];
            without_sigpipe(buf.len(), || Ok(rustix::io::write(fd, buf)?))
        }
    }
}

/// Whether the system, or this descriptor, has no call that is told not to wait.
fn is_unknown(error: Errno) -> bool {
    matches!(error, Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL)
}

/// Asks the system whether the descriptor is ready. One that has failed is: the call returns the error.
fn check(fd: BorrowedFd<'_>, events: PollFlags) -> io::Result<()> {
    let mut asked = [PollFd::new(&fd, events)];
    match retry_on_intr(|| poll(&mut asked, Some(&Timespec::default())))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

#[cfg(target_os = "linux")]
mod no_wait {
    use std::io::{IoSlice, IoSliceMut};
    use std::os::fd::BorrowedFd;

    use rustix::io::{ReadWriteFlags, Result, preadv2, pwritev2};

    /// The offset that means the descriptor's own position, if it has one.
    const HERE: u64 = u64::MAX;

    pub(super) fn read(fd: BorrowedFd<'_>, buf: &mut [u8]) -> Result<usize> {
        preadv2(fd, &mut [IoSliceMut::new(buf)], HERE, ReadWriteFlags::NOWAIT)
    }

    pub(super) fn write(fd: BorrowedFd<'_>, buf: &[u8]) -> Result<usize> {
        pwritev2(fd, &[IoSlice::new(buf)], HERE, ReadWriteFlags::NOWAIT)
    }
}

#[cfg(not(target_os = "linux"))]
mod no_wait {
    use std::os::fd::BorrowedFd;

    use rustix::io::{Errno, Result};

    pub(super) fn read(_fd: BorrowedFd<'_>, _buf: &mut [u8]) -> Result<usize> {
        Err(Errno::NOSYS)
    }

    pub(super) fn write(_fd: BorrowedFd<'_>, _buf: &[u8]) -> Result<usize> {
        Err(Errno::NOSYS)
    }
}

mod terminal {
    use std::os::fd::{BorrowedFd, OwnedFd};

    pub(super) enum Own {
        Opened(OwnedFd),
        /// It is the other end of a terminal: to open that once more makes a new terminal.
        Master,
        Refused,
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn reopen(fd: BorrowedFd<'_>, device: u64) -> Own {
        use std::os::fd::AsRawFd;

        use rustix::fs::{Mode, OFlags, fcntl_getfl, fstat, major, minor, open};

        /// The device `/dev/ptmx`.
        const PTMX: (u32, u32) = (5, 2);

        if (major(device), minor(device)) == PTMX {
            return Own::Master;
        }
        let opened = || {
            let access = fcntl_getfl(fd).ok()? & OFlags::RWMODE;
            let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
            let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let own = open(path, flags, Mode::empty()).ok()?;
            (fstat(&own).ok()?.st_rdev == device).then_some(own)
        };
        opened().map_or(Own::Refused, Own::Opened)
    }

    /// Elsewhere the name of a terminal is not known for sure.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn reopen(_fd: BorrowedFd<'_>, _device: u64) -> Own {
        Own::Refused
    }
}

/// A descriptor, or the one that was opened in its place.
pub(super) struct Opened {
    pub(super) source: super::source::Source,
    pub(super) own: Option<OwnedFd>,
}

impl crate::descriptor::Opened for Opened {
    fn closes(&self) -> Option<RawFd> {
        super::source::closes(&self.source)
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.own {
            Some(own) => own.as_fd(),
            None => self.source.as_fd(),
        }
    }
}
