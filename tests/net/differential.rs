//! Compares the streams and listeners with std's: random programs, run once with std's and threads and once with ours
//! and greenlets, must see the same values, kinds of errors and error numbers of the system.
//!
//! `DIFFERENTIAL=100000 cargo test --test net differential` tries more of them.

use std::fmt::Debug;
use std::io::{IoSlice, IoSliceMut, Read, Result, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::thread;
use std::time::Duration;

use gevent::{socket, spawn};
use socket2::SockRef;

use crate::support::{TestResult, bounded};

/// The functions that a program needs of an implementation.
trait Net {
    type Stream: AsRawFd;
    type Listener: AsRawFd;

    fn bind() -> Result<Self::Listener>;
    fn connect(address: SocketAddr) -> Result<Self::Stream>;
    fn on_stream(stream: &Self::Stream, op: &StreamOp) -> String;
    fn on_listener(listener: &Self::Listener, op: &ListenerOp) -> String;
    fn clone_stream(stream: &Self::Stream) -> Result<Self::Stream>;
    fn clone_listener(listener: &Self::Listener) -> Result<Self::Listener>;
    fn accept(listener: &Self::Listener) -> Result<(Self::Stream, SocketAddr)>;
    fn incoming(listener: &Self::Listener) -> Result<Self::Stream>;
    fn reset_when_closed(stream: &Self::Stream) -> Result<()>;
    /// The result of `op`, which waits while `meanwhile` is called.
    fn waits(stream: &Self::Stream, op: StreamOp, meanwhile: impl FnOnce()) -> String;
}

#[derive(Debug, Clone)]
enum StreamOp {
    Read(usize),
    ReadParts(Vec<usize>),
    Peek(usize),
    Write(Vec<u8>),
    WriteParts(Vec<Vec<u8>>),
    Shutdown(Shutdown),
    SetNonblocking(bool),
    SetNodelay(bool),
    Nodelay,
    SetTtl(u32),
    Ttl,
    TakeError,
    LocalAddr,
    PeerAddr,
}

#[derive(Debug, Clone)]
enum ListenerOp {
    SetNonblocking(bool),
    SetTtl(u32),
    Ttl,
    TakeError,
    LocalAddr,
}

/// A result in a form that both implementations have.
fn seen<T: Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?} {:?}", error.kind(), error.raw_os_error()),
    }
}

fn seen_error(result: Result<Option<std::io::Error>>) -> String {
    seen(result.map(|error| error.map(|error| (error.kind(), error.raw_os_error()))))
}

fn read_parts(stream: &mut impl Read, lens: &[usize]) -> Result<(usize, Vec<u8>)> {
    let mut parts: Vec<_> = lens.iter().map(|len| vec![0; *len]).collect();
    let mut slices: Vec<_> = parts.iter_mut().map(|part| IoSliceMut::new(part)).collect();
    let n = stream.read_vectored(&mut slices)?;
    Ok((n, parts.concat()))
}

fn write_parts(stream: &mut impl Write, parts: &[Vec<u8>]) -> Result<usize> {
    let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
    stream.write_vectored(&slices)
}

