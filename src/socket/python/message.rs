//! Messages with ancillary data: [`Socket::sendmsg`], [`Socket::recvmsg`] and their like, [`send_fds`] and
//! [`recv_fds`].

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};

use socket2::SockAddr;

use super::transfer::room;
use super::{Socket, SocketAddress};
use crate::socket::ancillary::{Ancillary, CMSG_LEN, CMSG_SPACE, SendAncillary, SocketAncillary};
use crate::socket::raw::Direction;

/// What [`Socket::recvmsg`] returns, as in Python: the data (or their number), the ancillary data, the system's flags
/// of the message, and the address that it has come from, which a connection does not tell.
pub type RecvMsg<Data, Ancdata = Vec<Ancillary>> = (Data, Ancdata, i32, Option<SocketAddress>);

impl Socket {
    /// Sends the data of several buffers as one message, with ancillary data. Returns the number of bytes that were
    /// sent, which at a stream may be fewer than there are; ancillary data go with the first one.
    ///
    /// ```
    /// use std::io::IoSlice;
    /// use std::os::fd::AsFd;
    /// use gevent::socket::{Ancillary, CMSG_SPACE, SendAncillary, socketpair};
    ///
    /// let (here, there) = socketpair()?;
    /// let (reads, _writes) = std::io::pipe()?;
    /// here.sendmsg(&[IoSlice::new(b"hello")], &[SendAncillary::Rights(&[reads.as_fd()])])?;
    /// let (data, ancdata, _msg_flags, _address) = there.recvmsg(100, CMSG_SPACE(4))?;
    /// assert_eq!(data, b"hello");
    /// assert!(matches!(&ancdata[..], [Ancillary::Rights(descriptors)] if descriptors.len() == 1));
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// A stream sends no ancillary data without a byte of data, and sockets of the network send no descriptors: as in
    /// Python, this is no error.
    ///
    /// # Errors
    /// Fails as the system's `sendmsg` does, with `EINVAL` for more than 253 descriptors; with
    /// [`io::ErrorKind::InvalidInput`] for what [`SendAncillary::Other`] cannot be; if the time is over; and with an
    /// exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn sendmsg(&self, buffers: &[IoSlice<'_>], ancdata: &[SendAncillary<'_>]) -> io::Result<usize> {
        self.sendmsg_with_flags(buffers, ancdata, 0)
    }

    /// [`sendmsg`](Socket::sendmsg) with flags of the system. With `MSG_DONTWAIT` it does not wait.
    ///
    /// # Errors
    /// As for `sendmsg`.
    #[track_caller]
    pub fn sendmsg_with_flags(
        &self,
        buffers: &[IoSlice<'_>],
        ancdata: &[SendAncillary<'_>],
        flags: i32,
    ) -> io::Result<usize> {
        self.send_message(buffers, ancdata, flags, None)
    }

    /// [`sendmsg`](Socket::sendmsg) to an address.
    ///
    /// # Errors
    /// As for `sendmsg`, and as [`bind`](Socket::bind) for a bad address.
    #[track_caller]
    pub fn sendmsg_to(
        &self,
        buffers: &[IoSlice<'_>],
        ancdata: &[SendAncillary<'_>],
        flags: i32,
        address: impl Into<SocketAddress>,
    ) -> io::Result<usize> {
        let address = self.address(address)?;
        self.send_message(buffers, ancdata, flags, Some(&address))
    }

    #[track_caller]
    fn send_message(
        &self,
        buffers: &[IoSlice<'_>],
        ancdata: &[SendAncillary<'_>],
        flags: i32,
        address: Option<&SockAddr>,
    ) -> io::Result<usize> {
        let mut room = room(ancdata.iter().map(space).sum())?;
        let mut ancillary = SocketAncillary::new(&mut room);
        for message in ancdata {
            ancillary.add_message(message)?;
        }
        self.attempt(Direction::Write, flags, |socket| {
            ancillary.send(socket, buffers, address, flags)
        })
    }

    /// Receives at most `bufsize` bytes, and ancillary data of at most `ancbufsize` bytes, which [`CMSG_SPACE`] and
    /// [`CMSG_LEN`] count.
    ///
    /// If there is no room for all of a datagram, the rest is lost, and the flags have `MSG_TRUNC`. For ancillary data
    /// this is `MSG_CTRUNC`; the descriptors among them are closed.
    ///
    /// # Errors
    /// Fails as the system's `recvmsg` does, if there is no memory for the data; with [`io::ErrorKind::InvalidInput`]
    /// for an `ancbufsize` above [`i32::MAX`]; if the time is over; and with an exception that is thrown into the
    /// current greenlet meanwhile.
    #[track_caller]
    pub fn recvmsg(&self, bufsize: usize, ancbufsize: usize) -> io::Result<RecvMsg<Vec<u8>>> {
        self.recvmsg_with_flags(bufsize, ancbufsize, 0)
    }

    /// [`recvmsg`](Socket::recvmsg) with flags of the system, for example `MSG_PEEK`, which makes further descriptors
    /// of the files that are passed. It does not wait where [`recv_with_flags`](Socket::recv_with_flags) does not.
    ///
    /// # Errors
    /// As for `recvmsg`.
    #[track_caller]
    pub fn recvmsg_with_flags(&self, bufsize: usize, ancbufsize: usize, flags: i32) -> io::Result<RecvMsg<Vec<u8>>> {
        let mut data = room(bufsize)?;
        let mut buffers = [IoSliceMut::new(&mut data)];
        let (n, ancdata, flags, address) = self.recvmsg_into_with_flags(&mut buffers, ancbufsize, flags)?;
        data.truncate(n);
        Ok((data, ancdata, flags, address))
    }

    /// [`recvmsg`](Socket::recvmsg) into several buffers, one after another. Returns the number of bytes in place of
    /// the data.
    ///
    /// # Errors
    /// As for `recvmsg`.
    #[track_caller]
    pub fn recvmsg_into(&self, buffers: &mut [IoSliceMut<'_>], ancbufsize: usize) -> io::Result<RecvMsg<usize>> {
        self.recvmsg_into_with_flags(buffers, ancbufsize, 0)
    }

    /// [`recvmsg_into`](Socket::recvmsg_into) with flags of the system.
    ///
    /// # Errors
    /// As for `recvmsg`.
    #[track_caller]
    pub fn recvmsg_into_with_flags(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        ancbufsize: usize,
        flags: i32,
    ) -> io::Result<RecvMsg<usize>> {
        if i32::try_from(ancbufsize).is_err() {
            let why = "invalid ancillary data buffer length";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let mut room = room(ancbufsize)?;
        let mut ancillary = SocketAncillary::new(&mut room);
        let received = self.attempt(Direction::Read, flags, |socket| {
            ancillary.receive(socket, buffers, flags)
        })?;
        let ancdata = ancillary.messages().map(Ancillary::from).collect();
        let address = received.address.and_then(SocketAddress::of);
        Ok((received.bytes, ancdata, received.flags, address))
    }
}

/// How many bytes a message takes.
fn space(message: &SendAncillary<'_>) -> usize {
    CMSG_SPACE(match message {
        SendAncillary::Rights(fds) => size_of_val(*fds),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        SendAncillary::Credentials(_) => crate::socket::UCred::LEN,
        SendAncillary::Other { data, .. } => data.len(),
    })
}

/// Sends data, and descriptors with the first byte of them, by a socket of `AF_UNIX`. Returns the number of bytes that
/// were sent.
///
/// ```
/// use std::io::{IoSlice, Read, Write};
/// use std::os::fd::AsFd;
/// use gevent::socket::{recv_fds, send_fds, socketpair};
///
/// let (here, there) = socketpair()?;
/// let (mut reads, writes) = std::io::pipe()?;
/// send_fds(&here, &[IoSlice::new(b"a pipe")], &[writes.as_fd()])?;
/// let (data, mut fds, _msg_flags, _address) = recv_fds(&there, 100, 1)?;
/// assert_eq!(data, b"a pipe");
/// std::fs::File::from(fds.remove(0)).write_all(b"x")?;
/// assert_eq!(reads.read(&mut [0; 9])?, 1);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// As for [`Socket::sendmsg`].
#[track_caller]
pub fn send_fds(socket: &Socket, buffers: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    socket.sendmsg(buffers, &[SendAncillary::Rights(fds)])
}

/// Receives at most `bufsize` bytes, and `maxfds` descriptors. Returns the data, the descriptors, the system's flags of
/// the message, and its address. Further descriptors are closed, and then the flags have `MSG_CTRUNC`.
///
/// # Errors
/// As for [`Socket::recvmsg`].
#[track_caller]
pub fn recv_fds(socket: &Socket, bufsize: usize, maxfds: usize) -> io::Result<RecvMsg<Vec<u8>, Vec<OwnedFd>>> {
    recv_fds_with_flags(socket, bufsize, maxfds, 0)
}

/// [`recv_fds`] with flags of the system.
///
/// # Errors
/// As for `recv_fds`.
#[track_caller]
pub fn recv_fds_with_flags(
    socket: &Socket,
    bufsize: usize,
    maxfds: usize,
    flags: i32,
) -> io::Result<RecvMsg<Vec<u8>, Vec<OwnedFd>>> {
    let ancbufsize = CMSG_LEN(maxfds.saturating_mul(size_of::<i32>()));
    let (data, ancdata, flags, address) = socket.recvmsg_with_flags(bufsize, ancbufsize, flags)?;
    let rights = ancdata.into_iter().filter_map(|message| match message {
        Ancillary::Rights(fds) => Some(fds),
        _ => None,
    });
    Ok((data, rights.flatten().collect(), flags, address))
}
