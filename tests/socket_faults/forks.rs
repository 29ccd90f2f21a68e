//! Forks while greenlets wait for sockets: each process has its own copies, and what one does to them is nothing to
//! the other.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use gevent::prelude::*;
use gevent::socket::{TcpListener, TcpStream, UdpSocket, UnixStream, wait_read};

use crate::steady::steady;
use crate::{Fault, LONG, TestResult, errno, tcp_pair, udp_pair};

pub(crate) const TESTS: &[Fault] = &[
    ("the_child_closes_its_sockets", || steady(the_child_closes)),
    ("the_parent_closes_its_sockets", || steady(the_parent_closes)),
];

/// Runs `in_child` in a fork. Returns the child's id.
fn fork(in_child: impl FnOnce() -> TestResult) -> libc::pid_t {
    // SAFETY: this program has one thread, and the child ends by `_exit`.
    let pid = unsafe { libc::fork() };
    assert_ne!(pid, -1);
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(in_child));
        let failed = !matches!(outcome, Ok(Ok(())));
        if failed {
            eprintln!("in the child: {outcome:?}");
        }
        // SAFETY: no preconditions.
        unsafe { libc::_exit(i32::from(failed)) };
    }
    pid
}

/// Waits for the child's end, without the loop.
fn expect_success(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: `status` is writable.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0);
}

/// What a call returned, or the number of its error.
type Seen = Greenlet<Result<usize, Option<i32>>>;

fn seen(call: impl FnOnce() -> io::Result<usize> + 'static) -> Seen {
    spawn(move || Ok::<_, Exception>(call().map_err(|error| errno(&error))))
}

/// Sockets of several kinds, each with a greenlet that waits for it.
struct World {
    tcp: (TcpStream, TcpStream),
    unix: (UnixStream, UnixStream),
    udp: (UdpSocket, UdpSocket),
    full: (TcpStream, TcpStream),
    listener: TcpListener,
    waiting: Vec<Seen>,
}

/// More than the system takes for somebody who does not read.
const MUCH: usize = 8 << 20;

impl World {
    fn new() -> io::Result<World> {
        let (tcp, unix, udp, full) = (tcp_pair()?, UnixStream::pair()?, udp_pair()?, tcp_pair()?);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let waiting = vec![
            seen({
                let mut stream = tcp.0.clone();
                move || stream.read(&mut [0; 9])
            }),
            seen({
                let mut stream = unix.0.clone();
                move || stream.read(&mut [0; 9])
            }),
            seen({
                let socket = udp.0.clone();
                move || socket.recv(&mut [0; 9])
            }),
            seen({
                let mut stream = full.0.clone();
                move || stream.write_all(&vec![0; MUCH]).map(|()| MUCH)
            }),
            seen({
                let listener = listener.clone();
                move || listener.accept().map(|_| 0)
            }),
        ];
        Ok(World {
            tcp,
            unix,
            udp,
            full,
            listener,
            waiting,
        })
    }

    /// Closes all; whoever waits is told.
    fn close(&self) -> TestResult {
        for tcp in [&self.tcp, &self.full] {
            tcp.0.close();
            tcp.1.close();
        }
        self.unix.0.close();
        self.unix.1.close();
        self.udp.0.close();
        self.udp.1.close();
        self.listener.close();
        for waiting in &self.waiting {
            assert_eq!(waiting.get()?, Err(Some(libc::EBADF)));
        }
        Ok(())
    }

    /// Gives each of those that wait what it waits for.
    fn expect_use(&self) -> TestResult {
        assert!(!self.waiting.iter().any(Greenlet::ready));
        (&self.tcp.1).write_all(b"a")?;
        (&self.unix.1).write_all(b"ab")?;
        self.udp.1.send(b"abc")?;
        let mut left = MUCH;
        while left > 0 {
            left -= (&self.full.1).read(&mut vec![0; 1 << 16])?;
        }
        let _client = TcpStream::connect(self.listener.local_addr()?)?;
        for (waiting, got) in self.waiting.iter().zip([1, 2, 3, MUCH, 0]) {
            assert_eq!(waiting.get()?, Ok(got));
        }
        Ok(())
    }
}

/// Something of its own, after a fork.
fn expect_new_ones() -> TestResult {
    let (mut a, mut b) = tcp_pair()?;
    let reader = spawn(move || {
        let mut text = String::new();
        b.read_to_string(&mut text)?;
        Ok(text)
    });
    sleep(0)?;
    a.write_all(b"hello")?;
    a.close();
    assert_eq!(reader.get()?, "hello");
    Ok(())
}

fn the_child_closes() -> TestResult {
    let world = World::new()?;
    sleep(0.001)?;
    // The first child closes after it has made its loop anew, the second one before that.
    for reinit_first in [true, false] {
        let child = fork(|| {
            if reinit_first {
                get_hub().reinit()?;
            }
            world.listener.set_timeout(1)?;
            if !reinit_first {
                world.tcp.0.close();
                get_hub().reinit()?;
            }
            world.close()?;
            expect_new_ones()
        });
        expect_success(child);
        expect_new_ones()?;
    }
    world.expect_use()
}

/// The child goes on with its copies. The parent's loop is not disturbed by them.
fn the_parent_closes() -> TestResult {
    let world = World::new()?;
    sleep(0.001)?;
    let (told, mut tell) = UnixStream::pair()?;
    let child = fork(|| {
        get_hub().reinit()?;
        wait_read(told.as_raw_fd(), LONG)?;
        world.expect_use()?;
        expect_new_ones()
    });
    world.close()?;
    tell.write_all(b"x")?;
    expect_new_ones()?;
    // The kernel still tells the loop of descriptors that only the child has.
    let loop_ = get_hub();
    let begin = loop_.loop_().iteration()?;
    sleep(0.05)?;
    let iterations = loop_.loop_().iteration()? - begin;
    assert!(iterations < 100, "{iterations} iterations of an idle loop");
    expect_success(child);
    expect_new_ones()
}
