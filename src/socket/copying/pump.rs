//! [`Way`]: one way of [`copy_bidirectional`](super::copy_bidirectional).

use std::cell::Cell;
use std::io::{self, Read};
use std::net::Shutdown;
use std::rc::Rc;

use super::buffers::{Buffer, SIZE};
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::pipes::Pipe;
use crate::socket::partial::SendAllError;
use crate::socket::raw::{Direction, RawSocket};

/// From one stream to another.
pub(super) struct Way {
    from: Rc<RawSocket>,
    to: Rc<RawSocket>,
    /// How many bytes were sent.
    pub(super) copied: Cell<u64>,
}

impl Way {
    pub(super) fn new(from: Rc<RawSocket>, to: Rc<RawSocket>) -> Way {
        Way {
            from,
            to,
            copied: Cell::new(0),
        }
    }

    /// Wakes the greenlet that is in [`pump`](Way::pump), so that it sees what it was told.
    pub(super) fn wake(&self) {
        self.from.wake(Direction::Read);
        self.to.wake(Direction::Write);
    }

    /// Copies until the end of the data, and passes the end on; or until it is told to end, which is an error.
    #[track_caller]
    pub(super) fn pump(&self, told: &Cell<bool>) -> io::Result<()> {
        let mut large = false;
        loop {
            // What is moved through a pipe stays in the system. For small data the calls would take longer than the
            // copy.
            #[cfg(any(target_os = "linux", target_os = "android"))]
            let moved = match large {
                true => self.through_pipe(told)?,
                false => None,
            };
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            let moved = None;
            let n = match moved {
                Some(n) => n,
                None => self.through_buffer(told)?,
            };
            if n == 0 {
                break;
            }
            large = n >= SIZE;
        }
        match self.to.shutdown(Shutdown::Write) {
            // It has gone already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        }
    }

    /// Copies what there is, after waiting for it without a buffer.
    #[track_caller]
    fn through_buffer(&self, told: &Cell<bool>) -> io::Result<usize> {
        let mut buffer = None;
        let limit = self.from.limit(Direction::Read).unless_told(told);
        let n = self.from.read(limit, SIZE, |mut socket| {
            let read = socket.read(buffer.get_or_insert_with(Buffer::take));
            if read.is_err() {
                buffer = None;
            }
            read
        })?;
        let Some(buffer) = buffer else {
            return Ok(0);
        };
        let limit = self.to.limit(Direction::Write).unless_told(told);
        match self.to.send_all(limit, &buffer[..n], 0) {
            Ok(()) => self.count(n as u64),
            Err(error) => {
                let (sent, error) = SendAllError::split(error);
                self.count(sent);
                return Err(error);
            }
        }
        Ok(n)
    }

    /// Moves what there is, after waiting for it without a pipe. Returns nothing if there is no pipe, or these sockets
    /// cannot be used with one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[track_caller]
    fn through_pipe(&self, told: &Cell<bool>) -> io::Result<Option<usize>> {
        let mut pipe = None;
        let limit = self.from.limit(Direction::Read).unless_told(told);
        // That a pipe has taken less than a buffer holds means, as there, that no more has come.
        let read = self.from.read(limit, SIZE, |socket| {
            if pipe.is_none() {
                pipe = Pipe::take();
            }
            let Some(full) = &mut pipe else {
                return Err(NO_PIPE.into());
            };
            let read = full.fill(socket);
            if read.is_err() {
                pipe = None;
            }
            read
        });
        let n = match read {
            Ok(n) => n,
            Err(error) if error.kind() == NO_PIPE => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(mut pipe) = pipe else {
            return Ok(Some(0));
        };
        while pipe.filled() > 0 {
            let limit = self.to.limit(Direction::Write).unless_told(told);
            let sent = self
                .to
                .retry_within(Direction::Write, limit, |socket| pipe.empty(socket))?;
            self.count(sent as u64);
        }
        Ok(Some(n))
    }

    fn count(&self, n: u64) {
        self.copied.set(self.copied.get() + n);
    }
}

/// The kind of error that says that the data cannot go through a pipe. What is read from a stream has no such error.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_PIPE: io::ErrorKind = io::ErrorKind::Unsupported;
