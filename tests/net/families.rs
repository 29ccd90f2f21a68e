//! The sockets of other families than TCP: against std's types, and what greenlets that wait for them see.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Result, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self as std_unix, SocketAddr};
use std::path::PathBuf;

use gevent::exceptions::ConcurrentObjectUseError;
use gevent::socket::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use gevent::{GreenletExit, Timeout, sleep, spawn};

use socket2::SockRef;

use crate::support::{TestResult, bounded};

/// A step of a random program, for one of two sockets that are connected with each other.
#[derive(Debug, Clone)]
enum Op {
    Write(usize),
    WriteParts(usize, usize),
    Read(usize),
    ReadParts(usize, usize),
    Peek(usize),
    /// Writes until there is no more place, and reads all of it on the other side.
    Fill,
    Shutdown(Shutdown),
    TakeError,
    Addresses,
    Close,
}

/// The bytes that a program leaves unread in a socket at most. How many there is place for depends on the pages that
/// the system has got for them, so a program must not come near.
const UNREAD: usize = 50_000;

/// Random numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn op(&mut self, largest: usize) -> Op {
        let len = self.of(&[0, 1, 2, 7, 100, 3000, largest]);
        match self.below(21) {
            0..6 => Op::Write(len),
            6 | 7 => Op::WriteParts(len, self.of(&[0, 1, 5])),
            // A read into an empty buffer is 0 with ours.
            8..13 => Op::Read(len.max(1)),
            13 | 14 => Op::ReadParts(len, self.of(&[0, 1, 5])),
            15 | 16 => Op::Peek(len.max(1)),
            17 => match self.below(4) {
                0 => Op::Shutdown(self.of(&[Shutdown::Read, Shutdown::Write, Shutdown::Both])),
                _ => Op::Addresses,
            },
            18 => Op::TakeError,
            19 => Op::Fill,
            _ if self.below(5) == 0 => Op::Close,
            _ => Op::Addresses,
        }
    }
}

fn seen<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?} {:?}", error.kind(), error.raw_os_error()),
    }
}

/// One of two connected sockets, of std or of ours.
trait Side: Sized {
    /// Whether it is a stream, of which programs leave at most `UNREAD` bytes unread. Datagrams are few enough.
    const STREAM: bool;
    fn pair() -> Result<(Self, Self)>;
    fn set_nonblocking(&self) -> Result<()>;
    fn put(&self, parts: [&[u8]; 2]) -> Result<usize>;
    fn get(&self, parts: [&mut [u8]; 2]) -> Result<usize>;
    fn put_one(&self, buf: &[u8]) -> Result<usize>;
    fn get_one(&self, buf: &mut [u8]) -> Result<usize>;
    fn look(&self, buf: &mut [u8]) -> Result<usize>;
    fn end(&self, how: Shutdown) -> Result<()>;
    fn error(&self) -> Result<Option<i32>>;
    fn addresses(&self) -> String;
}

macro_rules! side {
    ($socket:ty, $limits:expr, $put:expr, $get:expr, $put_one:expr, $get_one:expr, $look:expr) => {
        impl Side for $socket {
            const STREAM: bool = $limits;
            fn pair() -> Result<(Self, Self)> {
                <$socket>::pair()
            }
            fn set_nonblocking(&self) -> Result<()> {
                self.set_nonblocking(true)
            }
            fn put(&self, parts: [&[u8]; 2]) -> Result<usize> {
                let call: fn(&$socket, [&[u8]; 2]) -> Result<usize> = $put;
                call(self, parts)
            }
            fn get(&self, parts: [&mut [u8]; 2]) -> Result<usize> {
                let call: fn(&$socket, [&mut [u8]; 2]) -> Result<usize> = $get;
                call(self, parts)
            }
            fn put_one(&self, buf: &[u8]) -> Result<usize> {
                let call: fn(&$socket, &[u8]) -> Result<usize> = $put_one;
                call(self, buf)
            }
            fn get_one(&self, buf: &mut [u8]) -> Result<usize> {
                let call: fn(&$socket, &mut [u8]) -> Result<usize> = $get_one;
                call(self, buf)
            }
            fn look(&self, buf: &mut [u8]) -> Result<usize> {
                let call: fn(&$socket, &mut [u8]) -> Result<usize> = $look;
                call(self, buf)
            }
            fn end(&self, how: Shutdown) -> Result<()> {
                self.shutdown(how)
            }
            fn error(&self) -> Result<Option<i32>> {
                Ok(self.take_error()?.and_then(|error| error.raw_os_error()))
            }
            fn addresses(&self) -> String {
                format!("{} {}", seen(self.local_addr()), seen(self.peer_addr()))
            }
        }
    };
}

