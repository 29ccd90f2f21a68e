//! Sockets: receiving, sending, accepting, connecting, of a byte or a client.

use std::cell::RefCell;
use std::io;
use std::mem::{size_of_val, zeroed};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::ptr::{null, null_mut};
use std::rc::Rc;

use libc::{MSG_NOSIGNAL, c_int, c_void, iovec, sockaddr, socklen_t};

use crate::files::{list, reads, reads_byte, take, writes, writes_byte};
use crate::row::{Case, Row, done};

unsafe extern "C" {
    fn __recv_chk(fd: c_int, to: *mut c_void, len: usize, room: usize, flags: c_int) -> isize;
    fn __recvfrom_chk(
        fd: c_int,
        to: *mut c_void,
        len: usize,
        room: usize,
        flags: c_int,
        address: *mut sockaddr,
        size: *mut socklen_t,
    ) -> isize;
    fn __send(fd: c_int, from: *const c_void, len: usize, flags: c_int) -> isize;
    fn __connect(fd: c_int, address: *const sockaddr, size: socklen_t) -> c_int;
}

pub(crate) fn pair() -> (OwnedFd, OwnedFd) {
    let (one, other) = UnixStream::pair().expect("there are descriptors");
    (one.into(), other.into())
}

/// A connection over the network, as far as that goes here.
fn tcp() -> (OwnedFd, OwnedFd) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let one = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    (one.into(), listener.accept().expect("it has come").0.into())
}

/// A message of these buffers.
pub(crate) fn message(list: &mut [iovec]) -> libc::msghdr {
    // SAFETY: its fields are numbers and pointers.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = list.as_mut_ptr();
    message.msg_iovlen = list.len();
    message
}

/// A list of one message of these buffers.
pub(crate) fn messages(list: &mut [iovec]) -> libc::mmsghdr {
    libc::mmsghdr {
        msg_hdr: message(list),
        msg_len: 0,
    }
}

fn recv(fd: RawFd) -> io::Result<()> {
    // SAFETY: the buffer has a byte.
    reads_byte(|to| unsafe { libc::recv(fd, to, 1, 0) } as i64)
}

fn recvmsg(fd: RawFd) -> io::Result<()> {
    // SAFETY: the message has one buffer, of a byte.
    reads_byte(|to| unsafe { libc::recvmsg(fd, &mut message(&mut [list(to)]), 0) } as i64)
}

fn recvmmsg(fd: RawFd) -> io::Result<()> {
    reads_byte(|to| {
        let mut list = [list(to)];
        let mut messages = messages(&mut list);
        // SAFETY: there is one message, of one buffer.
        let got = unsafe { libc::recvmmsg(fd, &raw mut messages, 1, 0, null_mut()) };
        if got == 1 { messages.msg_len.into() } else { got.into() }
    })
}

fn sendmsg(fd: RawFd) -> io::Result<()> {
    // SAFETY: the message has one buffer, of a byte.
    writes_byte(|from| unsafe { libc::sendmsg(fd, &message(&mut [list(from)]), MSG_NOSIGNAL) } as i64)
}

fn sendmmsg(fd: RawFd) -> io::Result<()> {
    writes_byte(|from| {
        let mut list = [list(from)];
        let mut messages = messages(&mut list);
        // SAFETY: there is one message, of one buffer.
        let sent = unsafe { libc::sendmmsg(fd, &raw mut messages, 1, MSG_NOSIGNAL) };
        if sent == 1 {
            messages.msg_len.into()
        } else {
            sent.into()
        }
    })
}

/// A file on a disk, or what is the same here, with these bytes.
pub(crate) fn file(bytes: &[u8]) -> std::fs::File {
    // SAFETY: the name ends with a zero.
    let file = done(unsafe { libc::memfd_create(c"x".as_ptr(), libc::MFD_CLOEXEC) }).expect("a file") as RawFd;
    // SAFETY: the descriptor is new.
    let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(file) });
    std::os::unix::fs::FileExt::write_all_at(&file, bytes, 0).expect("there is room");
    file
}

