//! `sendmsg` and `recvmsg`: the counterparts of those tests in CPython's `test_socket.py` which gevent runs. Modules
//! have the names of its classes. Each test runs with every kind of socket that the classes of CPython have: UDP and
//! UDP-Lite over IPv4 and IPv6, TCP, and Unix streams.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use gevent::socket::{
    AF_INET, AF_INET6, AF_UNIX, Ancillary, CMSG_LEN, CMSG_SPACE, IPPROTO_IPV6, MSG_CTRUNC, MSG_DONTWAIT, MSG_OOB,
    MSG_PEEK, MSG_TRUNC, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, SendAncillary, Socket, SocketAddress, create_connection,
    create_server, recv_fds, send_fds, socketpair, socketpair_with,
};
use gevent::{sleep, spawn};

use crate::python_socket::EBADF;
use crate::support::{TestResult, bounded};

const MSG: &[u8] = b"Michael Gilfix was here\xe1\x88\xb4\n";
const INT: usize = size_of::<i32>();
const NONE: &[SendAncillary<'_>] = &[];

/// A client that sends, and a server that receives.
struct Pair {
    client: Socket,
    server: Socket,
    /// Where the client sends to, if it has to say so.
    to: Option<SocketAddress>,
}

impl Pair {
    fn is_stream(&self) -> bool {
        self.to.is_none()
    }

    fn send(&self, data: &[u8]) -> io::Result<usize> {
        match &self.to {
            Some(to) => self.client.sendto(data, to),
            None => self.client.send(data),
        }
    }

    fn sendmsg(&self, data: &[&[u8]], ancdata: &[SendAncillary<'_>], flags: i32) -> io::Result<usize> {
        let data: Vec<_> = data.iter().map(|data| IoSlice::new(data)).collect();
        match &self.to {
            Some(to) => self.client.sendmsg_to(&data, ancdata, flags, to),
            None => self.client.sendmsg_with_flags(&data, ancdata, flags),
        }
    }

    /// Checks what was received, but for the ancillary data. `complete` is whether this is the whole of a datagram.
    #[track_caller]
    fn check(&self, got: &Message, msg: &[u8], complete: bool) {
        self.check_ignoring(got, msg, complete, 0);
    }

    #[track_caller]
    fn check_ignoring(&self, got: &Message, msg: &[u8], complete: bool, ignored: i32) {
        assert_eq!(got.msg, msg);
        if !self.is_stream() {
            let from = self.client.getsockname().expect("it is open");
            assert_eq!(got.addr, Some(from));
        }
        let truncated = if complete || self.is_stream() { 0 } else { MSG_TRUNC };
        let checked = (MSG_CTRUNC | MSG_OOB | MSG_TRUNC) & !ignored;
        assert_eq!(got.flags & checked, truncated & checked);
    }
}

fn datagrams(family: i32, proto: i32) -> io::Result<Pair> {
    let host = if family == AF_INET6 { "::1" } else { "127.0.0.1" };
    let bound = || {
        let socket = Socket::new(family, SOCK_DGRAM, proto)?;
        socket.bind((host, 0))?;
        Ok::<_, io::Error>(socket)
    };
    let (client, server) = (bound()?, bound()?);
    let to = Some(server.getsockname()?);
    Ok(Pair { client, server, to })
}

fn udp6() -> Option<Pair> {
    datagrams(AF_INET6, 0).ok()
}

fn streams() -> [Pair; 2] {
    let listener = create_server(("127.0.0.1", 0)).expect("there is a port");
    let Ok(SocketAddress::Inet(address)) = listener.getsockname() else {
        panic!("{listener:?}")
    };
    let client = create_connection(address).expect("it listens");
    let (server, _) = listener.accept().expect("somebody has connected");
    let tcp = Pair {
        client,
        server,
        to: None,
    };
    [tcp, unix_stream()]
}

fn unix_stream() -> Pair {
    let (client, server) = socketpair().expect("there are descriptors");
    Pair {
        client,
        server,
        to: None,
    }
}

fn connectionless() -> Vec<Pair> {
    let udp = datagrams(AF_INET, 0).expect("there is a port");
    // Not every machine has IPv6 and UDP-Lite.
    let others = [(AF_INET6, 0), (AF_INET, 136), (AF_INET6, 136)];
    let others = others
        .into_iter()
        .filter_map(|(family, proto)| datagrams(family, proto).ok());
    [udp].into_iter().chain(others).collect()
}

fn all() -> Vec<Pair> {
    connectionless().into_iter().chain(streams()).collect()
}

/// The function that receives.
#[derive(Clone, Copy)]
enum By {
    Recvmsg,
    RecvmsgInto,
}

const BOTH: [By; 2] = [By::Recvmsg, By::RecvmsgInto];

#[derive(Debug)]
struct Message {
    msg: Vec<u8>,
    ancdata: Vec<Ancillary>,
    flags: i32,
    addr: Option<SocketAddress>,
}

fn do_recvmsg(by: By, socket: &Socket, bufsize: usize, ancbufsize: usize, flags: i32) -> io::Result<Message> {
    let (msg, ancdata, flags, addr) = match by {
        By::Recvmsg if flags == 0 => socket.recvmsg(bufsize, ancbufsize)?,
        By::Recvmsg => socket.recvmsg_with_flags(bufsize, ancbufsize, flags)?,
        By::RecvmsgInto => {
            let mut buf = vec![0; bufsize];
            let mut bufs = [IoSliceMut::new(&mut buf)];
            let (n, ancdata, flags, addr) = match flags {
                0 => socket.recvmsg_into(&mut bufs, ancbufsize)?,
                _ => socket.recvmsg_into_with_flags(&mut bufs, ancbufsize, flags)?,
            };
            assert!(n <= bufsize);
            buf.truncate(n);
            (buf, ancdata, flags, addr)
        }
    };
    Ok(Message {
        msg,
        ancdata,
        flags,
        addr,
    })
}

/// What a greenlet receives that waits when `send` is called.
fn received(
    by: By,
    pair: &Pair,
    (bufsize, ancbufsize): (usize, usize),
    send: impl FnOnce(&Pair) -> io::Result<usize>,
) -> io::Result<Message> {
    let server = pair.server.clone();
    let receiver = spawn(move || Ok(do_recvmsg(by, &server, bufsize, ancbufsize, 0)?));
    sleep(0)?;
    send(pair)?;
    receiver.join()?;
    // A message has descriptors, so there can be no second one.
    Ok(receiver.take().expect("it is received"))
}

/// Runs a test with each pair, and with both functions that receive.
fn with_both(pairs: fn() -> Vec<Pair>, test: fn(By, &Pair) -> TestResult) -> TestResult {
    let _bounded = bounded();
    BOTH.iter()
        .try_for_each(|by| pairs().iter().try_for_each(|pair| test(*by, pair)))
}

mod sendmsg_tests {
    use super::*;

    fn sends(pairs: Vec<Pair>, send: fn(&Pair) -> io::Result<usize>) -> TestResult {
        let _bounded = bounded();
        for pair in pairs {
            let server = pair.server.clone();
            let receiver = spawn(move || Ok(server.recv(MSG.len())?));
            sleep(0)?;
            assert_eq!(send(&pair)?, MSG.len());
            assert_eq!(receiver.get()?, MSG);
        }
        Ok(())
    }

    #[test]
    fn test_sendmsg() -> TestResult {
        sends(all(), |pair| pair.sendmsg(&[MSG], NONE, 0))
    }

    #[test]
    fn test_sendmsg_gather() -> TestResult {
        sends(all(), |pair| pair.sendmsg(&[&MSG[..3], &MSG[3..]], NONE, 0))
    }

    #[test]
    fn test_sendmsg_explicit_none_addr() -> TestResult {
        sends(streams().into(), |pair| pair.client.sendmsg(&[IoSlice::new(MSG)], NONE))
    }

    #[test]
    fn test_sendmsg_after_close() -> TestResult {
        let _bounded = bounded();
        for pair in all() {
            pair.client.close();
            assert_eq!(pair.sendmsg(&[MSG], NONE, 0).unwrap_err().raw_os_error(), EBADF);
        }
        Ok(())
    }

    #[test]
    fn test_sendmsg_timeout() -> TestResult {
        let _bounded = bounded();
        for pair in streams() {
            pair.client.settimeout(0.03)?;
            let error = loop {
                if let Err(error) = pair.sendmsg(&[&[b'a'; 512]], NONE, 0) {
                    break error;
                }
            };
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert_eq!(pair.server.recv(512)?, [b'a'; 512]);
        }
        Ok(())
    }

    #[test]
    fn test_sendmsg_dont_wait() -> TestResult {
        let _bounded = bounded();
        for pair in streams() {
            let error = loop {
                if let Err(error) = pair.sendmsg(&[&[b'a'; 512]], NONE, MSG_DONTWAIT) {
                    break error;
                }
            };
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert_eq!(pair.server.recv(512)?, [b'a'; 512]);
        }
        Ok(())
    }

    #[test]
    fn test_sendmsg_no_dest_addr() -> TestResult {
        let _bounded = bounded();
        for pair in connectionless() {
            let error = pair.client.sendmsg(&[IoSlice::new(MSG)], NONE).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EDESTADDRREQ));
        }
        Ok(())
    }
}

