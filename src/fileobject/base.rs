//! [`FileObjectBase`]: a file with buffers, whose calls park the greenlet. Source: `FileObjectBase` in gevent's
//! `_fileobjectcommon.py`.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hub::get_hub;

use super::buffers::Lent;
use super::kinds::Kind;
use super::mode::Mode;
use super::shared::{Buffering, Raw, Shared};
use super::source::Descriptor;
use crate::socket::ends_all;
use crate::threadpool::{HubExt, apply_io};

/// How many bytes a file has place for, as in Python.
const BUFFER: usize = 8192;
/// How many bytes are read at once when all are wanted: so many at first, and up to so many later.
const READ_FIRST: usize = 64 << 10;
const READ_AT_MOST: usize = 1 << 20;

/// A file with buffers. The names for it are [`FileObject`](super::FileObject),
/// [`FileObjectPosix`](super::FileObjectPosix) and [`FileObjectThread`](super::FileObjectThread).
///
/// Clones are handles of the same file, with the same buffers. It is closed by [`close`](FileObjectBase::close), or
/// when the last handle is dropped; both write what is left in the buffer.
///
/// A mode is one of Python's: `r`, `w`, `a` or `x`, with `+` to read and write, and with `b` or `t`. With `b` or
/// without it a file has bytes, and texts as UTF-8 by [`BufRead::read_line`], [`BufRead::lines`] and `write!`; ends of
/// lines are not changed. The letter matters for a terminal only: at a file without `b`, a write with the end
/// of a line is passed on at once.
pub struct FileObjectBase<K> {
    shared: Rc<Shared>,
    /// What [`BufRead::fill_buf`] has lent.
    lent: Option<Lent>,
    kind: PhantomData<K>,
}

impl<K: Kind> FileObjectBase<K> {
    /// Opens a file. A thread of the pool does that, as it may take long, and for a named pipe until somebody has
    /// opened its other end.
    ///
    /// # Errors
    /// Fails for an invalid mode with [`InvalidInput`](io::ErrorKind::InvalidInput), where the system does, and with an
    /// exception that is thrown into the greenlet meanwhile. The file may be opened (and made, and truncated) all the
    /// same; then it is closed at once.
    #[track_caller]
    pub fn open(path: impl Into<PathBuf>, mode: &str) -> io::Result<Self> {
        Self::open_at(path.into(), mode, None)
    }

    /// [`open`](FileObjectBase::open) with a size of the buffers: none for 0; for 1, each line is written when it is
    /// complete, unless the mode has a `b`.
    ///
    /// # Errors
    /// As for `open`.
    #[track_caller]
    pub fn open_with_buffering(path: impl Into<PathBuf>, mode: &str, buffering: usize) -> io::Result<Self> {
        Self::open_at(path.into(), mode, Some(buffering))
    }

    #[track_caller]
    fn open_at(path: PathBuf, mode: &str, buffering: Option<usize>) -> io::Result<Self> {
        let mode = Mode::parse(mode)?;
        let (its_path, its_mode) = (path.clone(), mode.clone());
        let file = apply_io(&get_hub().threadpool(), move || its_mode.open(&its_path))?;
        Self::make(file, mode, Some(path), buffering)
    }

    /// Makes a file object of a descriptor, which is closed with it if it is [owned](Descriptor).
    ///
    /// # Errors
    /// Fails for an invalid mode with [`InvalidInput`](io::ErrorKind::InvalidInput), and if the thread can have no hub.
    pub fn new(descriptor: impl Descriptor, mode: &str) -> io::Result<Self> {
        Self::make(descriptor, Mode::parse(mode)?, None, None)
    }

    /// [`new`](FileObjectBase::new) with a size of the buffers, as
    /// [`open_with_buffering`](FileObjectBase::open_with_buffering) has it.
    ///
    /// # Errors
    /// As for `new`.
    pub fn with_buffering(descriptor: impl Descriptor, mode: &str, buffering: usize) -> io::Result<Self> {
        Self::make(descriptor, Mode::parse(mode)?, None, Some(buffering))
    }

    fn make(
        descriptor: impl Descriptor,
        mode: Mode,
        name: Option<PathBuf>,
        buffering: Option<usize>,
    ) -> io::Result<Self> {
        let source = descriptor.into_source();
        let by_line = || source.as_fd().is_terminal();
        let buffering = Buffering {
            size: buffering.filter(|size| *size != 1).unwrap_or(BUFFER),
            lines: !mode.binary && buffering.map_or_else(by_line, |size| size == 1),
        };
        Ok(FileObjectBase {
            shared: Rc::new(Shared::new(Raw::new(source, K::THREADS)?, mode, name, buffering)),
            lent: None,
            kind: PhantomData,
        })
    }

    /// Writes what is left in the buffer, and closes the file for all its handles. A greenlet that waits for it gets an
    /// `EBADF` error, as all later calls do; one that is in [`read_to_end`](Read::read_to_end) returns what it has.
    /// Closing twice has no further effect. A greenlet that waits for the descriptor in a
    /// [`select`](crate::select::select()) is woken, as for sockets. What [`FileObjectThread`](super::FileObjectThread)
    /// has under way is done first.
    ///
    /// # Errors
    /// Fails as [`flush`](Write::flush) does; the file is closed nevertheless, and what is left is lost.
    #[track_caller]
    pub fn close(&self) -> io::Result<()> {
        self.shared.close()
    }

