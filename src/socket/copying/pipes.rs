//! [`Pipe`]: a pipe through which Linux moves data from one socket to another, by `splice`, without copying them.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use crate::no_sigpipe::without_sigpipe;

/// How many bytes a pipe is to hold: as many as the system allows to everybody.
const SIZE: usize = 1 << 20;

/// How many pipes a thread has at most, each with two descriptors. When all are in use, others copy.
const MOST: usize = 8;

thread_local! {
    static EMPTY: RefCell<Vec<Ends>> = const { RefCell::new(Vec::new()) };
    /// How many pipes there are, those in use among them.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// The ends of a pipe, and the process that may use it. A child process has them, too, but whatever it put in or took
/// out would be the parent's.
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
    process: u32,
}

/// A pipe in use. It is given back when this is dropped, or closed if something is left in it, however the greenlet
/// that has it ends.
pub(super) struct Pipe {
    ends: Option<Ends>,
    filled: usize,
}

impl Pipe {
    /// An empty pipe, if there is one.
    pub(super) fn take() -> Option<Pipe> {
        // At the thread's end, nothing is kept any more.
        let kept = EMPTY.try_with(|empty| empty.borrow_mut().pop()).ok()?;
        let ends = match kept {
            Some(ends) if ends.of_this_process().is_ok() => ends,
            _ => Ends::new()?,
        };
        Some(Pipe {
            ends: Some(ends),
            filled: 0,
        })
    }

    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// Moves data from a socket into this pipe. Fails with `Unsupported` if this socket cannot do that.
    pub(super) fn fill(&mut self, socket: &socket2::Socket) -> io::Result<usize> {
        let Some(ends) = &self.ends else { return Ok(0) };
        match splice(socket, None, &ends.write, None, SIZE, SpliceFlags::NONBLOCK) {
            Ok(n) => {
                self.filled += n;
                Ok(n)
            }
            Err(rustix::io::Errno::INVAL) => Err(io::ErrorKind::Unsupported.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves data from this pipe to a socket.
    pub(super) fn empty(&mut self, socket: &socket2::Socket) -> io::Result<usize> {
        let Some(ends) = &self.ends else { return Ok(0) };
        ends.of_this_process()?;
        let n = without_sigpipe(self.filled, || {
            let flags = SpliceFlags::NONBLOCK;
            Ok(splice(&ends.read, None, socket, None, self.filled, flags)?)
        })?;
        self.filled -= n;
        Ok(n)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let Some(ends) = self.ends.take() else { return };
        if self.filled == 0 {
            let _ = EMPTY.try_with(|empty| empty.borrow_mut().push(ends));
        }
    }
}

impl Ends {
    /// A new pipe, unless there are too many, or the system has none.
    fn new() -> Option<Ends> {
        if COUNT.get() >= MOST {
            return None;
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        COUNT.set(COUNT.get() + 1);
        // The system may have given so much to others that it refuses. Then the pipe stays as it is.
        let _ = fcntl_setpipe_size(&write, SIZE);
        Some(Ends {
            read,
            write,
            process: std::process::id(),
        })
    }

    fn of_this_process(&self) -> io::Result<()> {
        match self.process == std::process::id() {
            true => Ok(()),
            false => Err(io::Error::other(
                "the process has forked: its parent forwards these data",
            )),
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        COUNT.set(COUNT.get() - 1);
    }
}