macro_rules! stream_side {
    ($socket:ty, $look:expr) => {
        side!(
            $socket,
            true,
            |mut s, [a, b]| s.write_vectored(&[IoSlice::new(a), IoSlice::new(b)]),
            |mut s, [a, b]| s.read_vectored(&mut [IoSliceMut::new(a), IoSliceMut::new(b)]),
            |mut s, buf| s.write(buf),
            |mut s, buf| s.read(buf),
            $look
        );
    };
}

macro_rules! datagram_side {
    ($socket:ty) => {
        side!(
            $socket,
            false,
            |s, [a, _]| s.send(a),
            |s, [a, _]| s.recv(a),
            |s, buf| s.send(buf),
            |s, buf| s.recv(buf),
            |_, _| Ok(0)
        );
    };
}

// std's `UnixStream::peek` is not stable.
stream_side!(std_unix::UnixStream, |s, buf| SockRef::from(s)
    .recv_with_flags(as_uninit(buf), libc::MSG_PEEK));
stream_side!(UnixStream, |s, buf| s.peek(buf));
datagram_side!(std_unix::UnixDatagram);
datagram_side!(UnixDatagram);

fn as_uninit(buf: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: the call of the system writes whole bytes.
    unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) }
}

/// The results of a program.
fn run<S: Side>(ops: &[(usize, Op)]) -> Vec<String> {
    let (a, b) = S::pair().expect("there are descriptors");
    let mut sockets = [Some(a), Some(b)];
    for socket in sockets.iter().flatten() {
        socket.set_nonblocking().expect("it is open");
    }
    let mut trace = Vec::new();
    // The bytes on the way to each side.
    let mut unread = [0, 0];
    for (side, op) in ops {
        let Some(socket) = &sockets[*side] else { continue };
        let other = 1 - *side;
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let line = match op {
            Op::Write(len) if S::STREAM && unread[other] + len > UNREAD => continue,
            Op::Write(len) => {
                let put = socket.put_one(&vec![7; *len]);
                unread[other] += *put.as_ref().unwrap_or(&0);
                seen(put)
            }
            Op::WriteParts(a, b) if S::STREAM && unread[other] + a + b > UNREAD => continue,
            Op::WriteParts(a, b) => {
                let put = socket.put([&vec![1; *a], &vec![2; *b]]);
                unread[other] += *put.as_ref().unwrap_or(&0);
                seen(put)
            }
            Op::Read(len) => {
                let mut buf = vec![0; *len];
                let got = socket.get_one(&mut buf);
                unread[*side] -= *got.as_ref().unwrap_or(&0) * usize::from(S::STREAM);
                seen(got.map(|n| (n, sum(&buf))))
            }
            Op::ReadParts(a, b) => {
                let (mut a, mut b) = (vec![0; *a], vec![0; *b]);
                let got = socket.get([&mut a, &mut b]);
                unread[*side] -= *got.as_ref().unwrap_or(&0) * usize::from(S::STREAM);
                seen(got.map(|n| (n, sum(&a), sum(&b))))
            }
            Op::Fill => {
                let full = until_error(|| socket.put_one(&[3; 1000]));
                let empty = sockets[other]
                    .as_ref()
                    .map(|other| until_error(|| other.get_one(&mut [0; 1000])));
                let all = empty
                    .as_ref()
                    .map(|(read, _)| !S::STREAM || *read == unread[other] + full.0);
                unread[other] = 0;
                format!("{:?} {:?} {all:?}", full.1, empty.map(|(_, error)| error))
            }
            Op::Peek(len) => seen(socket.look(&mut vec![0; *len])),
            Op::Shutdown(how) => seen(socket.end(*how)),
            Op::TakeError => seen(socket.error()),
            Op::Addresses => socket.addresses(),
            Op::Close => String::new(),
        };
        trace.push(format!("{side} {op:?}: {line}"));
        if let Op::Close = op {
            sockets[*side] = None;
        }
    }
    trace
}

