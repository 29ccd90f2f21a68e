//! Sending and receiving by a [`Socket`].

use std::io;

use greenlet_core::direct;

use super::{Socket, SocketAddress};
use crate::socket::raw::{AtEnd, Direction, Limit, NO_SIGNAL, as_uninit, with_sender};

impl Socket {
    /// Receives at most `bufsize` bytes; nothing is the end of the data. Of a datagram the rest is lost.
    ///
    /// # Errors
    /// Fails as the system's `recv` does, if the time is over, and with an exception that is thrown into the current
    /// greenlet meanwhile.
    #[track_caller]
    pub fn recv(&self, bufsize: usize) -> io::Result<Vec<u8>> {
        self.recv_with_flags(bufsize, 0)
    }

    /// [`recv`](Socket::recv) with flags of the system, for example `MSG_PEEK`. With `MSG_DONTWAIT` it does not wait,
    /// nor for urgent data (`MSG_OOB`) and errors (`MSG_ERRQUEUE`).
    ///
    /// # Errors
    /// As for `recv`.
    #[track_caller]
    pub fn recv_with_flags(&self, bufsize: usize, flags: i32) -> io::Result<Vec<u8>> {
        let mut data = room(bufsize)?;
        let n = self.recv_into_with_flags(&mut data, flags)?;
        data.truncate(n);
        Ok(data)
    }

    /// [`recv`](Socket::recv) into a buffer. Returns the number of bytes.
    ///
    /// # Errors
    /// As for `recv`.
    #[track_caller]
    pub fn recv_into(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv_into_with_flags(buf, 0)
    }

    /// [`recv_into`](Socket::recv_into) with flags of the system.
    ///
    /// # Errors
    /// As for `recv`.
    #[track_caller]
    pub fn recv_into_with_flags(&self, buf: &mut [u8], flags: i32) -> io::Result<usize> {
        if buf.is_empty() {
            return self.0.socket().map(|_| 0);
        }
        // A datagram that does not fill the buffer says nothing of those behind it.
        if flags == 0 && self.type_()? == libc::SOCK_STREAM {
            return self.0.recv(buf);
        }
        self.attempt(Direction::Read, flags, |socket| {
            socket.recv_with_flags(as_uninit(buf), flags)
        })
    }

    /// [`recv`](Socket::recv) with the address that the data have come from, which a connection does not tell.
    ///
    /// # Errors
    /// As for `recv`.
    #[track_caller]
    pub fn recvfrom(&self, bufsize: usize) -> io::Result<(Vec<u8>, Option<SocketAddress>)> {
        self.recvfrom_with_flags(bufsize, 0)
    }

    /// [`recvfrom`](Socket::recvfrom) with flags of the system.
    ///
    /// # Errors
    /// As for `recv`.
    #[track_caller]
    pub fn recvfrom_with_flags(&self, bufsize: usize, flags: i32) -> io::Result<(Vec<u8>, Option<SocketAddress>)> {
        let mut data = room(bufsize)?;
        let (n, address) = self.recvfrom_into_with_flags(&mut data, flags)?;
        data.truncate(n);
        Ok((data, address))
    }

    /// [`recvfrom`](Socket::recvfrom) into a buffer.
    ///
    /// # Errors
    /// As for `recv`.
    #[track_caller]
    pub fn recvfrom_into(&self, buf: &mut [u8]) -> io::Result<(usize, Option<SocketAddress>)> {
        self.recvfrom_into_with_flags(buf, 0)
    }

    /// [`recvfrom_into`](Socket::recvfrom_into) with flags of the system.
    ///
    /// # Errors
    /// As for `recv`.
    #[track_caller]
    pub fn recvfrom_into_with_flags(&self, buf: &mut [u8], flags: i32) -> io::Result<(usize, Option<SocketAddress>)> {
        let (n, address) = self.attempt(Direction::Read, flags, |socket| {
            with_sender(socket.recv_from_with_flags(as_uninit(buf), flags))
        })?;
        Ok((n, address.and_then(SocketAddress::of)))
    }

