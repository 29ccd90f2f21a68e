//! Tests calls with a time limit for the whole call, and the errors of calls that were done in part.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;

use gevent::exceptions::TimedOut;
use gevent::socket::{ReadExactError, SendAllError, TcpListener, TcpStream, UnixStream};
use gevent::threadpool::{HubExt, ThreadPool};
use gevent::{Exception, Greenlet, Timeout, get_hub, getcurrent, kill, sleep, spawn};

use crate::support::{ExpectedError, LONG, TestResult, bounded};

/// A time that is over before `BYTES` have come or gone, a few at a time.
const SOME_TIME: f64 = 0.02;
const BYTES: usize = 50_000_000;

fn tcp_pair() -> Result<(TcpStream, TcpStream), Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    Ok((client, listener.accept()?.0))
}

/// A greenlet that writes a little all the time.
fn trickle(mut stream: UnixStream) -> Greenlet<()> {
    spawn(move || -> TestResult {
        loop {
            stream.write_all(b"x")?;
            sleep(0.001)?;
        }
    })
}

#[test]
fn a_slow_reader_does_not_prolong_write_all_timeout() -> TestResult {
    let _bounded = bounded();
    let (near, mut far) = tcp_pair()?;
    let received = Rc::new(Cell::new(0));
    let count = received.clone();
    let reader = spawn(move || {
        let mut block = vec![0; 10_000];
        loop {
            match far.read(&mut block)? {
                0 => return Ok(()),
                n => count.set(count.get() + n as u64),
            }
            sleep(0.0005)?;
        }
    });
    let error = near.write_all_timeout(&vec![0; BYTES], SOME_TIME).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let inside = error.get_ref().and_then(|error| error.downcast_ref::<SendAllError>());
    let inside = inside.expect("something was sent");
    assert_eq!(inside.sent, SendAllError::sent_before(&error));
    assert!(inside.source.get_ref().is_some_and(|source| source.is::<TimedOut>()));
    let sent = inside.sent;
    // What it tells is what arrives.
    near.close();
    reader.get()?;
    assert_eq!(received.get(), sent);
    Ok(())
}

#[test]
fn a_slow_writer_does_not_prolong_reads() -> TestResult {
    let _bounded = bounded();
    let (near, far) = UnixStream::pair()?;
    let writer = trickle(far);
    let mut block = vec![0; BYTES];
    let error = near.read_exact_timeout(&mut block, SOME_TIME).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let read = ReadExactError::read_before(&error) as usize;
    assert!(read > 0);
    assert!(block[..read].iter().all(|byte| *byte == b'x') && block[read] == 0);
    // The same for everything up to the end, which keeps what it has read.
    let mut all = b"before ".to_vec();
    let error = near.read_to_end_timeout(&mut all, SOME_TIME).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(all.len() > 7 && all.starts_with(b"before x"));
    writer.kill()?;
    Ok(())
}

#[test]
fn in_time_they_do_all() -> TestResult {
    let _bounded = bounded();
    let (near, far) = tcp_pair()?;
    let writer = spawn(move || {
        far.write_all_timeout(&[b'a'; 1_000_000], LONG)?;
        far.write_all_timeout(&[], 0)?;
        far.write_all_timeout(b"end", None)?;
        Ok(far.shutdown(Shutdown::Write)?)
    });
    let mut block = vec![0; 1_000_000];
    near.read_exact_timeout(&mut block, LONG)?;
    near.read_exact_timeout(&mut [], 0)?;
    assert!(block.iter().all(|byte| *byte == b'a'));
    let mut all = Vec::new();
    assert_eq!(near.read_to_end_timeout(&mut all, LONG)?, 3);
    assert_eq!(all, b"end");
    assert_eq!(near.read_to_end_timeout(&mut all, None)?, 0);
    writer.get()?;
    Ok(())
}

