//! `RunFuncTestCase` of gevent's `test__subprocess.py` and of CPython's `test_subprocess.py`.

use std::io::{ErrorKind, Seek, Write};

use crate::sh;
use crate::support::{TestResult, bounded};
use gevent::Exception;
use gevent::exceptions::TimedOut;
use gevent::subprocess::{
    CalledProcessError, Command, DEVNULL, PIPE, Run, STDOUT, TimeoutExpired, check_output, check_output_timeout,
    check_output_with, run, run_timeout, run_with,
};

fn file_with(text: &[u8]) -> Result<std::fs::File, Exception> {
    let mut file = crate::posix::temporary_file()?;
    file.write_all(text)?;
    file.rewind()?;
    Ok(file)
}

#[test]
fn test_returncode() -> TestResult {
    let _bounded = bounded();
    let cp = run(sh("exit 47"))?;
    assert_eq!(cp.returncode, 47);
    assert_eq!(cp.check_returncode().unwrap_err().returncode, 47);
    Ok(())
}

#[test]
fn test_check() {
    let _bounded = bounded();
    let error = run_with(sh("exit 47"), Run::default().check()).unwrap_err();
    assert_eq!(
        error.downcast_ref::<CalledProcessError>().map(|e| e.returncode),
        Some(47)
    );
}

#[test]
fn test_check_zero() -> TestResult {
    let _bounded = bounded();
    let cp = run_with(["true"], Run::default().check())?;
    assert_eq!(cp.returncode, 0);
    cp.check_returncode()?;
    Ok(())
}

#[test]
fn test_timeout() {
    let _bounded = bounded();
    let error = run_timeout(sh("while true; do :; done"), 0.0001).unwrap_err();
    assert!(error.is::<TimeoutExpired>() && error.is::<TimedOut>());
}

#[test]
fn test_capture_stdout() -> TestResult {
    let _bounded = bounded();
    let cp = run(Command::new("echo").arg("BDFL").stdout(PIPE))?;
    assert_eq!(cp.stdout.as_deref(), Some(&b"BDFL\n"[..]));
    assert_eq!(cp.stderr, None);
    Ok(())
}

#[test]
fn test_capture_stderr() -> TestResult {
    let _bounded = bounded();
    let cp = run(sh("echo BDFL >&2").stderr(PIPE))?;
    assert_eq!(cp.stderr.as_deref(), Some(&b"BDFL\n"[..]));
    Ok(())
}

#[test]
fn test_check_output_stdin_arg() -> TestResult {
    let _bounded = bounded();
    let output = check_output(Command::new("tr").args(["a-z", "A-Z"]).stdin(file_with(b"pear")?))?;
    assert_eq!(output, b"PEAR");
    Ok(())
}

#[test]
fn test_check_output_input_arg() -> TestResult {
    let _bounded = bounded();
    let output = check_output_with(["tr", "a-z", "A-Z"], Run::default().input("pear"))?;
    assert_eq!(output, b"PEAR");
    let output = check_output_with(["cat"], Run::default().input(""))?;
    assert_eq!(output, b"", "the input is empty, and not this program's");
    Ok(())
}

fn is_refused<T: std::fmt::Debug>(result: Result<T, Exception>, parts: &[&str]) {
    let error = result.unwrap_err();
    let kind = error.downcast_ref::<std::io::Error>().map(|e| e.kind());
    assert_eq!(kind, Some(ErrorKind::InvalidInput));
    assert!(parts.iter().all(|part| error.to_string().contains(part)), "{error}");
}

#[test]
fn test_check_output_stdin_with_input_arg() -> TestResult {
    let _bounded = bounded();
    let mut cat = Command::new("cat");
    cat.stdin(file_with(b"pear")?);
    is_refused(run_with(&mut cat, Run::default().input("hare")), &["stdin", "input"]);
    is_refused(
        check_output_with(&mut cat, Run::default().input("hare")),
        &["stdin", "input"],
    );
    Ok(())
}

#[test]
fn test_check_output_stdout_arg() {
    let _bounded = bounded();
    is_refused(check_output(Command::new("true").stdout(DEVNULL)), &["stdout"]);
}

#[test]
fn test_stdout_stdout() {
    let _bounded = bounded();
    is_refused(
        run(Command::new("true").stdout(STDOUT)),
        &["STDOUT can only be used for stderr"],
    );
}

#[test]
fn test_capture_output() -> TestResult {
    let _bounded = bounded();
    let mut command = sh("echo out; echo err >&2");
    // It can be run again.
    for _ in 0..2 {
        let cp = run_with(&mut command, Run::default().capture_output())?;
        assert_eq!(
            (cp.stdout.as_deref(), cp.stderr.as_deref()),
            (Some(&b"out\n"[..]), Some(&b"err\n"[..]))
        );
    }
    for captured in [sh("true").stdout(PIPE), sh("true").stderr(PIPE)] {
        is_refused(run_with(captured, Run::default().capture_output()), &["capture_output"]);
    }
    Ok(())
}

#[test]
fn test_check_output_timeout() {
    let _bounded = bounded();
    // The child, and not the time, says when the output is there.
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let mut command = sh("printf BDFL; read line; exec sleep 3600");
    writer.write_all(b"go on\n").expect("it is open");
    command.stdin(std::os::fd::OwnedFd::from(reader));
    let error = check_output_timeout(&mut command, 1).unwrap_err();
    let expired: &TimeoutExpired = error.downcast_ref().expect("it takes too long");
    assert_eq!(expired.output.as_deref(), Some(&b"BDFL"[..]));
    assert_eq!(expired.stdout(), Some(&b"BDFL"[..]));
    assert_eq!(expired.timeout.to_string(), "1");
    assert_eq!(expired.cmd, command.get_args());
}

#[test]
fn test_run_kwargs() -> TestResult {
    let _bounded = bounded();
    let cp = run(sh("test \"$FRUIT\" = banana && exit 33").env("FRUIT", "banana"))?;
    assert_eq!(cp.returncode, 33);
    Ok(())
}

#[test]
fn test_run_with_pathlike_path() -> TestResult {
    let _bounded = bounded();
    let dir = std::path::PathBuf::from("/bin/sh");
    assert_eq!(run(Command::new(&dir).args(["-c", "exit 57"]))?.returncode, 57);
    assert_eq!(
        run(dir.as_path().parent().map(|bin| bin.join("true")).expect("a path"))?.returncode,
        0
    );
    Ok(())
}

/// A child of the child has the pipes, and is not waited for.
#[test]
fn test_run_with_shell_timeout_and_capture_output() {
    let _bounded = bounded();
    let keywords = Run::default().timeout(0.1).capture_output();
    let error = run_with(sh("sleep 3600 & echo $!; wait"), keywords).unwrap_err();
    let expired: &TimeoutExpired = error.downcast_ref().expect("it takes too long");
    let pid = String::from_utf8_lossy(expired.stdout().expect("it was captured"));
    // The grandchild, whose number may not have been printed by then.
    if let Ok(pid) = pid.trim().parse() {
        let pid = rustix::process::Pid::from_raw(pid).expect("a number");
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}
