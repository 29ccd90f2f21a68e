//! A reference to a greenlet that does not keep it alive.

use std::fmt;
use std::rc::{Rc, Weak};

use crate::greenlet::{Core, RawGreenlet};

/// A handle that does not count: Python's `weakref.ref(greenlet)`.
#[derive(Clone)]
pub struct WeakGreenlet(Weak<Core>);

impl WeakGreenlet {
    /// The greenlet, if anybody still has a handle of it (or it runs).
    pub fn upgrade(&self) -> Option<RawGreenlet> {
        self.0.upgrade().map(RawGreenlet::from_core)
    }
}

impl RawGreenlet {
    /// A reference that does not keep the greenlet alive.
    pub fn downgrade(&self) -> WeakGreenlet {
        WeakGreenlet(Rc::downgrade(self.core()))
    }
}

impl fmt::Debug for WeakGreenlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.upgrade() {
            Some(greenlet) => write!(f, "<weak reference to {greenlet:?}>"),
            None => f.write_str("<weak reference; dead>"),
        }
    }
}
