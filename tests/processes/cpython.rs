//! `ProcessTestCase` of CPython's `test_subprocess.py`, as far as gevent runs it and it is not about Python.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use crate::posix::{contents, temporary_file};
use crate::support::{TestResult, bounded};
use crate::{endless, sh};
use gevent::subprocess::{
    CalledProcessError, Command, DEVNULL, PIPE, Popen, Run, STDOUT, TimeoutExpired, call, call_timeout, check_call,
    check_output, check_output_with, run,
};

#[test]
fn test_io_unbuffered_works() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
    let (mut stdin, mut stdout) = (p.stdin().expect("a pipe"), p.stdout().expect("a pipe"));
    let mut byte = [0];
    for text in [b"a", b"b"] {
        stdin.write_all(text)?;
        stdout.read_exact(&mut byte)?;
        assert_eq!(&byte, text);
    }
    assert_eq!(p.close()?, 0);
    Ok(())
}

#[test]
fn test_call_seq() -> TestResult {
    let _bounded = bounded();
    assert_eq!(call(["sh", "-c", "exit 47"])?, 47);
    assert_eq!(call(vec!["sh", "-c", "exit 47"])?, 47);
    assert_eq!(call(&["sh".to_owned(), "-c".to_owned(), "exit 47".to_owned()][..])?, 47);
    Ok(())
}

#[test]
fn test_call_timeout() {
    let _bounded = bounded();
    let error = call_timeout(sh("while true; do :; done"), 0.1).unwrap_err();
    assert!(error.is::<TimeoutExpired>());
}

#[test]
fn test_check_call_zero() -> TestResult {
    let _bounded = bounded();
    check_call(["true"])
}

#[test]
fn test_check_call_nonzero() {
    let _bounded = bounded();
    let error = check_call(sh("exit 47")).unwrap_err();
    let error: &CalledProcessError = error.downcast_ref().expect("it is one");
    assert_eq!((error.returncode, &error.output), (47, &None));
    assert_eq!(error.cmd, ["/bin/sh", "-c", "exit 47"]);
}

#[test]
fn test_check_output() -> TestResult {
    let _bounded = bounded();
    assert_eq!(check_output(["echo", "BDFL"])?, b"BDFL\n");
    Ok(())
}

#[test]
fn test_check_output_nonzero() {
    let _bounded = bounded();
    let error = check_output(sh("echo out; exit 5")).unwrap_err();
    let error: &CalledProcessError = error.downcast_ref().expect("it is one");
    assert_eq!((error.returncode, error.stdout()), (5, Some(&b"out\n"[..])));
}

#[test]
fn test_check_output_stderr() -> TestResult {
    let _bounded = bounded();
    assert_eq!(check_output(sh("echo BDFL >&2").stderr(STDOUT))?, b"BDFL\n");
    Ok(())
}

#[test]
fn test_check_output_input_none() -> TestResult {
    let _bounded = bounded();
    let output = check_output_with(["cat"], Run::default().input(Some(Vec::new())))?;
    assert_eq!(output, b"");
    Ok(())
}

#[test]
fn test_executable() -> TestResult {
    let _bounded = bounded();
    let output = check_output(Command::new("sh").arg0("doesnotexist").args(["-c", "echo $0"]))?;
    assert_eq!(output, b"doesnotexist\n");
    Ok(())
}

#[test]
fn test_cwd() -> TestResult {
    let _bounded = bounded();
    for dir in ["/", "/usr"] {
        let output = check_output(Command::new("pwd").cwd(dir))?;
        assert_eq!(String::from_utf8(output)?.trim_end(), dir);
    }
    // A path of the program is looked for in the new directory.
    assert_eq!(call(Command::new("./true").current_dir("/bin"))?, 0);
    Ok(())
}

#[test]
fn test_stdin_pipe() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("read line; test \"$line\" = pear").stdin(PIPE))?;
    let mut stdin = p.stdin().expect("a pipe");
    stdin.write_all(b"pear")?;
    stdin.close();
    assert_eq!(p.wait()?, 0);
    Ok(())
}

