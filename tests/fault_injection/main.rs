//! System calls that fail, one at a time: the n-th `mmap`, `epoll_ctl`, `pthread_create`, .. that our crates and libev
//! make in a [mixed program](program). It ends, with errors or as if nothing had happened; nobody panics, and nothing
//! is left open or running; afterwards the same program works.
//!
//! The same where a call and all later ones fail, and where a thread gets no hub at all.
//!
//! Processes of their own run it (`harness = false`; this binary runs itself), because descriptors and threads are
//! counted. Plain runs take a sample of the calls; with `GEVENT_FAULTS=all` each of them fails once, with every error
//! listed for it; `GEVENT_FAULTS=epoll_ctl` is all of a kind. `FAULT_CHILD=kind:errno:times:n,n,..` is what a process
//! of its own gets.
//!
//! With glibc only: a program can have an `mmap` of its own in front of a shared C library's, not in front of one that
//! is linked statically, as musl is.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod child;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod inject;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod no_hub;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod parent;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod program;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod sockets;

fn main() -> common::Result {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    match std::env::var(child::VARIABLE) {
        Ok(job) => child::main(&job),
        Err(_) => parent::main()?,
    }
    Ok(())
}
