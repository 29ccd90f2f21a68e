//! The table of waits for datagrams and Unix sockets.

use std::cell::Cell;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::sockets::looking_up;
use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::socket::{UdpSocket, UnixDatagram, UnixListener, UnixStream};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

/// A number that no other case of this program has.
fn number() -> usize {
    thread_local!(static NUMBERS: Cell<usize> = const { Cell::new(0) });
    NUMBERS.set(NUMBERS.get() + 1);
    NUMBERS.get()
}

/// A case in which the other side sends a datagram when it is told. One that the call has not taken must still be
/// there.
macro_rules! receiving {
    ($pair:expr, $call:expr, $takes:expr) => {
        move || {
            let (here, there) = $pair;
            let check = here.clone();
            case(
                move || {
                    assert_eq!($call(&here)?, 2);
                    Ok(())
                },
                move || assert_eq!(there.send(b"ab").expect("there is space"), 2),
                move |got| {
                    check.set_timeout(0).expect("a good time");
                    let left = check.recv(&mut [0; 9]);
                    match got && $takes {
                        true => assert_eq!(left.expect_err("it is taken").kind(), ErrorKind::WouldBlock),
                        false => assert_eq!(left.expect("it is there"), 2),
                    }
                },
            )
        }
    };
}

fn udp_pair() -> (UdpSocket, UdpSocket) {
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("there is a port");
    let (a, b) = (bind(), bind());
    a.connect(b.local_addr().expect("it is open")).expect("it is there");
    b.connect(a.local_addr().expect("it is open")).expect("it is there");
    (a, b)
}

fn datagrams() -> (UnixDatagram, UnixDatagram) {
    UnixDatagram::pair().expect("there are descriptors")
}

/// A path, and an abstract address, for a case's receiver.
#[derive(Clone)]
struct Place {
    path: PathBuf,
    address: SocketAddr,
}

impl Place {
    fn new() -> Place {
        let name = format!("gevent-strikes-{}-{}", std::process::id(), number());
        Place {
            path: std::env::temp_dir().join(&name),
            address: SocketAddr::from_abstract_name(name).expect("it is short"),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A case in which a receiver's queue is full until it is told to take all.
fn sending(by_path: bool, call: fn(&UnixDatagram, &Place) -> std::io::Result<usize>) -> Case {
    let place = Place::new();
    let receiver = match by_path {
        true => UnixDatagram::bind(&place.path),
        false => UnixDatagram::bind_addr(&place.address),
    };
    let receiver = receiver.expect("the place is free");
    let sender = UnixDatagram::unbound().expect("there is a descriptor");
    match by_path {
        true => sender.connect(&place.path),
        false => sender.connect_addr(&place.address),
    }
    .expect("it is there");
    sender.set_timeout(0).expect("a good time");
    while sender.send(b"x").is_ok() {}
    sender.set_timeout(None).expect("a good time");
    case(
        move || {
            assert_eq!(call(&sender, &place)?, 2);
            Ok(())
        },
        move || {
            receiver.set_timeout(0).expect("a good time");
            while receiver.recv(&mut [0; 9]).is_ok() {}
        },
        |_| (),
    )
}

/// A case in which a client connects when it is told. The call gets the connection, or the next call does.
fn accepting(call: fn(&UnixListener) -> TestResult) -> Case {
    let place = Place::new();
    let listener = UnixListener::bind_addr(&place.address).expect("the address is free");
    let check = listener.clone();
    case(
        move || call(&listener),
        move || drop(UnixStream::connect_addr(&place.address).expect("it listens")),
        move |got| {
            if !got {
                check.accept().expect("it is still there");
            }
            assert!(check.try_accept().expect("it is open").is_none());
        },
    )
}

/// A case in which the listener's queue is full until it is told to accept.
fn connecting(call: fn(&Path) -> TestResult) -> Case {
    let place = Place::new();
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a descriptor");
    let address = socket2::SockAddr::unix(&place.path).expect("it is short");
    socket
        .bind(&address)
        .and_then(|()| socket.listen(0))
        .expect("the place is free");
    let listener = UnixListener::try_from(std::os::fd::OwnedFd::from(socket)).expect("it listens");
    let first = UnixStream::connect(&place.path).expect("there is place for one");
    case(
        move || call(&place.path),
        move || drop(listener.accept().expect("it is there")),
        move |_| drop(first),
    )
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        row(
            "src/socket/udp.rs UdpSocket::recv",
            receiving!(udp_pair(), |s: &UdpSocket| s.recv(&mut [0; 9]), true),
        ),
        row(
            "src/socket/udp.rs UdpSocket::recv_from",
            receiving!(
                udp_pair(),
                |s: &UdpSocket| s.recv_from(&mut [0; 9]).map(|(n, _)| n),
                true
            ),
        ),
        row(
            "src/socket/udp.rs UdpSocket::peek",
            receiving!(udp_pair(), |s: &UdpSocket| s.peek(&mut [0; 9]), false),
        ),
        row(
            "src/socket/udp.rs UdpSocket::peek_from",
            receiving!(
                udp_pair(),
                |s: &UdpSocket| s.peek_from(&mut [0; 9]).map(|(n, _)| n),
                false
            ),
        ),
        row(
            "src/socket/unix_datagram.rs UnixDatagram::recv",
            receiving!(datagrams(), |s: &UnixDatagram| s.recv(&mut [0; 9]), true),
        ),
        row(
            "src/socket/unix_datagram.rs UnixDatagram::recv_from",
            receiving!(
                datagrams(),
                |s: &UnixDatagram| s.recv_from(&mut [0; 9]).map(|(n, _)| n),
                true
            ),
        ),
        row("src/socket/unix_datagram.rs UnixDatagram::send", || {
            sending(true, |s, _| s.send(b"ab"))
        }),
        row("src/socket/unix_datagram.rs UnixDatagram::send_to", || {
            sending(true, |s, place| s.send_to(b"ab", &place.path))
        }),
        row("src/socket/unix_datagram.rs UnixDatagram::send_to_addr", || {
            sending(false, |s, place| s.send_to_addr(b"ab", &place.address))
        }),
        row("src/socket/unix_listener.rs UnixListener::accept", || {
            accepting(|l| Ok(l.accept().map(drop)?))
        }),
        row("src/socket/unix_stream.rs UnixStream::connect", || {
            connecting(|path| Ok(UnixStream::connect(path).map(drop)?))
        }),
        row("src/socket/unix_stream.rs UnixStream::connect_addr", || {
            connecting(|path| Ok(UnixStream::connect_addr(&SocketAddr::from_pathname(path)?).map(drop)?))
        }),
        row("src/socket/unix_stream.rs UnixStream::connect_timeout", || {
            connecting(|path| Ok(UnixStream::connect_timeout(path, LIMIT).map(drop)?))
        }),
    ];
    let looks: [(_, fn(u16) -> TestResult); 3] = [
        ("src/socket/udp.rs UdpSocket::bind", |_| {
            Ok(UdpSocket::bind("localhost:0").map(drop)?)
        }),
        ("src/socket/udp.rs UdpSocket::connect", |port| {
            Ok(UdpSocket::bind("127.0.0.1:0")?.connect(("localhost", port))?)
        }),
        ("src/socket/udp.rs UdpSocket::send_to", |port| {
            let socket = UdpSocket::bind(0)?;
            Ok(socket.send_to(b"ab", ("localhost", port)).map(drop)?)
        }),
    ];
    rows.extend(looks.map(|(name, call)| row(name, move || looking_up(call))));
    rows
}
