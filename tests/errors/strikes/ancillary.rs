//! The table of waits for descriptors that come beside data.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::strike::{Case, Row, case, row};
use gevent::socket::{
    AF_UNIX, Ancillary, AncillaryData, MSG_TRUNC, SOCK_DGRAM, SOCK_STREAM, SendAncillary, Socket, SocketAncillary,
    UnixDatagram, UnixStream, recv_fds, recv_fds_with_flags, send_fds, socketpair_with,
};

fn pair(type_: i32) -> (Socket, Socket) {
    socketpair_with(AF_UNIX, type_, 0).expect("there are descriptors")
}

fn stream(socket: &Socket) -> UnixStream {
    UnixStream::try_from(socket.clone()).expect("it is one")
}

fn datagram(socket: &Socket) -> UnixDatagram {
    UnixDatagram::try_from(socket.clone()).expect("it is one")
}

type Receives = fn(&Socket) -> io::Result<Vec<OwnedFd>>;
type Sends = fn(&Socket, BorrowedFd<'_>) -> io::Result<usize>;
type SendsTo = fn(&Socket, BorrowedFd<'_>, &Path) -> io::Result<usize>;

/// A case in which the other side sends one end of a pipe when it is told. If the call has not taken it, it must still
/// be there; and it is closed afterwards.
fn receiving(type_: i32, call: Receives) -> Case {
    let (here, there) = pair(type_);
    let check = here.clone();
    let (mut reader, writer) = io::pipe().expect("there are descriptors");
    let writer = std::cell::Cell::new(Some(writer));
    case(
        move || {
            assert_eq!(call(&here)?.len(), 1);
            Ok(())
        },
        move || {
            let writer = writer.take().expect("it is told once");
            let sent = send_fds(&there, &[IoSlice::new(b"ab")], &[writer.as_fd()]);
            assert_eq!(sent.expect("there is space"), 2);
        },
        move |got| {
            if !got {
                let (data, fds, ..) = recv_fds(&check, 9, 9).expect("they are there");
                assert_eq!((&data[..], fds.len()), (&b"ab"[..], 1));
            }
            assert_eq!(reader.read(&mut [0]).expect("it is open"), 0);
        },
    )
}

/// A case in which the receiver's queue is full until it is told to take all. The descriptor comes if the call has
/// sent it, and is closed in any case.
fn sending(
    (here, there): (Socket, Socket),
    call: impl Fn(&Socket, BorrowedFd<'_>) -> io::Result<usize> + 'static,
) -> Case {
    here.setblocking(false);
    while here.send(&[0; 1 << 10]).is_ok() {}
    here.setblocking(true);
    there.setblocking(false);
    let (mut reader, writer) = io::pipe().expect("there are descriptors");
    let check = there.clone();
    case(
        move || {
            assert_eq!(call(&here, writer.as_fd())?, 1);
            Ok(())
        },
        move || while there.recv(1 << 10).is_ok_and(|data| !data.is_empty()) {},
        move |got| {
            let mut came = 0;
            while let Ok((data, fds, ..)) = recv_fds(&check, 1 << 10, 9)
                && !data.is_empty()
            {
                came += fds.len();
            }
            assert_eq!(came, usize::from(got));
            assert_eq!(reader.read(&mut [0]).expect("it is open"), 0);
        },
    )
}

/// A case in which the receiver is at a path.
fn sending_to(call: fn(&Socket, BorrowedFd<'_>, &Path) -> io::Result<usize>) -> Case {
    static NUMBERS: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let name = format!("gevent-strikes-rights-{}-{number}", std::process::id());
    let place = Place(std::env::temp_dir().join(name));
    let socket = || Socket::new(AF_UNIX, SOCK_DGRAM, 0).expect("there is a descriptor");
    let (here, there) = (socket(), socket());
    there.bind(&*place.0).expect("the place is free");
    // Only a socket that is connected is told that there is space.
    here.connect(&*place.0).expect("it is there");
    sending((here, there), move |socket, fd| call(socket, fd, &place.0))
}

struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The descriptors of a call that puts them into a buffer.
fn with_buffer<T>(
    call: impl FnOnce(&mut [IoSliceMut<'_>], &mut SocketAncillary<'_>) -> io::Result<T>,
) -> io::Result<Vec<OwnedFd>> {
    let mut room = [0; 99];
    let mut ancillary = SocketAncillary::new(&mut room);
    call(&mut [IoSliceMut::new(&mut [0; 9])], &mut ancillary)?;
    let rights = ancillary.messages().filter_map(|message| match message {
        AncillaryData::ScmRights(rights) => Some(rights),
        _ => None,
    });
    Ok(rights.flatten().collect())
}

fn send_with_buffer(
    fd: BorrowedFd<'_>,
    call: impl FnOnce(&[IoSlice<'_>], &mut SocketAncillary<'_>) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut room = [0; 99];
    let mut ancillary = SocketAncillary::new(&mut room);
    assert!(ancillary.add_fds(&[fd]));
    call(&[IoSlice::new(b"x")], &mut ancillary)
}

fn rights(ancdata: Vec<Ancillary>) -> Vec<OwnedFd> {
    let rights = ancdata.into_iter().filter_map(|message| match message {
        Ancillary::Rights(fds) => Some(fds),
        _ => None,
    });
    rights.flatten().collect()
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let receives: [(_, i32, Receives); 10] = [
        ("src/socket/python/message.rs Socket::recvmsg", SOCK_STREAM, |s| {
            Ok(rights(s.recvmsg(9, 99)?.1))
        }),
        (
            "src/socket/python/message.rs Socket::recvmsg_with_flags",
            SOCK_DGRAM,
            |s| Ok(rights(s.recvmsg_with_flags(9, 99, MSG_TRUNC)?.1)),
        ),
        ("src/socket/python/message.rs Socket::recvmsg_into", SOCK_DGRAM, |s| {
            Ok(rights(s.recvmsg_into(&mut [IoSliceMut::new(&mut [0; 9])], 99)?.1))
        }),
        (
            "src/socket/python/message.rs Socket::recvmsg_into_with_flags",
            SOCK_STREAM,
            |s| {
                let mut buf = [0; 9];
                let bufs = &mut [IoSliceMut::new(&mut buf)];
                Ok(rights(s.recvmsg_into_with_flags(bufs, 99, libc::MSG_NOSIGNAL)?.1))
            },
        ),
        ("src/socket/python/message.rs recv_fds", SOCK_STREAM, |s| {
            Ok(recv_fds(s, 9, 9)?.1)
        }),
        ("src/socket/python/message.rs recv_fds_with_flags", SOCK_STREAM, |s| {
            Ok(recv_fds_with_flags(s, 9, 9, libc::MSG_NOSIGNAL)?.1)
        }),
        (
            "src/socket/unix_stream.rs UnixStream::recv_vectored_with_ancillary",
            SOCK_STREAM,
            |s| with_buffer(|bufs, ancillary| stream(s).recv_vectored_with_ancillary(bufs, ancillary)),
        ),
        (
            "src/socket/unix_datagram.rs UnixDatagram::recv_vectored_with_ancillary",
            SOCK_DGRAM,
            |s| with_buffer(|bufs, ancillary| datagram(s).recv_vectored_with_ancillary(bufs, ancillary)),
        ),
        (
            "src/socket/unix_datagram.rs UnixDatagram::recv_vectored_with_ancillary_from",
            SOCK_DGRAM,
            |s| with_buffer(|bufs, ancillary| datagram(s).recv_vectored_with_ancillary_from(bufs, ancillary)),
        ),
        ("src/socket/ancillary/methods.rs $socket::recv_fds", SOCK_STREAM, |s| {
            Ok(stream(s).recv_fds(&mut [0; 9], 9)?.1)
        }),
    ];
    rows.extend(receives.map(|(name, type_, call)| row(name, move || receiving(type_, call))));
    rows.push(row("recv_fds of a datagram", || {
        receiving(SOCK_DGRAM, |s| Ok(datagram(s).recv_fds(&mut [0; 9], 9)?.1))
    }));
    let sends: [(_, Sends); 5] = [
        ("src/socket/python/message.rs Socket::sendmsg", |s, fd| {
            let fds = [fd];
            s.sendmsg(&[IoSlice::new(b"x")], &[SendAncillary::Rights(&fds)])
        }),
        ("src/socket/python/message.rs Socket::sendmsg_with_flags", |s, fd| {
            let fds = [fd];
            let rights = [SendAncillary::Rights(&fds)];
            s.sendmsg_with_flags(&[IoSlice::new(b"x")], &rights, libc::MSG_NOSIGNAL)
        }),
        ("src/socket/python/message.rs send_fds", |s, fd| {
            send_fds(s, &[IoSlice::new(b"x")], &[fd])
        }),
        (
            "src/socket/unix_stream.rs UnixStream::send_vectored_with_ancillary",
            |s, fd| {
                send_with_buffer(fd, |bufs, ancillary| {
                    stream(s).send_vectored_with_ancillary(bufs, ancillary)
                })
            },
        ),
        ("src/socket/ancillary/methods.rs $socket::send_fds", |s, fd| {
            stream(s).send_fds(b"x", &[fd])
        }),
    ];
    rows.extend(sends.map(|(name, call)| row(name, move || sending(pair(SOCK_STREAM), call))));
    let to: [(_, SendsTo); 5] = [
        ("src/socket/python/message.rs Socket::sendmsg_to", |s, fd, path| {
            s.sendmsg_to(&[IoSlice::new(b"x")], &[SendAncillary::Rights(&[fd])], 0, path)
        }),
        (
            "src/socket/unix_datagram.rs UnixDatagram::send_vectored_with_ancillary",
            |s, fd, _| {
                send_with_buffer(fd, |bufs, ancillary| {
                    datagram(s).send_vectored_with_ancillary(bufs, ancillary)
                })
            },
        ),
        (
            "src/socket/unix_datagram.rs UnixDatagram::send_vectored_with_ancillary_to",
            |s, fd, path| {
                send_with_buffer(fd, |bufs, ancillary| {
                    datagram(s).send_vectored_with_ancillary_to(bufs, ancillary, path)
                })
            },
        ),
        (
            "src/socket/unix_datagram.rs UnixDatagram::send_vectored_with_ancillary_to_addr",
            |s, fd, path| {
                let to = SocketAddr::from_pathname(path)?;
                send_with_buffer(fd, |bufs, ancillary| {
                    datagram(s).send_vectored_with_ancillary_to_addr(bufs, ancillary, &to)
                })
            },
        ),
        ("send_fds of a datagram", |s, fd, _| datagram(s).send_fds(b"x", &[fd])),
    ];
    rows.extend(to.map(|(name, call)| row(name, move || sending_to(call))));
    rows
}
