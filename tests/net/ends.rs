//! Tests connections that are half closed, reset, shut down, closed or full while a greenlet waits, and buffers and
//! times at their limits: our streams must behave as std's.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use gevent::exceptions::{ConcurrentObjectUseError, InvalidSeconds};
use gevent::hub::set_switch_out;
use gevent::socket::{AddressError, TcpListener, TcpStream};
use gevent::{Exception, Greenlet, getcurrent, sleep, spawn};

use crate::support::{LONG, TestResult, bounded, near};

fn pair() -> Result<(TcpStream, TcpStream), Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    Ok((client, listener.accept()?.0))
}

fn unix_pair() -> Result<(TcpStream, TcpStream), Exception> {
    let (a, b) = UnixStream::pair()?;
    let ours = |stream: UnixStream| TcpStream::try_from(OwnedFd::from(stream));
    Ok((ours(a)?, ours(b)?))
}

type Pair = fn() -> Result<(TcpStream, TcpStream), Exception>;

const PAIRS: [Pair; 2] = [pair, unix_pair];

fn reset(stream: TcpStream) -> TestResult {
    stream.with_options(|options| options.set_linger(Some(Duration::ZERO)))??;
    drop(stream);
    Ok(())
}

/// A greenlet that writes more than fits into the buffers, and waits.
fn full(stream: &TcpStream) -> Result<Greenlet<Option<ErrorKind>>, Exception> {
    let stream = stream.clone();
    let writer = spawn(move || {
        let written = (&stream).write_all(&vec![0; 50_000_000]);
        Ok(written.err().map(|error| error.kind()))
    });
    sleep(0.01)?;
    assert!(!writer.ready());
    Ok(writer)
}

fn reader(stream: &TcpStream) -> Result<Greenlet<Result<usize, ErrorKind>>, Exception> {
    let stream = stream.clone();
    let reader = spawn(move || Ok((&stream).read(&mut [0; 10]).map_err(|e| e.kind())));
    sleep(0)?;
    assert!(!reader.ready());
    Ok(reader)
}

#[test]
fn empty_buffers_do_not_wait() -> TestResult {
    let _bounded = bounded();
    for pair in PAIRS {
        let (mut a, mut b) = pair()?;
        for timeout in [None, Some(0.0), Some(LONG)] {
            a.set_timeout(timeout)?;
            // The three cases are before any byte has come, after a short read, and while there are bytes.
            for _ in 0..3 {
                assert_eq!((a.read(&mut [])?, a.peek(&mut [])?, a.write(&[])?), (0, 0, 0));
                assert_eq!(a.read_vectored(&mut [])?, 0);
                assert_eq!(a.read_vectored(&mut [IoSliceMut::new(&mut [])])?, 0);
                assert_eq!(a.write_vectored(&[])? + a.write_vectored(&[IoSlice::new(&[])])?, 0);
                b.write_all(b"x")?;
                a.set_timeout(LONG)?;
                assert_eq!(a.read(&mut [0; 9])?, 1);
                a.set_timeout(timeout)?;
            }
        }
        a.close();
        let ebadf = Some(libc::EBADF);
        assert_eq!(a.read(&mut []).unwrap_err().raw_os_error(), ebadf);
        assert_eq!(a.write_vectored(&[]).unwrap_err().raw_os_error(), ebadf);
    }
    Ok(())
}

#[test]
fn more_parts_than_the_system_takes() -> TestResult {
    let _bounded = bounded();
    let (mut a, mut b) = pair()?;
    let parts = vec![IoSlice::new(b"x"); 3000];
    assert_eq!(a.write_vectored(&parts)?, 1024);
    a.write_all(&[b'y'; 2000])?;
    let mut all = vec![0; 3024];
    let mut got = 0;
    while got < all.len() {
        let mut parts: Vec<_> = all[got..].chunks_mut(1).map(IoSliceMut::new).collect();
        let n = b.read_vectored(&mut parts)?;
        assert!((1..=1024).contains(&n));
        got += n;
    }
    assert!(all[..1024].iter().all(|x| *x == b'x') && all[1024..].iter().all(|y| *y == b'y'));
    // Only the first 1024 parts count, as for `writev`.
    let mut parts = vec![IoSlice::new(&[]); 1024];
    parts.push(IoSlice::new(b"z"));
    assert_eq!(a.write_vectored(&parts)?, 0);
    Ok(())
}

