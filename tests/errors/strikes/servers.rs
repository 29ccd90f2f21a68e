//! The table of waits of servers.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::SocketAddr;

use super::sockets::looking_up;
use super::strike::{Case, Row, case, row};
use crate::support::{LONG, TestResult};
use gevent::backdoor::BackdoorServer;
use gevent::event::Event;
use gevent::lock::Semaphore;
use gevent::server::{DatagramServer, StreamServer};
use gevent::sleep;
use gevent::socket::{TcpListener, TcpStream, UnixDatagram};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

/// A case with a server that has one connection, whose handler ends when it is told.
fn serving(call: fn(&StreamServer) -> TestResult, stops: bool) -> Case {
    let told = Event::new();
    let its = told.clone();
    let server = StreamServer::builder()
        .spawn(1)
        .stop_timeout(LIMIT)
        .build("127.0.0.1:0", move |_, _| its.wait().map(drop));
    server.start().expect("there is a port");
    let address = server.address().expect("it is started");
    let client = TcpStream::connect(address).expect("it listens");
    while told.linkcount() == 0 {
        // The server runs until the handler waits.
        sleep(0).expect("nobody kills the test");
    }
    let (give, check) = (server.clone(), server.clone());
    case(
        move || call(&server),
        move || {
            told.set();
            if stops {
                give.close();
            }
        },
        move |_| {
            assert!(!check.started());
            drop(client);
            check.stop_timeout(LONG).expect("nobody kills the test");
        },
    )
}

/// A case with a backdoor that has one client, which leaves when it is told.
fn looked_into(call: fn(&BackdoorServer) -> TestResult, stops: bool) -> Case {
    let server = BackdoorServer::new("127.0.0.1:0");
    server.start().expect("there is a port");
    let mut client = TcpStream::connect(server.address().expect("it is started")).expect("it listens");
    client.read_exact(&mut [0; 4]).expect("the banner");
    let (give, check) = (server.clone(), server.clone());
    case(
        move || call(&server),
        move || {
            client.clone().write_all(b"quit\n").expect("it reads");
            if stops {
                give.close();
            }
        },
        move |_| {
            assert!(!check.started());
            check.stop_timeout(LONG).expect("nobody kills the test");
            assert_eq!(check.sessions(), 0);
        },
    )
}

/// A case with a server whose only place is free when it is told. A connection that is not handled is closed.
fn handling() -> Case {
    let places = Semaphore::new(0);
    let its = places.clone();
    let server = StreamServer::builder()
        .spawn(1)
        .build("127.0.0.1:0", move |_, _| its.acquire().map(drop));
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = listener.local_addr().expect("it is open");
    let connect = || {
        let client = TcpStream::connect(address).expect("it listens");
        let (stream, peer) = listener.accept().expect("somebody has connected");
        (client, stream, peer)
    };
    let ((_first, stream, peer), (mut second, waits, its_peer)) = (connect(), connect());
    server.do_handle(stream, peer).expect("there is a place");
    let check = server.clone();
    case(
        move || server.do_handle(waits, its_peer),
        // For both handlers.
        move || {
            places.release();
            places.release();
        },
        move |_| {
            assert_eq!(second.read(&mut [0]).expect("it was open"), 0);
            check.stop_timeout(LONG).expect("nobody kills the test");
        },
    )
}

/// A case in which a receiver takes the datagrams of its full queue when it is told.
fn sending() -> Case {
    let path = |name: &str| std::env::temp_dir().join(format!("gevent-strikes-{name}-{}", std::process::id()));
    let (at, receiver_at) = (path("server"), path("receiver"));
    let server = DatagramServer::builder().build_at_path(&at, |_, _| ());
    let server = server.expect("it is short");
    server.init_socket().expect("the file is new");
    let receiver = UnixDatagram::bind(&receiver_at).expect("the file is new");
    receiver.set_timeout(0).expect("a good time");
    let socket = server.socket().expect("it is bound");
    socket.set_timeout(0).expect("a good time");
    while socket.send_to(b"full", &receiver_at).is_ok() {}
    socket.set_timeout(None).expect("a good time");
    let address = SocketAddr::from_pathname(&receiver_at).expect("it is short");
    let check = server.clone();
    let empty = move |receiver: &UnixDatagram| {
        let mut got = 0;
        loop {
            match receiver.recv(&mut [0; 9]) {
                Ok(2) => got += 1,
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    return got;
                }
            }
        }
    };
    let its = receiver.clone();
    case(
        move || {
            assert_eq!(server.sendto(b"ab", &address)?, 2);
            Ok(())
        },
        move || assert_eq!(empty(&its), 0),
        move |got| {
            assert_eq!(empty(&receiver), usize::from(got));
            check.close();
            receiver.close();
            std::fs::remove_file(&receiver_at).expect("it is there");
            assert!(!at.exists());
        },
    )
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        row("src/baseserver/base.rs BaseServer::serve_forever", || {
            serving(|s| s.serve_forever(), true)
        }),
        row("src/baseserver/base.rs BaseServer::serve_forever_with", || {
            serving(|s| s.serve_forever_with(LIMIT), true)
        }),
        row("src/baseserver/base.rs BaseServer::stop", || {
            serving(|s| s.stop(), false)
        }),
        row("src/baseserver/base.rs BaseServer::stop_timeout", || {
            serving(|s| s.stop_timeout(LIMIT), false)
        }),
        row("src/backdoor/server.rs BackdoorServer::serve_forever", || {
            looked_into(|s| s.serve_forever(), true)
        }),
        row("src/backdoor/server.rs BackdoorServer::stop_timeout", || {
            looked_into(|s| s.stop_timeout(LIMIT), false)
        }),
        row("src/baseserver/handling.rs BaseServer::do_handle", handling),
        row("src/server/datagram.rs DatagramServer::sendto", sending),
    ];
    let looks: [(_, fn(u16) -> TestResult); 2] = [
        ("src/baseserver/base.rs BaseServer::start", |_| {
            let server = StreamServer::new("localhost:0", |_, _| ());
            let started = server.start();
            assert_eq!(server.started(), started.is_ok());
            server.close();
            Ok(started?)
        }),
        ("src/baseserver/base.rs BaseServer::init_socket", |_| {
            let server = StreamServer::new("localhost:0", |_, _| ());
            let made = server.init_socket();
            assert_eq!(server.closed(), made.is_err());
            server.close();
            Ok(made?)
        }),
    ];
    rows.extend(looks.map(|(name, call)| row(name, move || looking_up(call))));
    rows
}
