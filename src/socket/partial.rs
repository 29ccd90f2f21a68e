//! The errors of calls that take several steps. Each tells how much was done before the step that has failed.

use std::io;

use super::raw::ends_all;

/// Defines such errors: an `io::Error` has them inside.
macro_rules! partial_errors {
    ($(
        $(#[$doc:meta])*
        $error:ident($says:literal) {
            $(#[$done_doc:meta])*
            $done:ident,
        }
        $(#[$before_doc:meta])*
        fn $before:ident;
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, thiserror::Error)]
        #[error($says)]
        #[non_exhaustive]
        pub struct $error {
            $(#[$done_doc])*
            pub $done: u64,
            /// The system's error, or [`TimedOut`](crate::exceptions::TimedOut) if it took too long.
            pub source: io::Error,
        }

        impl $error {
            $(#[$before_doc])*
            pub fn $before(error: &io::Error) -> u64 {
                let inside = error.get_ref().and_then(|error| error.downcast_ref::<$error>());
                inside.map_or(0, |error| error.$done)
            }

            /// Adds the number to an error, unless it is 0. An exception that was thrown into the greenlet stays as it
            /// is.
            #[cold]
            pub(crate) fn with($done: u64, source: io::Error) -> io::Error {
                if $done == 0 || ends_all(&source) {
                    return source;
                }
                io::Error::new(source.kind(), $error { $done, source })
            }
        }
    )*};
}

partial_errors! {
    /// The error of a call that sends all of some data, if a part was sent before it failed: of
    /// [`Socket::sendall`](super::Socket::sendall), of [`write_all`](std::io::Write::write_all) and
    /// [`write_all_timeout`](super::TcpStream::write_all_timeout) of our streams, and of the methods `sendfile`.
    ///
    /// It is inside the [`io::Error`], whose kind is that of the system's error. The system's number is the `source`'s.
    /// If nothing was sent, the system's error is returned itself, and an exception that is thrown into the greenlet
    /// always is.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use gevent::socket::{SendAllError, socketpair};
    ///
    /// let (near, _far) = socketpair()?;
    /// near.settimeout(0.001)?;
    /// let error = near.sendall(&[0; 10_000_000]).unwrap_err(); // nobody reads
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// assert!(SendAllError::sent_before(&error) > 0);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    SendAllError("cannot send more than {sent} bytes: {source}") {
        /// How many bytes the system has taken.
        sent,
    }
    /// How many bytes were sent before this error of such a call: 0 if none were, or the error does not tell.
    fn sent_before;

    /// The error of [`read_exact`](std::io::Read::read_exact) and
    /// [`read_exact_timeout`](super::TcpStream::read_exact_timeout) of our streams, if a part was read before they
    /// failed.
    ///
    /// It is inside the [`io::Error`], as a [`SendAllError`] is. What was read is at the beginning of the buffer.
    ///
    /// ```
    /// use std::io::{ErrorKind, Write};
    /// use gevent::socket::{ReadExactError, UnixStream};
    ///
    /// let (mut near, far) = UnixStream::pair()?;
    /// near.write_all(b"abc")?;
    /// let mut line = [0; 10];
    /// let error = far.read_exact_timeout(&mut line, 0.001).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// assert_eq!(&line[..ReadExactError::read_before(&error) as usize], b"abc");
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ReadExactError("cannot read more than {read} bytes: {source}") {
        /// How many bytes were read.
        read,
    }
    /// How many bytes were read before this error of such a call: 0 if none were, or the error does not tell.
    fn read_before;

    /// The error of [`copy`](super::copy), if a part was copied before it failed.
    ///
    /// It is inside the [`io::Error`], as a [`SendAllError`] is.
    CopyError("cannot copy more than {copied} bytes: {source}") {
        /// How many bytes the writer has taken.
        copied,
    }
    /// How many bytes were copied before this error of `copy`: 0 if none were, or the error does not tell.
    fn copied_before;
}

impl SendAllError {
    /// Takes the number out of an error again.
    #[cold]
    pub(crate) fn split(error: io::Error) -> (u64, io::Error) {
        match error.downcast::<SendAllError>() {
            Ok(error) => (error.sent, error.source),
            Err(error) => (0, error),
        }
    }
}
