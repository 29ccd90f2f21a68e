//! send, sendto, sendmsg, sendmmsg.

use std::io::{IoSlice, Read, Write};
use std::mem::zeroed;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::ptr::null;
use std::time::Duration;

use libc::{ECONNRESET, EPIPE, MSG_NOSIGNAL, c_int, iovec, mmsghdr, msghdr};

use crate::team::{Team, as_in_threads, result};

type Sent = Result<usize, c_int>;

/// More than a Unix socket takes at once, and than a TCP socket that is new.
const MUCH: usize = 3_000_000;

fn send(fd: RawFd, bytes: &[u8], flags: c_int) -> Sent {
    // SAFETY: there are so many bytes.
    result(unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) })
}

fn parts(bytes: &[u8], len: usize) -> Vec<iovec> {
    let part = |part: &[u8]| iovec {
        iov_base: part.as_ptr().cast_mut().cast(),
        iov_len: part.len(),
    };
    bytes.chunks(len).map(part).collect()
}

fn message(parts: &mut [iovec]) -> msghdr {
    // SAFETY: numbers and null pointers.
    let mut message: msghdr = unsafe { zeroed() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = parts.len();
    message
}

fn numbers(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}

fn reader(team: Team, mut socket: impl Read + Send + 'static) -> crate::team::Job<Vec<u8>> {
    team.spawn(move || {
        let mut got = Vec::new();
        socket.read_to_end(&mut got).unwrap();
        got
    })
}

/// One call sends all, however it is made.
#[test]
fn one_call_sends_all() {
    fn all(team: Team, socket: impl AsRawFd + Write, other: impl Read + Send + 'static) -> Vec<Sent> {
        let mut socket = socket;
        let fd = socket.as_raw_fd();
        let bytes = numbers(MUCH);
        let reader = reader(team, other);
        let mut sent = vec![send(fd, &bytes, 0)];
        // SAFETY: there are so many bytes.
        sent.push(result(unsafe {
            libc::sendto(fd, bytes.as_ptr().cast(), MUCH, 0, null(), 0)
        }));
        // SAFETY: there are so many bytes.
        sent.push(result(unsafe { libc::write(fd, bytes.as_ptr().cast(), MUCH) }));
        let mut parts = parts(&bytes, MUCH / 100);
        let message = message(&mut parts);
        // SAFETY: the message is that of the bytes.
        sent.push(result(unsafe { libc::sendmsg(fd, &raw const message, 0) }));
        sent.push(Ok(socket
            .write_vectored(&bytes.chunks(MUCH / 7 + 1).map(IoSlice::new).collect::<Vec<_>>())
            .unwrap()));
        // SAFETY: there are so many parts.
        sent.push(result(unsafe {
            libc::pwritev2(fd, parts.as_ptr(), parts.len() as c_int, -1, 0)
        }));
        // SAFETY: as above. The flag is one that means nothing here.
        sent.push(result(unsafe {
            libc::pwritev2(fd, parts.as_ptr(), parts.len() as c_int, -1, libc::RWF_HIPRI)
        }));
        drop(socket);
        let got = reader.join();
        assert!(got.len() == 7 * MUCH && got.chunks(MUCH).all(|got| got == bytes));
        sent
    }
    fn tcp(team: Team) -> Vec<Sent> {
        let (one, other) = tcp_pair();
        all(team, one, other)
    }
    fn unix(team: Team) -> Vec<Sent> {
        let (one, other) = UnixStream::pair().unwrap();
        all(team, one, other)
    }
    assert_eq!(as_in_threads(tcp), [Ok(MUCH); 7]);
    assert_eq!(as_in_threads(unix), [Ok(MUCH); 7]);
}

/// Descriptors go with the first bytes of a message, and once.
#[test]
fn descriptors_go_with_a_message_that_does_not_fit() {
    fn program(team: Team) -> (Sent, usize) {
        let (one, mut other) = UnixStream::pair().unwrap();
        let (mut passed, mine) = UnixStream::pair().unwrap();
        let sender = team.spawn(move || {
            let bytes = numbers(MUCH);
            let mut parts = parts(&bytes, MUCH);
            let mut message = message(&mut parts);
            let mut control = [0u64; 4];
            message.msg_control = control.as_mut_ptr().cast();
            // SAFETY: the control data has room for one descriptor.
            unsafe {
                message.msg_controllen = libc::CMSG_SPACE(4) as _;
                let header = libc::CMSG_FIRSTHDR(&raw const message);
                (*header).cmsg_level = libc::SOL_SOCKET;
                (*header).cmsg_type = libc::SCM_RIGHTS;
                (*header).cmsg_len = libc::CMSG_LEN(4) as _;
                libc::CMSG_DATA(header)
                    .cast::<c_int>()
                    .write_unaligned(mine.as_raw_fd());
            }
            // SAFETY: the message is that of the bytes.
            result(unsafe { libc::sendmsg(one.as_raw_fd(), &raw const message, 0) })
        });
        let mut byte = [0u8; 1];
        let mut first = parts_of(&mut byte);
        let mut message = message(&mut first);
        let mut control = [0u64; 4];
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        // SAFETY: the message is that of the buffers.
        let got = unsafe { libc::recvmsg(other.as_raw_fd(), &raw mut message, 0) };
        assert_eq!(got, 1);
        // SAFETY: the kernel has filled in the control data.
        let mine = unsafe {
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            assert_eq!((*header).cmsg_type, libc::SCM_RIGHTS);
            OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<c_int>().read_unaligned())
        };
        let mut rest = Vec::new();
        other.read_to_end(&mut rest).unwrap();
        let sent = sender.join();
        // It is the only copy that is left.
        drop(mine);
        assert_eq!(passed.read(&mut [0]).unwrap(), 0);
        (sent, rest.len())
    }
    fn parts_of(bytes: &mut [u8]) -> Vec<iovec> {
        parts(bytes, bytes.len())
    }
    assert_eq!(as_in_threads(program), (Ok(MUCH), MUCH - 1));
}

