//! [`Chain`]: an error and its sources.

use std::error::Error;
use std::io;
use std::ptr;
use std::sync::Arc;

use super::{AsError, Exception};

/// An error, its source, the source's source and so on: see [`Exception::chain`].
#[derive(Debug, Clone)]
pub struct Chain<'a> {
    next: Option<&'a (dyn Error + 'static)>,
    left: usize,
}

/// A chain is cut after so many errors: one that names itself as its source would have no end.
const LONGEST: usize = 1000;

impl<'a> Chain<'a> {
    /// The chain that begins with `error`. It goes through containers whose `source` leaves out the error in
    /// them: an [`io::Error`] of another error, and errors in an [`Arc`] or a [`Box`].
    ///
    /// ```
    /// use std::io::{Error, ErrorKind};
    ///
    /// let error = Error::other(Error::from(ErrorKind::BrokenPipe));
    /// let kinds = greenlet_core::Chain::of(&error).filter_map(|e| e.downcast_ref::<Error>());
    /// assert!(kinds.map(Error::kind).eq([ErrorKind::Other, ErrorKind::BrokenPipe]));
    /// ```
    pub fn of(error: &'a (dyn Error + 'static)) -> Self {
        Chain {
            next: Some(error),
            left: LONGEST,
        }
    }
}

impl<'a> Iterator for Chain<'a> {
    type Item = &'a (dyn Error + 'static);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let error = self.next.take()?;
        self.next = inside(error).or_else(|| error.source());
        Some(error)
    }
}

/// The error in a container that does not name it as its source.
fn inside<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().map(|error| error as _);
    }
    if let Some(error) = error.downcast_ref::<Arc<io::Error>>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Box<io::Error>>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return Some(&**error);
    }
    let error = error.downcast_ref::<Arc<dyn Error>>()?;
    Some(&**error)
}

impl Exception {
    /// The error inside, its source, the source's source and so on.
    pub fn chain(&self) -> Chain<'_> {
        Chain::of(self.error())
    }

    /// Whether this is `other`, or was made of it: that very exception is looked for along the
    /// sources, whatever it was put into.
    ///
    /// ```
    /// use greenlet_core::{Exception, Message};
    ///
    /// let cause = Exception::new(Message("no more".into()));
    /// let boxed: Box<dyn std::error::Error + Send + Sync> = cause.clone().into();
    /// let wrapped = Exception::new(std::io::Error::other(std::io::Error::other(boxed)));
    /// assert!(wrapped.holds(&cause) && !cause.holds(&wrapped));
    /// assert!(!wrapped.holds(&Exception::new(Message("no more".into()))));
    /// ```
    pub fn holds(&self, other: &Exception) -> bool {
        self.same(other) || self.chain().any(|error| is_of(error, other))
    }
}

/// Whether this error of a chain stands for that exception.
pub(super) fn is_of(error: &(dyn Error + 'static), exception: &Exception) -> bool {
    match error.downcast_ref::<AsError>() {
        Some(as_error) => as_error.exception().same(exception),
        None => ptr::addr_eq(error, &raw const **exception) || ptr::addr_eq(error, exception.error()),
    }
}