/// Defines the functions that both implementations have under the same names.
macro_rules! common {
    ($net:ident) => {
        type Stream = $net::TcpStream;
        type Listener = $net::TcpListener;

        fn bind() -> Result<Self::Listener> {
            $net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        }

        fn connect(address: SocketAddr) -> Result<Self::Stream> {
            $net::TcpStream::connect(address)
        }

        fn on_stream(mut stream: &Self::Stream, op: &StreamOp) -> String {
            match op {
                StreamOp::Read(len) => {
                    let mut buf = vec![0; *len];
                    seen(stream.read(&mut buf).map(|n| (n, buf)))
                }
                StreamOp::ReadParts(lens) => seen(read_parts(&mut stream, lens)),
                StreamOp::Peek(len) => {
                    let mut buf = vec![0; *len];
                    seen(stream.peek(&mut buf).map(|n| (n, buf)))
                }
                StreamOp::Write(data) => seen(stream.write(data)),
                StreamOp::WriteParts(parts) => seen(write_parts(&mut stream, parts)),
                StreamOp::Shutdown(how) => seen(stream.shutdown(*how)),
                StreamOp::SetNonblocking(nonblocking) => seen(stream.set_nonblocking(*nonblocking)),
                StreamOp::SetNodelay(nodelay) => seen(stream.set_nodelay(*nodelay)),
                StreamOp::Nodelay => seen(stream.nodelay()),
                StreamOp::SetTtl(ttl) => seen(stream.set_ttl(*ttl)),
                StreamOp::Ttl => seen(stream.ttl()),
                StreamOp::TakeError => seen_error(stream.take_error()),
                // The ports differ each time.
                StreamOp::LocalAddr => seen(stream.local_addr().map(|a| a.ip())),
                StreamOp::PeerAddr => seen(stream.peer_addr().map(|a| a.ip())),
            }
        }

        fn on_listener(listener: &Self::Listener, op: &ListenerOp) -> String {
            match op {
                ListenerOp::SetNonblocking(nonblocking) => seen(listener.set_nonblocking(*nonblocking)),
                ListenerOp::SetTtl(ttl) => seen(listener.set_ttl(*ttl)),
                ListenerOp::Ttl => seen(listener.ttl()),
                ListenerOp::TakeError => seen_error(listener.take_error()),
                ListenerOp::LocalAddr => seen(listener.local_addr().map(|a| a.ip())),
            }
        }

        fn clone_stream(stream: &Self::Stream) -> Result<Self::Stream> {
            stream.try_clone()
        }

        fn clone_listener(listener: &Self::Listener) -> Result<Self::Listener> {
            listener.try_clone()
        }

        fn accept(listener: &Self::Listener) -> Result<(Self::Stream, SocketAddr)> {
            listener.accept()
        }

        fn incoming(listener: &Self::Listener) -> Result<Self::Stream> {
            listener.incoming().next().expect("it has no end")
        }
    };
}

struct Std;

impl Net for Std {
    common!(net);

    fn reset_when_closed(stream: &net::TcpStream) -> Result<()> {
        SockRef::from(stream).set_linger(Some(Duration::ZERO))
    }

    fn waits(stream: &net::TcpStream, op: StreamOp, meanwhile: impl FnOnce()) -> String {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| Self::on_stream(stream, &op));
            meanwhile();
            waiting.join().expect("it did not panic")
        })
    }
}

struct Ours;

impl Net for Ours {
    common!(socket);

    fn reset_when_closed(stream: &socket::TcpStream) -> Result<()> {
        stream.with_options(|options| options.set_linger(Some(Duration::ZERO)))?
    }

    fn waits(stream: &socket::TcpStream, op: StreamOp, meanwhile: impl FnOnce()) -> String {
        let stream = stream.clone();
        let waiting = spawn(move || Ok(Self::on_stream(&stream, &op)));
        gevent::sleep(0).expect("nobody throws");
        meanwhile();
        waiting.get().expect("it did not fail")
    }
}

/// Asks the system which of these events a descriptor has, and waits for them for at most `timeout` milliseconds.
fn poll(fd: RawFd, events: i16, timeout: i32) -> i16 {
    let mut asked = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one record, which is a local here.
    unsafe { libc::poll(&raw mut asked, 1, timeout) };
    asked.revents
}

/// How many bytes wait to be read.
fn arrived(fd: RawFd) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: the call writes one number, into a local.
    unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut count) };
    count as usize
}

const OVER: i16 = libc::POLLHUP | libc::POLLERR;

/// Waits until the packet is there, which takes a moment.
fn until(mut there: impl FnMut() -> bool) {
    while !there() {
        thread::yield_now();
    }
}

