//! Runs one half of a scenario in a process of its own, with a time limit.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::trace::TestResult;

/// The time limit. No half takes a second, except with a sanitizer on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The number of the trace's descriptor in the child. It is so high that the descriptors which the scenario opens have
/// the same numbers in both halves.
const TRACE_FD: RawFd = 100;

/// Runs `half` in a child process and returns its output. If the process does not end in an orderly way, the error has
/// the output until then.
///
/// This process must have only one thread.
pub(crate) fn run(half: impl FnOnce(File) -> TestResult) -> Result<String, String> {
    let (mut reader, writer) = io::pipe().map_err(|error| format!("no pipe: {error}"))?;
    // SAFETY: there is no other thread that might hold a lock; the child never returns from `live`.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => return Err(format!("cannot fork: {}", io::Error::last_os_error())),
        0 => {
            drop(reader);
            live(writer.into(), half);
        }
        _ => drop(writer),
    }
    let (text, ended) = read_all(&mut reader, Instant::now() + LIMIT);
    // SAFETY: `pid` is our child, which is not waited for yet. It may not have made its group yet, so it is also killed
    // by its own number; both are harmless after its end.
    let status = unsafe {
        if !ended {
            libc::kill(pid, libc::SIGKILL);
        }
        let mut status = 0;
        libc::waitpid(pid, &mut status, 0);
        libc::kill(-pid, libc::SIGKILL);
        status
    };
    let end = if !ended {
        format!("no end after {LIMIT:?}")
    } else if libc::WIFSIGNALED(status) {
        ended_by(libc::WTERMSIG(status))
    } else if libc::WEXITSTATUS(status) != 0 {
        format!("exit status {}", libc::WEXITSTATUS(status))
    } else {
        return Ok(text);
    };
    Err(format!("{text}{end}"))
}

/// The text by which [`run`] tells that a signal has ended the half.
pub(crate) fn ended_by(signal: i32) -> String {
    format!("ended by signal {signal}")
}

/// Runs the half in the child, and ends the process.
fn live(out: OwnedFd, half: impl FnOnce(File) -> TestResult) -> ! {
    // SAFETY: plain system calls on descriptors that are ours. The process group is for killing grandchildren; the
    // alarm is for the case that the parent ends before it kills this process.
    let out = unsafe {
        libc::setpgid(0, 0);
        libc::alarm(2 * LIMIT.as_secs() as u32);
        if libc::dup2(out.as_raw_fd(), TRACE_FD) != TRACE_FD {
            libc::_exit(3);
        }
        File::from_raw_fd(TRACE_FD)
    };
    let code = match catch_unwind(AssertUnwindSafe(|| half(out))) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            eprintln!("{error:?}");
            1
        }
        Err(_) => 2,
    };
    // SAFETY: ends the process without calling functions that the parent has registered.
    unsafe { libc::_exit(code) }
}

/// Reads to the end. Returns the text, and whether the end came before the deadline.
fn read_all(reader: &mut io::PipeReader, deadline: Instant) -> (String, bool) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let ended = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut poll = libc::pollfd {
            fd: reader.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd.
        let ready = unsafe { libc::poll(&mut poll, 1, left.as_millis() as i32) };
        if ready < 1 {
            break false;
        }
        match reader.read(&mut chunk) {
            Ok(0) => break true,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break false,
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), ended)
}
