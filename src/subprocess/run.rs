//! [`run`], [`call`] and their like, which start a command and wait for its end. Source: the functions of gevent's and
//! Python's `subprocess`.
//!
//! Whatever ends them early (the time is over, an exception is thrown into the greenlet, the greenlet is unwound), they
//! kill the command, and wait for its end where they can.

use std::borrow::BorrowMut;
use std::ffi::OsString;
use std::fmt;

use greenlet_core::Exception;
use hub::Seconds;

use super::command::{Command, IntoCommand, invalid};
use super::communicate::{Input, Outputs};
use super::errors::{CalledProcessError, TimeoutExpired};
use super::popen::Popen;
use super::process::returncode;
use super::stdio::STDOUT;
use crate::exceptions::TimedOut;

/// The keywords of [`run_with`] and [`check_output_with`].
///
/// ```
/// use gevent::subprocess::{Run, run_with};
///
/// let done = run_with(["cat"], Run::default().input("pear").capture_output().check())?;
/// assert_eq!(done.stdout.unwrap(), b"pear");
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// What the command reads from its standard input, which is a pipe then.
    pub input: Option<Vec<u8>>,
    /// Whether both outputs are captured. False by default.
    pub capture_output: bool,
    /// How many seconds the command may take. `None`, the default, is no limit.
    pub timeout: Option<f64>,
    /// Whether a status other than 0 is an error. False by default.
    pub check: bool,
}

impl Run {
    /// Sets [`input`](Run::input).
    #[must_use]
    pub fn input(mut self, input: impl Input) -> Self {
        self.input = input.into_input();
        self
    }

    /// Has both outputs captured.
    #[must_use]
    pub fn capture_output(mut self) -> Self {
        self.capture_output = true;
        self
    }

    /// Sets [`timeout`](Run::timeout).
    #[must_use]
    pub fn timeout(mut self, seconds: impl Seconds) -> Self {
        self.timeout = seconds.seconds();
        self
    }

    /// Makes a status other than 0 an error.
    #[must_use]
    pub fn check(mut self) -> Self {
        self.check = true;
        self
    }
}

/// A command that has ended: the result of [`run`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompletedProcess {
    /// The program and its arguments.
    pub args: Vec<OsString>,
    /// The exit code; negative for a signal that has ended it.
    pub returncode: i32,
    /// The standard output, if it was captured.
    pub stdout: Option<Vec<u8>>,
    /// The standard error, if it was captured.
    pub stderr: Option<Vec<u8>>,
}

impl CompletedProcess {
    /// Makes a returncode other than 0 an error.
    ///
    /// # Errors
    /// [`CalledProcessError`], with the outputs.
    pub fn check_returncode(&self) -> Result<(), CalledProcessError> {
        match self.returncode {
            0 => Ok(()),
            returncode => Err(CalledProcessError {
                cmd: self.args.clone(),
                returncode,
                output: self.stdout.clone(),
                stderr: self.stderr.clone(),
            }),
        }
    }
}

/// As Python's, with texts in the place of bytes where they are texts.
impl fmt::Debug for CompletedProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CompletedProcess");
        debug.field("args", &self.args).field("returncode", &self.returncode);
        for (name, output) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if let Some(output) = output {
                debug.field(name, &String::from_utf8_lossy(output));
            }
        }
        debug.finish()
    }
}

/// Runs a command, and waits for its end. Outputs are captured if they are [`PIPE`](super::PIPE)s.
///
/// ```
/// use gevent::subprocess::{Command, PIPE, run};
///
/// let done = run(Command::new("echo").arg("hello").stdout(PIPE))?;
/// assert_eq!((done.returncode, done.stdout.unwrap()), (0, b"hello\n".to_vec()));
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// The errors of [`Popen::new`] and [`Popen::communicate`]. An exception that is thrown into the current greenlet
/// meanwhile is returned when the command, which is killed, has ended.
#[track_caller]
pub fn run(command: impl IntoCommand) -> Result<CompletedProcess, Exception> {
    run_with(command, Run::default())
}

/// [`run`] for at most `timeout` seconds.
///
/// # Errors
/// As for `run`; [`TimeoutExpired`], with the outputs up to then, when the time is over and the command was killed; an
/// error if the time is not a number.
#[track_caller]
pub fn run_timeout(command: impl IntoCommand, timeout: impl Seconds) -> Result<CompletedProcess, Exception> {
    run_with(command, Run::default().timeout(timeout.checked()?))
}

