//! [`Exception`]: the error that travels between greenlets.
//!
//! | file | job |
//! |---|---|
//! | `chain.rs` | an error and its sources: [`Exception::chain`] |
//! | `convert.rs` | conversions from and to the errors of other crates |
//! | `errors.rs` | the few errors of this crate |
//! | `panic.rs` | panics as errors, and where they began |
//! | `place.rs` | where an exception was raised |
//! | `thrown.rs` | the exceptions that were thrown into a greenlet |

mod chain;
mod convert;
mod errors;
mod panic;
mod place;
mod thrown;

use std::any::type_name;
use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

pub use chain::Chain;
pub use convert::{AsError, Raised};
pub use errors::{GreenletError, GreenletExit, Message};
pub use panic::Panic;
pub(crate) use panic::{PanicPlaces, watch_panics};
pub use place::Place;
pub(crate) use thrown::Thrown;

/// An error that travels through greenlets: the counterpart of an exception that Python raises.
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
///
/// It can become an error of another crate, and be found in that again. `?` makes a
/// `Box<dyn Error + Send + Sync>` of it, or an [`io::Error`](std::io::Error); thiserror's
/// `#[from] Exception` works, for it dereferences to an error; with the feature `anyhow`, `?` makes an
/// `anyhow::Error` of it. Whatever it was put into, the very exception is found again:
/// [`is`](Exception::is), [`holds`](Exception::holds), [`thrown_here`](Exception::thrown_here) look along
/// the sources. Boxed errors, which do not implement `Error` themselves, are converted by
/// [`Raised::raised`].
#[derive(Clone)]
pub struct Exception(Arc<dyn AnyLocated>);

/// See [`Exception::exc_info`].
pub type ExcInfo = (&'static str, Exception, Option<Place>);

/// An error of any type, with the place where it was raised. An exception dereferences to this as an
/// [`Error`], which has the text of the error inside, and that error as its source. So the exception is
/// found again also where the first error of a chain is left out, as thiserror's `transparent` does.
trait AnyLocated: Error + Send + Sync {
    fn error(&self) -> &(dyn Error + Send + Sync + 'static);
    /// The name of the error's type, with its path.
    fn type_name(&self) -> &'static str;
    fn location(&self) -> &'static Location<'static>;
}

/// An error of a known type. The error comes first, for then it has an address of its own even if it has no
/// size: [`Exception::holds`] compares addresses.
#[repr(C)]
struct Located<E> {
    error: E,
    location: &'static Location<'static>,
}

impl<E: Error + Send + Sync + 'static> AnyLocated for Located<E> {
    fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &self.error
    }

    fn type_name(&self) -> &'static str {
        type_name::<E>()
    }

    fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

/// An error that came in a box.
struct Boxed {
    error: Box<dyn Error + Send + Sync>,
    location: &'static Location<'static>,
}

impl AnyLocated for Boxed {
    fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    fn type_name(&self) -> &'static str {
        "Error"
    }

    fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

macro_rules! shows_what_it_holds {
    ([$($bounds:tt)*] $type:ty) => {
        impl<$($bounds)*> fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.error(), f)
            }
        }

        impl<$($bounds)*> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.error(), f)
            }
        }

        impl<$($bounds)*> Error for $type {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self.error())
            }
        }
    };
}

