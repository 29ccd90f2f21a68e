//! The interposed functions: each has the C library's name and prototype.
//!
//! One that parks asks for its caller's [`place`](crate::place::place) first. If there is none, it calls the original
//! at once. Otherwise it tries what was asked for without blocking, waits in the hub until it can be done, and so on.
//! None of them changes a descriptor's flags, but for the time of one system call of `connect`.

mod blocking;
mod buffers;
mod children;
mod closes;
mod disks;
mod epolls;
mod files;
mod futexes;
mod hosts;
mod names;
mod polls;
mod queues;
mod readiness;
mod resolver_state;
mod semaphores;
mod shells;
mod signals;
mod sockets;
mod stdio;
pub(crate) mod threads;
mod times;
mod transfers;

pub use threads::real_threads;

/// Called before threads are patched.
pub(crate) fn begin_threads() {
    threads::begin();
}
