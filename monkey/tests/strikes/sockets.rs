//! Sockets: receiving, sending, accepting, connecting.

use std::io;
use std::mem::{size_of_val, zeroed};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr::null_mut;

use crate::files::{came, list, reads, writes};
use crate::strike::{Case, Row, done};

fn pair() -> (OwnedFd, OwnedFd) {
    let (one, other) = UnixStream::pair().expect("there are descriptors");
    (one.into(), other.into())
}

/// A connection over the network, as far as that goes here.
fn tcp() -> (OwnedFd, OwnedFd) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let one = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    (one.into(), listener.accept().expect("it has come").0.into())
}

/// A message of one buffer.
fn message(list: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: its fields are numbers and pointers.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = list;
    message.msg_iovlen = 1;
    message
}

fn recv(fd: RawFd) -> io::Result<()> {
    let mut byte = 0_u8;
    // SAFETY: the buffer has a byte.
    let got = done(unsafe { libc::recv(fd, (&raw mut byte).cast(), 1, 0) } as i64);
    came(got, byte)
}

fn recv_all(fd: RawFd) -> io::Result<()> {
    let mut byte = 0_u8;
    // SAFETY: the buffer has a byte.
    let got = done(unsafe { libc::recv(fd, (&raw mut byte).cast(), 1, libc::MSG_WAITALL) } as i64);
    came(got, byte)
}

fn recvfrom(fd: RawFd) -> io::Result<()> {
    let mut byte = 0_u8;
    // SAFETY: the buffer has a byte.
    let got = done(unsafe { libc::recvfrom(fd, (&raw mut byte).cast(), 1, 0, null_mut(), null_mut()) } as i64);
    came(got, byte)
}

fn recvmsg(fd: RawFd) -> io::Result<()> {
    let mut byte = 0;
    let mut list = list(&mut byte);
    // SAFETY: the message has one buffer, of a byte.
    let got = done(unsafe { libc::recvmsg(fd, &mut message(&mut list), 0) } as i64);
    came(got, byte)
}

fn recvmmsg(fd: RawFd) -> io::Result<()> {
    let mut byte = 0;
    let mut list = list(&mut byte);
    let mut messages = libc::mmsghdr {
        msg_hdr: message(&mut list),
        msg_len: 0,
    };
    // SAFETY: there is one message, of one buffer.
    let got = done(unsafe { libc::recvmmsg(fd, &raw mut messages, 1, 0, null_mut()) });
    came(got.map(|_| messages.msg_len.into()), byte)
}

fn read(fd: RawFd) -> io::Result<()> {
    let mut byte = 0_u8;
    // SAFETY: the buffer has a byte.
    let got = done(unsafe { libc::read(fd, (&raw mut byte).cast(), 1) } as i64);
    came(got, byte)
}

fn send(fd: RawFd) -> io::Result<()> {
    // SAFETY: the buffer has a byte.
    came(
        done(unsafe { libc::send(fd, b"x".as_ptr().cast(), 1, libc::MSG_NOSIGNAL) } as i64),
        b'x',
    )
}

fn sendto(fd: RawFd) -> io::Result<()> {
    // SAFETY: the buffer has a byte.
    let sent = unsafe { libc::sendto(fd, b"x".as_ptr().cast(), 1, libc::MSG_NOSIGNAL, std::ptr::null(), 0) };
    came(done(sent as i64), b'x')
}

fn sendmsg(fd: RawFd) -> io::Result<()> {
    let mut byte = b'x';
    let mut list = list(&mut byte);
    // SAFETY: the message has one buffer, of a byte.
    came(
        done(unsafe { libc::sendmsg(fd, &message(&mut list), libc::MSG_NOSIGNAL) } as i64),
        b'x',
    )
}

fn sendmmsg(fd: RawFd) -> io::Result<()> {
    let mut byte = b'x';
    let mut list = list(&mut byte);
    let mut messages = libc::mmsghdr {
        msg_hdr: message(&mut list),
        msg_len: 0,
    };
    // SAFETY: there is one message, of one buffer.
    let sent = done(unsafe { libc::sendmmsg(fd, &raw mut messages, 1, libc::MSG_NOSIGNAL) });
    came(sent.map(|_| messages.msg_len.into()), b'x')
}

fn write(fd: RawFd) -> io::Result<()> {
    // SAFETY: the buffer has a byte.
    came(done(unsafe { libc::write(fd, b"x".as_ptr().cast(), 1) } as i64), b'x')
}

