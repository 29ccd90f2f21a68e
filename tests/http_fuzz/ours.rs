//! Our server, on a connection that is memory. What the client has sent comes in pieces, cut where a test says.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::os::unix::net::SocketAddr;
use std::rc::Rc;

use gevent::Exception;
use gevent::pywsgi::{Body, ClientError, ResponseWriter, WSGIServer, WebStream};
use gevent::server::Spawn;
use gevent::socket::{UnixListener, UnixStream};
use http::{Method, Request};

use crate::verdict::{Seen, Verdict};

/// A client that has sent the input, and its end.
#[derive(Clone, Default)]
struct Client(Rc<Sent>);

#[derive(Default)]
struct Sent {
    input: Vec<u8>,
    /// Where the input is cut, in order.
    cuts: Vec<usize>,
    from: Cell<usize>,
    output: RefCell<Vec<u8>>,
    ended: Cell<bool>,
}

impl Read for Client {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Sent { input, cuts, from, .. } = &*self.0;
        let begin = from.get();
        let cut = cuts.get(cuts.partition_point(|cut| *cut <= begin)).copied();
        let end = cut.unwrap_or(input.len()).min(begin + buf.len());
        buf[..end - begin].copy_from_slice(&input[begin..end]);
        from.set(end);
        Ok(end - begin)
    }
}

impl Write for Client {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        assert!(!self.0.ended.get(), "something is sent behind the end");
        self.0.output.borrow_mut().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WebStream for Client {
    fn end_writing(&self) -> io::Result<()> {
        self.0.ended.set(true);
        Ok(())
    }
}

/// What the server's functions share with [`Ours`].
#[derive(Default)]
struct Shared {
    client: RefCell<Client>,
    seen: RefCell<Vec<Seen>>,
    refused: RefCell<Option<String>>,
    reads: Cell<bool>,
}

/// Our server.
pub struct Ours {
    server: WSGIServer<UnixListener>,
    shared: Rc<Shared>,
}

impl Ours {
    /// A server that is not started: it serves the connections that it is given.
    ///
    /// # Errors
    /// Fails as the making of a server does.
    pub fn new() -> Result<Ours, Exception> {
        let shared = Rc::<Shared>::default();
        let (its, handlers, errors) = (shared.clone(), shared.clone(), shared.clone());
        let server = WSGIServer::builder()
            .spawn(Spawn::InHub)
            .log(None)
            .error_log(Some(Rc::new(move |error: &ClientError| {
                let before = errors.refused.replace(Some(error.fault.to_string()));
                assert_eq!(before, None, "two requests of a connection are refused");
            })))
            .wrap_socket(move |_: UnixStream| Ok::<_, Infallible>(its.client.borrow().clone()))
            .build_at_path("never-started", move |request, response| {
                handlers.handle(request, response)
            })?;
        Ok(Ours { server, shared })
    }

    /// What the server makes of the input if it comes cut at these places, and its answers, without their dates.
    ///
    /// # Errors
    /// Fails if there are no descriptors.
    pub fn serve(&self, input: &[u8], cuts: &[usize]) -> Result<(Verdict, Vec<u8>), Exception> {
        let answers = self.answers(input, cuts, true)?;
        let verdict = Verdict::of(self.shared.seen.take(), self.shared.refused.take(), &answers);
        Ok((verdict, without_dates(&answers)))
    }

    /// The answers, without their dates, of a handler that reads no bodies.
    ///
    /// # Errors
    /// Fails if there are no descriptors.
    pub fn skip(&self, input: &[u8], cuts: &[usize]) -> Result<Vec<u8>, Exception> {
        let answers = self.answers(input, cuts, false)?;
        drop(self.shared.seen.take());
        drop(self.shared.refused.take());
        Ok(without_dates(&answers))
    }

    fn answers(&self, input: &[u8], cuts: &[usize], reads: bool) -> Result<Vec<u8>, Exception> {
        let client = Client(Rc::new(Sent {
            input: input.to_vec(),
            cuts: cuts.to_vec(),
            ..Sent::default()
        }));
        self.shared.client.replace(client.clone());
        self.shared.reads.set(reads);
        // The server has a socket to set the deadlines of.
        let (socket, _other) = UnixStream::pair()?;
        self.server.do_handle(socket, SocketAddr::from_pathname("client")?)?;
        assert!(client.0.ended.get(), "the connection has no end");
        Ok(client.0.output.take())
    }
}

impl std::fmt::Debug for Ours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ours")
    }
}

impl Shared {
    fn handle(&self, request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
        let mut body = Vec::new();
        if self.reads.get() {
            request.body_mut().read_to_end(&mut body)?;
        }
        self.seen.borrow_mut().push(Seen {
            method: request.method().clone(),
            target: request.uri().to_string(),
            version: request.version(),
            headers: request.headers().clone(),
            body,
            trailers: request.body().trailers().cloned(),
        });
        if request.method() == Method::CONNECT {
            response.status(405)?;
        }
        response.send("hello")
    }
}

/// The answers without the lines that begin with `Date`.
fn without_dates(answers: &[u8]) -> Vec<u8> {
    let lines = answers.split_inclusive(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.starts_with(b"Date: "))
        .collect::<Vec<_>>()
        .concat()
}
