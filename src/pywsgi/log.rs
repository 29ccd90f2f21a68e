//! [`Access`]: a line of the access log. [`LogTo`]: logs that are written without waiting at each line.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header};

use super::date::Moment;
use super::fault::Fault;
use super::fields::digits;

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
    /// When that was.
    pub(super) ended: Instant,
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

    /// Writes the line, as [`Display`](fmt::Display) does.
    fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        self.write_common(out)?;
        out.write_char(' ')?;
        write_number(out, self.took.as_secs(), 1)?;
        out.write_char('.')?;
        write_number(out, self.took.subsec_micros().into(), 6)
    }

    fn write_common(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self.remote {
            Some(remote) => write_address(out, remote.ip())?,
            None => out.write_char('-')?,
        }
        out.write_str(" - - [")?;
        write_date(out, self.ended)?;
        out.write_str("] \"")?;
        escape(out, self.request_line.as_bytes())?;
        out.write_str("\" ")?;
        write_number(out, self.status.into(), 1)?;
        out.write_char(' ')?;
        match self.bytes {
            0 => out.write_char('-'),
            bytes => write_number(out, bytes, 1),
        }
    }
}

impl fmt::Display for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

fn write_number(out: &mut impl fmt::Write, number: u64, least: usize) -> fmt::Result {
    out.write_str(digits(&mut [0; 20], number, 10, least))
}

fn write_address(out: &mut impl fmt::Write, address: IpAddr) -> fmt::Result {
    let IpAddr::V4(address) = address else {
        return write!(out, "{address}");
    };
    let [first, rest @ ..] = address.octets();
    write_number(out, first.into(), 1)?;
    for number in rest {
        out.write_char('.')?;
        write_number(out, number.into(), 1)?;
    }
    Ok(())
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

/// A second of the calendar, as a log has it.
struct Second {
    began: Instant,
    text: String,
}

thread_local! {
    /// The second that was written last.
    static SECOND: Cell<Option<Second>> = const { Cell::new(None) };
}

/// Writes the date of a moment. The clock is asked once for each second.
fn write_date(out: &mut impl fmt::Write, at: Instant) -> fmt::Result {
    // `out` may be a writer of the user's, and use the log again.
    let second = match SECOND.take() {
        Some(second) if second.has(at) => second,
        known => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let text = known.map(|second| second.text).unwrap_or_default();
            Second::of(at, now.saturating_sub(at.elapsed()), text)
        }
    };
    let written = out.write_str(&second.text);
    SECOND.set(Some(second));
    written
}

impl Second {
    /// The second of a moment, which is so long after the beginning of 1970. The memory of `text` is used again.
    #[cold]
    fn of(at: Instant, since_1970: Duration, mut text: String) -> Second {
        let date = Moment::of(since_1970.as_secs());
        let (year, month, day) = (date.year, date.month_name(), date.day);
        let (hour, minute, second) = (date.hour, date.minute, date.second);
        text.clear();
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000"
        );
        let passed = Duration::from_nanos(since_1970.subsec_nanos().into());
        Second {
            began: at.checked_sub(passed).unwrap_or(at),
            text,
        }
    }

    /// Whether a moment is in this second.
    fn has(&self, at: Instant) -> bool {
        let since = at.checked_duration_since(self.began);
        since.is_some_and(|since| since.as_secs() == 0)
    }
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
        self.add(|text| write!(text, "{line}"));
    }

    fn add(&self, write: impl FnOnce(&mut String) -> fmt::Result) {
        let mut text = self.0.line.take();
        text.clear();
        // Writing to a string does not fail.
        let _ = write(&mut text);
        text.push('\n');
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
        Rc::new(move |access| log.add(|text| access.write(text)))
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use http::HeaderMap;

    use super::{Access, Second, write_number};

    #[test]
    fn numbers_have_their_digits() {
        for number in [0, 7, 10, 404, 1_000_000, u64::MAX] {
            let (mut short, mut long) = (String::new(), String::new());
            assert!(write_number(&mut short, number, 1).is_ok() && write_number(&mut long, number, 6).is_ok());
            assert_eq!((short, long), (format!("{number}"), format!("{number:06}")));
        }
    }

    #[test]
    fn addresses_and_times_are_as_their_own_texts() {
        for address in ["127.0.0.1:80", "255.0.10.200:1", "[::1]:80"] {
            let remote = address.parse::<std::net::SocketAddr>().ok();
            let access = Access {
                remote,
                request_line: "GET / HTTP/1.1",
                headers: &HeaderMap::new(),
                status: 200,
                bytes: 12,
                took: Duration::new(3, 4_005_999),
                ended: Instant::now(),
            };
            let line = access.to_string();
            let ip = remote.map(|remote| remote.ip().to_string()).unwrap_or_default();
            assert!(line.starts_with(&format!("{ip} - - [")), "{line}");
            assert!(line.ends_with("] \"GET / HTTP/1.1\" 200 12 3.004005"), "{line}");
        }
    }

    #[test]
    fn a_second_has_its_moments() {
        let begin = Instant::now();
        let middle = begin + Duration::from_millis(500);
        let second = Second::of(middle, Duration::from_millis(784_111_777_500), String::new());
        assert_eq!(second.text, "06/Nov/1994:08:49:37 +0000");
        let nearly = begin + Duration::from_nanos(999_999_999);
        assert!(second.has(begin) && second.has(middle) && second.has(nearly));
        assert!(!second.has(begin + Duration::from_secs(1)));
        let later = Second::of(
            middle + Duration::from_secs(1),
            Duration::from_millis(784_111_778_500),
            second.text,
        );
        assert_eq!(later.text, "06/Nov/1994:08:49:38 +0000");
        assert!(!later.has(nearly));
    }
}
