//! Options of a [`Socket`] by their numbers: Python's `getsockopt` and `setsockopt`.

use std::io;

use super::Socket;

/// How many bytes an option may have, as in Python.
const LONGEST: usize = 1024;

impl Socket {
    /// An option that is a number, by its level and name: `getsockopt(SOL_SOCKET, SO_ERROR)`.
    /// [`with_options`](Socket::with_options) has the usual ones by name.
    ///
    /// # Errors
    /// Fails as the system's `getsockopt` does.
    pub fn getsockopt(&self, level: i32, name: i32) -> io::Result<i32> {
        self.0.option(level, name).map(i32::from_ne_bytes)
    }

    /// An option as the bytes that the system returns, at most `buflen`, which may be 1024.
    ///
    /// # Errors
    /// Fails as the system's `getsockopt` does, and with [`io::ErrorKind::InvalidInput`] for another `buflen`.
    pub fn getsockopt_bytes(&self, level: i32, name: i32, buflen: usize) -> io::Result<Vec<u8>> {
        if buflen == 0 || buflen > LONGEST {
            let why = "getsockopt buflen out of range";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        self.0.option_bytes(level, name, buflen)
    }

    /// Sets an option that is a number: `setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)`.
    /// [`with_options`](Socket::with_options) sets those that are records, for example `SO_LINGER`.
    ///
    /// # Errors
    /// Fails as the system's `setsockopt` does.
    pub fn setsockopt(&self, level: i32, name: i32, value: i32) -> io::Result<()> {
        self.0.set_option(level, name, value)
    }
}