#[test]
fn test_stdin_filedes() -> TestResult {
    let _bounded = bounded();
    let mut file = temporary_file()?;
    file.write_all(b"pear")?;
    std::io::Seek::rewind(&mut file)?;
    let output = check_output(Command::new("cat").stdin(OwnedFd::from(file)))?;
    assert_eq!(output, b"pear");
    Ok(())
}

#[test]
fn test_stdout_fileobj() -> TestResult {
    let _bounded = bounded();
    let file = temporary_file()?;
    assert_eq!(call(Command::new("echo").arg("orange").stdout(file.try_clone()?))?, 0);
    assert_eq!(contents(file)?, "orange\n");
    Ok(())
}

#[test]
fn test_stderr_fileobj() -> TestResult {
    let _bounded = bounded();
    let file = temporary_file()?;
    assert_eq!(
        call(sh("echo strawberry >&2").stderr(std::process::Stdio::from(file.try_clone()?)))?,
        0
    );
    assert_eq!(contents(file)?, "strawberry\n");
    Ok(())
}

#[test]
fn test_stdout_stderr_pipe() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("printf apple; printf orange >&2").stdout(PIPE).stderr(STDOUT))?;
    assert_eq!(p.communicate(None)?, (Some(b"appleorange".to_vec()), None));
    Ok(())
}

#[test]
fn test_stdout_stderr_file() -> TestResult {
    let _bounded = bounded();
    let file = temporary_file()?;
    let mut command = sh("printf apple; printf orange >&2");
    // The order of the two settings does not matter.
    command.stderr(STDOUT).stdout(file.try_clone()?);
    assert_eq!(call(&mut command)?, 0);
    assert_eq!(contents(file)?, "appleorange");
    // A later setting replaces it.
    let cp = run(command.stdout(PIPE).stderr(PIPE))?;
    assert_eq!(
        (cp.stdout, cp.stderr),
        (Some(b"apple".to_vec()), Some(b"orange".to_vec()))
    );
    Ok(())
}

#[test]
fn test_stdout_devnull() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(
        sh("yes | head -n 100000; yes | head -n 100000 >&2")
            .stdout(DEVNULL)
            .stderr(DEVNULL),
    )?;
    assert!(p.stdout().is_none() && p.stderr().is_none());
    assert_eq!(p.wait()?, 0);
    Ok(())
}

#[test]
fn test_stdin_devnull() -> TestResult {
    let _bounded = bounded();
    assert_eq!(check_output(Command::new("cat").stdin(DEVNULL))?, b"");
    Ok(())
}

#[test]
fn test_env() -> TestResult {
    let _bounded = bounded();
    let output = check_output(
        sh("echo $FRUIT $PATH")
            .env_clear()
            .envs([("FRUIT", "orange")])
            .env_remove("PATH"),
    )?;
    assert_eq!(output.split(|c| *c == b' ').next(), Some(&b"orange"[..]));
    Ok(())
}

#[test]
fn test_empty_env() -> TestResult {
    let _bounded = bounded();
    assert_eq!(check_output(Command::new("/usr/bin/env").env_clear())?, b"");
    Ok(())
}

#[test]
fn test_communicate_stdin() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("test \"$(cat)\" = pear").stdin(PIPE))?;
    assert_eq!(p.communicate("pear")?, (None, None));
    assert_eq!(p.returncode(), Some(0));
    Ok(())
}

#[test]
fn test_communicate_returns() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(["true"])?;
    assert_eq!(p.communicate(None)?, (None, None));
    // It may be called again, and has nothing more to give.
    assert_eq!(p.communicate("ignored")?, (None, None));
    Ok(())
}

#[test]
fn test_communicate_timeout() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(
        sh("printf pineapple >&2; read a; read b; printf \"$a\"")
            .stdin(PIPE)
            .stdout(PIPE)
            .stderr(PIPE),
    )?;
    // The writing greenlet waits in the first call, and its input is used in the second one, too.
    let (reader, writer) = std::io::pipe()?;
    let gate = Popen::new(sh("read gate; echo").stdin(OwnedFd::from(reader)).stdout(PIPE))?;
    let error = gate.communicate_timeout(None, 0.01).unwrap_err();
    assert!(error.is::<TimeoutExpired>());
    drop(writer);
    assert_eq!(gate.communicate_timeout(None, 100)?, (Some(b"\n".to_vec()), None));
    let (stdout, stderr) = p.communicate_timeout("banana\n\n", 100)?;
    assert_eq!(
        (stdout, stderr),
        (Some(b"banana".to_vec()), Some(b"pineapple".to_vec()))
    );
    Ok(())
}

