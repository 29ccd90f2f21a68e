//! [`SocketAncillary`]: a buffer for ancillary data, and the calls that send and receive it.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::{MsgHdr, SockAddr};

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::UCred;
use super::{Messages, SendAncillary, cmsg};
use crate::socket::raw::{AtEnd, NO_SIGNAL};

/// A buffer for what goes beside the data of a message: descriptors that one program passes to another, and
/// credentials.
///
/// ```
/// use std::io::{IoSlice, IoSliceMut, Read, Write, pipe};
/// use std::os::fd::AsFd;
/// use gevent::socket::{AncillaryData, SocketAncillary, UnixStream};
///
/// let (here, there) = UnixStream::pair()?;
/// let (mut reads, writes) = pipe()?;
/// let sender = gevent::spawn(move || {
///     let mut room = [0; 128];
///     let mut ancillary = SocketAncillary::new(&mut room);
///     assert!(ancillary.add_fds(&[writes.as_fd()]));
///     Ok(here.send_vectored_with_ancillary(&[IoSlice::new(b"x")], &mut ancillary)?)
/// });
/// let (mut room, mut byte) = ([0; 128], [0]);
/// let mut ancillary = SocketAncillary::new(&mut room);
/// there.recv_vectored_with_ancillary(&mut [IoSliceMut::new(&mut byte)], &mut ancillary)?;
/// for message in ancillary.messages() {
///     if let AncillaryData::ScmRights(descriptors) = message {
///         for descriptor in descriptors {
///             std::fs::File::from(descriptor).write_all(b"hello")?;
///         }
///     }
/// }
/// # sender.get()?;
/// let mut text = String::new();
/// reads.read_to_string(&mut text)?; // both descriptors of the other end are closed
/// assert_eq!(text, "hello");
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// It has the methods of std's type of this name (which is not stable yet), except that descriptors have owners: those
/// to be sent are borrowed, and those that were received are [taken out](SocketAncillary::messages) or closed. A new
/// one of the same buffer costs nothing.
#[derive(Debug)]
pub struct SocketAncillary<'a> {
    buffer: &'a mut [u8],
    used: usize,
    /// Whether what is in the buffer was received, and not added. Then its descriptors belong to the buffer.
    received: bool,
    truncated: bool,
}

/// What a call has received, besides ancillary data.
pub(in crate::socket) struct Received {
    pub(in crate::socket) bytes: usize,
    /// The system's flags of the message, for example `MSG_TRUNC`.
    pub(in crate::socket) flags: i32,
    pub(in crate::socket) address: Option<SockAddr>,
}

impl AtEnd for Received {
    fn at_end() -> io::Result<Self> {
        Ok(Received {
            bytes: 0,
            flags: 0,
            address: None,
        })
    }
}

