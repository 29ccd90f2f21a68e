//! Waits for children.

use std::io;
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;

use crate::strike::{Case, Row, done};

/// A call that waits for a child, which ends when its input does.
fn waits(call: fn(i32) -> io::Result<()>) -> Case {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .spawn()
        .expect("there is a cat");
    let (pid, input) = (child.id() as i32, child.stdin.take());
    let input = std::rc::Rc::new(std::cell::Cell::new(input));
    let given = input.clone();
    Case {
        call: Box::new(move || call(pid)),
        give: Box::new(move || drop(given.take())),
        fd: None,
        check: Box::new(move |succeeded, _| {
            drop(input.take());
            check(child, succeeded);
        }),
    }
}

/// The child is taken, by the call or now.
fn check(mut child: Child, succeeded: bool) {
    match child.wait() {
        Ok(status) => assert!(!succeeded && status.success(), "{status}"),
        Err(error) => assert!(succeeded && error.raw_os_error() == Some(libc::ECHILD), "{error}"),
    }
}

fn taken(got: i32, child: i32) -> io::Result<()> {
    let got = done(got)?;
    (got == child.into())
        .then_some(())
        .ok_or_else(|| io::Error::other(format!("{got}")))
}

fn waitpid(child: i32) -> io::Result<()> {
    // SAFETY: no status is asked for.
    taken(unsafe { libc::waitpid(child, null_mut(), 0) }, child)
}

fn wait4(child: i32) -> io::Result<()> {
    // SAFETY: nothing is asked for.
    taken(unsafe { libc::wait4(child, null_mut(), 0, null_mut()) }, child)
}

fn waitid(child: i32) -> io::Result<()> {
    // SAFETY: a `siginfo_t` is plain data.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        done(libc::waitid(libc::P_PID, child as u32, &raw mut info, libc::WEXITED))?;
        taken(info.si_pid(), child)
    }
}

/// By the handle of the process that the kernel gives.
fn waitid_by_descriptor(child: i32) -> io::Result<()> {
    // SAFETY: the descriptor is new; a `siginfo_t` is plain data.
    unsafe {
        use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
        let fd = done(libc::syscall(libc::SYS_pidfd_open, child, 0))?;
        let fd = OwnedFd::from_raw_fd(fd as i32);
        let mut info: libc::siginfo_t = std::mem::zeroed();
        done(libc::waitid(
            libc::P_PIDFD,
            fd.as_raw_fd() as u32,
            &raw mut info,
            libc::WEXITED,
        ))?;
        taken(info.si_pid(), child)
    }
}

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::new("waitpid", || waits(waitpid)),
        Row::new("wait4", || waits(wait4)),
        Row::new("waitid", || waits(waitid)),
        Row::new("waitid by a descriptor", || waits(waitid_by_descriptor)),
    ]
}
