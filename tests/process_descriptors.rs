//! Tests of child processes that close or exchange the standard descriptors of this one: cases of
//! `POSIXProcessTestCase` of CPython's `test_subprocess.py`.
//!
//! Each test runs in a process of its own, on its main thread.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process::ExitCode;

use common::children::{self, Alone};
use gevent::Exception;
use gevent::subprocess::{Command, PIPE, Popen, STDOUT, check_output};

type TestResult = Result<(), Exception>;

const TESTS: &[Alone] = &[
    ("test_close_fd_0", || closed(&[0])),
    ("test_close_fd_1", || closed(&[1])),
    ("test_close_fd_2", || closed(&[2])),
    ("test_close_fds_0_1", || closed(&[0, 1])),
    ("test_close_fds_0_2", || closed(&[0, 2])),
    ("test_close_fds_1_2", || closed(&[1, 2])),
    ("test_close_fds_0_1_2", || closed(&[0, 1, 2])),
    ("test_small_errpipe_write_fd", test_small_errpipe_write_fd),
    ("test_swap_fds", test_swap_fds),
    ("test_swap_std_fds_with_one_closed", test_swap_std_fds_with_one_closed),
    ("test_remapping_std_fds", test_remapping_std_fds),
    ("test_stdout_filedes_of_stdout", test_stdout_filedes_of_stdout),
    ("test_stdout_none", test_stdout_none),
    (
        "test_stderr_redirect_with_no_stdout_redirect",
        test_stderr_redirect_with_no_stdout_redirect,
    ),
    (
        "test_close_fds_when_max_fd_is_lowered",
        test_close_fds_when_max_fd_is_lowered,
    ),
];

fn main() -> ExitCode {
    children::main_alone(TESTS)
}

/// The owner of a standard descriptor, of which there is one at a time.
fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: it is open, and each test has one owner of it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// What `f` returns while these descriptors are closed. They are there again afterwards, so that a failure is told.
fn without<T>(fds: &[RawFd], f: impl FnOnce() -> T) -> T {
    let kept: Vec<_> = fds.iter().map(|fd| own(*fd).try_clone().expect("it is open")).collect();
    // `try_clone` has chosen a number above 2; what it was made of is closed now.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    for (fd, kept) in fds.iter().zip(kept) {
        // SAFETY: nobody else has this number now, or it is overwritten.
        assert_eq!(unsafe { libc::dup2(kept.as_raw_fd(), *fd) }, *fd);
    }
    match result {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Without these descriptors, while no other child is there, and while one is.
fn closed(fds: &[RawFd]) -> TestResult {
    // The hub's own descriptors have other numbers.
    gevent::get_hub();
    closed_beside(fds)?;
    let other = Command::new("cat").stdin(PIPE).spawn()?;
    closed_beside(fds)?;
    other.close()?;
    Ok(())
}

fn closed_beside(fds: &[RawFd]) -> TestResult {
    let (output, merged, run, missing) = without(fds, || {
        let mut command = Command::shell("cat; printf apple; printf orange >&2");
        let popen = command.stdin(PIPE).stdout(PIPE).stderr(PIPE).spawn()?;
        let output = popen.communicate("pear")?;
        let mut command = Command::shell("printf apple; printf orange >&2");
        let merged = check_output(command.stderr(STDOUT))?;
        // The other way of starting.
        let run = check_output(Command::shell("echo $1").start_new_session(true));
        let missing = Command::new("/no/such/program")
            .stdin(PIPE)
            .start_new_session(true)
            .spawn();
        let missing = (missing.map(drop), Popen::new(["/no/such/program"]).map(drop));
        Ok::<_, Exception>((output, merged, run?, missing))
    })?;
    assert_eq!(output, (Some(b"pearapple".to_vec()), Some(b"orange".to_vec())));
    assert_eq!((merged, run), (b"appleorange".to_vec(), b"\n".to_vec()));
    for missing in [missing.0, missing.1] {
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
    Ok(())
}

/// std's pipe for an error of the child must not be overwritten by the child's streams.
fn test_small_errpipe_write_fd() -> TestResult {
    let _other = Command::new("cat").stdin(PIPE).spawn()?;
    let (error, code) = without(&[0, 1], || {
        let error = Command::new("/no/such/program")
            .stdin(PIPE)
            .stdout(PIPE)
            .umask(0o77)
            .spawn();
        let code = Command::shell("exit 7").umask(0o77).spawn()?.wait()?;
        Ok::<_, Exception>((error.map(drop), code))
    })?;
    assert_eq!((error.unwrap_err().kind(), code), (io::ErrorKind::NotFound, 7));
    Ok(())
}

/// Three files at the numbers of the standard streams, and what is to be restored.
fn files(f: impl FnOnce(&mut [File; 3]) -> TestResult) -> TestResult {
    let folder = common::folder::Folder::new().map_err(|error| Exception::msg(error.to_string()))?;
    let open = |name: &str| {
        let mut options = File::options();
        options.read(true).write(true).create_new(true).open(folder.path(name))
    };
    let mut files = [open("0")?, open("1")?, open("2")?];
    for (n, file) in files.iter_mut().enumerate() {
        writeln!(file, "stdin of {n}")?;
        file.rewind()?;
    }
    f(&mut files)
}

fn text(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn test_swap_fds_to(streams: [RawFd; 3]) -> TestResult {
    files(|files| {
        let code = without(&[0, 1, 2], || {
            for (fd, file) in (0..).zip(&*files) {
                // SAFETY: the number is free.
                assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), fd) }, fd);
            }
            let mut command = Command::shell("read line; echo out $line; echo err >&2");
            let [stdin, stdout, stderr] = streams.map(own);
            command.stdin(stdin).stdout(stdout).stderr(stderr).spawn()?.wait()
        })?;
        assert_eq!(code, 0);
        let [stdin, stdout, stderr] = streams.map(|fd| fd as usize);
        let out = format!("out stdin of {stdin}\n");
        assert_eq!(text(&mut files[stdout])?[..out.len()], out);
        assert_eq!(text(&mut files[stderr])?[..4], *"err\n");
        Ok(())
    })
}

