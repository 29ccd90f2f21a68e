//! The counterpart of gevent's test__server_pywsgi, written anew: what holds for a web server as for other servers, for
//! each way to spawn handlers. What is about TLS is in tests/tls.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use gevent::event::Event;
use gevent::pywsgi::{Body, ResponseWriter, WSGIServer};
use gevent::server::{Spawn, StreamServer};
use gevent::socket::{TcpListener, TcpStream};
use gevent::{Exception, sleep, spawn};
use http::Request;

use crate::support::{ExpectedError, Reports, TestResult, bounded, fail, own_address};

/// Answers as the application of gevent's `SimpleWSGIServer`.
fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    match request.uri().path() {
        "/" | "/ping" => response.send("PONG"),
        _ => response.status(404)?.reason("pywsgi WTF?").map(drop),
    }
}

fn request(address: SocketAddr, path: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    Ok(stream)
}

fn answer(mut stream: TcpStream) -> io::Result<String> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[track_caller]
fn request_succeeds(address: SocketAddr) -> TestResult {
    let answer = answer(request(address, "/ping")?)?;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nPONG"),
        "{answer}"
    );
    Ok(())
}

/// A client can connect, but is not served.
#[track_caller]
fn not_accepted(address: SocketAddr) -> TestResult {
    let mut stream = request(address, "/ping")?;
    stream.set_timeout(0.01)?;
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    Ok(())
}