/// Random numbers from a seed, the same for both implementations.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }

    fn len(&mut self) -> usize {
        self.of(&[0, 1, 2, 7, 100, 3000])
    }

    fn data(&mut self) -> Vec<u8> {
        let len = self.len();
        (0..len).map(|_| self.0.wrapping_add(self.below(256)) as u8).collect()
    }

    /// Mostly a few parts, sometimes more than the system takes at once.
    fn parts<T>(&mut self, mut part: impl FnMut(&mut Self) -> T, small: impl Fn() -> T) -> Vec<T> {
        match self.below(8) {
            0 => (0..1030).map(|_| small()).collect(),
            n => (1..n).map(|_| part(self)).collect(),
        }
    }

    fn how(&mut self) -> Shutdown {
        self.of(&[Shutdown::Read, Shutdown::Write, Shutdown::Both])
    }

    fn ttl(&mut self) -> u32 {
        self.of(&[0, 1, 64, 255, 256, 1 << 20])
    }

    fn stream_op(&mut self) -> StreamOp {
        match self.below(24) {
            0..3 => StreamOp::Read(self.len()),
            3..6 => StreamOp::ReadParts(self.parts(Random::len, || 1)),
            6..8 => StreamOp::Peek(self.len()),
            8..12 => StreamOp::Write(self.data()),
            12..15 => StreamOp::WriteParts(self.parts(Random::data, || vec![b'x'])),
            15 => StreamOp::Shutdown(self.how()),
            16 => StreamOp::SetNonblocking(self.flag()),
            17 => StreamOp::SetNodelay(self.flag()),
            18 => StreamOp::Nodelay,
            19 => StreamOp::SetTtl(self.ttl()),
            20 => StreamOp::Ttl,
            21 => StreamOp::TakeError,
            22 => StreamOp::LocalAddr,
            _ => StreamOp::PeerAddr,
        }
    }
}

/// One side of a connection.
struct End<N: Net> {
    /// Handles of this side, which are copies of each other. Empty when it is closed.
    handles: Vec<N::Stream>,
    nonblocking: bool,
    /// The number of bytes that were sent to this side and not read yet.
    incoming: usize,
    /// Whether this side has shut down reading, and writing.
    shut: [bool; 2],
}

impl<N: Net> End<N> {
    fn of(stream: N::Stream) -> Self {
        End {
            handles: vec![stream],
            nonblocking: false,
            incoming: 0,
            shut: [false; 2],
        }
    }

    fn fd(&self) -> Option<RawFd> {
        self.handles.first().map(|stream| stream.as_raw_fd())
    }
}

struct Connection<N: Net> {
    ends: [End<N>; 2],
    /// The results, step by step.
    trace: Vec<String>,
}

impl<N: Net> Connection<N> {
    fn new() -> Self {
        let listener = N::bind().expect("a port is free");
        let address = SockRef::from(&Fd(listener.as_raw_fd())).local_addr();
        let address = address.ok().and_then(|a| a.as_socket()).expect("it listens");
        let client = N::connect(address).expect("it listens");
        let (server, _) = N::accept(&listener).expect("somebody has come");
        Connection {
            ends: [End::of(client), End::of(server)],
            trace: Vec::new(),
        }
    }

    /// Does one operation at the end `e`, and waits for its effect at the other end.
    fn on(&mut self, e: usize, handle: usize, op: &StreamOp) {
        let sends = match op {
            StreamOp::Write(data) => data.len(),
            StreamOp::WriteParts(parts) => parts.iter().map(Vec::len).sum(),
            _ => 0,
        };
        let other = &self.ends[1 - e];
        // The write would fill the buffers, or be answered by a reset at some later time.
        if sends > 0 && (other.incoming > 50_000 || other.shut == [true; 2]) {
            return;
        }
        let handles = &self.ends[e].handles;
        let saw = N::on_stream(&handles[handle % handles.len()], op);
        if let StreamOp::SetNonblocking(nonblocking) = op {
            // Our timeout belongs to the handle.
            handles.iter().for_each(|handle| drop(N::on_stream(handle, op)));
            self.ends[e].nonblocking = *nonblocking;
        }
        self.saw(e, op, saw);
    }

    fn saw(&mut self, e: usize, op: &StreamOp, saw: String) {
        // The text is "7", or "(7, [..])".
        let digits = saw.trim_start_matches('(').split(',').next().unwrap_or_default();
        let n = digits.parse().unwrap_or(0);
        match op {
            StreamOp::Read(_) | StreamOp::ReadParts(_) => self.ends[e].incoming -= n,
            StreamOp::Write(_) | StreamOp::WriteParts(_) => self.ends[1 - e].incoming += n,
            StreamOp::Shutdown(how) if saw == "()" => {
                self.ends[e].shut[0] |= *how != Shutdown::Write;
                self.ends[e].shut[1] |= *how != Shutdown::Read;
            }
            _ => {}
        }
        self.trace.push(format!("{e} {op:?}: {saw}"));
        let wrote = matches!(op, StreamOp::Write(_) | StreamOp::WriteParts(_)) && n > 0;
        if let Some(fd) = self.ends[e].fd()
            && wrote
            && self.ends[1 - e].handles.is_empty()
        {
            // The write is answered by a reset.
            until(|| poll(fd, 0, -1) & OVER != 0);
        }
        self.settle();
    }

