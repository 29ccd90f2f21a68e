//! Methods that all sockets have, and those that all streams have. Each type gets them by one of these macros, with its
//! own documentation, as std's types have them.

/// What every socket has as a handle of its descriptor: a tuple struct of an `Rc<RawSocket>`.
macro_rules! handle_methods {
    ($socket:ident) => {
        impl $socket {
            pub(super) fn from_socket(socket: socket2::Socket) -> std::io::Result<Self> {
                Ok($socket(std::rc::Rc::new(crate::socket::raw::RawSocket::new(
                    socket,
                )?)))
            }

            /// Lends the descriptor to `f`, for functions that take an [`AsFd`](std::os::fd::AsFd). It stays open until
            /// `f` has returned.
            ///
            /// A descriptor to keep is made by
            /// [`try_clone_to_owned`](std::os::fd::BorrowedFd::try_clone_to_owned).
            ///
            /// # Errors
            /// Fails if the socket is closed.
            pub fn with_fd<R>(&self, f: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> R) -> std::io::Result<R> {
                self.0.with_fd(f)
            }

            /// Lends the socket to `f`, for the options that have no method here.
            ///
            /// # Errors
            /// Fails if the socket is closed.
            pub fn with_options<R>(&self, f: impl FnOnce(socket2::SockRef<'_>) -> R) -> std::io::Result<R> {
                let socket = self.0.socket()?;
                Ok(f(socket2::SockRef::from(&*socket)))
            }
        }

        impl Clone for $socket {
            fn clone(&self) -> Self {
                $socket(self.0.clone())
            }
        }

        impl TryFrom<std::os::fd::OwnedFd> for $socket {
            type Error = std::io::Error;

            fn try_from(fd: std::os::fd::OwnedFd) -> std::io::Result<Self> {
                Self::from_socket(fd.into())
            }
        }

        /// As for `into_std`.
        impl TryFrom<$socket> for std::os::fd::OwnedFd {
            type Error = std::io::Error;

            fn try_from(socket: $socket) -> std::io::Result<Self> {
                Ok(crate::socket::raw::RawSocket::into_blocking(socket.0)?.into())
            }
        }

        impl std::os::fd::AsRawFd for $socket {
            /// The descriptor, or -1 once the socket is closed.
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.0.fd().unwrap_or(-1)
            }
        }

        /// Two are equal if they are handles of the same socket.
        impl PartialEq for $socket {
            fn eq(&self, other: &Self) -> bool {
                std::rc::Rc::ptr_eq(&self.0, &other.0)
            }
        }

        impl Eq for $socket {}

        impl std::hash::Hash for $socket {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                std::ptr::hash(std::rc::Rc::as_ptr(&self.0), state);
            }
        }

        impl std::fmt::Debug for $socket {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.show(stringify!($socket), f)
            }
        }
    };
}
pub(super) use handle_methods;

/// Methods of every socket with std's face, which is a tuple struct of an `Rc<RawSocket>`. `$std` is std's type of the
/// same name.
macro_rules! socket_methods {
    ($socket:ident, $std:ty) => {
        crate::socket::methods::handle_methods!($socket);

        impl $socket {
            /// Takes over a socket of std.
            ///
            /// # Errors
            /// Fails if the socket cannot be made non-blocking, and if this thread can have no hub.
            pub fn from_std(socket: $std) -> std::io::Result<Self> {
                Self::from_socket(socket.into())
            }

            /// Makes a socket of std, which blocks, of the only handle.
            ///
            /// # Errors
            /// Fails with [`std::io::ErrorKind::ResourceBusy`] if there are other handles of the socket, which keep it,
            /// or descriptors of [`try_clone`](Self::try_clone), which would block, too; and with `EBADF` if it is
            /// closed.
            pub fn into_std(self) -> std::io::Result<$std> {
                Ok(crate::socket::raw::RawSocket::into_blocking(self.0)?.into())
            }

            /// Makes a second descriptor for the same socket. It begins with the same timeouts and is closed on its
            /// own, and another greenlet may wait for it.
            ///
            /// # Errors
            /// Fails if no descriptor is left, or the socket is closed.
            pub fn try_clone(&self) -> std::io::Result<Self> {
                self.0.try_clone().map($socket)
            }

            /// Sets whether calls wait: `true` is a [timeout](Self::set_timeout) of 0, and `false` one of `None`.
            ///
            /// Source: Python's `setblocking`.
            ///
            /// # Errors
            /// Never fails. The `Result` is that of std's method.
            pub fn set_nonblocking(&self, nonblocking: bool) -> std::io::Result<()> {
                self.set_timeout(nonblocking.then_some(0.0))
            }

            /// Sets how many seconds each wait of a call may last: for ever with `None`, no time with 0. When the time
            /// is over, the call fails with [`std::io::ErrorKind::TimedOut`]; with 0 it fails with
            /// [`std::io::ErrorKind::WouldBlock`].
            ///
            /// Source: Python's `settimeout`.
            ///
            /// # Errors
            /// Fails for a time that is negative or not a number.
            pub fn set_timeout(&self, timeout: impl hub::Seconds) -> std::io::Result<()> {
                self.0.set_timeout(
                    &[
                        crate::socket::raw::Direction::Read,
                        crate::socket::raw::Direction::Write,
                    ],
                    timeout,
                )
            }

            /// The seconds that [`set_timeout`](Self::set_timeout) has set.
            pub fn timeout(&self) -> Option<f64> {
                self.0.timeout(crate::socket::raw::Direction::Read)
            }

            /// Returns the pending error of the socket (`SO_ERROR`), if any, and clears it.
            ///
            /// # Errors
            /// Fails if the socket is closed.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.0.socket()?.take_error()
            }

            /// Closes the socket for all its handles. Greenlets that wait for it get an `EBADF` error. Closing twice
            /// has no further effect.
            pub fn close(&self) {
                self.0.close();
            }
        }
    };
}
pub(super) use socket_methods;

