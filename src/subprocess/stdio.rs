//! [`Stdio`]: where a child's standard streams lead to.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process;

use super::pipes::{PipeReader, PipeWriter};

/// [`PIPE`], [`DEVNULL`] or [`STDOUT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redirect {
    /// See [`PIPE`].
    Pipe,
    /// See [`DEVNULL`].
    Devnull,
    /// See [`STDOUT`].
    Stdout,
}

/// A pipe to this process: the parent's end is [`Popen::stdin`](super::Popen::stdin), `stdout` or `stderr`.
pub const PIPE: Redirect = Redirect::Pipe;

/// Nothing is read, and what is written is lost: `/dev/null`.
pub const DEVNULL: Redirect = Redirect::Devnull;

/// For the standard error: the same as the standard output.
pub const STDOUT: Redirect = Redirect::Stdout;

/// Where a standard stream of a child leads to: one of [`PIPE`], [`DEVNULL`] and [`STDOUT`], a
/// [`std::process::Stdio`], a file, any descriptor that a child may own, or the end of another child's pipe. Without
/// one, a stream is that of this process.
///
/// ```
/// use gevent::subprocess::{Command, PIPE, Popen};
///
/// // echo hello | tr a-z A-Z
/// let echo = Popen::new(Command::new("echo").arg("hello").stdout(PIPE))?;
/// let tr = Popen::new(Command::new("tr").args(["a-z", "A-Z"]).stdin(echo.stdout().unwrap()).stdout(PIPE))?;
/// assert_eq!(tr.communicate(None)?.0.unwrap(), b"HELLO\n");
/// # echo.wait()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct Stdio(pub(super) Kind);

pub(super) enum Kind {
    Std(process::Stdio),
    Stdout,
    /// The descriptor could not be taken.
    Failed(io::Error),
}

impl Kind {
    fn of(fd: io::Result<OwnedFd>) -> Stdio {
        Stdio(match fd {
            Ok(fd) => Kind::Std(fd.into()),
            Err(error) => Kind::Failed(error),
        })
    }
}

impl From<Redirect> for Stdio {
    fn from(redirect: Redirect) -> Stdio {
        Stdio(match redirect {
            Redirect::Pipe => Kind::Std(process::Stdio::piped()),
            Redirect::Devnull => Kind::Std(process::Stdio::null()),
            Redirect::Stdout => Kind::Stdout,
        })
    }
}

impl From<process::Stdio> for Stdio {
    fn from(stdio: process::Stdio) -> Stdio {
        Stdio(Kind::Std(stdio))
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        Stdio(Kind::Std(file.into()))
    }
}

impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Stdio {
        Stdio(Kind::Std(fd.into()))
    }
}

/// The pipe goes to the child: it is closed for all handles here. If it is closed already, the child is not started.
impl From<PipeReader> for Stdio {
    fn from(pipe: PipeReader) -> Stdio {
        Kind::of(pipe.try_into())
    }
}

/// The pipe goes to the child: it is closed for all handles here. If it is closed already, the child is not started.
impl From<PipeWriter> for Stdio {
    fn from(pipe: PipeWriter) -> Stdio {
        Kind::of(pipe.try_into())
    }
}

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Std(stdio) => stdio.fmt(f),
            Kind::Stdout => f.write_str("STDOUT"),
            Kind::Failed(error) => error.fmt(f),
        }
    }
}
