//! [`SmallFn`]: a closure kept in place.

use std::any::TypeId;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

use greenlet_core::Exception;

use super::Events;

/// What can be made a [`SmallFn`].
pub(super) trait Act: 'static {
    /// For [`SmallFn::is_wake`].
    const IS_WAKE: bool = false;

    fn act(&self, events: Events) -> Result<(), Exception>;
}

/// One that does not fit goes into a box, which does.
impl<A: Act> Act for Box<A> {
    fn act(&self, events: Events) -> Result<(), Exception> {
        A::act(self, events)
    }
}

/// Room for what most callbacks capture: two words.
type Space = MaybeUninit<[*mut (); 2]>;

/// A `Box<dyn Act>` that needs no box for something small.
///
/// `space` holds a valid value of the type that `table` was made for, from [`SmallFn::new`] until it is dropped.
pub(super) struct SmallFn {
    /// In an `UnsafeCell`, because a closure may capture one.
    space: UnsafeCell<Space>,
    table: &'static Table,
}

struct Table {
    /// Its argument points to a living value of the table's type.
    act: unsafe fn(*const (), Events) -> Result<(), Exception>,
    /// As for `act`; the value is gone afterwards. None: there is nothing to do.
    drop: Option<unsafe fn(*mut ())>,
    type_id: fn() -> TypeId,
    is_wake: bool,
}

/// The one table of each type.
trait HasTable {
    const TABLE: &'static Table;
}

impl<A: Act> HasTable for A {
    const TABLE: &'static Table = &Table {
        act: act::<A>,
        drop: if std::mem::needs_drop::<A>() {
            Some(drop_in_place::<A>)
        } else {
            None
        },
        type_id: TypeId::of::<A>,
        is_wake: A::IS_WAKE,
    };
}

/// # Safety
/// `value` points to a living `A`.
unsafe fn act<A: Act>(value: *const (), events: Events) -> Result<(), Exception> {
    // SAFETY: the caller's.
    unsafe { &*value.cast::<A>() }.act(events)
}

/// # Safety
/// `value` points to a living `A`, which nobody uses again.
unsafe fn drop_in_place<A>(value: *mut ()) {
    // SAFETY: the caller's.
    unsafe { value.cast::<A>().drop_in_place() }
}

const fn fits<A>() -> bool {
    size_of::<A>() <= size_of::<Space>() && align_of::<A>() <= align_of::<Space>()
}

impl SmallFn {
    #[inline]
    pub(super) fn new<A: Act>(action: A) -> SmallFn {
        if const { fits::<A>() } {
            SmallFn::in_place(action)
        } else {
            SmallFn::in_place(Box::new(action))
        }
    }

    #[inline]
    fn in_place<A: Act>(action: A) -> SmallFn {
        assert!(fits::<A>());
        let mut space = Space::uninit();
        // SAFETY: `fits` says that there is room for it.
        unsafe { space.as_mut_ptr().cast::<A>().write(action) };
        SmallFn {
            space: UnsafeCell::new(space),
            table: A::TABLE,
        }
    }

    #[inline]
    pub(super) fn act(&self, events: Events) -> Result<(), Exception> {
        // SAFETY: the type's invariant; `self` is borrowed until the call is over, so the value stays.
        unsafe { (self.table.act)(self.space.get().cast(), events) }
    }

    /// Whether dropping it does anything.
    #[inline]
    pub(super) fn needs_drop(&self) -> bool {
        self.table.drop.is_some()
    }

    /// A sign by which one type is told from the others fast.
    #[inline]
    pub(super) fn is_wake(&self) -> bool {
        self.table.is_wake
    }

    /// What was given to [`new`](Self::new), if it is an `A` and small.
    pub(super) fn get<A: Act>(&self) -> Option<&A> {
        if fits::<A>() && (self.table.type_id)() == TypeId::of::<A>() {
            // SAFETY: the type's invariant, and the table is `A`'s.
            Some(unsafe { &*self.space.get().cast::<A>() })
        } else {
            None
        }
    }
}

impl Drop for SmallFn {
    #[inline]
    fn drop(&mut self) {
        if let Some(drop) = self.table.drop {
            // SAFETY: the type's invariant; this is the end of the value.
            unsafe { drop(self.space.get().cast()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use greenlet_core::Exception;

    use super::{Act, SmallFn, fits};
    use crate::core::Events;

    struct Adds<const N: usize>(Rc<Cell<i32>>, [u8; N]);

    impl<const N: usize> Act for Adds<N> {
        fn act(&self, events: Events) -> Result<(), Exception> {
            self.0
                .set(self.0.get() + events.bits() + i32::from(self.1[N - 1]));
            Ok(())
        }
    }

    fn adds<const N: usize>() {
        let sum = Rc::new(Cell::new(0));
        let function = SmallFn::new(Adds(sum.clone(), [1; N]));
        let moved = Box::new(function);
        moved.act(Events::READ).unwrap();
        moved.act(Events::WRITE).unwrap();
        assert_eq!(sum.get(), 1 + 2 + 2);
        assert_eq!(moved.get::<Adds<N>>().is_some(), fits::<Adds<N>>());
        assert!(moved.get::<Adds<3>>().is_none());
        assert_eq!(Rc::strong_count(&sum), 2);
        drop(moved);
        assert_eq!(Rc::strong_count(&sum), 1);
    }

    #[test]
    fn small_and_large_ones_are_called_and_dropped_once() {
        assert!(fits::<Adds<8>>() && !fits::<Adds<9>>());
        adds::<1>();
        adds::<8>();
        adds::<9>();
        adds::<100>();
    }

    #[test]
    fn what_it_captures_may_change() {
        struct Counts(Cell<i32>);
        impl Act for Counts {
            fn act(&self, _: Events) -> Result<(), Exception> {
                self.0.set(self.0.get() + 1);
                Ok(())
            }
        }
        let function = SmallFn::new(Counts(Cell::new(0)));
        function.act(Events::READ).unwrap();
        function.act(Events::READ).unwrap();
        assert_eq!(function.get::<Counts>().unwrap().0.get(), 2);
    }
}
