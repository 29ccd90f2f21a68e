//! One client: its lines come, commands are called, and their output goes.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};

use super::commands::Commands;
use super::lines::{Line, Lines};
use super::session::Session;
use crate::lock::Deadline;
use crate::socket::{TcpStream, UnixStream};

const PROMPT: &str = ">>> ";
/// For how many seconds a client may leave some output unread.
const WRITE_TIMEOUT: u32 = 10;

/// What all sessions of a server have in common.
pub(super) struct Shared {
    pub(super) commands: Rc<Commands>,
    pub(super) banner: String,
    pub(super) max_sessions: usize,
    /// How many seconds a client may say nothing.
    pub(super) idle_timeout: Option<f64>,
    pub(super) sessions: Cell<usize>,
}

/// A connection. Clones are handles of the same one.
pub(super) trait Connection: Read + Clone {
    fn set_idle_timeout(&self, seconds: Option<f64>) -> io::Result<()>;
    fn send(&self, text: &str) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn set_idle_timeout(&self, seconds: Option<f64>) -> io::Result<()> {
        self.set_timeout(seconds)
    }

    fn send(&self, text: &str) -> io::Result<()> {
        self.write_all_timeout(text.as_bytes(), WRITE_TIMEOUT)
    }
}

impl Connection for UnixStream {
    fn set_idle_timeout(&self, seconds: Option<f64>) -> io::Result<()> {
        self.set_timeout(seconds)
    }

    fn send(&self, text: &str) -> io::Result<()> {
        self.write_all_timeout(text.as_bytes(), WRITE_TIMEOUT)
    }
}

/// Counts a session while it lives.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Serves a client until one of both has enough.
pub(super) fn serve(shared: &Shared, connection: &impl Connection) -> Result<(), Exception> {
    match converse(shared, connection) {
        Err(exception) => match exception.thrown_here() {
            // The session is killed, as by the stop of the server.
            Some(_) => Err(exception),
            // The client is gone, does not read, or has said nothing for too long.
            None => Ok(()),
        },
        Ok(()) => Ok(()),
    }
}

fn converse(shared: &Shared, connection: &impl Connection) -> Result<(), Exception> {
    if shared.sessions.get() >= shared.max_sessions {
        connection.send("there are too many sessions\n")?;
        return Ok(());
    }
    let _counted = Counted::new(&shared.sessions);
    connection.send(&format!("{}{PROMPT}", shared.banner))?;
    let mut lines = Lines::of(connection.clone());
    loop {
        let deadline = Deadline::after(shared.idle_timeout);
        let line = match lines.next(|connection| match deadline.left() {
            Some(left) if left <= 0.0 => Err(ErrorKind::TimedOut.into()),
            left => connection.set_idle_timeout(left),
        }) {
            Ok(Line::Text(line)) => line,
            Ok(Line::TooLong) => {
                connection.send("the line is too long\n")?;
                return Ok(());
            }
            Ok(Line::End) => return Ok(()),
            Err(error) => {
                if error.kind() == ErrorKind::TimedOut {
                    connection.send("\nnothing was said for too long\n")?;
                }
                return Err(error.into());
            }
        };
        let session = call(&shared.commands, &line)?;
        let ends = session.ends();
        let output = session.into_output();
        if ends {
            connection.send(&output)?;
            return Ok(());
        }
        connection.send(&(output + PROMPT))?;
        // A client that sends lines without end gets no more turns than others.
        hub::sleep(0)?;
    }
}

/// Calls the command of a line. Its error or panic is part of the output; only what was thrown into this greenlet is
/// returned.
fn call(commands: &Commands, line: &str) -> Result<Session, Exception> {
    let mut session = Session::default();
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((name, words)) = words.split_first() else {
        return Ok(session);
    };
    let Some(function) = commands.get(name) else {
        session.lines([format!("there is no command {name:?}; `help` lists them")]);
        return Ok(session);
    };
    let exception = match catch(|| function(&mut session, words)) {
        Ok(Ok(())) => return Ok(session),
        Ok(Err(exception)) if exception.thrown_here().is_some() => return Err(exception),
        Ok(Err(exception)) | Err(Caught::Panic(exception)) => exception,
        Err(Caught::Forced(unwind)) => unwind.resume(),
    };
    // The text of an error may be user code, too.
    let text = match catch(|| format!("{}: {exception:#}", exception.type_name())) {
        Ok(text) => text,
        Err(Caught::Panic(_)) => "an error without a text".to_owned(),
        Err(Caught::Forced(unwind)) => unwind.resume(),
    };
    session.lines([format!("{name} has failed with {text}")]);
    Ok(session)
}
