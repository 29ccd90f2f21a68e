//! Tells AddressSanitizer of stack switches; nothing at all without the feature `asan`.

#[cfg(feature = "asan")]
pub(crate) use on::*;

#[cfg(not(feature = "asan"))]
pub(crate) use off::*;

#[cfg(not(feature = "asan"))]
mod off {
    use crate::core::GreenletCore;
    use crate::stack::Stack;

    pub(crate) struct Departure;

    impl Departure {
        #[inline(always)]
        pub(crate) fn arrive(self) {}
    }

    #[inline(always)]
    pub(crate) fn leave(_: &GreenletCore) -> Departure {
        Departure
    }

    #[inline(always)]
    pub(crate) fn leave_for_good(_: &GreenletCore) {}

    #[inline(always)]
    pub(crate) fn arrive_first() {}

    #[inline(always)]
    pub(crate) fn wipe(_: &Stack) {}

    #[inline(always)]
    pub(crate) fn keep(_: &GreenletCore) {}
}

#[cfg(feature = "asan")]
mod on {
    use std::cell::Cell;
    use std::ffi::c_void;
    use std::ops::Range;
    use std::ptr;

    use crate::core::GreenletCore;
    use crate::stack::{self, Stack};

    unsafe extern "C" {
        fn __sanitizer_start_switch_fiber(fake_stack: *mut *mut c_void, low: *const c_void, size: usize);
        fn __sanitizer_finish_switch_fiber(fake_stack: *mut c_void, low: *mut *const c_void, size: *mut usize);
        fn __asan_unpoison_memory_region(low: *const c_void, size: usize);
        fn __lsan_register_root_region(low: *const c_void, size: usize);
        fn __asan_get_shadow_mapping(scale: *mut usize, offset: *mut usize);
    }

    /// The fake stack of a greenlet that has been left.
    pub(crate) struct Departure(*mut c_void);

    impl Departure {
        pub(crate) fn arrive(self) {
            // SAFETY: this is the first thing on the arriving stack, with the fake stack that `leave`
            // got on that stack.
            unsafe {
                __sanitizer_finish_switch_fiber(self.0, ptr::null_mut(), ptr::null_mut());
            }
        }
    }

    pub(crate) fn leave(target: &GreenletCore) -> Departure {
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

    /// Tells of the last jump away from a stack. Its fake stack is not freed yet: the frames that do the jump are
    /// still on it.
    pub(crate) fn leave_for_good(target: &GreenletCore) {
        DEAD.set(leave(target).0);
    }

    pub(crate) fn arrive_first() {
        Departure(ptr::null_mut()).arrive();
    }

    /// Forgets the frames that a dead greenlet has left on its stack and on its fake stack.
    ///
    /// A fake stack is only freed by a switch that leaves it for good, so this pretends to make one.
    pub(crate) fn wipe(stack: &Stack) {
        let low: *const c_void = stack.low().as_ptr().cast();
        let (mut fake, mut own_low, mut own_size) = (ptr::null_mut(), ptr::null(), 0);
        // SAFETY: nobody uses that memory any more. Between the calls no code runs that needs a
        // fake stack.
        unsafe {
            unpoison(low.addr()..low.addr() + stack.size());
            __sanitizer_start_switch_fiber(&raw mut fake, low, stack.size());
            __sanitizer_finish_switch_fiber(DEAD.get(), &raw mut own_low, &raw mut own_size);
            __sanitizer_start_switch_fiber(ptr::null_mut(), own_low, own_size);
            __sanitizer_finish_switch_fiber(fake, ptr::null_mut(), ptr::null_mut());
        }
    }

    /// Has the leak checker find the memory that the frames of a parked greenlet own: they stay for ever.
    pub(crate) fn keep(core: &GreenletCore) {
        let (low, size) = bounds(core);
        // The checker reads the whole region, so it is given only the part that was touched.
        // SAFETY: nothing in here replaces the stack in its slot.
        let stack = unsafe { &*core.stack.as_ptr() }.as_ref();
        let len = stack.map_or(size, stack::usage::touched);
        // SAFETY: the stack is never used again, nor given back.
        unsafe { __lsan_register_root_region(low.byte_add(size - len), len) };
    }

    /// Has the sanitizer forget what it knows of these addresses. It keeps that in a shadow, whose whole pages are
    /// given back to the system here: to write zeros to it would take minutes and all memory for a stack of
    /// terabytes.
    ///
    /// # Safety
    /// The addresses are those of a stack on which nothing runs.
    unsafe fn unpoison(stack: Range<usize>) {
        let (mut scale, mut offset) = (0, 0);
        // SAFETY: the call writes to both variables.
        unsafe { __asan_get_shadow_mapping(&raw mut scale, &raw mut offset) };
        // So many bytes have one page of shadow.
        let unit = stack::page_size() << scale;
        let first = stack.start.next_multiple_of(unit).min(stack.end);
        let last = (stack.end / unit * unit).max(first);
        for edge in [stack.start..first, last..stack.end] {
            // SAFETY: the memory is a part of the stack.
            unsafe {
                __asan_unpoison_memory_region(ptr::without_provenance(edge.start), edge.len());
            }
        }
        if first < last {
            let [from, to] = [first, last].map(|address| (address >> scale) + offset);
            // SAFETY: these pages are a shadow of the stack alone, and they read as zero from now on, which says
            // that all of it may be used.
            unsafe {
                libc::madvise(ptr::without_provenance_mut(from), to - from, libc::MADV_DONTNEED);
            }
        }
    }

    fn bounds(core: &GreenletCore) -> (*const c_void, usize) {
        // SAFETY: nothing in here replaces the stack in its slot.
        match unsafe { &*core.stack.as_ptr() } {
            Some(stack) => (stack.low().as_ptr().cast(), stack.size()),
            None => {
                let own = stack::thread_stack();
                (ptr::without_provenance(own.start), own.len())
            }
        }
    }
}
