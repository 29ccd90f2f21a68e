//! gevent's `test__subprocess.py`: `TestPopen`.

use std::io::{BufRead, ErrorKind, Read, Write};

use crate::support::{TestResult, bounded};
use crate::{endless, sh};
use gevent::subprocess::{CalledProcessError, Command, PIPE, Popen, check_output};
use gevent::{Exception, GreenletExit, run_in_thread, spawn};

#[test]
fn test_exit() -> TestResult {
    let _bounded = bounded();
    assert_eq!(Popen::new(sh("exit 10"))?.wait()?, 10);
    Ok(())
}

#[test]
fn test_wait() -> TestResult {
    let _bounded = bounded();
    let popen = Popen::new(sh("exit 11"))?;
    gevent::wait([&popen])?;
    assert_eq!(popen.poll()?, Some(11));
    Ok(())
}

#[test]
fn test_child_exception() {
    let error = Popen::new(["*"]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn test_communicate() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("printf pineapple >&2; cat").stdin(PIPE).stdout(PIPE).stderr(PIPE))?;
    let (stdout, stderr) = p.communicate(b"banana")?;
    assert_eq!(stdout.as_deref(), Some(&b"banana"[..]));
    assert_eq!(stderr.as_deref(), Some(&b"pineapple"[..]));
    Ok(())
}

#[test]
fn test_communicate_undecodable() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("printf '\\377'").stdout(PIPE))?;
    let (stdout, _) = p.communicate(None)?;
    assert!(String::from_utf8(stdout.unwrap_or_default()).is_err());
    // A reader of lines gets the error, too.
    let p = Popen::new(sh("printf '\\377'").stdout(PIPE))?;
    let read = p.stdout().expect("a pipe").lines().next().expect("a line or an error");
    assert_eq!(read.unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(p.close()?, 0);
    Ok(())
}

#[test]
fn test_universal1() -> TestResult {
    let _bounded = bounded();
    // Ends of lines are not changed; `lines` takes both of those that Unix and Windows have.
    let p = Popen::new(Command::new("printf").arg("line1\\nline2\\r\\nline3").stdout(PIPE))?;
    let lines: Vec<_> = p.stdout().expect("a pipe").lines().collect::<Result<_, _>>()?;
    assert_eq!(lines, ["line1", "line2", "line3"]);
    assert_eq!(p.close()?, 0);
    Ok(())
}

/// gevent issue 134: a child can read a pipe as usual, although it does not block here.
#[test]
fn test_nonblock_removed() -> TestResult {
    let _bounded = bounded();
    let source = Popen::new(sh("sleep 0.1; echo text").stdout(PIPE))?;
    let p = Popen::new(
        Command::new("grep")
            .arg("text")
            .stdin(source.stdout().expect("a pipe"))
            .stdout(PIPE),
    )?;
    let (stdout, _) = p.communicate(None)?;
    assert_eq!(stdout.as_deref(), Some(&b"text\n"[..]));
    assert!(source.stdout().expect("it is closed").closed());
    assert_eq!((source.wait()?, p.returncode()), (0, Some(0)));
    Ok(())
}

#[test]
fn test_issue148() {
    for _ in 0..7 {
        let error = Popen::new("this_name_must_not_exist").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
}

#[test]
fn test_check_output_keyword_error() {
    let _bounded = bounded();
    let error = check_output(sh("exit 44")).unwrap_err();
    assert_eq!(
        error.downcast_ref::<CalledProcessError>().map(|e| e.returncode),
        Some(44)
    );
}

#[test]
fn test_popen_bufsize() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("read line; echo $line").stdin(PIPE).stdout(PIPE))?;
    p.stdin().expect("a pipe").write_all(b"foobar\n")?;
    let mut line = String::new();
    p.stdout().expect("a pipe").read_line(&mut line)?;
    assert_eq!(line, "foobar\n");
    assert_eq!(p.close()?, 0);
    Ok(())
}

/// gevent needs the main thread.
#[test]
fn test_subprocess_in_native_thread() -> TestResult {
    let _bounded = bounded();
    let threads: Vec<_> = (0..4)
        .map(|n| {
            run_in_thread(move || {
                let popens: Vec<_> = (0..4)
                    .map(|_| sh(&format!("exit {n}")).spawn())
                    .collect::<Result<_, _>>()?;
                popens.iter().map(|popen| popen.wait()).collect::<Result<Vec<_>, _>>()
            })
        })
        .collect::<Result<_, _>>()?;
    for (n, thread) in threads.into_iter().enumerate() {
        let codes = thread.join().expect("it has not panicked")?;
        assert_eq!(codes, [n as i32; 4]);
    }
    Ok(())
}

#[test]
fn test_default_mode_no_output_is_always_str() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(Command::new("true").stdout(PIPE))?;
    assert_eq!(p.communicate(None)?, (Some(Vec::new()), None));
    Ok(())
}

fn popen_never_exits() -> Result<Popen, Exception> {
    Ok(Popen::new(Command::new("sleep").arg("3600").stdout(PIPE).stderr(PIPE))?)
}

#[test]
fn test_exit_stops_communicating_greenlets_before_closing() -> TestResult {
    let _bounded = bounded();
    let popen = popen_never_exits()?;
    let communicator = spawn({
        let popen = popen.clone();
        move || popen.communicate(None)
    });
    gevent::sleep(0.01)?; // the readers wait
    communicator.kill()?; // abandons the read
    assert!(!popen.stdout().expect("a pipe").closed());
    popen.kill()?; // so that `close` has a child to reap
    assert_eq!(popen.close()?, -libc::SIGKILL);
    assert!(popen.stdout().expect("a pipe").closed() && popen.stderr().expect("a pipe").closed());
    assert_eq!(popen.poll()?, Some(-libc::SIGKILL));
    Ok(())
}

#[test]
fn test_exit_ignores_reentrant_call_from_foreign_greenlet() -> TestResult {
    let _bounded = bounded();
    let popen = popen_never_exits()?;
    let mut stdout = popen.stdout().expect("a pipe");
    let reader = spawn(move || Ok(stdout.read(&mut [0; 10])?));
    gevent::sleep(0.01)?;
    popen.kill()?;
    assert_eq!(popen.close()?, -libc::SIGKILL);
    // It may have seen the end of the output before.
    match reader.get() {
        Ok(n) => assert_eq!(n, 0),
        Err(error) => {
            let error = error.downcast_ref::<std::io::Error>();
            assert_eq!(error.and_then(|e| e.raw_os_error()), Some(libc::EBADF));
        }
    }
    assert!(popen.stdout().expect("a pipe").closed());
    Ok(())
}

/// gevent's `test__subprocess_poll.py`: no run of the loop is needed.
#[test]
fn poll() -> TestResult {
    let _bounded = bounded();
    let popen = Popen::new(["true"])?;
    while popen.poll()?.is_none() {
        std::thread::yield_now();
    }
    assert_eq!(popen.wait()?, 0);
    Ok(())
}

/// gevent's `test__subprocess_interrupted.py`: a greenlet that ends the program while a child starts. Here it is a kill
/// of the greenlet that has started it.
#[test]
fn interrupted() -> TestResult {
    let _bounded = bounded();
    let starter = spawn(|| {
        let popen = endless()?;
        let pid = popen.pid();
        let ended = popen.wait();
        popen.kill()?;
        popen.wait()?;
        ended.map(|_| pid)
    });
    gevent::sleep(0.01)?;
    starter.kill()?;
    assert!(starter.get().unwrap_err().is::<GreenletExit>());
    Ok(())
}
