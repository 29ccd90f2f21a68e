//! [`SocketFile`]: a socket as a buffered file, made by [`Socket::makefile`].

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::rc::Rc;

use super::Socket;
use super::socket::is_timeout;
use crate::socket::raw::{RawSocket, ends_all};

/// How many files of a socket are open, and whether it is to be closed with the last of them.
#[derive(Default)]
pub(in crate::socket) struct Files {
    open: Cell<usize>,
    close: Cell<bool>,
}

impl Files {
    /// Whether the socket can be closed now. If not, the end of the last file is to do it.
    pub(super) fn close_when_last_ends(&self) -> bool {
        self.close.set(true);
        self.open.get() == 0
    }

    /// Whether the socket is to be closed now.
    fn one_ends(&self) -> bool {
        self.open.set(self.open.get() - 1);
        self.open.get() == 0 && self.close.get()
    }
}

/// How many bytes a file has place for, as in Python.
const BUFFER: usize = 8192;

impl Socket {
    /// The socket as a file with buffers. The mode is `"r"`, `"w"` or `"rw"`, and may have a `b`, which changes
    /// nothing: the file reads and writes bytes, and texts as UTF-8 by [`BufRead::read_line`], [`BufRead::lines`] and
    /// `write!`. Unlike Python's, it does not change ends of lines.
    ///
    /// The file has the timeout of the socket. Several files have their own buffers.
    ///
    /// ```
    /// use std::io::{BufRead, Write};
    ///
    /// let (here, there) = gevent::socket::socketpair()?;
    /// let (mut file, lines) = (here.makefile("w")?, there.makefile("r")?);
    /// here.close();
    /// write!(file, "one\ntwo\n")?;
    /// file.close()?; // sends it, and closes the socket
    /// let lines: Vec<_> = lines.lines().collect::<Result<_, _>>()?;
    /// assert_eq!(lines, ["one", "two"]);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// Fails for another mode, and if the socket is closed.
    pub fn makefile(&self, mode: &str) -> io::Result<SocketFile> {
        self.makefile_with_buffering(mode, BUFFER)
    }

    /// [`makefile`](Socket::makefile) with the size of the buffers; without any for 0. Such a file takes no more from
    /// the socket than it returns: lines byte by byte, as in Python.
    ///
    /// # Errors
    /// As for `makefile`.
    pub fn makefile_with_buffering(&self, mode: &str, buffering: usize) -> io::Result<SocketFile> {
        if let Some(other) = mode.chars().find(|c| !"rwb".contains(*c)) {
            let why = format!("invalid mode {mode:?}: {other:?} (only r, w, b allowed)");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        self.0.socket()?;
        let writes = mode.contains('w');
        let reads = mode.contains('r') || !writes;
        let end = || SocketIo::new(&self.0);
        Ok(SocketFile {
            // Without a byte of place there would be no lines.
            reader: reads.then(|| BufReader::with_capacity(buffering.max(1), end())),
            writer: writes.then(|| BufWriter::with_capacity(buffering, end())),
        })
    }
}

/// A socket as a buffered file. What was written is sent when a buffer is full, by [`flush`](Write::flush), and when
/// the file is closed or dropped. After a write that was ended by an exception thrown into the greenlet, the drop sends
/// nothing more.
pub struct SocketFile {
    reader: Option<BufReader<SocketIo>>,
    writer: Option<BufWriter<SocketIo>>,
}

impl SocketFile {
    /// Sends what is left in the buffer, and ends the file. If the [socket was closed](Socket::close) before, it is
    /// closed with its last file.
    ///
    /// # Errors
    /// Fails as [`flush`](Write::flush) does; the file is closed nevertheless, and what is left is lost.
    #[track_caller]
    pub fn close(mut self) -> io::Result<()> {
        let flushed = self.writer.as_mut().map_or(Ok(()), Write::flush);
        if flushed.is_err() {
            self.give_up();
        }
        flushed
    }

    /// Ends writing without another try to send what is left in the buffer.
    fn give_up(&mut self) {
        if let Some(writer) = self.writer.take() {
            drop(writer.into_parts());
        }
    }

    fn reader(&mut self) -> io::Result<&mut BufReader<SocketIo>> {
        let unsupported = || io::Error::new(io::ErrorKind::Unsupported, "not readable");
        self.reader.as_mut().ok_or_else(unsupported)
    }

    fn writer(&mut self) -> io::Result<&mut BufWriter<SocketIo>> {
        let unsupported = || io::Error::new(io::ErrorKind::Unsupported, "not writable");
        self.writer.as_mut().ok_or_else(unsupported)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The end of a greenlet that was killed while it sent does not wait for the same once more.
        if self.writer.as_ref().is_some_and(|writer| writer.get_ref().struck) {
            self.give_up();
        }
    }
}

impl Read for SocketFile {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader()?.read(buf)
    }
}

impl BufRead for SocketFile {
    #[track_caller]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Some(reader) = &mut self.reader {
            reader.consume(amount);
        }
    }
}

impl Write for SocketFile {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writer()?.write(buf)
    }

    #[track_caller]
    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl fmt::Debug for SocketFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SocketFile");
        if let Some(reader) = &self.reader {
            debug.field("read", &reader.buffer().len());
        }
        if let Some(writer) = &self.writer {
            debug.field("written", &writer.buffer().len());
        }
        debug.finish()
    }
}

/// One direction of a file: Python's `SocketIO`.
struct SocketIo {
    raw: Rc<RawSocket>,
    /// Whether a read has taken too long. Then it is not known what was read before, and the file cannot go on.
    timed_out: bool,
    /// Whether an exception was thrown into the greenlet during the last write.
    struck: bool,
}

impl SocketIo {
    fn new(raw: &Rc<RawSocket>) -> SocketIo {
        raw.files.open.set(raw.files.open.get() + 1);
        SocketIo {
            raw: raw.clone(),
            timed_out: false,
            struck: false,
        }
    }
}

impl Drop for SocketIo {
    fn drop(&mut self) {
        if self.raw.files.one_ends() {
            self.raw.close();
        }
    }
}

impl Read for SocketIo {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.timed_out {
            return Err(io::Error::other("cannot read from timed out object"));
        }
        let read = self.raw.recv(buf);
        self.timed_out = read.as_ref().is_err_and(is_timeout);
        read
    }
}

impl Write for SocketIo {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let sent = self.raw.send(buf);
        self.struck = sent.as_ref().is_err_and(ends_all);
        sent
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