#[test]
fn a_time_of_0_does_not_wait() -> TestResult {
    let _bounded = bounded();
    let (near, mut far) = UnixStream::pair()?;
    let ran = Rc::new(Cell::new(false));
    let its = ran.clone();
    let other = spawn(move || its.set(true));
    let error = near.read_exact_timeout(&mut [0; 2], 0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
    far.write_all(b"a")?;
    let mut found = [0; 2];
    let error = near.read_exact_timeout(&mut found, 0).unwrap_err();
    assert_eq!((error.kind(), found), (ErrorKind::WouldBlock, *b"a\0"));
    assert_eq!(ReadExactError::read_before(&error), 1);
    far.write_all(b"bc")?;
    near.read_exact_timeout(&mut found, 0)?;
    assert_eq!(&found, b"bc");
    let mut all = Vec::new();
    far.write_all(b"de")?;
    let error = near.read_to_end_timeout(&mut all, 0).unwrap_err();
    assert_eq!((error.kind(), &*all), (ErrorKind::WouldBlock, &b"de"[..]));
    let error = near.write_all_timeout(&vec![0; BYTES], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(SendAllError::sent_before(&error) > 0);
    // Now it is full.
    let error = near.write_all_timeout(b"x", 0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
    assert!(!ran.get());
    other.join()?;
    Ok(())
}

#[test]
fn the_streams_own_time_limits_each_wait_besides() -> TestResult {
    let _bounded = bounded();
    let (near, _far) = UnixStream::pair()?;
    near.set_timeout(0.001)?;
    let late = |error: io::Error| assert_eq!(error.kind(), ErrorKind::TimedOut);
    late(near.read_exact_timeout(&mut [0], LONG).unwrap_err());
    late(near.read_to_end_timeout(&mut Vec::new(), None).unwrap_err());
    late(near.write_all_timeout(&vec![0; BYTES], LONG).unwrap_err());
    near.set_nonblocking(true)?;
    let full = near.write_all_timeout(b"x", LONG).unwrap_err();
    assert_eq!(full.raw_os_error(), Some(libc::EAGAIN));
    let none = near.read_exact_timeout(&mut [0], LONG).unwrap_err();
    assert_eq!(none.raw_os_error(), Some(libc::EAGAIN));
    Ok(())
}

#[test]
fn bad_times_are_refused() -> TestResult {
    let _bounded = bounded();
    let (near, _far) = UnixStream::pair()?;
    for bad in [-1.0, f64::NAN] {
        for error in [
            near.write_all_timeout(b"x", bad).unwrap_err(),
            near.read_exact_timeout(&mut [0], bad).unwrap_err(),
            near.read_to_end_timeout(&mut Vec::new(), bad).unwrap_err(),
            TcpStream::connect_timeout("localhost:1", bad).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
    Ok(())
}

/// Errors before the first byte are the system's own; later ones tell how much was done.
#[test]
fn errors_tell_what_was_done() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = UnixStream::pair()?;
    far.write_all(b"abc")?;
    far.shutdown(Shutdown::Write)?;
    let mut found = [0; 5];
    let error = near.read_exact(&mut found).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!((ReadExactError::read_before(&error), &found), (3, b"abc\0\0"));
    assert_eq!(
        error.to_string(),
        "cannot read more than 3 bytes: failed to fill whole buffer"
    );
    let error = near.read_exact(&mut found).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(!error.get_ref().is_some_and(|error| error.is::<ReadExactError>()));

    // The reader goes in the middle.
    let mut its = near.clone();
    let writer = spawn(move || Ok(Rc::new(its.write_all(&vec![0; BYTES]).unwrap_err())));
    far.read_exact(&mut [0; 1000])?;
    drop(far);
    let error = writer.get()?;
    assert!(SendAllError::sent_before(&error) >= 1000);
    let source = std::error::Error::source(&*error).expect("it is inside");
    let source = source.downcast_ref::<io::Error>().expect("the system's");
    assert_eq!((error.raw_os_error(), error.kind()), (None, source.kind()));
    assert!(matches!(source.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET)));
    // Nothing is sent any more.
    let error = (&near).write_all(b"x").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
    assert_eq!(SendAllError::sent_before(&error), 0);
    near.close();
    assert_eq!(near.write_all(b"x").unwrap_err().raw_os_error(), Some(libc::EBADF));
    assert_eq!(
        near.read_exact(&mut found).unwrap_err().raw_os_error(),
        Some(libc::EBADF)
    );
    // As with std's, nothing is asked of the system for nothing.
    near.write_all(b"")?;
    near.read_exact(&mut [])?;
    Ok(())
}

/// What is thrown into a call that has done a part is returned as it is.
#[test]
fn kills_and_timeouts_come_out_whole() -> TestResult {
    let _bounded = bounded();
    type Call = fn(&UnixStream) -> io::Result<()>;
    let calls: [Call; 5] = [
        |mut near| near.write_all(&vec![0; BYTES]),
        |near| near.write_all_timeout(&vec![0; BYTES], LONG),
        |mut near| near.read_exact(&mut [0; 2]),
        |near| near.read_exact_timeout(&mut [0; 2], LONG),
        |near| near.read_to_end_timeout(&mut Vec::new(), LONG).map(drop),
    ];
    for call in calls {
        for by_timeout in [false, true] {
            let (near, mut far) = UnixStream::pair()?;
            far.write_all(b"a")?;
            let timeout = Timeout::new(0.001);
            let thrown = Exception::new(ExpectedError("enough"));
            if by_timeout {
                timeout.start()?;
            } else {
                let (here, thrown) = (getcurrent(), thrown.clone());
                spawn(move || kill(&here, thrown));
            }
            let error = Exception::from(call(&near).unwrap_err());
            assert!(
                if by_timeout {
                    timeout.caused(&error)
                } else {
                    error.same(&thrown)
                },
                "{error:?}"
            );
        }
    }
    Ok(())
}

/// A listener whose queue is full: whoever connects waits.
struct Hanging {
    address: SocketAddr,
    _sockets: Vec<socket2::Socket>,
}

impl Hanging {
    fn new() -> io::Result<Hanging> {
        let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let listener = new()?;
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        listener.listen(0)?;
        let address = listener.local_addr()?;
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let socket = new()?;
            socket.set_nonblocking(true)?;
            // The connection stays in progress.
            let _ = socket.connect(&address);
            sockets.push(socket);
        }
        Ok(Hanging {
            address: address.as_socket().expect("it is an internet address"),
            _sockets: sockets,
        })
    }
}

#[test]
fn connecting_has_one_time_for_all_addresses() -> TestResult {
    let _bounded = bounded();
    let (hanging, live) = (Hanging::new()?, TcpListener::bind("127.0.0.1:0")?);
    let good = live.local_addr()?;
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.local_addr()?
    };
    // An address that does not answer takes all the time; one that refuses takes none.
    let late = TcpStream::connect_timeout(&[hanging.address, good][..], 0.01).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    assert!(late.to_string().contains(&hanging.address.to_string()));
    assert!(live.try_accept()?.is_none());
    let stream = TcpStream::connect_timeout(&[refused, good][..], LONG)?;
    assert_eq!(stream.peer_addr()?, good);
    // With 0, an address that does not connect at once is not waited for.
    let error = TcpStream::connect_timeout(&[hanging.address][..], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    Ok(())
}

#[test]
fn connecting_includes_looking_the_name_up() -> TestResult {
    let _bounded = bounded();
    let live = TcpListener::bind("127.0.0.1:0")?;
    let port = live.local_addr()?.port();
    // The only thread that looks names up is busy.
    let pool = ThreadPool::new(1);
    let (tell, told) = std::sync::mpsc::channel::<()>();
    pool.spawn(move || told.recv().is_err())?;
    get_hub().set_resolver_threadpool(pool.clone());
    for _ in 0..3 {
        let error = TcpStream::connect_timeout(("localhost", port), 0.01).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(Exception::from(error).is::<TimedOut>());
    }
    let error = TcpStream::connect_timeout(("localhost", port), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    // Other errors of a look-up are what they were.
    drop(tell);
    pool.join()?;
    let stream = TcpStream::connect_timeout(("localhost", port), LONG)?;
    assert_eq!(stream.peer_addr()?.port(), port);
    let unknown = TcpStream::connect("no.such.host.invalid:1").unwrap_err();
    let in_time = TcpStream::connect_timeout("no.such.host.invalid:1", LONG).unwrap_err();
    assert_eq!(
        (in_time.kind(), in_time.to_string()),
        (unknown.kind(), unknown.to_string())
    );
    pool.kill()
}