/// Methods of sockets that are read and written.
macro_rules! timeout_methods {
    ($socket:ident) => {
        impl $socket {
            /// [`set_timeout`](Self::set_timeout) for reads only.
            ///
            /// # Errors
            /// As for `set_timeout`.
            pub fn set_read_timeout(&self, timeout: impl hub::Seconds) -> std::io::Result<()> {
                self.0
                    .set_timeout(&[crate::socket::raw::Direction::Read], timeout)
            }

            /// [`set_timeout`](Self::set_timeout) for writes only.
            ///
            /// # Errors
            /// As for `set_timeout`.
            pub fn set_write_timeout(&self, timeout: impl hub::Seconds) -> std::io::Result<()> {
                self.0
                    .set_timeout(&[crate::socket::raw::Direction::Write], timeout)
            }

            /// How many seconds each wait of a read may last.
            pub fn read_timeout(&self) -> Option<f64> {
                self.0.timeout(crate::socket::raw::Direction::Read)
            }

            /// How many seconds each wait of a write may last.
            pub fn write_timeout(&self) -> Option<f64> {
                self.0.timeout(crate::socket::raw::Direction::Write)
            }
        }
    };
}
pub(super) use timeout_methods;

/// Methods of streams.
macro_rules! stream_methods {
    ($stream:ident) => {
        crate::socket::methods::timeout_methods!($stream);

        impl $stream {
            /// Ends one or both directions for good, for all descriptors of the connection. Greenlets that wait to read
            /// get 0; those that wait to write fail with [`std::io::ErrorKind::BrokenPipe`].
            ///
            /// # Errors
            /// Fails if the stream is closed or not connected any more.
            pub fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
                self.0.shutdown(how)
            }

            /// Waits until there is something to read, without looking first.
            #[cfg(feature = "pywsgi")]
            #[track_caller]
            pub(crate) fn wait_to_read(&self) -> std::io::Result<()> {
                self.0.wait_to_read()
            }

            /// Reads without removing the data: the next read gets them again.
            ///
            /// # Errors
            /// As for [`Read::read`](std::io::Read::read).
            #[track_caller]
            pub fn peek(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.0.peek(buf)
            }

            /// [`write_all`](std::io::Write::write_all) with a time limit in seconds for the whole call. The stream's
            /// own [timeout](Self::set_timeout) limits each wait besides. With 0 it does not wait.
            ///
            /// # Errors
            /// Fails as `write_all` does, with a [`SendAllError`](crate::socket::SendAllError) inside that tells how
            /// much was sent before, if anything was; with [`std::io::ErrorKind::TimedOut`] when the time is over, or
            /// [`std::io::ErrorKind::WouldBlock`] if it is 0; and for a time that is negative or not a number.
            #[track_caller]
            pub fn write_all_timeout(&self, buf: &[u8], timeout: impl hub::Seconds) -> std::io::Result<()> {
                let limit = self.0.limit(crate::socket::raw::Direction::Write);
                let limit = limit.and_the_whole(crate::socket::raw::valid_timeout(timeout)?);
                self.0.send_all(limit, buf, 0)
            }

            /// [`read_exact`](std::io::Read::read_exact) with a time limit in seconds for the whole call. The stream's
            /// own [timeout](Self::set_timeout) limits each wait besides. With 0 it does not wait.
            ///
            /// # Errors
            /// Fails as `read_exact` does, with a [`ReadExactError`](crate::socket::ReadExactError) inside that tells
            /// how much was read before, if anything was; with [`std::io::ErrorKind::TimedOut`] when the time is over,
            /// or [`std::io::ErrorKind::WouldBlock`] if it is 0; and for a time that is negative or not a number.
            #[track_caller]
            pub fn read_exact_timeout(&self, buf: &mut [u8], timeout: impl hub::Seconds) -> std::io::Result<()> {
                let limit = self.0.limit(crate::socket::raw::Direction::Read);
                let limit = limit.and_the_whole(crate::socket::raw::valid_timeout(timeout)?);
                self.0.recv_exact(limit, buf)
            }

            /// [`read_to_end`](std::io::Read::read_to_end) with a time limit in seconds for the whole call. The
            /// stream's own [timeout](Self::set_timeout) limits each wait besides. With 0 it does not wait.
            ///
            /// # Errors
            /// Fails as `read_to_end` does; with [`std::io::ErrorKind::TimedOut`] when the time is over, or
            /// [`std::io::ErrorKind::WouldBlock`] if it is 0; and for a time that is negative or not a number. What was
            /// read before is in `buf`.
            #[track_caller]
            pub fn read_to_end_timeout(&self, buf: &mut Vec<u8>, timeout: impl hub::Seconds) -> std::io::Result<usize> {
                let limit = self.0.limit(crate::socket::raw::Direction::Read);
                let limit = limit.and_the_whole(crate::socket::raw::valid_timeout(timeout)?);
                self.0.recv_to_end(limit, buf)
            }

            /// Sends a file from an offset to its end, or `count` bytes of it, and returns how many bytes were sent.
            /// On Linux the data go from the system's cache of the file to the socket without a copy here. The file's
            /// position does not matter, and stays as it is. The file is read in this thread.
            ///
            /// # Errors
            /// Fails as [`write_all`](std::io::Write::write_all) does, and if the file cannot be read, with a
            /// [`SendAllError`](crate::socket::SendAllError) inside that tells how much was sent before, if anything
            /// was.
            #[track_caller]
            pub fn sendfile(&self, file: &std::fs::File, offset: u64, count: Option<u64>) -> std::io::Result<u64> {
                let limit = self.0.limit(crate::socket::raw::Direction::Write);
                let mut sent = 0;
                let result = self.0.sendfile(limit, file, offset, count, &mut sent);
                result.map(|()| sent)
            }
        }

        impl std::io::Read for &$stream {
            #[track_caller]
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.0.recv(buf)
            }

            #[track_caller]
            fn read_vectored(&mut self, bufs: &mut [std::io::IoSliceMut<'_>]) -> std::io::Result<usize> {
                self.0.recv_vectored(bufs)
            }

            #[track_caller]
            fn read_exact(&mut self, buf: &mut [u8]) -> std::io::Result<()> {
                self.0
                    .recv_exact(self.0.limit(crate::socket::raw::Direction::Read), buf)
            }
        }

        impl std::io::Write for &$stream {
            #[track_caller]
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                self.0.send(buf)
            }

            #[track_caller]
            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                self.0.send_vectored(bufs)
            }

            #[track_caller]
            fn write_all(&mut self, buf: &[u8]) -> std::io::Result<()> {
                self.0
                    .send_all(self.0.limit(crate::socket::raw::Direction::Write), buf, 0)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl std::io::Read for $stream {
            #[track_caller]
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.0.recv(buf)
            }

            #[track_caller]
            fn read_vectored(&mut self, bufs: &mut [std::io::IoSliceMut<'_>]) -> std::io::Result<usize> {
                self.0.recv_vectored(bufs)
            }

            #[track_caller]
            fn read_exact(&mut self, buf: &mut [u8]) -> std::io::Result<()> {
                self.0
                    .recv_exact(self.0.limit(crate::socket::raw::Direction::Read), buf)
            }
        }

        impl std::io::Write for $stream {
            #[track_caller]
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                self.0.send(buf)
            }

            #[track_caller]
            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                self.0.send_vectored(bufs)
            }

            #[track_caller]
            fn write_all(&mut self, buf: &[u8]) -> std::io::Result<()> {
                self.0
                    .send_all(self.0.limit(crate::socket::raw::Direction::Write), buf, 0)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}
pub(super) use stream_methods;
