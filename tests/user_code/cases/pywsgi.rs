//! HTTP servers.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::rc::Rc;

use crate::support::{TestResult, own_address, start_again};
use crate::trap::{Case, Code, Trap, Value, any};
use gevent::Exception;
use gevent::pywsgi::{Builder, LogTo, ResponseWriter, WSGIServer, WebStream, service};
use gevent::socket::{TcpListener, TcpStream};

/// A server, and how many requests its handler was called for.
type Server = (WSGIServer, Rc<Cell<u32>>);

fn builder() -> Builder {
    WSGIServer::builder().log(None).error_log(None)
}

/// Starts a server that `build` makes of a handler. The handler does `more`.
fn start(build: impl FnOnce(Handler) -> WSGIServer, more: impl Fn(&mut ResponseWriter) + 'static) -> Server {
    let served = Rc::<Cell<u32>>::default();
    let count = served.clone();
    let server = build(Box::new(move |response| {
        count.set(count.get() + 1);
        more(response);
        response.send("hello")
    }));
    server.set_log(None);
    server.start().expect("there are ports");
    (server, served)
}

type Handler = Box<dyn Fn(&mut ResponseWriter) -> Result<(), Exception>>;

/// Asks, and waits until the connection is over.
fn ask((server, _): &Server) -> TestResult {
    let address = server.address().expect("it was started");
    let mut stream = TcpStream::connect(address)?;
    stream.set_timeout(30)?;
    any(stream.write_all(b"GET / HTTP/1.0\r\n\r\n").map_err(Into::into));
    any(stream.read_to_end(&mut Vec::new()).map_err(Into::into));
    Ok(())
}

fn answers(server: &Server) {
    start_again(|| server.0.start()).expect("its port is free");
    let before = server.1.get();
    ask(server).expect("it listens");
    assert!(server.1.get() > before, "nobody is served any more");
    server.0.close();
}

fn others((server, _): &Server) {
    let _ = (server.started(), server.log().is_some(), format!("{server:?}"));
    server.set_limits(server.limits());
    server.close();
}

fn run(names: &'static [&'static str], make: fn(Trap) -> Server) {
    Case {
        names,
        make,
        calls: vec![|server, _| ask(server)],
        others,
        waits: Some(|(server, _)| server.serve_forever()),
        after: answers,
    }
    .run();
}

#[test]
fn handlers_of_requests() {
    let servers: [fn(Trap) -> Server; 4] = [
        |trap| {
            let build = |handler: Handler| WSGIServer::new(own_address(), move |_, response| handler(response));
            start(build, move |_| trap.spring())
        },
        |trap| {
            let build = |handler: Handler| {
                let listener = TcpListener::bind(own_address()).expect("there are ports");
                builder().build_on(listener, move |_, response| handler(response))
            };
            start(build, move |_| trap.spring())
        },
        |trap| {
            let build = |handler: Handler| {
                let server = builder().build(own_address(), |_, _| ());
                server.set_application(move |_, response| handler(response));
                server
            };
            start(build, move |_| trap.spring())
        },
        |trap| {
            let served = Rc::<Cell<u32>>::default();
            let count = served.clone();
            let function = move |_: http::Request<&mut gevent::pywsgi::Body>| {
                count.set(count.get() + 1);
                trap.spring();
                Ok(http::Response::new("hello"))
            };
            let server = builder().build(own_address(), service(function));
            server.start().expect("there are ports");
            (server, served)
        },
    ];
    for make in servers {
        run(
            &[
                "pywsgi::WSGIServer::{new, set_application} | Fn",
                "pywsgi::Builder::{build, build_on, build_at_path} | Fn",
                "pywsgi::service | Fn",
            ],
            make,
        );
    }
}

#[test]
fn logs_of_servers() {
    let servers: [fn(Trap) -> Server; 4] = [
        |trap| {
            let builder = builder().log(Some(Rc::new(move |_| trap.spring())));
            let served = Rc::<Cell<u32>>::default();
            let count = served.clone();
            let server = builder.build(own_address(), move |_, _| count.set(count.get() + 1));
            server.start().expect("there are ports");
            (server, served)
        },
        |trap| {
            let server = start(plain, |_| ());
            server.0.set_log(Some(Rc::new(move |_| trap.spring())));
            server
        },
        |trap| {
            let log: gevent::pywsgi::ErrorLog = Rc::new(move |_| trap.spring());
            start(move |handler| wrong(builder().error_log(Some(log)), handler), |_| ())
        },
        |trap| {
            let server = start(|handler| wrong(builder(), handler), |_| ());
            server.0.set_error_log(Some(Rc::new(move |_| trap.spring())));
            server
        },
    ];
    for make in servers {
        run(
            &[
                "pywsgi::WSGIServer::{set_log, set_error_log} | Fn",
                "pywsgi::Builder::{log, error_log} | Fn",
            ],
            make,
        );
    }
}

fn plain(handler: Handler) -> WSGIServer {
    builder().build(own_address(), move |_, response| handler(response))
}

/// A server to which each request but the first is one that it refuses.
fn wrong(builder: Builder, handler: Handler) -> WSGIServer {
    let wrap = |stream: TcpStream| -> io::Result<Doubled> {
        Ok(Doubled {
            stream,
            more: Rc::new(Cell::new(b"GET / HTTP/1.1\r\n\r\nwrong\r\n\r\n")),
        })
    };
    let builder = builder.wrap_socket(wrap);
    builder.build(own_address(), move |_, response| handler(response))
}

/// A stream that reads as if the client had sent this.
#[derive(Clone)]
struct Doubled {
    stream: TcpStream,
    more: Rc<Cell<&'static [u8]>>,
}

