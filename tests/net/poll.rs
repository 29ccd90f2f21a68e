//! `poll`. The counterparts of gevent's `test__select.py` and of CPython's `test_poll.py` have their names.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::fd::{AsRawFd, RawFd};

use gevent::core::BadFd;
use gevent::exceptions::InvalidSeconds;
use gevent::select::{NotRegistered, POLL_DEFAULT, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, Poll};
use gevent::socket::socketpair;
use gevent::{GreenletExit, Timeout, sleep, spawn};

use super::select::{active, closed_fd, high, testing};
use crate::support::{TestResult, bounded, outer_timeout_is_not_lost, returns_after_timeout};

/// gevent's TestPollRead.
mod test_poll_read {
    use super::*;

    fn wait(seconds: f64) -> TestResult {
        let (reader, _writer) = pipe()?;
        let poll = Poll::new();
        poll.register(&reader, POLLIN)?;
        let polled = poll.poll_timeout(seconds).map(|ready| assert_eq!(ready, []));
        poll.unregister(&reader)?;
        polled
    }

    #[test]
    fn test_returns_none_after_timeout() -> TestResult {
        let _bounded = bounded();
        returns_after_timeout(wait)
    }

    #[test]
    fn test_outer_timeout_is_not_lost() {
        let _bounded = bounded();
        outer_timeout_is_not_lost(wait);
    }

    #[test]
    fn test_unregister_never_registered() {
        let poll = Poll::new();
        assert_eq!(poll.unregister(&5), Err(NotRegistered(5)));
    }

    #[test]
    fn test_poll_invalid() -> TestResult {
        let _bounded = bounded();
        let (reader, _writer) = pipe()?;
        let fd = high(&reader);
        let number = fd.as_raw_fd();
        let poll = Poll::new();
        poll.register(&fd, POLLIN)?;
        drop(fd);
        assert_eq!(poll.poll_timeout(0)?, [(number, POLLNVAL)]);
        assert_eq!(poll.poll()?, [(number, POLLNVAL)]);
        Ok(())
    }
}

/// gevent's TestPossibleCrashes.
#[test]
fn test_closing_object_while_polling() -> TestResult {
    let _bounded = bounded();
    let (socket, _other) = socketpair()?;
    let poll = Poll::new();
    poll.register(&socket, POLLIN)?;
    let number = socket.fileno();
    let closer = spawn(move || socket.close());
    assert_eq!(poll.poll()?, [(number, POLLIN)]);
    closer.join()?;
    // The same, without a word to the loop.
    let (socket, _other) = socketpair()?;
    let fd = high(&rustix_of(&socket));
    let number = fd.as_raw_fd();
    let poll = Poll::new();
    poll.register(&number, POLLIN)?;
    let closer = spawn(move || drop(fd));
    let first = poll.poll_timeout(0.01)?;
    assert!(
        first
            .iter()
            .all(|ready| [(number, POLLNVAL), (number, POLLIN)].contains(ready)),
        "{first:?}"
    );
    closer.join()?;
    assert_eq!(poll.poll_timeout(0.01)?, [(number, POLLNVAL)]);
    Ok(())
}

fn rustix_of(socket: &gevent::socket::Socket) -> std::os::fd::OwnedFd {
    let copy = socket.with_fd(|fd| fd.try_clone_to_owned()).expect("it is open");
    copy.expect("there are descriptors")
}

/// CPython's PollTests.
mod poll_tests {
    use super::*;

