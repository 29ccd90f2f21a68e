//! [`SmallFn`]: a closure that is kept without a box if it is small.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

use greenlet_core::Exception;

use crate::core::Events;

/// An action that can be kept in a [`SmallFn`].
///
/// # Safety
/// `IS_WAKE` is true for one type only, and that type is small enough to need no box.
pub(in crate::core) unsafe trait Act: 'static {
    /// Whether this is the type that [`SmallFn::wake`] returns.
    const IS_WAKE: bool = false;

    fn act(&self, events: Events) -> Result<(), Exception>;
}

/// An action that does not fit is put into a box, which does.
// SAFETY: `IS_WAKE` is false.
unsafe impl<A: Act> Act for Box<A> {
    fn act(&self, events: Events) -> Result<(), Exception> {
        A::act(self, events)
    }
}

/// Room for two words, which is enough for most callbacks.
type Space = MaybeUninit<[*mut (); 2]>;

/// Like a `Box<dyn Act>`, but without the box for a small action.
///
/// From [`SmallFn::new`] until the drop, `space` holds a valid value of the type that `table` was made for.
pub(in crate::core) struct SmallFn {
    /// The action, in an `UnsafeCell` because a closure may capture a `Cell`.
    space: UnsafeCell<Space>,
    table: &'static Acts,
}

struct Acts {
    /// Runs the action. The argument must point to a living value of the table's type.
    act: unsafe fn(*const (), Events) -> Result<(), Exception>,
    /// Drops the action, which the argument must point to in the same way. None if the type needs no drop.
    drop: Option<unsafe fn(*mut ())>,
    is_wake: bool,
}

/// The one table of each type.
trait HasActs {
    const ACTS: &'static Acts;
}

impl<A: Act> HasActs for A {
    const ACTS: &'static Acts = &Acts {
        act: act::<A>,
        drop: if std::mem::needs_drop::<A>() {
            Some(drop_in_place::<A>)
        } else {
            None
        },
        is_wake: A::IS_WAKE,
    };
}

/// # Safety
/// `value` points to a living `A`.
unsafe fn act<A: Act>(value: *const (), events: Events) -> Result<(), Exception> {
    // SAFETY: by this function's contract.
    unsafe { &*value.cast::<A>() }.act(events)
}

/// # Safety
/// `value` points to a living `A`, which is not used again.
unsafe fn drop_in_place<A>(value: *mut ()) {
    // SAFETY: by this function's contract.
    unsafe { value.cast::<A>().drop_in_place() }
}

const fn fits<A>() -> bool {
    size_of::<A>() <= size_of::<Space>() && align_of::<A>() <= align_of::<Space>()
}

impl SmallFn {
    #[inline]
    pub(in crate::core) fn new<A: Act>(action: A) -> SmallFn {
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
        // SAFETY: `fits` says that there is room for the action, and that it is aligned there.
        unsafe { space.as_mut_ptr().cast::<A>().write(action) };
        SmallFn {
            space: UnsafeCell::new(space),
            table: A::ACTS,
        }
    }

    #[inline]
    pub(in crate::core) fn act(&self, events: Events) -> Result<(), Exception> {
        // SAFETY: the type's invariant; `self` is borrowed until the call is over, so the value stays.
        unsafe { (self.table.act)(self.space.get().cast(), events) }
    }

    /// Whether dropping the action does anything.
    #[inline]
    pub(in crate::core) fn needs_drop(&self) -> bool {
        self.table.drop.is_some()
    }

    /// The action that was given to [`new`](Self::new), if it is of the one type whose `IS_WAKE` is true.
    #[inline]
    pub(in crate::core) fn wake<A: Act>(&self) -> Option<&A> {
        const { assert!(A::IS_WAKE && fits::<A>()) };
        // SAFETY: by the type's invariant `space` holds a value of the table's type, which by `Act`'s contract is `A`.
        (self.table.is_wake).then(|| unsafe { &*self.space.get().cast::<A>() })
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

    // SAFETY: `IS_WAKE` is false.
    unsafe impl<const N: usize> Act for Adds<N> {
        fn act(&self, events: Events) -> Result<(), Exception> {
            self.0.set(self.0.get() + events.bits() + i32::from(self.1[N - 1]));
            Ok(())
        }
    }

    struct Wakes(Cell<i32>);

    // SAFETY: in these tests no other type has `IS_WAKE`, and this one is small.
    unsafe impl Act for Wakes {
        const IS_WAKE: bool = true;

        fn act(&self, _: Events) -> Result<(), Exception> {
            self.0.set(self.0.get() + 1);
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
        assert!(moved.wake::<Wakes>().is_none());
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
        let function = SmallFn::new(Wakes(Cell::new(0)));
        function.act(Events::READ).unwrap();
        function.act(Events::READ).unwrap();
        assert_eq!(function.wake::<Wakes>().unwrap().0.get(), 2);
    }
}
