//! [`Popen`]: a child process. Source: `Popen` in gevent's `subprocess.py`.

use std::any::Any;
use std::borrow::BorrowMut;
use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::rc::Rc;

use greenlet_core::{Exception, direct};
use hub::core::StatusUnknown;
use hub::{AsLink, Link, LinkResult, LinkSource, Linkable, Seconds, try_get_hub};

use super::command::IntoCommand;
use super::communicate::Communicating;
use super::errors::TimeoutExpired;
use super::pipes::{PipeReader, PipeWriter};
use super::process::{Process, keep_watching, look, returncode};
use crate::abstract_linkable::AbstractLinkable;
use crate::exceptions::TimedOut;
use crate::low_numbers;

/// A child process. Clones are handles of the same child, and equal.
///
/// The child runs whether there are handles or not. The thread's loop watches it, which keeps the loop running until
/// the child has ended, as in gevent; then its status is taken, so that no zombie is left. The pipes are closed with
/// the last handle.
///
/// ```
/// use gevent::subprocess::{Command, PIPE, Popen};
///
/// let popen = Popen::new(["sh", "-c", "exit 3"])?;
/// assert_eq!(popen.wait()?, 3); // the others go on meanwhile
///
/// let sort = Popen::new(Command::new("sort").stdin(PIPE).stdout(PIPE))?;
/// let (output, _) = sort.communicate("b\na\n")?;
/// assert_eq!(output.unwrap(), b"a\nb\n");
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// It can be waited for as greenlets and events can, by [`gevent::wait`](crate::wait()) and
/// [`gevent::iwait`](crate::iwait), and [linked](Popen::rawlink) to.
#[derive(Clone)]
pub struct Popen(pub(super) Rc<Inner>);

pub(super) struct Inner {
    pub(super) process: AbstractLinkable<Process>,
    pub(super) stdin: Option<PipeWriter>,
    pub(super) stdout: Option<PipeReader>,
    pub(super) stderr: Option<PipeReader>,
    pub(super) communicating: RefCell<Option<Rc<Communicating>>>,
}

impl Popen {
    /// Starts a child: a [`Command`](super::Command), or a program with its arguments, such as `["ls", "-l"]`.
    ///
    /// Starting blocks the thread until the child runs its program, for less than a millisecond usually.
    ///
    /// # Errors
    /// Fails as [`std::process::Command::spawn`] does: with [`NotFound`](io::ErrorKind::NotFound) if there is no such
    /// program. Fails also if this thread can have no hub.
    pub fn new(command: impl IntoCommand) -> io::Result<Popen> {
        command.lend().borrow_mut().start_piped([false; 3])
    }

    pub(super) fn start(args: Vec<OsString>, command: &mut std::process::Command) -> io::Result<Popen> {
        let hub = try_get_hub().map_err(Exception::from)?;
        let (child, mut made) = hub.loop_().spawn_child(|| {
            let _held = low_numbers::hold();
            let made = direct(|| command.spawn())?;
            Ok((made.id() as i32, made))
        })?;
        let started = || -> Result<Popen, Exception> {
            let reader = |fd: Option<OwnedFd>| fd.map(PipeReader::new).transpose();
            let process = Process::new(args, child.clone())?;
            let inner = Rc::new(Inner {
                stdin: made.stdin.take().map(|pipe| PipeWriter::new(pipe.into())).transpose()?,
                stdout: reader(made.stdout.take().map(OwnedFd::from))?,
                stderr: reader(made.stderr.take().map(OwnedFd::from))?,
                process,
                communicating: RefCell::default(),
            });
            *inner.process.state().handles.borrow_mut() = Rc::downgrade(&inner);
            Ok(Popen(inner))
        };
        started().map_err(|error| {
            // Nobody would know of it.
            let _ = child.kill(libc::SIGKILL);
            error.into()
        })
    }

    /// A handle of the child; one without pipes, if all others are gone.
    pub(super) fn of(process: AbstractLinkable<Process>) -> Popen {
        let inner = process.state().handles.borrow().upgrade();
        Popen(inner.unwrap_or_else(|| {
            let inner = Rc::new(Inner {
                process,
                stdin: None,
                stdout: None,
                stderr: None,
                communicating: RefCell::default(),
            });
            *inner.process.state().handles.borrow_mut() = Rc::downgrade(&inner);
            inner
        }))
    }

    /// The number of the process.
    pub fn pid(&self) -> i32 {
        self.0.process.state().pid
    }

    /// The program and its arguments.
    pub fn args(&self) -> &[OsString] {
        &self.0.process.state().args
    }

    /// A handle of the pipe to the child's standard input, if there is one.
    pub fn stdin(&self) -> Option<PipeWriter> {
        self.0.stdin.clone()
    }

    /// A handle of the pipe from the child's standard output, if there is one.
    pub fn stdout(&self) -> Option<PipeReader> {
        self.0.stdout.clone()
    }

    /// A handle of the pipe from the child's standard error, if there is one.
    pub fn stderr(&self) -> Option<PipeReader> {
        self.0.stderr.clone()
    }

    /// The exit code, or the number of the signal that has ended the child, negative; `None` until it is known that the
    /// child has ended, and if its status is not known. [`poll`](Popen::poll) looks.
    pub fn returncode(&self) -> Option<i32> {
        self.status().map(returncode)
    }

    /// The same as [`returncode`](Popen::returncode), in std's form.
    pub fn status(&self) -> Option<ExitStatus> {
        self.0.process.state().ended()?.ok()
    }

