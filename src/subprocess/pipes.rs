//! [`PipeReader`] and [`PipeWriter`]: the parent's ends of a child's pipes. Source: the file objects that gevent's
//! `Popen` has as `stdin`, `stdout` and `stderr`.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;

use rustix::buffer::spare_capacity;
use rustix::io::ioctl_fionbio;

use crate::descriptor::Descriptor;
use crate::no_sigpipe::without_sigpipe;
use crate::polls::Direction;

/// How many bytes [`BufRead`] reads at once.
const BUFFER: usize = 8192;
/// How many bytes are read at once when all are wanted: what a pipe holds.
const AT_ONCE: usize = 64 << 10;

/// The end of a pipe from which the output of a child is read: `popen.stdout` in Python. Clones are handles of the same
/// pipe, which is closed when the last one is dropped.
///
/// It is a [`Read`] and a [`BufRead`], so it has `read_line` and `lines`. What one handle has read ahead for
/// `read_line` is there for the others. One greenlet at a time can wait for it: a second one gets a
/// [`ConcurrentObjectUseError`](crate::exceptions::ConcurrentObjectUseError).
///
/// ```
/// use std::io::BufRead;
/// use gevent::subprocess::{Command, PIPE, Popen};
///
/// let popen = Popen::new(Command::new("printf").arg("one\\ntwo\\n").stdout(PIPE))?;
/// let lines: Vec<_> = popen.stdout().unwrap().lines().collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["one", "two"]);
/// assert_eq!(popen.wait()?, 0);
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct PipeReader {
    shared: Rc<Shared>,
    /// What [`BufRead::fill_buf`] has lent.
    lent: Option<Rc<Vec<u8>>>,
}

struct Shared {
    descriptor: Rc<Descriptor<OwnedFd>>,
    ahead: RefCell<Ahead>,
}

/// What was read, and how much of it was taken.
#[derive(Default)]
struct Ahead {
    data: Option<Rc<Vec<u8>>>,
    taken: usize,
}

impl Ahead {
    fn left(&self) -> &[u8] {
        self.data.as_ref().map_or(&[], |data| &data[self.taken..])
    }

    fn take(&mut self, amount: usize) {
        self.taken += amount.min(self.left().len());
    }
}

impl PipeReader {
    pub(super) fn new(fd: OwnedFd) -> io::Result<PipeReader> {
        let shared = Shared {
            descriptor: Rc::new(non_blocking(fd)?),
            ahead: RefCell::default(),
        };
        Ok(PipeReader {
            shared: Rc::new(shared),
            lent: None,
        })
    }

    #[track_caller]
    fn read_some(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let n = self.take_ahead(|mut ahead| ahead.read(buf).unwrap_or(0));
        if n > 0 {
            return Ok(n);
        }
        let descriptor = &self.shared.descriptor;
        descriptor.retry(Direction::Read, |fd| Ok(rustix::io::read(fd, &mut *buf)?))
    }

    /// Has `take` copy some of what was read ahead. Returns what it does: how many bytes.
    pub(crate) fn take_ahead(&self, take: impl FnOnce(&[u8]) -> usize) -> usize {
        let mut ahead = self.shared.ahead.borrow_mut();
        let n = take(ahead.left());
        ahead.take(n);
        n
    }

    pub(crate) fn descriptor(&self) -> &Rc<Descriptor<OwnedFd>> {
        &self.shared.descriptor
    }

    /// Adds some bytes to `all`, and returns how many: none at the end.
    #[track_caller]
    pub(super) fn read_more(&self, all: &RefCell<Vec<u8>>) -> io::Result<usize> {
        let n = self.take_ahead(|ahead| {
            all.borrow_mut().extend_from_slice(ahead);
            ahead.len()
        });
        if n > 0 {
            return Ok(n);
        }
        self.shared.descriptor.retry(Direction::Read, |fd| {
            let mut all = all.borrow_mut();
            all.reserve(AT_ONCE);
            Ok(rustix::io::read(fd, spare_capacity(&mut all))?)
        })
    }

    /// Reads what is there, without waiting.
    pub(super) fn drain(&self, into: &mut Vec<u8>) {
        let Ok(fd) = self.shared.descriptor.opened() else {
            return;
        };
        loop {
            into.reserve(AT_ONCE);
            if !matches!(rustix::io::read(&*fd, spare_capacity(into)), Ok(1..)) {
                return;
            }
        }
    }

    /// Closes the pipe for all its handles. A greenlet that reads from it gets an `EBADF` error. If the child writes to
    /// it afterwards, it gets a `SIGPIPE`, which ends most programs. Closing twice has no further effect.
    pub fn close(&self) {
        self.shared.descriptor.close();
    }

    /// Whether the pipe is closed.
    pub fn closed(&self) -> bool {
        self.shared.descriptor.number().is_none()
    }

    /// Lends the descriptor to `f`. It stays open until `f` has returned. It does not block.
    ///
    /// # Errors
    /// Fails if the pipe is closed.
    pub fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
        let fd = self.shared.descriptor.opened()?;
        Ok(f(fd.as_fd()))
    }
}

impl Clone for PipeReader {
    fn clone(&self) -> Self {
        PipeReader {
            shared: self.shared.clone(),
            lent: None,
        }
    }
}

impl Read for &PipeReader {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_some(buf)
    }
}

impl Read for PipeReader {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_some(buf)
    }
}

