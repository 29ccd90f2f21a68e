//! [`Except`]: handles the errors of one type, and passes the others on. Python's `try` with `except`.

use std::error::Error;

use greenlet_core::Exception;

use crate::outcome::Outcome;

/// The method [`except`](Except::except) of every `Result` whose error becomes an [`Exception`] by `?`.
pub trait Except<T>: Sized {
    /// Calls `handler` with the error if that [is](Exception::is) an `E`, and returns what the handler returns instead.
    /// A value and other errors are returned as they are, so kills and timeouts go on unless they are asked for.
    ///
    /// ```
    /// use std::num::ParseIntError;
    /// use gevent::prelude::*;
    ///
    /// fn size(text: &str) -> Result<usize, Exception> {
    ///     text.parse().except(|_: &ParseIntError| text.len())
    /// }
    /// assert_eq!((size("12")?, size("twelve")?), (12, 6));
    ///
    /// // A kill is no ParseIntError.
    /// let greenlet = spawn(|| sleep(100).except(|_: &ParseIntError| ()));
    /// sleep(0)?;
    /// greenlet.kill()?;
    /// assert!(greenlet.get().unwrap_err().is::<GreenletExit>());
    /// # Ok::<(), Exception>(())
    /// ```
    ///
    /// A block of several statements is a closure that is called:
    ///
    /// ```
    /// use std::io;
    /// use gevent::prelude::*;
    /// use gevent::socket::TcpStream;
    ///
    /// let greet = || -> Result<&str, Exception> {
    ///     let stream = TcpStream::connect("127.0.0.1:1")?;
    ///     stream.set_nodelay(true)?;
    ///     Ok("connected")
    /// };
    /// assert_eq!(greet().except(|_: &io::Error| "refused")?, "refused");
    /// # Ok::<(), Exception>(())
    /// ```
    ///
    /// # Errors
    /// Returns the other errors, and the handler's own.
    fn except<E: Error + 'static, R: Outcome<Value = T>>(self, handler: impl FnOnce(&E) -> R) -> Result<T, Exception>;
}

impl<T, X: Into<Exception>> Except<T> for Result<T, X> {
    #[track_caller]
    fn except<E: Error + 'static, R: Outcome<Value = T>>(self, handler: impl FnOnce(&E) -> R) -> Result<T, Exception> {
        // With `map_err` the closure here would be the place where the exception was raised, and not the caller.
        let exception = match self {
            Ok(value) => return Ok(value),
            Err(error) => error.into(),
        };
        match exception.downcast_ref() {
            Some(error) => handler(error).into_result(),
            None => Err(exception),
        }
    }
}
