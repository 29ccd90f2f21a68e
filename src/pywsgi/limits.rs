//! [`Limits`]: how much a client may send, and how long it may take.

/// What a client may send, and how long it may take. A request that exceeds a limit is answered with the status below,
/// and its connection is closed. Times are in seconds, `None` is no limit, and an end may come a tenth of a second
/// late.
///
/// ```
/// use gevent::pywsgi::{Limits, WSGIServer};
///
/// let limits = Limits { body: 1 << 20, ..Limits::default() };
/// let server = WSGIServer::builder()
///     .limits(limits)
///     .build("127.0.0.1:0", |_request, response| response.send("hello"));
/// # drop(server);
/// ```
///
/// Source: gevent's `MAX_REQUEST_LINE`, which is the first of these limits. gevent has no others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// How many bytes the request line may have, and each line of a chunked body that is not data; 8192 by default.
    /// Status 414, or 400 in a body.
    pub request_line: usize,
    /// How many bytes the whole head of a request may have, and the trailers of a chunked body; 65536 by default.
    /// Status 431.
    pub head: usize,
    /// How many headers a request may have: 100 by default, at most 256. Status 431.
    pub headers: usize,
    /// How many bytes a body may have; 1 GiB by default. Status 413, or an error of the read that gets there.
    pub body: u64,
    /// How many requests a connection may have; no limit by default. The answer to the last one says that the
    /// connection is closed.
    pub requests: Option<u64>,
    /// How long a connection may wait for its next request; 75 by default. Then it is closed.
    pub keep_alive: Option<f64>,
    /// How long the head of a request may take from its first byte on, and the first head from the beginning of the
    /// connection on, with the greetings of TLS and of a proxy; 30 by default. Status 408.
    pub head_timeout: Option<f64>,
    /// How long a read of a body waits for the next bytes; 60 by default. The read fails.
    pub read_timeout: Option<f64>,
    /// How long a write waits for a client that does not read; 60 by default. The write fails.
    pub write_timeout: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            request_line: 8192,
            head: 64 << 10,
            headers: 100,
            body: 1 << 30,
            requests: None,
            keep_alive: Some(75.0),
            head_timeout: Some(30.0),
            read_timeout: Some(60.0),
            write_timeout: Some(60.0),
        }
    }
}

/// How many headers a request can have at all, as their places are on the stack.
pub(super) const MOST_HEADERS: usize = 256;

/// How much of a body that the handler has not read is read and dropped, so that the connection can go on.
pub(super) const SKIPPED: u64 = 256 << 10;

/// How long, in seconds, a client is still read from that is to see the last answer before the connection is closed.
/// How much it sends is no matter: some send all that they have before they look for an answer.
pub(super) const LINGER: f64 = 2.0;