impl BufRead for PipeReader {
    #[track_caller]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.lent = None;
        if self.shared.ahead.borrow().left().is_empty() {
            // Nothing is borrowed while this waits. Another handle may lend the old data still.
            let old = std::mem::take(&mut *self.shared.ahead.borrow_mut());
            let mut data = old.data.unwrap_or_default();
            if Rc::get_mut(&mut data).is_none() {
                data = Rc::default();
            }
            let buf = Rc::make_mut(&mut data);
            buf.resize(BUFFER, 0);
            let n = self
                .shared
                .descriptor
                .retry(Direction::Read, |fd| Ok(rustix::io::read(fd, &mut **buf)?))?;
            buf.truncate(n);
            *self.shared.ahead.borrow_mut() = Ahead {
                data: Some(data),
                taken: 0,
            };
        }
        let ahead = self.shared.ahead.borrow();
        self.lent = ahead.data.clone();
        Ok(self.lent.as_ref().map_or(&[], |data| &data[ahead.taken..]))
    }

    fn consume(&mut self, amount: usize) {
        self.lent = None;
        self.shared.ahead.borrow_mut().take(amount);
    }
}

/// The end of a pipe to which the input of a child is written: `popen.stdin` in Python. Clones are handles of the same
/// pipe, which is closed when the last one is dropped; then the child's input ends.
///
/// It has no buffer: each write goes to the pipe at once, as those of std's
/// [`ChildStdin`](std::process::ChildStdin). A write to a pipe that nobody reads fails with
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe), and never raises `SIGPIPE`, whatever the process has set for this signal.
/// One greenlet at a time can wait for it.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::subprocess::{Command, PIPE, Popen};
///
/// let popen = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
/// let (mut stdin, mut stdout) = (popen.stdin().unwrap(), popen.stdout().unwrap());
/// stdin.write_all(b"hello")?;
/// stdin.close();
/// let mut text = String::new();
/// stdout.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # popen.wait()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone)]
pub struct PipeWriter(Rc<Descriptor<OwnedFd>>);

impl PipeWriter {
    pub(super) fn new(fd: OwnedFd) -> io::Result<PipeWriter> {
        Ok(PipeWriter(Rc::new(non_blocking(fd)?)))
    }

    #[track_caller]
    fn write_some(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.retry(Direction::Write, |fd| write(fd, bufs))
    }

    pub(crate) fn descriptor(&self) -> &Rc<Descriptor<OwnedFd>> {
        &self.0
    }

    /// Closes the pipe for all its handles, which ends the child's input. A greenlet that writes to it gets an `EBADF`
    /// error. Closing twice has no further effect.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether the pipe is closed.
    pub fn closed(&self) -> bool {
        self.0.number().is_none()
    }

    /// Lends the descriptor to `f`. It stays open until `f` has returned. It does not block.
    ///
    /// # Errors
    /// Fails if the pipe is closed.
    pub fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
        let fd = self.0.opened()?;
        Ok(f(fd.as_fd()))
    }
}

/// How many buffers the system takes in one call.
pub(crate) const MAX_PARTS: usize = 1024;

/// Writes what there is room for.
///
/// A pair of sockets in place of a pipe would need no care about a signal, but a child could not open its `/dev/stdin`
/// then, and shells take a socket for a remote login.
pub(crate) fn write(fd: &OwnedFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let len = bufs.iter().map(|buf| buf.len()).sum();
    without_sigpipe(len, || Ok(rustix::io::writev(fd, bufs)?))
}

impl Write for &PipeWriter {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_some(&[IoSlice::new(buf)])
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_some(&bufs[..bufs.len().min(MAX_PARTS)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for PipeWriter {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_some(&[IoSlice::new(buf)])
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_some(&bufs[..bufs.len().min(MAX_PARTS)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsRawFd for PipeReader {
    /// The descriptor, or -1 once the pipe is closed.
    fn as_raw_fd(&self) -> RawFd {
        self.shared.descriptor.number().unwrap_or(-1)
    }
}

impl AsRawFd for PipeWriter {
    /// The descriptor, or -1 once the pipe is closed.
    fn as_raw_fd(&self) -> RawFd {
        self.0.number().unwrap_or(-1)
    }
}

/// Takes the descriptor away from all handles, as if the pipe was closed, and makes it block: for another child, say.
/// What was read ahead is lost.
impl TryFrom<PipeReader> for OwnedFd {
    type Error = io::Error;

    fn try_from(pipe: PipeReader) -> io::Result<OwnedFd> {
        detach(&pipe.shared.descriptor)
    }
}

/// Takes the descriptor away from all handles, as if the pipe was closed, and makes it block.
impl TryFrom<PipeWriter> for OwnedFd {
    type Error = io::Error;

    fn try_from(pipe: PipeWriter) -> io::Result<OwnedFd> {
        detach(&pipe.0)
    }
}

/// Makes an end of a pipe that does not block: nobody else has it.
fn non_blocking(fd: OwnedFd) -> io::Result<Descriptor<OwnedFd>> {
    ioctl_fionbio(&fd, true)?;
    Descriptor::new(fd)
}

fn detach(descriptor: &Descriptor<OwnedFd>) -> io::Result<OwnedFd> {
    // A copy, as operations that are under way may use the descriptor.
    let copy = descriptor.opened()?.try_clone()?;
    ioctl_fionbio(&copy, false)?;
    descriptor.close();
    Ok(copy)
}

fn show(name: &str, number: Option<RawFd>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match number {
        Some(fd) => f.debug_struct(name).field("fd", &fd).finish(),
        None => f.debug_struct(name).field("closed", &true).finish(),
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("PipeReader", self.shared.descriptor.number(), f)
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("PipeWriter", self.0.number(), f)
    }
}