#[test]
fn shutting_down_wakes_who_waits() -> TestResult {
    let _bounded = bounded();
    for pair in PAIRS {
        for by_copy in [false, true] {
            let (a, _b) = pair()?;
            let other = if by_copy { a.try_clone()? } else { a.clone() };
            let (reader, writer) = (reader(&a)?, full(&a)?);
            other.shutdown(Shutdown::Write)?;
            assert_eq!(writer.get()?, Some(ErrorKind::BrokenPipe));
            assert!(!reader.ready());
            other.shutdown(Shutdown::Read)?;
            assert_eq!(reader.get()?, Ok(0));
            // Later calls have the same results.
            assert_eq!((&a).read(&mut [0])? + (&other).read(&mut [0])?, 0);
            for mut stream in [&a, &other, &a.try_clone()?] {
                let error = stream.write_all(&[0; 9]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            }
            let (a, _b) = pair()?;
            let writer = full(&a)?;
            let copy = a.try_clone()?;
            // Now the waiting writer has the only handle of the first descriptor.
            drop(a);
            copy.shutdown(Shutdown::Both)?;
            assert_eq!(writer.get()?, Some(ErrorKind::BrokenPipe));
        }
    }
    Ok(())
}

/// The writer finds its stream full. Before it is parked, its hook lets the other greenlet run.
#[test]
fn shutting_down_before_the_wait_has_begun_wakes_it() -> TestResult {
    let _bounded = bounded();
    for pair in PAIRS {
        let (a, _b) = pair()?;
        full(&a)?.kill()?;
        let ends = a.clone();
        let writer = spawn(move || {
            let once = std::cell::Cell::new(Some(ends));
            let hook = move || {
                let ends = once.take();
                Ok(ends.map_or(Ok(()), |ends| ends.shutdown(Shutdown::Write))?)
            };
            set_switch_out(&getcurrent(), Rc::new(hook));
            let error = (&a).write_all(&[0; 1_000_000]).unwrap_err();
            Ok(error.kind())
        });
        assert_eq!(writer.get()?, ErrorKind::BrokenPipe);
    }
    Ok(())
}

#[test]
fn closing_wakes_who_waits() -> TestResult {
    let _bounded = bounded();
    for pair in PAIRS {
        let (a, b) = pair()?;
        let writer = full(&a)?;
        let copy = a.try_clone()?;
        a.close();
        assert!(writer.get()?.is_some());
        // The copy is still a connection.
        (&b).write_all(b"x")?;
        assert_eq!((&copy).read(&mut [0; 9])?, 1);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let waits = listener.clone();
    let acceptor = spawn(move || Ok(waits.accept().unwrap_err().raw_os_error()));
    sleep(0)?;
    listener.close();
    assert_eq!(acceptor.get()?, Some(libc::EBADF));
    Ok(())
}

#[test]
fn a_reset_or_the_end_of_the_other_side_wakes_who_waits() -> TestResult {
    let _bounded = bounded();
    let (a, b) = pair()?;
    // The stream was read before, so the next read waits first.
    (&b).write_all(b"abc")?;
    assert_eq!((&a).read(&mut [0; 10])?, 3);
    let waits = reader(&a)?;
    reset(b)?;
    assert_eq!(waits.get()?, Err(ErrorKind::ConnectionReset));
    assert_eq!((&a).read(&mut [0; 10])?, 0);

    let (a, b) = pair()?;
    let writer = full(&a)?;
    reset(b)?;
    assert_eq!(writer.get()?, Some(ErrorKind::ConnectionReset));

    for pair in PAIRS {
        let (a, b) = pair()?;
        let waits = reader(&a)?;
        b.shutdown(Shutdown::Write)?;
        assert_eq!(waits.get()?, Ok(0));
        let writer = full(&a)?;
        drop(b);
        assert!(writer.get()?.is_some());
    }
    Ok(())
}

#[test]
fn two_copies_wait_for_one_connection() -> TestResult {
    let _bounded = bounded();
    let (a, b) = pair()?;
    let copy = a.try_clone()?;
    let (first, second) = (reader(&a)?, reader(&copy)?);
    // As in gevent, only one greenlet at a time may read by a handle.
    let error = Exception::from((&a).read(&mut [0]).unwrap_err());
    assert!(error.is::<ConcurrentObjectUseError>());
    (&b).write_all(b"x")?;
    while !first.ready() && !second.ready() {
        sleep(0.001)?;
    }
    (&b).write_all(b"y")?;
    assert_eq!((first.get()?, second.get()?), (Ok(1), Ok(1)));
    Ok(())
}

#[test]
fn a_copy_has_the_same_timeouts_at_first() -> TestResult {
    let (a, _b) = pair()?;
    a.set_read_timeout(1)?;
    a.set_write_timeout(2)?;
    let copy = a.try_clone()?;
    near(copy.read_timeout().expect("it is set"), 1.0);
    near(copy.write_timeout().expect("it is set"), 2.0);
    copy.set_timeout(None)?;
    assert!(a.read_timeout().is_some());
    Ok(())
}

#[test]
fn no_time_to_connect() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let error = TcpStream::connect_timeout(address, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let error = Exception::from(error);
    let inside = error.downcast_ref::<AddressError>().expect("the address");
    assert_eq!(inside.address, address);
    for invalid in [-1.0, -f64::MIN_POSITIVE, f64::NEG_INFINITY, f64::NAN] {
        let error = TcpStream::connect_timeout(address, invalid).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{invalid}");
        assert_eq!(
            listener.set_timeout(invalid).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        let is_no_number = Exception::from(error).is::<InvalidSeconds>();
        assert_eq!(is_no_number, invalid.is_nan());
    }
    Ok(())
}

#[test]
fn huge_times_are_for_ever() -> TestResult {
    let _bounded = bounded();
    for seconds in [
        f64::MAX,
        f64::INFINITY,
        1e18,
        Duration::MAX.as_secs_f64(),
        u64::MAX as f64,
    ] {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_timeout(seconds)?;
        let waits = listener.clone();
        let acceptor = spawn(move || Ok(waits.accept()?.0));
        sleep(0)?;
        let a = TcpStream::connect_timeout(listener.local_addr()?, seconds)?;
        let b = acceptor.get()?;
        b.set_timeout(seconds)?;
        let waits = reader(&b)?;
        sleep(0.001)?;
        assert!(!waits.ready(), "{seconds}");
        (&a).write_all(b"x")?;
        assert_eq!(waits.get()?, Ok(1), "{seconds}");
    }
    Ok(())
}

#[test]
fn what_does_not_wait_says_what_the_system_says() -> TestResult {
    let (mut a, _b) = pair()?;
    a.set_nonblocking(true)?;
    near(a.read_timeout().expect("it is set"), 0.0);
    assert_eq!(a.read(&mut [0]).unwrap_err().raw_os_error(), Some(libc::EAGAIN));
    let error = loop {
        if let Err(error) = a.write(&[0; 1 << 16]) {
            break error;
        }
    };
    assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
    a.set_nonblocking(false)?;
    assert!(a.read_timeout().is_none() && a.write_timeout().is_none());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    assert_eq!(listener.accept().unwrap_err().raw_os_error(), Some(libc::EAGAIN));
    Ok(())
}

/// `SIGPIPE` is sent to the thread that writes. While the thread blocks the signal, it stays pending and can be seen,
/// even if it is ignored.
#[test]
fn writing_to_nobody_raises_no_signal() -> TestResult {
    let _bounded = bounded();
    // SAFETY: the sets of signals are locals, and are emptied before any other use.
    let (blocked, is_raised) = unsafe {
        let mut blocked: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut blocked);
        libc::sigaddset(&raw mut blocked, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const blocked, std::ptr::null_mut());
        (blocked, || {
            let mut pending: libc::sigset_t = std::mem::zeroed();
            libc::sigpending(&raw mut pending);
            libc::sigismember(&raw const pending, libc::SIGPIPE) == 1
        })
    };
    for pair in PAIRS {
        let (mut a, b) = pair()?;
        drop(b);
        while a.write(b"x").is_ok() {}
        let parts = [IoSlice::new(b"x"), IoSlice::new(b"y")];
        assert_eq!(a.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(a.write_vectored(&parts).unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert!(!is_raised());
    }
    // A raised signal would be seen.
    let (mut a, b) = UnixStream::pair()?;
    drop(b);
    assert!(a.write_vectored(&[IoSlice::new(b"x")]).is_err());
    assert!(is_raised());
    // SAFETY: as above. std ignores the signal, so it has no effect when it is unblocked.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const blocked, std::ptr::null_mut()) };
    Ok(())
}

#[test]
fn a_unix_socket_has_no_internet_address() -> TestResult {
    let (a, _b) = unix_pair()?;
    for error in [a.local_addr().unwrap_err(), a.peer_addr().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    Ok(())
}

#[test]
fn a_listener_takes_over_a_descriptor() -> TestResult {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let listener = TcpListener::try_from(OwnedFd::from(listener))?;
    let mut client = TcpStream::connect(address)?;
    let mut server = listener.try_clone()?.accept()?.0;
    client.write_all(b"x")?;
    assert_eq!(server.read(&mut [0; 2])?, 1);
    Ok(())
}