mod recvmsg_tests {
    use super::*;

    fn receives(bufsize: usize, ancbufsize: usize, complete: bool) -> TestResult {
        let _bounded = bounded();
        for (by, pair) in BOTH
            .into_iter()
            .flat_map(|by| all().into_iter().map(move |pair| (by, pair)))
        {
            let got = received(by, &pair, (bufsize, ancbufsize), |pair| pair.send(MSG))?;
            pair.check(&got, &MSG[..bufsize.min(MSG.len())], complete);
            assert!(got.ancdata.is_empty());
        }
        Ok(())
    }

    #[test]
    fn test_recvmsg() -> TestResult {
        receives(MSG.len(), 0, true)
    }

    #[test]
    fn test_recvmsg_shorter() -> TestResult {
        receives(MSG.len() + 42, 0, true)
    }

    #[test]
    fn test_recvmsg_trunc() -> TestResult {
        receives(MSG.len() - 3, 0, false)
    }

    #[test]
    fn test_recvmsg_short_ancillary_buf() -> TestResult {
        receives(MSG.len(), 1, true)
    }

    #[test]
    fn test_recvmsg_long_ancillary_buf() -> TestResult {
        receives(MSG.len(), 10240, true)
    }

    #[test]
    fn test_recvmsg_after_close() -> TestResult {
        with_both(all, |by, pair| {
            pair.server.close();
            let error = do_recvmsg(by, &pair.server, 1024, 0, 0).unwrap_err();
            assert_eq!(error.raw_os_error(), EBADF);
            Ok(())
        })
    }

