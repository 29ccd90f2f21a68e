//! A loop with EVFLAG_FORKCHECK notices every fork, also one that the C library knows nothing of, and nothing else.
//!
//! Runs in a process with no other thread (`harness = false`): its children allocate.

use std::ffi::c_int;
use std::io;
use std::mem::zeroed;
use std::sync::atomic::{AtomicI32, Ordering};

use libev_sys::*;

static FORKS: AtomicI32 = AtomicI32::new(0);

extern "C" fn on_fork(_: *mut ev_loop, _: *mut ev_fork, _: c_int) {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// How many forks two iterations of the loop notice.
fn noticed(loop_: *mut ev_loop) -> i32 {
    let before = FORKS.load(Ordering::Relaxed);
    // SAFETY: the callers see to it that the loop and its watcher are alive.
    unsafe {
        ev_run(loop_, EVRUN_NOWAIT);
        ev_run(loop_, EVRUN_NOWAIT);
    }
    FORKS.load(Ordering::Relaxed) - before
}

/// Forks without the C library's `fork` and its hooks.
fn raw_fork() -> libc::pid_t {
    // SAFETY: with no flags but the signal, and a stack of 0, this call is a fork.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(libc::SIGCHLD), 0, 0, 0, 0) };
    pid as libc::pid_t
}

fn libc_fork() -> libc::pid_t {
    // SAFETY: there is no other thread.
    unsafe { libc::fork() }
}

/// The exit status of a child that runs `body`.
fn in_child(fork: fn() -> libc::pid_t, body: impl FnOnce() -> i32) -> io::Result<i32> {
    match fork() {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the child ends here, with nothing of the parent's to clean up.
        0 => unsafe { libc::_exit(body()) },
        pid => {
            let mut status = 0;
            // SAFETY: `status` is writable.
            if unsafe { libc::waitpid(pid, &raw mut status, 0) } != pid {
                return Err(io::Error::last_os_error());
            }
            assert!(libc::WIFEXITED(status), "{status}");
            Ok(libc::WEXITSTATUS(status))
        }
    }
}

fn main() -> io::Result<()> {
    // SAFETY: any flags are allowed.
    let loop_ = unsafe { ev_loop_new(EVFLAG_FORKCHECK | EVFLAG_NOENV) };
    assert!(!loop_.is_null());
    // SAFETY: a C struct of integers and pointers may be zero.
    let mut watcher = unsafe { zeroed::<ev_fork>() };
    let watcher = &raw mut watcher;
    // SAFETY: the watcher stays where it is until it is stopped below.
    unsafe {
        ev_shim_fork_init(watcher, Some(on_fork));
        ev_fork_start(loop_, watcher);
    }
    assert_eq!(noticed(loop_), 0);
    for fork in [libc_fork, raw_fork] {
        let counts = in_child(fork, || {
            let child = noticed(loop_);
            let again = noticed(loop_);
            let grandchild = in_child(fork, || noticed(loop_)).unwrap_or(9);
            child * 100 + again * 10 + grandchild
        })?;
        assert_eq!(counts, 101, "child, again, grandchild");
        assert_eq!(noticed(loop_), 0, "in the parent");
    }
    // SAFETY: both are alive, and not used any more afterwards.
    unsafe {
        ev_fork_stop(loop_, watcher);
        ev_loop_destroy(loop_);
    }
    Ok(())
}
