//! How servers start, stop, and start again.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;

use gevent::event::Event;
use gevent::pool::Pool;
use gevent::server::{Spawn, StreamServer};
use gevent::socket::{TcpListener, TcpStream};
use gevent::{Exception, GreenletExit, Timeout, get_hub, sleep, spawn};

use crate::support::{LONG, Log, Reports, TestResult, bounded, own_address, start_again};

fn nothing() -> StreamServer {
    StreamServer::new(own_address(), |_, _| ())
}

#[test]
fn stop_lets_the_handlers_of_a_pool_finish_their_replies() -> TestResult {
    const REPLY: usize = 1 << 20;
    let _bounded = bounded();
    let begun = Event::new();
    let its = begun.clone();
    let server = StreamServer::builder()
        .spawn(2)
        .build(own_address(), move |mut stream: TcpStream, _| {
            its.set();
            // More than the system's buffers take, so that it waits for the client.
            Ok(stream.write_all(&vec![b'x'; REPLY])?)
        });
    server.start()?;
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    begun.wait()?;
    let stopping = spawn(move || server.stop_timeout(LONG));
    sleep(0)?;
    let mut reply = Vec::new();
    client.read_to_end(&mut reply)?;
    assert_eq!(reply.len(), REPLY);
    stopping.get()
}

#[test]
fn without_a_pool_handlers_go_on_after_stop() -> TestResult {
    let _bounded = bounded();
    for how in [Spawn::Default, Spawn::Raw] {
        let begun = Event::new();
        let its = begun.clone();
        let server = StreamServer::builder()
            .spawn(how)
            .build(own_address(), move |mut stream: TcpStream, _| {
                its.set();
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                Ok(stream.write_all(&byte)?)
            });
        server.start()?;
        let mut client = TcpStream::connect(server.address().expect("it listens"))?;
        begun.wait()?;
        server.stop()?;
        drop(server);
        client.write_all(b"x")?;
        let mut text = String::new();
        client.read_to_string(&mut text)?;
        assert_eq!(text, "x");
    }
    Ok(())
}

#[test]
fn stop_waits_for_the_whole_pool_and_kills_the_rest() -> TestResult {
    let _bounded = bounded();
    let (pool, log) = (Pool::new(4), Log::<&str>::new());
    let its = log.clone();
    let server = StreamServer::builder()
        .spawn(&pool)
        .stop_timeout(0.001)
        .build(own_address(), move |_, _| {
            let slept = sleep(LONG);
            let killed = slept.as_ref().is_err_and(|error| error.is::<GreenletExit>());
            its.add(if killed { "killed" } else { "not killed" });
            slept
        });
    server.start()?;
    let _client = TcpStream::connect(server.address().expect("it listens"))?;
    let other = pool.spawn(|| sleep(LONG))?;
    while pool.len() < 2 {
        sleep(0.001)?;
    }
    sleep(0)?;
    server.stop()?;
    assert_eq!(log.take(), ["killed"]);
    // As in gevent, all greenlets of the pool are the server's.
    assert!(other.ready() && pool.is_empty());
    // The pool can be used again.
    assert_eq!(pool.spawn(|| 7)?.get()?, 7);
    Ok(())
}

#[test]
fn serve_forever_passes_on_its_time() -> TestResult {
    let _bounded = bounded();
    let (begun, killed) = (Event::new(), Event::new());
    let (b, k) = (begun.clone(), killed.clone());
    let server = StreamServer::builder()
        .spawn(1)
        .stop_timeout(LONG)
        .build(own_address(), move |_, _| {
            b.set();
            let slept = sleep(LONG);
            k.set();
            slept
        });
    let its = server.clone();
    let serving = spawn(move || its.serve_forever_with(0.001));
    sleep(0)?;
    let _client = TcpStream::connect(server.address().expect("it listens"))?;
    begun.wait()?;
    server.close();
    serving.get()?;
    assert!(killed.is_set());
    assert!(server.serve_forever_with(f64::NAN).is_err() && !server.started());
    Ok(())
}