#[test]
fn test_communicate_timeout_large_output() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("yes | head -c 1000000; sleep 0.1; yes | head -c 1000000").stdout(PIPE))?;
    // Nothing is lost, however often the time is over.
    let stdout = loop {
        match p.communicate_timeout(None, 0.01) {
            Err(error) if error.is::<TimeoutExpired>() => {}
            done => break done?.0,
        }
    };
    let expected = b"y\n".repeat(1_000_000);
    assert!(stdout.as_deref() == Some(&expected[..]));
    Ok(())
}

/// Both pipes are full at once.
#[test]
fn test_communicate_pipe_buf() -> TestResult {
    let _bounded = bounded();
    let script = "yes x | head -c 300000 >&2; cat; yes y | head -c 300000 >&2";
    let p = Popen::new(sh(script).stdin(PIPE).stdout(PIPE).stderr(PIPE))?;
    let input = b"abc".repeat(200_000);
    let (stdout, stderr) = p.communicate(&input)?;
    assert!(stdout.is_some_and(|stdout| stdout == input));
    assert_eq!(stderr.map(|stderr| stderr.len()), Some(600_000));
    Ok(())
}

#[test]
fn test_writes_before_communicate() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
    p.stdin().expect("a pipe").write_all(b"banana")?;
    assert_eq!(p.communicate("split")?.0.as_deref(), Some(&b"bananasplit"[..]));
    Ok(())
}

#[test]
fn test_poll() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("read line").stdin(PIPE))?;
    assert_eq!(p.poll()?, None);
    p.stdin().expect("a pipe").write_all(b"A\n")?;
    assert_eq!(p.wait()?, 0);
    // Subsequent invocations return the same.
    assert_eq!((p.poll()?, p.wait()?, p.returncode()), (Some(0), 0, Some(0)));
    Ok(())
}

#[test]
fn test_wait_timeout() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("read line").stdin(PIPE))?;
    let error = p.wait_timeout(0.0001).unwrap_err();
    assert!(error.to_string().contains("timed out after 0.0001 seconds"), "{error}");
    assert!(p.wait_timeout(f64::NAN).is_err());
    p.stdin().expect("a pipe").close();
    assert_eq!(p.wait_timeout(100)?, 1);
    assert_eq!(p.wait_timeout(0)?, 1);
    Ok(())
}

#[test]
fn test_communicate_epipe() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(Command::new("true").stdin(PIPE).stdout(PIPE).stderr(PIPE))?;
    p.communicate(vec![b'x'; 1 << 20])?;
    assert_eq!(p.returncode(), Some(0));
    Ok(())
}

#[test]
fn test_communicate_epipe_only_stdin() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(Command::new("true").stdin(PIPE))?;
    assert_eq!(p.wait()?, 0);
    p.communicate(vec![b'x'; 1 << 20])?;
    Ok(())
}

#[test]
fn test_repr() -> TestResult {
    let _bounded = bounded();
    let p = endless()?;
    assert!(
        format!("{p:?}").contains(&format!("pid={} returncode=None", p.pid())),
        "{p:?}"
    );
    p.kill()?;
    p.wait()?;
    assert!(format!("{p:?}").contains("returncode=-9"), "{p:?}");
    let cp = run(Command::new("echo").arg("x").stdout(PIPE))?;
    assert_eq!(
        format!("{cp:?}"),
        r#"CompletedProcess { args: ["echo", "x"], returncode: 0, stdout: "x\n" }"#
    );
    Ok(())
}

/// Waits of several greenlets end together.
#[test]
fn test_threadsafe_wait() -> TestResult {
    let _bounded = bounded();
    let p = endless()?;
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let p = p.clone();
            gevent::spawn(move || p.wait())
        })
        .collect();
    gevent::sleep(0)?;
    p.terminate()?;
    for greenlet in waiting {
        assert_eq!(greenlet.get()?, -libc::SIGTERM);
    }
    Ok(())
}
