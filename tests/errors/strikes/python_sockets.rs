//! The table of waits of Python's face of the sockets.

use std::io::{self, BufRead, Read, Seek, Write};
use std::net::SocketAddr;

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::socket::{
    AF_INET, CreateConnection, SOCK_STREAM, SendAllError, Socket, SocketAddress, create_connection,
    create_connection_timeout, create_connection_with, create_server, socketpair,
};
use gevent::spawn;

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

fn listener() -> (Socket, SocketAddr) {
    let listener = create_server(("127.0.0.1", 0)).expect("there is a port");
    match listener.getsockname() {
        Ok(SocketAddress::Inet(address)) => (listener, address.into()),
        other => panic!("{other:?}"),
    }
}

/// A case in which the other side sends when it is told. Bytes that the call has not taken must still be there.
fn reading(call: fn(&Socket) -> io::Result<usize>) -> Case {
    let (here, there) = socketpair().expect("there are descriptors");
    let check = here.clone();
    case(
        move || {
            assert_eq!(call(&here)?, 2);
            Ok(())
        },
        move || there.sendall(b"ab").expect("there is space"),
        move |got| {
            if !got {
                assert_eq!(check.recv(9).expect("it is open"), b"ab");
            }
        },
    )
}

/// A case in which the other side reads all that was sent when it is told.
fn writing(call: fn(&Socket) -> TestResult) -> Case {
    let (here, there) = socketpair().expect("there are descriptors");
    here.setblocking(false);
    while here.send(&[0; 1 << 16]).is_ok() {}
    here.setblocking(true);
    case(
        move || call(&here),
        move || {
            let there = there.clone();
            spawn(move || {
                there.settimeout(0.01)?;
                while there.recv(1 << 16).is_ok_and(|data| !data.is_empty()) {}
                Ok(())
            });
        },
        |_| (),
    )
}

/// A case in which the call connects to the first of two addresses; the second must never be tried.
fn connecting(call: fn([SocketAddr; 2]) -> TestResult) -> Case {
    let ((first, address), (second, other)) = (listener(), listener());
    first.setblocking(false);
    second.setblocking(false);
    case(
        move || call([address, other]),
        || (),
        move |got| {
            assert!(first.accept().is_ok() || !got);
            assert!(second.accept().is_err(), "it has gone on to the next address");
        },
    )
}

fn accepting() -> Case {
    let (listener, address) = listener();
    let check = listener.clone();
    case(
        move || Ok(listener.accept().map(drop)?),
        move || {
            spawn(move || Ok(create_connection(address).map(drop)?));
        },
        move |got| {
            if !got {
                check.accept().expect("it is still there");
            }
            check.setblocking(false);
            assert!(check.accept().is_err());
        },
    )
}

