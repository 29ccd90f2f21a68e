//! At the process's end, and in the child of a virtual thread that has forked, nobody parks.
//!
//! Exit handlers run in the thread that has called `exit`. The others go on meanwhile, but those of its own greenlets
//! and virtual threads that it would let run may not: what they use is being taken down. When `main` returns, its hub
//! is destroyed before.
//!
//! A child has one thread, a copy of that which has forked. If that was a virtual one, the child's code expects nothing
//! but to go on, and to be alone.

use greenlet_core::is_virtual_thread;
use libc::c_int;

use super::never_again;
use crate::originals::originals;

mod original {
    use super::*;

    originals! {
        exit(status: c_int) -> !;
        quick_exit(status: c_int) -> !;
    }
}

/// exit(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn exit(status: c_int) -> ! {
    never_again();
    // SAFETY: by the prototype's contract.
    unsafe { original::exit(status) }
}

/// quick_exit(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn quick_exit(status: c_int) -> ! {
    never_again();
    // SAFETY: by the prototype's contract.
    unsafe { original::quick_exit(status) }
}

/// Registers the handler of forks. To be called after `gevent_threading` has registered its own: by then the child's
/// thread is the virtual one again.
pub(super) fn watch_forks() {
    // SAFETY: the function stays, as the program does not unload itself. If there is no memory for it, the children of
    // virtual threads park, which fails where the hub cannot go on.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

unsafe extern "C" fn in_child() {
    if is_virtual_thread() {
        never_again();
    }
}
