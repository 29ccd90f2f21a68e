//! Servers of connections, and what gevent's test__server and test__server_pywsgi check of accepting.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;

use gevent::event::Event;
use gevent::hub::ExceptionStream;
use gevent::pool::Pool;
use gevent::queue::Channel;
use gevent::server::{Spawn, StreamServer};
use gevent::socket::{TcpListener, TcpStream};
use gevent::{Exception, get_hub, getcurrent, joinall, sleep, spawn, spawn_later};

use crate::support::{Reports, own_address, start_again};

type TestResult = Result<(), Exception>;

#[test]
fn test_server_serves_many_and_leaves_nothing() -> TestResult {
    let before = get_hub().loop_().activecnt()?;
    let server = StreamServer::new(own_address(), |stream: TcpStream, _| {
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
    joinall(&clients)?;
    for client in &clients {
        assert!(client.get()?);
    }
    server.stop()?;
    assert!(!server.started() && TcpStream::connect(address).is_err());
    sleep(0.001)?;
    assert_eq!(get_hub().loop_().activecnt()?, before);
    Ok(())
}

#[test]
fn test_serve_forever_ends_when_stopped() -> TestResult {
    let server = StreamServer::new(own_address(), |_stream: TcpStream, _| ());
    let serving = spawn({
        let server = server.clone();
        move || server.serve_forever()
    });
    sleep(0)?;
    assert!(server.started());
    server.stop()?;
    serving.get()
}

#[test]
fn test_port_in_use_is_an_error() -> TestResult {
    let taken = TcpListener::bind(own_address())?;
    let server = StreamServer::new(taken.local_addr()?, |_stream: TcpStream, _| ());
    assert_eq!(server.start().unwrap_err().kind(), ErrorKind::AddrInUse);
    assert!(!server.started());
    Ok(())
}

#[test]
fn test_handlers_are_named_after_server_and_peer() -> TestResult {
    for how in [Spawn::Default, Spawn::Raw, Spawn::Pool(2)] {
        let names = Channel::new();
        let its = names.clone();
        let server = StreamServer::builder()
            .spawn(how)
            .build(own_address(), move |_stream, _| {
                its.put(getcurrent().name().expect("it has a name"))
            });
        server.start()?;
        let address = server.address().expect("it listens");
        let clients = [TcpStream::connect(address)?, TcpStream::connect(address)?];
        for client in &clients {
            let peer = client.local_addr()?;
            let name = format!("StreamServer {address}, peer {peer}");
            assert_eq!(&*names.get()?, name);
        }
        server.stop()?;
    }
    Ok(())
}

#[test]
fn test_a_report_of_a_failed_handler_says_whose_and_what_kind() -> TestResult {
    let reports = Reports::new();
    let server = StreamServer::new(own_address(), |_stream, _| {
        gevent::io(|| Err(ErrorKind::PermissionDenied.into()))
    });
    server.start()?;
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    assert_eq!(client.read(&mut [0])?, 0);
    sleep(0)?;
    let peer = client.local_addr()?;
    let text = reports.take();
    assert!(text.contains(&format!("peer {peer}")), "{text}");
    assert!(text.contains("io::Error(PermissionDenied): "), "{text}");
    server.stop()
}

#[test]
fn test_pool_bounds_the_handlers() -> TestResult {
    let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (n, m) = (now.clone(), most.clone());
    let server = StreamServer::builder()
        .spawn(Spawn::Pool(2))
        .build(own_address(), move |mut stream: TcpStream, _| {
            n.set(n.get() + 1);
            m.set(m.get().max(n.get()));
            let slept = sleep(0.001);
            n.set(n.get() - 1);
            slept?;
            stream.write_all(b"x")?;
            Ok(())
        });
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
    server.stop()
}

#[test]
fn test_stop_kills_the_handlers_of_a_pool_that_do_not_end() -> TestResult {
    let begun = Event::new();
    let its = begun.clone();
    let server = StreamServer::builder()
        .spawn(Spawn::Pool(2))
        .build(own_address(), move |mut stream: TcpStream, _| {
            its.set();
            stream.read_exact(&mut [0])?;
            Ok(())
        });
    server.start()?;
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    begun.wait()?;
    server.stop_timeout(0.001)?;
    assert_eq!(client.read(&mut [0; 4])?, 0);
    Ok(())
}

#[test]
fn test_a_server_starts_again_at_its_address() -> TestResult {
    let serve = |mut stream: TcpStream, _| Ok(stream.write_all(b"x")?);
    let at_listener = TcpListener::bind(own_address())?;
    for server in [
        StreamServer::new(own_address(), serve),
        StreamServer::builder().build_on(at_listener, serve),
    ] {
        server.start()?;
        let address = server.address().expect("it listens");
        assert_eq!(server.server_port(), Some(address.port()));
        for _ in 0..3 {
            assert_eq!(TcpStream::connect(address)?.read(&mut [0; 4])?, 1);
            server.stop()?;
            assert_eq!(server.address(), Some(address));
            let refused = TcpStream::connect(address).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            start_again(|| server.start())?;
            server.start()?;
            assert_eq!(server.address(), Some(address));
        }
        server.stop()?;
    }
    Ok(())
}

/// As a child has it that is being made, until its program runs.
#[test]
fn a_copy_of_the_listener_keeps_the_port() -> TestResult {
    let server = StreamServer::new(own_address(), |_stream: TcpStream, _| ());
    server.start()?;
    let listener = server.socket().expect("it listens");
    let copy = listener.with_fd(|fd| fd.try_clone_to_owned())??;
    drop(listener);
    server.stop()?;
    assert_eq!(server.start().unwrap_err().kind(), ErrorKind::AddrInUse);
    let closing = spawn_later(0.002, move || drop(copy));
    start_again(|| server.start())?;
    assert!(closing.ready());
    server.stop()
}

#[test]
fn test_servers_share_a_pool() -> TestResult {
    let pool = Pool::new(1);
    let serve = |mut stream: TcpStream, _| {
        stream.read_exact(&mut [0])?;
        Ok(stream.write_all(b"x")?)
    };
    let new = || StreamServer::builder().spawn(&pool).build(own_address(), serve);
    let (one, two) = (new(), new());
    one.start()?;
    two.start()?;
    let mut first = TcpStream::connect(one.address().expect("it listens"))?;
    let mut second = TcpStream::connect(two.address().expect("it listens"))?;
    second.write_all(b"x")?;
    // Either connection may have come first, but only one is handled.
    while pool.is_empty() {
        sleep(0.001)?;
    }
    sleep(0.001)?;
    assert_eq!(pool.len(), 1);
    first.write_all(b"x")?;
    for stream in [&mut first, &mut second] {
        assert_eq!(stream.read(&mut [0; 4])?, 1);
    }
    one.stop()?;
    two.stop()
}

#[test]
fn test_max_accept_gives_others_their_turn() -> TestResult {
    const CONNECTIONS: usize = 6;
    let (log, connections) = (Rc::new(RefCell::new(String::new())), Rc::new(Cell::new(0)));
    let (l, c) = (log.clone(), connections.clone());
    let server =
        StreamServer::builder()
            .spawn(Spawn::InHub)
            .max_accept(2)
            .build(own_address(), move |_stream: TcpStream, _| {
                l.borrow_mut().push('c');
                c.set(c.get() + 1);
            });
    server.start()?;
    let address = server.address().expect("it listens");
    // The kernel accepts the connections while the loop does not run, also where std's calls let it run otherwise.
    let connect = || std::net::TcpStream::connect(address);
    let clients: Result<Vec<_>, _> = gevent::greenlet_core::direct(|| (0..CONNECTIONS).map(|_| connect()).collect());
    while connections.get() < CONNECTIONS {
        sleep(0)?;
        log.borrow_mut().push('|');
    }
    drop(clients?);
    let log = log.take();
    let turns: Vec<_> = log.split('|').filter(|turn| !turn.is_empty()).collect();
    // There may be fewer, if the kernel is not done with a connection yet.
    assert!(turns.iter().all(|turn| turn.len() <= 2), "{log}");
    server.stop()
}

#[test]
fn test_a_server_can_be_stopped_by_its_handler() -> TestResult {
    for kind in [Spawn::Default, Spawn::Raw, Spawn::InHub] {
        let this: Rc<RefCell<Option<StreamServer>>> = Rc::default();
        let server = StreamServer::builder().spawn(kind).build(own_address(), {
            let this = this.clone();
            move |mut stream: TcpStream, _| {
                let server = this.take().expect("the first connection");
                server.stop()?;
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
fn test_a_handler_that_panics_harms_nobody() -> TestResult {
    get_hub().set_exception_stream(ExceptionStream::Discard);
    for spawn in [Spawn::Default, Spawn::Raw, Spawn::Pool(1)] {
        let server = StreamServer::builder()
            .spawn(spawn)
            .build(own_address(), |mut stream: TcpStream, _| {
                let mut request = [0];
                stream.read_exact(&mut request)?;
                assert_eq!(&request, b"x", "on purpose");
                Ok(stream.write_all(b"x")?)
            });
        server.start()?;
        for request in [b"y", b"x", b"y", b"x"] {
            let mut client = TcpStream::connect(server.address().expect("it listens"))?;
            client.write_all(request)?;
            assert_eq!(client.read(&mut [0; 4])?, usize::from(request == b"x"));
        }
        server.stop()?;
    }
    Ok(())
}