    #[test]
    fn test_poll1() -> TestResult {
        let _bounded = bounded();
        let poll = Poll::new();
        let mut pipes = Vec::new();
        for _ in 0..12 {
            let (reader, writer) = pipe()?;
            poll.register(&reader, POLL_DEFAULT)?;
            poll.modify(&reader, POLLIN)?;
            poll.register(&writer, POLLOUT)?;
            pipes.push((reader, writer));
        }
        let mut random = 7_usize;
        while !pipes.is_empty() {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let ready = poll.poll()?;
            assert_eq!(ready.len(), pipes.len());
            assert!(ready.iter().all(|(_, events)| *events == POLLOUT), "{ready:?}");
            let (fd, _) = ready[(random >> 33) % ready.len()];
            let at = pipes
                .iter()
                .position(|(_, writer)| writer.as_raw_fd() == fd)
                .expect("one of them");
            let (mut reader, mut writer) = pipes.swap_remove(at);
            writer.write_all(b" This is a test.")?;
            let ready = poll.poll()?;
            assert!(ready.contains(&(reader.as_raw_fd(), POLLIN)), "{ready:?}");
            assert_eq!(ready.iter().filter(|(_, events)| events & POLLIN != 0).count(), 1);
            let mut text = [0; 100];
            assert_eq!(reader.read(&mut text)?, 16);
            poll.unregister(&writer)?;
            poll.unregister(&reader)?;
        }
        assert_eq!(poll.poll_timeout(0)?, []);
        Ok(())
    }

    #[test]
    fn test_poll_unit_tests() -> TestResult {
        let _bounded = bounded();
        let poll = Poll::new();
        let closed = closed_fd();
        poll.register(&closed, POLL_DEFAULT)?;
        assert_eq!(poll.poll()?, [(closed, POLLNVAL)]);
        // Files are always ready. Those of other kinds that are closed are reported with them.
        let file = high(&File::open("/proc/self/exe")?);
        let fd = file.as_raw_fd();
        poll.register(&file, POLL_DEFAULT)?;
        let ready = poll.poll()?;
        assert_eq!(ready, [(closed, POLLNVAL), (fd, POLLIN | POLLOUT)]);
        poll.unregister(&closed)?;
        drop(file);
        assert_eq!(poll.poll()?, [(fd, POLLNVAL)]);
        assert_eq!(Poll::new().unregister(&3), Err(NotRegistered(3)));
        Ok(())
    }

    #[test]
    fn test_poll2() -> TestResult {
        let _bounded = bounded();
        let (mut out, writer) = testing()?;
        let poll = Poll::new();
        poll.register(&out, POLLIN)?;
        let mut text = String::new();
        for timeout in [0.0, 0.001, 2.0].into_iter().chain([-1.0; 100]) {
            let ready = poll.poll_timeout(timeout)?;
            if !ready.is_empty() {
                assert_eq!(ready, [(out.as_raw_fd(), POLLIN)]);
                let mut part = [0; 100];
                match out.read(&mut part)? {
                    0 => break,
                    length => text.push_str(&String::from_utf8_lossy(&part[..length])),
                }
            }
        }
        writer.join().expect("it has written");
        assert_eq!(text, "testing...\n".repeat(5));
        Ok(())
    }

    #[test]
    fn test_threaded_poll() -> TestResult {
        let _bounded = bounded();
        let (reader, mut writer) = pipe()?;
        let copies: Vec<_> = (0..10).map(|_| reader.try_clone()).collect::<Result<_, _>>()?;
        let poll = Poll::new();
        for fd in &copies {
            poll.register(fd, POLLIN)?;
        }
        let waiter = spawn({
            let poll = poll.clone();
            move || Ok(poll.poll()?.len())
        });
        sleep(0)?;
        // What another greenlet changes is for the next wait, which may be now.
        for fd in &copies {
            poll.unregister(fd)?;
        }
        poll.register(&writer, POLLOUT)?;
        assert_eq!(poll.poll()?, [(writer.as_raw_fd(), POLLOUT)]);
        writer.write_all(b"spam")?;
        assert_eq!(waiter.get()?, 10);
        Ok(())
    }

    #[test]
    fn test_poll_blocks_with_negative_ms() -> TestResult {
        let _bounded = bounded();
        for timeout in [None, Some(-1000.0), Some(-1.0), Some(-0.1), Some(-1e-100)] {
            let (reader, mut writer) = pipe()?;
            let poll = Poll::new();
            poll.register(&reader, POLLIN)?;
            let waiter = spawn(move || Ok(poll.poll_timeout(timeout)?.len()));
            sleep(0.002)?;
            assert!(!waiter.ready());
            writer.write_all(b"spam")?;
            assert_eq!(waiter.get()?, 1);
        }
        let error = Poll::new().poll_timeout(f64::NAN).unwrap_err();
        assert!(error.is::<InvalidSeconds>());
        Ok(())
    }
}

