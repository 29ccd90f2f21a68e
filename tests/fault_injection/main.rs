//! System calls that fail, one at a time: the n-th `mmap`, `epoll_ctl`, `pthread_create`, .. that our crates and libev make
//! in a [mixed program](program). It ends, with errors or as if nothing had happened; nobody panics, and nothing is left
//! open or running; afterwards the same program works.
//!
//! The same where a call and all later ones fail, and where a thread gets no hub at all.
//!
//! Processes of their own run it (`harness = false`; this binary runs itself), because descriptors and threads are
//! counted. Plain runs take a sample of the calls; with `GEVENT_FAULTS=all` each of them fails once, with every error
//! listed for it; `GEVENT_FAULTS=epoll_ctl` is all of a kind. `FAULT_CHILD=kind:errno:times:n,n,..` is what a process of
//! its own gets.

#[cfg(target_os = "linux")]
mod child;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
#[cfg(target_os = "linux")]
mod inject;
#[cfg(target_os = "linux")]
mod no_hub;
#[cfg(target_os = "linux")]
mod parent;
#[cfg(target_os = "linux")]
mod program;

fn main() -> common::Result {
    #[cfg(target_os = "linux")]
    match std::env::var(child::VARIABLE) {
        Ok(job) => child::main(&job),
        Err(_) => parent::main()?,
    }
    Ok(())
}