    /// Sends data. Returns the number of bytes that were sent, which may be fewer than there are.
    ///
    /// # Errors
    /// Fails as the system's `send` does, if the time is over, and with an exception that is thrown into the current
    /// greenlet meanwhile.
    #[track_caller]
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.send_with_flags(data, 0)
    }

    /// [`send`](Socket::send) with flags of the system. With `MSG_DONTWAIT` it does not wait.
    ///
    /// # Errors
    /// As for `send`.
    #[track_caller]
    pub fn send_with_flags(&self, data: &[u8], flags: i32) -> io::Result<usize> {
        self.attempt(Direction::Write, flags, |socket| {
            socket.send_with_flags(data, flags | NO_SIGNAL)
        })
    }

    /// Sends all data, within the timeout, which here limits the whole call.
    ///
    /// # Errors
    /// Fails as [`send`](Socket::send) does, with a [`SendAllError`](crate::socket::SendAllError) inside that tells how
    /// much was sent before. If nothing was, the error is the system's own, and an exception that is thrown into the
    /// current greenlet stays as it is.
    #[track_caller]
    pub fn sendall(&self, data: &[u8]) -> io::Result<()> {
        self.sendall_with_flags(data, 0)
    }

    /// [`sendall`](Socket::sendall) with flags of the system.
    ///
    /// # Errors
    /// As for `sendall`.
    #[track_caller]
    pub fn sendall_with_flags(&self, data: &[u8], flags: i32) -> io::Result<()> {
        let limit = Limit::of_the_whole(self.gettimeout()).waiting_if(!never_waits(Direction::Write, flags));
        self.0.send_all(limit, data, flags)
    }

    /// Sends data to an address. Returns the number of bytes.
    ///
    /// # Errors
    /// Fails as [`send`](Socket::send) does, and as [`bind`](Socket::bind) for a bad address.
    #[track_caller]
    pub fn sendto(&self, data: &[u8], address: impl Into<SocketAddress>) -> io::Result<usize> {
        self.sendto_with_flags(data, 0, address)
    }

    /// [`sendto`](Socket::sendto) with flags of the system.
    ///
    /// # Errors
    /// As for `sendto`.
    #[track_caller]
    pub fn sendto_with_flags(&self, data: &[u8], flags: i32, address: impl Into<SocketAddress>) -> io::Result<usize> {
        let address = self.address(address)?;
        self.attempt(Direction::Write, flags, |socket| {
            socket.send_to_with_flags(data, &address, flags | NO_SIGNAL)
        })
    }

    /// Calls `operation` until it does not have to wait any more, or once if the flags say so.
    #[track_caller]
    pub(super) fn attempt<T: AtEnd>(
        &self,
        direction: Direction,
        flags: i32,
        mut operation: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        match never_waits(direction, flags) {
            true => direct(|| operation(&*self.0.socket()?)),
            false => self.0.retry(direction, operation),
        }
    }
}

/// Whether the system never waits with these flags, not even where sockets block. What they ask for has no event.
fn never_waits(direction: Direction, flags: i32) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const IN_ITS_OWN_QUEUE: i32 = libc::MSG_OOB | libc::MSG_ERRQUEUE;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const IN_ITS_OWN_QUEUE: i32 = libc::MSG_OOB;
    let flags_of_these = match direction {
        Direction::Read => libc::MSG_DONTWAIT | IN_ITS_OWN_QUEUE,
        Direction::Write => libc::MSG_DONTWAIT,
    };
    flags & flags_of_these != 0
}

/// A buffer to receive into. Without memory it is an error, as in Python.
pub(super) fn room(bufsize: usize) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    data.try_reserve_exact(bufsize)?;
    data.resize(bufsize, 0);
    Ok(data)
}
