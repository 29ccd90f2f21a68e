//! recv, recvfrom, recvmsg, recvmmsg.

use std::io::Write;
use std::mem::zeroed;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::ptr::null_mut;
use std::sync::mpsc;
use std::time::Duration;

use libc::{EAGAIN, ECONNRESET, MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL, MSG_WAITFORONE, c_int, iovec, mmsghdr, msghdr};

use crate::team::{Team, as_in_threads, result};

unsafe extern "C" {
    fn __recv_chk(fd: c_int, buffer: *mut libc::c_void, len: usize, room: usize, flags: c_int) -> isize;
    fn __recvfrom_chk(
        fd: c_int,
        buffer: *mut libc::c_void,
        len: usize,
        room: usize,
        flags: c_int,
        address: *mut libc::sockaddr,
        address_len: *mut libc::socklen_t,
    ) -> isize;
}

type Got = Result<usize, c_int>;

fn recv(fd: RawFd, buffer: &mut [u8], flags: c_int) -> Got {
    // SAFETY: the buffer has this length.
    result(unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), flags) })
}

/// Receives into buffers of these lengths, and returns what has come.
fn recvmsg(fd: RawFd, lengths: &[usize], flags: c_int) -> (Got, Vec<u8>) {
    let mut buffers: Vec<Vec<u8>> = lengths.iter().map(|len| vec![0; *len]).collect();
    let mut parts: Vec<iovec> = buffers.iter_mut().map(|buffer| part(buffer)).collect();
    // SAFETY: numbers and null pointers.
    let mut message: msghdr = unsafe { zeroed() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = parts.len();
    // SAFETY: the message is that of the buffers.
    let got = result(unsafe { libc::recvmsg(fd, &raw mut message, flags) });
    (got, buffers.concat())
}

fn part(buffer: &mut [u8]) -> iovec {
    iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    }
}