    fn settle(&self) {
        for e in 0..2 {
            let (end, other) = (&self.ends[e], &self.ends[1 - e]);
            let Some(fd) = end.fd() else { continue };
            if other.handles.is_empty() || other.shut[1] {
                until(|| poll(fd, libc::POLLRDHUP, -1) != 0);
            }
            until(|| poll(fd, 0, 0) & OVER != 0 || arrived(fd) == end.incoming);
        }
    }

    /// Whether a read would wait: there are no bytes, no end and no error.
    fn would_wait(&self, e: usize) -> bool {
        let fd = self.ends[e].fd().expect("it is open");
        poll(fd, libc::POLLIN | libc::POLLRDHUP, 0) == 0
    }

    fn close(&mut self, e: usize) {
        self.ends[e].handles.clear();
        self.trace.push(format!("{e} closed"));
        self.settle();
    }

    fn reset(&mut self, e: usize) {
        N::reset_when_closed(&self.ends[e].handles[0]).expect("it is open");
        self.close(e);
    }

    /// Does a read that has to wait, and something that ends the wait.
    fn wait(&mut self, e: usize, handle: usize, op: StreamOp, random: &mut Random) {
        let (mine, other) = (&self.ends[e], &self.ends[1 - e]);
        let waits = &mine.handles[handle % mine.handles.len()];
        let closed = other.handles.is_empty();
        let mut ended = None;
        let saw = match random.below(4) {
            0 if !closed && !other.shut[1] => {
                let write = StreamOp::Write(vec![7; 1 + random.len()]);
                let stream = &other.handles[0];
                let saw = N::waits(waits, op.clone(), || {
                    ended = Some((1 - e, write.clone(), N::on_stream(stream, &write)));
                });
                // The result of the write comes before that of the read.
                let (end, write, wrote) = ended.take().expect("it was done");
                let n: usize = wrote.parse().expect("it was written");
                self.ends[e].incoming += n;
                self.trace.push(format!("{end} {write:?}: {wrote}"));
                saw
            }
            1 if !closed => {
                let how = StreamOp::Shutdown(random.of(&[Shutdown::Write, Shutdown::Both]));
                let stream = &other.handles[0];
                N::waits(waits, op.clone(), || {
                    ended = Some((1 - e, how.clone(), N::on_stream(stream, &how)));
                })
            }
            2 if !closed => {
                let other = std::mem::take(&mut self.ends[1 - e].handles);
                N::reset_when_closed(&other[0]).expect("it is open");
                let waits = &self.ends[e].handles[0];
                N::waits(waits, op.clone(), || drop(other))
            }
            // The wait is ended by another descriptor.
            _ => {
                let how = StreamOp::Shutdown(random.of(&[Shutdown::Read, Shutdown::Both]));
                let stream = &self.ends[e].handles[0];
                N::waits(waits, op.clone(), || {
                    ended = Some((e, how.clone(), N::on_stream(stream, &how)));
                })
            }
        };
        if let Some((end, how, saw)) = ended {
            self.saw(end, &how, saw);
        }
        self.saw(e, &op, saw);
    }

    fn step(&mut self, random: &mut Random) {
        let (e, handle) = (random.below(2) as usize, random.below(4) as usize);
        let what = random.below(40);
        let op = random.stream_op();
        if self.ends[e].handles.is_empty() {
            return;
        }
        match what {
            0 => return self.close(e),
            1 => return self.reset(e),
            2..4 => {
                let copy = N::clone_stream(&self.ends[e].handles[0]);
                return self.ends[e].handles.push(copy.expect("descriptors are left"));
            }
            _ => {}
        }
        let len = match &op {
            StreamOp::Read(len) | StreamOp::Peek(len) => Some(*len),
            StreamOp::ReadParts(lens) => Some(lens.iter().take(1024).sum()),
            _ => None,
        };
        match len {
            // std would pass the read to the system, which would wait.
            Some(0) if self.would_wait(e) && !matches!(op, StreamOp::ReadParts(_)) => {}
            Some(1..) if !self.ends[e].nonblocking && self.would_wait(e) => {
                self.wait(e, handle, op, random);
            }
            _ => self.on(e, handle, &op),
        }
    }
}

