//! Calls with another thread pointer.
//!
//! [`call_with`] sets the thread pointer, calls a function, and sets it back, all in one piece of assembly, which each
//! processor has ([`processor::call`]). So for the compiler the thread pointer never changes: what it knows of
//! thread-locals before the call is right after it, and it does not see into the function that is called.

use std::any::Any;
use std::cell::Cell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::processor;

thread_local! {
    /// In a block, its own thread pointer and that of the thread that carries it. Zeros in a real thread.
    static POINTERS: Cell<Pointers> = const { Cell::new(Pointers { own: 0, carrier: 0 }) };
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
    let enter = || {
        POINTERS.set(pointers);
        f()
    };
    // SAFETY: by this function's contract.
    unsafe { call_with(pointers.own, pointers.carrier, enter) }
}

/// Calls `f` with the carrier's thread pointer; in a real thread just so. Returns as [`inside`] does.
///
/// Safe code in this crate gives to `f`, and returns from it, only what may go from thread to thread.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> thread::Result<R> {
    match pointers() {
        // SAFETY: the virtual thread runs inside of a call of `inside`, so the carrier's thread pointer is that of the
        // operating system's thread that runs this, which a greenlet never leaves.
        Some(Pointers { own, carrier }) => unsafe { call_with(carrier, own, f) },
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
