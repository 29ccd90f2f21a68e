//! [`AnyGreenlet`]: a greenlet whose value's type does not matter.

use std::fmt;
use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet};

use super::base::{Base, Life};

/// What can be said of a greenlet without its value's type.
pub(super) trait Erased {
    fn base(&self) -> &Base;
    fn exception(&self) -> Option<Exception>;
    /// Stores the ending of a greenlet that never ran.
    fn end_unrun(&self, exception: Exception);
}

/// A handle like [`Greenlet`](super::Greenlet), without the type of its value.
#[derive(Clone)]
pub struct AnyGreenlet {
    raw: RawGreenlet,
    shared: Rc<dyn Erased>,
}

impl AnyGreenlet {
    pub(super) fn new(raw: RawGreenlet, shared: Rc<dyn Erased>) -> Self {
        AnyGreenlet { raw, shared }
    }

    pub(super) fn base(&self) -> &Base {
        self.shared.base()
    }

    /// The greenlet underneath.
    pub fn raw(&self) -> &RawGreenlet {
        &self.raw
    }

    /// Whether it has ended.
    pub fn ready(&self) -> bool {
        self.base().ended()
    }

    /// The exception it ended with; none if it has not ended, or ended well.
    pub fn exception(&self) -> Option<Exception> {
        self.shared.exception()
    }

    /// Ends a greenlet that never ran.
    pub(super) fn end_unrun(&self, exception: Exception) {
        self.shared.end_unrun(exception);
        self.base().end(|| self.clone());
    }
}

impl PartialEq for AnyGreenlet {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for AnyGreenlet {}

impl fmt::Debug for AnyGreenlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.base().life.get() {
            Life::New => "new",
            Life::Scheduled => "scheduled",
            Life::Running => "running",
            Life::Ended if self.exception().is_some() => "failed",
            Life::Ended => "ended",
        };
        write!(f, "<Greenlet at {:#x} {state}>", self.raw.address())
    }
}
