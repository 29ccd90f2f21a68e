//! Waits for several descriptors in virtual threads.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use gevent_threading::{spawn, yield_now};

fn poll(entries: &mut [(i32, i16)], milliseconds: i32) -> (i32, Vec<i16>) {
    let mut fds: Vec<_> = entries
        .iter()
        .map(|(fd, events)| libc::pollfd {
            fd: *fd,
            events: *events,
            revents: 0,
        })
        .collect();
    // SAFETY: the list is as long as is said.
    let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as _, milliseconds) };
    (ready, fds.iter().map(|entry| entry.revents).collect())
}

#[test]
fn polls_overlap() {
    gevent_monkey::patch_all().unwrap();
    let started = Instant::now();
    let pollers: Vec<_> = (0..100).map(|_| spawn(|| poll(&mut [], 30).0)).collect();
    for poller in pollers {
        assert_eq!(poller.join().unwrap(), 0);
    }
    assert!(started.elapsed() < Duration::from_millis(30 * 100));
}

#[test]
fn a_poll_ends_by_readiness() {
    gevent_monkey::patch_all().unwrap();
    let (mut mine, theirs) = UnixStream::pair().unwrap();
    let poller = spawn(move || {
        let polled = poll(&mut [(theirs.as_raw_fd(), libc::POLLIN)], -1);
        let mut text = [0; 1];
        (&theirs).read_exact(&mut text).unwrap();
        (polled, text)
    });
    yield_now();
    mine.write_all(b"x").unwrap();
    assert_eq!(poller.join().unwrap(), ((1, vec![libc::POLLIN]), *b"x"));
}
