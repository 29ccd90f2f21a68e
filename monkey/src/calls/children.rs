//! Waits for processes.
//!
//! Each wait asks the kernel without waiting, and parks until it may have another answer. So a child is taken by the
//! call that the kernel gives it to, and by no other. It asks by the hub's functions, so that the runtime is told if
//! the child was one of its own.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use greenlet_core::Exception;
use hub::core::{AnyChild, Events, wait4 as wait4_now, waitid as waitid_now};
use libc::{c_int, id_t, idtype_t, pid_t, rusage, siginfo_t};

use crate::guards::never_parks;
use crate::originals::originals;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, errno, returned, set_errno};

mod original {
    use super::*;

    originals! {
        waitpid(pid: pid_t, status: *mut c_int, options: c_int) -> pid_t;
        wait4(pid: pid_t, status: *mut c_int, options: c_int, usage: *mut rusage) -> pid_t;
        waitid(kind: idtype_t, id: id_t, info: *mut siginfo_t, options: c_int) -> c_int;
    }
}

/// waitpid(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn waitpid(pid: pid_t, status: *mut c_int, options: c_int) -> pid_t {
    if options & libc::WNOHANG == 0
        && let Some(place) = place(Module::Subprocess)
        // SAFETY: by the prototype's contract.
        && let Some(result) = returned(unsafe { waited(place, pid, status, options, std::ptr::null_mut()) })
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::waitpid(pid, status, options) }
}

/// wait(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn wait(status: *mut c_int) -> pid_t {
    // SAFETY: by the prototype's contract.
    unsafe { waitpid(-1, status, 0) }
}

/// wait4(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn wait4(pid: pid_t, status: *mut c_int, options: c_int, usage: *mut rusage) -> pid_t {
    if options & libc::WNOHANG == 0
        && let Some(place) = place(Module::Subprocess)
        // SAFETY: by the prototype's contract.
        && let Some(result) = returned(unsafe { waited(place, pid, status, options, usage) })
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::wait4(pid, status, options, usage) }
}

/// wait3(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn wait3(status: *mut c_int, options: c_int, usage: *mut rusage) -> pid_t {
    // SAFETY: by the prototype's contract.
    unsafe { wait4(-1, status, options, usage) }
}

/// # Safety
/// As for wait4(2).
unsafe fn waited(
    place: Place,
    pid: pid_t,
    status: *mut c_int,
    options: c_int,
    usage: *mut rusage,
) -> Result<pid_t, Failed> {
    let changes = Changes {
        of: match pid {
            1.. => Of::Process(pid),
            -1 => Of::Any,
            _ => Of::Group,
        },
        ends_only: options == 0,
    };
    changes.until(place, || {
        let Some((taken, its_status, its_usage)) = never_parks(|| wait4_now(pid, options))? else {
            return Ok(None);
        };
        if taken == 0 {
            return Ok(None);
        }
        if !status.is_null() {
            // SAFETY: by this function's contract.
            unsafe { status.write(its_status) };
        }
        if !usage.is_null() {
            // SAFETY: by this function's contract.
            unsafe { usage.write(its_usage) };
        }
        Ok(Some(taken))
    })
}

/// waitid(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn waitid(kind: idtype_t, id: id_t, info: *mut siginfo_t, options: c_int) -> c_int {
    if options & libc::WNOHANG == 0
        && let Some(place) = place(Module::Subprocess)
        // SAFETY: by the prototype's contract.
        && let Some(result) = returned(unsafe { waited_id(place, kind, id, info, options) })
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::waitid(kind, id, info, options) }
}

