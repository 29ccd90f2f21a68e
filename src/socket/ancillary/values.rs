//! [`Ancillary`] and [`SendAncillary`], the messages that Python's face returns and takes, and [`UCred`].

use std::os::fd::{BorrowedFd, OwnedFd};

use super::AncillaryData;

/// Ancillary data that [`Socket::recvmsg`](crate::socket::Socket::recvmsg) returns. Python has tuples of level, type
/// and bytes instead.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ancillary {
    /// Descriptors (`SCM_RIGHTS`), which programs that this one starts do not inherit. In Python they do.
    Rights(Vec<OwnedFd>),
    /// Who has sent the message (`SCM_CREDENTIALS`), for a socket with the option `SO_PASSCRED`.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Credentials(UCred),
    /// The process that has sent the message, as a descriptor (`SCM_PIDFD`), for a socket with the option
    /// `SO_PASSPIDFD`.
    PidFd(OwnedFd),
    /// Anything else, as the system has it.
    Other {
        /// The protocol whose data these are, for example `IPPROTO_IPV6`.
        level: i32,
        /// What they are, for example `libc::IPV6_HOPLIMIT`.
        type_: i32,
        /// The data themselves.
        data: Vec<u8>,
    },
}

/// Ancillary data that [`Socket::sendmsg`](crate::socket::Socket::sendmsg) takes. Python has tuples of level, type and
/// bytes instead.
#[derive(Debug, Clone, Copy)]
pub enum SendAncillary<'a> {
    /// Descriptors (`SCM_RIGHTS`). The receiver gets others, of the same files.
    Rights(&'a [BorrowedFd<'a>]),
    /// Who sends the message (`SCM_CREDENTIALS`). Only a privileged process can say that it is another one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Credentials(UCred),
    /// Anything else, as the system takes it. Descriptors by their numbers (`SCM_RIGHTS`), and addresses of memory
    /// (`SOL_RDS`), are refused.
    Other {
        /// The protocol whose data these are, for example `IPPROTO_IPV6`.
        level: i32,
        /// What they are, for example `libc::IPV6_HOPLIMIT`.
        type_: i32,
        /// The data themselves.
        data: &'a [u8],
    },
}

/// A process, and whose it is.
///
/// Source: std's type of this name.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UCred {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The process. In what is sent, `None` is this one; in what is received, it is always there, but 0 if it has no
    /// number here.
    pub pid: Option<i32>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl UCred {
    /// How many bytes the system's form has.
    pub(in crate::socket) const LEN: usize = size_of::<libc::ucred>();

    pub(in crate::socket) fn to_bytes(self) -> [u8; Self::LEN] {
        let pid = self.pid.unwrap_or_else(|| std::process::id().cast_signed());
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&pid.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.uid.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.gid.to_ne_bytes());
        bytes
    }

    pub(in crate::socket) fn of_bytes(bytes: &[u8]) -> Option<UCred> {
        let number = |at| super::cmsg::number_at(bytes, at);
        Some(UCred {
            pid: Some(number(0)?),
            uid: number(4)?.cast_unsigned(),
            gid: number(8)?.cast_unsigned(),
        })
    }
}

impl From<AncillaryData<'_>> for Ancillary {
    fn from(data: AncillaryData<'_>) -> Ancillary {
        match data {
            AncillaryData::ScmRights(rights) => Ancillary::Rights(rights.collect()),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            AncillaryData::ScmCredentials(cred) => Ancillary::Credentials(cred),
            AncillaryData::ScmPidFd(fd) => Ancillary::PidFd(fd),
            AncillaryData::Other { level, type_, data } => Ancillary::Other {
                level,
                type_,
                data: data.to_vec(),
            },
        }
    }
}