#[test]
fn stopping_again_and_again_does_nothing() -> TestResult {
    let _bounded = bounded();
    let before = get_hub().loop_().activecnt()?;
    let server = nothing();
    // Before the first start, too.
    server.close();
    server.stop()?;
    assert!(server.closed() && !server.started());
    for _ in 0..3 {
        server.start()?;
        assert!(!server.closed() && server.started());
        server.close();
        server.close();
        server.stop()?;
        assert!(server.closed() && !server.started());
    }
    assert_eq!(get_hub().loop_().activecnt()?, before);
    Ok(())
}

#[test]
fn a_server_that_is_closed_while_it_starts_does_not_start() -> TestResult {
    let _bounded = bounded();
    // The look-up of a name waits, so others run.
    let server = StreamServer::new("localhost:0", |_, _| ());
    let (starts, serves) = (server.clone(), server.clone());
    let starting = spawn(move || Ok(starts.start()?));
    let serving = spawn(move || serves.serve_forever());
    sleep(0)?;
    server.close();
    let error = starting.get().expect_err("it was closed");
    let error = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::raw_os_error);
    assert_eq!(error, Some(libc::EBADF));
    // To be closed is the ordinary end of that one.
    serving.get()?;
    assert!(!server.started() && server.closed());
    // It can be started afterwards, and by two at once.
    let (a, b) = (server.clone(), server.clone());
    let (a, b) = (spawn(move || Ok(a.start()?)), spawn(move || Ok(b.start()?)));
    a.get()?;
    b.get()?;
    TcpStream::connect(server.address().expect("it listens"))?;
    server.stop()
}

#[test]
fn the_address_is_known_before_the_start() -> TestResult {
    let _bounded = bounded();
    let server = StreamServer::new(own_address(), |mut stream: TcpStream, _| Ok(stream.write_all(b"x")?));
    server.init_socket()?;
    let address = server.address().expect("it is bound");
    assert!(address.port() != 0 && !server.closed() && !server.started());
    server.init_socket()?;
    assert_eq!(server.address(), Some(address));
    // Clients may come, and wait.
    let mut client = TcpStream::connect(address)?;
    server.start()?;
    assert_eq!(server.address(), Some(address));
    assert_eq!(client.read(&mut [0; 4])?, 1);
    server.stop()
}

#[test]
fn a_listener_that_is_closed_behind_the_server_closes_the_server() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind(own_address())?;
    let server = StreamServer::builder().build_on(listener.clone(), |_, _| ());
    listener.close();
    assert!(server.start().is_err());
    assert!(server.closed() && !server.started());
    // `serve_forever` tells that, too.
    let listener = TcpListener::bind(own_address())?;
    let server = StreamServer::builder().build_on(listener.clone(), |_, _| ());
    listener.close();
    assert!(server.serve_forever().is_err() && server.closed());
    // Nor can it be started again where it was.
    let listener = TcpListener::bind(own_address())?;
    listener.close();
    let server = StreamServer::builder().build_on(listener, |_, _| ());
    assert_eq!(server.address(), None);
    assert!(server.start().is_err() && server.start().is_err());
    Ok(())
}

#[test]
fn serve_forever_ends_with_a_timeout_and_stops() -> TestResult {
    let _bounded = bounded();
    let server = nothing();
    let timeout = Timeout::new(0.001);
    let ended = timeout.with(|| server.serve_forever());
    assert!(ended.is_err_and(|error| timeout.caused(&error)));
    assert!(server.closed());
    Ok(())
}

#[test]
fn many_can_serve_forever_at_once() -> TestResult {
    let _bounded = bounded();
    let server = nothing();
    let all: Vec<_> = (0..5)
        .map(|_| {
            let server = server.clone();
            spawn(move || server.serve_forever())
        })
        .collect();
    sleep(0)?;
    assert!(server.started());
    all[0].kill()?;
    for serving in &all {
        serving.get().or_else(|error| match error.is::<GreenletExit>() {
            true => Ok(()),
            false => Err(error),
        })?;
    }
    assert!(!server.started());
    Ok(())
}