/// # Safety
/// As for waitid(2).
unsafe fn waited_id(
    place: Place,
    kind: idtype_t,
    id: id_t,
    info: *mut siginfo_t,
    options: c_int,
) -> Result<c_int, Failed> {
    let of = match kind {
        libc::P_PID => Of::Process(id as pid_t),
        libc::P_PIDFD if is_nonblocking(id as RawFd) => return Err(Failed::MustBlock),
        libc::P_PIDFD => Of::Descriptor(id as RawFd),
        libc::P_ALL => Of::Any,
        _ => Of::Group,
    };
    let changes = Changes {
        of,
        ends_only: options & !libc::WNOWAIT == libc::WEXITED,
    };
    changes.until(place, || {
        let Some(found) = never_parks(|| waitid_now(kind, id, options))? else {
            return Ok(None);
        };
        // SAFETY: the kernel has written the fields of a child, or left them zero.
        if unsafe { found.si_pid() } == 0 {
            return Ok(None);
        }
        if !info.is_null() {
            // SAFETY: by this function's contract.
            unsafe { info.write(found) };
        }
        Ok(Some(0))
    })
}

/// Whether a wait for a descriptor of a process is one that does not wait.
fn is_nonblocking(fd: RawFd) -> bool {
    // SAFETY: the call takes any descriptor.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_NONBLOCK != 0
}

/// What is waited for.
struct Changes {
    of: Of,
    /// Whether only ends are, neither stops nor continuations, of usual children.
    ends_only: bool,
}

#[derive(Clone, Copy)]
enum Of {
    Process(pid_t),
    /// A process, by its descriptor.
    Descriptor(RawFd),
    /// Any child.
    Any,
    /// Children that have a group in common.
    Group,
}

/// A descriptor that can be read when a process has ended, or some child has.
enum Wakeup {
    Theirs(RawFd),
    Process(OwnedFd),
    Any(AnyChild),
}

/// For how long a wait by a descriptor does not ask the kernel. It has more to tell, but only to debuggers: a process
/// that the caller traces stops.
const LONG: Duration = Duration::from_secs(1);
/// For how long it is not asked if nothing wakes the caller: the first time, and at most.
const SHORT: [Duration; 2] = [Duration::from_micros(250), Duration::from_millis(10)];

impl Changes {
    /// Parks the caller until `take`, which does not wait, takes something.
    fn until(self, place: Place, mut take: impl FnMut() -> io::Result<Option<c_int>>) -> Result<c_int, Failed> {
        let [mut pause, longest] = SHORT;
        let mut wakeup = None;
        let mut told = false;
        let before = errno();
        loop {
            match take() {
                Ok(None) => {}
                Ok(Some(taken)) => {
                    set_errno(before);
                    return Ok(taken);
                }
                Err(error) => return Err(error.raw_os_error().map_or(Failed::MustBlock, Failed::Errno)),
            }
            // Whoever is told, and finds nothing, pauses too: somebody else may be about to take what has ended.
            if std::mem::take(&mut told) {
                match self.of {
                    Of::Descriptor(fd) => place.pause(fd, pause)?,
                    _ => place.sleep(pause)?,
                }
                pause = (pause * 2).min(longest);
                continue;
            }
            // Each tells of what has ended before it was made, too. There is one for each end of any child.
            if wakeup.is_none() || matches!(self.of, Of::Any) {
                wakeup = self.wakeup(place);
            }
            told = match &wakeup {
                Some(wakeup) => place.wait_fd(wakeup.fd(), Events::READ, Some(Instant::now() + LONG))?,
                None => true,
            };
        }
    }

    /// None if there is nothing that tells of all that is waited for.
    fn wakeup(&self, place: Place) -> Option<Wakeup> {
        if !self.ends_only {
            return None;
        }
        match self.of {
            Of::Process(pid) => open(pid).map(Wakeup::Process),
            Of::Descriptor(fd) => Some(Wakeup::Theirs(fd)),
            // It may make a thread, which is to be a real one.
            Of::Any => place
                .wait(|_| AnyChild::new().map_err(Exception::from))
                .ok()
                .map(Wakeup::Any),
            Of::Group => None,
        }
    }
}

impl Wakeup {
    fn fd(&self) -> RawFd {
        match self {
            Wakeup::Theirs(fd) => *fd,
            Wakeup::Process(fd) => fd.as_raw_fd(),
            Wakeup::Any(any) => any.as_fd().as_raw_fd(),
        }
    }
}

/// The descriptor of a process, which closes when a program is run.
fn open(pid: pid_t) -> Option<OwnedFd> {
    // SAFETY: the call takes any numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the descriptor is new, and ours.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}
