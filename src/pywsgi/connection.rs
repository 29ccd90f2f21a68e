//! Serves one connection: request after request.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};
use http::{HeaderMap, Method, Request, Version};
use hub::{Context, Hub};

use super::body::Body;
use super::buffers;
use super::connections::{Connection, Connections};
use super::environ::{Facts, Failed};
use super::fault::Fault;
use super::head::{self, Head};
use super::input::{Home, Input};
use super::limits::{LINGER, Limits};
use super::log::{Access, AccessLog, ClientError, ErrorLog};
use super::proxy::{self, ProxyProtocol};
use super::response::ResponseWriter;
use super::stream::WebStream;
use super::wire::Wire;
use crate::socket::{MSG_PEEK, Socket, ends_all};

/// A handler, as the server has it.
pub(super) type Handler = dyn Fn(&mut Request<Body>, &mut ResponseWriter) -> Result<(), Exception>;

/// What the connections of a server have in common.
pub(super) struct Shared {
    pub(super) hub: Hub,
    pub(super) handler: RefCell<Rc<Handler>>,
    pub(super) limits: Cell<Limits>,
    pub(super) log: RefCell<Option<AccessLog>>,
    pub(super) error_log: RefCell<Option<ErrorLog>>,
    pub(super) proxy: ProxyProtocol,
    pub(super) scheme: Cow<'static, str>,
    pub(super) connections: Rc<Connections>,
}

/// Serves a client that has just connected. `wrap` makes the stream of it.
#[track_caller]
pub(super) fn serve<C, S>(
    shared: &Shared,
    client: C,
    remote: Option<SocketAddr>,
    wrap: impl FnOnce(C) -> Result<S, Exception>,
) -> Result<(), Exception>
where
    C: WebStream + Into<Socket>,
    S: WebStream,
{
    let limits = shared.limits.get();
    let connection = shared.connections.add(client.clone().into());
    connection.set_deadline(limits.head_timeout);
    let socket = connection.socket().clone();
    socket.set_write_timeout(limits.write_timeout)?;
    // A Unix socket has no such option.
    let _ = socket.with_options(|socket| socket.set_tcp_nodelay(true));
    let mut facts = Facts {
        remote,
        local: None,
        scheme: shared.scheme.clone(),
        socket,
    };
    if shared.proxy == ProxyProtocol::Required {
        match greeting(&client, &facts.socket) {
            Ok(Some((from, to))) => (facts.remote, facts.local) = (Some(from), Some(to)),
            Ok(None) => {}
            Err(error) => {
                if let Some(fault) = Fault::of(&error) {
                    shared.tell_of(remote, fault);
                }
                return unless_thrown(error);
            }
        }
    }
    let stream = match wrap(client) {
        Err(_) if connection.is_late() => return Ok(()),
        wrapped => wrapped?,
    };
    let wire = Rc::new(Wire::new(stream));
    let input = Box::new(Input::new(wire.clone(), Rc::new(facts)));
    let served = Served {
        shared,
        limits,
        response: ResponseWriter::new(wire.clone(), shared.connections.clone()),
        home: Home::default(),
        remote: input.facts.remote,
        wire,
        connection,
        requests: 0,
        ended: None,
    };
    served.all(input).or_else(unless_thrown)
}

/// Reads the greeting of a proxy.
#[track_caller]
fn greeting(client: &impl WebStream, socket: &Socket) -> io::Result<proxy::Greeting> {
    let peek = |buf: &mut [u8]| {
        let seen = socket.recv_with_flags(buf.len(), MSG_PEEK)?;
        buf[..seen.len()].copy_from_slice(&seen);
        Ok(seen.len())
    };
    proxy::read(peek, |buf| client.clone().read_exact(buf))
}

/// What was thrown into the greenlet ends it. That a client is gone is nothing to tell of.
fn unless_thrown(error: io::Error) -> Result<(), Exception> {
    match ends_all(&error) {
        true => Err(error.into()),
        false => Ok(()),
    }
}

