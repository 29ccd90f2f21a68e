//! Further cases of CPython's `test_subprocess.py`: programs and folders, streams that are not redirected, errors
//! before the program runs, pipes that break in `communicate`, commands with spaces.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::posix::{contents, temporary_file};
use crate::support::{TestResult, bounded};
use crate::{endless, sh};
use gevent::subprocess::{CalledProcessError, Command, DEVNULL, PIPE, Popen, Run, call, check_output, run, run_with};
use gevent::{GreenletExit, sleep, spawn};

/// The absolute path of a program.
fn which(program: &str) -> PathBuf {
    let paths = std::env::var_os("PATH").expect("it is set");
    let mut found = std::env::split_paths(&paths).map(|folder| folder.join(program));
    found.find(|path| path.is_file()).expect("there is such a program")
}

fn text(command: &mut Command) -> Result<String, gevent::Exception> {
    Ok(String::from_utf8(check_output(command)?)?.trim_end().to_owned())
}

/// Starts a program that was just written. A child that another test makes may have the file open for a moment.
fn spawn_written(command: &mut Command) -> io::Result<Popen> {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(0.001)?,
            started => return started,
        }
    }
}

#[test]
fn test_call_kwargs() -> TestResult {
    let _bounded = bounded();
    assert_eq!(call(sh("test \"$FRUIT\" = banana").env("FRUIT", "banana"))?, 0);
    Ok(())
}

#[test]
fn test_stdin_none_and_stderr_none() -> TestResult {
    let _bounded = bounded();
    let p = sh("echo banana").stdout(PIPE).stderr(PIPE).spawn()?;
    p.wait()?;
    assert!(p.stdin().is_none());
    let p = sh("echo banana").stdout(PIPE).stdin(PIPE).spawn()?;
    p.wait()?;
    assert!(p.stderr().is_none());
    Ok(())
}

#[test]
fn test_executable_takes_precedence() -> TestResult {
    let _bounded = bounded();
    let mut command = Command::new("nonexisting_i_hope");
    assert!(command.arg0("sh").args(["-c", "exit 47"]).spawn().is_err());
    assert_eq!(
        call(Command::new("sh").arg0("nonexisting_i_hope").args(["-c", "exit 47"]))?,
        47
    );
    Ok(())
}

#[test]
fn test_cwd_with_relative_arg() -> TestResult {
    let _bounded = bounded();
    let (path, name) = (which("pwd"), "./pwd");
    let folder = path.parent().expect("it is in a folder");
    // The program is looked for where the child is.
    assert!(Popen::new([name]).is_err());
    assert_eq!(
        text(Command::new(name).cwd(folder))?,
        folder.canonicalize()?.display().to_string()
    );
    assert!(Command::new(name).cwd("/").spawn().is_err());
    Ok(())
}

#[test]
fn test_cwd_with_absolute_arg() -> TestResult {
    let _bounded = bounded();
    let path = which("pwd");
    assert_eq!(text(Command::new(&path).cwd("/"))?, "/");
    // Nor is it in the folder of another one.
    let wrong = PathBuf::from("/no such folder").join(path.file_name().expect("a name"));
    assert!(Command::new(wrong).cwd("/").spawn().is_err());
    Ok(())
}

#[test]
fn test_executable_with_cwd() -> TestResult {
    let _bounded = bounded();
    assert_eq!(
        text(Command::new(which("pwd")).arg0("somethingyoudonthave").cwd("/"))?,
        "/"
    );
    Ok(())
}

#[test]
fn test_stdin_fileobj() -> TestResult {
    let _bounded = bounded();
    let mut file = temporary_file()?;
    file.write_all(b"pear")?;
    file.rewind()?;
    assert_eq!(check_output(Command::new("cat").stdin(file))?, b"pear");
    Ok(())
}

#[test]
fn test_stdout_pipe() -> TestResult {
    let _bounded = bounded();
    let p = sh("printf orange").stdout(PIPE).spawn()?;
    let mut text = String::new();
    p.stdout().expect("a pipe").read_to_string(&mut text)?;
    assert_eq!((&*text, p.wait()?), ("orange", 0));
    Ok(())
}

#[test]
fn test_stderr_pipe() -> TestResult {
    let _bounded = bounded();
    let p = sh("printf strawberry >&2").stderr(PIPE).spawn()?;
    let mut text = String::new();
    p.stderr().expect("a pipe").read_to_string(&mut text)?;
    assert_eq!((&*text, p.wait()?), ("strawberry", 0));
    Ok(())
}

