//! [`Word`]: what a start or a stop must know first, in one load.

use std::cell::Cell;

/// What a watcher's body notes about itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::core) struct Marks(u32);

impl Marks {
    pub(in crate::core) const NONE: Marks = Marks(0);
    /// The user wants the watcher not to keep the loop running.
    pub(in crate::core) const UNREF_BEFORE_START: Marks = Marks(1);
    /// `ev_unref` was called for the watcher; `ev_ref` is owed.
    pub(in crate::core) const NEEDS_REF: Marks = Marks(2);
    /// libev knows the watcher, or may. Stands for a reference.
    pub(in crate::core) const KEPT: Marks = Marks(4);
    const ALL: u32 = 7;
}

/// What the slot says of the handler that is in its place.
#[derive(Clone, Copy)]
pub(super) struct Own(u32);

impl Own {
    pub(super) const NOTHING: Own = Own(0);

    #[inline]
    pub(super) fn handler(needs_drop: bool, wakes: bool) -> Own {
        Own(if needs_drop { DROPS } else { 0 } | if wakes { WAKES } else { 0 })
    }
}

/// What replaced the handler is kept beside it.
const REPLACED: u32 = 8;
/// The handler in place needs to be dropped.
const DROPS: u32 = 16;
/// The handler in place wakes a greenlet.
const WAKES: u32 = 32;
/// A call of the handler in place is on some stack; the bits from here on count them.
const CALL: u32 = 64;

/// The [`Marks`] of a body, and what the slot of its handler notes: two owners, each with bits and methods of its own.
/// They share a word so that one look tells whether a start or a stop is nothing but a call of libev's.
#[derive(Default)]
pub(in crate::core) struct Word(Cell<u32>);

/// For the body.
impl Word {
    #[inline]
    pub(in crate::core) fn has(&self, mark: Marks) -> bool {
        self.0.get() & mark.0 != 0
    }

    #[inline]
    pub(in crate::core) fn add(&self, mark: Marks) {
        self.0.set(self.0.get() | mark.0);
    }

    #[inline]
    pub(in crate::core) fn remove(&self, mark: Marks) {
        self.0.set(self.0.get() & !mark.0);
    }

    /// Whether these are the body's marks, and nothing has to be done for the handler that was.
    #[inline]
    pub(in crate::core) fn is_only(&self, marks: Marks) -> bool {
        self.0.get() == marks.0
    }
}

/// For the handler's slot.
impl Word {
    /// Whether nothing has to be done for the handler that was: it is not called, not replaced, and owns nothing.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.0.get() & !Marks::ALL == 0
    }

    /// Another handler is in place, of which no call is on any stack. The marks stay.
    #[inline]
    pub(super) fn put(&self, own: Own) {
        self.0.set(self.0.get() & Marks::ALL | own.0);
    }

    /// The same, with other marks.
    #[inline]
    pub(super) fn overwrite(&self, marks: Marks, own: Own) {
        self.0.set(marks.0 | own.0);
    }

    #[inline]
    pub(super) fn is_replaced(&self) -> bool {
        self.0.get() & REPLACED != 0
    }

    #[inline]
    pub(super) fn set_replaced(&self) {
        self.0.set(self.0.get() | REPLACED);
    }

    #[inline]
    pub(super) fn wakes(&self) -> bool {
        self.0.get() & WAKES != 0
    }

    /// Whether it is a closure, and the one in place.
    #[inline]
    pub(super) fn is_closure_in_place(&self) -> bool {
        self.0.get() & (REPLACED | WAKES) == 0
    }

    #[inline]
    pub(super) fn is_called(&self) -> bool {
        self.0.get() >= CALL
    }

    #[inline]
    pub(super) fn begin_call(&self) {
        let called = self.0.get().checked_add(CALL);
        self.0.set(called.expect("no stack is so deep"));
    }

    #[inline]
    pub(super) fn end_call(&self) {
        self.0.set(self.0.get() - CALL);
    }
}
