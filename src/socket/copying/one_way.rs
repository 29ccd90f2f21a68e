//! [`copy`]: from any reader to any writer.

use std::io::{self, Read, Write};

use super::Buffer;
use crate::socket::partial::{CopyError, SendAllError};

/// How many bytes are read at once at first. They are on the greenlet's stack: a greenlet that waits for a small
/// message does not need more.
const SMALL: usize = 2048;

/// Copies everything from a reader to a writer, up to the end of the data, and returns the number of bytes.
///
/// It does what [`std::io::copy`] does, and parks the greenlet wherever the reader and the writer do. While much is
/// coming, it uses a buffer of 64 KiB; each thread keeps some of them, so that nothing is allocated in steady state.
///
/// ```
/// use gevent::prelude::*;
/// use gevent::socket::{UnixStream, copy};
///
/// let (near, mut far) = UnixStream::pair()?;
/// let echo = spawn(move || Ok(copy(&mut far.clone(), &mut far)?));
/// near.write_all_timeout(b"hello", 10)?;
/// near.shutdown(std::net::Shutdown::Write)?;
/// let mut text = Vec::new();
/// copy(&mut &near, &mut text)?;
/// assert_eq!((text, echo.get()?), (b"hello".to_vec(), 5));
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
/// Returns the error of the reader or the writer, with a [`CopyError`] inside that tells how much was copied before, if
/// anything was. What was read, but could not be written, is lost. After [`io::ErrorKind::Interrupted`] it goes on, as
/// std does. An exception that is thrown into the current greenlet stays as it is.
#[track_caller]
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: Read + ?Sized,
    W: Write + ?Sized,
{
    let mut small = [0; SMALL];
    let mut buffer = None::<Buffer>;
    let mut copied = 0;
    loop {
        let place = buffer.as_deref_mut().unwrap_or(&mut small);
        let n = match reader.read(place) {
            Ok(0) => return Ok(copied),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::with(copied, error)),
        };
        if let Err(error) = writer.write_all(&place[..n]) {
            let (sent, error) = SendAllError::split(error);
            return Err(CopyError::with(copied + sent, error));
        }
        copied += n as u64;
        if n < SMALL {
            buffer = None;
        } else if buffer.is_none() {
            buffer = Some(Buffer::take());
        }
    }
}
