//! The counterpart of gevent's test__socket and test__socket_close, written anew.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use gevent::socket::{AddressError, TcpListener, TcpStream};
use gevent::threadpool::HubExt;
use gevent::{Exception, get_hub, sleep, spawn};

use crate::support::{TestResult, bounded, near};

/// Both ends of a connection.
fn pair() -> Result<(TcpStream, TcpStream), Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    Ok((client, listener.accept()?.0))
}

/// A clone is the same socket, as Python's object is; `try_clone` makes another one, as `dup` does.
#[test]
#[allow(clippy::mutable_key_type, reason = "the hash is that of the object's address")]
fn sockets_are_found_in_sets() -> TestResult {
    let (client, server) = pair()?;
    let dup = client.try_clone()?;
    let mut clients = HashSet::from([client.clone(), server.clone()]);
    assert!(clients.contains(&client) && !clients.contains(&dup) && client != dup && client != server);
    // A closed one is still found, so that it can be taken out.
    client.close();
    assert!(clients.remove(&client) && !clients.contains(&client) && clients.contains(&server));

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let listeners = HashSet::from([listener.clone()]);
    assert!(listeners.contains(&listener) && !listeners.contains(&listener.try_clone()?));
    Ok(())
}

#[test]
fn test_fullduplex_large_transfer() -> TestResult {
    let (a, b) = pair()?;
    let data: Vec<u8> = (0..4 << 20).map(|i: u32| (i % 251) as u8).collect();
    let d = data.clone();
    let writer = spawn({
        let a = a.clone();
        move || {
            (&a).write_all(&d)?;
            a.shutdown(Shutdown::Write)?;
            Ok(())
        }
    });
    let echo = spawn(move || {
        let mut all = Vec::new();
        (&b).read_to_end(&mut all)?;
        (&b).write_all(&all)?;
        Ok(all.len())
    });
    let mut back = Vec::new();
    (&a).read_to_end(&mut back)?;
    writer.get()?;
    assert_eq!(echo.get()?, data.len());
    assert!(back == data);
    Ok(())
}

