//! [`Popen::communicate`]: writing the input and reading the outputs at once. Source: `communicate` and
//! `_CommunicatingGreenlets` in gevent's `subprocess.py`.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use greenlet_core::Exception;
use hub::Seconds;

use super::pipes::{PipeReader, PipeWriter};
use super::popen::Popen;
use crate::greenlet::{Greenlet, joinall_timeout, killall, spawn};
use crate::lock::Deadline;

/// The outputs of a child: `None` for a stream that is no pipe.
pub type Outputs = (Option<Vec<u8>>, Option<Vec<u8>>);

/// The greenlets that write and read, one for each pipe. There is one set of them for each child: when a `communicate`
/// ends early, they go on, and the next one joins them. So nothing is lost.
pub(super) struct Communicating {
    greenlets: Vec<Greenlet<()>>,
    stdout: Option<Collected>,
    stderr: Option<Collected>,
}

/// What was read so far.
type Collected = Rc<RefCell<Vec<u8>>>;

impl Popen {
    /// Writes `input` to the child's standard input and closes it, reads its outputs to their ends, and waits for the
    /// child's end: `None`, a text or bytes. Returns the standard output and the standard error, each `None` if it is
    /// no [`PIPE`](super::PIPE). A child that does not read all of its input is no error.
    ///
    /// If it ends early, by an exception that is thrown into the greenlet, the writing and reading go on; the next call
    /// gets all of it, and its own input is not used. The outputs are given out once. A pipe that was closed before has
    /// nothing.
    ///
    /// ```
    /// use gevent::subprocess::{Command, PIPE, Popen};
    ///
    /// let popen = Popen::new(Command::shell("cat; echo no >&2").stdin(PIPE).stdout(PIPE).stderr(PIPE))?;
    /// let (stdout, stderr) = popen.communicate("yes")?;
    /// assert_eq!((stdout.unwrap(), stderr.unwrap()), (b"yes".to_vec(), b"no\n".to_vec()));
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// The error of a read or a write, but not of a write that nobody reads; the errors of [`wait`](Popen::wait); any
    /// exception that is thrown into the current greenlet meanwhile. The child goes on.
    #[track_caller]
    pub fn communicate(&self, input: impl Input) -> Result<Outputs, Exception> {
        self.communicate_timeout(input, None)
    }

    /// [`communicate`](Popen::communicate) for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `communicate`; [`TimeoutExpired`](super::TimeoutExpired) when the time is over: the child, the writing
    /// and the reading go on, and the next call gets all outputs; an error if the time is not a number.
    #[track_caller]
    pub fn communicate_timeout(&self, input: impl Input, timeout: impl Seconds) -> Result<Outputs, Exception> {
        let timeout = timeout.checked()?;
        match self.communicate_within(input.into_input(), timeout)? {
            true => {
                self.known_status()?;
                Ok(self.take_outputs())
            }
            false => Err(self.timeout_expired(timeout)),
        }
    }

    /// Writes, reads, and waits. Returns whether all was done in time.
    #[track_caller]
    pub(super) fn communicate_within(&self, input: Option<Vec<u8>>, timeout: Option<f64>) -> Result<bool, Exception> {
        let communicating = self.communicating(input);
        let deadline = Deadline::after(timeout);
        let done = joinall_timeout(&communicating.greenlets, deadline.left())?;
        for greenlet in &done {
            greenlet.get()?;
        }
        if done.len() < communicating.greenlets.len() {
            return Ok(false);
        }
        self.wait_within(deadline.left())
    }