    #[test]
    fn test_recvmsg_timeout() -> TestResult {
        with_both(all, |by, pair| {
            pair.server.settimeout(0.03)?;
            let error = do_recvmsg(by, &pair.server, 1024, 0, 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            Ok(())
        })
    }

    #[test]
    fn test_recvmsg_peek() -> TestResult {
        with_both(all, |by, pair| {
            pair.send(MSG)?;
            let got = do_recvmsg(by, &pair.server, MSG.len() - 3, 0, MSG_PEEK)?;
            pair.check_ignoring(&got, &MSG[..MSG.len() - 3], false, MSG_TRUNC);
            for flags in [MSG_PEEK, 0] {
                let got = do_recvmsg(by, &pair.server, MSG.len(), 0, flags)?;
                pair.check(&got, MSG, true);
            }
            Ok(())
        })
    }

    #[test]
    fn test_recvmsg_from_sendmsg() -> TestResult {
        with_both(all, |by, pair| {
            let send = |pair: &Pair| pair.sendmsg(&[&MSG[..3], &MSG[3..]], NONE, 0);
            pair.check(&received(by, pair, (MSG.len(), 0), send)?, MSG, true);
            Ok(())
        })
    }

    #[test]
    fn test_recvmsg_eof() -> TestResult {
        with_both(
            || streams().into(),
            |by, pair| {
                let got = received(by, pair, (1024, 100), |pair| {
                    pair.client.close();
                    Ok(0)
                })?;
                pair.check(&got, b"", true);
                assert!(got.ancdata.is_empty());
                Ok(())
            },
        )
    }

    #[test]
    fn test_recvmsg_overflow() -> TestResult {
        with_both(
            || streams().into(),
            |by, pair| {
                let first = received(by, pair, (MSG.len() - 3, 0), |pair| pair.send(MSG))?;
                pair.check(&first, &MSG[..MSG.len() - 3], false);
                let second = do_recvmsg(by, &pair.server, 1024, 0, 0)?;
                pair.check(&second, &MSG[MSG.len() - 3..], true);
                Ok(())
            },
        )
    }

    #[test]
    fn test_recvmsg_into_scatter() -> TestResult {
        let _bounded = bounded();
        for pair in all() {
            pair.send(b"Mary had a little lamb")?;
            let (mut b1, mut b2, mut b3) = (*b"----", *b"0123456789", *b"--------------");
            let mut bufs = [&mut b1[..], &mut b2[2..9], &mut b3].map(IoSliceMut::new);
            let (n, ancdata, flags, addr) = pair.server.recvmsg_into(&mut bufs, 0)?;
            let msg = [&b1[..], &b2[2..9], &b3[..11]].concat();
            assert_eq!((n, &b2), (msg.len(), b"01 had a 9"));
            assert_eq!(&b3, b"little lamb---");
            let got = Message {
                msg,
                ancdata,
                flags,
                addr,
            };
            pair.check(&got, b"Mary had a little lamb", true);
        }
        Ok(())
    }

    #[test]
    fn test_recvmsg_bad_args() -> TestResult {
        with_both(all, |by, pair| {
            for ancbufsize in [1 << 31, usize::MAX, CMSG_LEN(usize::MAX), CMSG_SPACE(usize::MAX)] {
                let error = do_recvmsg(by, &pair.server, 9, ancbufsize, 0).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
            }
            let error = pair.server.recvmsg(usize::MAX, 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfMemory);
            Ok(())
        })
    }
}

mod cmsg_macro_tests {
    use super::*;