/// The sum of what the call returned until it returned 0 or an error, and that.
fn until_error(mut call: impl FnMut() -> Result<usize>) -> (usize, String) {
    let mut sum = 0;
    loop {
        match call() {
            Ok(n @ 1..) => sum += n,
            end => return (sum, seen(end)),
        }
    }
}

/// Calls the function with random programs, whose longest reads and writes are of `largest` bytes.
fn programs(largest: usize, mut each: impl FnMut(&[(usize, Op)])) {
    let count = std::env::var("DIFFERENTIAL").map_or(300, |n| n.parse().expect("a number"));
    for seed in 0..count {
        let mut random = Random(seed);
        let ops: Vec<_> = (0..30).map(|_| (random.below(2), random.op(largest))).collect();
        each(&ops);
    }
}

#[test]
fn unix_streams_do_as_std() {
    programs(20_000, |ops| {
        assert_eq!(run::<UnixStream>(ops), run::<std_unix::UnixStream>(ops))
    });
}

#[test]
fn unix_datagrams_do_as_std() {
    // The largest is more than a datagram can have.
    programs(300_000, |ops| {
        assert_eq!(run::<UnixDatagram>(ops), run::<std_unix::UnixDatagram>(ops))
    });
}

/// Each call, with std's socket and with ours, has the same result. The other side is a socket of std's.
#[test]
fn udp_does_as_std() {
    macro_rules! trace {
        ($udp:ty) => {{
            let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let socket = <$udp>::bind("127.0.0.1:0").unwrap();
            let (mut trace, mut buf) = (Vec::new(), [0; 8]);
            let port = |address: std::net::SocketAddr| address.port() == other.local_addr().unwrap().port();
            let (us, them) = (socket.local_addr().unwrap(), other.local_addr().unwrap());
            trace.push(seen(socket.send(b"x")));
            trace.push(seen(socket.peer_addr().map(port)));
            trace.push(seen(socket.send_to(b"to you", them)));
            trace.push(seen(other.recv(&mut buf).map(|n| (n, buf))));
            trace.push(seen(socket.send_to(b"", them)));
            trace.push(seen(other.recv(&mut buf).map(|n| (n, buf))));
            trace.push(seen(socket.send_to(&[0; 65_508], them)));
            trace.push(seen(socket.send_to(b"six", "[::1]:9")));
            trace.push(seen(socket.send_to(b"no port", "127.0.0.1:0")));
            other.send_to(b"a long datagram", us).unwrap();
            trace.push(seen(socket.peek_from(&mut buf).map(|(n, from)| (n, port(from), buf))));
            trace.push(seen(socket.peek(&mut buf).map(|n| (n, buf))));
            trace.push(seen(socket.recv_from(&mut buf).map(|(n, from)| (n, port(from), buf))));
            other.send_to(b"", us).unwrap();
            trace.push(seen(socket.recv_from(&mut []).map(|(n, from)| (n, port(from)))));
            trace.push(seen(socket.connect(them)));
            trace.push(seen(socket.peer_addr().map(port)));
            trace.push(seen(socket.send(b"hello")));
            trace.push(seen(other.recv(&mut buf).map(|n| (n, buf))));
            trace.push(seen(socket.broadcast()));
            trace.push(seen(socket.set_broadcast(true)));
            trace.push(seen(socket.broadcast()));
            trace.push(seen(socket.set_ttl(0)));
            trace.push(seen(socket.set_ttl(7).and_then(|()| socket.ttl())));
            trace.push(seen(
                socket.set_multicast_ttl_v4(3).and_then(|()| socket.multicast_ttl_v4()),
            ));
            trace.push(seen(
                socket
                    .set_multicast_loop_v4(false)
                    .and_then(|()| socket.multicast_loop_v4()),
            ));
            trace.push(seen(socket.set_multicast_loop_v6(false)));
            let (group, any) = ("224.0.0.251".parse().unwrap(), std::net::Ipv4Addr::UNSPECIFIED);
            trace.push(seen(socket.leave_multicast_v4(&group, &any)));
            trace.push(seen(socket.join_multicast_v4(&any, &any)));
            trace.push(seen(socket.take_error().map(|e| e.is_some())));
            drop(other);
            // The answer to the first comes as an error of the next call.
            trace.push(seen(socket.send(b"to nobody")));
            trace.push(seen(socket.recv(&mut buf)));
            socket.set_nonblocking(true).unwrap();
            trace.push(seen(socket.recv(&mut buf)));
            trace
        }};
    }
    assert_eq!(trace!(UdpSocket), trace!(std::net::UdpSocket));
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("gevent-{}-{name}", std::process::id()))
}

