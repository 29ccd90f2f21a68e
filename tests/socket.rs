//! The counterpart of gevent's test__socket, test__socket_close, test__server and
//! test__server_pywsgi's accept tests, written anew.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Instant;

use gevent::core::ErrorHandler;
use gevent::hub::ExceptionStream;
use gevent::pool::Pool;
use gevent::server::{Spawn, StreamServer};
use gevent::socket::{TcpListener, TcpStream};
use gevent::{Exception, get_hub, joinall, sleep, spawn};

type Outcome = Result<(), Exception>;

/// Both ends of a connection.
fn pair() -> Result<(TcpStream, TcpStream), Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    Ok((client, listener.accept()?.0))
}

#[test]
fn test_fullduplex_large_transfer() -> Outcome {
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
fn test_recv_timeout() -> Outcome {
    let (mut a, _b) = pair()?;
    a.set_timeout(0.001)?;
    assert_eq!(a.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    a.set_timeout(0)?;
    assert_eq!(a.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(a.set_timeout(-1).is_err());
    Ok(())
}

#[test]
fn test_send_timeout() -> Outcome {
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
fn test_close_wakes_a_reader_with_ebadf() -> Outcome {
    let (a, _b) = pair()?;
    let mut reading = a.clone();
    let reader = spawn(move || reading.read(&mut [0]).unwrap_err().raw_os_error());
    sleep(0)?;
    a.close();
    assert_eq!(reader.get()?, Some(libc::EBADF));
    assert_eq!(
        (&a).write(b"x").unwrap_err().raw_os_error(),
        Some(libc::EBADF)
    );
    assert_eq!(a.as_raw_fd(), -1);
    Ok(())
}

#[test]
fn test_a_lent_descriptor_outlives_close() -> Outcome {
    let (a, mut b) = pair()?;
    let closer = a.clone();
    let before = a.as_raw_fd();
    a.with_fd(|fd| {
        closer.close();
        assert_eq!(fd.as_raw_fd(), before);
        // Not EBADF: it is still the socket.
        assert!(socket2::SockRef::from(&fd).peer_addr().is_ok());
    })?;
    // Now it is closed.
    assert_eq!(b.read(&mut [0])?, 0);
    let error = a.with_fd(|_| ()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    Ok(())
}

#[test]
fn test_an_accepted_connection_does_not_block_and_closes_on_exec() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let _client = TcpStream::connect(listener.local_addr()?)?;
    let (stream, _) = listener.accept()?;
    let fd = stream.as_raw_fd();
    // SAFETY: both only ask, about a descriptor of ours.
    let (status, flags) = unsafe {
        (
            libc::fcntl(fd, libc::F_GETFL),
            libc::fcntl(fd, libc::F_GETFD),
        )
    };
    assert_ne!(status & libc::O_NONBLOCK, 0);
    assert_ne!(flags & libc::FD_CLOEXEC, 0);
    Ok(())
}

#[test]
fn test_peek_then_read() -> Outcome {
    let (mut a, mut b) = pair()?;
    a.write_all(b"abc")?;
    let mut buf = [0; 8];
    assert_eq!(b.peek(&mut buf)?, 3);
    assert_eq!(b.read(&mut buf)?, 3);
    assert_eq!(&buf[..3], b"abc");
    Ok(())
}

#[test]
fn test_connect_refused_and_unresolvable() -> Outcome {
    // Bound but not listening: it refuses, and nobody else can take the port.
    let nobody = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    nobody.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    let address = nobody.local_addr()?.as_socket().expect("IPv4");
    let error = TcpStream::connect(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let error = TcpStream::connect("no-such-host.invalid:1").unwrap_err();
    assert!(
        error.to_string().contains("no-such-host.invalid"),
        "{error}"
    );
    assert!(TcpStream::connect("no port").is_err());
    Ok(())
}

#[test]
fn test_names_are_looked_up_while_others_run() -> Outcome {
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
fn test_a_killed_reader_gets_its_exception_through_io_error() -> Outcome {
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
fn test_server_serves_many_and_leaves_nothing() -> Outcome {
    let before = get_hub().loop_().activecnt()?;
    let server = StreamServer::new("127.0.0.1:0", |stream: TcpStream, _| {
        std::io::copy(&mut &stream, &mut &stream)?;
        Ok(())
    });
    server.start()?;
    let address = server.address().expect("it listens");
    let clients: Vec<_> = (0..100)
        .map(|i: usize| {
            spawn(move || {
                let mut stream = TcpStream::connect(address)?;
                let sent = vec![i as u8; 1000 * (i + 1)];
                let s = (stream.clone(), sent.clone());
                let writer = spawn(move || {
                    (&s.0).write_all(&s.1)?;
                    Ok(s.0.shutdown(Shutdown::Write)?)
                });
                let mut got = Vec::new();
                stream.read_to_end(&mut got)?;
                writer.get()?;
                Ok(got == sent)
            })
        })
        .collect();
    joinall(&clients, None)?;
    for client in &clients {
        assert!(client.get()?);
    }
    server.stop(None)?;
    assert!(!server.started() && TcpStream::connect(address).is_err());
    sleep(0.001)?;
    assert_eq!(get_hub().loop_().activecnt()?, before);
    Ok(())
}

#[test]
fn test_serve_forever_ends_when_stopped() -> Outcome {
    let server = StreamServer::new("127.0.0.1:0", |_stream: TcpStream, _| ());
    let serving = spawn({
        let server = server.clone();
        move || server.serve_forever()
    });
    sleep(0)?;
    assert!(server.started());
    server.stop(None)?;
    serving.get()
}

#[test]
fn test_port_in_use_is_an_error() -> Outcome {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let server = StreamServer::new(taken.local_addr()?, |_stream: TcpStream, _| ());
    assert_eq!(server.start().unwrap_err().kind(), ErrorKind::AddrInUse);
    assert!(!server.started());
    Ok(())
}

#[test]
fn test_pool_bounds_the_handlers() -> Outcome {
    let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (n, m) = (now.clone(), most.clone());
    let server = StreamServer::builder().spawn(Spawn::Pool(2)).build(
        "127.0.0.1:0",
        move |mut stream: TcpStream, _| {
            n.set(n.get() + 1);
            m.set(m.get().max(n.get()));
            let slept = sleep(0.001);
            n.set(n.get() - 1);
            slept?;
            stream.write_all(b"x")?;
            Ok(())
        },
    );
    server.start()?;
    let address = server.address().expect("it listens");
    let clients: Vec<_> = (0..10)
        .map(|_| {
            spawn(move || {
                let mut stream = TcpStream::connect(address)?;
                stream.write_all(b"x")?;
                Ok(stream.read(&mut [0; 4])?)
            })
        })
        .collect();
    for client in &clients {
        assert_eq!(client.get()?, 1);
    }
    assert_eq!((now.get(), most.get()), (0, 2));
    server.stop(None)
}

#[test]
fn test_stop_kills_the_handlers_of_a_pool_that_do_not_end() -> Outcome {
    let server = StreamServer::builder().spawn(Spawn::Pool(2)).build(
        "127.0.0.1:0",
        |mut stream: TcpStream, _| {
            stream.read_exact(&mut [0])?;
            Ok(())
        },
    );
    server.start()?;
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    sleep(0.001)?;
    server.stop(0.001)?;
    assert_eq!(client.read(&mut [0; 4])?, 0);
    Ok(())
}

#[test]
fn test_a_server_starts_again_at_its_address() -> Outcome {
    let serve = |mut stream: TcpStream, _| Ok(stream.write_all(b"x")?);
    let at_listener = TcpListener::bind("127.0.0.1:0")?;
    for server in [
        StreamServer::new("127.0.0.1:0", serve),
        StreamServer::builder().build_on(at_listener, serve),
    ] {
        server.start()?;
        let address = server.address().expect("it listens");
        assert_eq!(server.server_port(), Some(address.port()));
        for _ in 0..3 {
            assert_eq!(TcpStream::connect(address)?.read(&mut [0; 4])?, 1);
            server.stop(None)?;
            assert_eq!(server.address(), Some(address));
            let refused = TcpStream::connect(address).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            server.start()?;
            server.start()?;
            assert_eq!(server.address(), Some(address));
        }
        server.stop(None)?;
    }
    Ok(())
}

#[test]
fn test_a_port_alone_means_every_interface() -> Outcome {
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
        assert_eq!(
            listener.accept()?.1.port(),
            client.local_addr()?.port(),
            "{listening}"
        );
    }
    assert!(TcpListener::bind(":").is_err() && TcpListener::bind("65536").is_err());
    Ok(())
}

#[test]
fn test_servers_share_a_pool() -> Outcome {
    let pool = Pool::new(1);
    let serve = |mut stream: TcpStream, _| {
        stream.read_exact(&mut [0])?;
        Ok(stream.write_all(b"x")?)
    };
    let new = || {
        StreamServer::builder()
            .spawn(&pool)
            .build("127.0.0.1:0", serve)
    };
    let (one, two) = (new(), new());
    one.start()?;
    two.start()?;
    let mut first = TcpStream::connect(one.address().expect("it listens"))?;
    let mut second = TcpStream::connect(two.address().expect("it listens"))?;
    second.write_all(b"x")?;
    // Either may have come first, but it is the only one.
    while pool.is_empty() {
        sleep(0.001)?;
    }
    sleep(0.001)?;
    assert_eq!(pool.len(), 1);
    first.write_all(b"x")?;
    for stream in [&mut first, &mut second] {
        assert_eq!(stream.read(&mut [0; 4])?, 1);
    }
    one.stop(None)?;
    two.stop(None)
}

#[test]
fn test_max_accept_gives_others_their_turn() -> Outcome {
    const CONNECTIONS: usize = 6;
    let (log, connections) = (Rc::new(RefCell::new(String::new())), Rc::new(Cell::new(0)));
    let (l, c) = (log.clone(), connections.clone());
    let server = StreamServer::builder()
        .spawn(Spawn::InHub)
        .max_accept(2)
        .build("127.0.0.1:0", move |_stream: TcpStream, _| {
            l.borrow_mut().push('c');
            c.set(c.get() + 1);
        });
    server.start()?;
    let address = server.address().expect("it listens");
    // The kernel makes the connections while the loop does not run.
    let clients: Result<Vec<_>, _> = (0..CONNECTIONS)
        .map(|_| std::net::TcpStream::connect(address))
        .collect();
    while connections.get() < CONNECTIONS {
        sleep(0)?;
        log.borrow_mut().push('|');
    }
    drop(clients?);
    let log = log.take();
    let turns: Vec<_> = log.split('|').filter(|turn| !turn.is_empty()).collect();
    // Fewer, when the kernel is not done with one yet.
    assert!(turns.iter().all(|turn| turn.len() <= 2), "{log}");
    server.stop(None)
}

#[test]
fn test_a_server_can_be_stopped_by_its_handler() -> Outcome {
    for kind in [Spawn::Default, Spawn::Raw, Spawn::InHub] {
        let this: Rc<RefCell<Option<StreamServer>>> = Rc::default();
        let server = StreamServer::builder().spawn(kind).build("127.0.0.1:0", {
            let this = this.clone();
            move |mut stream: TcpStream, _| {
                let server = this.take().expect("the first connection");
                server.stop(None)?;
                Ok(stream.write_all(b"bye")?)
            }
        });
        this.replace(Some(server.clone()));
        let serving = spawn({
            let server = server.clone();
            move || server.serve_forever()
        });
        sleep(0)?;
        let mut client = TcpStream::connect(server.address().expect("it listens"))?;
        serving.get()?;
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        assert_eq!(answer, "bye");
    }
    Ok(())
}

#[test]
fn test_a_handler_that_panics_harms_nobody() -> Outcome {
    get_hub().set_exception_stream(ExceptionStream::Discard);
    for spawn in [Spawn::Default, Spawn::Raw, Spawn::Pool(1)] {
        let server = StreamServer::builder().spawn(spawn).build(
            "127.0.0.1:0",
            |mut stream: TcpStream, _| {
                let mut request = [0];
                stream.read_exact(&mut request)?;
                assert_eq!(&request, b"x", "on purpose");
                Ok(stream.write_all(b"x")?)
            },
        );
        server.start()?;
        for request in [b"y", b"x", b"y", b"x"] {
            let mut client = TcpStream::connect(server.address().expect("it listens"))?;
            client.write_all(request)?;
            assert_eq!(client.read(&mut [0; 4])?, usize::from(request == b"x"));
        }
        server.stop(None)?;
    }
    Ok(())
}

#[test]
fn test_accept_timeout() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_timeout(0.001)?;
    assert_eq!(listener.timeout(), Some(0.001));
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
    listener.set_timeout(0)?;
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(listener.set_timeout(-1).is_err() && listener.set_timeout(f64::NAN).is_err());
    Ok(())
}

#[test]
fn test_reads_and_writes_may_have_their_own_timeouts() -> Outcome {
    let (mut a, mut b) = pair()?;
    a.set_read_timeout(0.001)?;
    assert_eq!((a.read_timeout(), a.write_timeout()), (Some(0.001), None));
    assert_eq!(a.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    // More than fits into the kernel's buffers, for somebody who takes his time.
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
fn test_the_hub_reads_what_is_there() -> Outcome {
    let (mut a, b) = pair()?;
    let got = Rc::new(RefCell::new(Vec::new()));
    for text in ["one", "two"] {
        a.write_all(text.as_bytes())?;
        let (mut b, got) = (b.clone(), got.clone());
        // Until it is there.
        b.peek(&mut [0])?;
        // After the first, short read the second would rather wait.
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

/// In a process of its own, whose limit of open files it lowers.
#[test]
fn test_accept_backs_off_while_no_descriptors_are_left() -> Outcome {
    const IN_CHILD: &str = "GEVENT_TEST_FEW_DESCRIPTORS";
    const THIS: &str = "test_accept_backs_off_while_no_descriptors_are_left";
    if std::env::var_os(IN_CHILD).is_some() {
        return accept_with_few_descriptors();
    }
    let child = std::process::Command::new(std::env::current_exe()?)
        .args(["--exact", THIS, "--nocapture"])
        .env(IN_CHILD, "1")
        .output()?;
    let output = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}: {output}", child.status);
    Ok(())
}

/// Counts the reports, and when they came.
struct Reports(RefCell<Vec<Instant>>);

impl ErrorHandler for Reports {
    fn handle_error(&self, _: Option<&dyn std::fmt::Debug>, exception: Exception) {
        let error = exception.downcast_ref::<std::io::Error>();
        assert_eq!(
            error.and_then(std::io::Error::raw_os_error),
            Some(libc::EMFILE),
            "{exception}"
        );
        self.0.borrow_mut().push(Instant::now());
    }
}

fn accept_with_few_descriptors() -> Outcome {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let reports = Rc::new(Reports(RefCell::default()));
    get_hub().set_error_handler(Some(reports.clone()));
    let server = StreamServer::new("127.0.0.1:0", |mut stream: TcpStream, _| {
        stream.write_all(b"x")?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    });
    server.start()?;
    let address = server.address().expect("it listens");
    // Both ends of one connection, and one end of the next.
    let next = std::fs::File::open("/dev/null")?.as_raw_fd() as u64;
    let limit = Rlimit {
        current: Some(next + 3),
        maximum: Some(next + 3),
    };
    setrlimit(Resource::Nofile, limit).map_err(std::io::Error::from)?;
    let mut first = TcpStream::connect(address)?;
    first.read_exact(&mut [0])?;
    let mut second = TcpStream::connect(address)?;
    while reports.0.borrow().len() < 5 {
        sleep(0.001)?;
    }
    let times = reports.0.take();
    for (i, pair) in times.windows(2).enumerate() {
        // A timer is never early, but for rounding.
        let (delay, least) = (pair[1] - pair[0], 0.01 * f64::from(1 << i) - 0.002);
        assert!(delay.as_secs_f64() >= least, "{i}: {delay:?}");
    }
    drop(first);
    second.read_exact(&mut [0])?;
    server.stop(None)
}