/// [`run`] with keywords.
///
/// # Errors
/// As for [`run_timeout`]; with [`check`](Run::check) a [`CalledProcessError`];
/// [`InvalidInput`](std::io::ErrorKind::InvalidInput) if a stream is set that the keywords are about, too.
#[track_caller]
pub fn run_with(command: impl IntoCommand, keywords: Run) -> Result<CompletedProcess, Exception> {
    run_here(command.lend().borrow_mut(), keywords)
}

#[track_caller]
fn run_here(command: &mut Command, keywords: Run) -> Result<CompletedProcess, Exception> {
    let [stdin, stdout, stderr] = command.is_set();
    if keywords.input.is_some() && stdin {
        return Err(invalid("stdin and input arguments may not both be used").into());
    }
    if keywords.capture_output && (stdout || stderr) {
        return Err(invalid("stdout and stderr arguments may not be used with capture_output").into());
    }
    let capture = keywords.capture_output;
    run_piped(command, [keywords.input.is_some(), capture, capture], keywords)
}

#[track_caller]
fn run_piped(command: &mut Command, pipes: [bool; 3], keywords: Run) -> Result<CompletedProcess, Exception> {
    let timeout = keywords.timeout.checked()?;
    let popen = command.start_piped(pipes)?;
    let (stdout, stderr) = finish(&popen, keywords.input, timeout)?;
    let done = CompletedProcess {
        args: popen.args().to_vec(),
        returncode: returncode(popen.known_status()?),
        stdout,
        stderr,
    };
    if keywords.check {
        done.check_returncode()?;
    }
    Ok(done)
}

/// Runs a command, and waits for its end. Returns its returncode.
///
/// ```
/// use gevent::subprocess::call;
///
/// assert_eq!(call(["sh", "-c", "exit 3"])?, 3);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// The errors of [`Popen::new`] and [`Popen::wait`]. An exception that is thrown into the current greenlet meanwhile is
/// returned when the command, which is killed, has ended.
#[track_caller]
pub fn call(command: impl IntoCommand) -> Result<i32, Exception> {
    call_timeout(command, None)
}

/// [`call`] for at most `timeout` seconds.
///
/// # Errors
/// As for `call`; [`TimeoutExpired`] when the time is over and the command was killed; an error if the time is not a
/// number.
#[track_caller]
pub fn call_timeout(command: impl IntoCommand, timeout: impl Seconds) -> Result<i32, Exception> {
    let timeout = timeout.checked()?;
    let popen = Popen::new(command)?;
    wait_or_kill(&popen, timeout)?;
    Ok(returncode(popen.known_status()?))
}

/// [`call`], of which a returncode other than 0 is an error.
///
/// # Errors
/// As for `call`; [`CalledProcessError`].
#[track_caller]
pub fn check_call(command: impl IntoCommand) -> Result<(), Exception> {
    check_call_timeout(command, None)
}

/// [`check_call`] for at most `timeout` seconds.
///
/// # Errors
/// As for [`call_timeout`]; [`CalledProcessError`].
#[track_caller]
pub fn check_call_timeout(command: impl IntoCommand, timeout: impl Seconds) -> Result<(), Exception> {
    let timeout = timeout.checked()?;
    let popen = Popen::new(command)?;
    wait_or_kill(&popen, timeout)?;
    let done = CompletedProcess {
        args: popen.args().to_vec(),
        returncode: returncode(popen.known_status()?),
        stdout: None,
        stderr: None,
    };
    Ok(done.check_returncode()?)
}

/// Runs a command, and returns its standard output.
///
/// ```
/// use gevent::subprocess::{Command, STDOUT, check_output};
///
/// assert_eq!(check_output(["echo", "hello"])?, b"hello\n");
/// let both = check_output(Command::shell("echo out; echo err >&2").stderr(STDOUT))?;
/// assert_eq!(both, b"out\nerr\n");
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// As for [`run`]; [`CalledProcessError`] for a returncode other than 0;
/// [`InvalidInput`](std::io::ErrorKind::InvalidInput) if the command's `stdout` is set.
#[track_caller]
pub fn check_output(command: impl IntoCommand) -> Result<Vec<u8>, Exception> {
    check_output_with(command, Run::default())
}

/// [`check_output`] for at most `timeout` seconds.
///
/// # Errors
/// As for `check_output`; [`TimeoutExpired`], with the output up to then, when the time is over and the command was
/// killed; an error if the time is not a number.
#[track_caller]
pub fn check_output_timeout(command: impl IntoCommand, timeout: impl Seconds) -> Result<Vec<u8>, Exception> {
    check_output_with(command, Run::default().timeout(timeout.checked()?))
}

