//! `pthread_getattr_np` of a virtual thread, which tells where its stack is.
//!
//! Crates that make a stack longer, and C libraries that look for roots on it or for its end, ask for its bounds. The
//! C library asks the kernel for the processors of the thread, too, by a number that the kernel does not know, and
//! fails. So this crate has a function of the same name. The dynamic linker finds it before the C library's in a
//! program that has this crate; in a library that is loaded later, only that library does.
//!
//! The sanitizers, with which there are no virtual threads, call the function before a thread is ready to run code that
//! they look at. So there the name is the C library's alone.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::crossing::pointers;

thread_local! {
    /// In a block, the lowest address of the virtual thread's stack, its size, and that of the guard below it.
    static STACK: Cell<(usize, usize, usize)> = const { Cell::new((0, 0, 0)) };
}

/// Has `pthread_getattr_np` tell this stack. To be called in the virtual thread.
pub(crate) fn set_stack(low: usize, size: usize, guard: usize) {
    STACK.set((low, size, guard));
}

type GetAttributes = unsafe extern "C" fn(libc::pthread_t, *mut libc::pthread_attr_t) -> c_int;

/// Initialises `attributes` with those of a thread.
///
/// # Safety
/// As for the C library's: the thread exists, and `attributes` can be written.
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "nobody calls it by another name"))]
unsafe extern "C" fn pthread_getattr_np(thread: libc::pthread_t, attributes: *mut libc::pthread_attr_t) -> c_int {
    let (low, size, guard) = STACK.get();
    // SAFETY: the call has no preconditions.
    let is_this = pointers().is_some() && thread == unsafe { libc::pthread_self() };
    if size != 0 && is_this {
        // SAFETY: by this function's contract.
        return unsafe { fill(attributes, low, size, guard) };
    }
    match next() {
        // SAFETY: by this function's contract.
        Some(function) => unsafe { function(thread, attributes) },
        None => libc::ENOSYS,
    }
}

/// The C library's function, or that of another library before it.
fn next() -> Option<GetAttributes> {
    static NEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    let mut found = NEXT.load(Ordering::Relaxed);
    if found.is_null() {
        // SAFETY: the name is a C string.
        found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_getattr_np".as_ptr()) };
        NEXT.store(found, Ordering::Relaxed);
    }
    // SAFETY: this is the type of the function of this name; null is None.
    unsafe { transmute::<*mut c_void, Option<GetAttributes>>(found) }
}

/// # Safety
/// `attributes` can be written.
unsafe fn fill(attributes: *mut libc::pthread_attr_t, low: usize, size: usize, guard: usize) -> c_int {
    // SAFETY: `attributes` can be written, and is initialised by the first call, if it returns 0.
    unsafe {
        let initialised = libc::pthread_attr_init(attributes);
        if initialised != 0 {
            return initialised;
        }
        let results = [
            libc::pthread_attr_setstack(attributes, low as *mut c_void, size),
            libc::pthread_attr_setguardsize(attributes, guard),
            // Nobody can join it by the C library's function.
            libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED),
            set_processors(attributes),
        ];
        let failed = results.into_iter().find(|result| *result != 0);
        if failed.is_some() {
            libc::pthread_attr_destroy(attributes);
        }
        failed.unwrap_or(0)
    }
}

/// Sets the processors of the carrier. If the kernel does not tell them, none are set, as in the C library's function.
///
/// # Safety
/// The attributes are initialised.
unsafe fn set_processors(attributes: *mut libc::pthread_attr_t) -> c_int {
    // Linux knows 8192 processors at most.
    let mut set = [0_u64; 8192 / 64];
    // SAFETY: the call writes into the set, and returns how many bytes.
    let written = unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, size_of_val(&set), set.as_mut_ptr()) };
    let Some(written) = usize::try_from(written).ok().filter(|written| *written > 0) else {
        return 0;
    };
    // SAFETY: the attributes are initialised, and the set has so many bytes.
    unsafe { pthread_attr_setaffinity_np(attributes, written, set.as_ptr()) }
}

unsafe extern "C" {
    fn pthread_attr_setaffinity_np(attributes: *mut libc::pthread_attr_t, size: usize, set: *const u64) -> c_int;
}
