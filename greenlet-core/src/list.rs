//! The list of a thread's greenlets, each linked in by itself: always on, because it costs a few
//! stores per greenlet and no allocation.

use std::cell::Cell;
use std::ptr::NonNull;

use crate::core::Core;

/// A greenlet's place in the list.
#[derive(Default)]
pub(crate) struct Links {
    older: Cell<Option<NonNull<Core>>>,
    newer: Cell<Option<NonNull<Core>>>,
    linked: Cell<bool>,
}

/// The greenlets of one thread that are not dead, newest first.
#[derive(Default)]
pub(crate) struct List {
    newest: Cell<Option<NonNull<Core>>>,
    len: Cell<usize>,
}

impl List {
    /// Puts a greenlet in front.
    ///
    /// # Safety
    /// It is in no list, does not move, and is removed before it is freed.
    pub(crate) unsafe fn insert(&self, core: &Core) {
        let this = NonNull::from(core);
        let older = self.newest.replace(Some(this));
        core.links.older.set(older);
        core.links.linked.set(true);
        if let Some(older) = older {
            // SAFETY: what is in the list is alive, by the contract of this function.
            unsafe { older.as_ref() }.links.newer.set(Some(this));
        }
        self.len.set(self.len.get() + 1);
    }

    /// Takes a greenlet out, if it is still in.
    ///
    /// # Safety
    /// The list is the one it was put into, if any.
    pub(crate) unsafe fn remove(&self, core: &Core) {
        if !core.links.linked.replace(false) {
            return;
        }
        let (older, newer) = (core.links.older.take(), core.links.newer.take());
        // SAFETY: neighbours in the list are alive, by the contract of `insert`.
        unsafe {
            match newer {
                Some(newer) => newer.as_ref().links.older.set(older),
                None => self.newest.set(older),
            }
            if let Some(older) = older {
                older.as_ref().links.newer.set(newer);
            }
        }
        self.len.set(self.len.get() - 1);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// The newest of which `wanted` is true.
    pub(crate) fn find(&self, mut wanted: impl FnMut(&Core) -> bool) -> Option<NonNull<Core>> {
        let mut next = self.newest.get();
        while let Some(pointer) = next {
            // SAFETY: what is in the list is alive; `wanted` gets no way to free it.
            let core = unsafe { pointer.as_ref() };
            if wanted(core) {
                return Some(pointer);
            }
            next = core.links.older.get();
        }
        None
    }
}
