//! [`Access`]: a line of the access log. [`LogTo`]: logs that are written without waiting at each line.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};
use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, header};

use super::date::{self, Moment};
use super::fault::Fault;

/// A request that was answered: what the access log gets. [`Display`](fmt::Display) writes it in the common log format
/// of Apache, with the seconds that it took at the end, as gevent does. Times are in UTC.
///
/// ```text
/// 127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a HTTP/1.1" 200 2326 0.000154
/// ```
///
/// Source: gevent's `format_request`, whose date has another form.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Access<'a> {
    /// The address of the client; none for a Unix socket.
    pub remote: Option<SocketAddr>,
    /// The line of the request, for example `GET / HTTP/1.1`; `-` if the client was refused before it has sent one.
    pub request_line: &'a str,
    /// The headers of the request, unless the handler has taken them.
    pub headers: &'a HeaderMap,
    /// The status of the answer.
    pub status: u16,
    /// How many bytes the body of the answer has.
    pub bytes: u64,
    /// How long it took from the head of the request to the end of the handler.
    pub took: Duration,
}

impl Access<'_> {
    /// The line in Apache's combined format: without the time that it took, and with the headers `Referer` and
    /// `User-Agent`.
    pub fn combined(&self) -> String {
        let mut line = String::new();
        // Writing to a string does not fail.
        let _ = self.write_common(&mut line);
        for name in [header::REFERER, header::USER_AGENT] {
            line.push_str(" \"");
            match self.headers.get(&name) {
                // Writing to a string does not fail.
                Some(value) => _ = escape(&mut line, value.as_bytes()),
                None => line.push('-'),
            }
            line.push('"');
        }
        line
    }

    fn write_common(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self.remote {
            Some(remote) => write!(out, "{}", remote.ip())?,
            None => out.write_char('-')?,
        }
        out.write_str(" - - [")?;
        write_date(out)?;
        out.write_str("] \"")?;
        escape(out, self.request_line.as_bytes())?;
        write!(out, "\" {} ", self.status)?;
        match self.bytes {
            0 => out.write_char('-'),
            bytes => write!(out, "{bytes}"),
        }
    }
}

impl fmt::Display for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_common(f)?;
        write!(f, " {}.{:06}", self.took.as_secs(), self.took.subsec_micros())
    }
}

/// Writes bytes as Apache does: quotes, backslashes and what is not ASCII text as escapes.
fn escape(out: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if let Ok(text) = std::str::from_utf8(bytes)
        && bytes.iter().all(is_plain)
    {
        return out.write_str(text);
    }
    for byte in bytes {
        match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(*byte))?,
            b' '..=b'~' => out.write_char(char::from(*byte))?,
            _ => write!(out, "\\x{byte:02x}")?,
        }
    }
    Ok(())
}

thread_local! {
    /// A second, and its date as a log has it.
    static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

fn write_date(out: &mut impl fmt::Write) -> fmt::Result {
    let now = date::now();
    // `out` may be a writer of the user's, and use the log again.
    let (second, mut text) = DATE.take();
    if second != now {
        let date = Moment::of(now);
        let (year, month, day) = (date.year, date.month_name(), date.day);
        let (hour, minute, second) = (date.hour, date.minute, date.second);
        text.clear();
        write!(
            text,
            "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000"
        )?;
    }
    let written = out.write_str(&text);
    DATE.set((now, text));
    written
}

/// A request that was refused, or whose body was not well formed: what the error log gets.
/// [`Display`](fmt::Display) writes a line.
///
/// Source: gevent's `log_error`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ClientError {
    /// The address of the client; none for a Unix socket.
    pub remote: Option<SocketAddr>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.remote {
            Some(remote) => write!(f, "Invalid request (from {remote}): {}", self.fault),
            None => write!(f, "Invalid request: {}", self.fault),
        }
    }
}

/// A function that gets the requests which were answered. See [`WSGIServer::set_log`](super::WSGIServer::set_log).
pub type AccessLog = Rc<dyn Fn(&Access<'_>)>;

/// A function that gets the requests which were refused. See
/// [`WSGIServer::set_error_log`](super::WSGIServer::set_error_log).
pub type ErrorLog = Rc<dyn Fn(&ClientError)>;

/// Writes lines to a file or another writer. The lines of one round of the loop are written together, by the hub, so
/// that a line costs no system call of its own. The writer must not wait in the hub: it is a file, or standard error.
///
/// ```
/// use gevent::pywsgi::{LogTo, WSGIServer};
///
/// let server = WSGIServer::new("127.0.0.1:0", |_request, response| response.send("hello"));
/// let log = LogTo::new(std::io::stdout());
/// server.set_log(Some(log.access()));
/// # drop(server);
/// ```
#[derive(Clone)]
pub struct LogTo(Rc<Inner>);

struct Inner {
    /// None while it is in use.
    writer: Cell<Option<Box<dyn Write>>>,
    lines: Cell<String>,
    /// Memory for a line.
    line: Cell<String>,
    /// Whether a callback will write the lines.
    scheduled: Cell<bool>,
}

/// When so many bytes wait, they are written at once.
const FULL: usize = 64 << 10;

impl LogTo {
    /// Makes a log that is written to `writer`.
    pub fn new(writer: impl Write + 'static) -> LogTo {
        LogTo(Rc::new(Inner {
            writer: Cell::new(Some(Box::new(writer))),
            lines: Cell::default(),
            line: Cell::default(),
            scheduled: Cell::default(),
        }))
    }

    /// Adds a line.
    pub fn line(&self, line: impl fmt::Display) {
        let mut text = self.0.line.take();
        text.clear();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line}");
        let mut lines = self.0.lines.take();
        lines.push_str(&text);
        let full = lines.len() >= FULL;
        self.0.lines.set(lines);
        self.0.line.set(text);
        if full {
            return self.flush();
        }
        if !self.0.scheduled.replace(true) {
            let log = self.clone();
            let write = move || {
                log.0.scheduled.set(false);
                log.flush();
            };
            if hub::get_hub().loop_().run_callback(write).is_err() {
                // The loop is destroyed.
                self.0.scheduled.set(false);
                self.flush();
            }
        }
    }

    /// Writes the lines that wait. An error of the writer is ignored: there is nowhere to tell of it.
    pub fn flush(&self) {
        let Some(writer) = self.0.writer.take() else {
            return;
        };
        let mut writer = Back {
            log: &self.0,
            writer: Some(writer),
        };
        let mut lines = self.0.lines.take();
        if let Some(writer) = &mut writer.writer {
            let _ = writer.write_all(lines.as_bytes());
            let _ = writer.flush();
        }
        drop(writer);
        lines.clear();
        let meanwhile = self.0.lines.take();
        self.0.lines.set(if meanwhile.is_empty() { lines } else { meanwhile });
    }

    /// An access log that is written here.
    pub fn access(&self) -> AccessLog {
        let log = self.clone();
        Rc::new(move |access| log.line(access))
    }

    /// An error log that is written here.
    pub fn errors(&self) -> ErrorLog {
        let log = self.clone();
        Rc::new(move |error| log.line(error))
    }
}

/// Gives the writer back, also if it panics.
struct Back<'a> {
    log: &'a Inner,
    writer: Option<Box<dyn Write>>,
}

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.log.writer.set(self.writer.take());
    }
}

/// What waits is written.
impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            let _ = writer.write_all(self.lines.take().as_bytes());
        }
    }
}

impl fmt::Debug for LogTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogTo")
    }
}
