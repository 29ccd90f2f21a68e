//! Sending files: by the system's `sendfile` where it can, otherwise by reading and sending.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::{Direction, Limit, NO_SIGNAL, RawSocket};
use crate::socket::copying::Buffer;
use crate::socket::partial::SendAllError;

impl RawSocket {
    /// Sends a file from an offset to its end, or `count` bytes of it. `sent` is the number of bytes that were sent,
    /// also after an error.
    #[track_caller]
    pub(in crate::socket) fn sendfile(
        &self,
        limit: Limit<'_>,
        file: &File,
        offset: u64,
        count: Option<u64>,
        sent: &mut u64,
    ) -> io::Result<()> {
        let mut by_system = cfg!(any(target_os = "linux", target_os = "android"));
        loop {
            let left = count.map_or(u64::MAX, |count| count - *sent);
            if left == 0 {
                return Ok(());
            }
            let offset = offset.saturating_add(*sent);
            let step = match by_system {
                true => self.retry_within(Direction::Write, limit, |socket| {
                    by_the_system(socket, file, offset, left.min(STEP) as usize)
                }),
                false => self.send_block(limit, file, offset, left),
            };
            match step {
                Ok(0) => return Ok(()),
                Ok(n) => *sent += n as u64,
                Err(error) if by_system && is_refused(&error) => by_system = false,
                Err(error) => return Err(SendAllError::with(*sent, error)),
            }
        }
    }

    /// Reads a block of the file, and sends as much of it as the socket takes at once.
    #[track_caller]
    fn send_block(&self, limit: Limit<'_>, file: &File, offset: u64, left: u64) -> io::Result<usize> {
        let mut block = Buffer::take();
        let len = left.min(block.len() as u64) as usize;
        let n = loop {
            match file.read_at(&mut block[..len], offset) {
                // std does not begin this call again, as it does others.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if n == 0 {
            return Ok(0);
        }
        self.retry_within(Direction::Write, limit, |socket| {
            socket.send_with_flags(&block[..n], NO_SIGNAL)
        })
    }
}

/// How many bytes the system is asked to send at once. A reader that is as fast as we are does not keep other greenlets
/// from running for longer than this takes.
const STEP: u64 = 1 << 20;

/// Whether the system says by this error that it cannot send this file to this socket: an error of `sendfile` alone, as
/// for some files below `/proc`.
fn is_refused(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP | libc::EOVERFLOW)
    )
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn by_the_system(socket: &socket2::Socket, file: &File, offset: u64, len: usize) -> io::Result<usize> {
    // The call moves the offset that it is given, and not the file's position.
    let mut offset = offset;
    crate::no_sigpipe::without_sigpipe(len, || Ok(rustix::fs::sendfile(socket, file, Some(&mut offset), len)?))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn by_the_system(_socket: &socket2::Socket, _file: &File, _offset: u64, _len: usize) -> io::Result<usize> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}
