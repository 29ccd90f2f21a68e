//! Reading and writing descriptors: [`nb_read`] and [`nb_write`] wait in the hub, [`tp_read`] and [`tp_write`] in a
//! thread.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use greenlet_core::Exception;
use hub::{get_hub, wait_read, wait_write};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::no_sigpipe::without_sigpipe;
use crate::threadpool::HubExt;

/// Has reads and writes of the descriptor fail with `EAGAIN` rather than wait. Returns true if they did not do so
/// before.
///
/// This is a setting of the open file, not of the descriptor: it holds for every descriptor and every process that has
/// the file, such as those that share a terminal. `println!` panics when a standard output of that kind is full.
///
/// # Errors
/// An error of the system.
pub fn make_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let flags = fcntl_getfl(fd)?;
    if flags.contains(OFlags::NONBLOCK) {
        return Ok(false);
    }
    fcntl_setfl(fd, flags | OFlags::NONBLOCK)?;
    Ok(true)
}

/// Reads into `buffer`, once there is something to read. Returns the number of bytes; 0 at the end of the file. The
/// descriptor must be [non-blocking](make_nonblocking) before; otherwise the whole thread waits in the system's call.
///
/// In the child of a fork, a read that was waiting goes on waiting, for the same open file as in the parent.
///
/// ```
/// use gevent::os::{make_nonblocking, nb_read, nb_write};
/// use gevent::prelude::*;
/// use std::os::fd::AsFd;
///
/// let (reader, writer) = std::io::pipe()?;
/// make_nonblocking(reader.as_fd())?;
/// make_nonblocking(writer.as_fd())?;
/// let reading = spawn(move || {
///     let mut buffer = [0; 100];
///     let count = nb_read(reader.as_fd(), &mut buffer)?; // other greenlets run
///     Ok(buffer[..count].to_vec())
/// });
/// sleep(0)?;
/// assert_eq!(nb_write(writer.as_fd(), b"hello")?, 5);
/// assert_eq!(reading.get()?, b"hello");
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
/// An error of the system; any exception that is thrown into the greenlet while it waits. Nothing was read then.
#[track_caller]
pub fn nb_read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Exception> {
    loop {
        match rustix::io::read(fd, &mut *buffer) {
            Err(Errno::AGAIN) => wait_read(fd.as_raw_fd(), None)?,
            Err(Errno::INTR) => {}
            read => return Ok(read.map_err(io::Error::from)?),
        }
    }
}

/// Writes some of `data`, once there is room. Returns the number of bytes that were written, at most `data.len()`. The
/// descriptor must be [non-blocking](make_nonblocking), as for [`nb_read`].
///
/// # Errors
/// An error of the system; any exception that is thrown into the greenlet while it waits. Nothing was written then.
#[track_caller]
pub fn nb_write(fd: BorrowedFd<'_>, data: &[u8]) -> Result<usize, Exception> {
    loop {
        match without_sigpipe(data.len(), || Ok(rustix::io::write(fd, data)?)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_write(fd.as_raw_fd(), None)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            written => return Ok(written?),
        }
    }
}

/// Reads into `buffer`, in a thread of the [hub's pool](HubExt::threadpool), while other greenlets run: for files and
/// whatever else no loop can wait for. Returns the number of bytes; 0 at the end of the file.
///
/// The thread has a descriptor of its own for the same open file. If an exception ends the wait, the thread goes on,
/// and what it reads is lost. In the child of a fork, a read that is under way fails with
/// [`LostInForkError`](crate::threadpool::LostInForkError).
///
/// ```
/// use gevent::os::{tp_read, tp_write};
/// use std::os::fd::AsFd;
///
/// let (reader, writer) = std::io::pipe()?;
/// assert_eq!(tp_write(writer.as_fd(), b"hello")?, 5);
/// let mut buffer = [0; 100];
/// assert_eq!(tp_read(reader.as_fd(), &mut buffer)?, 5);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// An error of the system; any exception that is thrown into the greenlet while it waits.
#[track_caller]
pub fn tp_read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Exception> {
    let own = fd.try_clone_to_owned()?;
    let mut data = vec![0; buffer.len()];
    let data = get_hub().threadpool().apply(move || {
        let count = again(|| Ok(rustix::io::read(&own, &mut data[..])?))?;
        data.truncate(count);
        Ok(data)
    })?;
    buffer[..data.len()].copy_from_slice(&data);
    Ok(data.len())
}

/// Writes `data`, or some of it, in a thread of the [hub's pool](HubExt::threadpool), while other greenlets run.
/// Returns the number of bytes that were written. A thread that is writing goes on as for [`tp_read`].
///
/// # Errors
/// As for `tp_read`.
#[track_caller]
pub fn tp_write(fd: BorrowedFd<'_>, data: &[u8]) -> Result<usize, Exception> {
    let own = fd.try_clone_to_owned()?;
    let data = data.to_vec();
    get_hub().threadpool().apply(move || {
        Ok(again(|| {
            without_sigpipe(data.len(), || Ok(rustix::io::write(&own, &data)?))
        })?)
    })
}

/// Calls again what a signal has interrupted.
fn again(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