/// [`check_output`] with keywords. It always checks the returncode.
///
/// # Errors
/// As for [`check_output_timeout`]; [`InvalidInput`](std::io::ErrorKind::InvalidInput) if a stream is set that the
/// keywords are about, too.
#[track_caller]
pub fn check_output_with(command: impl IntoCommand, keywords: Run) -> Result<Vec<u8>, Exception> {
    check_output_here(command.lend().borrow_mut(), keywords)
}

#[track_caller]
fn check_output_here(command: &mut Command, keywords: Run) -> Result<Vec<u8>, Exception> {
    let [stdin, stdout, stderr] = command.is_set();
    if stdout {
        return Err(invalid("stdout argument not allowed, it will be overridden").into());
    }
    if keywords.input.is_some() && stdin {
        return Err(invalid("stdin and input arguments may not both be used").into());
    }
    if keywords.capture_output && stderr {
        return Err(invalid("stderr argument may not be used with capture_output").into());
    }
    let pipes = [keywords.input.is_some(), true, keywords.capture_output];
    let done = run_piped(command, pipes, keywords.check())?;
    Ok(done.stdout.unwrap_or_default())
}

/// Has the shell run `script`, and returns its returncode and both outputs together, without the last end of line.
///
/// ```
/// use gevent::subprocess::getstatusoutput;
///
/// assert_eq!(getstatusoutput("echo no; exit 3")?, (3, "no".to_owned()));
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// As for [`run`]; an error if the output is not UTF-8.
#[track_caller]
pub fn getstatusoutput(script: &str) -> Result<(i32, String), Exception> {
    let mut command = Command::shell(script);
    let done = run_piped(command.stderr(STDOUT), [false, true, false], Run::default())?;
    let mut output = String::from_utf8(done.stdout.unwrap_or_default())?;
    if output.ends_with('\n') {
        output.pop();
    }
    Ok((done.returncode, output))
}

/// [`getstatusoutput`] without the returncode.
///
/// ```
/// assert_eq!(gevent::subprocess::getoutput("echo hello")?, "hello");
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// As for `getstatusoutput`.
#[track_caller]
pub fn getoutput(script: &str) -> Result<String, Exception> {
    Ok(getstatusoutput(script)?.1)
}

/// Communicates with a child, which is killed if that does not come to its end.
#[track_caller]
pub(super) fn finish(popen: &Popen, input: Option<Vec<u8>>, timeout: Option<f64>) -> Result<Outputs, Exception> {
    let killing = KillOnDrop(popen);
    match popen.communicate_within(input, timeout) {
        Ok(true) => {
            std::mem::forget(killing);
            Ok(popen.take_outputs())
        }
        Ok(false) => {
            let _ = killing.kill();
            popen.wait()?;
            // Others that have the pipes, such as children of the child, are not waited for.
            popen.drain();
            let (output, stderr) = popen.take_outputs();
            popen.close()?;
            Err(expired(popen, timeout, output, stderr))
        }
        Err(exception) => Err(killing.end(exception)),
    }
}

/// Waits for a child, which is killed if it does not end by itself.
#[track_caller]
pub(super) fn wait_or_kill(popen: &Popen, timeout: Option<f64>) -> Result<(), Exception> {
    let killing = KillOnDrop(popen);
    match popen.wait_within(timeout) {
        Ok(true) => {
            std::mem::forget(killing);
            Ok(())
        }
        Ok(false) => {
            let _ = killing.kill();
            popen.close()?;
            Err(expired(popen, timeout, None, None))
        }
        Err(exception) => Err(killing.end(exception)),
    }
}

#[track_caller]
fn expired(popen: &Popen, timeout: Option<f64>, output: Option<Vec<u8>>, stderr: Option<Vec<u8>>) -> Exception {
    Exception::new(TimeoutExpired {
        cmd: popen.args().to_vec(),
        timeout: timeout.unwrap_or(f64::INFINITY),
        output,
        stderr,
        source: TimedOut,
    })
}

/// Kills the child and closes its pipes when it is dropped: when the greenlet is unwound, nobody can wait.
struct KillOnDrop<'a>(&'a Popen);

impl KillOnDrop<'_> {
    fn kill(&self) -> std::io::Result<()> {
        self.0.kill()
    }

    /// Kills the child, and waits for its end. Returns the exception for which that is done, or another one that was
    /// thrown meanwhile.
    #[track_caller]
    fn end(self, exception: Exception) -> Exception {
        // An error means that it has changed its user. Its end is waited for, as in gevent.
        let _ = self.kill();
        match self.0.close() {
            Err(other) if other.thrown_here().is_some() => other,
            _ => exception,
        }
    }
}

impl Drop for KillOnDrop<'_> {
    fn drop(&mut self) {
        let _ = self.kill();
        self.0.close_pipes();
    }
}
