//! The counterpart of gevent's test__server, written anew: what holds for each way to spawn handlers.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;

use gevent::event::Event;
use gevent::exceptions::BlockingSwitchOutError;
use gevent::server::{Spawn, StreamServer, wrap_socket_and_handle};
use gevent::socket::{TcpListener, TcpStream};
use gevent::{Exception, sleep, spawn};

use crate::support::{ExpectedError, Reports, TestResult, bounded, fail, own_address};

/// Answers a request as gevent's `SimpleStreamServer` does.
fn simple(mut stream: TcpStream, _address: SocketAddr) -> TestResult {
    let mut line = String::new();
    BufReader::new(stream.clone()).read_line(&mut line)?;
    match line.split(' ').nth(1) {
        None => {}
        Some("/ping") => stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nPONG")?,
        Some("/long" | "/short") => {
            stream.write_all(b"hello")?;
            stream.read_to_end(&mut Vec::new())?;
        }
        Some(_) => stream.write_all(b"HTTP/1.0 404 WTF?\r\n\r\n")?,
    }
    Ok(())
}

fn request(address: SocketAddr, path: &str) -> Result<TcpStream, Exception> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    Ok(stream)
}

#[track_caller]
fn request_succeeds(address: SocketAddr) -> TestResult {
    let mut answer = String::new();
    request(address, "/ping")?.read_to_string(&mut answer)?;
    assert!(answer.ends_with("\r\n\r\nPONG"), "{answer}");
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

/// A port of this machine that nobody uses, and where nobody else will listen meanwhile.
fn unused() -> Result<SocketAddr, Exception> {
    Ok(TcpListener::bind(own_address())?.local_addr()?)
}

fn at_an_address(spawn: Spawn) -> Result<StreamServer, Exception> {
    Ok(StreamServer::builder().spawn(spawn).build(unused()?, simple))
}

fn with_a_socket(spawn: Spawn) -> Result<StreamServer, Exception> {
    let listener = TcpListener::bind_with_backlog(own_address(), 5)?;
    Ok(StreamServer::builder().spawn(spawn).build_on(listener, simple))
}

fn address_of(server: &StreamServer) -> SocketAddr {
    server.address().expect("it is known")
}

fn start_stop(server: &StreamServer, restartable: bool) -> TestResult {
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

fn serves_forever(server: &StreamServer) -> TestResult {
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
                let address = unused()?;
                let server = StreamServer::builder().spawn($spawn).backlog(25).build(address, simple);
                connection_refused(address);
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
                server.start()?;
                assert!(server.started());
                serves_forever(&server)
            }

            #[test]
            fn test_server_closes_client_sockets() -> TestResult {
                let _bounded = bounded();
                let server = StreamServer::builder().spawn($spawn).build(own_address(), |_, _| ());
                server.start()?;
                let address = address_of(&server);
                let read = request(address, "/")?.read(&mut [0]);
                // A connection that is closed with data unread is reset.
                assert!(matches!(&read, Ok(0)) || read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
                server.stop()?;
                connection_refused(address);
                Ok(())
            }

            #[test]
            fn test_error_in_spawn() -> TestResult {
                let _bounded = bounded();
                let reports = Reports::new();
                let server = StreamServer::builder().spawn($spawn).build(own_address(), simple);
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
                let server = StreamServer::builder().spawn($spawn).build(own_address(), simple);
                server.start()?;
                let fileno = server.socket().expect("it listens").as_raw_fd();
                let (address, shown) = (address_of(&server), format!("{server:?}"));
                let handle = "net::server_spawns::simple";
                assert_eq!(shown, format!("<StreamServer fileno={fileno} address={address} handle=<function {handle}>>"));
                server.set_method(|_, _, _| ());
                assert!(format!("{server:?}").contains("test_server_repr"), "{server:?}");
                server.stop()?;
                assert!(format!("{server:?}").starts_with("<StreamServer address="), "{server:?}");
                Ok(())
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
    let server = StreamServer::builder().spawn(2).build(own_address(), simple);
    server.start()?;
    let address = address_of(&server);
    let (mut long, mut short) = (request(address, "/long")?, request(address, "/short")?);
    for stream in [&mut long, &mut short] {
        stream.read_exact(&mut [0; 5])?;
    }
    assert!(server.full());
    for _ in 0..3 {
        not_accepted(address)?;
    }
    drop(short);
    request_succeeds(address)?;
    drop(long);
    server.stop()
}

#[test]
fn test_assertion_in_blocking_func() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = StreamServer::builder()
        .spawn(Spawn::InHub)
        .build(own_address(), |_, _| sleep(0.001));
    server.start()?;
    let mut client = TcpStream::connect(address_of(&server))?;
    assert_eq!(client.read(&mut [0])?, 0);
    reports.one_with("BlockingSwitchOutError");
    assert!(
        Exception::new(BlockingSwitchOutError)
            .to_string()
            .contains("Impossible to call blocking")
    );
    server.stop()
}

#[test]
fn test_wrap_socket_and_handle_wrap_failure() -> TestResult {
    let _bounded = bounded();
    let bad_wrap = |_: TcpStream| Err::<TcpStream, _>(ExpectedError("bad wrap"));
    let handle = wrap_socket_and_handle(bad_wrap, |_: TcpStream, _: SocketAddr| -> TestResult {
        unreachable!("there is no socket")
    });
    let listener = TcpListener::bind(own_address())?;
    let _client = TcpStream::connect(listener.local_addr()?)?;
    let (stream, address) = listener.accept()?;
    let error = handle(stream, address).expect_err("it cannot be wrapped");
    assert_eq!(error.downcast_ref(), Some(&ExpectedError("bad wrap")));

    // In a server it affects one connection.
    let reports = Reports::new();
    let server = StreamServer::builder().build_on(listener, handle);
    server.start()?;
    for _ in 0..2 {
        let mut client = TcpStream::connect(address_of(&server))?;
        assert_eq!(client.read(&mut [0])?, 0);
        sleep(0)?;
        reports.one_with("ExpectedError");
    }
    server.stop()
}

#[test]
fn a_socket_is_wrapped_in_the_greenlet_of_its_handler() -> TestResult {
    let _bounded = bounded();
    /// What a library of protocols might make of a connection.
    struct Wrapped(TcpStream, u8);
    // The handshake waits for the client, and others are served meanwhile.
    let wrap = |mut stream: TcpStream| -> std::io::Result<Wrapped> {
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok(Wrapped(stream, first[0]))
    };
    let handle = wrap_socket_and_handle(wrap, |mut wrapped: Wrapped, _: SocketAddr| {
        Ok(wrapped.0.write_all(&[wrapped.1])?)
    });
    let server = StreamServer::new(own_address(), handle);
    server.start()?;
    let mut slow = TcpStream::connect(address_of(&server))?;
    let mut quick = TcpStream::connect(address_of(&server))?;
    for (stream, byte) in [(&mut quick, b'q'), (&mut slow, b's')] {
        stream.write_all(&[byte])?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        assert_eq!(answer, [byte]);
    }
    server.stop()
}

#[test]
fn spawn_and_handle_can_be_changed_at_any_time() -> TestResult {
    let _bounded = bounded();
    let answer = |text: &'static str| move |mut stream: TcpStream, _| Ok(stream.write_all(text.as_bytes())?);
    let server = StreamServer::new(own_address(), answer("first"));
    server.start()?;
    let ask = || -> Result<String, Exception> {
        let mut text = String::new();
        TcpStream::connect(address_of(&server))?.read_to_string(&mut text)?;
        Ok(text)
    };
    for spawn in [Spawn::Raw, Spawn::Pool(1), Spawn::InHub, Spawn::Default] {
        server.set_spawn(spawn.clone());
        assert_eq!(server.pool().is_some(), spawn == Spawn::Pool(1));
        server.set_handle(answer("one"));
        assert_eq!(ask()?, "one");
        server.set_handle(answer("two"));
        assert_eq!(ask()?, "two");
    }
    // It keeps them when it is stopped.
    server.stop()?;
    server.start()?;
    assert_eq!(ask()?, "two");
    server.stop()
}

#[test]
fn a_full_pool_is_replaced_by_one_with_places() -> TestResult {
    let _bounded = bounded();
    let server = StreamServer::builder().spawn(1).build(own_address(), simple);
    server.start()?;
    let address = address_of(&server);
    for spawn in [Spawn::Default, Spawn::Pool(1), Spawn::Raw] {
        server.set_spawn(1);
        let mut long = request(address, "/long")?;
        long.read_exact(&mut [0; 5])?;
        not_accepted(address)?;
        server.set_spawn(spawn);
        request_succeeds(address)?;
    }
    server.stop()
}

#[test]
fn stop_accepting_holds_while_a_pool_gets_places() -> TestResult {
    let _bounded = bounded();
    let server = StreamServer::builder().spawn(1).build(own_address(), simple);
    server.start()?;
    let address = address_of(&server);
    let mut long = request(address, "/long")?;
    long.read_exact(&mut [0; 5])?;
    not_accepted(address)?;
    server.stop_accepting();
    drop(long);
    server.pool().expect("it has one").join()?;
    sleep(0.001)?;
    not_accepted(address)?;
    server.start_accepting()?;
    request_succeeds(address)?;
    server.stop()
}

#[test]
fn connections_from_elsewhere_are_handled() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let listener = TcpListener::bind(own_address())?;
    let address = listener.local_addr()?;
    // The server itself does not listen.
    let server = StreamServer::new((Ipv4Addr::LOCALHOST, 0), simple);
    for spawn in [Spawn::Default, Spawn::Raw, Spawn::Pool(1), Spawn::InHub] {
        server.set_spawn(spawn);
        let mut client = request(address, "/ping")?;
        let (stream, peer) = listener.accept()?;
        server.do_handle(stream, peer)?;
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        assert!(answer.ends_with("PONG"), "{answer}");
    }
    // One that cannot be handled is closed, also if somebody has another handle of it.
    server.set_spawn(Spawn::with(|_| fail("no place")));
    let mut client = TcpStream::connect(address)?;
    let (stream, peer) = listener.accept()?;
    let kept = stream.clone();
    let error = server.do_handle(stream, peer).expect_err("it fails");
    assert_eq!(error.downcast_ref(), Some(&ExpectedError("no place")));
    assert_eq!((client.read(&mut [0])?, kept.as_raw_fd()), (0, -1));
    assert_eq!(reports.take(), "");
    Ok(())
}

#[test]
fn a_full_pool_makes_the_caller_wait() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind(own_address())?;
    let go_on = Event::new();
    let its = go_on.clone();
    let server = StreamServer::builder()
        .spawn(1)
        .build(own_address(), move |_, _| its.wait().map(drop));
    let _clients = [
        TcpStream::connect(listener.local_addr()?)?,
        TcpStream::connect(listener.local_addr()?)?,
    ];
    let (first, second) = (listener.accept()?, listener.accept()?);
    server.do_handle(first.0, first.1)?;
    let handing = spawn(move || server.do_handle(second.0, second.1));
    sleep(0)?;
    sleep(0)?;
    assert!(!handing.ready());
    go_on.set();
    handing.get()
}

#[test]
fn a_function_of_the_users_spawns() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let server = StreamServer::new(own_address(), simple);
    let all: [fn() -> Spawn; 3] = [
        || Spawn::with(|handler| gevent::spawn_raw(handler).map(drop)),
        || {
            Spawn::with(|handler| {
                gevent::spawn_later(0.001, handler);
                Ok(())
            })
        },
        // In the hub, where it need not wait.
        || Spawn::with(|handler| handler()),
    ];
    server.start()?;
    for make in &all[..2] {
        server.set_spawn(make());
        request_succeeds(address_of(&server))?;
    }
    server.set_handle(|mut stream: TcpStream, _| Ok(stream.write_all(b"PONG")?));
    for make in all {
        server.set_spawn(make());
        let mut text = String::new();
        TcpStream::connect(address_of(&server))?.read_to_string(&mut text)?;
        assert_eq!(text, "PONG");
    }
    // A handler that is dropped closes its connection.
    server.set_spawn(Spawn::with(|handler| {
        drop(handler);
        Ok(())
    }));
    let mut client = TcpStream::connect(address_of(&server))?;
    assert_eq!(client.read(&mut [0])?, 0);
    assert_eq!(reports.take(), "");
    server.stop()
}
