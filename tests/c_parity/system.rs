//! System calls that scenarios make: the counterpart of the last part of parity.c.

use std::ffi::OsStr;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::trace::{TestResult, Trace};

fn check(result: i32) -> io::Result<i32> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

fn nonblocking(ends: [RawFd; 2]) -> TestResult<[RawFd; 2]> {
    for fd in ends {
        // SAFETY: plain system calls on any number.
        unsafe {
            check(libc::fcntl(
                fd,
                libc::F_SETFL,
                libc::fcntl(fd, libc::F_GETFL) | libc::O_NONBLOCK,
            ))?
        };
    }
    Ok(ends)
}

/// The reading and the writing end. They are not closed, as the process ends soon.
pub(crate) fn make_pipe() -> TestResult<[RawFd; 2]> {
    let mut ends = [-1; 2];
    // SAFETY: `ends` has room for two descriptors.
    check(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    nonblocking(ends)
}

pub(crate) fn make_socketpair() -> TestResult<[RawFd; 2]> {
    let mut ends = [-1; 2];
    // SAFETY: `ends` has room for two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr()) })?;
    nonblocking(ends)
}

pub(crate) fn put(fd: RawFd, text: &str) -> TestResult {
    // SAFETY: the buffer has the given length.
    let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
    match usize::try_from(written) {
        Ok(n) if n == text.len() => Ok(()),
        _ => Err(io::Error::last_os_error().into()),
    }
}

/// Reads at most `size` bytes, and returns their number.
pub(crate) fn get(fd: RawFd, size: usize) -> i64 {
    let mut bytes = [0_u8; 4096];
    // SAFETY: the buffer has at least the given length.
    unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), size.min(bytes.len())) as i64 }
}

/// Waits for a child's end and puts its exit status into the trace.
pub(crate) fn join_child(t: &Trace, pid: i32) -> TestResult {
    let mut status = 0;
    // SAFETY: `status` can be written.
    check(unsafe { libc::waitpid(pid, &mut status, 0) })?;
    t.value("child's status", i64::from(status))
}

/// Sends this process a signal, and returns when it has been handled.
pub(crate) fn raise(signal: i32) -> TestResult {
    // SAFETY: a plain system call.
    check(unsafe { libc::raise(signal) })?;
    Ok(())
}

pub(crate) fn close(fd: RawFd) -> TestResult {
    // SAFETY: the scenario has made the descriptor, and nothing else in this process owns it.
    check(unsafe { libc::close(fd) })?;
    Ok(())
}

pub(crate) fn dup(fd: RawFd) -> TestResult<RawFd> {
    // SAFETY: a plain system call on any number.
    Ok(check(unsafe { libc::dup(fd) })?)
}

pub(crate) fn dup2(from: RawFd, to: RawFd) -> TestResult {
    // SAFETY: as for `close`.
    check(unsafe { libc::dup2(from, to) })?;
    Ok(())
}

pub(crate) fn ignore_signal(signum: i32) {
    // SAFETY: a signal that is ignored runs no code.
    unsafe { libc::signal(signum, libc::SIG_IGN) };
}

pub(crate) fn signal_is_default(signum: i32) -> TestResult<bool> {
    // SAFETY: the struct is plain data, which `sigaction` fills.
    let action = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        check(libc::sigaction(signum, std::ptr::null(), &mut action))?;
        action
    };
    Ok(action.sa_sigaction == libc::SIG_DFL)
}

pub(crate) fn kill(pid: i32, signal: i32) -> TestResult {
    // SAFETY: a plain system call.
    check(unsafe { libc::kill(pid, signal) })?;
    Ok(())
}

/// Forks a child process, which calls `life` and ends with the status that it returns.
pub(crate) fn fork(life: impl FnOnce() -> i32) -> TestResult<i32> {
    // SAFETY: a half has one thread, so no lock is held by another; the child never returns from here.
    match check(unsafe { libc::fork() })? {
        0 => {
            let status = life();
            // SAFETY: ends the process.
            unsafe { libc::_exit(status) }
        }
        pid => Ok(pid),
    }
}

/// Waits for a signal that ends the process.
pub(crate) fn pause_for_ever() -> ! {
    loop {
        // SAFETY: a plain system call.
        unsafe { libc::pause() };
    }
}

/// Waits for a child's end, and leaves its status to `waitpid`.
pub(crate) fn await_end(pid: i32) -> TestResult {
    // SAFETY: the struct is plain data, which `waitid` fills.
    let result = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, libc::WEXITED | libc::WNOWAIT)
    };
    check(result)?;
    Ok(())
}

/// `waitpid` without waiting: an error when there is no such child any more.
pub(crate) fn try_wait(pid: i32) -> io::Result<i32> {
    // SAFETY: a plain system call.
    check(unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) })
}

pub(crate) fn make_temporary_folder() -> TestResult<PathBuf> {
    let mut name = *b"/tmp/c_parity.XXXXXX\0";
    // SAFETY: a string that ends with NUL, and can be written.
    let made = unsafe { libc::mkdtemp(name.as_mut_ptr().cast()) };
    if made.is_null() {
        return Err(io::Error::last_os_error().into());
    }
    let name = OsStr::from_bytes(&name[..name.len() - 1]);
    Ok(PathBuf::from(name))
}
