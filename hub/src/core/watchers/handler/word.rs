//! [`Word`]: the flags that every start and stop looks at first, in one load.

use std::cell::Cell;

/// The flags of a watcher's body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::core) struct Marks(u32);

impl Marks {
    pub(in crate::core) const NONE: Marks = Marks(0);
    /// The user wants the watcher not to keep the loop running.
    pub(in crate::core) const UNREF_BEFORE_START: Marks = Marks(1);
    /// `ev_unref` was called for the watcher; `ev_ref` is owed.
    pub(in crate::core) const NEEDS_REF: Marks = Marks(2);
    /// libev knows the watcher, or may know it. The mark stands for a reference to the body.
    pub(in crate::core) const KEPT: Marks = Marks(4);
    const ALL: u32 = 7;
}

/// The flags of the handler that is in its place.
#[derive(Clone, Copy)]
pub(super) struct Own(u32);

impl Own {
    pub(super) const NOTHING: Own = Own(0);

    #[inline]
    pub(super) fn handler(needs_drop: bool, wakes: bool) -> Own {
        Own(if needs_drop { DROPS } else { 0 } | if wakes { WAKES } else { 0 })
    }
}

/// The handler in place was replaced; the new one is in `later`.
const REPLACED: u32 = 8;
/// The handler in place needs to be dropped.
const DROPS: u32 = 16;
/// The handler in place wakes a greenlet.
const WAKES: u32 = 32;
/// One call of the handler in place that is on some stack. The bits from here on count these calls.
const CALL: u32 = 64;

/// The [`Marks`] of a body, and the flags of its handler's slot. The two owners have bits and methods of their own.
/// They share a word so that one load tells whether a start or a stop is no more than a call of libev's.
#[derive(Default)]
pub(in crate::core) struct Word(Cell<u32>);

/// The methods for the body.
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

    /// Whether these are all the body's marks, and the slot [is quiet](Self::is_quiet).
    #[inline]
    pub(in crate::core) fn is_only(&self, marks: Marks) -> bool {
        self.0.get() == marks.0
    }
}

/// The methods for the handler's slot.
impl Word {
    /// Whether the handler in place can be overwritten: it is not called, not replaced, needs no drop and wakes nobody.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.0.get() & !Marks::ALL == 0
    }

    /// Notes that another handler is in place, of which no call is on any stack. The marks stay.
    #[inline]
    pub(super) fn put(&self, own: Own) {
        self.0.set(self.0.get() & Marks::ALL | own.0);
    }

    /// [`put`](Self::put), and sets the marks, too.
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

    /// Whether the handler is in place, and a closure (or none).
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
