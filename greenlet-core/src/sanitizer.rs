//! Tells AddressSanitizer of stack switches; nothing at all without the feature `asan`.

#[cfg(feature = "asan")]
pub(crate) use on::*;

#[cfg(not(feature = "asan"))]
pub(crate) use off::*;

#[cfg(not(feature = "asan"))]
mod off {
    use crate::core::Core;
    use crate::stack::Stack;

    pub(crate) struct Departure;

    impl Departure {
        #[inline(always)]
        pub(crate) fn arrive(self) {}
    }

    #[inline(always)]
    pub(crate) fn leave(_: &Core) -> Departure {
        Departure
    }

    #[inline(always)]
    pub(crate) fn leave_for_good(_: &Core) {}

    #[inline(always)]
    pub(crate) fn arrive_first() {}

    #[inline(always)]
    pub(crate) fn wipe(_: &Stack) {}

    #[inline(always)]
    pub(crate) fn keep(_: &Core) {}
}

#[cfg(feature = "asan")]
mod on {
    use std::cell::Cell;
    use std::ffi::c_void;
    use std::ptr;

    use crate::core::Core;
    use crate::stack::{self, Stack};

    unsafe extern "C" {
        fn __sanitizer_start_switch_fiber(
            fake_stack: *mut *mut c_void,
            low: *const c_void,
            size: usize,
        );
        fn __sanitizer_finish_switch_fiber(
            fake_stack: *mut c_void,
            low: *mut *const c_void,
            size: *mut usize,
        );
        fn __asan_unpoison_memory_region(low: *const c_void, size: usize);
        fn __lsan_register_root_region(low: *const c_void, size: usize);
    }

    /// The fake stack of a greenlet that is away.
    pub(crate) struct Departure(*mut c_void);

    impl Departure {
        pub(crate) fn arrive(self) {
            // SAFETY: this is the first thing on the arriving stack, with what `leave` on the
            // same stack got.
            unsafe {
                __sanitizer_finish_switch_fiber(self.0, ptr::null_mut(), ptr::null_mut());
            }
        }
    }

    pub(crate) fn leave(target: &Core) -> Departure {
        let mut fake = ptr::null_mut();
        let (low, size) = bounds(target);
        // SAFETY: these are the bounds of the stack that is jumped to next.
        unsafe { __sanitizer_start_switch_fiber(&raw mut fake, low, size) };
        Departure(fake)
    }

    thread_local! {
        /// The fake stack of the greenlet that has just left for good.
        static DEAD: Cell<*mut c_void> = const { Cell::new(ptr::null_mut()) };
    }

    /// The fake stack is not freed yet: the frames that do the last jump are still on it.
    pub(crate) fn leave_for_good(target: &Core) {
        DEAD.set(leave(target).0);
    }

    pub(crate) fn arrive_first() {
        Departure(ptr::null_mut()).arrive();
    }

    /// Forgets the frames that a dead greenlet has left on its stack and on its fake stack.
    ///
    /// The latter can only be freed by who leaves it for good, so that is what we pretend to do.
    pub(crate) fn wipe(stack: &Stack) {
        let low: *const c_void = stack.low().as_ptr().cast();
        let (mut fake, mut own_low, mut own_size) = (ptr::null_mut(), ptr::null(), 0);
        // SAFETY: nobody uses that memory any more. Between the calls no code runs that needs a
        // fake stack.
        unsafe {
            __asan_unpoison_memory_region(low, stack.size());
            __sanitizer_start_switch_fiber(&raw mut fake, low, stack.size());
            __sanitizer_finish_switch_fiber(DEAD.get(), &raw mut own_low, &raw mut own_size);
            __sanitizer_start_switch_fiber(ptr::null_mut(), own_low, own_size);
            __sanitizer_finish_switch_fiber(fake, ptr::null_mut(), ptr::null_mut());
        }
    }

    /// Has the leak checker find what the frames of a parked greenlet own: they stay for ever.
    pub(crate) fn keep(core: &Core) {
        let (low, size) = bounds(core);
        // SAFETY: the stack is never used again, nor given back.
        unsafe { __lsan_register_root_region(low, size) };
    }

    fn bounds(core: &Core) -> (*const c_void, usize) {
        // SAFETY: the slot is only replaced while the greenlet does not run.
        match unsafe { &*core.stack.as_ptr() } {
            Some(stack) => (stack.low().as_ptr().cast(), stack.size()),
            None => {
                let own = stack::thread_stack();
                (ptr::without_provenance(own.start), own.len())
            }
        }
    }
}