    fn lengths() -> impl Iterator<Item = usize> {
        (0..257).chain((1 << 31) - 257..1 << 31)
    }

    #[test]
    #[allow(non_snake_case)]
    fn test_CMSG_LEN() {
        assert!(CMSG_LEN(0) > INT * 2);
        for n in lengths() {
            assert_eq!(CMSG_LEN(n) - CMSG_LEN(0), n);
        }
        assert_eq!(CMSG_LEN(usize::MAX), usize::MAX);
    }

    #[test]
    #[allow(non_snake_case)]
    fn test_CMSG_SPACE() {
        let mut last = CMSG_SPACE(0);
        for n in lengths() {
            assert!(CMSG_SPACE(n) >= last);
            assert!(CMSG_SPACE(n) >= CMSG_LEN(n));
            last = CMSG_SPACE(n);
        }
        for n in [usize::MAX, usize::MAX - 9] {
            assert_eq!(CMSG_SPACE(n), usize::MAX);
        }
    }
}

mod scm_rights_test {
    use super::*;

    /// Files with their indexes as contents.
    fn new_fds(n: usize) -> Vec<OwnedFd> {
        let file = |n: usize| {
            let name = format!(
                "gevent-rights-{}-{:?}-{n}",
                std::process::id(),
                std::thread::current().id()
            );
            let path = std::env::temp_dir().join(name);
            let mut options = File::options();
            let mut file = options.create(true).truncate(true).read(true).write(true).open(&path)?;
            std::fs::remove_file(path)?;
            file.write_all(n.to_string().as_bytes())?;
            Ok(file.into())
        };
        let files = (0..n).map(file).collect::<io::Result<_>>();
        files.expect("there is space")
    }

    fn fds(ancdata: Vec<Ancillary>) -> Vec<OwnedFd> {
        let rights = ancdata.into_iter().map(|item| match item {
            Ancillary::Rights(fds) => fds,
            other => panic!("{other:?}"),
        });
        rights.flatten().collect()
    }

    fn check_fds(fds: Vec<OwnedFd>) -> TestResult {
        for (n, fd) in fds.into_iter().enumerate() {
            let (mut file, mut text) = (File::from(fd), String::new());
            file.rewind()?;
            file.read_to_string(&mut text)?;
            assert_eq!(text, n.to_string());
        }
        Ok(())
    }

    fn send_each(pair: &Pair, arrays: &[&[OwnedFd]]) -> io::Result<usize> {
        let arrays: Vec<Vec<BorrowedFd<'_>>> = arrays
            .iter()
            .map(|fds| fds.iter().map(OwnedFd::as_fd).collect())
            .collect();
        let ancdata: Vec<_> = arrays.iter().map(|fds| SendAncillary::Rights(fds)).collect();
        pair.sendmsg(&[MSG], &ancdata, 0)
    }

