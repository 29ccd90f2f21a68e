//! `select`. The counterparts of gevent's `test__select.py` and of CPython's `test_select.py` have their names.

use std::cell::Cell;
use std::io::{self, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gevent::core::BadFd;
use gevent::exceptions::{BlockingSwitchOutError, InvalidSeconds};
use gevent::select::{Select, select, select_timeout};
use gevent::socket::{Socket, TcpListener, UdpSocket, socketpair};
use gevent::{Exception, Greenlet, GreenletExit, Timeout, get_hub, joinall, sleep, spawn};

use crate::support::{LONG, Log, TestResult, bounded, outer_timeout_is_not_lost, returns_after_timeout};

/// A copy of a descriptor, whose number no other test of this process gets, before or after.
pub(crate) fn high(fd: &impl AsFd) -> OwnedFd {
    static NUMBERS: AtomicI32 = AtomicI32::new(600);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    rustix::io::fcntl_dupfd_cloexec(fd, number).expect("the limit is larger")
}

/// The number of a descriptor that is closed, and stays it.
pub(crate) fn closed_fd() -> RawFd {
    let (reader, _writer) = pipe().expect("there are descriptors");
    high(&reader).as_raw_fd()
}

/// How many watchers and callbacks keep the loop running.
pub(crate) fn active() -> i32 {
    get_hub().loop_().activecnt().expect("it is alive")
}

/// A pipe into which a thread writes slowly, and the thread. CPython's tests read from a program, but a program would
/// hold the descriptors of other tests.
pub(crate) fn testing() -> io::Result<(PipeReader, JoinHandle<()>)> {
    let (reader, mut writer) = pipe()?;
    let write = move || {
        for _ in 0..5 {
            writer.write_all(b"testing...\n").expect("it is read");
            thread::sleep(Duration::from_millis(10));
        }
    };
    Ok((reader, thread::spawn(write)))
}

fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = pipe().expect("there are descriptors");
    rustix::io::ioctl_fionbio(&writer, true).expect("it is a pipe");
    while (&writer).write(&[0; 1 << 12]).is_ok() {}
    (reader, writer)
}

/// gevent's TestSelect.
mod test_select {
    use super::*;

    fn wait(seconds: f64) -> TestResult {
        select_timeout::<RawFd>([], [], [], seconds).map(drop)
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
}

/// gevent's TestSelectRead.
mod test_select_read {
    use super::*;

    fn wait(seconds: f64) -> TestResult {
        let (reader, _writer) = pipe()?;
        let (r, w, x) = select_timeout([reader], [], [], seconds)?;
        assert!(r.is_empty() && w.is_empty() && x.is_empty());
        Ok(())
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
    fn test_errno() {
        let closed = closed_fd();
        for lists in [
            [vec![closed], vec![], vec![]],
            [vec![], vec![closed], vec![]],
            [vec![], vec![], vec![closed]],
        ] {
            let [r, w, x] = lists;
            for timeout in [Some(0.0), None] {
                let error = select_timeout(r.clone(), w.clone(), x.clone(), timeout).unwrap_err();
                assert_eq!(error.downcast_ref::<BadFd>().expect("it is one").fd, closed);
                let error = error.downcast_ref::<std::io::Error>().expect("the system's, inside");
                assert_eq!(error.raw_os_error(), Some(libc::EBADF));
            }
        }
    }
}

/// gevent's TestSelectTypes.
mod test_select_types {
    use super::*;

    #[test]
    fn test_int() -> TestResult {
        let socket = Socket::new(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
        let (_, writable, _) = select_timeout([socket.fileno()], [socket.fileno()], [], 0.001)?;
        assert_eq!(writable, [socket.fileno()]);
        Ok(())
    }

    #[test]
    fn test_iterable() -> TestResult {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let one = std::iter::once_with(|| socket.clone());
        let (_, writable, _) = select_timeout([], one, [], 0.001)?;
        assert_eq!(writable, std::slice::from_ref(&socket));
        Ok(())
    }

    #[test]
    fn all_that_has_a_descriptor() -> TestResult {
        let (a, b) = std::os::unix::net::UnixStream::pair()?;
        assert_eq!(select([], [a.as_fd()], [])?.1.len(), 1);
        assert_eq!(select([], [&a, &b].map(AsFd::as_fd), [])?.1.len(), 2);
        assert_eq!(select([], [Rc::new(OwnedFd::from(b))], [])?.1.len(), 1);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let client = std::net::TcpStream::connect(listener.local_addr()?)?;
        assert_eq!(select([listener.clone()], [], [])?.0.len(), 1);
        assert_eq!(select([listener.as_raw_fd()], [client.as_raw_fd()], [])?.1.len(), 1);
        let file = std::fs::File::open("/dev/null")?;
        let (r, w, _) = select([file.as_fd()], [file.as_fd()], [])?;
        assert_eq!((r.len(), w.len()), (1, 1));
        let _still_mine = a;
        Ok(())
    }
}

/// CPython's SelectTestCase.
mod select_test_case {
    use super::*;

