//! Calls that go on until all is sent or read, or a deadline is over.

use std::io::{self, Read};

use super::{Direction, Limit, NO_SIGNAL, RawSocket};
use crate::socket::partial::{ReadExactError, SendAllError};

impl RawSocket {
    /// Sends all data.
    #[track_caller]
    pub(in crate::socket) fn send_all(&self, limit: Limit<'_>, data: &[u8], flags: i32) -> io::Result<()> {
        let mut sent = 0;
        while sent < data.len() {
            let step = if sent > 0 { limit.check() } else { Ok(()) };
            let step = step.and_then(|()| {
                self.retry_within(Direction::Write, limit, |socket| {
                    socket.send_with_flags(&data[sent..], flags | NO_SIGNAL)
                })
            });
            match step {
                Ok(n) => sent += n,
                Err(error) => return Err(SendAllError::with(sent as u64, error)),
            }
        }
        Ok(())
    }

    /// Fills the buffer.
    #[track_caller]
    pub(in crate::socket) fn recv_exact(&self, limit: Limit<'_>, buf: &mut [u8]) -> io::Result<()> {
        let mut read = 0;
        while read < buf.len() {
            let step = if read > 0 { limit.check() } else { Ok(()) };
            let error = match step.and_then(|()| self.recv_within(limit, &mut buf[read..])) {
                Ok(0) => io::Error::new(io::ErrorKind::UnexpectedEof, "failed to fill whole buffer"),
                Ok(n) => {
                    read += n;
                    continue;
                }
                Err(error) => error,
            };
            return Err(ReadExactError::with(read as u64, error));
        }
        Ok(())
    }

    /// Appends everything up to the end to `buf`.
    #[track_caller]
    pub(in crate::socket) fn recv_to_end(&self, limit: Limit<'_>, buf: &mut Vec<u8>) -> io::Result<usize> {
        Within { raw: self, limit }.read_to_end(buf)
    }
}

/// A socket that is read within a limit.
struct Within<'a> {
    raw: &'a RawSocket,
    limit: Limit<'a>,
}

impl Read for Within<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.limit.check()?;
        self.raw.recv_within(self.limit, buf)
    }
}
