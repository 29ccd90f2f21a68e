//! Descriptors that are closed while somebody waits for them.

mod team;

use std::io::{Read, Write, pipe};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::thread;

use gevent_threading::{JoinHandle, spawn, yield_now};
use libc::{EBADF, ELOOP, c_int};

use team::{bounded, result};

unsafe extern "C" {
    fn __close(fd: c_int) -> c_int;
    fn __dup2(from: c_int, to: c_int) -> c_int;
    fn closefrom(first: c_int);
}

/// A pipe's end at a number of its own, for which nobody else looks. What is at other numbers changes all the time, as
/// tests run side by side.
fn at(number: RawFd, fd: impl IntoRawFd) -> RawFd {
    let fd = fd.into_raw_fd();
    // SAFETY: both are this test's.
    unsafe {
        assert_eq!(libc::dup2(fd, number), number);
        libc::close(fd);
    }
    number
}

fn read(fd: RawFd) -> Result<usize, c_int> {
    let mut byte = 0u8;
    // SAFETY: there is room for one byte.
    result(unsafe { libc::read(fd, (&raw mut byte).cast(), 1) })
}

/// A virtual thread that is parked in a call.
fn parked<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let (started, is_started) = std::sync::mpsc::channel();
    let thread = spawn(move || {
        started.send(()).unwrap();
        call()
    });
    // It has made the call before anybody else runs.
    while is_started.try_recv().is_err() {
        yield_now();
    }
    thread
}

/// Closes a descriptor from 900 on, in one of many ways. Some put another file in its place.
fn close(way: usize, fd: RawFd) -> c_int {
    // SAFETY: callers own the descriptor, and all that come after it.
    unsafe {
        match way {
            0 => libc::close(fd),
            1 => __close(fd),
            2 => libc::dup2(2, fd),
            3 => __dup2(2, fd),
            4 => libc::dup3(2, fd, libc::O_CLOEXEC),
            5 => libc::close_range(fd as u32, fd as u32, 0),
            6 => libc::close_range(fd as u32, u32::MAX, 0),
            _ => {
                closefrom(fd);
                0
            }
        }
    }
}

/// All ways of closing wake who waits.
#[test]
fn who_waits_is_told() {
    bounded(|| {
        for way in 0..8 {
            let open = (2..5).contains(&way);
            let (reader, _writer) = pipe().unwrap();
            let (other, mut other_writer) = pipe().unwrap();
            let fd = at(900, reader);
            let other = at(800, other);
            let waiters = [parked(move || read(fd)), parked(move || read(fd))];
            let spared = parked(move || read(other));
            assert!(close(way, fd) >= 0);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), Err(EBADF));
            }
            // SAFETY: this changes nothing.
            assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0, open);
            other_writer.write_all(b"x").unwrap();
            assert_eq!(spared.join().unwrap(), Ok(1));
            // SAFETY: they are this test's.
            unsafe { libc::close(other) };
            if open {
                // SAFETY: as above.
                unsafe { libc::close(fd) };
            }
        }
    });
}

/// What fails closes nothing.
#[test]
fn who_waits_for_what_stays_open_is_left_alone() {
    bounded(|| {
        let (reader, mut writer) = pipe().unwrap();
        let fd = at(700, reader);
        let waiter = parked(move || read(fd));
        // SAFETY: these are refused, or close nothing.
        unsafe {
            assert_eq!(libc::dup2(1_000_000, fd), -1);
            assert_eq!(libc::dup2(fd, fd), fd);
            assert_eq!(libc::dup3(2, fd, 1), -1);
            assert_eq!(libc::dup3(fd, fd, 0), -1);
            assert_eq!(libc::close_range(fd as u32, 600, 0), -1);
            assert_eq!(
                libc::close_range(fd as u32, fd as u32, libc::CLOSE_RANGE_CLOEXEC as c_int),
                0
            );
            assert_eq!(libc::close(-1), -1);
            // Another descriptor of the same pipe.
            libc::close(libc::dup(fd));
        }
        writer.write_all(b"x").unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(1));
        // SAFETY: it is this test's.
        unsafe { libc::close(fd) };
    });
}

/// A number that is used again at once is that of another file, of which the one who waits gets nothing.
#[test]
fn a_number_that_is_used_again() {
    bounded(|| {
        for _ in 0..50 {
            let (reader, _writer) = pipe().unwrap();
            let (next, mut next_writer) = pipe().unwrap();
            let fd = at(650, reader);
            next_writer.write_all(b"x").unwrap();
            let waiter = parked(move || read(fd));
            // SAFETY: both are this test's.
            unsafe { libc::close(fd) };
            at(fd, next);
            assert_eq!(waiter.join().unwrap(), Err(EBADF));
            assert_eq!(read(fd), Ok(1));
            // And it can be waited for.
            let waiter = parked(move || read(fd));
            next_writer.write_all(b"x").unwrap();
            assert_eq!(waiter.join().unwrap(), Ok(1));
            // SAFETY: it is this test's.
            unsafe { libc::close(fd) };
        }
    });
}

/// Another thread of the operating system's closes it.
#[test]
fn another_thread_closes() {
    bounded(|| {
        for _ in 0..50 {
            let (reader, _writer) = pipe().unwrap();
            let fd = reader.as_raw_fd();
            let waiter = parked(move || read(fd));
            thread::spawn(move || drop(reader)).join().unwrap();
            assert_eq!(waiter.join().unwrap(), Err(EBADF));
        }
    });
}

/// What the kernel does not watch is an error of the call's, and not one that was thrown.
#[test]
fn what_cannot_be_watched_is_refused() {
    bounded(|| {
        let hub = gevent::get_hub().loop_().fileno().unwrap();
        // SAFETY: the epoll is this test's, and the event is there for the call.
        let epoll = unsafe {
            let epoll = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            // For no event, so that it never has one. The hub's epoll cannot watch it now: each would watch the other.
            let mut nothing = libc::epoll_event { events: 0, u64: 0 };
            assert_eq!(libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, hub, &raw mut nothing), 0);
            epoll
        };
        let waiter = spawn(move || {
            let mut asked = libc::pollfd {
                fd: epoll,
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: there is one.
            let polled = result(unsafe { libc::poll(&raw mut asked, 1, -1) } as isize);
            (polled, gevent_monkey::take_exception().is_some())
        });
        assert_eq!(waiter.join().unwrap(), (Err(ELOOP), false));
        // SAFETY: it is this test's.
        unsafe { libc::close(epoll) };
    });
}

/// Waits of all kinds end.
#[test]
fn all_waits_end() {
    bounded(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fd = listener.as_raw_fd();
        let accepts = parked({
            // SAFETY: no address is asked for.
            move || result(unsafe { libc::accept(fd, std::ptr::null_mut(), std::ptr::null_mut()) } as isize)
        });
        drop(listener);
        assert_eq!(accepts.join().unwrap(), Err(EBADF));

        let (mut one, mut other) = UnixStream::pair().unwrap();
        let fd = one.as_raw_fd();
        let sends = parked(move || {
            let bytes = vec![0; 1_000_000];
            // SAFETY: there are so many bytes.
            result(unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) })
        });
        let receives = parked(move || one.read(&mut [0]).map_err(|error| error.raw_os_error().unwrap()));
        // SAFETY: the receiver owns it, and finds that out.
        unsafe { libc::dup2(2, fd) };
        // What was sent is told.
        let sent = sends.join().unwrap().unwrap();
        assert_eq!(receives.join().unwrap(), Err(EBADF));
        let mut got = Vec::new();
        other.read_to_end(&mut got).unwrap();
        assert_eq!(got.len(), sent);
    });
}
