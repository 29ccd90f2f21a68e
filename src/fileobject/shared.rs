//! [`Shared`]: what all handles of a file object share: the descriptor below the buffers.

use std::cell::{Cell, RefCell};
use std::io::{self, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use super::buffers::{Ahead, Buffers, Lent};
use super::mode::Mode;
use super::polled::Polled;
use super::source::Source;
use super::threaded::{Job, Threaded};
use super::way::never_waits;
use crate::socket::{cancel_wait_ex as closed, ends_all};

/// How bytes come from the descriptor, and go there.
pub(super) enum Raw {
    Polled(Polled),
    Threaded(Threaded),
}

impl Raw {
    /// With threads, or without; or as the descriptor needs it.
    pub(super) fn new(source: Source, threads: Option<bool>) -> io::Result<Raw> {
        let threads = match threads {
            Some(threads) => threads,
            None => never_waits(source.as_fd())?,
        };
        Ok(match threads {
            true => Raw::Threaded(Threaded::new(source)?),
            false => Raw::Polled(Polled::new(source)?),
        })
    }
}

/// How many bytes are gathered before they are written, and read ahead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffering {
    pub(super) size: usize,
    /// Whether a write with the end of a line is passed on at once.
    pub(super) lines: bool,
}

pub(super) struct Shared {
    pub(super) raw: Raw,
    pub(super) mode: Mode,
    pub(super) name: Option<PathBuf>,
    pub(super) buffering: Buffering,
    /// Nothing is borrowed while anything waits.
    pub(super) buffers: RefCell<Buffers>,
    pub(super) closed: Cell<bool>,
    /// Whether the last write was given up: an exception was thrown into its greenlet, or its task polls no more.
    pub(super) given_up: Cell<bool>,
}

impl Shared {
    pub(super) fn new(raw: Raw, mode: Mode, name: Option<PathBuf>, buffering: Buffering) -> Shared {
        Shared {
            raw,
            mode,
            name,
            buffering,
            buffers: RefCell::default(),
            closed: Cell::new(false),
            given_up: Cell::new(false),
        }
    }

    pub(super) fn check_open(&self) -> io::Result<()> {
        match self.closed.get() {
            true => Err(closed()),
            false => Ok(()),
        }
    }

