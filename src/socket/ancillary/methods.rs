//! Methods that streams and datagram sockets of Unix both have.

/// Simple calls for descriptors, and credentials. The type has methods that send and receive ancillary data; `receive`
/// returns only the number of bytes.
macro_rules! ancillary_methods {
    ($socket:ident) => {
        impl $socket {
            /// Sends data, and descriptors with the first byte of them. Returns the number of bytes that were sent. The
            /// receiver gets other descriptors, of the same files.
            ///
            /// The descriptor of a socket of this library is lent by its [`with_fd`](Self::with_fd).
            ///
            /// Source: Python's `socket.send_fds`.
            ///
            /// # Errors
            /// As for [`send_vectored_with_ancillary`](Self::send_vectored_with_ancillary); fails with `EINVAL` for
            /// more than 253 descriptors.
            #[track_caller]
            pub fn send_fds(&self, buf: &[u8], fds: &[std::os::fd::BorrowedFd<'_>]) -> std::io::Result<usize> {
                let mut room = [0; crate::socket::ancillary::MOST];
                let mut ancillary = crate::socket::SocketAncillary::new(&mut room);
                if fds.len() > crate::socket::ancillary::MOST_FDS || !ancillary.add_fds(fds) {
                    let too_many = std::io::Error::from_raw_os_error(libc::EINVAL);
                    return self.0.socket().and(Err(too_many));
                }
                self.send_vectored_with_ancillary(&[std::io::IoSlice::new(buf)], &mut ancillary)
            }

            /// Receives data, and at most `maxfds` descriptors that have come with them. Returns the number of bytes
            /// that were put into `buf`, and the descriptors. Further ones are closed.
            ///
            /// Source: Python's `socket.recv_fds`.
            ///
            /// # Errors
            /// As for [`recv_vectored_with_ancillary`](Self::recv_vectored_with_ancillary).
            #[track_caller]
            pub fn recv_fds(
                &self,
                buf: &mut [u8],
                maxfds: usize,
            ) -> std::io::Result<(usize, Vec<std::os::fd::OwnedFd>)> {
                let mut room = [0; crate::socket::ancillary::MOST];
                let mut ancillary = crate::socket::SocketAncillary::new(&mut room);
                let n = self.receive(&mut [std::io::IoSliceMut::new(buf)], &mut ancillary)?;
                let rights = ancillary.messages().filter_map(|message| match message {
                    crate::socket::AncillaryData::ScmRights(rights) => Some(rights),
                    _ => None,
                });
                Ok((n, rights.flatten().take(maxfds).collect()))
            }

            /// Sets whether each message that is received has the [credentials](crate::socket::UCred) of its sender
            /// (`SO_PASSCRED`).
            ///
            /// # Errors
            /// Fails if the socket is closed.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            pub fn set_passcred(&self, passcred: bool) -> std::io::Result<()> {
                self.0
                    .set_option(libc::SOL_SOCKET, libc::SO_PASSCRED, passcred.into())
            }

            /// Whether [`set_passcred`](Self::set_passcred) is set.
            ///
            /// # Errors
            /// Fails if the socket is closed.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            pub fn passcred(&self) -> std::io::Result<bool> {
                let set = self.0.option(libc::SOL_SOCKET, libc::SO_PASSCRED)?;
                Ok(i32::from_ne_bytes(set) != 0)
            }
        }
    };
}
pub(in crate::socket) use ancillary_methods;
