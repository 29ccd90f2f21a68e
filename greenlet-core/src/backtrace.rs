//! The backtrace of a greenlet, also of one that is parked.
//!
//! The system's unwinder walks the stack that it is called on. For a parked greenlet it is called below a frame whose
//! unwind table says that its caller is the suspended stack (`arch`'s `call_below`). So the unwinder goes from there to
//! the greenlet's own frames, as it would if the greenlet ran. Nothing is switched, and the parked stack is only read:
//! it needs no room, and none of its pages is touched for the first time.

use std::ffi::{c_int, c_void};
use std::hint::black_box;

use crate::arch;
use crate::core::RawGreenlet;

/// What the unwinder knows of a frame.
#[repr(C)]
struct Frame {
    _opaque: [u8; 0],
}

// The unwinder's functions, which std is linked with for its panics. Source: the Itanium C++ ABI, "Exception Handling".
unsafe extern "C" {
    fn _Unwind_Backtrace(each: extern "C" fn(*mut Frame, *mut c_void) -> c_int, data: *mut c_void) -> c_int;
    fn _Unwind_GetIP(frame: *mut Frame) -> usize;
}

/// `_URC_NO_REASON`: go on with the next frame.
const GO_ON: c_int = 0;
/// `_URC_END_OF_STACK`, with which the walk is ended.
const ENOUGH: c_int = 5;

/// Where the addresses go.
struct Walk<'a> {
    addresses: &'a mut [usize],
    found: usize,
    /// How many frames are still to come before those that are wanted.
    skip: usize,
}

impl RawGreenlet {
    /// Writes the return addresses on this greenlet's stack into `addresses`, the innermost first, and returns how
    /// many there are; those for which there is no room are left out. The current greenlet's begin with the caller of
    /// this function. A greenlet that has not begun, or is dead, has none. This allocates nothing, except what the
    /// system's unwinder allocates when it is used for the first time.
    ///
    /// With the feature `context-switch`, and on machines for which this crate has no switch of its own, the addresses
    /// of parked greenlets are not known.
    ///
    /// ```
    /// use greenlet_core::{RawGreenlet, getcurrent};
    ///
    /// let main = getcurrent();
    /// let greenlet = RawGreenlet::new(move |_| main.switch(()));
    /// let mut addresses = [0; 64];
    /// assert_eq!(greenlet.backtrace(&mut addresses), 0);
    /// greenlet.switch(())?;
    /// let found = greenlet.backtrace(&mut addresses);
    /// // A crate such as `backtrace` finds the names of the functions.
    /// println!("{:#x?}", &addresses[..found]);
    /// # Ok::<(), greenlet_core::Exception>(())
    /// ```
    #[inline(never)]
    pub fn backtrace(&self, addresses: &mut [usize]) -> usize {
        let core = self.core();
        let mut walk = Walk {
            addresses,
            found: 0,
            // The frame of `record`, and that of this function or of `call_below`.
            skip: 2,
        };
        let data = (&raw mut walk).cast();
        if core.runs() {
            record(data);
        } else if let Some(suspended) = core.suspended.take() {
            // SAFETY: the place was in `suspended`, so it continues an intact stack of this thread, on which nothing
            // runs meanwhile: `record` neither switches nor panics. `data` is what `record` needs.
            unsafe { arch::call_below(&suspended, record, data) };
            core.suspended.set(Some(suspended));
        }
        walk.found
    }
}

/// Walks the stack from here on. `data` is a `Walk` of the caller's.
#[inline(never)]
extern "C" fn record(data: *mut c_void) {
    // SAFETY: `each` fits the unwinder, and gets the data that it needs.
    let ended = unsafe { _Unwind_Backtrace(each, data) };
    // With something left to do, this function has a frame, which is counted on.
    black_box(ended);
}

/// Notes one frame.
extern "C" fn each(frame: *mut Frame, data: *mut c_void) -> c_int {
    // SAFETY: `backtrace` gives its own `Walk`, which nobody else uses during the walk.
    let walk = unsafe { &mut *data.cast::<Walk>() };
    if walk.skip > 0 {
        walk.skip -= 1;
        return GO_ON;
    }
    // SAFETY: the unwinder has given this frame.
    let address = unsafe { _Unwind_GetIP(frame) };
    match walk.addresses.get_mut(walk.found) {
        Some(place) if address != 0 => {
            *place = address;
            walk.found += 1;
            GO_ON
        }
        _ => ENOUGH,
    }
}
