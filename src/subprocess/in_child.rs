//! Python's settings that std has no safe method for: they are made in the child, after the fork and before the
//! program.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

/// What is to be set.
#[derive(Debug, Default, Clone)]
pub(super) struct InChild {
    pub(super) umask: Option<u32>,
    pub(super) extra_groups: Option<Vec<u32>>,
    pub(super) gid: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) stderr_to_stdout: bool,
    pub(super) close_fds: bool,
    pub(super) pass_fds: Vec<RawFd>,
    pub(super) start_new_session: bool,
}

/// Has the command make these settings in each child.
pub(super) fn register(command: &mut Command) -> Arc<Mutex<InChild>> {
    let settings = Arc::new(Mutex::new(InChild::default()));
    let its = settings.clone();
    // SAFETY: between fork and exec only what is allowed in a signal handler may be called. `make` makes system calls
    // and allocates nothing. The lock is free: its only users are the methods of one `Command`, which is borrowed
    // mutably while it forks.
    unsafe { command.pre_exec(move || its.lock().unwrap_or_else(PoisonError::into_inner).make()) };
    settings
}

impl InChild {
    /// Makes the settings, in gevent's order.
    fn make(&self) -> io::Result<()> {
        // SAFETY: these calls take any numbers, and the list lives as long as its call.
        unsafe {
            if self.stderr_to_stdout {
                done(libc::dup2(1, 2))?;
            }
            if let Some(mask) = self.umask {
                libc::umask(mask as libc::mode_t);
            }
            if let Some(groups) = &self.extra_groups {
                done(libc::setgroups(groups.len() as _, groups.as_ptr()))?;
            }
            if let Some(gid) = self.gid {
                done(libc::setregid(gid, gid))?;
            }
            if let Some(uid) = self.uid {
                done(libc::setreuid(uid, uid))?;
            }
            if self.close_fds || !self.pass_fds.is_empty() {
                close_all_at_exec();
            }
            for fd in &self.pass_fds {
                done(libc::fcntl(*fd, libc::F_SETFD, 0))?;
            }
            if self.start_new_session {
                done(libc::setsid())?;
            }
        }
        Ok(())
    }
}

/// The error of a call that has returned -1.
fn done(result: libc::c_int) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Has all descriptors but the standard ones closed when the program begins. They cannot be closed at once: by one of
/// them, std tells the parent whether the program could be begun.
fn close_all_at_exec() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // `CLOSE_RANGE_CLOEXEC`, since Linux 5.11.
        const AT_EXEC: libc::c_uint = 4;
        // SAFETY: the call takes any numbers, and closes nothing.
        if unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, AT_EXEC) } == 0 {
            return;
        }
    }
    // SAFETY: the calls take any numbers; a descriptor that is not open has no flag to be set.
    unsafe {
        let limit = libc::sysconf(libc::_SC_OPEN_MAX);
        for fd in 3..RawFd::try_from(limit).unwrap_or(RawFd::MAX) {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
}
