//! `pthread_getattr_np` of a virtual thread, which tells where its stack is.
//!
//! Crates that make a stack longer, and C libraries that look for roots on it or for its end, ask for its bounds. The
//! C library asks the kernel for the processors of the thread, too, by a number that the kernel does not know, and
//! fails. So this crate has a function of the same name. The dynamic linker finds it before the C library's in a
//! program that has this crate; in a library that is loaded later, only that library does.
//!
//! The sanitizers, with which there are no virtual threads, call the function before a thread is ready to run code that
//! they look at. So there the name is the C library's alone.

use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicIsize, AtomicPtr, AtomicUsize, Ordering};

use super::block::is_virtual;
use super::crossing::pointers;
use super::glibc::glibc;
use super::processor::{LOCALS, thread_pointer};

/// The stack of a virtual thread, as it is told to any thread.
struct Stack {
    low: AtomicUsize,
    /// Zero if it is not known yet. The last one to be written.
    size: AtomicUsize,
    /// The size of the guard below it.
    guard: AtomicUsize,
    /// The number of the carrier, for the kernel.
    carrier: AtomicI32,
}

/// What is told of a stack.
#[derive(Clone, Copy)]
struct Told {
    low: usize,
    size: usize,
    guard: usize,
    carrier: libc::pid_t,
}

thread_local! {
    /// In a block, the virtual thread's stack.
    static STACK: Stack = const {
        Stack {
            low: AtomicUsize::new(0),
            size: AtomicUsize::new(0),
            guard: AtomicUsize::new(0),
            carrier: AtomicI32::new(0),
        }
    };
}

/// Has `pthread_getattr_np` tell this stack. To be called in the virtual thread.
pub(crate) fn set_stack(low: usize, size: usize, guard: usize) {
    let (Some(pointers), Ok(glibc)) = (pointers(), glibc()) else {
        return;
    };
    // SAFETY: the carrier is the thread that runs this, and its number is inside of its data.
    let carrier = unsafe { ((glibc.data_of(pointers.carrier) + glibc.tid) as *const libc::pid_t).read_volatile() };
    STACK.with(|stack| {
        stack.low.store(low, Ordering::Relaxed);
        stack.guard.store(guard, Ordering::Relaxed);
        stack.carrier.store(carrier, Ordering::Relaxed);
        stack.size.store(size, Ordering::Release);
    });
}

impl Stack {
    fn told(&self) -> Option<Told> {
        let size = self.size.load(Ordering::Acquire);
        (size != 0).then(|| Told {
            low: self.low.load(Ordering::Relaxed),
            size,
            guard: self.guard.load(Ordering::Relaxed),
            carrier: self.carrier.load(Ordering::Relaxed),
        })
    }
}

/// Where [`STACK`] is in each block: bytes from its thread pointer. Zero if that is not known.
static PLACE: AtomicIsize = AtomicIsize::new(0);

/// How far the calling thread's [`STACK`] is from its thread pointer.
pub(super) fn place() -> isize {
    let stack = STACK.with(|stack| ptr::from_ref(stack).addr());
    stack.wrapping_sub(thread_pointer()).cast_signed()
}

/// Notes the places in a carrier and in a block. They are the same where this crate's thread-locals are allocated with
/// each thread: where it is in the program, or in a library that the program is linked with.
pub(super) fn note_places(in_carrier: isize, in_block: isize) {
    if in_carrier == in_block && LOCALS.contains(&in_block) {
        PLACE.store(in_block, Ordering::Relaxed);
    }
}

/// What is known of another thread's stack, if it is a virtual one.
///
/// # Safety
/// The thread exists.
unsafe fn told_of_another(thread: usize) -> Option<Told> {
    let place = PLACE.load(Ordering::Relaxed);
    if place == 0 {
        return None;
    }
    let glibc = glibc().ok()?;
    // SAFETY: `thread` is the address of a thread's data, in which its number is.
    let number = unsafe { ((thread + glibc.tid) as *const u32).read_volatile() };
    if !is_virtual(number) {
        return None;
    }
    let pointer = thread.wrapping_add(thread.wrapping_sub(glibc.data_of(thread)));
    // SAFETY: it is a virtual thread's, so this is in its block, which is initialised, and all fields are atomics.
    unsafe { &*(pointer.wrapping_add_signed(place) as *const Stack) }.told()
}

type GetAttributes = unsafe extern "C" fn(libc::pthread_t, *mut libc::pthread_attr_t) -> c_int;

/// Initialises `attributes` with those of a thread.
///
/// # Safety
/// As for the C library's: the thread exists, and `attributes` can be written.
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "nobody calls it by another name"))]
unsafe extern "C" fn pthread_getattr_np(thread: libc::pthread_t, attributes: *mut libc::pthread_attr_t) -> c_int {
    // SAFETY: the call has no preconditions.
    let is_this = pointers().is_some() && thread == unsafe { libc::pthread_self() };
    let told = match is_this {
        true => STACK.with(Stack::told),
        // SAFETY: by this function's contract.
        false => unsafe { told_of_another(thread as usize) },
    };
    if let Some(told) = told {
        // SAFETY: by this function's contract.
        return unsafe { fill(attributes, told) };
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
unsafe fn fill(attributes: *mut libc::pthread_attr_t, told: Told) -> c_int {
    // SAFETY: `attributes` can be written, and is initialised by the first call, if it returns 0.
    unsafe {
        let initialised = libc::pthread_attr_init(attributes);
        if initialised != 0 {
            return initialised;
        }
        let results = [
            libc::pthread_attr_setstack(attributes, told.low as *mut c_void, told.size),
            libc::pthread_attr_setguardsize(attributes, told.guard),
            // Nobody can join it by the C library's function.
            libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED),
            set_processors(attributes, told.carrier),
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
unsafe fn set_processors(attributes: *mut libc::pthread_attr_t, carrier: libc::pid_t) -> c_int {
    // Linux knows 8192 processors at most.
    let mut set = [0_u64; 8192 / 64];
    // SAFETY: the call writes into the set, and returns how many bytes.
    let written = unsafe { libc::syscall(libc::SYS_sched_getaffinity, carrier, size_of_val(&set), set.as_mut_ptr()) };
    let Some(written) = usize::try_from(written).ok().filter(|written| *written > 0) else {
        return 0;
    };
    // SAFETY: the attributes are initialised, and the set has so many bytes.
    unsafe { pthread_attr_setaffinity_np(attributes, written, set.as_ptr()) }
}

unsafe extern "C" {
    fn pthread_attr_setaffinity_np(attributes: *mut libc::pthread_attr_t, size: usize, set: *const u64) -> c_int;
}