    /// Whether the file is closed.
    pub fn closed(&self) -> bool {
        self.shared.closed.get()
    }

    /// The mode, as it was given.
    pub fn mode(&self) -> &str {
        &self.shared.mode.text
    }

    /// The path that was opened, also when the file is closed. `None` for a file that was made of a descriptor.
    pub fn name(&self) -> Option<&Path> {
        self.shared.name.as_deref()
    }

    /// Whether the mode allows to read.
    pub fn readable(&self) -> bool {
        self.shared.mode.reads()
    }

    /// Whether the mode allows to write.
    pub fn writable(&self) -> bool {
        self.shared.mode.writes()
    }

    /// Whether the file has a position that can be changed: a pipe, a socket and a terminal have none.
    pub fn seekable(&self) -> bool {
        self.shared.seekable()
    }

    /// Whether the descriptor is a terminal.
    pub fn isatty(&self) -> bool {
        self.shared.with_fd(|fd| fd.is_terminal()).unwrap_or(false)
    }

    /// Lends the descriptor to `f`. It stays open until `f` has returned, even if the file is closed meanwhile.
    ///
    /// # Errors
    /// Fails if the file is closed.
    pub fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
        self.shared.check_open()?;
        self.shared.with_fd(f)
    }

    /// Sets the size of the file, after what is left in the buffer was written. The position does not change. Python's
    /// `truncate`.
    ///
    /// # Errors
    /// Fails if the file is closed or cannot be written, and with an exception that is thrown into the greenlet
    /// meanwhile.
    #[track_caller]
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        self.shared.check_writes()?;
        self.shared.flush()?;
        self.shared.turn_to_writing()?;
        let set = move |source: &super::source::Source| Ok(rustix::fs::ftruncate(source.as_fd(), size).map(|()| 0)?);
        self.shared.call(set).map(drop)
    }

    /// Reads once, at most as many bytes as the buffer takes: all that was read ahead, or what comes next.
    ///
    /// # Errors
    /// Fails as [`read`](Read::read) does.
    #[track_caller]
    pub fn read1(&self, size: usize) -> io::Result<Vec<u8>> {
        let mut data = vec![0; size];
        let n = self.shared.read(&mut data)?;
        data.truncate(n);
        Ok(data)
    }
}

impl<K> FileObjectBase<K> {
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl<K> Clone for FileObjectBase<K> {
    fn clone(&self) -> Self {
        FileObjectBase {
            shared: self.shared.clone(),
            lent: None,
            kind: PhantomData,
        }
    }
}

impl<K> Read for FileObjectBase<K> {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lent = None;
        self.shared.read(buf)
    }

    /// If the file is closed meanwhile, this is its end, as in gevent.
    #[track_caller]
    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.shared.check_open()?;
        let before = buf.len();
        // The more there is, the more is read at once.
        let mut size = READ_FIRST;
        loop {
            let n = match self.shared.fill_buf_with(size) {
                Ok(lent) => {
                    buf.extend_from_slice(lent.bytes());
                    lent.bytes().len()
                }
                Err(error) if self.shared.closed.get() && !ends_all(&error) => 0,
                Err(error) => return Err(error),
            };
            if n == 0 {
                return Ok(buf.len() - before);
            }
            if n == size {
                size = (2 * size).min(READ_AT_MOST);
            }
            self.consume(n);
        }
    }

    #[track_caller]
    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let read = self.read_to_end(&mut bytes);
        match String::from_utf8(bytes) {
            // Also what came before an error is there.
            Ok(text) => buf.push_str(&text),
            Err(error) => return read.and(Err(io::Error::new(io::ErrorKind::InvalidData, error))),
        }
        read
    }
}

impl<K> BufRead for FileObjectBase<K> {
    #[track_caller]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.lent = None;
        let lent = self.shared.fill_buf()?;
        Ok(self.lent.insert(lent).bytes())
    }

    fn consume(&mut self, amount: usize) {
        self.lent = None;
        self.shared.ahead(|ahead| ahead.take(amount));
    }
}

impl<K> Write for FileObjectBase<K> {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.shared.write(buf)
    }

    #[track_caller]
    fn flush(&mut self) -> io::Result<()> {
        self.shared.flush()
    }
}

impl<K> Seek for FileObjectBase<K> {
    #[track_caller]
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.lent = None;
        self.shared.check_open()?;
        self.shared.seek(to)
    }
}

impl<K> AsRawFd for FileObjectBase<K> {
    /// The descriptor, or -1 once the file is closed: Python's `fileno()`.
    fn as_raw_fd(&self) -> RawFd {
        self.shared.with_fd(|fd| fd.as_raw_fd()).unwrap_or(-1)
    }
}

impl<K: Kind> fmt::Debug for FileObjectBase<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct(K::NAME);
        match self.closed() {
            true => debug.field("closed", &true),
            false => debug.field("fd", &self.as_raw_fd()),
        };
        debug.field("mode", &self.mode()).finish()
    }
}
