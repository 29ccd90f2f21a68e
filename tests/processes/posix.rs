//! `POSIXProcessTestCase`, `CommandTests` and `ContextManagerTests` of CPython's `test_subprocess.py`.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{TestResult, bounded};
use crate::{endless, sh};
use gevent::Exception;
use gevent::subprocess::{Command, PIPE, Popen, STDOUT, call, check_output, getoutput, getstatusoutput, run};

/// A file that is gone when it is closed.
pub(crate) fn temporary_file() -> io::Result<File> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("gevent-processes-{}-{number}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// What is in the file.
pub(crate) fn contents(mut file: File) -> io::Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn text(command: &mut Command) -> Result<String, Exception> {
    Ok(String::from_utf8(check_output(command)?)?.trim_end().to_owned())
}

#[test]
fn test_exception_cwd() {
    let error = Command::new("true").cwd("/_nonexistent").spawn().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn test_exception_bad_args_0() {
    let list: [&str; 0] = [];
    assert_eq!(Popen::new(list).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(Popen::new("a\0b").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let error = Popen::new("/etc/passwd").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

/// The child gets the default of `SIGPIPE`, and no blocked signals.
#[test]
fn test_restore_signals() -> TestResult {
    let _bounded = bounded();
    for new_session in [false, true] {
        let mut command = sh("grep -E 'Sig(Blk|Ign)' /proc/self/status");
        if new_session {
            // Another way of starting.
            command.start_new_session(true);
        }
        let status = text(&mut command)?;
        let masks: Vec<_> = status
            .split_whitespace()
            .filter_map(|word| u64::from_str_radix(word, 16).ok())
            .collect();
        assert_eq!(masks.len(), 2, "{status}");
        assert_eq!((masks[0], masks[1] & (1 << (libc::SIGPIPE - 1))), (0, 0), "{status}");
    }
    Ok(())
}

#[test]
fn test_start_new_session() -> TestResult {
    let _bounded = bounded();
    let ids = text(sh("cut -d ' ' -f 1,5,6 /proc/$$/stat; :").start_new_session(true))?;
    let ids: Vec<_> = ids.split(' ').collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let ids = text(
        sh("cut -d ' ' -f 1,5,6 /proc/$$/stat; :")
            .start_new_session(true)
            .start_new_session(false),
    )?;
    let ids: Vec<_> = ids.split(' ').collect();
    assert_ne!(ids[0], ids[2]);
    Ok(())
}

#[test]
fn test_process_group_0() -> TestResult {
    let _bounded = bounded();
    let ids = text(sh("cut -d ' ' -f 1,5 /proc/$$/stat; :").process_group(0))?;
    let (pid, group) = ids.split_once(' ').expect("two numbers");
    assert_eq!(pid, group);
    Ok(())
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// Without the right to do so, the child is not started.
#[test]
fn test_user() -> TestResult {
    let _bounded = bounded();
    match is_root() {
        true => assert_eq!(text(Command::new("id").arg("-u").uid(65534))?, "65534"),
        false => assert!(Command::new("true").uid(0).spawn().is_err()),
    }
    Ok(())
}

#[test]
fn test_group() -> TestResult {
    let _bounded = bounded();
    match is_root() {
        true => assert_eq!(text(Command::new("id").arg("-g").gid(65534))?, "65534"),
        false => assert!(Command::new("true").gid(0).spawn().is_err()),
    }
    Ok(())
}

#[test]
fn test_extra_groups() -> TestResult {
    let _bounded = bounded();
    let mut id = Command::new("id");
    id.arg("-G").extra_groups(&[65533, 65534]);
    match is_root() {
        true => {
            let groups = text(&mut id)?;
            assert!(groups.contains("65533 65534"), "{groups}");
            // All three together, in the order in which they are possible.
            let groups = text(id.uid(65534).gid(65532))?;
            assert_eq!(groups, "65532 65533 65534");
        }
        false => assert!(id.spawn().is_err()),
    }
    Ok(())
}

#[test]
fn test_umask() -> TestResult {
    let _bounded = bounded();
    let mut command = sh("umask");
    assert_eq!(text(command.umask(0o53))?, "0053");
    assert_eq!(text(command.umask(0o22))?, "0022");
    Ok(())
}

#[test]
fn test_run_abort() -> TestResult {
    let _bounded = bounded();
    assert_eq!(call(sh("kill -ABRT $$"))?, -libc::SIGABRT);
    Ok(())
}

#[test]
#[allow(clippy::unwrap_used)]
fn test_called_process_error_str() {
    let _bounded = bounded();
    let text = |script| run(sh(script)).unwrap().check_returncode().unwrap_err().to_string();
    assert!(text("kill -ABRT $$").ends_with(" died with signal 6."));
    assert!(text("exit 2").ends_with(" returned non-zero exit status 2."));
}

#[test]
#[allow(unsafe_code)]
fn test_preexec() -> TestResult {
    let _bounded = bounded();
    let mut command = sh("umask");
    // SAFETY: a system call is allowed there.
    unsafe {
        command.pre_exec(|| {
            libc::umask(0o77);
            Ok(())
        });
    }
    assert_eq!(text(&mut command)?, "0077");
    Ok(())
}

#[test]
#[allow(unsafe_code)]
fn test_preexec_exception() {
    let _bounded = bounded();
    let mut command = Command::new("true");
    // SAFETY: the error is made without an allocation.
    unsafe { command.pre_exec(|| Err(io::Error::from_raw_os_error(libc::EDOM))) };
    assert_eq!(command.spawn().unwrap_err().raw_os_error(), Some(libc::EDOM));
}

#[test]
fn test_args_string() -> TestResult {
    let _bounded = bounded();
    assert_eq!(call("true")?, 0);
    assert_eq!(call("false".to_owned())?, 1);
    Ok(())
}

#[test]
fn test_shell_sequence() -> TestResult {
    let _bounded = bounded();
    assert_eq!(text(sh("echo $0 $1").arg("apple").arg("pear"))?, "apple pear");
    Ok(())
}

#[test]
fn test_shell_string() -> TestResult {
    let _bounded = bounded();
    assert_eq!(text(sh("echo $FRUIT").env("FRUIT", "apple"))?, "apple");
    Ok(())
}

#[test]
fn test_specific_shell() -> TestResult {
    let _bounded = bounded();
    assert_eq!(
        text(Command::new("/bin/sh").arg0("sh-like").args(["-c", "echo $0"]))?,
        "sh-like"
    );
    Ok(())
}

#[test]
fn test_send_signal() -> TestResult {
    let _bounded = bounded();
    let p = endless()?;
    p.send_signal(libc::SIGINT)?;
    assert_eq!(p.wait()?, -libc::SIGINT);
    Ok(())
}

#[test]
fn test_kill() -> TestResult {
    let _bounded = bounded();
    let p = endless()?;
    p.kill()?;
    assert_eq!(p.wait()?, -libc::SIGKILL);
    Ok(())
}

#[test]
fn test_terminate() -> TestResult {
    let _bounded = bounded();
    let p = endless()?;
    p.terminate()?;
    assert_eq!(p.wait()?, -libc::SIGTERM);
    Ok(())
}

#[test]
fn test_send_signal_dead() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(["true"])?;
    while p.poll()?.is_none() {
        std::thread::yield_now();
    }
    p.send_signal(libc::SIGINT)?;
    p.kill()?;
    p.terminate()?;
    // One that has ended without anybody's knowledge, too.
    let p = Popen::new(["true"])?;
    std::thread::sleep(std::time::Duration::from_millis(20));
    p.kill()?;
    assert!(matches!(p.wait()?, 0 | -9));
    // There is no such signal.
    let p = endless()?;
    assert!(p.send_signal(1000).is_err());
    p.kill()?;
    p.wait()?;
    Ok(())
}

/// The children of tests that run meanwhile have no descriptors of these.
#[test]
fn test_pipe_cloexec() -> TestResult {
    let _bounded = bounded();
    let first = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE).stderr(PIPE))?;
    let mut ls = Command::new("ls");
    let fds = text(ls.args(["-l", "/proc/self/fd"]).stdin(PIPE))?;
    for pipe in [
        first.stdout().expect("a pipe").as_raw_fd(),
        first.stdin().expect("a pipe").as_raw_fd(),
    ] {
        let name = std::fs::read_link(format!("/proc/self/fd/{pipe}"))?;
        assert!(!fds.contains(&name.display().to_string()), "{fds}");
    }
    assert_eq!(first.close()?, 0);
    Ok(())
}

/// A descriptor without the flag that would close it.
fn inheritable() -> io::Result<OwnedFd> {
    let (reader, _) = io::pipe()?;
    let fd = OwnedFd::from(reader);
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::empty())?;
    Ok(fd)
}

#[test]
fn test_close_fds() -> TestResult {
    let _bounded = bounded();
    let fd = inheritable()?;
    let number = fd.as_raw_fd();
    let mut command = sh(&format!("test -e /proc/self/fd/{number}"));
    assert_eq!(call(&mut command)?, 0);
    assert_eq!(call(command.close_fds(true))?, 1);
    assert_eq!(call(command.close_fds(false))?, 0);
    drop(fd);
    Ok(())
}

#[test]
fn test_pass_fds() -> TestResult {
    let _bounded = bounded();
    let (reader, mut writer) = io::pipe()?;
    let other = inheritable()?;
    let (number, closed) = (reader.as_raw_fd(), other.as_raw_fd());
    let mut command = sh(&format!("test ! -e /proc/self/fd/{closed} && cat /dev/fd/{number}"));
    command.pass_fds(&[number]);
    writer.write_all(b"passed")?;
    drop(writer);
    assert_eq!(text(&mut command)?, "passed");
    drop((reader, other));
    // A descriptor that is not open.
    let error = Command::new("true").pass_fds(&[1 << 20]).spawn().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    Ok(())
}

#[test]
fn test_stdout_stderr_are_single_inout_fd() -> TestResult {
    let _bounded = bounded();
    let file = temporary_file()?;
    let stdio = || file.try_clone();
    assert_eq!(
        call(
            sh("printf out; printf err >&2")
                .stdin(stdio()?)
                .stdout(stdio()?)
                .stderr(stdio()?)
        )?,
        0
    );
    assert_eq!(contents(file)?, "outerr");
    Ok(())
}

#[test]
fn test_stopped() -> TestResult {
    let _bounded = bounded();
    let p = endless()?;
    p.send_signal(libc::SIGSTOP)?;
    assert!(p.wait_timeout(0.02).is_err(), "it is stopped, and has not ended");
    assert_eq!(p.poll()?, None);
    p.send_signal(libc::SIGCONT)?;
    assert!(p.wait_timeout(0.02).is_err());
    p.send_signal(libc::SIGSTOP)?;
    // A stopped process is killed all the same, but terminated only when it continues.
    p.terminate()?;
    p.send_signal(libc::SIGCONT)?;
    assert_eq!(p.wait()?, -libc::SIGTERM);
    Ok(())
}

#[test]
fn test_getoutput() -> TestResult {
    let _bounded = bounded();
    assert_eq!(getoutput("echo xyzzy")?, "xyzzy");
    assert_eq!(getstatusoutput("echo xyzzy")?, (0, "xyzzy".to_owned()));
    assert_eq!(getstatusoutput("echo no >&2; exit 3")?, (3, "no".to_owned()));
    assert_eq!(getstatusoutput("kill -TERM $$")?, (-libc::SIGTERM, String::new()));
    let (code, output) = getstatusoutput("cat /_nonexistent")?;
    assert!(code != 0 && output.contains("/_nonexistent"));
    Ok(())
}

#[test]
fn test_pipe() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(sh("printf out; printf err >&2").stdin(PIPE).stdout(PIPE).stderr(PIPE))?;
    let (mut out, mut err) = (String::new(), String::new());
    p.stdout().expect("a pipe").read_to_string(&mut out)?;
    p.stderr().expect("a pipe").read_to_string(&mut err)?;
    assert_eq!((out.as_str(), err.as_str()), ("out", "err"));
    assert_eq!(p.close()?, 0);
    assert!(p.stdin().expect("a pipe").closed() && p.stdout().expect("a pipe").closed());
    Ok(())
}

#[test]
fn test_broken_pipe_cleanup() -> TestResult {
    let _bounded = bounded();
    let p = Popen::new(Command::new("true").stdin(PIPE))?;
    assert_eq!(p.wait()?, 0);
    let error = p.stdin().expect("a pipe").write_all(&[b'x'; 100_000]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(p.close()?, 0);
    Ok(())
}

/// std's names.
#[test]
fn a_command_has_the_methods_of_std() -> TestResult {
    let _bounded = bounded();
    let output = sh("cat; echo out; echo err >&2; exit 3").output()?;
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (&b"out\n"[..], &b"err\n"[..])
    );
    assert_eq!(sh("exit 4").status()?.code(), Some(4));
    assert_eq!(sh("read line || exit 5").stdin(PIPE).status()?.code(), Some(5));
    let mut command = sh("echo both; echo err >&2");
    let output = command.stderr(STDOUT).output()?;
    assert_eq!(output.stdout, b"both\nerr\n");
    assert_eq!(command.as_std().get_program(), "/bin/sh");
    command.as_std_mut().env_clear();
    assert!(format!("{command:?}").contains("/bin/sh"));
    // std's own command, with its own pipe.
    let mut std = std::process::Command::new("echo");
    std.arg("x").stdout(std::process::Stdio::piped());
    assert_eq!(Popen::new(std)?.communicate(None)?.0.as_deref(), Some(&b"x\n"[..]));
    Ok(())
}