#[test]
fn test_stdout_filedes_and_stderr_filedes() -> TestResult {
    let _bounded = bounded();
    let (out, err) = (temporary_file()?, temporary_file()?);
    let mut command = sh("printf orange; printf strawberry >&2");
    command
        .stdout(OwnedFd::from(out.try_clone()?))
        .stderr(OwnedFd::from(err.try_clone()?));
    assert_eq!(call(&mut command)?, 0);
    assert_eq!((&*contents(out)?, &*contents(err)?), ("orange", "strawberry"));
    Ok(())
}

#[test]
fn test_stderr_devnull() -> TestResult {
    let _bounded = bounded();
    let p = sh("yes | head -n 10000 >&2").stderr(DEVNULL).spawn()?;
    assert!(p.stderr().is_none());
    assert_eq!(p.wait()?, 0);
    Ok(())
}

#[test]
fn test_invalid_cmd() {
    let _bounded = bounded();
    for command in [vec!["echo\0x"], vec!["echo", "a\0b"]] {
        let error = Popen::new(command).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn test_invalid_env() {
    let _bounded = bounded();
    for (key, value) in [("FRUIT\0VEGETABLE", "cabbage"), ("FRUIT", "orange\0VEGETABLE=cabbage")] {
        let error = Command::new("true").env(key, value).spawn().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

/// Bytes that are no UTF-8 reach the child as they are.
#[test]
fn test_undecodable_env() -> TestResult {
    let _bounded = bounded();
    let (key, value) = (
        std::ffi::OsStr::from_bytes(b"test"),
        std::ffi::OsStr::from_bytes(b"abc\xff"),
    );
    assert_eq!(check_output(sh("printf %s \"$test\"").env(key, value))?, b"abc\xff");
    assert_eq!(check_output(Command::new("printf").arg("%s").arg(value))?, b"abc\xff");
    Ok(())
}

#[test]
fn test_bytes_program() -> TestResult {
    let _bounded = bounded();
    let path = which("true");
    let bytes = std::ffi::OsStr::from_bytes(path.as_os_str().as_bytes());
    assert_eq!(call(Command::new(bytes))?, 0);
    let folder = path.parent().expect("it is in a folder");
    assert_eq!(call(Command::new("true").env("PATH", folder))?, 0);
    Ok(())
}

#[test]
fn test_communicate_stdout_and_stderr() -> TestResult {
    let _bounded = bounded();
    let p = sh("printf pineapple").stdout(PIPE).spawn()?;
    assert_eq!(p.communicate(None)?, (Some(b"pineapple".to_vec()), None));
    let p = sh("printf pineapple >&2").stderr(PIPE).spawn()?;
    assert_eq!(p.communicate(None)?, (None, Some(b"pineapple".to_vec())));
    Ok(())
}

/// A child that closes its streams and goes on.
#[test]
fn test_communicate_errors() -> TestResult {
    let _bounded = bounded();
    for script in ["exec <&-", "exec >&-", "exec 2>&-", "exec <&- >&-", "exec <&- >&- 2>&-"] {
        let script = format!("{script}; sleep 0.01; exit 3");
        let p = sh(&script).stdin(PIPE).stdout(PIPE).stderr(PIPE).spawn()?;
        assert_eq!(
            p.communicate(vec![b'x'; 1 << 20])?,
            (Some(Vec::new()), Some(Vec::new()))
        );
        assert_eq!(p.returncode(), Some(3));
    }
    Ok(())
}

#[test]
fn test_nonexisting_with_pipes() {
    let _bounded = bounded();
    let error = Command::new("nonexisting_i_hope")
        .stdin(PIPE)
        .stdout(PIPE)
        .stderr(PIPE)
        .spawn()
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

/// A program that is found and cannot be run, in several ways.
#[test]
fn test_exception_bad_executable() -> TestResult {
    let _bounded = bounded();
    let kind = |program: &str| Popen::new([program]).map(drop).unwrap_err().kind();
    assert_eq!(kind("/"), io::ErrorKind::PermissionDenied);
    assert_eq!(kind("/etc/passwd/program"), io::ErrorKind::NotADirectory);
    let path = std::env::temp_dir().join(format!("gevent-bad-{}", std::process::id()));
    std::fs::write(&path, "no program")?;
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    let error = spawn_written(&mut Command::new(&path)).map(drop).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOEXEC));
    std::fs::remove_file(path)?;
    Ok(())
}

#[test]
fn test_run_with_an_empty_env() -> TestResult {
    let _bounded = bounded();
    let output = check_output(Command::new(which("env")).env_clear())?;
    assert_eq!(output, b"");
    Ok(())
}

/// Both say what becomes of the streams.
#[test]
fn test_stdout_and_stderr_with_capture_output_arg() -> TestResult {
    let _bounded = bounded();
    let file = temporary_file()?;
    for command in [
        sh("echo will not be run").stdout(file.try_clone()?),
        sh("echo will not be run").stderr(file.try_clone()?),
    ] {
        assert!(run_with(command, Run::default().capture_output()).is_err());
    }
    assert_eq!(contents(file)?, "");
    Ok(())
}

#[test]
fn test_run_with_pathlike_path_and_arguments() -> TestResult {
    let _bounded = bounded();
    let done = run(Command::new(which("test")).arg("-d").arg(PathBuf::from("/")))?;
    assert_eq!(done.returncode, 0);
    Ok(())
}

#[test]
fn test_call_string() -> TestResult {
    let _bounded = bounded();
    let path = std::env::temp_dir().join(format!("gevent-script with spaces-{}", std::process::id()));
    std::fs::write(&path, "#!/bin/sh\nexit \"$1\"\n")?;
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
    let code = spawn_written(Command::new(&path).arg("47"))?.wait()?;
    std::fs::remove_file(path)?;
    assert_eq!(code, 47);
    Ok(())
}

/// One string, or words, with spaces in them.
#[test]
fn commands_with_spaces() -> TestResult {
    let _bounded = bounded();
    assert_eq!(check_output(["echo", "ab cd", " e"])?, b"ab cd  e\n");
    assert_eq!(check_output(sh("echo 'ab cd' \" e\""))?, b"ab cd  e\n");
    assert_eq!(
        check_output(sh("echo \"$0\" \"$1\"").args(["ab cd", " e"]))?,
        b"ab cd  e\n"
    );
    Ok(())
}

#[test]
fn test_pipe_cloexec_real_tools() -> TestResult {
    let _bounded = bounded();
    let cat = Command::new("cat").stdin(PIPE).stdout(PIPE).spawn()?;
    let grep = Command::new("grep")
        .args(["-E", "qu|ux"])
        .stdin(cat.stdout().expect("a pipe"))
        .stdout(PIPE)
        .spawn()?;
    cat.stdin().expect("a pipe").write_all(b"one\nquux\nflux\n")?;
    // The end reaches `grep`, as nobody else has the ends of its pipe.
    cat.stdin().expect("a pipe").close();
    assert_eq!(grep.communicate(None)?.0.as_deref(), Some(&b"quux\nflux\n"[..]));
    assert_eq!((cat.wait()?, grep.wait()?), (0, 0));
    Ok(())
}

/// In the parent the descriptor stays as it was.
#[test]
fn test_pass_fds_inheritable() -> TestResult {
    let _bounded = bounded();
    let (reader, writer) = io::pipe()?;
    let (closed, open) = (OwnedFd::from(reader), OwnedFd::from(writer));
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).map_err(io::Error::from)?;
    let flags = || [&closed, &open].map(|fd| rustix::io::fcntl_getfd(fd).map_err(io::Error::from).ok());
    let before = flags();
    let numbers = [closed.as_raw_fd(), open.as_raw_fd()];
    let script = format!("test -e /dev/fd/{} -a -e /dev/fd/{}", numbers[0], numbers[1]);
    assert_eq!(call(sh(&script).pass_fds(&numbers))?, 0);
    assert_eq!(flags(), before);
    Ok(())
}

/// A descriptor that is passed on, and is a stream, too.
#[test]
fn test_pass_fds_redirected() -> TestResult {
    let _bounded = bounded();
    let (mut reader, writer) = io::pipe()?;
    let number = writer.as_raw_fd();
    let mut command = sh(&format!("printf stdout; printf ' passed' >/dev/fd/{number}"));
    assert_eq!(
        call(
            command
                .pass_fds(&[number])
                .stdout(writer.try_clone().map(OwnedFd::from)?)
        )?,
        0
    );
    drop((writer, command));
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    assert_eq!(text, "stdout passed");
    Ok(())
}

#[test]
fn test_stdin_is_an_output_too() -> TestResult {
    let _bounded = bounded();
    for errors in [false, true] {
        let mut file = temporary_file()?;
        let mut command = sh(if errors { "printf out >&2" } else { "printf out" });
        command.stdin(file.try_clone()?);
        match errors {
            true => command.stderr(file.try_clone()?),
            false => command.stdout(file.try_clone()?),
        };
        assert_eq!(call(&mut command)?, 0);
        file.rewind()?;
        assert_eq!(contents(file)?, "out");
    }
    Ok(())
}

/// A child that does not read its input is no error.
#[test]
fn test_communicate_broken_pipe_of_stdin() -> TestResult {
    let _bounded = bounded();
    // At the write, and at the close.
    for (script, len) in [
        ("exec <&-; echo out", 1 << 20),
        ("exec <&-; echo out", 1),
        ("echo out", 0),
    ] {
        let p = sh(script).stdin(PIPE).stdout(PIPE).spawn()?;
        sleep(0.01)?;
        assert_eq!(p.communicate(vec![b'x'; len])?.0.as_deref(), Some(&b"out\n"[..]));
        let p = sh(script).stdin(PIPE).stdout(PIPE).spawn()?;
        assert_eq!(
            p.communicate_timeout(vec![b'x'; len], 100)?.0.as_deref(),
            Some(&b"out\n"[..])
        );
    }
    Ok(())
}

#[test]
fn test_communicate_repeated_call_after_stdout_close() -> TestResult {
    let _bounded = bounded();
    let p = sh("printf x; exec >&-; read line").stdin(PIPE).stdout(PIPE).spawn()?;
    let mut stdout = p.stdout().expect("a pipe");
    stdout.read_exact(&mut [0])?;
    stdout.close();
    for _ in 0..2 {
        assert!(p.wait_timeout(0.01).is_err());
    }
    let (stdout, _) = p.communicate("\n")?;
    assert!(stdout.is_none_or(|stdout| stdout.is_empty()));
    assert_eq!(p.communicate(None)?.1, None);
    Ok(())
}

/// A child that another thread of the program has waited for is sent no signal.
#[test]
fn test_send_signal_race() -> TestResult {
    let _bounded = bounded();
    let p = sh("exit 3").spawn()?;
    // It has ended, and nobody knows.
    // SAFETY: the information is not looked at, and no status is taken.
    unsafe {
        let mut info = std::mem::zeroed();
        libc::waitid(
            libc::P_PID,
            p.pid() as u32,
            &raw mut info,
            libc::WEXITED | libc::WNOWAIT,
        );
    }
    p.send_signal(libc::SIGTERM)?;
    assert_eq!((p.returncode(), p.wait()?), (Some(3), 3));
    Ok(())
}

/// A greenlet that is interrupted in `wait` leaves the child alone, `run` does not.
#[test]
fn test_keyboardinterrupt_no_kill() -> TestResult {
    let _bounded = bounded();
    let p = endless()?;
    let waiting = spawn({
        let p = p.clone();
        move || p.wait().map(drop)
    });
    sleep(0)?;
    waiting.kill()?;
    assert!(waiting.get().unwrap_err().is::<GreenletExit>());
    assert_eq!(p.poll()?, None);
    p.kill()?;
    assert_eq!(p.wait()?, -libc::SIGKILL);
    Ok(())
}

#[test]
fn test_called_process_error_of_signals() {
    let _bounded = bounded();
    for (script, text) in [
        ("kill -ABRT $$", "died with signal 6"),
        ("kill -USR1 $$", "died with signal"),
        ("exit 2", "non-zero exit status 2."),
    ] {
        let error = check_output(sh(script)).unwrap_err();
        assert!(
            error
                .downcast_ref::<CalledProcessError>()
                .is_some_and(|error| error.to_string().contains(text))
        );
    }
}

/// Names of programs and folders that are not there are told apart by nothing but the error's kind.
#[test]
fn test_file_not_found() {
    let _bounded = bounded();
    let error = Popen::new(["/opt/nonexistent_binary", "with", "some", "args"]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let error = Command::new("true")
        .cwd("/some/nonexistent/directory")
        .spawn()
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(File::open("/some/nonexistent/directory").is_err());
}
