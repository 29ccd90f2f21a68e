//! Options of a [`Socket`] by their numbers: Python's `getsockopt` and `setsockopt`.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use super::Socket;

/// How many bytes an option may have, as in Python.
const LONGEST: usize = 1024;

/// The system counts the instructions of a filter (`SO_GET_FILTER`) where it is told a number of bytes, and each has 8
/// bytes.
const UNIT: usize = 8;

impl Socket {
    /// An option that is a number, by its level and name: `getsockopt(SOL_SOCKET, SO_ERROR)`.
    /// [`with_options`](Socket::with_options) has the usual ones by name.
    ///
    /// # Errors
    /// Fails as the system's `getsockopt` does.
    pub fn getsockopt(&self, level: i32, name: i32) -> io::Result<i32> {
        let mut bytes = [0; size_of::<i32>() * UNIT];
        let n = get(self.0.socket()?.as_raw_fd(), level, name, size_of::<i32>(), &mut bytes)?;
        // The system may return fewer, for example one.
        bytes[n.min(size_of::<i32>())..].fill(0);
        let number = bytes.first_chunk().expect("there are more");
        Ok(i32::from_ne_bytes(*number))
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
        let mut bytes = vec![0; buflen * UNIT];
        let n = get(self.0.socket()?.as_raw_fd(), level, name, buflen, &mut bytes)?;
        bytes.truncate(n);
        Ok(bytes)
    }

    /// Sets an option that is a number: `setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)`.
    /// [`with_options`](Socket::with_options) sets those that are records, for example `SO_LINGER`.
    ///
    /// # Errors
    /// Fails as the system's `setsockopt` does.
    pub fn setsockopt(&self, level: i32, name: i32, value: i32) -> io::Result<()> {
        let socket = self.0.socket()?;
        let (value, len) = (&raw const value, size_of::<i32>() as libc::socklen_t);
        // SAFETY: the system reads one number, which is a local here. A number has no place for an address of memory.
        #[allow(unsafe_code)]
        let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.cast(), len) };
        match done {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Asks for an option of `len` bytes, into a buffer that has [`UNIT`] times as many, of zeros. Returns how many there
/// are.
fn get(fd: RawFd, level: i32, name: i32, len: usize, bytes: &mut [u8]) -> io::Result<usize> {
    assert!(bytes.len() >= len * UNIT);
    let mut n = len as libc::socklen_t;
    // SAFETY: the system writes at most `len` bytes, or as many units, and the buffer has place for these. Options that
    // are asked for by an address in the buffer find zero there, and fail.
    #[allow(unsafe_code)]
    let done = unsafe { libc::getsockopt(fd, level, name, bytes.as_mut_ptr().cast(), &raw mut n) };
    match done {
        0 => Ok((n as usize).min(bytes.len())),
        _ => Err(io::Error::last_os_error()),
    }
}
