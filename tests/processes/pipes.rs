//! Pipes to children: how they are read and written, closed, shared and passed on.

use std::io::{BufRead, ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use crate::sh;
use crate::support::{TestResult, bounded};
use gevent::exceptions::ConcurrentObjectUseError;
use gevent::subprocess::{Command, PIPE, PipeReader, PipeWriter, Popen};
use gevent::{sleep, spawn};

fn cat() -> Result<(Popen, PipeWriter, PipeReader), gevent::Exception> {
    let popen = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
    let (stdin, stdout) = (popen.stdin(), popen.stdout());
    Ok((popen, stdin.expect("a pipe"), stdout.expect("a pipe")))
}

#[test]
fn lines_and_bytes_are_read_by_turns() -> TestResult {
    let _bounded = bounded();
    let (popen, mut stdin, mut stdout) = cat()?;
    stdin.write_all(b"one\ntwo\nthree\nfour")?;
    stdin.close();
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    let mut two = [0; 4];
    // What the one handle has read ahead, another one gets.
    let mut other = stdout.clone();
    (&other).read_exact(&mut two)?;
    other.read_line(&mut line)?;
    let mut rest = String::new();
    stdout.read_to_string(&mut rest)?;
    assert_eq!((line.as_str(), &two, rest.as_str()), ("one\nthree\n", b"two\n", "four"));
    assert_eq!(stdout.read(&mut [0; 8])?, 0);
    assert_eq!(popen.close()?, 0);
    Ok(())
}

#[test]
fn a_lent_buffer_stays_as_it_is() -> TestResult {
    let _bounded = bounded();
    let (popen, mut stdin, mut stdout) = cat()?;
    stdin.write_all(b"first")?;
    let mut other = stdout.clone();
    let lent = stdout.fill_buf()?;
    other.consume(lent.len());
    stdin.write_all(b"second")?;
    assert_eq!(other.fill_buf()?, b"second");
    assert_eq!(lent, b"first");
    // Beyond the end there is nothing to be taken.
    other.consume(usize::MAX);
    stdout.consume(1);
    assert_eq!(stdout.read(&mut [])?, 0);
    popen.close()?;
    Ok(())
}

#[test]
fn writes_go_in_parts_to_a_slow_reader() -> TestResult {
    let _bounded = bounded();
    let (popen, stdin, stdout) = cat()?;
    let data: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_ne_bytes).collect();
    let writer = spawn({
        let (data, stdin) = (data.clone(), stdin.clone());
        move || {
            let (a, b) = data.split_at(1000);
            let n = (&stdin).write_vectored(&[IoSlice::new(a), IoSlice::new(b)])?;
            (&stdin).write_all(&data[n..])?;
            (&stdin).flush()?;
            stdin.close();
            Ok(())
        }
    });
    let mut got = Vec::new();
    (&stdout).read_to_end(&mut got)?;
    writer.get()?;
    assert!(got == data);
    assert_eq!(popen.close()?, 0);
    Ok(())
}

#[test]
fn a_pipe_that_is_closed_wakes_who_waits_for_it() -> TestResult {
    let _bounded = bounded();
    let (popen, stdin, stdout) = cat()?;
    let reader = spawn({
        let stdout = stdout.clone();
        move || Ok((&stdout).read(&mut [0; 8])?)
    });
    sleep(0)?;
    // One greenlet at a time.
    let error = (&stdout).read(&mut [0; 8]).unwrap_err();
    assert!(gevent::Exception::from(error).is::<ConcurrentObjectUseError>());
    stdout.close();
    stdout.close();
    let error = reader.get().unwrap_err();
    let errno = |error: &gevent::Exception| error.downcast_ref::<std::io::Error>().and_then(|e| e.raw_os_error());
    assert_eq!(errno(&error), Some(libc::EBADF));
    let closed = (&stdout).read(&mut [0; 8]).unwrap_err();
    assert_eq!(closed.raw_os_error(), Some(libc::EBADF));
    assert!(stdout.closed() && stdout.as_raw_fd() == -1 && stdout.with_fd(|_| ()).is_err());
    assert_eq!(format!("{stdout:?}"), "PipeReader { closed: true }");

    // The other end is closed, so that `cat` gets a SIGPIPE.
    let written = spawn(move || {
        loop {
            if let Err(error) = (&stdin).write_all(&[b'x'; 4096]) {
                return Ok(error.kind());
            }
        }
    });
    assert_eq!(written.get()?, ErrorKind::BrokenPipe);
    assert_eq!(popen.wait()?, -libc::SIGPIPE);
    Ok(())
}

#[test]
fn a_full_pipe_that_is_closed_wakes_its_writer() -> TestResult {
    let _bounded = bounded();
    let popen = Popen::new(sh("exec sleep 3600").stdin(PIPE))?;
    let stdin = popen.stdin().expect("a pipe");
    let writer = spawn({
        let stdin = stdin.clone();
        move || Ok((&stdin).write_all(&vec![0; 1 << 20])?)
    });
    sleep(0)?;
    stdin.close();
    assert!(writer.get().unwrap_err().is::<std::io::Error>());
    popen.kill()?;
    popen.wait()?;
    Ok(())
}

#[test]
fn the_last_handle_closes_the_pipes_and_the_child_is_reaped() -> TestResult {
    let _bounded = bounded();
    let (popen, stdin, stdout) = cat()?;
    let link = gevent::event::AsyncResult::new();
    popen.rawlink({
        let link = link.clone();
        move |ended: &Popen| link.set(ended.returncode())
    });
    drop((stdin, stdout));
    drop(popen);
    // Its input has ended.
    assert_eq!(link.get()?, Some(0));
    Ok(())
}

#[test]
fn a_pipe_is_passed_on_to_another_child() -> TestResult {
    let _bounded = bounded();
    let tr = Popen::new(Command::new("tr").args(["a-z", "A-Z"]).stdin(PIPE).stdout(PIPE))?;
    let echo = Popen::new(Command::new("echo").arg("hello").stdout(tr.stdin().expect("a pipe")))?;
    assert!(tr.stdin().expect("a pipe").closed());
    assert_eq!(tr.communicate("not used")?.0.as_deref(), Some(&b"HELLO\n"[..]));
    assert_eq!(echo.wait()?, 0);
    // It is gone now.
    let error = Command::new("true")
        .stdin(tr.stdout().expect("a pipe"))
        .spawn()
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    assert!(OwnedFd::try_from(tr.stdin().expect("a pipe")).is_err());
    Ok(())
}

/// A greenlet that selects the descriptor of a pipe is told that it is closed.
#[test]
fn closing_a_pipe_is_told_to_those_who_select() -> TestResult {
    let _bounded = bounded();
    let (popen, stdin, stdout) = cat()?;
    let number = stdout.with_fd(|fd| fd.as_raw_fd())?;
    let selecting = spawn(move || Ok(gevent::select::select([number], [], [])?.0.len()));
    // The system watches the descriptor now; otherwise the loop would find it closed.
    sleep(0.01)?;
    stdout.close();
    assert_eq!(selecting.get()?, 1);
    stdin.close();
    popen.wait()?;
    Ok(())
}