fn sendfile(fd: RawFd) -> io::Result<()> {
    let file = file(b"x");
    // SAFETY: the place is the file's own.
    writes_byte(|_| unsafe { libc::sendfile(fd, file.as_raw_fd(), null_mut(), 1) } as i64)
}

fn sendfile64(fd: RawFd) -> io::Result<()> {
    let (file, mut offset) = (file(b"x"), 0);
    // SAFETY: the place is a variable.
    writes_byte(|_| unsafe { libc::sendfile64(fd, file.as_raw_fd(), &raw mut offset, 1) } as i64)
}

/// A call that waits for a client.
fn accepts(call: fn(RawFd) -> io::Result<()>) -> Case {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let (fd, address) = (listener.as_raw_fd(), listener.local_addr().expect("it is bound"));
    let client = Rc::new(RefCell::new(None));
    let given = client.clone();
    Case {
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
        ..Case::new(
            move || call(fd),
            move || drop(given.replace(TcpStream::connect(address).ok())),
        )
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
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    // SAFETY: the socket is bound.
    done(unsafe { libc::listen(listener.as_raw_fd(), 0) }).expect("it is bound");
    let SocketAddr::V4(address) = listener.local_addr().expect("it is bound") else {
        unreachable!("it was bound to such an address")
    };
    let filler = TcpStream::connect(address).expect("there is room for one");
    let socket = socket(libc::AF_INET, libc::SOCK_STREAM);
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
    let listener = Rc::new(listener);
    let giving = listener.clone();
    Case {
        fd: Some(socket),
        check: Box::new(move |_, socket| drop((socket, filler, listener))),
        ..Case::new(call, move || drop(giving.accept()))
    }
}

/// The same of a Unix socket, of which the kernel does not tell when there is room.
fn connects_here(connect: unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int) -> Case {
    let name = abstract_name();
    let listener = UnixListener::bind_addr(&address_of(&name)).expect("nobody else has this name");
    // SAFETY: the socket is bound.
    done(unsafe { libc::listen(listener.as_raw_fd(), 0) }).expect("it is bound");
    let filler = UnixStream::connect_addr(&address_of(&name)).expect("there is room for one");
    let socket = socket(libc::AF_UNIX, libc::SOCK_STREAM);
    let fd = socket.as_raw_fd();
    let listener = Rc::new(listener);
    let giving = listener.clone();
    let call = move || {
        let (address, size) = raw_address(&name);
        // SAFETY: the size is that of the address.
        done(unsafe { connect(fd, (&raw const address).cast(), size) }).map(drop)
    };
    Case {
        fd: Some(socket),
        check: Box::new(move |_, socket| drop((socket, filler, listener))),
        ..Case::new(call, move || drop(giving.accept()))
    }
}

fn socket(family: c_int, kind: c_int) -> OwnedFd {
    // SAFETY: the descriptor is new.
    unsafe { OwnedFd::from_raw_fd(done(libc::socket(family, kind, 0)).expect("a socket") as RawFd) }
}

/// A name of Unix sockets that needs no file.
fn abstract_name() -> String {
    format!("gevent-monkey-strikes-{}", std::process::id())
}

fn address_of(name: &str) -> std::os::unix::net::SocketAddr {
    use std::os::linux::net::SocketAddrExt;
    std::os::unix::net::SocketAddr::from_abstract_name(name).expect("it is short")
}

fn raw_address(name: &str) -> (libc::sockaddr_un, socklen_t) {
    // SAFETY: its fields are numbers.
    let mut address: libc::sockaddr_un = unsafe { zeroed() };
    address.sun_family = libc::AF_UNIX as u16;
    for (place, byte) in address.sun_path[1..].iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    (address, (size_of::<libc::sa_family_t>() + 1 + name.len()) as socklen_t)
}

/// A socket of messages whose queue is full, and to which the caller is not connected: the kernel says that it can be
/// written to, and then has no room.
fn sends_to_full_queue() -> Case {
    let name = abstract_name();
    let receiver = UnixDatagram::bind_addr(&address_of(&name)).expect("nobody else has this name");
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.set_nonblocking(true).expect("it is a socket");
    let mut full = 0;
    while sender.send_to_addr(b"f", &address_of(&name)).is_ok() {
        full += 1;
    }
    sender.set_nonblocking(false).expect("it is a socket");
    let (fd, reading) = (sender.as_raw_fd(), receiver.as_raw_fd());
    let taken = Rc::new(std::cell::Cell::new(0));
    let gave = taken.clone();
    let call = move || {
        let (address, size) = raw_address(&name);
        let address = (&raw const address).cast();
        // SAFETY: the sizes are those of the buffer and of the address.
        writes_byte(|from| unsafe { libc::sendto(fd, from, 1, MSG_NOSIGNAL, address, size) } as i64)
    };
    Case {
        fd: Some(sender.into()),
        check: Box::new(move |succeeded, _| {
            let left = take(receiver.as_raw_fd());
            assert_eq!(taken.get() + left.len(), full + usize::from(succeeded));
            assert!(!succeeded || left == b"x", "{left:?}");
        }),
        ..Case::new(call, move || gave.set(take(reading).len()))
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).closed([Some(libc::EBADF); 2]);
    // SAFETY: in each row, the buffer has a byte.
    unsafe {
        vec![
            row("read", || {
                reads(pair(), |fd| reads_byte(|to| libc::read(fd, to, 1) as i64))
            })
            .with("a socket"),
            row("recv", || reads(pair(), recv)),
            row("recv", || reads(tcp(), recv)).with("over the network"),
            row("__recv_chk", || {
                reads(pair(), |fd| reads_byte(|to| __recv_chk(fd, to, 1, 1, 0) as i64))
            }),
            row("recvfrom", || {
                reads(pair(), |fd| {
                    reads_byte(|to| libc::recvfrom(fd, to, 1, 0, null_mut(), null_mut()) as i64)
                })
            }),
            row("__recvfrom_chk", || {
                reads(pair(), |fd| {
                    reads_byte(|to| __recvfrom_chk(fd, to, 1, 1, 0, null_mut(), null_mut()) as i64)
                })
            }),
            row("recvmsg", || reads(pair(), recvmsg)),
            row("recvmmsg", || reads(pair(), recvmmsg)),
            row("write", || {
                writes(pair(), |fd| writes_byte(|from| libc::write(fd, from, 1) as i64))
            })
            .with("a socket"),
            row("send", || {
                writes(pair(), |fd| {
                    writes_byte(|from| libc::send(fd, from, 1, MSG_NOSIGNAL) as i64)
                })
            }),
            row("__send", || {
                writes(pair(), |fd| {
                    writes_byte(|from| __send(fd, from, 1, MSG_NOSIGNAL) as i64)
                })
            }),
            row("sendto", || {
                writes(pair(), |fd| {
                    writes_byte(|from| libc::sendto(fd, from, 1, MSG_NOSIGNAL, null(), 0) as i64)
                })
            }),
            row("sendto", sends_to_full_queue).with("a queue that is full"),
            row("sendmsg", || writes(pair(), sendmsg)),
            row("sendmmsg", || writes(pair(), sendmmsg)),
            row("sendfile", || writes(pair(), sendfile)),
            row("sendfile64", || writes(pair(), sendfile64)),
            row("accept", || accepts(accept)),
            row("accept4", || accepts(accept4)),
            row("connect", connects),
            row("__connect", || connects_here(__connect)),
            row("connect", || connects_here(libc::connect)).with("a Unix socket"),
        ]
    }
}