impl Shared {
    /// Tells the error log of a client's fault.
    fn tell_of(&self, remote: Option<SocketAddr>, fault: Fault) {
        let log = self.error_log.borrow().clone();
        if let Some(log) = log {
            self.guard(|| log(&ClientError { remote, fault }));
        }
    }

    /// Calls a log of the user's. Its panic is reported, and does not keep the client from its answer.
    fn guard(&self, log: impl FnOnce()) {
        match catch(log) {
            Ok(()) => {}
            Err(Caught::Panic(exception)) => self.hub.report_error(Context::Object(&"a log"), exception),
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }
}

/// A connection that is served.
struct Served<'a> {
    shared: &'a Shared,
    limits: Limits,
    connection: Connection,
    wire: Rc<Wire>,
    home: Home,
    response: ResponseWriter,
    remote: Option<SocketAddr>,
    /// How many requests there were.
    requests: u64,
    /// When the last one ended, if that was now.
    ended: Option<Instant>,
}

/// What comes after a request.
enum Then {
    /// The next one.
    Next,
    /// The end of the connection. The client may still be sending.
    Linger,
    /// The end of the connection.
    End,
    /// The end of the connection, which the client must not take for the end of the answer.
    Cut,
}

impl Served<'_> {
    /// Serves all requests of the connection.
    #[track_caller]
    fn all(mut self, mut input: Box<Input>) -> io::Result<()> {
        loop {
            let then = match self.next_head(&mut input) {
                Ok(Some(head)) => {
                    let (back, then) = self.one(head, input)?;
                    match back {
                        Some(back) => input = back,
                        // The handler keeps the body, or has upgraded the connection.
                        None => return self.end(),
                    }
                    then
                }
                Ok(None) => Then::End,
                Err(error) => match Fault::of(&error) {
                    Some(fault) => self.refuse(fault, &input),
                    None => return Err(error),
                },
            };
            match then {
                Then::Next => self.wire.flush_if_full()?,
                Then::Linger => return self.linger(&mut input),
                Then::End => return self.end(),
                Then::Cut => return self.cut(),
            }
        }
    }

    /// Sends the last answer, and the end of the data.
    #[track_caller]
    fn end(&self) -> io::Result<()> {
        if let Err(error) = self.wire.flush() {
            // This fails as the write did.
            let _ = self.cut();
            return Err(error);
        }
        self.wire.end_writing()
    }

    /// Sends what there is of the last answer, without a proper end.
    #[track_caller]
    fn cut(&self) -> io::Result<()> {
        let flushed = self.wire.flush();
        if self.wire.is_broken() || self.response.is_until_close() {
            // An ordinary end would be that of the answer, too; and a client that does not read gets no more data.
            let socket = self.connection.socket();
            socket.with_options(|socket| socket.set_linger(Some(Duration::ZERO)))??;
        }
        flushed
    }

    /// Reads the next head. Returns none at the end of the connection.
    #[track_caller]
    fn next_head(&mut self, input: &mut Input) -> io::Result<Option<Head>> {
        let is_first = self.requests == 0;
        let mut has_line = input.data().contains(&b'\n');
        if input.is_empty() {
            self.wait_for_request(input, is_first)?;
        } else if has_line && let Some(head) = self.parse(input, true)? {
            return Ok(Some(head));
        } else {
            self.connection.set_deadline(self.limits.head_timeout);
        }
        loop {
            let was_empty = input.is_empty();
            let had = input.data().len();
            if input.fill()? == 0 {
                return match self.connection.is_late() && !input.is_empty() {
                    true => Err(Fault::TooLate.into()),
                    // What is wrong in the last line is told, as in the others.
                    false => self.parse(input, false),
                };
            }
            self.connection.set_idle(false);
            let ends_line = input.data()[had..].contains(&b'\n');
            has_line |= ends_line;
            // A head ends, and is found to be wrong, with a line.
            if ends_line {
                if let Some(head) = self.parse(input, true)? {
                    return Ok(Some(head));
                }
            } else {
                let len = input.data().len();
                if !has_line && len >= self.limits.request_line {
                    return Err(Fault::LineTooLong.into());
                }
                if len > self.limits.head {
                    return Err(Fault::HeadTooLarge.into());
                }
            }
            if was_empty && !is_first {
                self.connection.set_deadline(self.limits.head_timeout);
            }
        }
    }

    /// Waits for the first bytes of a request, without memory for them.
    #[track_caller]
    fn wait_for_request(&mut self, input: &mut Input, is_first: bool) -> io::Result<()> {
        if !is_first {
            let since = self.ended.take().unwrap_or_else(Instant::now);
            self.connection.set_quiet(self.limits.keep_alive, since);
        }
        if self.connection.set_idle(true) {
            // The server was closed. What has come already is still served.
            self.connection.end_reading();
        }
        self.wire.flush()?;
        input.give_back();
        buffers::give_back_output(self.wire.take_memory());
        self.wire.wait_to_read()?;
        self.wire.lend(buffers::output());
        Ok(())
    }

    /// The head at the beginning of the input, if it is complete.
    fn parse(&mut self, input: &mut Input, more: bool) -> io::Result<Option<Head>> {
        let Some((head, len)) = head::parse(input.data(), &self.limits, more)? else {
            return Ok(None);
        };
        input.consume(len);
        self.connection.set_deadline(None);
        self.connection.set_idle(false);
        Ok(Some(head))
    }

    /// Serves a request. Returns the input, unless it is somebody else's now.
    #[track_caller]
    fn one(&mut self, head: Head, input: Box<Input>) -> io::Result<(Option<Box<Input>>, Then)> {
        let log = self.shared.log.borrow().clone();
        let began = log.as_ref().map(|_| Instant::now());
        self.requests += 1;
        let is_last = !head.keeps_alive || self.limits.requests.is_some_and(|most| self.requests >= most);
        self.response.begin(&head.method, head.version, is_last);
        let body = Body::new(input, head.framing, head.expects, self.limits, self.home.clone());
        let mut request = Request::new(body);
        *request.method_mut() = head.method;
        *request.uri_mut() = head.uri;
        *request.version_mut() = head.version;
        *request.headers_mut() = head.headers;

        // The answers to earlier requests, which wait for others to be sent with, do not wait for this handler.
        self.wire.flush_soon();
        let handler = self.shared.handler.borrow().clone();
        let handled = match catch(|| handler(&mut request, &mut self.response)) {
            Ok(handled) => handled,
            Err(Caught::Panic(exception)) => Err(exception),
            Err(Caught::Forced(unwind)) => unwind.resume(),
        };
        let answered = handled.and_then(|()| {
            if request.body().has_much_left() {
                self.response.set_close();
            }
            self.response.finish()
        });
        let thrown = match answered {
            Ok(()) => {
                // The handler may have caught the error.
                if let Some(fault) = request.body().fault() {
                    self.shared.tell_of(self.remote, fault);
                }
                None
            }
            Err(exception) => self.failed(&request, &head.line, exception),
        };
        self.ended = None;
        if let (Some(log), Some(began)) = (log, began) {
            let ended = Instant::now();
            let access = Access {
                remote: self.remote,
                request_line: std::str::from_utf8(&head.line).unwrap_or_default(),
                headers: request.headers(),
                status: self.response.status_code().as_u16(),
                bytes: self.response.sent(),
                took: ended.saturating_duration_since(began),
                ended,
            };
            self.shared.guard(|| log(&access));
            // If more is to be done, that takes time.
            let is_all = !request.body().has_more() && !self.wire.is_full();
            self.ended = is_all.then_some(ended);
        }
        buffers::give_back_headers(std::mem::take(request.headers_mut()));
        if let Some(exception) = thrown {
            // The greenlet was killed: what can be sent without waiting is, and the client can tell that this is not
            // all.
            let _ = self.connection.socket().set_write_timeout(0.0);
            let _ = self.cut();
            return Err(exception.into());
        }
        let then = self.after(&mut request)?;
        drop(request);
        Ok((self.home.take(), then))
    }

    /// What comes after this request, whose handler has returned.
    #[track_caller]
    fn after(&mut self, request: &mut Request<Body>) -> io::Result<Then> {
        if self.wire.is_broken() || self.response.is_cut() {
            return Ok(Then::Cut);
        }
        let body = request.body_mut();
        if self.response.closes() {
            return Ok(match body.has_more() {
                true => Then::Linger,
                false => Then::End,
            });
        }
        let had_fault = body.fault().is_some();
        if body.skip()? {
            return Ok(Then::Next);
        }
        if let Some(fault) = body.fault().filter(|_| !had_fault) {
            self.shared.tell_of(self.remote, fault);
        }
        Ok(Then::Linger)
    }

    /// Answers for a handler that has failed. Returns the exception if it is one that ends the greenlet.
    #[cold]
    fn failed(&mut self, request: &Request<Body>, line: &Bytes, exception: Exception) -> Option<Exception> {
        // Another error of a handler is its own, whatever the client has done besides.
        let error = exception.downcast_ref::<io::Error>();
        let fault = request.body().fault().filter(|_| error.and_then(Fault::of).is_some());
        let is_exit = exception.is_exit();
        match fault {
            Some(fault) => self.shared.tell_of(self.remote, fault),
            // The client is gone, which is nothing to tell of.
            None if is_exit || self.wire.is_broken() && error.is_some() => {}
            None => {
                let line = String::from_utf8_lossy(line);
                let shown = line.split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ");
                let failed = Failed {
                    line: shown,
                    remote: self.remote,
                };
                self.shared
                    .hub
                    .report_error(Context::Object(&failed), exception.clone());
            }
        }
        let status = fault.map_or(http::StatusCode::INTERNAL_SERVER_ERROR, Fault::status);
        self.response.fail(status);
        is_exit.then_some(exception)
    }

    /// Answers a request that is not served, and that begins the input.
    #[cold]
    fn refuse(&mut self, fault: Fault, input: &Input) -> Then {
        self.shared.tell_of(self.remote, fault);
        self.response.begin(&Method::GET, Version::HTTP_11, true);
        self.response.refuse(fault.status());
        let log = self.shared.log.borrow().clone();
        if let Some(log) = log {
            let line = String::from_utf8_lossy(head::first_line(input.data(), &self.limits));
            let access = Access {
                remote: self.remote,
                request_line: if line.is_empty() { "-" } else { &line },
                headers: &HeaderMap::new(),
                status: fault.status().as_u16(),
                bytes: self.response.sent(),
                took: Duration::ZERO,
                ended: Instant::now(),
            };
            self.shared.guard(|| log(&access));
        }
        Then::Linger
    }

    /// Ends a connection whose client may still be sending. If it was closed at once, the system would tell the client
    /// of a reset as soon as more data come, and the client would lose the answer. So only the sending ends, and what
    /// comes is read and dropped, for some time.
    #[track_caller]
    fn linger(&mut self, input: &mut Input) -> io::Result<()> {
        self.wire.flush()?;
        self.wire.end_writing()?;
        self.connection.set_deadline(Some(LINGER));
        if self.connection.set_idle(true) {
            self.connection.end_reading();
        }
        // The deadline ends the wait for more, and this one a client that sends all the time.
        let end = Instant::now() + Duration::from_secs_f64(LINGER);
        loop {
            let n = input.data().len();
            input.consume(n);
            if input.fill()? == 0 || Instant::now() >= end {
                return Ok(());
            }
        }
    }
}
