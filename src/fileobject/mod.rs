//! Files whose calls park the greenlet: pipes, terminals and sockets by the hub's loop, regular files by threads.
//! Source: gevent's `fileobject.py`.
//!
//! | here | what |
//! |---|---|
//! | [`FileObject`] | a file of any kind: it has threads if it is a regular file, and the loop otherwise |
//! | [`FileObjectPosix`] | the loop waits for the descriptor |
//! | [`FileObjectThread`] | the threads of the hub's [pool](crate::threadpool) make the calls |
//! | [`stdin`], [`stdout`], [`stderr`] | the standard descriptors |
//!
//! They are [`Read`](std::io::Read), [`BufRead`](std::io::BufRead), [`Write`](std::io::Write) and
//! [`Seek`](std::io::Seek), with buffers.
//!
//! ```
//! use std::io::{BufRead, Write};
//! use gevent::fileobject::FileObject;
//! use gevent::prelude::*;
//!
//! let (reader, writer) = std::io::pipe()?;
//! let reader = FileObject::new(reader, "rb")?;
//! let mut writer = FileObject::new(writer, "wb")?;
//! let lines = spawn(move || Ok(reader.lines().collect::<Result<Vec<_>, _>>()?));
//! write!(writer, "one\ntwo\n")?;
//! writer.close()?;
//! assert_eq!(lines.get()?, ["one", "two"]);
//! # Ok::<(), Exception>(())
//! ```
//!
//! # The descriptor stays as it is
//!
//! gevent makes a descriptor non-blocking, for everybody who has it. Here it is not changed: what it was opened as may
//! belong to other processes, too, and `println!` panics at a descriptor 1 that does not block. The system is told with
//! each call not to wait, or a terminal is opened once more (see `way.rs`).
//!
//! # One greenlet at a time
//!
//! One greenlet can wait to read from a [`FileObjectPosix`], and one to write to it. Another one gets a
//! [`ConcurrentObjectUseError`](crate::exceptions::ConcurrentObjectUseError). Those of a [`FileObjectThread`] are
//! served one after the other.
//!
//! # Kills and timeouts
//!
//! A call that is ended by an exception thrown into the greenlet returns that exception, and nothing is lost: what was
//! not read stays where it is, and the buffer keeps what was not written. A thread cannot be stopped, so it does the
//! call of a [`FileObjectThread`] to its end: what it has read is there for the next read, and what it was to write is
//! written. Dropping a file after such an end of a write does not try to write the rest.
//!
//! # Broken pipes
//!
//! A write to a pipe that nobody reads fails with [`BrokenPipe`](std::io::ErrorKind::BrokenPipe), and never raises
//! `SIGPIPE`, whatever the process has set for this signal.
//!
//! # Differences from gevent
//!
//! - [`FileObject`] chooses by what the descriptor is. gevent's is `FileObjectPosix` for all, and blocks at regular
//!   files, as ours of that name does.
//! - Text is UTF-8, and ends of lines stay as they are.
//! - Reading by two greenlets at once fails with gevent, too, but by a `RuntimeError` of Python's buffers.

mod base;
mod buffers;
mod kinds;
mod mode;
mod polled;
mod polls;
mod shared;
mod source;
mod stdio;
mod threaded;
mod way;

pub use base::FileObjectBase;
pub use kinds::{ByKind, Kind, PolledKind, Posix, Thread};
pub use source::Descriptor;
pub use stdio::{stderr, stdin, stdout};

/// A file of any kind: regular files, block devices and directories are read and written by threads, as a
/// [`FileObjectThread`], and the loop waits for all others, as for a [`FileObjectPosix`].
///
/// ```
/// use std::io::{Read, Seek, SeekFrom, Write};
/// use gevent::fileobject::FileObject;
///
/// let path = std::env::temp_dir().join(format!("gevent-{}", std::process::id()));
/// let mut file = FileObject::open(&path, "w+b")?;
/// file.write_all(b"some text")?;
/// file.seek(SeekFrom::Start(5))?;
/// let mut text = String::new();
/// file.read_to_string(&mut text)?;
/// assert_eq!(text, "text");
/// # std::fs::remove_file(path)?;
/// # Ok::<(), gevent::Exception>(())
/// ```
pub type FileObject = FileObjectBase<ByKind>;

/// A file for which the hub's loop waits: a pipe, a terminal or a socket.
///
/// The loop cannot wait for a regular file. As in gevent, such a file can be used all the same, and blocks the thread
/// for as long as the disk takes; [`FileObject`] and [`FileObjectThread`] do not.
pub type FileObjectPosix = FileObjectBase<Posix>;

/// A file whose calls are made by the threads of the hub's [pool](crate::threadpool), one at a time. For regular files:
/// at a pipe, a read that finds nothing keeps a thread of the pool until something comes.
pub type FileObjectThread = FileObjectBase<Thread>;
