//! A reference to a greenlet that does not keep it alive.

use std::fmt;
use std::ptr::NonNull;

use crate::attached;
use crate::core::{self, GreenletCore, RawGreenlet};

/// A handle that does not keep its greenlet alive: Python's `weakref.ref(greenlet)`. When the greenlet
/// is freed, everything in it is dropped, but its piece of memory stays until the last weak handle goes.
pub struct WeakGreenlet(NonNull<GreenletCore>);

impl RawGreenlet {
    /// A reference that does not keep the greenlet alive.
    ///
    /// ```
    /// use greenlet_core::{RawGreenlet, Value};
    /// let g = RawGreenlet::new(|_| Ok(Value::None));
    /// let weak = g.downgrade();
    /// assert_eq!(weak.upgrade(), Some(g.clone()));
    /// drop(g);
    /// assert_eq!(weak.upgrade(), None);
    /// ```
    pub fn downgrade(&self) -> WeakGreenlet {
        // SAFETY: this handle keeps the greenlet alive.
        unsafe { WeakGreenlet::from_core(self.pointer()) }
    }
}

impl WeakGreenlet {
    /// One more weak handle.
    ///
    /// # Safety
    /// `core` is a greenlet's that is not freed yet.
    pub(crate) unsafe fn from_core(core: NonNull<GreenletCore>) -> WeakGreenlet {
        // SAFETY: by this function's contract.
        core::count_one_more(unsafe { &core.as_ref().weaks });
        WeakGreenlet(core)
    }

    fn core(&self) -> &GreenletCore {
        // SAFETY: the memory is freed only when no weak reference is left: `core::free` and the
        // `Drop` below see to that.
        unsafe { self.0.as_ref() }
    }

    /// The greenlet, if somebody still has a handle of it or it runs.
    pub fn upgrade(&self) -> Option<RawGreenlet> {
        if self.core().gone.get() {
            return None;
        }
        // SAFETY: `gone` is not set, so the greenlet is not freed.
        Some(unsafe { RawGreenlet::from_core(self.0) })
    }
}

impl Clone for WeakGreenlet {
    fn clone(&self) -> Self {
        core::count_one_more(&self.core().weaks);
        WeakGreenlet(self.0)
    }
}

impl Drop for WeakGreenlet {
    fn drop(&mut self) {
        let core = self.core();
        let left = core.weaks.get() - 1;
        core.weaks.set(left);
        if left == 0 && core.gone.get() {
            // SAFETY: `gone` is set, so no handle, list or stack refers to the greenlet, and this was the
            // last weak reference.
            unsafe { attached::free(self.0) }
        }
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
