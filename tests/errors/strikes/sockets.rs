//! The table of waits for peers and names.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::socket::{TcpListener, TcpStream};
use gevent::threadpool::{HubExt, ThreadPool};
use gevent::{get_hub, spawn};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("there is a port")
}

fn address_of(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("it is open")
}

/// Both ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = listener();
    let near = TcpStream::connect(address_of(&listener)).expect("it listens");
    (near, listener.accept().expect("somebody has connected").0)
}

/// A case in which the peer sends when it is told. Bytes that the call has not taken must still be there.
fn reading(call: fn(&TcpStream) -> io::Result<usize>, takes: bool) -> Case {
    let (near, far) = pair();
    let mut check = far.clone();
    case(
        move || {
            assert_eq!(call(&far)?, 2);
            Ok(())
        },
        move || assert_eq!((&near).write(b"ab").expect("there is space"), 2),
        move |got| {
            if !(got && takes) {
                let mut text = [0; 2];
                check.read_exact(&mut text).expect("it is there");
                assert_eq!(&text, b"ab");
            }
            assert!(format!("{check:?}").contains("fd"));
        },
    )
}

/// A case in which the peer sends, and ends, when it is told. What was read before the strike is in the buffer.
fn reading_to_end() -> Case {
    let (near, far) = pair();
    let read = Rc::new(RefCell::new(Vec::new()));
    let (mut check, its) = (far.clone(), read.clone());
    case(
        move || {
            let mut buf = Vec::new();
            let result = far.read_to_end_timeout(&mut buf, LIMIT);
            its.replace(buf);
            assert_eq!(result?, 2);
            Ok(())
        },
        move || {
            assert_eq!((&near).write(b"ab").expect("there is space"), 2);
            near.shutdown(Shutdown::Write).expect("it is open");
        },
        move |_| {
            let mut all = read.take();
            check.read_to_end(&mut all).expect("it is there");
            assert_eq!(&all, b"ab");
        },
    )
}

/// A case in which the peer reads all that was sent when it is told.
fn writing(call: fn(&TcpStream) -> io::Result<usize>) -> Case {
    let (near, far) = pair();
    far.set_write_timeout(0).expect("a good time");
    while (&far).write(&[0; 1 << 16]).is_ok() {}
    far.set_write_timeout(None).expect("a good time");
    case(
        move || {
            assert!(call(&far)? > 0);
            Ok(())
        },
        move || {
            let mut near = near.clone();
            spawn(move || {
                near.set_read_timeout(0.01)?;
                while near.read(&mut [0; 1 << 16]).is_ok_and(|n| n > 0) {}
                Ok(())
            });
        },
        |_| (),
    )
}

/// A case in which a client connects when it is told. The call gets the connection, or the next call does.
fn accepting(call: fn(&TcpListener) -> TestResult) -> Case {
    let listener = listener();
    let (address, check) = (address_of(&listener), listener.clone());
    case(
        move || call(&listener),
        move || {
            spawn(move || Ok(TcpStream::connect(address).map(drop)?));
        },
        move |got| {
            if !got {
                check.accept().expect("it is still there");
            }
            assert!(check.try_accept().expect("it is open").is_none());
        },
    )
}

/// A case in which the call connects to the first of two addresses; the second must never be tried.
fn connecting(call: fn([SocketAddr; 2]) -> TestResult) -> Case {
    let (first, second) = (listener(), listener());
    let addresses = [address_of(&first), address_of(&second)];
    case(
        move || call(addresses),
        || (),
        move |got| {
            let connected = first.try_accept().expect("it is open").is_some();
            assert!(connected || !got);
            let connected = second.try_accept().expect("it is open").is_some();
            assert!(!connected, "it has gone on to the next address");
        },
    )
}

/// A case in which the call looks a name up in a pool of one thread, which is busy until it is told to end.
pub(super) fn looking_up(call: fn(u16) -> TestResult) -> Case {
    let pool = ThreadPool::new(1);
    get_hub().set_threadpool(pool.clone());
    let (tell, told) = std::sync::mpsc::channel::<()>();
    pool.spawn(move || told.recv().is_err()).expect("there is place");
    let live = listener();
    let port = address_of(&live).port();
    let tell = Cell::new(Some(tell));
    case(
        move || call(port),
        move || drop(tell.take()),
        move |_| {
            drop(live);
            pool.join().expect("nobody kills the test");
            assert!(pool.is_empty());
            pool.kill().expect("nobody kills the test");
        },
    )
}

/// Takes one connection. After an error the iterator must be over.
fn next(listener: &TcpListener) -> TestResult {
    let mut incoming = listener.incoming();
    let stream = incoming.next().expect("a connection or an error");
    if stream.is_err() {
        assert!(incoming.next().is_none() && incoming.next().is_none());
    }
    Ok(stream.map(drop)?)
}