    pub(super) fn check_reads(&self) -> io::Result<()> {
        self.check_open()?;
        match self.mode.reads() {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::Unsupported, "not readable")),
        }
    }

    pub(super) fn check_writes(&self) -> io::Result<()> {
        self.check_open()?;
        match self.mode.writes() {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::Unsupported, "not writable")),
        }
    }

    /// Lends the descriptor to `f`.
    pub(super) fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
        let source = match &self.raw {
            Raw::Polled(polled) => polled.opened()?.source.clone(),
            Raw::Threaded(threaded) => threaded.source()?,
        };
        Ok(f(source.as_fd()))
    }

    #[track_caller]
    pub(super) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.check_reads()?;
        if buf.is_empty() {
            return Ok(0);
        }
        let n = self.ahead(|ahead| ahead.copy_to(buf));
        if n > 0 {
            return Ok(n);
        }
        self.turn_to_reading()?;
        match &self.raw {
            Raw::Polled(polled) if buf.len() >= self.buffering.size => {
                polled.read(|read| match self.ahead(|ahead| ahead.copy_to(buf)) {
                    0 => read(buf),
                    n => Ok(n),
                })
            }
            _ => {
                self.fill(buf.len().max(self.buffering.size))?;
                Ok(self.ahead(|ahead| ahead.copy_to(buf)))
            }
        }
    }

    /// What was read ahead, after reading if that is nothing.
    #[track_caller]
    pub(super) fn fill_buf(&self) -> io::Result<Lent> {
        // Without a byte of place there would be no lines.
        self.fill_buf_with(self.buffering.size.max(1))
    }

    /// The same, reading at most `size` bytes.
    #[track_caller]
    pub(super) fn fill_buf_with(&self, size: usize) -> io::Result<Lent> {
        self.check_reads()?;
        if self.ahead(|ahead| ahead.is_empty()) {
            self.turn_to_reading()?;
            self.fill(size)?;
        }
        Ok(self.ahead(|ahead| ahead.lend()))
    }

    pub(super) fn ahead<R>(&self, f: impl FnOnce(&mut Ahead) -> R) -> R {
        f(&mut self.buffers.borrow_mut().ahead)
    }

    #[track_caller]
    fn fill(&self, size: usize) -> io::Result<()> {
        match &self.raw {
            Raw::Polled(polled) => {
                polled.read(|read| self.read_ahead(size, read))?;
                polled.wake_reader();
            }
            Raw::Threaded(threaded) => {
                threaded.perform(Job::Read(size), &self.buffers)?;
            }
        }
        Ok(())
    }

    /// Calls `read` to read ahead, unless that was done meanwhile.
    pub(super) fn read_ahead(
        &self,
        size: usize,
        read: &mut dyn FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.ahead(|ahead| match ahead.is_empty() {
            true => ahead.fill(size, read),
            false => Ok(0),
        })
    }

    /// Before a file is read, what was written to it is written out.
    #[track_caller]
    fn turn_to_reading(&self) -> io::Result<()> {
        match self.flushes_before_reading() {
            true => self.flush(),
            false => Ok(()),
        }
    }

    pub(super) fn flushes_before_reading(&self) -> bool {
        self.mode.writes() && self.seekable()
    }

    /// Before a file is changed, its position goes back over what was read ahead.
    #[track_caller]
    pub(super) fn turn_to_writing(&self) -> io::Result<()> {
        if self.goes_back_before_writing() {
            self.seek(SeekFrom::Current(0))?;
        }
        Ok(())
    }

    pub(super) fn goes_back_before_writing(&self) -> bool {
        self.mode.reads() && self.ahead(|ahead| !ahead.is_empty()) && self.seekable()
    }

    #[track_caller]
    pub(super) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.check_writes()?;
        self.struck_by(|| self.try_write(buf))
    }

    /// Remembers whether an exception that was thrown has ended the call.
    fn struck_by<T>(&self, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let result = call();
        self.given_up.set(result.as_ref().is_err_and(ends_all));
        result
    }

    #[track_caller]
    fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.turn_to_writing()?;
        if self.goes_through(buf) {
            return self.write_through(buf);
        }
        if !self.has_room(buf) {
            self.flush_out()?;
        }
        Ok(self.keep(buf))
    }

    /// Whether these bytes are written at once, and not gathered.
    pub(super) fn goes_through(&self, buf: &[u8]) -> bool {
        buf.len() >= self.buffering.size || (self.buffering.lines && buf.contains(&b'\n'))
    }

    pub(super) fn has_room(&self, buf: &[u8]) -> bool {
        self.buffers.borrow().out.len() + buf.len() <= self.buffering.size
    }

    /// Puts the bytes into the buffer, which has room for them. Returns how many they are.
    pub(super) fn keep(&self, buf: &[u8]) -> usize {
        let mut buffers = self.buffers.borrow_mut();
        let out = &mut buffers.out;
        if out.capacity() < self.buffering.size {
            out.reserve(self.buffering.size - out.len());
        }
        out.extend_from_slice(buf);
        buf.len()
    }

    /// Writes what is left in the buffer, and then these bytes, or some of them.
    #[track_caller]
    fn write_through(&self, buf: &[u8]) -> io::Result<usize> {
        self.flush_out()?;
        match &self.raw {
            _ if buf.is_empty() => Ok(0),
            Raw::Polled(polled) => polled.write(|write| write(buf)),
            Raw::Threaded(_) => {
                // The thread may go on when the greenlet is killed, so the bytes are its own.
                self.buffers.borrow_mut().out.extend_from_slice(buf);
                match self.flush_out() {
                    Ok(()) => Ok(buf.len()),
                    Err(error) if ends_all(&error) => Err(error),
                    Err(error) => {
                        // What was refused is not tried again by the next call: the caller has been told.
                        let out = std::mem::take(&mut self.buffers.borrow_mut().out);
                        match buf.len().saturating_sub(out.len()) {
                            0 => Err(error),
                            n => Ok(n),
                        }
                    }
                }
            }
        }
    }

    #[track_caller]
    pub(super) fn flush(&self) -> io::Result<()> {
        self.check_open()?;
        self.struck_by(|| self.flush_out())
    }

    /// Writes what is in the buffer. What was written is taken out of it step by step.
    #[track_caller]
    fn flush_out(&self) -> io::Result<()> {
        loop {
            let n = match &self.raw {
                // A call of a killed greenlet may still be under way, and give back what it has not written.
                Raw::Threaded(threaded) => threaded.perform(Job::Write, &self.buffers)? as usize,
                Raw::Polled(_) if self.is_written() => return Ok(()),
                Raw::Polled(polled) => polled.write(|write| self.write_out(write))?,
            };
            if self.is_written() {
                return Ok(());
            }
            if n == 0 && matches!(self.raw, Raw::Threaded(_)) {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
    }

    /// Whether nothing is left in the buffer.
    pub(super) fn is_written(&self) -> bool {
        self.buffers.borrow().out.is_empty()
    }

    /// Calls `write` with what is in the buffer, if there is something.
    pub(super) fn write_out(&self, write: &mut dyn FnMut(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        let out = &mut self.buffers.borrow_mut().out;
        if out.is_empty() {
            return Ok(0);
        }
        let n = write(out)?;
        out.drain(..n);
        if n == 0 {
            Err(io::ErrorKind::WriteZero.into())
        } else {
            Ok(n)
        }
    }

    pub(super) fn seekable(&self) -> bool {
        self.with_fd(|fd| rustix::fs::seek(fd, rustix::fs::SeekFrom::Current(0)).is_ok())
            .unwrap_or(false)
    }

    /// The position moves from where the next byte is read, or written, and not from where the buffers end.
    #[track_caller]
    pub(super) fn seek(&self, to: SeekFrom) -> io::Result<u64> {
        self.flush()?;
        self.seek_flushed(to)
    }

    /// The same, when the buffer is written.
    #[track_caller]
    pub(super) fn seek_flushed(&self, to: SeekFrom) -> io::Result<u64> {
        let left = self.ahead(|ahead| ahead.left().len()) as i64;
        let to = match to {
            SeekFrom::Start(offset) => rustix::fs::SeekFrom::Start(offset),
            SeekFrom::End(offset) => rustix::fs::SeekFrom::End(offset),
            SeekFrom::Current(offset) => rustix::fs::SeekFrom::Current(offset.saturating_sub(left)),
        };
        let at = self.call(move |source| Ok(rustix::fs::seek(source.as_fd(), to)?))?;
        self.ahead(|ahead| ahead.clear());
        Ok(at)
    }

    /// Makes a call that does not wait for the other side, in a thread if this file has threads for that.
    #[track_caller]
    pub(super) fn call(&self, function: impl FnOnce(&Source) -> io::Result<u64> + Send + 'static) -> io::Result<u64> {
        match &self.raw {
            Raw::Polled(polled) => function(&polled.opened()?.source),
            Raw::Threaded(threaded) => threaded.perform(Job::Other(Box::new(function)), &self.buffers),
        }
    }

    /// Writes what is left, and closes the descriptor, also if that fails.
    #[track_caller]
    pub(super) fn close(&self) -> io::Result<()> {
        if self.closed.replace(true) {
            return Ok(());
        }
        let flushed = self.flush_out();
        flushed.and(self.close_raw())
    }

    #[track_caller]
    fn close_raw(&self) -> io::Result<()> {
        match &self.raw {
            Raw::Polled(polled) => {
                polled.close();
                Ok(())
            }
            Raw::Threaded(threaded) => threaded.close(),
        }
    }
}

/// The last handle is gone.
impl Drop for Shared {
    fn drop(&mut self) {
        // The end of a greenlet that was killed while it wrote does not wait for the same once more.
        if self.given_up.get() {
            self.buffers.get_mut().out.clear();
        }
        if self.closed.replace(true) {
            return;
        }
        let flushed = self.flush_out();
        if let Raw::Threaded(threaded) = &self.raw
            && flushed.is_err_and(|error| ends_all(&error))
        {
            // This cannot wait: it is in the hub, say, or the thread is over.
            threaded.write_here(&self.buffers);
        }
        // The descriptor is closed with `raw`, or with the call that a thread still makes.
    }
}
