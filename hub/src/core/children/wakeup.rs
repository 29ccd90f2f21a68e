//! What tells a loop that a child has ended: a descriptor that can be read from then on.

use std::io::{self, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use super::statuses::wait_for;
use crate::core::event_loop::forking::ForkMutex;

/// The descriptors for the case that the system has none for a process, or has no further one. They are there before
/// the child is made, when a failure harms nobody.
pub(super) struct Reserve {
    pipe: (PipeReader, PipeWriter),
    user: User,
}

/// The descriptor to watch, and whether it is the process's own, by which it can be waited for.
pub(super) struct Wakeup {
    pub(super) fd: Arc<OwnedFd>,
    pub(super) is_pidfd: bool,
    _user: User,
}

/// Enough for a thread that only waits.
pub(super) const STACK: usize = 128 << 10;

impl Reserve {
    pub(super) fn make() -> io::Result<Reserve> {
        let user = User::new();
        let pipe = match SPARES.lock().take() {
            Some(pipe) => pipe,
            None => pipe()?,
        };
        Ok(Reserve { pipe, user })
    }

    /// The wake-up for the end of a child. Fails if no thread can be started in place of a descriptor.
    pub(super) fn wakeup(self, pid: i32) -> io::Result<Wakeup> {
        let Reserve { pipe, user } = self;
        if let Ok(pidfd) = pidfd_open(pid) {
            SPARES.lock().pipes.push((std::process::id(), pipe));
            return Ok(Wakeup {
                fd: Arc::new(pidfd),
                is_pidfd: true,
                _user: user,
            });
        }
        let (reader, mut writer) = pipe;
        let wait = move || {
            // Leaves the status where it is. An error means that somebody has taken it: the child has ended, too.
            let _ = wait_for(libc::P_PID, pid.unsigned_abs(), libc::WNOWAIT);
            // Nobody reads any more if the watcher is gone.
            let _ = writer.write(&[0]);
        };
        let thread = thread::Builder::new().name(format!("child {pid}")).stack_size(STACK);
        thread.spawn(wait)?;
        Ok(Wakeup {
            fd: Arc::new(reader.into()),
            is_pidfd: false,
            _user: user,
        })
    }
}

/// The pipes that were not needed, for the next children: making one for each would take a tenth of the time that a
/// child takes.
static SPARES: ForkMutex<Spares> = ForkMutex::new(Spares {
    users: 0,
    pipes: Vec::new(),
});

struct Spares {
    /// How many children are made or watched. With the last of them the pipes are closed.
    users: usize,
    /// The pipes, with the processes that have made them. Those of the parent of a fork are its own.
    pipes: Vec<(u32, (PipeReader, PipeWriter))>,
}

impl Spares {
    fn take(&mut self) -> Option<(PipeReader, PipeWriter)> {
        let here = std::process::id();
        self.pipes.retain(|(made_by, _)| *made_by == here);
        self.pipes.pop().map(|(_, pipe)| pipe)
    }
}

/// A child that is made or watched.
struct User;

impl User {
    fn new() -> User {
        SPARES.lock().users += 1;
        User
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut spares = SPARES.lock();
        spares.users -= 1;
        if spares.users == 0 {
            spares.pipes.clear();
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    // SAFETY: the call takes any numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    match i32::try_from(fd) {
        // SAFETY: the descriptor is new, and ours. The system has set its close-on-exec flag.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn pidfd_open(_: i32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}
