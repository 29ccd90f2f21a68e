//! [`Messages`]: taking out what was received.

use std::os::fd::{FromRawFd, OwnedFd};

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::UCred;
use super::cmsg;

/// The messages of [`SocketAncillary::messages`](super::SocketAncillary::messages). Descriptors that are not taken are
/// closed when it is dropped.
#[derive(Debug)]
pub struct Messages<'a> {
    /// What the system has written, and what nobody has seen yet.
    bytes: &'a [u8],
}

/// A message that was received.
#[derive(Debug)]
#[non_exhaustive]
pub enum AncillaryData<'a> {
    /// Descriptors.
    ScmRights(ScmRights<'a>),
    /// Who has sent the message, for a socket that [asks](crate::socket::UnixStream::set_passcred) for it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    ScmCredentials(UCred),
    /// The process that has sent the message, for a socket with the option `SO_PASSPIDFD`.
    ScmPidFd(OwnedFd),
    /// Anything else, as the system has it. std's `AncillaryError::Unknown`.
    Other {
        /// The protocol whose data these are.
        level: i32,
        /// What they are.
        type_: i32,
        /// The data themselves.
        data: &'a [u8],
    },
}

/// Descriptors that were received, which programs that this one starts do not inherit. Those that are not taken are
/// closed when it is dropped.
#[derive(Debug)]
pub struct ScmRights<'a> {
    numbers: &'a [u8],
}

/// The type of the message that has a process. It is the same in every architecture of Linux.
const SCM_PIDFD: i32 = 4;

impl<'a> Messages<'a> {
    /// The messages in these bytes.
    ///
    /// # Safety
    /// The system must have written them in a call that receives, and the descriptors in them must have no other owner.
    #[allow(unsafe_code)]
    pub(super) unsafe fn new(bytes: &'a [u8]) -> Messages<'a> {
        Messages { bytes }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = AncillaryData<'a>;

    fn next(&mut self) -> Option<AncillaryData<'a>> {
        let (cmsg::Message { level, type_, data }, rest) = cmsg::split_first(self.bytes)?;
        // Each message is seen once, and so are the descriptors in it.
        self.bytes = rest;
        match (level, type_) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                return Some(AncillaryData::ScmRights(ScmRights { numbers: data }));
            }
            #[cfg(any(target_os = "linux", target_os = "android"))]
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                if let Some(cred) = UCred::of_bytes(data) {
                    return Some(AncillaryData::ScmCredentials(cred));
                }
            }
            (libc::SOL_SOCKET, SCM_PIDFD) if cfg!(any(target_os = "linux", target_os = "android")) => {
                // It is negative, an error, if there was no descriptor for it.
                if let Some(fd) = (ScmRights { numbers: data }).next() {
                    return Some(AncillaryData::ScmPidFd(fd));
                }
            }
            _ => {}
        }
        Some(AncillaryData::Other { level, type_, data })
    }
}

impl Drop for Messages<'_> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl Iterator for ScmRights<'_> {
    type Item = OwnedFd;

    fn next(&mut self) -> Option<OwnedFd> {
        let number = cmsg::number_at(self.numbers, 0)?;
        self.numbers = &self.numbers[size_of::<i32>()..];
        if number < 0 {
            return self.next();
        }
        // SAFETY: `Messages::new` was promised that the system has made this descriptor for the receiver, and that it
        // has no other owner. `Messages` and this iterator see each number once.
        #[allow(unsafe_code)]
        let fd = unsafe { OwnedFd::from_raw_fd(number) };
        // This cannot fail for a descriptor that is open.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC);
        Some(fd)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.numbers.len() / size_of::<i32>()))
    }
}

impl Drop for ScmRights<'_> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