/// A file of 8 bytes, at its beginning.
fn file() -> std::fs::File {
    let name = format!("gevent-strike-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    let mut options = std::fs::OpenOptions::new();
    let file = options.create(true).truncate(true).read(true).write(true);
    let mut file = file.open(&path).expect("there is space");
    std::fs::remove_file(path).expect("it is there");
    file.write_all(&[0; 8])
        .and_then(|()| file.rewind())
        .expect("there is space");
    file
}

fn sendfile(socket: &Socket) -> TestResult {
    let mut file = file();
    let sent = socket.sendfile(&file, 0, None);
    let position = file.stream_position()?;
    match &sent {
        Ok(sent) => assert_eq!(position, *sent),
        // It may have been thrown after all was sent, when the end of the file was looked for.
        Err(_) => assert!([0, 8].contains(&position)),
    }
    Ok(sent.map(drop)?)
}

/// An exception that is thrown is not put into an error of ours.
fn sendall(sent: io::Result<()>) -> TestResult {
    if let Err(error) = &sent {
        assert!(!error.get_ref().is_some_and(|inside| inside.is::<SendAllError>()));
    }
    Ok(sent?)
}

fn tcp() -> io::Result<Socket> {
    Socket::new(AF_INET, SOCK_STREAM, 0)
}

type Reads = fn(&Socket) -> io::Result<usize>;
type Does = fn(&Socket) -> TestResult;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let reads: [(_, Reads); 11] = [
        ("src/socket/python/transfer.rs Socket::recv", |s| {
            s.recv(9).map(|data| data.len())
        }),
        ("src/socket/python/transfer.rs Socket::recv_with_flags", |s| {
            s.recv_with_flags(9, libc::MSG_NOSIGNAL).map(|data| data.len())
        }),
        ("src/socket/python/transfer.rs Socket::recv_into", |s| {
            s.recv_into(&mut [0; 9])
        }),
        ("src/socket/python/transfer.rs Socket::recv_into_with_flags", |s| {
            s.recv_into_with_flags(&mut [0; 9], libc::MSG_NOSIGNAL)
        }),
        ("src/socket/python/transfer.rs Socket::recvfrom", |s| {
            s.recvfrom(9).map(|(data, _)| data.len())
        }),
        ("src/socket/python/transfer.rs Socket::recvfrom_with_flags", |s| {
            s.recvfrom_with_flags(9, libc::MSG_NOSIGNAL).map(|(data, _)| data.len())
        }),
        ("src/socket/python/transfer.rs Socket::recvfrom_into", |s| {
            s.recvfrom_into(&mut [0; 9]).map(|(n, _)| n)
        }),
        ("src/socket/python/transfer.rs Socket::recvfrom_into_with_flags", |s| {
            s.recvfrom_into_with_flags(&mut [0; 9], libc::MSG_NOSIGNAL)
                .map(|(n, _)| n)
        }),
        ("src/socket/python/makefile.rs SocketFile::read", |s| {
            s.makefile("r")?.read(&mut [0; 9])
        }),
        ("src/socket/python/makefile.rs SocketFile::fill_buf", |s| {
            s.makefile("r")?.fill_buf().map(<[u8]>::len)
        }),
        // These are std's functions, which go on after `Interrupted`.
        ("std read_exact of a file", |s| {
            s.makefile("r")?.read_exact(&mut [0; 2]).map(|()| 2)
        }),
    ];
    rows.extend(reads.map(|(name, call)| row(name, move || reading(call))));
    let writes: [(_, Does); 8] = [
        ("src/socket/python/transfer.rs Socket::send", |s| {
            Ok(s.send(b"x").map(drop)?)
        }),
        ("src/socket/python/transfer.rs Socket::send_with_flags", |s| {
            Ok(s.send_with_flags(b"x", libc::MSG_NOSIGNAL).map(drop)?)
        }),
        ("src/socket/python/transfer.rs Socket::sendall", |s| {
            sendall(s.sendall(b"x"))
        }),
        ("src/socket/python/transfer.rs Socket::sendall_with_flags", |s| {
            sendall(s.sendall_with_flags(b"x", libc::MSG_NOSIGNAL))
        }),
        ("src/socket/python/sendfile.rs Socket::sendfile", sendfile),
        ("src/socket/python/makefile.rs SocketFile::write", |s| {
            Ok(s.makefile_with_buffering("w", 0)?.write(b"x").map(drop)?)
        }),
        ("src/socket/python/makefile.rs SocketFile::flush", |s| {
            let mut file = s.makefile("w")?;
            file.write_all(b"x")?;
            Ok(file.flush()?)
        }),
        ("src/socket/python/makefile.rs SocketFile::close", |s| {
            let mut file = s.makefile("w")?;
            file.write_all(b"x")?;
            Ok(file.close()?)
        }),
    ];
    rows.extend(writes.map(|(name, call)| row(name, move || writing(call))));
    for (name, with_flags) in [
        ("src/socket/python/transfer.rs Socket::sendto", false),
        ("src/socket/python/transfer.rs Socket::sendto_with_flags", true),
    ] {
        rows.push(row(name, move || sending_to(with_flags)));
    }
    let connects: [(_, fn([SocketAddr; 2]) -> TestResult); 5] = [
        ("src/socket/python/connect.rs create_connection", |addresses| {
            Ok(create_connection(&addresses[..]).map(drop)?)
        }),
        ("src/socket/python/connect.rs create_connection_timeout", |addresses| {
            Ok(create_connection_timeout(&addresses[..], LIMIT).map(drop)?)
        }),
        ("src/socket/python/connect.rs create_connection_with", |addresses| {
            let settings = CreateConnection::default().timeout(LIMIT);
            Ok(create_connection_with(&addresses[..], settings).map(drop)?)
        }),
        ("src/socket/python/socket.rs Socket::connect", |[address, _]| {
            Ok(tcp()?.connect(address)?)
        }),
        ("src/socket/python/socket.rs Socket::connect_ex", |[address, _]| {
            assert_eq!(tcp()?.connect_ex(address)?, 0);
            Ok(())
        }),
    ];
    rows.extend(connects.map(|(name, call)| row(name, move || connecting(call))));
    rows.push(row("src/socket/python/socket.rs Socket::accept", accepting));
    rows
}

/// A case in which a receiver's queue is full until it is told to take all.
fn sending_to(with_flags: bool) -> Case {
    let unix = || Socket::new(libc::AF_UNIX, libc::SOCK_DGRAM, 0).expect("there is a descriptor");
    let (sender, receiver) = (unix(), unix());
    receiver.bind("").expect("the system finds a name");
    let name = receiver.getsockname().expect("it has one");
    sender.setblocking(false);
    while sender.sendto(b"x", &name).is_ok() {}
    sender.setblocking(true);
    receiver.setblocking(false);
    case(
        move || {
            // Only a socket that is connected is told that there is space.
            sender.connect(&name)?;
            let sent = match with_flags {
                true => sender.sendto_with_flags(b"ab", libc::MSG_NOSIGNAL, &name),
                false => sender.sendto(b"ab", &name),
            };
            assert_eq!(sent?, 2);
            Ok(())
        },
        move || while receiver.recv(9).is_ok() {},
        |_| (),
    )
}