#[test]
fn test_recv_timeout() -> TestResult {
    let (mut a, _b) = pair()?;
    a.set_timeout(0.001)?;
    assert_eq!(a.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    a.set_timeout(0)?;
    assert_eq!(a.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(a.set_timeout(-1).is_err());
    Ok(())
}

#[test]
fn test_send_timeout() -> TestResult {
    let (mut a, _b) = pair()?;
    a.set_timeout(0.01)?;
    let chunk = vec![0; 1 << 20];
    let error = loop {
        if let Err(error) = a.write_all(&chunk) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    Ok(())
}

#[test]
fn test_close_wakes_a_reader_with_ebadf() -> TestResult {
    let (a, _b) = pair()?;
    let mut reading = a.clone();
    let reader = spawn(move || reading.read(&mut [0]).unwrap_err().raw_os_error());
    sleep(0)?;
    a.close();
    assert_eq!(reader.get()?, Some(libc::EBADF));
    assert_eq!((&a).write(b"x").unwrap_err().raw_os_error(), Some(libc::EBADF));
    assert_eq!(a.as_raw_fd(), -1);
    Ok(())
}

#[test]
fn test_a_lent_descriptor_outlives_close() -> TestResult {
    let (a, mut b) = pair()?;
    let closer = a.clone();
    let before = a.as_raw_fd();
    a.with_fd(|fd| {
        closer.close();
        assert_eq!(fd.as_raw_fd(), before);
        // The descriptor is still the socket, and not closed.
        assert!(socket2::SockRef::from(&fd).peer_addr().is_ok());
    })?;
    // Now the socket is closed.
    assert_eq!(b.read(&mut [0])?, 0);
    let error = a.with_fd(|_| ()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    Ok(())
}

#[test]
fn test_an_accepted_connection_does_not_block_and_closes_on_exec() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let _client = TcpStream::connect(listener.local_addr()?)?;
    let (stream, _) = listener.accept()?;
    let fd = stream.as_raw_fd();
    // SAFETY: both calls only read the flags of a descriptor of ours.
    let (status, flags) = unsafe { (libc::fcntl(fd, libc::F_GETFL), libc::fcntl(fd, libc::F_GETFD)) };
    assert_ne!(status & libc::O_NONBLOCK, 0);
    assert_ne!(flags & libc::FD_CLOEXEC, 0);
    Ok(())
}

#[test]
fn test_peek_then_read() -> TestResult {
    let (mut a, mut b) = pair()?;
    a.write_all(b"abc")?;
    let mut buf = [0; 8];
    assert_eq!(b.peek(&mut buf)?, 3);
    assert_eq!(b.read(&mut buf)?, 3);
    assert_eq!(&buf[..3], b"abc");
    Ok(())
}

#[test]
fn test_connect_refused_and_unresolvable() -> TestResult {
    // The socket is bound but does not listen, so the port refuses connections, and no other program can take it.
    let nobody = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    nobody.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    let address = nobody.local_addr()?.as_socket().expect("IPv4");
    let error = TcpStream::connect(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    // The text has the address, and the system's own error is still there.
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    let error = Exception::from(error);
    let inside = error.downcast_ref::<AddressError>().expect("the address");
    assert_eq!(inside.address, address);
    assert_eq!(inside.source.raw_os_error(), Some(libc::ECONNREFUSED));
    let error = TcpStream::connect("no-such-host.invalid:1").unwrap_err();
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
    assert!(TcpStream::connect("no port").is_err());
    Ok(())
}

#[test]
fn test_bind_says_which_address_is_taken() -> TestResult {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?;
    // Of several addresses, the error names the last one.
    let known = [([127, 0, 0, 1], address.port()).into(), address];
    let error = TcpListener::bind(&known[..]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let text = format!("cannot listen at {address}: ");
    assert!(error.to_string().starts_with(&text), "{error}");
    // Printed with its sources, the error does not repeat itself.
    let printed = format!("{:#}", Exception::from(error));
    assert_eq!(printed.matches("os error").count(), 1, "{printed}");
    Ok(())
}

#[test]
fn test_connect_that_takes_too_long_says_where() -> TestResult {
    // A listener whose backlog is full does not answer.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    full.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    full.listen(0)?;
    let address = full.local_addr()?.as_socket().expect("IPv4");
    let _first = TcpStream::connect(address)?;
    let mut others = Vec::new();
    let late = loop {
        match TcpStream::connect_timeout(address, 0.01) {
            Ok(stream) => others.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    let text = format!("cannot connect to {address}: timed out");
    assert_eq!(late.to_string(), text);
    assert!(Exception::from(late).is::<gevent::exceptions::TimedOut>());
    // The timeout that was thrown in is recognised.
    let timeout = gevent::Timeout::start_new(0.01);
    let thrown = Exception::from(TcpStream::connect(address).unwrap_err());
    assert!(timeout.caused(&thrown) && thrown.downcast_ref::<AddressError>().is_none());
    Ok(())
}

#[test]
fn names_are_looked_up_while_all_threads_of_the_hub_are_busy() -> TestResult {
    let _bounded = bounded();
    let pool = get_hub().threadpool();
    let (release, released) = channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let tasks = (0..=pool.maxsize()).map(|_| {
        let released = released.clone();
        pool.spawn(move || released.lock().unwrap().recv().is_err())
    });
    let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
    let listener = TcpListener::bind("localhost:0")?;
    let port = listener.local_addr()?.port();
    drop(TcpStream::connect(("localhost", port))?);
    assert!(tasks.iter().all(|task| !task.ready()));
    drop(release);
    for task in tasks {
        assert!(task.get()?);
    }
    Ok(())
}

#[test]
fn test_names_are_looked_up_while_others_run() -> TestResult {
    let listener = TcpListener::bind("localhost:0")?;
    let port = listener.local_addr()?.port();
    let ran = Rc::new(Cell::new(false));
    let r = ran.clone();
    spawn(move || r.set(true));
    TcpStream::connect(("localhost", port))?;
    assert!(ran.get());
    Ok(())
}

#[test]
fn test_a_killed_reader_gets_its_exception_through_io_error() -> TestResult {
    let (a, _b) = pair()?;
    let reader = spawn(move || {
        let mut text = String::new();
        (&a).read_to_string(&mut text)?;
        Ok(text)
    });
    sleep(0)?;
    reader.kill()?;
    assert!(reader.successful());
    assert!(reader.get().unwrap_err().is::<gevent::GreenletExit>());
    Ok(())
}

#[test]
fn test_a_port_alone_means_every_interface() -> TestResult {
    for address in [":0", "*:0"] {
        let listening = TcpListener::bind(address)?.local_addr()?;
        assert!(listening.is_ipv4() && listening.ip().is_unspecified());
    }
    for listener in [
        TcpListener::bind(0)?,
        TcpListener::bind("0")?,
        TcpListener::bind(("", 0))?,
    ] {
        let listening = listener.local_addr()?;
        assert!(listening.ip().is_unspecified(), "{listening}");
        let client = TcpStream::connect(("127.0.0.1", listening.port()))?;
        assert_eq!(listener.accept()?.1.port(), client.local_addr()?.port(), "{listening}");
    }
    assert!(TcpListener::bind(":").is_err() && TcpListener::bind("65536").is_err());
    Ok(())
}

#[test]
fn test_accept_timeout() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_timeout(0.001)?;
    near(listener.timeout().expect("it is set"), 0.001);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
    listener.set_timeout(0)?;
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(listener.set_timeout(-1).is_err() && listener.set_timeout(f64::NAN).is_err());
    Ok(())
}

#[test]
fn test_reads_and_writes_may_have_their_own_timeouts() -> TestResult {
    let (mut a, mut b) = pair()?;
    a.set_read_timeout(0.001)?;
    near(a.read_timeout().expect("it is set"), 0.001);
    assert!(a.write_timeout().is_none());
    assert_eq!(a.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    // The text is larger than the kernel's buffers, and the reader is slow.
    for end in [&a, &b] {
        end.with_fd(|fd| -> std::io::Result<()> {
            let socket = socket2::SockRef::from(&fd);
            socket.set_send_buffer_size(1 << 16)?;
            socket.set_recv_buffer_size(1 << 16)
        })??;
    }
    let writer = spawn(move || Ok(a.write_all(&vec![0; 16 << 20])?));
    sleep(0.01)?;
    assert!(!writer.ready());
    let mut buffer = vec![0; 1 << 20];
    while !writer.ready() {
        assert!(b.read(&mut buffer)? > 0);
    }
    writer.get()
}

#[test]
fn test_the_hub_reads_what_is_there() -> TestResult {
    let (mut a, b) = pair()?;
    let got = Rc::new(RefCell::new(Vec::new()));
    for text in ["one", "two"] {
        a.write_all(text.as_bytes())?;
        let (mut b, got) = (b.clone(), got.clone());
        // The peek waits until the byte is there.
        b.peek(&mut [0])?;
        // After the first, short read, the second read would wait before it tries.
        get_hub().loop_().run_callback(move || {
            let mut buffer = [0; 8];
            let n = b.read(&mut buffer)?;
            got.borrow_mut().extend_from_slice(&buffer[..n]);
            Ok(())
        })?;
        sleep(0.001)?;
    }
    assert_eq!(&*got.borrow(), b"onetwo");
    Ok(())
}