#[test]
fn paths_that_cannot_be() {
    let long = "x".repeat(108);
    for bad in ["with\0nul", long.as_str()] {
        assert_eq!(UnixListener::bind(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(UnixStream::connect(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(UnixDatagram::bind(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
        let socket = UnixDatagram::unbound().unwrap();
        assert_eq!(socket.send_to(b"x", bad).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let nobody = path("nobody");
    assert_eq!(UnixStream::connect(&nobody).unwrap_err().kind(), ErrorKind::NotFound);
    let listener = UnixListener::bind(&nobody).unwrap();
    assert_eq!(UnixListener::bind(&nobody).unwrap_err().kind(), ErrorKind::AddrInUse);
    listener.close();
    assert_eq!(
        UnixStream::connect(&nobody).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    std::fs::remove_file(nobody).unwrap();
}

#[test]
fn abstract_addresses() -> TestResult {
    let name = format!("gevent-{}-abstract", std::process::id());
    let address = SocketAddr::from_abstract_name(&name)?;
    let listener = UnixListener::bind_addr(&address)?;
    assert_eq!(listener.local_addr()?.as_abstract_name(), Some(name.as_bytes()));
    let client = UnixStream::connect_addr(&address)?;
    assert_eq!(client.peer_addr()?.as_abstract_name(), Some(name.as_bytes()));
    let (stream, from) = listener.accept()?;
    assert!(from.is_unnamed() && stream.peer_addr()?.is_unnamed());
    let other = SocketAddr::from_abstract_name(format!("{name}-datagrams"))?;
    let receiver = UnixDatagram::bind_addr(&other)?;
    UnixDatagram::unbound()?.send_to_addr(b"hello", &other)?;
    let (n, from) = receiver.recv_from(&mut [0; 10])?;
    assert!(n == 5 && from.is_unnamed());
    Ok(())
}

/// The system says only that the queue is full, and tells nobody when it no longer is.
#[test]
fn a_full_queue_of_connections() -> TestResult {
    let _bounded = bounded();
    let address = SocketAddr::from_abstract_name(format!("gevent-{}-full", std::process::id()))?;
    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    let std_listener = std_unix::UnixListener::bind_addr(&address)?;
    drop((listener, std_listener));
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    let name = [b"\0", address.as_abstract_name().expect("it is one")].concat();
    socket.bind(&socket2::SockAddr::unix(
        std::os::unix::ffi::OsStrExt::from_bytes(&name[..]) as &std::ffi::OsStr,
    )?)?;
    socket.listen(0)?;
    let listener = UnixListener::try_from(OwnedFd::from(socket))?;
    let first = UnixStream::connect_addr(&address)?;
    let second = spawn({
        let address = address.clone();
        move || Ok(UnixStream::connect_addr(&address)?)
    });
    sleep(0.01)?;
    assert!(!second.ready());
    let late = Timeout::new(0.01).with(|| Ok(UnixStream::connect_addr(&address)?));
    assert!(late.unwrap_err().is::<gevent::TimeoutError>());
    listener.accept()?;
    second.join()?;
    assert!(second.successful());
    drop(first);
    Ok(())
}

/// What a greenlet sees that waits for a socket, by what another one does meanwhile.
macro_rules! waiters {
    ($name:ident, $type:ty, $make:expr, $wait:expr, $end:expr) => {
        #[test]
        fn $name() -> TestResult {
            let _bounded = bounded();
            let wait: fn(&$type) -> TestResult = $wait;
            // A close.
            let (socket, _other) = $make?;
            let waiting = spawn({
                let socket = socket.clone();
                move || wait(&socket)
            });
            until_it_waits()?;
            let busy = wait(&socket).unwrap_err();
            assert!(busy.is::<ConcurrentObjectUseError>(), "{busy:?}");
            socket.close();
            let error = waiting.get().unwrap_err();
            let error = error.downcast_ref::<std::io::Error>().expect("it is one");
            assert_eq!(error.raw_os_error(), Some(libc::EBADF));
            assert_eq!(socket.as_raw_fd(), -1);
            // A kill.
            let (socket, _other) = $make?;
            let waiting = spawn({
                let socket = socket.clone();
                move || wait(&socket)
            });
            until_it_waits()?;
            waiting.kill()?;
            assert!(waiting.get().unwrap_err().is::<GreenletExit>());
            // Its own timeout, and one around it.
            socket.set_timeout(0.001)?;
            let error = wait(&socket).unwrap_err();
            assert!(error.is::<gevent::exceptions::TimedOut>(), "{error:?}");
            socket.set_timeout(0)?;
            let error = wait(&socket).unwrap_err();
            let error = error.downcast_ref::<std::io::Error>().expect("it is one");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            socket.set_timeout(None)?;
            let timeout = Timeout::start_new(0.001);
            assert!(timeout.caused(&wait(&socket).unwrap_err()));
            // The event itself.
            let (socket, other) = $make?;
            let waiting = spawn({
                let socket = socket.clone();
                move || wait(&socket)
            });
            until_it_waits()?;
            #[allow(clippy::redundant_closure_call)]
            $end(&socket, &other);
            waiting.get()
        }
    };
}

fn udp_pair() -> Result<(UdpSocket, UdpSocket)> {
    let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    a.connect(b.local_addr()?)?;
    b.connect(a.local_addr()?)?;
    Ok((a, b))
}

waiters!(
    udp_readers,
    UdpSocket,
    udp_pair(),
    |s| Ok(s.recv_from(&mut [0; 10]).map(drop)?),
    |_, other: &UdpSocket| { other.send(b"x").expect("it is sent") }
);
waiters!(
    unix_stream_readers,
    UnixStream,
    UnixStream::pair(),
    |mut s| Ok(s.read(&mut [0; 10]).map(drop)?),
    |_, mut other: &UnixStream| other.write(b"x").expect("it is sent")
);
waiters!(
    unix_stream_readers_at_the_end,
    UnixStream,
    UnixStream::pair(),
    |mut s| Ok(s.read(&mut [0; 10]).map(drop)?),
    |socket: &UnixStream, _| socket.shutdown(Shutdown::Read).expect("it is connected")
);
waiters!(
    unix_stream_writers,
    UnixStream,
    full_stream(),
    |mut s| Ok(s.write(&[0; 1000]).map(drop)?),
    |_, mut other: &UnixStream| {
        // A part of the buffer is not enough for an event.
        other.set_timeout(0).expect("a good time");
        while other.read(&mut [0; 100_000]).is_ok() {}
    }
);
waiters!(
    unix_datagram_readers,
    UnixDatagram,
    UnixDatagram::pair(),
    |s| Ok(s.recv(&mut [0; 10]).map(drop)?),
    |_, other: &UnixDatagram| other.send(b"x").expect("it is sent")
);
waiters!(
    unix_datagram_writers,
    UnixDatagram,
    full_datagrams(),
    |s| Ok(s.send(&[0; 1000]).map(drop)?),
    |_, other: &UnixDatagram| {
        other.set_timeout(0).expect("a good time");
        while other.recv(&mut [0; 1000]).is_ok() {}
    }
);
waiters!(
    unix_listeners,
    UnixListener,
    listener(),
    |l| Ok(l.accept().map(drop)?),
    |l: &UnixListener, _| UnixStream::connect_addr(&l.local_addr().expect("it is open")).expect("it is accepted")
);

/// A few turns of the loop: a greenlet that has just begun waits after the first, or, on a machine that is slow enough
/// for a call to give its turn away, after the second.
fn until_it_waits() -> TestResult {
    (0..10).try_for_each(|_| sleep(0))
}

/// Two streams; what was written to the first has filled both buffers.
fn full_stream() -> Result<(UnixStream, UnixStream)> {
    let (mut a, b) = UnixStream::pair()?;
    a.set_timeout(0)?;
    while a.write(&[0; 1000]).is_ok() {}
    a.set_timeout(None)?;
    Ok((a, b))
}

/// Two sockets; what was sent by the first has filled the queue.
fn full_datagrams() -> Result<(UnixDatagram, UnixDatagram)> {
    let (a, b) = UnixDatagram::pair()?;
    a.set_timeout(0)?;
    while a.send(&[0; 1000]).is_ok() {}
    a.set_timeout(None)?;
    Ok((a, b))
}

fn listener() -> Result<(UnixListener, ())> {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let address = SocketAddr::from_abstract_name(format!("gevent-{}-listener-{n}", std::process::id()))?;
    Ok((UnixListener::bind_addr(&address)?, ()))
}

#[test]
fn only_the_last_handle_becomes_a_socket_of_std() -> TestResult {
    let (a, mut b) = UnixStream::pair()?;
    let (its, fd) = (a.clone(), a.as_raw_fd());
    assert_eq!(a.into_std().unwrap_err().kind(), ErrorKind::ResourceBusy);
    let mut a = its.into_std()?;
    assert_eq!(a.as_raw_fd(), fd);
    // It blocks again.
    b.write_all(b"hello")?;
    let mut buf = [0; 5];
    a.read_exact(&mut buf)?;
    assert_eq!(&buf, b"hello");
    let flags = flags_of(&a);
    assert_eq!(flags & libc::O_NONBLOCK, 0);
    let a = UnixStream::from_std(a)?;
    assert_ne!(flags_of(&a) & libc::O_NONBLOCK, 0);
    let fd = OwnedFd::try_from(a)?;
    assert_eq!(flags_of(&fd) & libc::O_NONBLOCK, 0);
    let a = UnixStream::try_from(fd)?;
    a.close();
    assert_eq!(a.into_std().unwrap_err().raw_os_error(), Some(libc::EBADF));
    assert_eq!(b.read(&mut [0])?, 0);

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    assert!(stream.into_std().is_ok() && listener.into_std().is_ok());
    assert!(UdpSocket::bind("127.0.0.1:0")?.into_std().is_ok());
    Ok(())
}

fn flags_of(fd: &impl AsRawFd) -> i32 {
    // SAFETY: the call only asks.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) }
}

#[test]
fn handles_and_copies() -> TestResult {
    let (a, b) = UnixDatagram::pair()?;
    let copy = a.try_clone()?;
    assert!(a == a.clone() && a != copy && a.as_raw_fd() != copy.as_raw_fd());
    a.close();
    copy.send(b"still there")?;
    assert_eq!(b.recv(&mut [0; 100])?, 11);
    assert!(format!("{a:?}").contains("closed") && format!("{b:?}").starts_with("UnixDatagram { fd: "));
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    assert!(format!("{udp:?}").contains("addr: 127.0.0.1:"), "{udp:?}");
    Ok(())
}

/// To a greenlet that waits then, and to one that comes later.
#[test]
fn the_end_of_datagrams() -> TestResult {
    let _bounded = bounded();
    let (socket, _other) = UnixDatagram::pair()?;
    let waiting = spawn({
        let socket = socket.clone();
        move || Ok(socket.recv(&mut [0; 9])?)
    });
    until_it_waits()?;
    socket.shutdown(Shutdown::Read)?;
    assert_eq!(waiting.get()?, 0);
    assert_eq!(socket.recv(&mut [0; 9])?, 0);
    let (n, from) = socket.recv_from(&mut [0; 9])?;
    assert!(n == 0 && from.is_unnamed());
    Ok(())
}

/// A copy has the same mode, and would block the thread.
#[test]
fn a_copy_keeps_a_socket_from_becoming_one_of_std() -> TestResult {
    let (socket, _other) = UnixStream::pair()?;
    let copy = socket.try_clone()?;
    assert_eq!(socket.into_std().unwrap_err().kind(), ErrorKind::ResourceBusy);
    assert_ne!(flags_of(&copy) & libc::O_NONBLOCK, 0);
    assert!(copy.into_std().is_ok());
    Ok(())
}
