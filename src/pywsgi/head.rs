//! Reads the head of a request, and decides how its body ends. What could be understood in two ways is refused.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use super::body::Framing;
use super::buffers;
use super::chunks::Chunks;
use super::fault::Fault;
use super::fields::{has_token, length};
use super::limits::{Limits, MOST_HEADERS};

/// The head of a request.
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    /// The request line, for the log.
    pub(super) line: Bytes,
    pub(super) framing: Framing,
    /// Whether the client wants to send further requests.
    pub(super) keeps_alive: bool,
    /// Whether the client waits for permission to send the body.
    pub(super) expects: bool,
}

/// So many empty lines may be before a request. Old clients send one behind a body.
const MOST_EMPTY: usize = 16;

/// What the headers say about the connection and the body.
#[derive(Default)]
struct Said {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects: bool,
    host: bool,
}

/// Reads the head at the beginning of `data`. Returns it with its length, or none if it is not complete.
/// If more may come, a line is looked at when it is complete.
pub(super) fn parse(data: &[u8], limits: &Limits, more: bool) -> Result<Option<(Head, usize)>, Fault> {
    let empty = data.chunks(2).take_while(|line| *line == b"\r\n");
    if empty.take(MOST_EMPTY + 1).count() > MOST_EMPTY {
        // Each is looked at again with the next one.
        return Err(Fault::Malformed("too many empty lines"));
    }
    read(data, limits).or_else(|fault| {
        let lines = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if more && lines < data.len() && matches!(read(&data[..lines], limits), Ok(None)) {
            return incomplete(data, limits).map(|()| None);
        }
        Err(first_fault(data, limits, fault))
    })
}

fn read(data: &[u8], limits: &Limits) -> Result<Option<(Head, usize)>, Fault> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let most = limits.headers.min(MOST_HEADERS);
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(data, &mut fields[..most]);
    let len = match parsed {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return incomplete(data, limits).map(|()| None),
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::HeadTooLarge),
        Err(error) => return Err(Fault::Malformed(reason(error))),
    };
    let (Some(method), Some(path), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(Fault::Malformed("a part of the request line is missing"));
    };
    let place = |part: &[u8]| part.as_ptr() as usize - data.as_ptr() as usize;
    let begin = place(method.as_bytes());
    let line_end = place(path.as_bytes()) + path.len() + " HTTP/1.1".len();
    if line_end - begin + 2 > limits.request_line {
        return Err(Fault::LineTooLong);
    }
    if len > limits.head {
        return Err(Fault::HeadTooLarge);
    }
    check_line_end(data, line_end)?;
    if data[..begin].iter().any(|byte| !matches!(byte, b'\r' | b'\n')) || has_bare_lf(&data[..begin]) {
        return Err(Fault::Malformed("a line does not end with CRLF"));
    }
    if data[..len].get(len - 2..) != Some(b"\r\n") {
        return Err(Fault::Malformed("a line does not end with CRLF"));
    }

    let shared = buffers::head(&data[begin..len]);
    let part = |part: &[u8]| {
        let from = place(part) - begin;
        shared.slice(from..from + part.len())
    };
    let mut headers = buffers::headers();
    let mut said = Said::default();
    for field in &*request.headers {
        let end = place(field.value) + field.value.len();
        let blanks = data[end..].iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
        check_line_end(data, end + blanks.count())?;
        said.hear(field.name, field.value)?;
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Fault::Malformed("a header's name"))?;
        let value =
            HeaderValue::from_maybe_shared(part(field.value)).map_err(|_| Fault::Malformed("a header's value"))?;
        headers.try_append(name, value).map_err(|_| Fault::HeadTooLarge)?;
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Fault::Malformed("the method"))?;
    let uri = Uri::from_maybe_shared(part(path.as_bytes())).map_err(|_| Fault::Malformed("the path"))?;
    let version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let head = Head {
        framing: said.framing(&method, version, limits)?,
        keeps_alive: said.keeps_alive(version),
        expects: said.expects && version == Version::HTTP_11,
        line: shared.slice(..line_end - begin),
        method,
        uri,
        version,
        headers,
    };
    Ok(Some((head, len)))
}