shows_what_it_holds!([E: Error + Send + Sync + 'static] Located<E>);
shows_what_it_holds!([] Boxed);

impl Exception {
    /// Wraps an error and notes the caller's place.
    ///
    /// An error that was made from an exception ([`AsError`], or an [`io::Error`](std::io::Error) of one) becomes that
    /// exception again.
    #[track_caller]
    pub fn new<E: Error + Send + Sync + 'static>(error: E) -> Self {
        match convert::made_of(&error) {
            Some(exception) => exception,
            None => Exception::at(error, Location::caller()),
        }
    }

    /// Wraps an error that arose at `location`.
    pub(crate) fn at<E: Error + Send + Sync + 'static>(error: E, location: &'static Location<'static>) -> Self {
        Exception(Arc::new(Located { error, location }))
    }

    /// Gives the exception away as a pointer, for one [`from_raw`](Self::from_raw).
    #[inline]
    pub(crate) fn into_raw(self) -> RawException {
        RawException(Arc::into_raw(self.0))
    }

    /// Takes back what [`into_raw`](Self::into_raw) gave away.
    ///
    /// # Safety
    /// The pointer came from there and is taken back once.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: RawException) -> Self {
        // SAFETY: by this function's contract.
        Exception(unsafe { Arc::from_raw(raw.0) })
    }

    /// An exception that is only a message, Python's `Exception("...")`.
    #[track_caller]
    pub fn msg(message: impl Into<String>) -> Self {
        Exception::new(Message(message.into()))
    }

    /// Whether the error inside is an `E`, or has one among its sources.
    ///
    /// ```
    /// use greenlet_core::Exception;
    /// let error = std::io::Error::other("x".parse::<i32>().unwrap_err());
    /// assert!(Exception::new(error).is::<std::num::ParseIntError>());
    /// ```
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The error inside if it is an `E`, or else the first `E` among its sources.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.chain().find_map(|error| error.downcast_ref())
    }

    /// The error inside. Its own `is` and `downcast_ref` do not look at its sources.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.error()
    }

    /// The name of the error's type, without its path: Python's `type(ex).__name__`.
    ///
    /// ```
    /// let error = "x".parse::<i32>().unwrap_err();
    /// assert_eq!(greenlet_core::Exception::new(error).type_name(), "ParseIntError");
    /// ```
    pub fn type_name(&self) -> &'static str {
        let name = self.0.type_name();
        let path = name.split('<').next().unwrap_or(name);
        &name[path.rfind("::").map_or(0, |colons| colons + 2)..]
    }

    /// The name of the exception's type, the exception, and the place where it was raised: the
    /// counterpart of Python's `sys.exc_info()`, with a place instead of the traceback.
    pub fn exc_info(&self) -> ExcInfo {
        (self.type_name(), self.clone(), self.place())
    }

    /// Where the exception was raised, or for a panic where it began. None if that is not known: when
    /// `map_err(Into::into)` has made the exception, for example, its place is in the standard library.
    ///
    /// ```
    /// let (exception, line) = (greenlet_core::Exception::msg("oh"), line!());
    /// assert_eq!(exception.place().expect("it is known").line, line);
    /// ```
    pub fn place(&self) -> Option<Place> {
        match self.error().downcast_ref::<Panic>() {
            Some(panic) => panic.place().cloned(),
            None => Place::of(self.0.location()),
        }
    }

    /// Whether both are the same exception: identity, Python's `is`.
    pub fn same(&self, other: &Exception) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// An exception as a pointer.
#[derive(Clone, Copy)]
pub(crate) struct RawException(*const dyn AnyLocated);

impl<E: Error + Send + Sync + 'static> From<E> for Exception {
    #[track_caller]
    fn from(error: E) -> Self {
        Exception::new(error)
    }
}

/// An [`Error`] that has the text of the error inside, and that error as its source.
impl Deref for Exception {
    type Target = dyn Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Display for Exception {
    /// The error's text; with `{:#}`, those of its sources too, unless they say the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return fmt::Display::fmt(self.error(), f);
        }
        let mut last = String::new();
        for error in self.chain() {
            let text = error.to_string();
            if last.ends_with(&text) {
                continue;
            }
            let separator = if last.is_empty() { "" } else { ": " };
            write!(f, "{separator}{text}")?;
            last = text;
        }
        Ok(())
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.error())?;
        match self.place() {
            Some(place) => write!(f, " at {place}"),
            None => Ok(()),
        }
    }
}
