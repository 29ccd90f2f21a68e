//! Calls with another thread pointer.
//!
//! [`call_with`] sets the thread pointer, calls a function, and sets it back, all in one piece of assembly, which each
//! processor has ([`processor::call`]). So for the compiler the thread pointer never changes: what it knows of
//! thread-locals before the call is right after it, and it does not see into the function that is called.
//!
//! How the processor rounds and what it traps is a thread's own, too: that is exchanged here, where it differs.

use std::any::Any;
use std::cell::Cell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::processor::{self, FloatMode};

thread_local! {
    /// In a block, its own thread pointer and that of the thread that carries it. Zeros in a real thread.
    static POINTERS: Cell<Pointers> = const { Cell::new(Pointers { own: 0, carrier: 0 }) };
    /// In a block, how the carrier computes with fractions.
    static CARRIERS: Cell<FloatMode> = const { Cell::new(FloatMode::USUAL) };
}

/// The thread pointers of a virtual thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pointers {
    pub(super) own: usize,
    pub(super) carrier: usize,
}

/// Those of the virtual thread that calls this, if it is one.
#[inline]
pub(super) fn pointers() -> Option<Pointers> {
    let pointers = POINTERS.get();
    (pointers.own != 0).then_some(pointers)
}

/// Calls `f` with the thread pointer `pointers.own`, and returns its value or the payload of its panic. That is caught
/// before the thread pointer is set back, as the count of a thread's panics is among its thread-locals.
///
/// # Safety
/// `own` is the thread pointer of a complete block, `carrier` the calling thread's. What `f` owns and what it returns
/// may be used by either thread, and `f` returns to this call on the same thread.
pub(super) unsafe fn inside<R>(pointers: Pointers, f: impl FnOnce() -> R) -> thread::Result<R> {
    let mut mode = FloatMode::get();
    let enter = || {
        POINTERS.set(pointers);
        CARRIERS.set(mode);
        let value = f();
        // Another greenlet of the carrier may have set it meanwhile.
        mode = CARRIERS.get();
        value
    };
    // SAFETY: by this function's contract.
    let called = unsafe { call_with(pointers.own, pointers.carrier, enter) };
    FloatMode::get().becomes(mode);
    called
}

/// Calls `f` with the carrier's thread pointer; in a real thread just so. Returns as [`inside`] does.
///
/// Safe code in this crate gives to `f`, and returns from it, only what may go from thread to thread.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> thread::Result<R> {
    match pointers() {
        Some(Pointers { own, carrier }) => {
            let mode = FloatMode::get();
            mode.becomes(CARRIERS.get());
            // SAFETY: the virtual thread runs inside of a call of `inside`, so the carrier's thread pointer is that of
            // the operating system's thread that runs this, which a greenlet never leaves.
            let called = unsafe { call_with(carrier, own, f) };
            let carriers = FloatMode::get();
            carriers.becomes(mode);
            CARRIERS.set(carriers);
            called
        }
        None => catch_unwind(AssertUnwindSafe(f)),
    }
}

/// The function of a call, and then its result.
struct Call<F, R> {
    function: ManuallyDrop<F>,
    result: MaybeUninit<Result<R, Box<dyn Any + Send>>>,
}

/// # Safety
/// `to` is the thread pointer of a complete block, `back` the present one.
#[inline(never)]
unsafe fn call_with<F: FnOnce() -> R, R>(to: usize, back: usize, function: F) -> thread::Result<R> {
    let mut call = Call {
        function: ManuallyDrop::new(function),
        result: MaybeUninit::uninit(),
    };
    // SAFETY: by this function's contract. `enter` lets no panic out, and takes the call from here.
    unsafe { processor::call(to, back, enter::<F, R>, &raw mut call) };
    // SAFETY: `enter` has written it.
    unsafe { call.result.assume_init() }
}

/// Does the call, with the other thread pointer.
extern "C" fn enter<F: FnOnce() -> R, R>(call: *mut Call<F, R>) {
    // SAFETY: `call_with` has passed its own variable, and waits for the return of this.
    let call = unsafe { &mut *call };
    // SAFETY: this is the only time that it is taken.
    let function = unsafe { ManuallyDrop::take(&mut call.function) };
    call.result.write(catch_unwind(AssertUnwindSafe(function)));
}