    fn communicating(&self, input: Option<Vec<u8>>) -> Rc<Communicating> {
        if let Some(communicating) = &*self.0.communicating.borrow() {
            return communicating.clone();
        }
        let mut greenlets = Vec::new();
        if let Some(stdin) = self.stdin().filter(|stdin| !stdin.closed()) {
            greenlets.push(spawn(move || {
                write_and_close(stdin, input.as_deref().unwrap_or_default())
            }));
        }
        let mut read = |pipe: Option<PipeReader>| {
            pipe.map(|pipe| {
                let collected = Collected::default();
                let its = collected.clone();
                if !pipe.closed() {
                    greenlets.push(spawn(move || read_and_close(pipe, &its)));
                }
                collected
            })
        };
        let (stdout, stderr) = (read(self.stdout()), read(self.stderr()));
        let communicating = Rc::new(Communicating {
            greenlets,
            stdout,
            stderr,
        });
        // `spawn` may have called code of users.
        self.0.communicating.borrow_mut().get_or_insert(communicating).clone()
    }

    /// The outputs that were read up to now, which are given out once.
    pub(super) fn take_outputs(&self) -> Outputs {
        let communicating = self.0.communicating.borrow().clone();
        match communicating {
            Some(communicating) => (
                communicating.stdout.as_ref().map(|all| all.take()),
                communicating.stderr.as_ref().map(|all| all.take()),
            ),
            None => (None, None),
        }
    }

    /// Reads what the pipes still have, without waiting for more.
    pub(super) fn drain(&self) {
        let communicating = self.0.communicating.borrow().clone();
        let Some(communicating) = communicating else {
            return;
        };
        for (pipe, all) in [
            (&self.0.stdout, &communicating.stdout),
            (&self.0.stderr, &communicating.stderr),
        ] {
            if let (Some(pipe), Some(all)) = (pipe, all) {
                pipe.drain(&mut all.borrow_mut());
            }
        }
    }

    /// Ends the greenlets that still write or read.
    #[track_caller]
    pub(super) fn stop_communicating(&self) -> Result<(), Exception> {
        let communicating = self.0.communicating.borrow().clone();
        match communicating {
            Some(communicating) => killall(&communicating.greenlets),
            None => Ok(()),
        }
    }
}

fn write_and_close(pipe: PipeWriter, input: &[u8]) -> Result<(), Exception> {
    let closing = Closing(|| pipe.close());
    let written = (&pipe).write_all(input);
    drop(closing);
    match written {
        // The child does not want it.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPIPE | libc::EINVAL)) => Ok(()),
        written => Ok(written?),
    }
}

fn read_and_close(pipe: PipeReader, all: &RefCell<Vec<u8>>) -> Result<(), Exception> {
    let _closing = Closing(|| pipe.close());
    while pipe.read_more(all)? > 0 {}
    Ok(())
}

/// Calls the function when it is dropped, so also when the greenlet is killed or unwound.
struct Closing<F: Fn()>(F);

impl<F: Fn()> Drop for Closing<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The input of a child: `None`, a text, or bytes. What is not owned is copied.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the input of a child",
    label = "this can: `None`, `\"text\"`, `b\"bytes\"`, a `String` or a `Vec<u8>`"
)]
pub trait Input: ToInput {}

/// What becomes input.
pub trait ToInput {
    #[doc(hidden)]
    fn into_input(self) -> Option<Vec<u8>>;
}

macro_rules! inputs {
    ($([$($generics:tt)*] $type:ty: $self:ident => $input:expr;)*) => {$(
        impl<$($generics)*> Input for $type {}
        impl<$($generics)*> ToInput for $type {
            fn into_input($self) -> Option<Vec<u8>> {
                $input
            }
        }
    )*};
}

inputs! {
    [] Option<Vec<u8>>: self => self;
    [] Vec<u8>: self => Some(self);
    [] String: self => Some(self.into_bytes());
    [] &str: self => Some(self.into());
    [] &String: self => Some(self.as_bytes().to_vec());
    [] &[u8]: self => Some(self.to_vec());
    [] &Vec<u8>: self => Some(self.clone());
    [const N: usize] &[u8; N]: self => Some(self.to_vec());
    [const N: usize] [u8; N]: self => Some(self.to_vec());
}
