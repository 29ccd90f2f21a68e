//! The names of virtual threads in the C library, which would give the carrier's thread their names, and not find
//! theirs.

use std::cell::Cell;
use std::ffi::{CStr, c_char};

use libc::{c_int, pthread_t, size_t};

use super::made::made;

mod original {
    use super::*;

    crate::originals::originals! {
        pthread_setname_np(thread: pthread_t, name: *const c_char) -> c_int;
        pthread_getname_np(thread: pthread_t, name: *mut c_char, len: size_t) -> c_int;
    }
}

/// How long a name is at most, with the zero at its end.
const SIZE: usize = 16;

/// A name, with zeros at its end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Name([u8; SIZE]);

thread_local! {
    /// That of a virtual thread, as itself knows it.
    static OWN: Cell<Name> = const { Cell::new(Name([0; SIZE])) };
}

fn is_caller(thread: pthread_t) -> bool {
    // SAFETY: the function has no conditions.
    greenlet_core::is_virtual_thread() && unsafe { libc::pthread_self() } == thread
}

/// pthread_setname_np(3).
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "it is the sanitizer's"))]
unsafe extern "C" fn pthread_setname_np(thread: pthread_t, name: *const c_char) -> c_int {
    let (is_caller, made) = (is_caller(thread), made().find(thread));
    if !is_caller && made.is_none() {
        // SAFETY: by the prototype's contract.
        return unsafe { original::pthread_setname_np(thread, name) };
    }
    // SAFETY: by the prototype's contract.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes();
    let mut new = Name::default();
    if bytes.len() >= SIZE {
        return libc::ERANGE;
    }
    new.0[..bytes.len()].copy_from_slice(bytes);
    if is_caller {
        OWN.set(new);
    }
    if let Some(made) = made {
        *made.name.lock() = new;
    }
    0
}

/// pthread_getname_np(3).
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "it is the sanitizer's"))]
unsafe extern "C" fn pthread_getname_np(thread: pthread_t, name: *mut c_char, len: size_t) -> c_int {
    let own = match made().find(thread) {
        Some(made) => *made.name.lock(),
        None if is_caller(thread) => OWN.get(),
        None => {
            // SAFETY: by the prototype's contract.
            return unsafe { original::pthread_getname_np(thread, name, len) };
        }
    };
    if len < SIZE {
        return libc::ERANGE;
    }
    // SAFETY: by the prototype's contract, there is room for so many bytes.
    unsafe { std::ptr::copy_nonoverlapping(own.0.as_ptr(), name.cast::<u8>(), SIZE) };
    0
}