    /// Looks whether the child has ended: its [`returncode`](Popen::returncode), or `None` if it runs. Does not wait.
    ///
    /// # Errors
    /// [`StatusUnknown`] if the child has ended, but somebody else has taken its status.
    pub fn poll(&self) -> Result<Option<i32>, StatusUnknown> {
        look(&self.0.process);
        self.0
            .process
            .state()
            .ended()
            .transpose()
            .map(|status| status.map(returncode))
    }

    /// Waits for the end of the child, and returns its [`returncode`](Popen::returncode).
    ///
    /// A child that writes to a pipe which nobody reads does not end: [`communicate`](Popen::communicate) reads.
    ///
    /// # Errors
    /// [`StatusUnknown`] if the child has ended, but somebody else has taken its status: other code that waits for
    /// children, or the system, if `SIGCHLD` is ignored. Any exception that is thrown into the current greenlet
    /// meanwhile; the child goes on.
    #[track_caller]
    pub fn wait(&self) -> Result<i32, Exception> {
        self.wait_timeout(None)
    }

    /// [`wait`](Popen::wait) for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `wait`; [`TimeoutExpired`] when the time is over, and the child goes on; an error if the time is not a
    /// number.
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<i32, Exception> {
        let timeout = timeout.checked()?;
        match self.wait_within(timeout)? {
            true => Ok(returncode(self.known_status()?)),
            false => Err(self.timeout_expired(timeout)),
        }
    }

    /// Waits for the end. Returns whether it has come in time.
    #[track_caller]
    pub(super) fn wait_within(&self, timeout: Option<f64>) -> Result<bool, Exception> {
        let process = &self.0.process;
        keep_watching(process)?;
        Ok(process.wait_timeout(timeout)? || process.state().ended().is_some())
    }

    /// The status of a child that has ended.
    pub(super) fn known_status(&self) -> Result<ExitStatus, Exception> {
        match self.0.process.state().ended() {
            Some(status) => Ok(status?),
            None => Err(Exception::msg("the child has not ended")),
        }
    }

    #[track_caller]
    pub(super) fn timeout_expired(&self, timeout: Option<f64>) -> Exception {
        Exception::new(TimeoutExpired {
            cmd: self.args().to_vec(),
            timeout: timeout.unwrap_or(f64::INFINITY),
            output: None,
            stderr: None,
            source: TimedOut,
        })
    }

    /// Sends the child a signal. Does nothing if it has ended; so the signal never reaches another process that has got
    /// the number.
    ///
    /// # Errors
    /// Fails if there is no such signal, or if the child may not be sent one.
    pub fn send_signal(&self, signum: i32) -> io::Result<()> {
        look(&self.0.process);
        match self.0.process.state().child() {
            Some(child) => child.kill(signum),
            None => Ok(()),
        }
    }

    /// Sends the child `SIGTERM`.
    ///
    /// # Errors
    /// As for [`send_signal`](Popen::send_signal).
    pub fn terminate(&self) -> io::Result<()> {
        self.send_signal(libc::SIGTERM)
    }

    /// Sends the child `SIGKILL`.
    ///
    /// # Errors
    /// As for [`send_signal`](Popen::send_signal).
    pub fn kill(&self) -> io::Result<()> {
        self.send_signal(libc::SIGKILL)
    }

    /// Ends what [`communicate`](Popen::communicate) may have left, closes the pipes, and waits for the end of the
    /// child. Returns its [`returncode`](Popen::returncode).
    ///
    /// Source: the end of a `with` block, `Popen.__exit__`.
    ///
    /// # Errors
    /// As for [`wait`](Popen::wait); the pipes are closed all the same.
    #[track_caller]
    pub fn close(&self) -> Result<i32, Exception> {
        let ended = self.stop_communicating();
        self.close_pipes();
        ended?;
        self.wait()
    }

    pub(super) fn close_pipes(&self) {
        if let Some(stdin) = &self.0.stdin {
            stdin.close();
        }
        for pipe in [&self.0.stdout, &self.0.stderr].into_iter().flatten() {
            pipe.close();
        }
    }

    /// Has the hub call `callback` with this child when it has ended, or soon if it has already. `callback` must not
    /// block.
    pub fn rawlink<'c, R: LinkResult<'c, Popen>>(&self, callback: impl Fn(&Popen) -> R + 'c) -> Link {
        R::rawlink(callback, self)
    }

    /// Removes a link, if it was not called yet.
    pub fn unlink(&self, link: &impl AsLink<Popen>) {
        self.0.process.unlink(&link.as_link(self));
    }
}

impl Linkable for Popen {
    fn ready(&self) -> bool {
        self.0.process.ready()
    }

    fn rawlink(&self, link: Link) {
        // Without a hub nobody watches the child, and nobody can wait.
        let _ = keep_watching(&self.0.process);
        self.0.process.rawlink(link);
    }

    fn unlink(&self, link: &Link) {
        self.0.process.unlink(link);
    }

    fn exception(&self) -> Option<Exception> {
        self.0.process.exception()
    }

    fn as_any(&self) -> Option<&dyn Any> {
        self.0.process.as_any()
    }

    fn address(&self) -> usize {
        self.0.process.address()
    }
}

impl LinkSource for Popen {
    fn of(source: &dyn Any) -> Option<Self> {
        AbstractLinkable::of(source).map(Popen::of)
    }
}

impl PartialEq for Popen {
    /// Whether both are handles of the same child.
    fn eq(&self, other: &Popen) -> bool {
        self.0.process.same(&other.0.process)
    }
}

impl Eq for Popen {}

impl Hash for Popen {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.process.address().hash(state);
    }
}

impl fmt::Debug for Popen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.process.fmt(f)
    }
}