#[test]
fn an_error_after_some_bytes_is_told_by_the_next_call() {
    /// More than any socket keeps.
    const ALL: usize = 50_000_000;
    fn program(team: Team) -> (bool, Vec<Sent>) {
        let (one, mut other) = tcp_pair();
        let closer = team.spawn(move || {
            // It closes with unread bytes, which is a reset.
            other.read_exact(&mut [0; 100_000]).unwrap();
            drop(other);
        });
        let some = send(one.as_raw_fd(), &vec![1; ALL], MSG_NOSIGNAL).unwrap();
        closer.join();
        let errors = vec![
            send(one.as_raw_fd(), &[1], MSG_NOSIGNAL),
            send(one.as_raw_fd(), &[1], MSG_NOSIGNAL),
        ];
        ((100_000..ALL).contains(&some), errors)
    }
    assert_eq!(as_in_threads(program), (true, vec![Err(ECONNRESET), Err(EPIPE)]));
}

#[test]
fn who_sends_to_nobody_gets_epipe() {
    fn program(_: Team) -> Vec<Sent> {
        let (one, other) = UnixStream::pair().unwrap();
        one.shutdown(Shutdown::Write).unwrap();
        let first = send(one.as_raw_fd(), &[1], 0);
        drop(one);
        vec![first, send(other.as_raw_fd(), &[1], 0), send(other.as_raw_fd(), &[], 0)]
    }
    as_in_threads(program);
}

/// Sends messages of these lengths, and returns how much of each was sent.
fn sendmmsg(fd: RawFd, lengths: &[usize]) -> Result<Vec<u32>, c_int> {
    let bytes = numbers(lengths.iter().copied().max().unwrap_or(0));
    let mut parts: Vec<_> = (lengths.iter()).map(|len| parts(&bytes[..*len], len / 3 + 1)).collect();
    let mut messages: Vec<mmsghdr> = (parts.iter_mut())
        .map(|parts| mmsghdr {
            msg_hdr: message(parts),
            msg_len: 0,
        })
        .collect();
    // SAFETY: there are so many messages.
    let sent = unsafe { libc::sendmmsg(fd, messages.as_mut_ptr(), messages.len() as u32, 0) };
    let sent = result(sent as isize)?;
    Ok(messages[..sent].iter().map(|message| message.msg_len).collect())
}

#[test]
fn several_messages_at_once() {
    fn program(team: Team) -> Vec<Result<Vec<u32>, c_int>> {
        let (one, other) = UnixStream::pair().unwrap();
        let reader = reader(team, other);
        let mut sent = vec![sendmmsg(one.as_raw_fd(), &[10, MUCH, 0, MUCH, 7])];
        drop(one);
        let got = reader.join();
        assert!(got[..10] == numbers(10) && got[10..10 + MUCH] == numbers(MUCH) && got.len() == 2 * MUCH + 17);

        let (one, other) = UnixDatagram::pair().unwrap();
        let reader = team.spawn(move || (0..1000).map(|_| other.recv(&mut [0; 100]).unwrap()).sum::<usize>());
        sent.push(sendmmsg(one.as_raw_fd(), &[50; 1000]));
        assert_eq!(reader.join(), 50_000);

        // One that cannot be sent ends it.
        let (one, _other) = UnixDatagram::pair().unwrap();
        one.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
        sent.push(sendmmsg(one.as_raw_fd(), &[1, MUCH, 1]));
        sent.push(sendmmsg(one.as_raw_fd(), &[MUCH, 1]));
        let many = sendmmsg(one.as_raw_fd(), &[1; 1000]).unwrap().len();
        assert!((1..1000).contains(&many));
        sent.push(sendmmsg(one.as_raw_fd(), &[1; 1000]));
        sent
    }
    let sent = as_in_threads(program);
    assert_eq!(sent[0], Ok(vec![10, MUCH as u32, 0, MUCH as u32, 7]));
}