impl<'a> SocketAncillary<'a> {
    /// One that uses this buffer. [`CMSG_SPACE`](super::CMSG_SPACE) tells how many bytes a message needs.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        SocketAncillary {
            buffer,
            used: 0,
            received: false,
            truncated: false,
        }
    }

    /// How many bytes the buffer has.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there are no messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// How many bytes the messages have.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether ancillary data have come for which there was no room in the buffer, or no descriptor left. They are
    /// lost: their descriptors are closed.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Takes out what was received. Descriptors that the iterator has not returned when it ends are closed. What was
    /// added to be sent is not in it, and stays.
    pub fn messages(&mut self) -> Messages<'_> {
        let used = match std::mem::take(&mut self.received) {
            true => std::mem::take(&mut self.used),
            false => 0,
        };
        // SAFETY: `received` was true, so `receive` has had the system write these bytes, and nothing else has written
        // there since: all that does calls `clear` first. Nobody has taken them before: who does sets `received` to
        // false. They are lent out as long as this value is.
        #[allow(unsafe_code)]
        unsafe {
            Messages::new(&self.buffer[..used])
        }
    }

    /// Removes all messages. Closes the descriptors that were received.
    pub fn clear(&mut self) {
        drop(self.messages());
        self.used = 0;
        self.truncated = false;
    }

    /// Adds descriptors to be sent. Returns false, and adds none, if there is not enough room.
    ///
    /// The descriptor of a socket of this library is lent by its [`with_fd`](crate::socket::UnixStream::with_fd). They
    /// must stay open as long as this buffer is used:
    ///
    /// ```compile_fail,E0505
    /// use std::os::fd::AsFd;
    /// # let file = std::fs::File::open("/dev/null")?;
    /// # let mut room = [0; 128];
    /// # let mut ancillary = gevent::socket::SocketAncillary::new(&mut room);
    /// ancillary.add_fds(&[file.as_fd()]);
    /// drop(file);
    /// ancillary.clear();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn add_fds(&mut self, fds: &[BorrowedFd<'a>]) -> bool {
        let numbers = fds.iter().map(|fd| fd.as_raw_fd().to_ne_bytes());
        self.add(libc::SOL_SOCKET, libc::SCM_RIGHTS, numbers)
    }

    /// Adds credentials to be sent. Returns false, and adds none, if there is not enough room. Linux takes one, and
    /// only a privileged process can say that it is another one: sending fails otherwise.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn add_creds(&mut self, creds: &[UCred]) -> bool {
        let creds = creds.iter().map(|cred| cred.to_bytes());
        self.add(libc::SOL_SOCKET, libc::SCM_CREDENTIALS, creds)
    }

    /// Adds a message of Python's. Does nothing if there is not enough room.
    pub(in crate::socket) fn add_message(&mut self, message: &SendAncillary<'a>) -> io::Result<()> {
        match *message {
            SendAncillary::Rights(fds) => self.add_fds(fds),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            SendAncillary::Credentials(cred) => self.add_creds(&[cred]),
            SendAncillary::Other { level, type_, data } => {
                if (level, type_) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) || is_of_memory(level) {
                    let why = "descriptors are sent as `SendAncillary::Rights`, and addresses of memory not at all";
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
                }
                self.add(level, type_, [data].into_iter())
            }
        };
        Ok(())
    }

    fn add(&mut self, level: i32, type_: i32, parts: impl Iterator<Item: AsRef<[u8]>> + Clone) -> bool {
        if self.received {
            self.clear();
        }
        let added = cmsg::put(&mut self.buffer[self.used..], level, type_, parts);
        self.used += added.unwrap_or(0);
        added.is_some()
    }

    /// What was added to be sent.
    pub(in crate::socket) fn to_send(&self) -> &[u8] {
        match self.received {
            true => &[],
            false => &self.buffer[..self.used],
        }
    }

    /// Calls the system's `sendmsg`, with the messages that were added.
    pub(in crate::socket) fn send(
        &self,
        socket: &socket2::Socket,
        bufs: &[IoSlice<'_>],
        address: Option<&SockAddr>,
        flags: i32,
    ) -> io::Result<usize> {
        let mut message = MsgHdr::new().with_buffers(bufs);
        if !self.to_send().is_empty() {
            message = message.with_control(self.to_send());
        }
        if let Some(address) = address {
            message = message.with_addr(address);
        }
        socket.sendmsg(&message, flags | NO_SIGNAL)
    }

    /// Calls the system's `recvmsg`. What was in the buffer before is removed.
    pub(in crate::socket) fn receive(
        &mut self,
        socket: &socket2::Socket,
        bufs: &mut [IoSliceMut<'_>],
        flags: i32,
    ) -> io::Result<Received> {
        self.clear();
        // SAFETY: `try_init` has the address of a socket written, or no byte, where the length says so. Zeros are a
        // message header. It gets pointers to memory that is borrowed here for writing, with their lengths, and std
        // promises that an `IoSliceMut` is a buffer of the system. The system keeps none of them.
        #[allow(unsafe_code)]
        let ((bytes, message), address) = unsafe {
            SockAddr::try_init(|address, address_len| {
                let mut message: libc::msghdr = std::mem::zeroed();
                message.msg_name = address.cast();
                message.msg_namelen = *address_len;
                message.msg_iov = bufs.as_mut_ptr().cast();
                message.msg_iovlen = bufs.len() as _;
                if !self.buffer.is_empty() {
                    message.msg_control = self.buffer.as_mut_ptr().cast();
                    message.msg_controllen = self.buffer.len() as _;
                }
                let bytes = libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags | CLOSE_ON_EXEC);
                let bytes = usize::try_from(bytes).map_err(|_| io::Error::last_os_error())?;
                *address_len = message.msg_namelen;
                Ok((bytes, message))
            })?
        };
        #[allow(clippy::unnecessary_cast, reason = "it differs by system")]
        let used = message.msg_controllen as usize;
        self.used = used.min(self.buffer.len());
        self.received = true;
        self.truncated = message.msg_flags & libc::MSG_CTRUNC != 0;
        Ok(Received {
            bytes,
            // The system returns this flag, too.
            flags: message.msg_flags & !(CLOSE_ON_EXEC & !flags),
            address: Some(address).filter(|address| address.len() > 0),
        })
    }
}

impl Drop for SocketAncillary<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// With this flag programs that this one starts do not inherit the descriptors. Where there is none, they are told so
/// when they are taken out.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOSE_ON_EXEC: i32 = libc::MSG_CMSG_CLOEXEC;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOSE_ON_EXEC: i32 = 0;

/// Whether messages of this level tell the system places of memory that it writes to later. (They are those of
/// `SOL_RDS`.)
fn is_of_memory(level: i32) -> bool {
    cfg!(any(target_os = "linux", target_os = "android")) && level == 276
}
