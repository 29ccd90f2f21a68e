//! Where nobody parks.
//!
//! | where | how it is known |
//! |---|---|
//! | on the hub, and where no greenlet can be left | [`place`](crate::place) asks the hub |
//! | in the runtime's own calls of the system | it says so: [`greenlet_core::direct`]; libev has the originals: [`begin`] |
//! | in a plain greenlet's panic hook | greenlet-core says so, by the same |
//! | in a signal handler, on an alternate stack | `signals.rs` wraps handlers |
//! | in an allocator | [`Allocator`](crate::Allocator) wraps it; C allocators hold a mutex |
//! | while a mutex of the C library's is held | `mutexes.rs` counts |
//! | in the dynamic linker | `linker.rs` wraps its functions |
//! | in exit handlers, and in the child of a virtual thread that has forked | `ends.rs` |

mod ends;
mod linker;
mod mutexes;
mod signals;

use std::sync::Once;

use greenlet_core::{Direct, direct, is_direct};

pub(crate) use signals::in_handler;

/// Whether nothing here stands against a park.
#[inline(always)]
pub(crate) fn may_park() -> bool {
    !is_direct() && !mutexes::are_held()
}

/// Calls `f`, in which nobody parks.
#[inline]
pub(crate) fn never_parks<R>(f: impl FnOnce() -> R) -> R {
    direct(f)
}

/// From now on, the calling thread never parks.
fn never_again() {
    std::mem::forget(Direct::begin());
}

/// Called before anything is patched.
pub(crate) fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        // The handlers of forks that virtual threads need come first, if there are virtual threads here.
        let _ = gevent_threading::supported();
        ends::watch_forks();
        give_originals_to_libev();
    });
}

/// Has libev call the C library's own functions. Until now it has called those of this crate, which have passed on all
/// that they were asked for.
fn give_originals_to_libev() {
    const NAMES: [&std::ffi::CStr; 8] = [
        c"read",
        c"write",
        c"poll",
        c"select",
        c"nanosleep",
        c"waitpid",
        c"sched_yield",
        c"epoll_wait",
    ];
    for name in NAMES {
        // SAFETY: the name ends with a zero.
        let original = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
        if !original.is_null() {
            // SAFETY: the C library's function of that name has its prototype.
            unsafe { libev_sys::ev_shim_set_system(name.as_ptr(), original) };
        }
    }
}