    /// What is received of some descriptors into a number of bytes.
    fn passed(sent: &[usize], ancbufsize: usize, check: fn(&Pair, Message) -> TestResult) -> TestResult {
        let _bounded = bounded();
        for by in BOTH {
            let pair = unix_stream();
            let all = new_fds(sent.iter().sum());
            let mut arrays = Vec::new();
            let mut rest = &all[..];
            for n in sent {
                let (array, others) = rest.split_at(*n);
                arrays.push(array);
                rest = others;
            }
            check(
                &pair,
                received(by, &pair, (MSG.len(), ancbufsize), |pair| send_each(pair, &arrays))?,
            )?;
        }
        Ok(())
    }

    fn complete<const N: usize>(pair: &Pair, got: Message) -> TestResult {
        pair.check(&got, MSG, true);
        let fds = fds(got.ancdata);
        assert_eq!(fds.len(), N);
        check_fds(fds)
    }

    #[test]
    fn test_fd_pass_simple() -> TestResult {
        passed(&[1], 10240, complete::<1>)
    }

    #[test]
    fn test_multiple_fd_pass() -> TestResult {
        passed(&[4], 10240, complete::<4>)
    }

    #[test]
    #[allow(non_snake_case)]
    fn test_fd_pass_CMSG_SPACE() -> TestResult {
        passed(&[4], CMSG_SPACE(4 * INT), complete::<4>)
    }

    #[test]
    #[allow(non_snake_case)]
    fn test_fd_pass_CMSG_LEN() -> TestResult {
        passed(&[1], CMSG_LEN(4 * INT), complete::<1>)
    }

    #[test]
    fn test_fd_pass_separate() -> TestResult {
        passed(&[1, 1], 10240, complete::<2>)
    }

    #[test]
    fn test_fd_pass_separate_min_space() -> TestResult {
        passed(&[1, 1], CMSG_SPACE(INT) + CMSG_LEN(2 * INT), complete::<2>)
    }

    #[test]
    fn test_fd_pass_empty() -> TestResult {
        passed(&[0], 10240, complete::<0>)
    }

