//! The functions that wait for a descriptor, where gevent has them: `wait`, `wait_read` and their like in
//! `_socketcommon.py`.

use std::io;

use greenlet_core::Exception;
use hub::core::Watcher;
use hub::hub_to_wait_in;

pub use hub::{WaitTimeout, wait_on_watcher as wait, wait_read, wait_readwrite, wait_write};

/// Throws `error`, soon, into the greenlet that waits for the watcher, in [`wait`] or a method of the hub's. Does
/// nothing if no greenlet does. The error that gevent has by default is [`cancel_wait_ex()`].
///
/// ```
/// use std::os::fd::AsRawFd;
/// use gevent::core::Events;
/// use gevent::prelude::*;
/// use gevent::socket::{cancel_wait, cancel_wait_ex, wait, wait_write};
///
/// let (socket, _other) = std::os::unix::net::UnixStream::pair()?;
/// wait_write(socket.as_raw_fd(), 10)?; // it can be written
///
/// let readable = get_hub().loop_().io(socket.as_raw_fd(), Events::READ)?;
/// let reader = spawn({
///     let readable = readable.clone();
///     move || wait(&readable, 10)
/// });
/// sleep(0)?;
/// cancel_wait(&readable, cancel_wait_ex())?;
/// assert!(reader.get().unwrap_err().is::<std::io::Error>());
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
/// Fails if this thread's hub is gone or its loop destroyed.
pub fn cancel_wait(watcher: &Watcher, error: impl Into<Exception>) -> Result<(), Exception> {
    hub_to_wait_in()?.cancel_wait(watcher, error, false)
}

/// The error of a greenlet whose wait was [cancelled](cancel_wait), as that of a closed socket is: an `EBADF`.
///
/// Source: gevent's `cancel_wait_ex`.
pub fn cancel_wait_ex() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}