/// Sends pieces, with pauses between them.
fn send_in_pieces(mut socket: UnixStream, pieces: usize) {
    for n in 0..pieces {
        socket.write_all(&[n as u8; 100]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn waitall_waits_for_all_of_a_stream() {
    fn program(team: Team) -> (Got, Got, Got, Vec<u8>) {
        let (one, other) = UnixStream::pair().unwrap();
        let sender = team.spawn(move || send_in_pieces(other, 10));
        let mut buffer = [0; 450];
        let first = recv(one.as_raw_fd(), &mut buffer, MSG_WAITALL);
        // This one goes over several buffers; and then comes the end.
        let (second, bytes) = recvmsg(one.as_raw_fd(), &[100, 0, 75, 25, 200], MSG_WAITALL);
        let third = recv(one.as_raw_fd(), &mut buffer, MSG_WAITALL);
        sender.join();
        (first, second, third, [&buffer[..], &bytes].concat())
    }
    let (first, second, third, _) = as_in_threads(program);
    assert_eq!((first, second, third), (Ok(450), Ok(400), Ok(150)));
}

#[test]
fn waitall_ends_with_the_sockets_time() {
    fn program(_: Team) -> [Got; 3] {
        let (one, mut other) = UnixStream::pair().unwrap();
        one.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        other.write_all(&[1; 30]).unwrap();
        let mut buffer = [0; 100];
        let peeked = recv(one.as_raw_fd(), &mut buffer, MSG_WAITALL | MSG_PEEK);
        let some = recv(one.as_raw_fd(), &mut buffer, MSG_WAITALL);
        let none = recv(one.as_raw_fd(), &mut buffer, MSG_WAITALL);
        [peeked, some, none]
    }
    // A Unix socket has no MSG_WAITALL for those who peek, so the first number is the kernel's affair.
    let [_, some, none] = as_in_threads(program);
    assert_eq!((some, none), (Ok(30), Err(EAGAIN)));
}

#[test]
fn waitall_of_a_datagram_is_one_datagram() {
    fn program(_: Team) -> [Got; 2] {
        let (one, other) = UnixDatagram::pair().unwrap();
        other.send(&[1; 30]).unwrap();
        other.send(&[2; 40]).unwrap();
        let mut buffer = [0; 100];
        let first = recv(one.as_raw_fd(), &mut buffer, MSG_WAITALL);
        [first, recvmsg(one.as_raw_fd(), &[10, 90], MSG_WAITALL).0]
    }
    assert_eq!(as_in_threads(program), [Ok(30), Ok(40)]);
}

#[test]
fn what_is_peeked_stays() {
    fn program(team: Team) -> Vec<Got> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut other = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (one, _) = listener.accept().unwrap();
        let sender = team.spawn(move || {
            for _ in 0..5 {
                other.write_all(&[3; 100]).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let mut buffer = [0; 400];
        let all = recv(one.as_raw_fd(), &mut buffer, MSG_PEEK | MSG_WAITALL);
        let (message, bytes) = recvmsg(one.as_raw_fd(), &[300, 150], MSG_PEEK | MSG_WAITALL);
        assert_eq!(bytes, [3; 450]);
        sender.join();
        let some = recv(one.as_raw_fd(), &mut [0; 10], MSG_PEEK);
        // There is an end, and never so much.
        let more = recv(one.as_raw_fd(), &mut [0; 1000], MSG_PEEK | MSG_WAITALL);
        let taken = recv(one.as_raw_fd(), &mut [0; 500], MSG_WAITALL);
        let end = recv(one.as_raw_fd(), &mut [0; 1000], MSG_PEEK | MSG_WAITALL);
        vec![all, message, some, more, taken, end]
    }
    assert_eq!(
        as_in_threads(program),
        [Ok(400), Ok(450), Ok(10), Ok(500), Ok(500), Ok(0)]
    );
}

#[test]
fn errors_are_told_at_once() {
    fn program(_: Team) -> Vec<Got> {
        let mut buffer = [0; 10];
        let (one, _other) = UnixStream::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let unconnected = socket(libc::AF_INET, libc::SOCK_STREAM);
        vec![
            recv(one.as_raw_fd(), &mut buffer, MSG_DONTWAIT),
            recv(one.as_raw_fd(), &mut buffer, libc::MSG_OOB),
            recv(file.as_raw_fd(), &mut buffer, 0),
            recv(-1, &mut buffer, 0),
            recv(1_000_000, &mut buffer, 0),
            recv(unconnected.as_raw_fd(), &mut buffer, 0),
            recv(unconnected.as_raw_fd(), &mut buffer, libc::MSG_ERRQUEUE),
        ]
    }
    as_in_threads(program);
}

pub(crate) fn socket(family: c_int, kind: c_int) -> OwnedFd {
    // SAFETY: no conditions.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0);
    // SAFETY: it is new, and nobody else's.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A stream's bytes are waited for also by who wants none of them, and a read of none never waits.
#[test]
fn nothing_is_asked_for() {
    fn program(team: Team) -> Vec<Got> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut other = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (one, _) = listener.accept().unwrap();
        let fd = one.as_raw_fd();
        // SAFETY: nothing is read.
        let read = result(unsafe { libc::read(fd, null_mut(), 0) });
        // SAFETY: as above.
        let readv = result(unsafe { libc::readv(fd, null_mut(), 0) });
        let sender = team.spawn(move || other.write_all(b"x").unwrap());
        let received = recv(fd, &mut [], 0);
        sender.join();
        vec![read, readv, received, recv(fd, &mut [0], 0)]
    }
    assert_eq!(as_in_threads(program), [Ok(0), Ok(0), Ok(0), Ok(1)]);
}

#[test]
fn fortified_c_code() {
    fn program(team: Team) -> Vec<Got> {
        let one = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, expected) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        let sender = team.spawn(move || {
            other.send_to(b"one", address).unwrap();
            other.send_to(b"three", address).unwrap();
        });
        let mut buffer = [0u8; 10];
        let (fd, buffer) = (one.as_raw_fd(), buffer.as_mut_ptr().cast());
        // SAFETY: the buffer is so long.
        let first = result(unsafe { __recv_chk(fd, buffer, 9, 10, 0) });
        // SAFETY: numbers.
        let mut from: libc::sockaddr_in = unsafe { zeroed() };
        let mut len = size_of_val(&from) as libc::socklen_t;
        // SAFETY: the buffer is so long, and so is the address.
        let second = result(unsafe { __recvfrom_chk(fd, buffer, 10, 10, 0, (&raw mut from).cast(), &raw mut len) });
        assert_eq!(u16::from_be(from.sin_port), expected.port());
        sender.join();
        vec![first, second]
    }
    assert_eq!(as_in_threads(program), [Ok(3), Ok(5)]);
}

/// Receives several messages at once, and returns their lengths.
fn recvmmsg(fd: RawFd, count: usize, flags: c_int, limit: Option<Duration>) -> Result<Vec<u32>, c_int> {
    let mut buffers = vec![[0; 100]; count];
    let mut parts: Vec<iovec> = buffers.iter_mut().map(|buffer| part(buffer)).collect();
    let mut messages: Vec<mmsghdr> = parts
        .iter_mut()
        .map(|part| {
            // SAFETY: numbers and null pointers.
            let mut message: mmsghdr = unsafe { zeroed() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message
        })
        .collect();
    let mut limit = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs() as _,
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_mut().map_or(null_mut(), |limit| limit);
    // SAFETY: there are so many messages.
    let got = unsafe { libc::recvmmsg(fd, messages.as_mut_ptr(), count as u32, flags, limit) };
    let got = result(got as isize)?;
    Ok(messages[..got].iter().map(|message| message.msg_len).collect())
}

#[test]
fn several_messages_at_once() {
    fn program(team: Team) -> Vec<Result<Vec<u32>, c_int>> {
        let (one, other) = UnixDatagram::pair().unwrap();
        one.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let fd = one.as_raw_fd();
        let sender = team.spawn(move || {
            for len in 1..=8 {
                other.send(&[0; 50][..len]).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
            other
        });
        let five = recvmmsg(fd, 5, 0, None);
        let other = sender.join();
        // There are three.
        let three = recvmmsg(fd, 5, MSG_WAITFORONE, None);
        // The time is looked at when a message has come, so this one ends with the socket's own.
        let none = recvmmsg(fd, 2, 0, Some(Duration::from_millis(1)));
        other.send(b"x").unwrap();
        let over = recvmmsg(fd, 2, 0, Some(Duration::ZERO));
        other.send(b"xx").unwrap();
        // What has come before the socket's time was over.
        let some = recvmmsg(fd, 2, 0, None);
        vec![five, three, none, over, some]
    }
    let got = as_in_threads(program);
    assert_eq!(got[0], Ok(vec![1, 2, 3, 4, 5]));
    assert_eq!(got[1], Ok(vec![6, 7, 8]));
    assert_eq!(got[2..5], [Err(EAGAIN), Ok(vec![1]), Ok(vec![2])]);
}

/// What has come is told first, and the end of the connection by the next call.
#[test]
fn an_error_after_a_part_is_told_by_the_next_call() {
    fn program(team: Team) -> Vec<Got> {
        let mut results = Vec::new();
        for by_message in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let other = listener.accept().unwrap().0;
            let (seen, is_seen) = mpsc::channel();
            let receiver = team.spawn(move || {
                let (fd, mut buffer) = (other.as_raw_fd(), [0; 10]);
                seen.send(recv(fd, &mut buffer[..1], MSG_PEEK)).unwrap();
                let some = match by_message {
                    false => recv(fd, &mut buffer, MSG_WAITALL),
                    true => recvmsg(fd, &[4, 6], MSG_WAITALL).0,
                };
                [some, recv(fd, &mut buffer, 0), recv(fd, &mut buffer, 0)]
            });
            one.write_all(b"abc").unwrap();
            results.push(is_seen.recv().unwrap());
            // It waits for the rest by now, or will have both at once, which is the same.
            std::thread::sleep(Duration::from_millis(2));
            let now = libc::linger {
                l_onoff: 1,
                l_linger: 0,
            };
            // SAFETY: the option is a variable of this size.
            let set = unsafe {
                let size = size_of_val(&now) as libc::socklen_t;
                libc::setsockopt(
                    one.as_raw_fd(),
                    libc::SOL_SOCKET,
                    libc::SO_LINGER,
                    (&raw const now).cast(),
                    size,
                )
            };
            assert_eq!(set, 0);
            drop(one);
            results.extend(receiver.join());
        }
        results
    }
    let each = [Ok(1), Ok(3), Err(ECONNRESET), Ok(0)];
    assert_eq!(as_in_threads(program), [each, each].concat());
}
