//! The error that travels between greenlets, and the few errors of this crate.

use std::any::{Any, TypeId, type_name};
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

/// An error on its way through greenlets: what Python raises.
///
/// It wraps any [`Error`] (and so `?` converts from all of them), is cheap to clone because
/// many waiters may get the same one, and remembers where it was raised. Clones are the same
/// exception: see [`Exception::same`].
///
/// ```
/// use greenlet_core::Exception;
/// # fn main() {
/// fn parse(s: &str) -> Result<i32, Exception> {
///     Ok(s.parse::<i32>()?)
/// }
/// let e = parse("x").unwrap_err();
/// assert!(e.is::<std::num::ParseIntError>());
/// # }
/// ```
#[derive(Clone)]
pub struct Exception(Arc<Inner>);

/// See [`Exception::exc_info`].
pub type ExcInfo = (&'static str, Exception, &'static Location<'static>);

struct Inner {
    error: Box<dyn Error + Send + Sync>,
    /// With its path.
    type_name: &'static str,
    location: &'static Location<'static>,
}

impl Exception {
    /// Wraps an error and notes the caller's place.
    ///
    /// An [`io::Error`] that was made from an exception becomes that exception again.
    #[track_caller]
    pub fn new<E: Error + Send + Sync + 'static>(error: E) -> Self {
        let location = Location::caller();
        if TypeId::of::<E>() == TypeId::of::<io::Error>() {
            let exception = (&error as &dyn Any)
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
                .and_then(|inner| inner.downcast_ref::<AsError>());
            if let Some(AsError(exception)) = exception {
                return exception.clone();
            }
        }
        Exception::at(error, location)
    }

    /// Wraps an error of this crate that arose at `location`.
    pub(crate) fn at<E: Error + Send + Sync + 'static>(
        error: E,
        location: &'static Location<'static>,
    ) -> Self {
        Exception(Arc::new(Inner {
            error: Box::new(error),
            type_name: type_name::<E>(),
            location,
        }))
    }

    /// Gives the exception away as a pointer, for one [`from_raw`](Self::from_raw).
    #[inline]
    pub(crate) fn into_raw(self) -> *mut () {
        Arc::into_raw(self.0).cast_mut().cast()
    }

    /// Takes back what [`into_raw`](Self::into_raw) gave away.
    ///
    /// # Safety
    /// The pointer came from there and is taken back once.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: *mut ()) -> Self {
        // SAFETY: the caller's.
        Exception(unsafe { Arc::from_raw(raw.cast()) })
    }

    /// An exception that is only a message, Python's `Exception("...")`.
    #[track_caller]
    pub fn msg(message: impl Into<String>) -> Self {
        Exception::new(Message(message.into()))
    }

    /// Wraps the payload of a caught panic, see [`Panic`].
    #[track_caller]
    pub fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        Exception::new(Panic::new(payload))
    }

    /// Whether the error inside is an `E`.
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.0.error.is::<E>()
    }

    /// The error inside if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.error.downcast_ref()
    }

    /// The error inside.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0.error
    }

    /// The name of the error's type, without its path: Python's `type(ex).__name__`.
    ///
    /// ```
    /// let error = "x".parse::<i32>().unwrap_err();
    /// assert_eq!(greenlet_core::Exception::new(error).type_name(), "ParseIntError");
    /// ```
    pub fn type_name(&self) -> &'static str {
        let name = self.0.type_name;
        let path = name.split('<').next().unwrap_or(name);
        &name[path.rfind("::").map_or(0, |colons| colons + 2)..]
    }

    /// The name of its type, itself, and the place where it was raised: what Python's
    /// `sys.exc_info()` has, with a place for the traceback.
    pub fn exc_info(&self) -> ExcInfo {
        (self.type_name(), self.clone(), self.location())
    }

    /// Where the exception was raised.
    pub fn location(&self) -> &'static Location<'static> {
        self.0.location
    }

    /// Whether both are the same exception: identity, Python's `is`.
    pub fn same(&self, other: &Exception) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Exception {
    #[track_caller]
    fn from(error: E) -> Self {
        Exception::new(error)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.error)?;
        if f.alternate() {
            let mut source = self.0.error.source();
            while let Some(error) = source {
                write!(f, ": {error}")?;
                source = error.source();
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.0.error, self.0.location)
    }
}

/// [`Exception`] cannot be an [`Error`] itself (its `From` takes every error), so this stands
/// for it where an `Error` is asked for.
struct AsError(Exception);

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

impl From<Exception> for Box<dyn Error + Send + Sync> {
    fn from(exception: Exception) -> Self {
        match Arc::try_unwrap(exception.0) {
            Ok(inner) => inner.error,
            Err(shared) => Box::new(AsError(Exception(shared))),
        }
    }
}

impl From<Exception> for Box<dyn Error> {
    fn from(exception: Exception) -> Self {
        Box::<dyn Error + Send + Sync>::from(exception)
    }
}

impl From<Exception> for io::Error {
    /// An exception that wraps an `io::Error` becomes that error again (of a shared one, the
    /// same OS error code or kind); any other keeps its identity inside the `io::Error` and is
    /// found again by [`Exception::new`].
    fn from(exception: Exception) -> Self {
        let Some(error) = exception.downcast_ref::<io::Error>() else {
            return io::Error::other(AsError(exception));
        };
        if let Some(code) = error.raw_os_error() {
            return io::Error::from_raw_os_error(code);
        }
        let kind = error.kind();
        match Arc::try_unwrap(exception.0) {
            Ok(inner) => match inner.error.downcast::<io::Error>() {
                Ok(error) => *error,
                Err(other) => io::Error::new(kind, other),
            },
            Err(shared) => io::Error::new(kind, AsError(Exception(shared))),
        }
    }
}

/// Ends a greenlet quietly: it is not an error, but the value of the greenlet that it killed.
///
/// Source: greenlet's `GreenletExit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("GreenletExit")]
pub struct GreenletExit;

/// The text of an [`Exception::msg`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Message(pub String);

/// A misuse of greenlets that greenlet itself reports as `greenlet.error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GreenletError {
    /// A greenlet can only be used in the thread that created it.
    #[error("cannot switch to a different thread")]
    WrongThread,
    /// The new parent would have the greenlet among its own parents.
    #[error("cyclic parent chain")]
    CyclicParent,
    /// The thread's main greenlet has no parent and never gets one.
    #[error("cannot set the parent of a main greenlet")]
    MainGreenlet,
    /// The thread is going away: nothing can be started on it any more.
    #[error("the thread of this greenlet is ending")]
    ThreadEnding,
    /// The running greenlet is [pinned](crate::pinned): it may not be left.
    #[error("cannot switch in the midst of a callback that must return first")]
    Pinned,
    /// The running greenlet is being unwound: nobody could switch back to it.
    #[error("cannot switch in a greenlet that is being unwound")]
    Unwinding,
}

/// A panic that left a greenlet's function, as an error: the message, and the payload itself.
pub struct Panic {
    message: String,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Panic {
    fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = if let Some(s) = payload.downcast_ref::<&str>() {
            (*s).to_owned()
        } else if let Some(s) = payload.downcast_ref::<String>() {
            s.clone()
        } else {
            "Box<dyn Any>".to_owned()
        };
        Panic {
            message,
            payload: Mutex::new(Some(payload)),
        }
    }

    /// The panic's message, as the panic hook printed it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Takes the payload, for `downcast` or [`std::panic::resume_unwind`]; the exception is
    /// shared by all who got it, so only the first call has it.
    pub fn take_payload(&self) -> Option<Box<dyn Any + Send>> {
        self.payload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message).finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl Error for Panic {}