#[test]
fn masks() -> TestResult {
    let _bounded = bounded();
    let (here, there) = socketpair()?;
    there.sendall(b"x")?;
    let (fd, poll) = (here.fileno(), Poll::new());
    let both = POLLIN | POLLOUT;
    for mask in 0..64 {
        let mask: i16 = mask;
        poll.register(&here, mask)?;
        let expected: Vec<(RawFd, i16)> = match mask & both {
            0 => vec![],
            found => vec![(fd, found)],
        };
        assert_eq!(poll.poll_timeout(0)?, expected, "{mask}");
    }
    // They are Python's numbers.
    let all = [POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL];
    assert_eq!(all, [1, 2, 4, 8, 16, 32]);
    Ok(())
}

#[test]
fn a_negative_descriptor_is_refused() {
    let poll = Poll::new();
    let error: BadFd = poll.register(&-1, POLLIN).unwrap_err();
    assert_eq!(error.fd, -1);
    assert_eq!(poll.modify(&-7, POLLIN).unwrap_err().fd, -7);
}

#[test]
fn a_number_that_is_in_use_again_is_the_new_file() -> TestResult {
    let _bounded = bounded();
    let ((old, mut to_old), (new, mut to_new)) = (pipe()?, pipe()?);
    let fd = high(&old);
    let poll = Poll::new();
    poll.register(&fd, POLLIN)?;
    assert_eq!(poll.poll_timeout(0)?, []);
    let number = fd.as_raw_fd();
    // The number is closed and opened again.
    let mut fd = fd;
    rustix::io::dup2(&new, &mut fd)?;
    to_old.write_all(b"x")?;
    assert_eq!(poll.poll_timeout(0.001)?, []);
    to_new.write_all(b"x")?;
    assert_eq!(poll.poll()?, [(number, POLLIN)]);
    Ok(())
}

#[test]
fn a_kill_and_a_timeout_come_out_whole_and_leave_no_watcher() -> TestResult {
    let _bounded = bounded();
    let (reader, mut writer) = pipe()?;
    let poll = Poll::new();
    poll.register(&reader, POLLIN)?;
    let before = active();
    let timeout = Timeout::start_new(0.001);
    assert!(timeout.caused(&poll.poll().unwrap_err()));
    assert_eq!(active(), before);
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let poll = poll.clone();
            spawn(move || Ok(poll.poll()?.len()))
        })
        .collect();
    sleep(0)?;
    assert_eq!(active(), before + 3);
    waiters[1].kill()?;
    assert!(waiters[1].get().unwrap_err().is::<GreenletExit>());
    assert_eq!(active(), before + 2);
    writer.write_all(b"x")?;
    assert_eq!((waiters[0].get()?, waiters[2].get()?), (1, 1));
    assert_eq!(active(), before);
    assert_eq!(poll.poll()?.len(), 1);
    Ok(())
}

#[test]
fn others_get_a_turn() -> TestResult {
    let _bounded = bounded();
    let (_reader, writer) = pipe()?;
    let poll = Poll::new();
    poll.register(&writer, POLLOUT)?;
    let other = spawn(|| (0..10).try_for_each(|_| sleep(0)));
    for _ in 0..20 {
        assert_eq!(poll.poll()?.len(), 1);
    }
    assert!(other.ready());
    poll.register(&closed_fd(), POLLOUT)?;
    let other = spawn(|| (0..10).try_for_each(|_| sleep(0)));
    for _ in 0..20 {
        assert_eq!(poll.poll()?.len(), 2);
    }
    assert!(other.ready());
    Ok(())
}

#[test]
fn results_are_used_while_the_object_is_used_again() -> TestResult {
    let _bounded = bounded();
    let (_reader, writer) = pipe()?;
    let poll = Poll::new();
    poll.register(&writer, POLLOUT)?;
    let first = poll.poll()?;
    let second = poll.poll()?;
    assert_eq!(&first[..], &second[..]);
    let mut all = first.into_iter();
    assert_eq!(
        (all.len(), all.next(), all.len(), all.next()),
        (1, Some((writer.as_raw_fd(), POLLOUT)), 0, None)
    );
    Ok(())
}