fn test_swap_fds() -> TestResult {
    for streams in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        test_swap_fds_to(streams)?;
    }
    Ok(())
}

/// Two of the streams are exchanged, while the third number is closed.
fn test_swap_std_fds_with_one_closed() -> TestResult {
    for (from, to, closed) in [(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0), (2, 1, 0)] {
        files(|files| {
            let code = without(&[0, 1, 2], || {
                for fd in [from, to] {
                    // SAFETY: the number is free.
                    assert_eq!(unsafe { libc::dup2(files[fd as usize].as_raw_fd(), fd) }, fd);
                }
                // The third one is a pipe, which may get the number that is free.
                let mut command = Command::shell("read line; echo out $line; echo err >&2");
                command.stdin(own(from)).stdout(own(to)).stderr(PIPE);
                let popen = command.spawn()?;
                drop(command);
                Ok::<_, Exception>((popen.communicate(None)?.1, popen.wait()?))
            })?;
            assert_eq!(code, (Some(b"err\n".to_vec()), 0), "{closed}");
            let out = format!("out stdin of {from}\n");
            assert_eq!(text(&mut files[to as usize])?[..out.len()], out);
            Ok(())
        })?;
    }
    Ok(())
}

fn test_remapping_std_fds() -> TestResult {
    files(|files| {
        // Numbers above 2, for each stream another one.
        let copy = |n: usize| files[n].try_clone();
        let mut command = Command::shell("read line; echo out $line; echo err >&2");
        command.stdin(copy(1)?).stdout(copy(2)?).stderr(copy(0)?);
        assert_eq!(command.spawn()?.wait()?, 0);
        assert_eq!(text(&mut files[2])?, "out stdin of 1\n");
        assert_eq!(text(&mut files[0])?[..4], *"err\n");
        Ok(())
    })
}

/// A child writes to the parent's own stream.
fn test_stdout_filedes_of_stdout() -> TestResult {
    files(|files| {
        without(&[1], || {
            // SAFETY: the number is free.
            assert_eq!(unsafe { libc::dup2(files[0].as_raw_fd(), 1) }, 1);
            let mut command = Command::shell("printf a; printf b >&2");
            let code = command
                .stdout(std::process::Stdio::from(io::stdout()))
                .stderr(STDOUT)
                .spawn()?
                .wait()?;
            drop(own(1));
            assert_eq!(code, 0);
            Ok::<_, Exception>(())
        })?;
        assert_eq!(text(&mut files[0])?[..2], *"ab");
        Ok(())
    })
}

/// What is not redirected is the parent's.
fn test_stdout_none() -> TestResult {
    inherits(Command::shell("printf none").stderr(PIPE))
}

/// Errors go where the parent's own output goes.
fn test_stderr_redirect_with_no_stdout_redirect() -> TestResult {
    inherits(Command::shell("printf none >&2").stderr(STDOUT))
}

/// Runs a command whose output is the parent's.
fn inherits(command: &mut Command) -> TestResult {
    files(|files| {
        without(&[1], || {
            // SAFETY: the number is free.
            assert_eq!(unsafe { libc::dup2(files[0].as_raw_fd(), 1) }, 1);
            let popen = command.stdin(PIPE).spawn()?;
            assert!(popen.stdout().is_none());
            let code = popen.close()?;
            drop(own(1));
            assert_eq!(code, 0);
            Ok::<_, Exception>(())
        })?;
        assert_eq!(text(&mut files[0])?[..4], *"none");
        Ok(())
    })
}

/// Descriptors beyond the limit are closed in the child, too.
fn test_close_fds_when_max_fd_is_lowered() -> TestResult {
    let mut others = Vec::new();
    for _ in 0..100 {
        let (reader, _) = io::pipe()?;
        let fd = OwnedFd::from(reader);
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::empty()).map_err(io::Error::from)?;
        others.push(fd);
    }
    let limit = rustix::process::Rlimit {
        current: Some(30),
        maximum: Some(30),
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).map_err(io::Error::from)?;
    drop(others.drain(..50));
    let output = check_output(Command::shell("ls /proc/self/fd").close_fds(true))?;
    let output = String::from_utf8(output)?;
    let highest = output
        .split_whitespace()
        .map(|fd| fd.parse::<RawFd>())
        .max_by_key(|fd| fd.clone().unwrap_or(0));
    assert!(matches!(highest, Some(Ok(..=9))), "{output}");
    Ok(())
}
