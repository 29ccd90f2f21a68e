//! How a connection ends: by `close_notify`, which tells the other side that nothing was cut off.

use std::io;
use std::net::Shutdown;

use super::engine::{Engine, Limits, Reading};
use crate::socket::{Direction, Limit};

impl Engine {
    /// Tells the other side that nothing further will be written, and ends the socket's directions.
    #[track_caller]
    pub(super) fn shutdown(&self, how: Shutdown, limits: Limits<'_>) -> io::Result<()> {
        if how != Shutdown::Read && self.is_usable() {
            self.end(limits.write)?;
        }
        self.raw.shutdown(how)
    }

    /// Ends TLS in both directions. The socket goes on, and nothing that comes after the other side's end is read.
    #[track_caller]
    pub(super) fn unwrap(&self, limits: Limits<'_>) -> io::Result<()> {
        self.do_handshake(limits)?;
        self.check()?;
        self.end(limits.write)?;
        loop {
            let state = self.connection()?.process_new_packets();
            let state = state.map_err(|error| self.fail(error))?;
            if state.plaintext_bytes_to_read() > 0 {
                let why = "there are application data after the end of TLS";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            limits.read.check()?;
            if state.peer_has_closed() || self.receive(limits.read, Reading::Exactly)? == 0 {
                return Ok(());
            }
        }
    }

    /// Closes the socket. The other side is told if it can be told without waiting.
    pub(super) fn close(&self) {
        self.end_now();
        self.raw.close();
    }

    fn end_now(&self) {
        // If the child of a fork said the end, it would say it for the parent's connection.
        if self.process == std::process::id() && self.is_usable() && !self.ended.get() {
            // If it fails, the other side sees the end of the socket only.
            let _ = self.end(self.raw.limit(Direction::Write).waiting_if(false));
        }
    }

    #[track_caller]
    fn end(&self, limit: Limit<'_>) -> io::Result<()> {
        if !self.ended.get() {
            self.connection()?.send_close_notify();
            self.ended.set(true);
        }
        self.send(limit)
    }

    fn is_usable(&self) -> bool {
        self.handshake.is_done.get() && self.failure.borrow().is_none()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Whatever a panic has cut short must not look complete.
        if !std::thread::panicking() {
            self.end_now();
        }
    }
}