    /// Numbers are not sent as bytes, whole or not.
    #[test]
    fn test_fd_pass_partial_int() -> TestResult {
        let _bounded = bounded();
        let pair = unix_stream();
        let bytes = (-0x5555_i32).to_ne_bytes();
        for data in [&bytes[..3], &bytes] {
            let (level, type_) = (SOL_SOCKET, libc::SCM_RIGHTS);
            let rights = SendAncillary::Other { level, type_, data };
            let error = pair.sendmsg(&[MSG], &[rights], 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        Ok(())
    }

    fn truncated_header(pair: &Pair, got: Message) -> TestResult {
        pair.check_ignoring(&got, MSG, true, MSG_CTRUNC);
        assert_ne!(got.flags & MSG_CTRUNC, 0);
        assert!(got.ancdata.is_empty());
        Ok(())
    }

    #[test]
    fn test_cmsg_trunc_no_buf_size() -> TestResult {
        passed(&[1], 0, truncated_header)
    }

    #[test]
    fn test_cmsg_trunc1() -> TestResult {
        passed(&[1], 1, truncated_header)
    }

    #[test]
    fn test_cmsg_trunc2_int() -> TestResult {
        passed(&[1], INT * 2, truncated_header)
    }

    #[test]
    fn test_cmsg_trunc_len0_minus1() -> TestResult {
        passed(&[1], CMSG_LEN(0) - 1, truncated_header)
    }

    fn truncated_array<const MOST: usize>(pair: &Pair, got: Message) -> TestResult {
        pair.check_ignoring(&got, MSG, true, MSG_CTRUNC);
        assert_ne!(got.flags & MSG_CTRUNC, 0);
        let fds = fds(got.ancdata);
        assert_eq!(fds.len(), MOST);
        check_fds(fds)
    }

    #[test]
    fn test_cmsg_trunc_len0() -> TestResult {
        passed(&[1], CMSG_LEN(0), truncated_array::<0>)
    }

    #[test]
    fn test_cmsg_trunc_len0_plus1() -> TestResult {
        passed(&[2], CMSG_LEN(0) + 1, truncated_array::<0>)
    }

    #[test]
    fn test_cmsg_trunc_len1() -> TestResult {
        passed(&[2], CMSG_LEN(INT), truncated_array::<1>)
    }

    #[test]
    fn test_cmsg_trunc_len2_minus1() -> TestResult {
        passed(&[2], CMSG_LEN(2 * INT) - 1, truncated_array::<1>)
    }

    #[test]
    fn test_send_and_recv_fds() -> TestResult {
        let _bounded = bounded();
        let pipes: Vec<_> = (0..10).map(|_| io::pipe()).collect::<io::Result<_>>()?;
        for kind in [SOCK_STREAM, SOCK_DGRAM, libc::SOCK_SEQPACKET] {
            let (sock1, sock2) = socketpair_with(AF_UNIX, kind, 0)?;
            let fds: Vec<_> = pipes.iter().map(|(reads, _)| reads.as_fd()).collect();
            assert_eq!(send_fds(&sock1, &[IoSlice::new(MSG)], &fds)?, MSG.len());
            let (msg, fds, flags, _addr) = recv_fds(&sock2, MSG.len() * 2, fds.len() * 2)?;
            assert_eq!((&msg[..], fds.len(), flags & (MSG_CTRUNC | MSG_TRUNC)), (MSG, 10, 0));
            for (index, (fd, (_, writes))) in fds.into_iter().zip(&pipes).enumerate() {
                (&*writes).write_all(&[index as u8])?;
                let mut byte = [99];
                File::from(fd).read_exact(&mut byte)?;
                assert_eq!(usize::from(byte[0]), index);
            }
        }
        Ok(())
    }
}

mod rfc3542_ancillary_test {
    use super::*;

    const HOP_LIMIT: i32 = 2;

    fn pairs() -> Vec<Pair> {
        [udp6(), datagrams(AF_INET6, 136).ok()].into_iter().flatten().collect()
    }

    fn send_plain(pair: &Pair) -> io::Result<usize> {
        pair.send(MSG)
    }

    fn of_ipv6(type_: i32, data: &[u8]) -> SendAncillary<'_> {
        let level = IPPROTO_IPV6;
        SendAncillary::Other { level, type_, data }
    }

    fn send_hop_limit(pair: &Pair) -> io::Result<usize> {
        let limit = HOP_LIMIT.to_ne_bytes();
        pair.sendmsg(&[MSG], &[of_ipv6(libc::IPV6_HOPLIMIT, &limit)], 0)
    }

    fn send_both(pair: &Pair) -> io::Result<usize> {
        let (class, limit) = ((-1_i32).to_ne_bytes(), HOP_LIMIT.to_ne_bytes());
        let ancdata = [of_ipv6(libc::IPV6_TCLASS, &class), of_ipv6(libc::IPV6_HOPLIMIT, &limit)];
        pair.sendmsg(&[MSG], &ancdata, 0)
    }

    /// The items that are received if these options are set, by type.
    fn items(
        options: &[i32],
        ancbufsize: usize,
        send: fn(&Pair) -> io::Result<usize>,
        check: impl Fn(&[(i32, Vec<u8>)], bool),
    ) -> TestResult {
        let _bounded = bounded();
        for (by, pair) in BOTH
            .into_iter()
            .flat_map(|by| pairs().into_iter().map(move |pair| (by, pair)))
        {
            for option in options {
                pair.server.setsockopt(IPPROTO_IPV6, *option, 1)?;
            }
            let got = received(by, &pair, (MSG.len(), ancbufsize), send)?;
            pair.check_ignoring(&got, MSG, true, MSG_CTRUNC);
            let items = got.ancdata.into_iter().map(|item| match item {
                Ancillary::Other { level, type_, data } if level == IPPROTO_IPV6 => (type_, data),
                other => panic!("{other:?}"),
            });
            check(&items.collect::<Vec<_>>(), got.flags & MSG_CTRUNC != 0);
        }
        Ok(())
    }

    #[track_caller]
    fn number(data: &[u8]) -> i32 {
        i32::from_ne_bytes(data.try_into().expect("a number"))
    }

    fn hop_limit(ancbufsize: usize, send: fn(&Pair) -> io::Result<usize>, most: i32) -> TestResult {
        items(&[libc::IPV6_RECVHOPLIMIT], ancbufsize, send, |items, truncated| {
            assert!(!truncated);
            let [(libc::IPV6_HOPLIMIT, limit)] = items else {
                panic!("{items:?}")
            };
            assert!((0..=most).contains(&number(limit)));
        })
    }

    #[test]
    fn test_recv_hop_limit() -> TestResult {
        hop_limit(10240, send_plain, 255)
    }

    #[test]
    #[allow(non_snake_case)]
    fn test_recv_hop_limit_CMSG_SPACE() -> TestResult {
        hop_limit(CMSG_SPACE(INT), send_plain, 255)
    }

    #[test]
    fn test_set_hop_limit() -> TestResult {
        hop_limit(10240, send_hop_limit, HOP_LIMIT)
    }

    const OPTIONS: [i32; 2] = [libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVTCLASS];

    fn class_and_limit(ancbufsize: usize, send: fn(&Pair) -> io::Result<usize>, most: i32) -> TestResult {
        items(&OPTIONS, ancbufsize, send, |items, truncated| {
            assert!(!truncated);
            assert_eq!(items.len(), 2);
            let of_type = |type_| items.iter().find(|item| item.0 == type_).expect("it is there");
            assert!((0..=255).contains(&number(&of_type(libc::IPV6_TCLASS).1)));
            assert!((0..=most).contains(&number(&of_type(libc::IPV6_HOPLIMIT).1)));
        })
    }

    #[test]
    fn test_recv_traffic_class_and_hop_limit() -> TestResult {
        class_and_limit(10240, send_plain, 255)
    }

    #[test]
    #[allow(non_snake_case)]
    fn test_recv_traffic_class_and_hop_limit_CMSG_SPACE() -> TestResult {
        class_and_limit(CMSG_SPACE(INT) * 2, send_plain, 255)
    }

    #[test]
    fn test_set_traffic_class_and_hop_limit() -> TestResult {
        class_and_limit(10240, send_both, HOP_LIMIT)
    }

    #[test]
    fn test_odd_cmsg_size() -> TestResult {
        class_and_limit(
            10240,
            |pair| {
                let class: Vec<u8> = [&(-1_i32).to_ne_bytes()[..], b"\0"].concat();
                let limit = HOP_LIMIT.to_ne_bytes();
                let ancdata = [of_ipv6(libc::IPV6_TCLASS, &class), of_ipv6(libc::IPV6_HOPLIMIT, &limit)];
                match pair.sendmsg(&[MSG], &ancdata, 0) {
                    Err(error) => {
                        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
                        send_both(pair)
                    }
                    sent => sent,
                }
            },
            HOP_LIMIT,
        )
    }

    fn nothing_single(ancbufsize: usize) -> TestResult {
        items(
            &[libc::IPV6_RECVHOPLIMIT],
            ancbufsize,
            send_plain,
            |items, truncated| {
                assert_eq!((items, truncated), (&[][..], true));
            },
        )
    }

    #[test]
    fn test_single_cmsg_trunc() -> TestResult {
        [0, 1, 2 * INT, CMSG_LEN(0) - 1]
            .into_iter()
            .try_for_each(nothing_single)
    }

    #[test]
    fn test_single_cmsg_trunc_in_data() -> TestResult {
        let ancbufsize = CMSG_LEN(INT) - 1;
        items(
            &[libc::IPV6_RECVHOPLIMIT],
            ancbufsize,
            send_plain,
            |items, truncated| {
                assert!(truncated);
                assert!(matches!(items, [] | [(libc::IPV6_HOPLIMIT, _)]));
                assert!(items.iter().all(|(_, data)| data.len() < INT));
            },
        )
    }

    #[test]
    fn test_second_cmsg_trunc() -> TestResult {
        for more in [0, 1, 2 * INT, CMSG_LEN(0) - 1] {
            items(&OPTIONS, CMSG_SPACE(INT) + more, send_plain, |items, truncated| {
                assert!(truncated);
                assert_eq!(items.len(), 1);
                assert!((0..=255).contains(&number(&items[0].1)));
            })?;
        }
        Ok(())
    }

    #[test]
    fn test_second_cmsg_trunc_in_data() -> TestResult {
        let ancbufsize = CMSG_SPACE(INT) + CMSG_LEN(INT) - 1;
        items(&OPTIONS, ancbufsize, send_plain, |items, truncated| {
            assert!(truncated);
            assert!((0..=255).contains(&number(&items[0].1)));
            assert!(items.len() <= 2 && items[1..].iter().all(|(_, data)| data.len() < INT));
            assert!(items[1..].iter().all(|(type_, _)| *type_ != items[0].0));
        })
    }
}
