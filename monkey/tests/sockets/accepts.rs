//! accept and accept4.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use libc::{c_int, timeval};

use crate::receives::socket;
use crate::team::{Team, as_in_threads, bounded, result};

fn accept(fd: RawFd) -> Result<(), c_int> {
    // SAFETY: no address is asked for.
    result(unsafe { libc::accept(fd, null_mut(), null_mut()) } as isize).map(drop)
}

fn accept4(fd: RawFd, flags: c_int) -> Result<(), c_int> {
    // SAFETY: no address is asked for.
    result(unsafe { libc::accept4(fd, null_mut(), null_mut(), flags) } as isize).map(drop)
}

#[test]
fn errors_are_told_at_once() {
    fn program(_: Team) -> Vec<Result<(), c_int>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (pair, _other) = UnixStream::pair().unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let limit = timeval {
            tv_sec: 0,
            tv_usec: 5000,
        };
        // SAFETY: the option has this type.
        let set = unsafe {
            let (limit, len) = ((&raw const limit).cast(), size_of_val(&limit) as libc::socklen_t);
            libc::setsockopt(listener.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVTIMEO, limit, len)
        };
        assert_eq!(set, 0);
        let nonblocking = TcpListener::bind("127.0.0.1:0").unwrap();
        nonblocking.set_nonblocking(true).unwrap();
        vec![
            accept(listener.as_raw_fd()),
            accept4(listener.as_raw_fd(), 1),
            accept(nonblocking.as_raw_fd()),
            accept(pair.as_raw_fd()),
            accept(socket(libc::AF_INET, libc::SOCK_STREAM).as_raw_fd()),
            accept(datagrams.as_raw_fd()),
            accept(file.as_raw_fd()),
            accept(-1),
        ]
    }
    assert_eq!(as_in_threads(program)[0], Err(libc::EAGAIN));
}

#[test]
fn what_is_accepted_has_the_flags_that_were_asked_for() {
    fn program(team: Team) -> (c_int, c_int) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = team.spawn(move || TcpStream::connect(address).unwrap());
        // SAFETY: no address is asked for.
        let fd = unsafe { libc::accept4(listener.as_raw_fd(), null_mut(), null_mut(), libc::SOCK_NONBLOCK) };
        client.join();
        // SAFETY: these change nothing.
        let flags = unsafe { (libc::fcntl(fd, libc::F_GETFL), libc::fcntl(fd, libc::F_GETFD)) };
        // SAFETY: it is nobody else's.
        drop(unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd) });
        flags
    }
    as_in_threads(program);
}

/// Three threads of the operating system's accept on one listener, each by several virtual threads. While they wait for
/// the last connection, which comes to one of them, all others answer.
#[test]
fn many_threads_accept_on_one_listener() {
    const CONNECTIONS: usize = 300;
    bounded(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (all_accepted, is_all) = mpsc::channel();
        let (questions, carriers): (Vec<_>, Vec<_>) = (0..3)
            .map(|_| {
                let (question, answer) = UnixStream::pair().unwrap();
                let listener = listener.try_clone().unwrap();
                let (accepted, all_accepted) = (accepted.clone(), all_accepted.clone());
                let carrier = thread::spawn(move || carry(listener, answer, &accepted, &all_accepted));
                (question, carrier)
            })
            .unzip();
        for _ in 0..CONNECTIONS {
            TcpStream::connect(address).unwrap();
        }
        is_all.recv().unwrap();
        for mut question in questions {
            question.write_all(b"?").unwrap();
            let mut answer = [0];
            question.read_exact(&mut answer).unwrap();
            assert_eq!(answer, *b"!");
        }
        // Each ends with one connection more.
        for _ in 0..3 * 4 {
            TcpStream::connect(address).unwrap();
        }
        carriers.into_iter().for_each(|carrier| carrier.join().unwrap());
    });

    fn carry(listener: TcpListener, mut answer: UnixStream, accepted: &Arc<AtomicUsize>, all: &mpsc::Sender<()>) {
        let acceptors: Vec<_> = (0..4)
            .map(|_| {
                let (listener, accepted, all) = (listener.try_clone().unwrap(), accepted.clone(), all.clone());
                gevent_threading::spawn(move || {
                    loop {
                        listener.accept().unwrap();
                        let count = accepted.fetch_add(1, Ordering::SeqCst) + 1;
                        if count == CONNECTIONS {
                            all.send(()).unwrap();
                        } else if count > CONNECTIONS {
                            return;
                        }
                    }
                })
            })
            .collect();
        let answers = gevent_threading::spawn(move || {
            let mut question = [0];
            answer.read_exact(&mut question).unwrap();
            answer.write_all(b"!").unwrap();
        });
        answers.join().unwrap();
        acceptors.into_iter().for_each(|acceptor| acceptor.join().unwrap());
    }
}
