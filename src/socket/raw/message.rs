//! Messages with ancillary data, as the types with std's face send and receive them.

use std::io::{self, IoSlice, IoSliceMut};

use socket2::SockAddr;

use super::{Direction, MAX_PARTS, RawSocket};
use crate::socket::ancillary::{Received, SocketAncillary};

impl RawSocket {
    /// Sends to the other side of a stream. Without a byte of data the system would forget the ancillary data.
    #[track_caller]
    pub(in crate::socket) fn send_with_ancillary(
        &self,
        bufs: &[IoSlice<'_>],
        ancillary: &SocketAncillary<'_>,
    ) -> io::Result<usize> {
        let bufs = &bufs[..bufs.len().min(MAX_PARTS)];
        if bufs.iter().all(|buf| buf.is_empty()) {
            return match ancillary.to_send() {
                [] => self.send_vectored(bufs),
                _ => {
                    let why = "a stream sends ancillary data with a byte of data";
                    self.socket().and(Err(io::Error::new(io::ErrorKind::InvalidInput, why)))
                }
            };
        }
        self.send_message(bufs, ancillary, None)
    }

    /// Receives from the other side of a stream; nothing into empty buffers.
    #[track_caller]
    pub(in crate::socket) fn recv_with_ancillary(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        ancillary: &mut SocketAncillary<'_>,
    ) -> io::Result<usize> {
        ancillary.clear();
        let count = bufs.len().min(MAX_PARTS);
        let bufs = &mut bufs[..count];
        let len = bufs.iter().map(|buf| buf.len()).sum();
        if len == 0 {
            return self.read_nothing(|_| Ok(0));
        }
        let n = self.read(self.limit(Direction::Read), len, |socket| {
            ancillary.receive(socket, bufs, 0).map(|received| received.bytes)
        })?;
        if !ancillary.is_empty() || ancillary.truncated() {
            // The system does not read beyond data that have some, so there may be more.
            self.emptied.was_read(false);
        }
        Ok(n)
    }

    /// Sends one message, a datagram for example.
    #[track_caller]
    pub(in crate::socket) fn send_message(
        &self,
        bufs: &[IoSlice<'_>],
        ancillary: &SocketAncillary<'_>,
        address: Option<&SockAddr>,
    ) -> io::Result<usize> {
        self.retry(Direction::Write, |socket| ancillary.send(socket, bufs, address, 0))
    }

    /// Receives one message, a datagram for example.
    #[track_caller]
    pub(in crate::socket) fn recv_message(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        ancillary: &mut SocketAncillary<'_>,
    ) -> io::Result<Received> {
        ancillary.clear();
        self.retry(Direction::Read, |socket| ancillary.receive(socket, bufs, 0))
    }
}
