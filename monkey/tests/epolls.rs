//! Waits for an epoll in virtual threads.

mod team;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::null;

use gevent_threading::spawn;
use libc::c_int;
use team::{as_in_thread, pair, parked, test};

fn epoll(watched: &[RawFd]) -> OwnedFd {
    // SAFETY: the descriptor is new, and ours; the event is a variable.
    unsafe {
        let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
        for fd in watched {
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: *fd as u64,
            };
            libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, *fd, &raw mut event);
        }
        epoll
    }
}

/// epoll_wait and its kin, by number: how many events there are, and the first one's descriptor.
fn epoll_wait(call: usize, epoll: RawFd, milliseconds: c_int) -> (c_int, RawFd) {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    let time = team::milliseconds(milliseconds.into());
    let time = if milliseconds < 0 { null() } else { &raw const time };
    let first = &raw mut event;
    // SAFETY: the event is a variable, and the time is one, or null.
    let count = unsafe {
        match call {
            0 => libc::epoll_wait(epoll, first, 1, milliseconds),
            1 => libc::epoll_pwait(epoll, first, 1, milliseconds, null()),
            _ => libc::epoll_pwait2(epoll, first, 1, time, null()),
        }
    };
    (count, event.u64 as RawFd)
}

#[test]
fn an_epoll_is_waited_for() {
    test(|| {
        for call in 0..3 {
            let (mut mine, theirs) = pair();
            let fd = theirs.as_raw_fd();
            let waiting = parked(move || {
                let epoll = epoll(&[fd]);
                let got = epoll_wait(call, epoll.as_raw_fd(), -1);
                let again = epoll_wait(call, epoll.as_raw_fd(), 0).0;
                (&theirs).read_exact(&mut [0]).unwrap();
                (got, again, epoll_wait(call, epoll.as_raw_fd(), 10).0)
            });
            mine.write_all(b"x").unwrap();
            assert_eq!(waiting.join().unwrap(), ((1, fd), 1, 0));
        }
        as_in_thread(|| {
            let bad = epoll_wait(0, 12345, 1000).0;
            (bad, std::io::Error::last_os_error().raw_os_error())
        });
    });
}

/// A server as of mio: one epoll, told of changes alone, and sockets that do not block; and a wake-up by an eventfd.
/// Its clients are std's.
#[test]
fn an_event_loop_serves_its_carrier() {
    const CLIENTS: usize = 50;
    test(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // SAFETY: the descriptor is new, and ours.
        let wakeup = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) };
        let waker = std::fs::File::from(wakeup.try_clone().unwrap());
        let server = spawn(move || serve(&listener, &wakeup));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    for round in 0..5 {
                        let text = format!("{number:4} {round:4}");
                        stream.write_all(text.as_bytes()).unwrap();
                        let mut echo = [0; 9];
                        stream.read_exact(&mut echo).unwrap();
                        assert_eq!(echo, text.as_bytes());
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        (&waker).write_all(&1_u64.to_ne_bytes()).unwrap();
        assert_eq!(server.join().unwrap(), CLIENTS);
    });
}

/// Echoes what comes, until it is woken. Returns how many clients there were.
fn serve(listener: &TcpListener, wakeup: &OwnedFd) -> usize {
    // SAFETY: the descriptor is new, and ours.
    let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
    let watch = |fd: RawFd| {
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET) as u32,
            u64: fd as u64,
        };
        // SAFETY: the event is a variable.
        let added = unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        assert_eq!(added, 0);
    };
    listener.set_nonblocking(true).unwrap();
    watch(listener.as_raw_fd());
    watch(wakeup.as_raw_fd());
    let mut streams = HashMap::<RawFd, TcpStream>::new();
    let mut count = 0;
    loop {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
        // SAFETY: the events are as many as is said.
        let ready = unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), 8, -1) };
        for event in &events[..usize::try_from(ready).unwrap()] {
            let fd = event.u64 as RawFd;
            if fd == wakeup.as_raw_fd() {
                return count;
            }
            if fd == listener.as_raw_fd() {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).unwrap();
                    watch(stream.as_raw_fd());
                    streams.insert(stream.as_raw_fd(), stream);
                    count += 1;
                }
                continue;
            }
            let mut text = [0; 100];
            let ended = loop {
                match streams.get_mut(&fd).unwrap().read(&mut text) {
                    Ok(0) => break true,
                    Ok(length) => streams.get_mut(&fd).unwrap().write_all(&text[..length]).unwrap(),
                    Err(error) => {
                        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                        break false;
                    }
                }
            };
            if ended {
                streams.remove(&fd);
            }
        }
    }
}
