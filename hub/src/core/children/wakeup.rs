//! What tells a loop that a child has ended: a descriptor that can be read from then on.

use std::io::{self, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use super::statuses::wait_for;

/// The descriptors for the case that the system has none for a process, or has no further one. They are made before the
/// child, when a failure harms nobody.
pub(super) struct Reserve(PipeReader, PipeWriter);

/// The descriptor to watch, and whether it is the process's own, by which it can be waited for.
pub(super) struct Wakeup {
    pub(super) fd: Arc<OwnedFd>,
    pub(super) is_pidfd: bool,
}

/// Enough for a thread that only waits.
const STACK: usize = 128 << 10;

impl Reserve {
    pub(super) fn make() -> io::Result<Reserve> {
        let (reader, writer) = pipe()?;
        Ok(Reserve(reader, writer))
    }

    /// The wake-up for the end of a child. Fails if no thread can be started in place of a descriptor.
    pub(super) fn wakeup(self, pid: i32) -> io::Result<Wakeup> {
        let Reserve(reader, mut writer) = self;
        if let Ok(pidfd) = pidfd_open(pid) {
            return Ok(Wakeup {
                fd: Arc::new(pidfd),
                is_pidfd: true,
            });
        }
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
        })
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