/// A descriptor that is owned elsewhere, lent for a question.
struct Fd(RawFd);

impl std::os::fd::AsFd for Fd {
    #[allow(unsafe_code)]
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        // SAFETY: the owner of the descriptor outlives this value.
        unsafe { std::os::fd::BorrowedFd::borrow_raw(self.0) }
    }
}

fn stream_program<N: Net>(seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let mut connection = Connection::<N>::new();
    for _ in 0..40 {
        connection.step(&mut random);
    }
    connection.trace
}

fn listener_program<N: Net>(seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    let mut trace = Vec::new();
    let mut handles = vec![N::bind().expect("a port is free")];
    let address = SockRef::from(&Fd(handles[0].as_raw_fd())).local_addr();
    let address = address.ok().and_then(|a| a.as_socket()).expect("it listens");
    let (mut clients, mut waiting, mut nonblocking) = (Vec::new(), 0, false);
    for _ in 0..30 {
        let handle = random.below(handles.len() as u64) as usize;
        let listener = &handles[handle];
        let op = match random.below(10) {
            0..3 => {
                clients.push(N::connect(address).expect("it listens"));
                waiting += 1;
                continue;
            }
            3..6 => {
                if waiting == 0 && !nonblocking {
                    continue;
                }
                if waiting > 0 {
                    until(|| poll(listener.as_raw_fd(), libc::POLLIN, -1) != 0);
                }
                let came = if random.flag() {
                    N::accept(listener).map(|(stream, address)| (stream, Some(address)))
                } else {
                    N::incoming(listener).map(|stream| (stream, None))
                };
                trace.push(seen(came.map(|(stream, from)| {
                    let fd = Fd(stream.as_raw_fd());
                    let peer = SockRef::from(&fd).peer_addr().map(|a| a.as_socket());
                    waiting -= 1;
                    from.is_none_or(|from| peer.is_ok_and(|peer| peer == Some(from)))
                })));
                continue;
            }
            6 => {
                let copy = N::clone_listener(listener).expect("descriptors are left");
                handles.push(copy);
                for listener in &handles {
                    N::on_listener(listener, &ListenerOp::SetNonblocking(nonblocking));
                }
                continue;
            }
            7 => {
                nonblocking = random.flag();
                for listener in &handles {
                    let op = ListenerOp::SetNonblocking(nonblocking);
                    trace.push(N::on_listener(listener, &op));
                }
                continue;
            }
            8 => ListenerOp::SetTtl(random.ttl()),
            _ => random.of(&[ListenerOp::Ttl, ListenerOp::TakeError, ListenerOp::LocalAddr]),
        };
        trace.push(format!("{op:?}: {}", N::on_listener(listener, &op)));
    }
    trace
}

/// The number of programs to run.
fn count() -> u64 {
    let count = std::env::var("DIFFERENTIAL").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(100)
}

#[test]
fn random_programs_see_of_a_stream_what_they_see_of_stds() -> TestResult {
    for seed in 0..count() {
        let _bounded = bounded();
        let (theirs, ours) = (stream_program::<Std>(seed), stream_program::<Ours>(seed));
        let differs = theirs.iter().zip(&ours).position(|(their, our)| their != our);
        assert_eq!(differs, None, "seed {seed}\n{theirs:#?}\n{ours:#?}");
        assert_eq!(theirs.len(), ours.len(), "seed {seed}");
    }
    Ok(())
}

#[test]
fn random_programs_see_of_a_listener_what_they_see_of_stds() -> TestResult {
    for seed in 0..count() {
        let _bounded = bounded();
        let (theirs, ours) = (listener_program::<Std>(seed), listener_program::<Ours>(seed));
        assert_eq!(theirs, ours, "seed {seed}");
    }
    Ok(())
}