impl Said {
    /// Notes what a header says, if it is one that matters here.
    fn hear(&mut self, name: &str, value: &[u8]) -> Result<(), Fault> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match name.len() {
            4 if is("host") && std::mem::replace(&mut self.host, true) => {
                Err(Fault::Malformed("there are two Host headers"))
            }
            6 if is("expect") => match value.trim_ascii() {
                [] => Ok(()),
                value if value.split(|byte| *byte == b',').all(is_continue) => {
                    self.expects = true;
                    Ok(())
                }
                _ => Err(Fault::UnknownExpectation),
            },
            10 if is("connection") => {
                self.close |= has_token(value, "close");
                self.keep_alive |= has_token(value, "keep-alive");
                Ok(())
            }
            14 if is("content-length") => match (self.length, length(value)) {
                (None, Some(length)) => {
                    self.length = Some(length);
                    Ok(())
                }
                (Some(_), _) => Err(Fault::Malformed("there are two Content-Length headers")),
                (None, None) => Err(Fault::Malformed("the Content-Length is no number")),
            },
            17 if is("transfer-encoding") => match value.eq_ignore_ascii_case(b"chunked") {
                true if self.chunked => Err(Fault::Malformed("there are two Transfer-Encoding headers")),
                true => {
                    self.chunked = true;
                    Ok(())
                }
                false => Err(Fault::UnknownCoding),
            },
            _ => Ok(()),
        }
    }

    fn framing(&self, method: &Method, version: Version, limits: &Limits) -> Result<Framing, Fault> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Fault::Malformed("a length, and chunks")),
            (true, None) if version == Version::HTTP_10 => Err(Fault::Malformed("chunks in HTTP/1.0")),
            (true, None) => Ok(Framing::Chunked(Chunks::new())),
            (false, Some(length)) if length > limits.body => Err(Fault::TooLarge),
            (false, Some(1..)) if method == Method::HEAD => Err(Fault::Malformed("a body of a HEAD request")),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }

    fn keeps_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::HTTP_11 || self.keep_alive)
    }
}

fn is_continue(item: &[u8]) -> bool {
    item.trim_ascii().eq_ignore_ascii_case(b"100-continue")
}

fn check_line_end(data: &[u8], at: usize) -> Result<(), Fault> {
    match data.get(at..at + 2) {
        Some(b"\r\n") => Ok(()),
        _ => Err(Fault::Malformed("a line does not end with CRLF")),
    }
}

fn has_bare_lf(data: &[u8]) -> bool {
    let mut before = 0;
    let mut bare = false;
    for byte in data {
        bare |= *byte == b'\n' && before != b'\r';
        before = *byte;
    }
    bare
}

/// Checks a head that is not complete for what is wrong already.
fn incomplete(data: &[u8], limits: &Limits) -> Result<(), Fault> {
    check_lines(data, limits)?;
    match data.len() > limits.head {
        true => Err(Fault::HeadTooLarge),
        false => Ok(()),
    }
}

/// Checks the lines that are there, the last of which may not be complete.
fn check_lines(data: &[u8], limits: &Limits) -> Result<(), Fault> {
    let (blank, lines) = data.split_at(blank(data));
    if has_bare_lf(blank) {
        return Err(Fault::Malformed("a line does not end with CRLF"));
    }
    let mut line = lines.iter().take(limits.request_line);
    if lines.len() >= limits.request_line && !line.any(|byte| *byte == b'\n') {
        return Err(Fault::LineTooLong);
    }
    match has_bare_lf(lines) {
        true => Err(Fault::Malformed("a line does not end with CRLF")),
        false => Ok(()),
    }
}

/// The request line of a head that is no good, or what there is of it.
pub(super) fn first_line<'a>(data: &'a [u8], limits: &Limits) -> &'a [u8] {
    let lines = &data[blank(data)..];
    let line = lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line[..line.len().min(limits.request_line)].trim_ascii_end()
}

/// The length of the empty lines before a request.
fn blank(data: &[u8]) -> usize {
    data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// The fault for which a head is refused if it comes byte by byte: its lines are checked before it is complete. So the
/// answer to a head with several faults does not depend on the parts in which it comes.
#[cold]
fn first_fault(data: &[u8], limits: &Limits, fault: Fault) -> Fault {
    let mut end = blank(data);
    // The request line, the headers, and one more line.
    let most = limits.headers.min(MOST_HEADERS) + 2;
    for line in data[end..].split_inclusive(|byte| *byte == b'\n').take(most) {
        end += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
    }
    check_lines(&data[..end], limits).err().unwrap_or(fault)
}

fn reason(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "invalid header name",
        httparse::Error::HeaderValue => "invalid header value",
        httparse::Error::NewLine => "invalid line end",
        httparse::Error::Version => "invalid HTTP version",
        _ => "invalid request line",
    }
}
