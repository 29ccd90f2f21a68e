//! Servers.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use crate::support::{TestResult, own_address, start_again};
use crate::trap::{Case, Trap, any};
use gevent::server::{DatagramServer, Spawn, StreamServer, wrap_socket_and_handle};
use gevent::socket::{TcpStream, UdpSocket};
use gevent::{Exception, sleep, spawn_raw};

type Server = (StreamServer, Rc<Cell<u32>>);

fn handler(served: &Rc<Cell<u32>>, trap: Trap) -> impl Fn(TcpStream, SocketAddr) + 'static {
    let count = served.clone();
    move |mut stream, _| {
        count.set(count.get() + 1);
        trap.spring();
        any(stream.write_all(b"x").map_err(Into::into));
    }
}

fn serve(spawn: Spawn, trap: Trap) -> Server {
    let served = Rc::default();
    let builder = StreamServer::builder().spawn(spawn).min_delay(0.001).max_delay(0.001);
    let server = builder.build(own_address(), handler(&served, trap));
    server.start().expect("there are ports");
    (server, served)
}

/// Connects, and waits until the connection is over.
fn ask(server: &StreamServer) -> TestResult {
    let address = server.address().expect("it was started");
    let mut stream = TcpStream::connect(address)?;
    stream.set_timeout(30)?;
    any(stream.read_to_end(&mut Vec::new()).map_err(Into::into));
    Ok(())
}

fn answers((server, served): &Server) {
    start_again(|| server.start()).expect("its port is free");
    let before = served.get();
    ask(server).expect("it listens");
    assert!(served.get() > before, "nobody is served any more");
    server.close();
}

fn others((server, _): &Server) {
    let _ = (server.started(), server.address(), format!("{server:?}"));
    server.set_max_accept(2);
    server.close();
}

#[test]
fn handlers_of_servers() {
    let servers: [fn(Trap) -> Server; 7] = [
        |trap| serve(Spawn::Default, trap),
        |trap| serve(Spawn::Raw, trap),
        |trap| serve(Spawn::Pool(1), trap),
        |trap| serve(Spawn::InHub, trap),
        |trap| serve(Spawn::with(|handler| spawn_raw(handler).map(drop)), trap),
        |trap| {
            let (server, served) = serve(Spawn::Default, trap);
            server.set_handle(handler(&served, trap));
            (server, served)
        },
        |trap| {
            let (server, served) = serve(Spawn::Default, trap);
            let handle = handler(&served, trap);
            server.set_method(move |_, stream, address| handle(stream, address));
            (server, served)
        },
    ];
    for make in servers {
        Case {
            names: &[
                "server::{StreamServer::new, Builder::build, Builder::build_on, Builder::build_at_path} | Fn",
                "baseserver::BaseServer::{set_handle, set_method} | Fn",
            ],
            make,
            calls: vec![|(server, _), _| ask(server)],
            others,
            waits: Some(|(server, _)| server.serve_forever()),
            after: answers,
        }
        .run();
    }
}

#[test]
fn functions_that_spawn_and_wrap() {
    let servers: [fn(Trap) -> Server; 3] = [
        |trap| {
            let (server, served) = serve(Spawn::Default, trap);
            let count = served.clone();
            server.set_handle(move |_, _| count.set(count.get() + 1));
            let spawns = move |handler: gevent::server::Handler| {
                trap.spring();
                handler()
            };
            server.set_spawn(Spawn::with(spawns));
            (server, served)
        },
        |trap| {
            let (server, served) = serve(Spawn::Default, trap);
            let count = served.clone();
            let wraps = move |stream: TcpStream| -> Result<TcpStream, Exception> {
                count.set(count.get() + 1);
                trap.spring();
                Ok(stream)
            };
            server.set_handle(wrap_socket_and_handle(wraps, |_, _| ()));
            (server, served)
        },
        |trap| {
            let (server, served) = serve(Spawn::Default, trap);
            let wraps = |stream: TcpStream| -> Result<TcpStream, Exception> { Ok(stream) };
            server.set_handle(wrap_socket_and_handle(wraps, handler(&served, trap)));
            (server, served)
        },
    ];
    for make in servers {
        Case {
            names: &["baseserver::Spawn::with | Fn", "server::wrap_socket_and_handle | Fn"],
            make,
            calls: vec![|(server, _), _| ask(server)],
            others,
            waits: Some(|(server, _)| server.serve_forever()),
            after: |server| {
                // The trap may have been left with a pause.
                answers(server);
            },
        }
        .run();
    }
}

type Datagrams = (DatagramServer, Rc<Cell<u32>>);

/// Sends a datagram, and waits until the handler is called.
fn send((server, served): &Datagrams) -> TestResult {
    let before = served.get();
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.send_to(b"x", server.address().expect("it was started"))?;
    while served.get() == before && server.started() {
        sleep(0.001)?;
    }
    Ok(())
}

fn datagrams(spawn: Spawn, trap: Trap) -> Datagrams {
    let served = Rc::<Cell<u32>>::default();
    let count = served.clone();
    let builder = DatagramServer::builder().spawn(spawn).min_delay(0.001).max_delay(0.001);
    let server = builder.build(own_address(), move |_data, _address| {
        count.set(count.get() + 1);
        trap.spring();
    });
    server.start().expect("there are ports");
    (server, served)
}

#[test]
fn handlers_of_datagrams() {
    let servers: [fn(Trap) -> Datagrams; 3] = [
        |trap| datagrams(Spawn::Default, trap),
        |trap| datagrams(Spawn::Pool(1), trap),
        |trap| datagrams(Spawn::InHub, trap),
    ];
    for make in servers {
        Case {
            names: &["server::DatagramServer::new | Fn"],
            make,
            calls: vec![|server, _| send(server)],
            others: |(server, _)| {
                let _ = (server.started(), server.address(), format!("{server:?}"));
                server.close();
            },
            waits: Some(|(server, _)| server.serve_forever()),
            after: |server| {
                start_again(|| server.0.start()).expect("its port is free");
                let before = server.1.get();
                send(server).expect("it listens");
                assert!(server.1.get() > before, "nobody is served any more");
                server.0.close();
            },
        }
        .run();
    }
}