#[test]
fn a_handler_starts_its_server_again() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    for how in [Spawn::Default, Spawn::Raw, Spawn::InHub] {
        let server = StreamServer::builder().spawn(how).build(own_address(), |_, _| ());
        let restarted = Rc::new(Cell::new(0));
        let count = restarted.clone();
        server.set_method(move |server, mut stream: TcpStream, _| {
            server.close();
            start_again(|| server.start())?;
            count.set(count.get() + 1);
            Ok(stream.write_all(b"x")?)
        });
        server.start()?;
        for _ in 0..3 {
            let mut client = TcpStream::connect(server.address().expect("it listens"))?;
            assert_eq!(client.read(&mut [0; 4])?, 1);
        }
        assert_eq!(restarted.get(), 3);
        server.stop()?;
    }
    assert_eq!(reports.take(), "");
    Ok(())
}

#[test]
fn a_handler_in_a_pool_stops_its_server() -> TestResult {
    let _bounded = bounded();
    let server = StreamServer::builder().spawn(1).build(own_address(), |_, _| ());
    let log = Log::<String>::new();
    let its = log.clone();
    server.set_method(move |server, mut stream: TcpStream, _| {
        stream.write_all(b"bye")?;
        // This waits for the whole pool, so for itself, and kills it.
        let stopped = server.stop_timeout(0.001);
        its.add(format!(
            "{:?}",
            stopped.as_ref().map_err(|error| error.is::<GreenletExit>())
        ));
        stopped
    });
    server.start()?;
    let mut text = String::new();
    TcpStream::connect(server.address().expect("it listens"))?.read_to_string(&mut text)?;
    assert_eq!((text.as_str(), log.take()), ("bye", vec!["Err(true)".to_owned()]));
    assert!(server.closed());
    Ok(())
}

#[test]
fn clients_that_vanish_before_they_are_accepted_harm_nobody() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let served = Rc::new(Cell::new(0));
    let count = served.clone();
    let server = StreamServer::new(own_address(), move |mut stream: TcpStream, _| {
        count.set(count.get() + 1);
        // A client that has reset its connection is an error of its handler's.
        let _ = stream.read(&mut [0]);
        let _ = stream.write_all(b"x");
    });
    server.init_socket()?;
    let address = server.address().expect("it is bound");
    for reset in [false, true] {
        for _ in 0..20 {
            let client = socket2::Socket::from(std::net::TcpStream::connect(address)?);
            if reset {
                client.set_linger(Some(std::time::Duration::ZERO))?;
            }
        }
    }
    server.start()?;
    let mut client = TcpStream::connect(address)?;
    client.write_all(b"x")?;
    assert_eq!(client.read(&mut [0; 4])?, 1);
    // Those that were closed, and this one; systems differ in whether they yield those that were reset.
    assert!((21..=41).contains(&served.get()), "{}", served.get());
    assert_eq!(reports.take(), "");
    server.stop()
}

#[test]
fn a_pool_of_one_serves_a_storm() -> TestResult {
    const CLIENTS: usize = 300;
    let _bounded = bounded();
    let most = Rc::new(Cell::new(0));
    let its = most.clone();
    let pool = Pool::new(1);
    let members = pool.clone();
    let server =
        StreamServer::builder()
            .spawn(&pool)
            .max_accept(7)
            .build(own_address(), move |mut stream: TcpStream, _| {
                its.set(its.get().max(members.len()));
                stream.read_exact(&mut [0])?;
                sleep(0)?;
                Ok(stream.write_all(b"x")?)
            });
    server.start()?;
    let address = server.address().expect("it listens");
    let clients: Vec<_> = (0..CLIENTS)
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
    assert_eq!(most.get(), 1);
    server.stop()
}

