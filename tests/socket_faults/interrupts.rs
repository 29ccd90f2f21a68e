//! Signals that interrupt calls of the system, a thousand each second and as many as there can be: nobody hears of it.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use gevent::joinall;
use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::{
    Socket, TcpListener, TcpStream, UnixDatagram, UnixListener, UnixStream, create_connection, create_server,
    socketpair, wait_read, wait_write,
};

use crate::common::folder::Folder;
use crate::steady::steady;
use crate::{Fault, LONG, TestResult, tcp_pair, udp_pair};

pub(crate) const TESTS: &[Fault] = &[
    ("signals_of_a_timer", || steady(|| during(&Timer::start(), 300))),
    ("signals_without_a_pause", || steady(|| during(&Hammer::start(), 1000))),
];

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Relaxed);
}

/// Has `SIGALRM` counted, and calls of the system interrupted, not begun again.
fn interrupt_calls() {
    // SAFETY: the handler only adds to a number, which a handler may do.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
        assert_eq!(
            libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()),
            0
        );
    }
}

/// A timer of the system that sends signals to the process until it is dropped.
struct Timer;

impl Timer {
    fn start() -> Timer {
        interrupt_calls();
        Timer::set(1000);
        Timer
    }

    fn set(microseconds: libc::suseconds_t) {
        let interval = libc::timeval {
            tv_sec: 0,
            tv_usec: microseconds,
        };
        let timer = libc::itimerval {
            it_interval: interval,
            it_value: interval,
        };
        // SAFETY: the pointer is one to a value.
        let set = unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
        assert_eq!(set, 0);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        Timer::set(0);
    }
}

/// A thread that sends signals to the main one until it is dropped.
struct Hammer(Option<thread::JoinHandle<()>>);

static OVER: AtomicBool = AtomicBool::new(false);

impl Hammer {
    fn start() -> Hammer {
        interrupt_calls();
        OVER.store(false, Relaxed);
        // SAFETY: no preconditions.
        let main = unsafe { libc::pthread_self() };
        Hammer(Some(thread::spawn(move || {
            while !OVER.load(Relaxed) {
                // SAFETY: the main thread lives as long as the process.
                unsafe { libc::pthread_kill(main, libc::SIGALRM) };
                thread::yield_now();
            }
        })))
    }
}

impl Drop for Hammer {
    fn drop(&mut self) {
        OVER.store(true, Relaxed);
        if let Some(thread) = self.0.take() {
            thread.join().expect("it does not panic");
        }
    }
}

/// Makes every call, until so many signals have come.
fn during<S>(_source: &S, signals: usize) -> TestResult {
    let begin = SIGNALS.load(Relaxed);
    while SIGNALS.load(Relaxed) - begin < signals {
        let parts = [
            streams,
            full_streams,
            datagrams,
            full_datagrams,
            queues,
            files,
            names,
            servers,
            conversions,
        ];
        let greenlets = parts.map(spawn);
        joinall(&greenlets)?;
        greenlets.iter().try_for_each(Greenlet::get)?;
    }
    Ok(())
}

fn streams() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = spawn(move || {
        let (mut stream, _) = listener.accept()?;
        Ok(io::copy(&mut stream.clone(), &mut stream)?)
    });
    let mut stream = TcpStream::connect_timeout(address, LONG)?;
    stream.set_nodelay(true)?;
    for _ in 0..10 {
        stream.write_all(b"ab")?;
        assert_eq!(stream.write_vectored(&[IoSlice::new(b"c"), IoSlice::new(b"d")])?, 2);
        wait_read(stream.as_raw_fd(), LONG)?;
        wait_write(stream.as_raw_fd(), LONG)?;
        assert_ne!(stream.peek(&mut [0; 9])?, 0);
        stream.read_exact(&mut [0; 3])?;
        assert_eq!(
            stream.read_vectored(&mut [IoSliceMut::new(&mut [0]), IoSliceMut::new(&mut [])])?,
            1
        );
    }
    stream.shutdown(Shutdown::Write)?;
    assert_eq!(stream.read(&mut [0])?, 0);
    assert_eq!(server.get()?, 40);
    stream.close();
    Ok(())
}

/// A writer that waits again and again.
fn full_streams() -> TestResult {
    for (mut near, mut far) in [tcp_pair()?, tcp_pair()?] {
        let writer = spawn(move || Ok(near.write_all(&vec![0; 4 << 20])?));
        assert_eq!(io::copy(&mut far, &mut io::sink())?, 4 << 20);
        writer.get()?;
    }
    let (near, far) = socketpair()?;
    let writer = spawn(move || Ok(near.sendall(&vec![0; 4 << 20])?));
    assert_eq!(io::copy(&mut far.makefile("r")?, &mut io::sink())?, 4 << 20);
    writer.get()
}