    #[test]
    fn test_error_conditions() {
        for bad in [-1.0, -1e-9, f64::NEG_INFINITY, f64::NAN] {
            let error = select_timeout::<RawFd>([], [], [], bad).unwrap_err();
            assert!(error.is::<InvalidSeconds>(), "{error:?}");
        }
        for negative in [-1, -10, RawFd::MIN] {
            let error = select([negative], [], []).unwrap_err();
            assert_eq!(error.downcast_ref::<BadFd>().expect("it is one").fd, negative);
        }
        let error = select([RawFd::MAX], [], []).unwrap_err();
        assert!(error.is::<BadFd>());
    }

    #[test]
    fn test_select() -> TestResult {
        let _bounded = bounded();
        let (mut out, writer) = testing()?;
        let mut text = String::new();
        for timeout in [Some(0.0), Some(0.001), Some(2.0), Some(16.0)]
            .into_iter()
            .chain([None; 100])
        {
            let (r, w, x) = select_timeout([out.as_fd()], [], [], timeout)?;
            assert!(w.is_empty() && x.is_empty());
            if !r.is_empty() {
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
}

/// gevent's TestPossibleCrashes.
mod test_possible_crashes {
    use super::*;

    #[test]
    fn test_closing_object_while_selecting() -> TestResult {
        let _bounded = bounded();
        let (socket, _other) = socketpair()?;
        let closer = spawn({
            let socket = socket.clone();
            move || socket.close()
        });
        // As in gevent, it counts as ready.
        let (r, ..) = select([socket.clone(), socket], [], [])?;
        assert_eq!(r.len(), 2);
        closer.join()?;
        assert_eq!(r[0].fileno(), -1);
        Ok(())
    }

    #[test]
    fn test_closing_fd_while_selecting() -> TestResult {
        let _bounded = bounded();
        let (reader, writer) = pipe()?;
        let high = high(&reader);
        let fd = high.as_raw_fd();
        let closer = spawn(move || drop(high));
        let _ = select_timeout([fd], [], [], 0.01)?;
        closer.join()?;
        drop(writer);
        Ok(())
    }

    #[test]
    fn test_closing_fd_before_selecting() {
        let error = select_timeout([closed_fd()], [], [], 0.01).unwrap_err();
        assert!(error.is::<BadFd>());
        let (socket, _other) = socketpair().expect("there are descriptors");
        socket.close();
        let error = select_timeout([socket], [], [], 0.01).unwrap_err();
        assert_eq!(error.downcast_ref::<BadFd>().expect("it is one").fd, -1);
    }
}

#[test]
fn what_is_ready_at_once_comes_in_the_order_of_the_lists() -> TestResult {
    let (a, b, c) = (pipe()?, pipe()?, pipe()?);
    for writer in [&c.1, &a.1, &b.1] {
        (&*writer).write_all(b"x")?;
    }
    let fds = [&b.0, &c.0, &a.0, &b.0].map(AsRawFd::as_raw_fd);
    let (r, w, x) = select(fds, [], [])?;
    assert_eq!((r, w, x), (fds.to_vec(), vec![], vec![]));
    Ok(())
}

#[test]
fn others_get_a_turn_also_if_something_is_ready_or_the_time_is_0() -> TestResult {
    let _bounded = bounded();
    let (reader, mut writer) = pipe()?;
    for ready in [false, true] {
        if ready {
            writer.write_all(b"x")?;
        }
        let turns = Rc::new(Cell::new(0));
        let other = spawn({
            let turns = turns.clone();
            move || {
                while turns.get() < 10 {
                    turns.set(turns.get() + 1);
                    sleep(0)?;
                }
                Ok(())
            }
        });
        for n in 1..=10 {
            let (r, ..) = select_timeout([reader.as_fd()], [], [], if ready { None } else { Some(0.0) })?;
            assert_eq!((r.len(), turns.get()), (usize::from(ready), n));
        }
        other.join()?;
    }
    Ok(())
}

#[test]
fn one_descriptor_in_all_lists_and_twice() -> TestResult {
    let _bounded = bounded();
    let (here, there) = socketpair()?;
    let fd = here.fileno();
    assert_eq!(select([fd, fd], [fd], [fd])?, (vec![], vec![fd], vec![]));
    // The same when it waits: nothing is there before.
    let waiter = spawn(move || select([fd, fd, fd], [], [fd]));
    sleep(0)?;
    there.sendall(b"x")?;
    assert_eq!(waiter.get()?, (vec![fd; 3], vec![], vec![]));
    assert_eq!(select([fd, fd], [fd, fd], [fd])?, (vec![fd; 2], vec![fd; 2], vec![]));
    Ok(())
}

#[test]
fn urgent_data_at_the_call() -> TestResult {
    let _bounded = bounded();
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    rustix::net::send(&client, b"!", rustix::net::SendFlags::OOB)?;
    let fd = server.as_raw_fd();
    // The loopback may take a moment.
    loop {
        let (r, w, x) = select_timeout([fd], [], [fd], 0)?;
        if !x.is_empty() {
            assert_eq!((r, w, x), (vec![], vec![], vec![fd]));
            return Ok(());
        }
    }
}

#[test]
fn several_greenlets_wait_for_one_descriptor() -> TestResult {
    let _bounded = bounded();
    let (reader, mut writer) = pipe()?;
    let fd = reader.as_raw_fd();
    let before = active();
    let waiters: Vec<_> = (0..10).map(|_| spawn(move || select([fd], [], []))).collect();
    sleep(0)?;
    waiters[3].kill()?;
    writer.write_all(b"x")?;
    for (n, waiter) in waiters.iter().enumerate() {
        match waiter.get() {
            Ok((r, ..)) => assert_eq!(r, [fd]),
            Err(error) => assert!(n == 3 && error.is::<GreenletExit>(), "{error:?}"),
        }
    }
    assert_eq!(active(), before);
    Ok(())
}

#[test]
fn all_that_become_ready_together_are_returned() -> TestResult {
    let _bounded = bounded();
    let pipes: Vec<_> = (0..20).map(|_| pipe()).collect::<Result<_, _>>()?;
    let full = full_pipe();
    let readers: Vec<_> = pipes.iter().map(|(reader, _)| reader.as_raw_fd()).collect();
    let of_those_that_write = readers[5..15].to_vec();
    let writer = full.1.as_raw_fd();
    let waiter = spawn(move || select(readers, [writer], []));
    sleep(0)?;
    for (_, writer) in &pipes[5..15] {
        (&*writer).write_all(b"x")?;
    }
    let mut buf = [0; 1 << 16];
    (&full.0).read_exact(&mut buf)?;
    let (mut r, w, _) = waiter.get()?;
    let mut expected = of_those_that_write;
    r.sort_unstable();
    expected.sort_unstable();
    assert_eq!((r, w), (expected, vec![writer]));
    Ok(())
}

#[test]
fn the_end_and_errors_of_a_connection_are_events() -> TestResult {
    let (reader, writer) = pipe()?;
    drop(writer);
    let (r, w, x) = select([reader.as_raw_fd()], [], [reader.as_raw_fd()])?;
    assert_eq!((r.len(), w.len(), x.len()), (1, 0, 0));
    let (reader, writer) = full_pipe();
    drop(reader);
    let fd = writer.as_raw_fd();
    assert_eq!(select([fd], [fd], [])?, (vec![fd], vec![fd], vec![]));
    Ok(())
}

#[test]
fn a_kill_and_a_timeout_come_out_whole_and_leave_no_watcher() -> TestResult {
    let _bounded = bounded();
    let (reader, _writer) = pipe()?;
    let fd = reader.as_raw_fd();
    let before = active();
    let mut set = Select::new([fd; 100], [], []);
    for n in 0..3 {
        let timeout = Timeout::start_new(0.001);
        let error = set.select().unwrap_err();
        assert!(timeout.caused(&error), "{n}: {error:?}");
        assert_eq!(active(), before);
    }
    let waiter: Greenlet<()> = spawn(move || set.select().map(drop));
    sleep(0)?;
    assert_eq!(active(), before + 100);
    waiter.kill()?;
    assert!(waiter.get().unwrap_err().is::<GreenletExit>());
    assert_eq!(active(), before);
    Ok(())
}

/// The greenlet is unwound while it waits.
#[test]
fn the_end_of_a_thread_ends_the_waits() -> TestResult {
    let _bounded = bounded();
    let (reader, _writer) = pipe()?;
    let ended = Arc::new(());
    let kept = ended.clone();
    let thread = gevent::run_in_thread(move || {
        spawn(move || {
            let _kept = kept;
            select([reader], [], []).map(drop)
        });
        sleep(0)
    })?;
    thread.join().expect("no panic")?;
    assert_eq!(Arc::strong_count(&ended), 1);
    Ok(())
}

#[test]
fn in_the_hub_it_fails() -> TestResult {
    let _bounded = bounded();
    let (reader, _writer) = pipe()?;
    let fd = reader.as_raw_fd();
    let errors = Log::new();
    let before = active();
    get_hub().loop_().run_callback({
        let errors = errors.clone();
        move || {
            errors.add(select([fd], [], []).unwrap_err());
            errors.add(select_timeout([fd], [], [], 0).unwrap_err());
        }
    })?;
    sleep(0)?;
    let errors: Vec<Exception> = errors.take();
    assert!(
        errors.len() == 2 && errors.iter().all(|error| error.is::<BlockingSwitchOutError>()),
        "{errors:?}"
    );
    assert_eq!(active(), before);
    Ok(())
}

#[test]
fn a_set_is_used_again_and_again_and_in_another_hub() -> TestResult {
    let _bounded = bounded();
    let (reader, mut writer) = pipe()?;
    let fd = reader.as_raw_fd();
    let mut set = Select::new([fd], [], []);
    for _ in 0..3 {
        let [r, w, x] = set.select_timeout(0.001)?;
        assert_eq!((r.len(), w.len(), x.len()), (0, 0, 0));
        let mut written = writer.try_clone()?;
        let g = spawn(move || gevent::io(|| written.write_all(b"x")));
        let [r, ..] = set.select()?;
        assert_eq!(r.copied().collect::<Vec<_>>(), [fd]);
        g.join()?;
        (&reader).read_exact(&mut [0])?;
    }
    get_hub().destroy(true)?;
    let [r, ..] = set.select_timeout(0.001)?;
    assert_eq!(r.len(), 0);
    writer.write_all(b"x")?;
    assert_eq!(set.select()?[0].len(), 1);
    Ok(())
}

#[test]
fn many_greenlets_select_at_once_and_each_gets_its_own() -> TestResult {
    let _bounded = bounded();
    let pipes: Vec<_> = (0..100).map(|_| pipe()).collect::<Result<_, _>>()?;
    let waiters: Vec<_> = pipes
        .iter()
        .map(|(reader, _)| {
            let fd = reader.as_raw_fd();
            spawn(move || Ok(select([fd], [], [])?.0 == [fd]))
        })
        .collect();
    sleep(0)?;
    for (_, writer) in pipes.iter().rev() {
        (&*writer).write_all(b"x")?;
    }
    joinall(&waiters)?;
    for waiter in &waiters {
        assert!(waiter.get()?);
    }
    Ok(())
}

/// The hook of a greenlet waits, and the descriptor becomes ready meanwhile.
#[test]
fn a_switch_out_hook_that_waits() -> TestResult {
    let _bounded = bounded();
    let (reader, writer) = pipe()?;
    let fd = reader.as_raw_fd();
    let waits = Cell::new(0);
    let waiter = Greenlet::builder()
        .switch_out(move || {
            waits.set(waits.get() + 1);
            // The first wait is that of `select`, the second one that of this `sleep`.
            if waits.get() == 1 {
                (&writer).write_all(b"x").expect("it is open");
                sleep(0.001).expect("nobody throws");
            }
        })
        .spawn(move || select_timeout([fd], [], [], LONG));
    assert_eq!(waiter.get()?.0, [fd]);
    Ok(())
}