#[test]
fn several_servers_share_a_port() -> TestResult {
    let _bounded = bounded();
    let served = Rc::new(RefCell::new([0; 2]));
    let make = |number: usize, port: u16| {
        let served = served.clone();
        StreamServer::builder()
            .reuse_port(true)
            .build(("127.0.0.2", port), move |_, _| served.borrow_mut()[number] += 1)
    };
    let one = make(0, 0);
    one.start()?;
    let port = one.server_port().expect("it listens");
    let two = make(1, port);
    two.start()?;
    // Without the option it is refused.
    let other = StreamServer::new(("127.0.0.2", port), |_, _| ());
    assert_eq!(other.start().unwrap_err().kind(), ErrorKind::AddrInUse);
    let mut clients = 0;
    while served.borrow().contains(&0) {
        let _ = TcpStream::connect(("127.0.0.2", port))?.read(&mut [0]);
        clients += 1;
    }
    assert_eq!(served.borrow().iter().sum::<i32>(), clients);
    one.stop()?;
    two.stop()
}

#[test]
fn a_port_alone_serves_both_families() -> TestResult {
    let _bounded = bounded();
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: there is no IPv6");
        return Ok(());
    }
    for dualstack in [true, false] {
        let server = StreamServer::builder()
            .dualstack_ipv6(dualstack)
            .build(0, |mut stream: TcpStream, _| Ok(stream.write_all(b"x")?));
        server.start()?;
        let port = server.server_port().expect("it listens");
        assert_eq!(TcpStream::connect(("::1", port))?.read(&mut [0; 4])?, 1);
        // Another program may listen at this port of IPv4.
        if dualstack {
            assert_eq!(TcpStream::connect(("127.0.0.1", port))?.read(&mut [0; 4])?, 1);
        } else {
            let socket = server.socket().expect("it listens");
            assert!(socket.with_options(|options| options.only_v6())??);
        }
        server.stop()?;
    }
    Ok(())
}

#[test]
fn the_numbers_can_be_read_and_changed() -> TestResult {
    let server = StreamServer::builder()
        .max_accept(7)
        .min_delay(0.5)
        .max_delay(2)
        .stop_timeout(3)
        .backlog(9)
        .reuse_addr(false)
        .build(own_address(), |_, _| ());
    let near = crate::support::near;
    assert_eq!(
        (server.max_accept(), server.backlog(), server.reuse_addr()),
        (7, 9, false)
    );
    near(server.min_delay(), 0.5);
    near(server.delay(), 0.5);
    near(server.max_delay(), 2.0);
    near(server.default_stop_timeout().expect("it was set"), 3.0);
    server.set_max_accept(0);
    server.set_min_delay(0.25);
    server.set_max_delay(None);
    server.set_stop_timeout(None);
    server.set_backlog(10);
    server.set_reuse_addr(true);
    assert_eq!(
        (server.max_accept(), server.backlog(), server.reuse_addr()),
        (1, 10, true)
    );
    near(server.min_delay(), 0.25);
    near(server.delay(), 0.25);
    assert!(server.max_delay().is_infinite() && server.default_stop_timeout().is_none());
    server.start()?;
    let reuses = server
        .socket()
        .expect("it listens")
        .with_options(|options| options.reuse_address())?;
    assert!(reuses?);
    server.stop()
}

/// A report of an error may be handled by code that stops the server.
#[test]
fn a_server_is_stopped_by_the_code_that_is_told_of_an_error() -> Result<(), Exception> {
    struct Stops(RefCell<Option<StreamServer>>);
    impl gevent::core::ErrorHandler for Stops {
        fn handle_error(&self, _context: gevent::Context<'_>, _exception: Exception) {
            if let Some(server) = self.0.take() {
                server.close();
            }
        }
    }
    let _bounded = bounded();
    let server = StreamServer::builder()
        .spawn(Spawn::with(|_| Err(GreenletExit.into())))
        .build(own_address(), |_, _| ());
    server.start()?;
    let before = get_hub().loop_().activecnt()?;
    get_hub().set_error_handler(Some(Rc::new(Stops(RefCell::new(Some(server.clone()))))));
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    assert_eq!(client.read(&mut [0])?, 0);
    assert!(server.closed() && !server.started());
    get_hub().set_error_handler(None);
    // Neither the watcher nor a timer is left.
    sleep(0)?;
    assert_eq!(get_hub().loop_().activecnt()?, before - 1);
    Ok(())
}