impl Read for Doubled {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.more.take() {
            [] => self.stream.read(buf),
            mut more => {
                let n = more.read(buf)?;
                self.more.set(more);
                Ok(n)
            }
        }
    }
}

impl Write for Doubled {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WebStream for Doubled {
    fn end_writing(&self) -> io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Both)
    }
}

/// A stream whose functions spring a trap.
#[derive(Clone)]
struct Trapped {
    stream: TcpStream,
    reads: Option<Trap>,
    writes: Option<Trap>,
}

impl Read for Trapped {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads.iter().for_each(|trap| trap.spring());
        self.stream.read(buf)
    }
}

impl Write for Trapped {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writes.iter().for_each(|trap| trap.spring());
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WebStream for Trapped {
    fn end_writing(&self) -> io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Write)
    }
}

#[test]
fn functions_that_wrap_and_their_streams() {
    let servers: [fn(Trap) -> Server; 3] = [
        |trap| {
            let served = Rc::<Cell<u32>>::default();
            let count = served.clone();
            let wrap = move |stream: TcpStream| -> io::Result<TcpStream> {
                count.set(count.get() + 1);
                trap.spring();
                Ok(stream)
            };
            let server = builder().wrap_socket(wrap).build(own_address(), |_, _| ());
            server.start().expect("there are ports");
            (server, served)
        },
        |trap| wrapped(Some(trap), None),
        |trap| wrapped(None, Some(trap)),
    ];
    for make in servers {
        run(
            &[
                "pywsgi::Builder::wrap_socket, pywsgi::Wrapped::wrap_socket | Fn",
                "pywsgi::NotWrapped::wrap_socket, pywsgi::Wrapped::wrap_socket | WebStream",
                "pywsgi::Body::stream, pywsgi::Upgraded::into_stream | WebStream",
            ],
            make,
        );
    }
}

fn wrapped(reads: Option<Trap>, writes: Option<Trap>) -> Server {
    let wrap = move |stream: TcpStream| -> io::Result<Trapped> { Ok(Trapped { stream, reads, writes }) };
    let build = move |handler: Handler| {
        let builder = builder().wrap_socket(wrap);
        builder.build(own_address(), move |request, response| {
            assert!(request.body().stream::<Trapped>().is_some());
            handler(response)
        })
    };
    start(build, |_| ())
}

/// Headers, of which there are none, whose iterator springs the trap.
fn headers(trap: Trap) -> impl Iterator<Item = (&'static str, &'static str)> {
    std::iter::from_fn(move || {
        trap.spring();
        None
    })
}

#[test]
fn iterators_of_headers() {
    run(&["pywsgi::ResponseWriter::informational | Iterator"], |trap| {
        start(plain, move |response| {
            any(response.informational(103, headers(trap)));
        })
    });
    run(&["pywsgi::ResponseWriter::start_response | Iterator"], |trap| {
        start(plain, move |response| {
            any(response.start_response("200 OK", headers(trap)).map(drop));
        })
    });
}

/// Writes nowhere, and springs the trap.
struct Springs(Trap);

impl Write for Springs {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.spring();
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Hasher for Springs {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, _: &[u8]) {
        self.0.spring();
    }
}

#[test]
fn lines_and_writers_of_logs() {
    /// A log, and what it has written.
    type Log = (LogTo, Rc<Cell<usize>>);
    struct Counts(Rc<Cell<usize>>, Trap);
    impl Write for Counts {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.1.spring();
            self.0.set(self.0.get() + buf.len());
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let after = |(log, written): &Log| {
        let before = written.get();
        log.line("the next line");
        log.flush();
        assert!(written.get() >= before + "the next line\n".len(), "it is not written");
    };
    Case {
        names: &["pywsgi::LogTo::new | Write"],
        make: |trap| {
            let written = Rc::<Cell<usize>>::default();
            (LogTo::new(Counts(written.clone(), trap)), written)
        },
        calls: vec![
            |(log, _), _| {
                log.line("a line");
                log.flush();
                Ok(())
            },
            |(log, _), _| {
                log.line("a line");
                gevent::sleep(0)
            },
        ],
        others: |(log, _)| {
            log.line("another line");
            log.flush();
        },
        waits: None,
        after,
    }
    .run();
    Case {
        names: &["pywsgi::LogTo::line | Display"],
        make: |_| (LogTo::new(io::sink()), ()),
        calls: vec![|(log, ()), trap| {
            log.line(Value::trapped(0, Code::Debug, trap));
            Ok(())
        }],
        others: |(log, ())| log.line("another line"),
        waits: None,
        after: |(log, ())| log.flush(),
    }
    .run();
}

#[test]
fn what_servers_hash_and_drop() {
    Case {
        names: &[
            "pywsgi::WSGIServer::hash | Hash",
            "pywsgi::{WSGIServer, Builder, Wrapped}::drop | Drop",
        ],
        make: |_| (),
        calls: vec![
            |(), trap| {
                start(plain, |_| ()).0.hash(&mut Springs(trap));
                Ok(())
            },
            |(), trap| {
                let value = Value::trapped(0, Code::Drop, trap);
                drop(builder().build(own_address(), move |_, _| drop(value.number.to_string())));
                Ok(())
            },
            |(), trap| {
                let value = Value::trapped(0, Code::Drop, trap);
                let wrap = move |stream: TcpStream| -> io::Result<TcpStream> {
                    assert_eq!(value.number, 0);
                    Ok(stream)
                };
                drop(builder().wrap_socket(wrap));
                Ok(())
            },
            |(), trap| {
                let value = Value::trapped(0, Code::Drop, trap);
                let server = start(plain, |_| ()).0;
                server.set_log(Some(Rc::new(move |_| assert_eq!(value.number, 0))));
                server.set_log(None);
                Ok(())
            },
        ],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}