fn datagrams() -> TestResult {
    let (near, far) = udp_pair()?;
    let address = far.local_addr()?;
    let server = spawn(move || {
        for _ in 0..10 {
            let (n, from) = far.recv_from(&mut [0; 9])?;
            far.send_to(&[7; 9][..n], from)?;
        }
        Ok(())
    });
    for _ in 0..5 {
        near.send(b"ab")?;
        assert_eq!(near.recv(&mut [0; 9])?, 2);
        near.send_to(b"abc", address)?;
        assert_eq!(near.peek_from(&mut [0; 9])?.0, 3);
        assert_eq!(near.recv_from(&mut [0; 9])?.0, 3);
    }
    server.get()
}

/// Senders for whom the system has no event: they look, and pause.
fn full_datagrams() -> TestResult {
    let receiver = Socket::new(libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
    receiver.bind("")?;
    let name = receiver.getsockname()?;
    let sender = spawn(move || {
        let socket = Socket::new(libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
        for _ in 0..100 {
            assert_eq!(socket.sendto(b"ab", &name)?, 2);
        }
        Ok(())
    });
    for _ in 0..100 {
        assert_eq!(receiver.recvfrom(9)?.0, b"ab");
    }
    sender.get()?;
    // A receiver that is shut down while it waits.
    let (near, _far) = UnixDatagram::pair()?;
    let waits = near.clone();
    let reader = spawn(move || Ok(waits.recv(&mut [0; 9])?));
    sleep(0)?;
    near.shutdown(Shutdown::Both)?;
    assert_eq!(reader.get()?, 0);
    Ok(())
}

/// Connects to a listener whose queue is full again and again.
fn queues() -> TestResult {
    let folder = Folder::new().expect("there is place");
    let path = folder.path("queue");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(&path)?)?;
    socket.listen(0)?;
    let listener = UnixListener::try_from(OwnedFd::from(socket))?;
    let clients: Vec<_> = (0..5)
        .map(|_| {
            let path = path.clone();
            spawn(move || {
                let mut text = String::new();
                UnixStream::connect(path)?.read_to_string(&mut text)?;
                Ok(text)
            })
        })
        .collect();
    for stream in listener.incoming().take(5) {
        stream?.write_all(b"x")?;
    }
    for client in clients {
        assert_eq!(client.get()?, "x");
    }
    Ok(())
}

fn files() -> TestResult {
    let listener = create_server(("127.0.0.1", 0))?;
    let address = listener.getsockname()?;
    let server = spawn(move || {
        let (socket, _) = listener.accept()?;
        let mut file = socket.makefile("r")?;
        Ok(io::copy(&mut file, &mut io::sink())?)
    });
    let client = Socket::new(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    assert_eq!(client.connect_ex(address)?, 0);
    client.sendfile(&File::open("/dev/zero")?, 0, Some(1 << 20))?;
    let mut file = client.makefile("w")?;
    file.write_all(&[0; 1000])?;
    file.close()?;
    client.close();
    assert_eq!(server.get()?, (1 << 20) + 1000);
    Ok(())
}

fn names() -> TestResult {
    let listener = TcpListener::bind("localhost:0")?;
    let port = listener.local_addr()?.port();
    for _ in 0..3 {
        TcpStream::connect(("localhost", port))?;
        listener.accept()?;
        create_connection(("localhost", port))?;
        assert!(listener.try_accept()?.is_some());
    }
    Ok(())
}

fn servers() -> TestResult {
    let server = StreamServer::new("127.0.0.1:0", |mut stream: TcpStream, _| {
        stream.write_all(b"welcome")?;
        Ok(())
    });
    server.start()?;
    let address = server.address().expect("it has started");
    for _ in 0..5 {
        let mut text = String::new();
        TcpStream::connect(address)?.read_to_string(&mut text)?;
        assert_eq!(text, "welcome");
    }
    server.stop()
}

fn conversions() -> TestResult {
    let (near, far) = tcp_pair()?;
    let copy = near.try_clone()?;
    near.close();
    let near = TcpStream::from_std(copy.into_std()?)?;
    let detached = Socket::from(near).detach()?;
    let mut near = TcpStream::try_from(detached)?;
    near.write_all(b"x")?;
    assert_eq!(Socket::from(far).dup()?.recv(9)?, b"x");
    Ok(())
}
