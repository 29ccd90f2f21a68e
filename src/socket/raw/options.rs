//! Options of a socket by their numbers.

use std::io;
use std::os::fd::AsRawFd;

use super::RawSocket;

/// The system counts the instructions of a filter (`SO_GET_FILTER`) where it is told a number of bytes, and each has 8
/// bytes.
const UNIT: usize = 8;

impl RawSocket {
    /// An option of `N` bytes. Those that the system does not return are zero.
    pub(in crate::socket) fn option<const N: usize>(&self, level: i32, name: i32) -> io::Result<[u8; N]> {
        let mut bytes = [[0; N]; UNIT];
        let n = self.ask(level, name, N, bytes.as_flattened_mut())?;
        bytes[0][n.min(N)..].fill(0);
        Ok(bytes[0])
    }

    /// The bytes of an option, at most `len` of them, or as many units.
    pub(in crate::socket) fn option_bytes(&self, level: i32, name: i32, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len * UNIT];
        let n = self.ask(level, name, len, &mut bytes)?;
        bytes.truncate(n);
        Ok(bytes)
    }

    /// Sets an option that is a number.
    pub(in crate::socket) fn set_option(&self, level: i32, name: i32, value: i32) -> io::Result<()> {
        let socket = self.socket()?;
        let (value, len) = (&raw const value, size_of::<i32>() as libc::socklen_t);
        // SAFETY: the system reads one number, which is a local here. A number has no place for an address of memory.
        #[allow(unsafe_code)]
        let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.cast(), len) };
        match done {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Asks for an option of `len` bytes, into a buffer that has [`UNIT`] times as many, of zeros. Returns how many
    /// there are.
    fn ask(&self, level: i32, name: i32, len: usize, bytes: &mut [u8]) -> io::Result<usize> {
        assert!(bytes.len() >= len * UNIT);
        let socket = self.socket()?;
        let mut n = len as libc::socklen_t;
        // SAFETY: the system writes at most `len` bytes, or as many units, and the buffer has place for these. Options
        // that are asked for by an address in the buffer find zero there, and fail.
        #[allow(unsafe_code)]
        let done = unsafe {
            let bytes = bytes.as_mut_ptr().cast();
            libc::getsockopt(socket.as_raw_fd(), level, name, bytes, &raw mut n)
        };
        match done {
            0 => Ok((n as usize).min(bytes.len())),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