/// From a file on a disk.
fn sendfile(fd: RawFd) -> io::Result<()> {
    // SAFETY: the name ends with a zero.
    let file = done(unsafe { libc::memfd_create(c"x".as_ptr(), 0) })? as RawFd;
    // SAFETY: the descriptor is new.
    let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(file) });
    std::os::unix::fs::FileExt::write_all_at(&file, b"x", 0)?;
    // SAFETY: the place is the file's own.
    let sent = done(unsafe { libc::sendfile(fd, file.as_raw_fd(), null_mut(), 1) } as i64);
    sent.map(drop)
}

/// A call that waits for a client.
fn accepts(call: fn(RawFd) -> io::Result<()>) -> Case {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let (fd, address) = (listener.as_raw_fd(), listener.local_addr().expect("it is bound"));
    let client = || std::rc::Rc::new(std::cell::RefCell::new(None));
    let (client, given) = {
        let client = client();
        (client.clone(), client)
    };
    Case {
        call: Box::new(move || call(fd)),
        give: Box::new(move || drop(given.replace(TcpStream::connect(address).ok()))),
        fd: Some(listener.into()),
        check: Box::new(move |succeeded, listener| {
            let Some(listener) = listener else { return };
            if !succeeded {
                let client = TcpStream::connect(address).expect("it listens");
                let its = client.local_addr().expect("it is connected");
                let from = TcpListener::from(listener).accept().expect("it has come").1;
                assert_eq!(from, its, "another client was lost, or is too many");
            }
            drop(client.take());
        }),
    }
}

/// The client whom the call has accepted is closed.
fn accepted(fd: i32) -> io::Result<()> {
    let fd = done(fd)? as RawFd;
    // SAFETY: the descriptor is new.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

fn accept(fd: RawFd) -> io::Result<()> {
    // SAFETY: no address is asked for.
    accepted(unsafe { libc::accept(fd, null_mut(), null_mut()) })
}

fn accept4(fd: RawFd) -> io::Result<()> {
    // SAFETY: no address is asked for.
    accepted(unsafe { libc::accept4(fd, null_mut(), null_mut(), libc::SOCK_CLOEXEC) })
}

/// A server that has no room for another client until it accepts one.
fn connects() -> Case {
    let new = || {
        // SAFETY: the descriptor is new.
        unsafe {
            OwnedFd::from_raw_fd(done(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0)).expect("a socket") as RawFd)
        }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    // SAFETY: the socket is bound.
    done(unsafe { libc::listen(listener.as_raw_fd(), 0) }).expect("it is bound");
    let SocketAddr::V4(address) = listener.local_addr().expect("it is bound") else {
        unreachable!("it was bound to such an address")
    };
    let filler = TcpStream::connect(address).expect("there is room for one");
    let socket = new();
    let fd = socket.as_raw_fd();
    let call = move || {
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: address.port().to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes(address.ip().octets()),
            },
            sin_zero: [0; 8],
        };
        // SAFETY: the size is that of the address.
        done(unsafe { libc::connect(fd, (&raw const address).cast(), size_of_val(&address) as u32) }).map(drop)
    };
    let listener = std::rc::Rc::new(listener);
    let giving = listener.clone();
    Case {
        call: Box::new(call),
        give: Box::new(move || drop(giving.accept())),
        fd: Some(socket),
        check: Box::new(move |_, socket| drop((socket, filler, listener))),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).closed([Some(libc::EBADF); 2]);
    vec![
        row("read of a socket", || reads(pair(), read)),
        row("recv", || reads(pair(), recv)),
        row("recv over the network", || reads(tcp(), recv)),
        row("recv of all", || reads(pair(), recv_all)),
        row("recvfrom", || reads(pair(), recvfrom)),
        row("recvmsg", || reads(pair(), recvmsg)),
        row("recvmmsg", || reads(pair(), recvmmsg)),
        row("write to a socket", || writes(pair(), write)),
        row("send", || writes(pair(), send)),
        row("sendto", || writes(pair(), sendto)),
        row("sendmsg", || writes(pair(), sendmsg)),
        row("sendmmsg", || writes(pair(), sendmmsg)),
        row("sendfile", || writes(pair(), sendfile)),
        row("accept", || accepts(accept)),
        row("accept4", || accepts(accept4)),
        row("connect", connects),
    ]
}
