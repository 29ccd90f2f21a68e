//! [`Wire`]: the stream of a connection, and the answers that are not sent yet.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::rc::Rc;

use super::stream::{Transport, WebStream};
use crate::greenlet::spawn_raw;
use crate::lock::Semaphore;

/// When so many bytes wait to be sent, they are.
pub(super) const FULL: usize = 64 << 10;

/// Data of this size are sent from where they are; smaller ones are copied to the others that wait to be sent.
const LARGE: usize = 16 << 10;

/// The stream of a connection, and what is to be sent. Reading and writing use it independently.
pub(super) struct Wire {
    stream: Box<dyn Transport>,
    out: Cell<Vec<u8>>,
    /// Whether a write has failed, perhaps after a part, so that nothing can be sent any more.
    broken: Cell<bool>,
    /// Whether the answer to the current request has begun.
    answered: Cell<bool>,
    /// Whether a greenlet will send what waits to be sent.
    soon: Cell<bool>,
    /// The turn of the greenlets that send: a body that is about to wait sends the answers that are there.
    turn: Semaphore,
}

impl Wire {
    pub(super) fn new(stream: impl WebStream) -> Wire {
        Wire {
            stream: Box::new(stream),
            out: Cell::default(),
            broken: Cell::default(),
            answered: Cell::default(),
            soon: Cell::default(),
            turn: Semaphore::new(1),
        }
    }

    /// Appends to what is to be sent. `write` is no user code.
    #[inline]
    pub(super) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = self.out.take();
        write(&mut out);
        self.out.set(out);
    }

    /// How many bytes wait to be sent.
    #[inline]
    pub(super) fn waiting(&self) -> usize {
        let out = self.out.take();
        let len = out.len();
        self.out.set(out);
        len
    }

    /// Lends memory for what is to be sent.
    pub(super) fn lend(&self, memory: Vec<u8>) {
        self.push(|out| match out.is_empty() {
            true => *out = memory,
            false => drop(memory),
        });
    }

    /// The memory, if nothing waits to be sent.
    pub(super) fn take_memory(&self) -> Vec<u8> {
        let out = self.out.take();
        match out.is_empty() {
            true => out,
            false => {
                self.out.set(out);
                Vec::new()
            }
        }
    }

    /// Sends what waits to be sent.
    #[track_caller]
    pub(super) fn flush(&self) -> io::Result<()> {
        match self.waiting() {
            0 => Ok(()),
            _ => self.send_with(&[]),
        }
    }

    /// Sends what waits to be sent as soon as the current greenlet waits for something: its client may wait for that.
    pub(super) fn flush_soon(self: &Rc<Self>) {
        if self.waiting() > 0 && !self.soon.replace(true) {
            let wire = self.clone();
            let spawned = spawn_raw(move || {
                wire.soon.set(false);
                // If this fails, the next one who sends finds the wire broken.
                let _ = wire.flush();
            });
            if spawned.is_err() {
                // The thread is over.
                self.soon.set(false);
            }
        }
    }

    /// Sends what waits to be sent, and then these data, or has them wait, too.
    #[track_caller]
    pub(super) fn write(&self, data: &[u8]) -> io::Result<()> {
        if data.len() >= LARGE {
            return self.send_with(data);
        }
        self.push(|out| out.extend_from_slice(data));
        self.flush_if_full()
    }

    /// Whether so much waits to be sent that it has to be.
    pub(super) fn is_full(&self) -> bool {
        self.waiting() >= FULL
    }

    #[track_caller]
    pub(super) fn flush_if_full(&self) -> io::Result<()> {
        match self.is_full() {
            true => self.flush(),
            false => Ok(()),
        }
    }

    #[track_caller]
    fn send_with(&self, data: &[u8]) -> io::Result<()> {
        self.in_turn(|| {
            let mut out = self.out.take();
            let sent = self.stream.write_both(&out, data);
            out.clear();
            self.lend(out);
            sent
        })
    }

    /// Sends a part of a file, behind what waits to be sent.
    #[track_caller]
    pub(super) fn sendfile(&self, file: &File, offset: u64, count: u64) -> io::Result<u64> {
        self.flush()?;
        self.in_turn(|| self.stream.sendfile(file, offset, Some(count)))
    }

    /// Has `send` called when no other greenlet sends.
    #[track_caller]
    fn in_turn<T>(&self, send: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let _turn = self.turn.acquire_guard()?;
        if self.broken.replace(true) {
            return Err(broken());
        }
        // A panic, too, leaves it broken.
        let sent = send()?;
        self.broken.set(false);
        Ok(sent)
    }

    /// Whether a write has failed, so that nothing can be sent any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.get()
    }

    /// Whether the answer to the current request has begun.
    pub(super) fn is_answered(&self) -> bool {
        self.answered.get()
    }

    pub(super) fn set_answered(&self, answered: bool) {
        self.answered.set(answered);
    }

    /// Reads, after what waits to be sent was sent: the client may wait for it.
    #[track_caller]
    pub(super) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.flush()?;
        self.stream.read(buf)
    }

    /// Waits for data, after what waits to be sent was sent.
    #[track_caller]
    pub(super) fn wait_to_read(&self) -> io::Result<()> {
        self.flush()?;
        self.stream.wait_to_read()
    }

    pub(super) fn end_writing(&self) -> io::Result<()> {
        self.stream.end_writing()
    }

    /// A handle of the stream, if this is its type.
    pub(super) fn stream<S: WebStream>(&self) -> Option<S> {
        self.stream.as_any().downcast_ref().cloned()
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

fn broken() -> io::Error {
    let why = "the connection is broken off: an answer was not sent to its end";
    io::Error::new(io::ErrorKind::BrokenPipe, why)
}
