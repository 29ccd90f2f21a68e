//! Where an exception was raised.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

/// A place in a source file: a [`Location`] that may be a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The path that the compiler was given.
    pub file: Cow<'static, str>,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl Place {
    /// The place that `location` says. None if that is in the standard library, and so says nothing of the
    /// program.
    pub(super) fn of(location: &'static Location<'static>) -> Option<Place> {
        let file = location.file();
        let in_std = file.starts_with("/rustc/") || file.contains("/rustlib/src/rust/library/");
        (!in_std).then(|| Place {
            file: Cow::Borrowed(file),
            line: location.line(),
            column: location.column(),
        })
    }

    /// A copy of a location that is only borrowed.
    pub(super) fn copy(location: &Location<'_>) -> Place {
        Place {
            file: Cow::Owned(location.file().to_owned()),
            line: location.line(),
            column: location.column(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