#[track_caller]
fn connection_refused(address: SocketAddr) {
    let error = TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// A server at an address where nobody listens yet.
fn at_an_address(spawn: Spawn) -> Result<WSGIServer, Exception> {
    let listener = TcpListener::bind(own_address())?;
    let builder = WSGIServer::builder().server(StreamServer::builder().backlog(25));
    Ok(builder
        .spawn(spawn)
        .log(None)
        .build(listener.local_addr()?, application))
}

fn with_a_socket(spawn: Spawn) -> Result<WSGIServer, Exception> {
    let listener = TcpListener::bind_with_backlog(own_address(), 5)?;
    Ok(WSGIServer::builder()
        .spawn(spawn)
        .log(None)
        .build_on(listener, application))
}

fn address_of(server: &WSGIServer) -> SocketAddr {
    server.address().expect("it is known")
}

fn start_stop(server: &WSGIServer, restartable: bool) -> TestResult {
    server.start()?;
    let address = address_of(server);
    request_succeeds(address)?;
    request_succeeds(address)?;
    if restartable {
        server.stop_accepting();
        not_accepted(address)?;
        server.start_accepting()?;
        request_succeeds(address)?;
    }
    server.stop()?;
    connection_refused(address);
    Ok(())
}

fn serves_forever(server: &WSGIServer) -> TestResult {
    let its = server.clone();
    let serving = spawn(move || its.serve_forever());
    sleep(0)?;
    let address = address_of(server);
    request_succeeds(address)?;
    server.stop()?;
    assert!(!server.started());
    connection_refused(address);
    serving.get()
}

macro_rules! for_each_spawn {
    ($($module:ident: $spawn:expr;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn test_backlog_is_accepted_for_address() -> TestResult {
                let _bounded = bounded();
                let server = at_an_address($spawn)?;
                connection_refused(address_of(&server));
                start_stop(&server, false)
            }

            #[test]
            fn test_subclass_just_create() -> TestResult {
                let _bounded = bounded();
                let server = with_a_socket($spawn)?;
                not_accepted(address_of(&server))?;
                server.stop()
            }

            #[test]
            fn test_subclass_with_socket() -> TestResult {
                let _bounded = bounded();
                let server = with_a_socket($spawn)?;
                // There is a listening socket already.
                not_accepted(address_of(&server))?;
                start_stop(&server, true)
            }

            #[test]
            fn test_subclass_with_address() -> TestResult {
                let _bounded = bounded();
                let server = at_an_address($spawn)?;
                connection_refused(address_of(&server));
                start_stop(&server, true)
            }

            #[test]
            fn test_serve_forever() -> TestResult {
                let _bounded = bounded();
                let server = at_an_address($spawn)?;
                assert!(!server.started());
                connection_refused(address_of(&server));
                serves_forever(&server)
            }

            #[test]
            fn test_serve_forever_after_start() -> TestResult {
                let _bounded = bounded();
                let server = at_an_address($spawn)?;
                connection_refused(address_of(&server));
                assert!(!server.started());
                server.start()?;
                assert!(server.started());
                serves_forever(&server)
            }

            /// gevent's application that is called with the wrong arguments is one that fails.
            #[test]
            fn test_invalid_callback() -> TestResult {
                let _bounded = bounded();
                let reports = Reports::new();
                let builder = WSGIServer::builder().spawn($spawn).log(None);
                let server = builder.build(own_address(), |_, _| fail::<()>("invalid"));
                server.start()?;
                let answer = answer(request(address_of(&server), "/")?)?;
                assert!(
                    answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n")
                        && answer.ends_with("\r\n\r\nInternal Server Error"),
                    "{answer}"
                );
                reports.one_with("ExpectedError");
                server.stop()
            }

            #[test]
            fn test_server_closes_client_sockets() -> TestResult {
                let _bounded = bounded();
                let server = WSGIServer::builder().spawn($spawn).log(None).build(own_address(), |_, _| ());
                server.start()?;
                let address = address_of(&server);
                // It is read to the end of the connection.
                let answer = answer(request(address, "/")?)?;
                assert!(answer.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{answer}");
                server.stop()?;
                connection_refused(address);
                Ok(())
            }

            #[test]
            fn test_error_in_spawn() -> TestResult {
                let _bounded = bounded();
                let reports = Reports::new();
                let server = with_a_socket($spawn)?;
                server.start()?;
                assert!(server.started());
                server.set_spawn(Spawn::with(|_| fail("test_error_in_spawn")));
                let mut client = TcpStream::connect(address_of(&server))?;
                assert_eq!(client.read(&mut [0])?, 0);
                reports.one_with("ExpectedError");
                server.set_spawn($spawn);
                request_succeeds(address_of(&server))?;
                server.stop()
            }

            #[test]
            fn test_server_repr_when_handle_is_instancemethod() -> TestResult {
                let _bounded = bounded();
                let server = with_a_socket($spawn)?;
                server.start()?;
                let address = address_of(&server);
                let shown = format!("{server:?}");
                assert!(shown.starts_with("<WSGIServer fileno="), "{shown}");
                assert!(shown.contains(&format!(" address={address} handle=<function ")), "{shown}");
                server.set_method(|_, _, _| ());
                assert!(format!("{server:?}").contains("test_server_repr"), "{server:?}");
                server.stop()
            }
        }
    )*};
}

for_each_spawn! {
    test_default_spawn: Spawn::Default;
    test_raw_spawn: Spawn::Raw;
    test_pool_spawn: Spawn::Pool(2);
}

#[test]
fn test_pool_full() -> TestResult {
    let _bounded = bounded();
    let (begun, short, long) = (Event::new(), Event::new(), Event::new());
    let events = (begun.clone(), short.clone(), long.clone());
    let builder = WSGIServer::builder().spawn(2).log(None);
    let server = builder.build(own_address(), move |request, response| {
        let (begun, short, long) = &events;
        match request.uri().path() {
            "/short" | "/long" => {
                begun.set();
                if request.uri().path() == "/short" { short } else { long }.wait()?;
                Ok(())
            }
            _ => application(request, response),
        }
    });
    server.start()?;
    let address = address_of(&server);
    let mut waiting = Vec::new();
    for path in ["/short", "/long"] {
        waiting.push(request(address, path)?);
        begun.wait()?;
        begun.clear();
    }
    assert!(server.full());
    for _ in 0..3 {
        not_accepted(address)?;
    }
    short.set();
    request_succeeds(address)?;
    long.set();
    for stream in waiting {
        assert!(answer(stream)?.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    server.stop()
}

/// gevent's test is about an error that is none of Python's `Exception`s.
#[test]
fn test_wrap_socket_and_handle_wrap_failure() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let bad_wrap = |_: TcpStream| Err::<TcpStream, _>(ExpectedError("bad wrap"));
    let server = WSGIServer::builder()
        .log(None)
        .wrap_socket(bad_wrap)
        .build(own_address(), application);
    server.start()?;
    for _ in 0..2 {
        let mut client = TcpStream::connect(address_of(&server))?;
        assert_eq!(client.read(&mut [0])?, 0);
        sleep(0)?;
        reports.one_with("ExpectedError");
    }
    server.stop()
}
