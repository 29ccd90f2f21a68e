//! Conversions from and to the errors of other crates.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;

use super::{Boxed, Exception};

/// An [`Exception`] as an [`Error`]. An exception cannot implement `Error` itself, because it converts from every
/// error, and would then convert from itself in two ways.
///
/// `?` makes this of an exception in a function that fails with a `Box<dyn Error>`, and puts this into the
/// [`io::Error`] in a function that fails with one. Its source is the error inside the exception.
///
/// ```
/// use greenlet_core::{AsError, Exception};
///
/// let exception = Exception::msg("no");
/// let boxed = Box::<dyn std::error::Error>::from(exception.clone());
/// let same = boxed.downcast_ref::<AsError>().expect("it was an exception");
/// assert!(same.exception().same(&exception));
/// ```
#[derive(Clone)]
pub struct AsError(Exception);

impl AsError {
    /// The exception.
    pub fn exception(&self) -> &Exception {
        &self.0
    }
}

/// For functions that ask for a std error, as anyhow's `context` does: `map_err(AsError::from)`.
impl From<Exception> for AsError {
    fn from(exception: Exception) -> Self {
        AsError(exception)
    }
}

impl fmt::Debug for AsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for AsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for AsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.error())
    }
}

/// The exception that an error was made of, if the error adds nothing to it.
pub(super) fn made_of(error: &(dyn Error + Send + Sync + 'static)) -> Option<Exception> {
    let as_error = match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref()?.downcast_ref::<AsError>(),
        None => error.downcast_ref::<AsError>(),
    };
    as_error.map(|as_error| as_error.0.clone())
}

impl Exception {
    /// Wraps a boxed error, which [`new`](Exception::new) does not take because a box does not implement
    /// [`Error`]. An error that was made from an exception becomes that exception again.
    ///
    /// ```
    /// use greenlet_core::Exception;
    ///
    /// let boxed: Box<dyn std::error::Error + Send + Sync> = "x".parse::<i32>().unwrap_err().into();
    /// assert!(Exception::from_boxed(boxed).is::<std::num::ParseIntError>());
    /// ```
    #[track_caller]
    pub fn from_boxed(error: Box<dyn Error + Send + Sync>) -> Self {
        let location = Location::caller();
        made_of(&*error).unwrap_or_else(|| Exception(Arc::new(Boxed { error, location })))
    }

    /// Wraps a boxed error that may not leave its thread. As an exception may, it keeps only the text of the
    /// error and those of its sources, and the exceptions among the sources.
    ///
    /// ```
    /// use greenlet_core::{Exception, Message};
    /// use std::error::Error;
    ///
    /// fn work() -> Result<(), Box<dyn Error>> {
    ///     Err(Exception::msg("no"))?
    /// }
    /// assert!(work().map_err(Exception::from_local).unwrap_err().is::<Message>());
    /// ```
    #[track_caller]
    pub fn from_local(error: Box<dyn Error>) -> Self {
        let error = match error.downcast::<io::Error>() {
            Ok(error) => return Exception::new(*error),
            Err(error) => error,
        };
        if let Some(AsError(exception)) = error.downcast_ref() {
            return exception.clone();
        }
        Exception::new(LocalError::of(&*error))
    }
}

/// The text of an error that may not leave its thread, and of its sources.
#[derive(Debug)]
struct LocalError {
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl LocalError {
    fn of(error: &(dyn Error + 'static)) -> LocalError {
        let mut chain: Vec<_> = super::Chain::of(error).skip(1).collect();
        let mut source: Option<Box<dyn Error + Send + Sync>> = None;
        while let Some(error) = chain.pop() {
            source = Some(match error.downcast_ref::<AsError>() {
                Some(as_error) => Box::new(as_error.clone()),
                None => Box::new(LocalError {
                    text: error.to_string(),
                    source,
                }),
            });
        }
        let text = error.to_string();
        LocalError { text, source }
    }
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for LocalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// Makes `?` work for errors that do not implement [`Error`]: boxed ones, `anyhow::Error`, plain texts.
///
/// `?` alone converts every [`Error`] to an [`Exception`]. It cannot do so for these: Rust would have to
/// know that their types will never implement `Error`, and only their own crates may say that.
///
/// ```
/// use greenlet_core::{Exception, Raised};
///
/// fn library() -> Result<i32, Box<dyn std::error::Error + Send + Sync>> {
///     Ok("x".parse()?)
/// }
/// fn ours() -> Result<i32, Exception> {
///     Ok(library().raised()? + 1)
/// }
/// assert!(ours().unwrap_err().is::<std::num::ParseIntError>());
/// ```
///
/// A `Box<dyn Error>` without `Send + Sync` is converted by
/// [`map_err(Exception::from_local)`](Exception::from_local).
pub trait Raised<T> {
    /// The same result with an [`Exception`] as its error, whose place is that of this call.
    ///
    /// # Errors
    /// Returns the error as an exception, if the result is one.
    fn raised(self) -> Result<T, Exception>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>> + 'static> Raised<T> for Result<T, E> {
    #[track_caller]
    fn raised(self) -> Result<T, Exception> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(Exception::from_boxed(boxed(error))),
        }
    }
}

/// Boxes an error so that its type is found again, where that can be done.
fn boxed<E: Into<Box<dyn Error + Send + Sync>> + 'static>(error: E) -> Box<dyn Error + Send + Sync> {
    let mut error = Some(error);
    if let Some(exception) = (&mut error as &mut dyn Any).downcast_mut::<Option<Exception>>()
        && let Some(exception) = exception.take()
    {
        return Box::new(AsError(exception));
    }
    #[cfg(feature = "anyhow")]
    if let Some(error) = (&mut error as &mut dyn Any).downcast_mut::<Option<anyhow::Error>>()
        && let Some(error) = error.take()
    {
        return error.reallocate_into_boxed_dyn_error_without_backtrace();
    }
    error.expect("nobody took it").into()
}

impl From<Exception> for Box<dyn Error + Send + Sync> {
    fn from(exception: Exception) -> Self {
        Box::new(AsError(exception))
    }
}

impl From<Exception> for Box<dyn Error> {
    fn from(exception: Exception) -> Self {
        Box::new(AsError(exception))
    }
}

#[cfg(feature = "anyhow")]
impl From<Exception> for anyhow::Error {
    fn from(exception: Exception) -> Self {
        anyhow::Error::new(AsError(exception))
    }
}

impl From<Exception> for io::Error {
    /// An exception that wraps an `io::Error` becomes that error again if it is a plain one, of an OS error
    /// code or a kind alone. Any other exception, and one that was thrown into the running greenlet, is put
    /// into an `io::Error` with the kind of the error that it wraps (or `Other`), and [`Exception::new`]
    /// finds it there again.
    ///
    /// A thrown exception gets the kind `Other` instead of [`Interrupted`](io::ErrorKind::Interrupted), after
    /// which std's own `read_exact`, `write_all` and `io::copy` would try again, and instead of
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), after which other code would.
    fn from(exception: Exception) -> Self {
        let Some(error) = exception.error().downcast_ref::<io::Error>() else {
            return io::Error::other(AsError(exception));
        };
        let mut kind = error.kind();
        if exception.thrown_here().is_some() {
            if matches!(kind, io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) {
                kind = io::ErrorKind::Other;
            }
        } else {
            if let Some(code) = error.raw_os_error() {
                return io::Error::from_raw_os_error(code);
            }
            if error.get_ref().is_none() && error.to_string() == kind.to_string() {
                return io::Error::from(kind);
            }
        }
        io::Error::new(kind, AsError(exception))
    }
}