type Reads = fn(&TcpStream) -> io::Result<usize>;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let reads: [(_, Reads, _); 9] = [
        (
            "src/socket/methods.rs &$stream::read",
            |mut s| s.read(&mut [0; 2]),
            true,
        ),
        (
            "src/socket/methods.rs &$stream::read_vectored",
            |mut s| s.read_vectored(&mut [IoSliceMut::new(&mut [0; 8])]),
            true,
        ),
        (
            "src/socket/methods.rs $stream::read",
            |s| s.clone().read(&mut [0; 8]),
            true,
        ),
        (
            "src/socket/methods.rs $stream::read_vectored",
            |s| s.clone().read_vectored(&mut [IoSliceMut::new(&mut [0; 2])]),
            true,
        ),
        ("src/socket/methods.rs $stream::peek", |s| s.peek(&mut [0; 2]), false),
        (
            "src/socket/methods.rs &$stream::read_exact",
            |mut s| s.read_exact(&mut [0; 2]).map(|()| 2),
            true,
        ),
        (
            "src/socket/methods.rs $stream::read_exact",
            |s| s.clone().read_exact(&mut [0; 2]).map(|()| 2),
            true,
        ),
        (
            "src/socket/methods.rs $stream::read_exact_timeout",
            |s| s.read_exact_timeout(&mut [0; 2], LIMIT).map(|()| 2),
            true,
        ),
        // This is std's function, which goes on after `Interrupted`.
        ("std take read_to_end", |s| s.take(2).read_to_end(&mut Vec::new()), true),
    ];
    rows.extend(reads.map(|(name, call, takes)| row(name, move || reading(call, takes))));
    let writes: [(_, Reads); 8] = [
        ("src/socket/methods.rs &$stream::write", |mut s| s.write(&[0; 8])),
        ("src/socket/methods.rs &$stream::write_vectored", |mut s| {
            s.write_vectored(&[IoSlice::new(&[0; 8])])
        }),
        ("src/socket/methods.rs $stream::write", |s| s.clone().write(&[0; 8])),
        ("src/socket/methods.rs $stream::write_vectored", |s| {
            s.clone().write_vectored(&[IoSlice::new(&[0; 8])])
        }),
        ("src/socket/methods.rs &$stream::write_all", |mut s| {
            s.write_all(&[0; 8]).map(|()| 8)
        }),
        ("src/socket/methods.rs $stream::write_all", |s| {
            s.clone().write_all(&[0; 8]).map(|()| 8)
        }),
        ("src/socket/methods.rs $stream::write_all_timeout", |s| {
            s.write_all_timeout(&[0; 8], LIMIT).map(|()| 8)
        }),
        ("src/socket/methods.rs $stream::sendfile", |s| {
            s.sendfile(&std::fs::File::open("/proc/self/exe")?, 10, Some(8))
                .map(|sent| sent as usize)
        }),
    ];
    rows.extend(writes.map(|(name, call)| row(name, move || writing(call))));
    let accepts: [(_, fn(&TcpListener) -> TestResult); 2] = [
        ("src/socket/tcp_listener.rs TcpListener::accept", |l| {
            Ok(l.accept().map(drop)?)
        }),
        ("src/socket/incoming.rs Incoming::next", next),
    ];
    rows.extend(accepts.map(|(name, call)| row(name, move || accepting(call))));
    let connects: [(_, fn([SocketAddr; 2]) -> TestResult); 2] = [
        ("src/socket/tcp_stream.rs TcpStream::connect", |addresses| {
            Ok(TcpStream::connect(&addresses[..]).map(drop)?)
        }),
        ("src/socket/tcp_stream.rs TcpStream::connect_timeout", |addresses| {
            Ok(TcpStream::connect_timeout(&addresses[..], LIMIT).map(drop)?)
        }),
    ];
    rows.extend(connects.map(|(name, call)| row(name, move || connecting(call))));
    rows.push(row(
        "src/socket/methods.rs $stream::read_to_end_timeout",
        reading_to_end,
    ));
    let looks: [(_, fn(u16) -> TestResult); 4] = [
        ("a name to connect to", |port| {
            Ok(TcpStream::connect(("localhost", port)).map(drop)?)
        }),
        ("a name to connect to in time", |port| {
            Ok(TcpStream::connect_timeout(("localhost", port), LIMIT).map(drop)?)
        }),
        ("src/socket/tcp_listener.rs TcpListener::bind", |_| {
            Ok(TcpListener::bind("localhost:0").map(drop)?)
        }),
        ("src/socket/tcp_listener.rs TcpListener::bind_with_backlog", |_| {
            Ok(TcpListener::bind_with_backlog("localhost:0", 1).map(drop)?)
        }),
    ];
    rows.extend(looks.map(|(name, call)| row(name, move || looking_up(call))));
    rows
}
