//! Servers of datagrams. gevent has no tests of its own for them but that of its example.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;

use gevent::event::Event;
use gevent::pool::Pool;
use gevent::server::{DatagramServer, Spawn};
use gevent::socket::{UdpSocket, UnixDatagram};
use gevent::{get_hub, getcurrent, sleep, spawn};

use crate::server_unix::TestPath;
use crate::support::{LONG, Log, Reports, TestResult, bounded, fail, own_address};

fn client() -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(own_address())?;
    socket.set_timeout(LONG)?;
    Ok(socket)
}

fn address_of(server: &DatagramServer) -> SocketAddr {
    server.address().expect("it is bound")
}

/// A server that sends back what it gets, as gevent's example of that name does.
fn echo_server(how: Spawn) -> DatagramServer {
    let server = DatagramServer::builder().spawn(how).build(own_address(), |_, _| ());
    server.set_method(|server, data, address| {
        server.sendto(format!("Received {} bytes", data.len()).as_bytes(), address)?;
        Ok(())
    });
    server
}

#[track_caller]
fn answers(server: &DatagramServer) -> TestResult {
    let client = client()?;
    client.connect(address_of(server))?;
    client.send(b"Test_udp_server")?;
    let mut answer = [0; 100];
    let n = client.recv(&mut answer)?;
    assert_eq!(&answer[..n], b"Received 15 bytes");
    Ok(())
}

#[test]
fn a_server_answers_starts_and_stops() -> TestResult {
    let _bounded = bounded();
    let before = get_hub().loop_().activecnt()?;
    for how in [Spawn::Default, Spawn::Raw, Spawn::Pool(1), Spawn::InHub] {
        let server = echo_server(how);
        assert!(server.closed() && !server.started());
        server.start()?;
        let address = address_of(&server);
        for _ in 0..3 {
            assert!(!server.closed() && server.started());
            answers(&server)?;
            answers(&server)?;
            server.stop()?;
            assert!(server.closed() && server.socket().is_none());
            let error = server.sendto(b"x", address).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EBADF));
            server.start()?;
            assert_eq!(address_of(&server), address);
        }
        server.stop()?;
    }
    sleep(0.001)?;
    assert_eq!(get_hub().loop_().activecnt()?, before);
    Ok(())
}

#[test]
fn serve_forever_ends_when_stopped() -> TestResult {
    let _bounded = bounded();
    let server = echo_server(Spawn::Default);
    let its = server.clone();
    let serving = spawn(move || its.serve_forever());
    sleep(0)?;
    answers(&server)?;
    server.stop()?;
    serving.get()
}

#[test]
fn datagrams_come_whole_and_in_order() -> TestResult {
    let _bounded = bounded();
    let log = Log::<Vec<u8>>::new();
    let its = log.clone();
    let server = DatagramServer::new(own_address(), move |data: Vec<u8>, _| its.add(data));
    server.start()?;
    let client = client()?;
    let sent: Vec<_> = (0..20).map(|i: usize| vec![i as u8; i * 100]).collect();
    for data in &sent {
        client.send_to(data, address_of(&server))?;
    }
    while log.len() < sent.len() {
        sleep(0.001)?;
    }
    // An empty one is a datagram like others.
    assert_eq!(log.take(), sent);
    server.stop()
}

#[test]
fn what_does_not_fit_is_lost() -> TestResult {
    let _bounded = bounded();
    for (size, expected) in [(None, 8192), (Some(10), 10), (Some(20_000), 20_000)] {
        let log = Log::<Vec<u8>>::new();
        let its = log.clone();
        let mut builder = DatagramServer::builder();
        if let Some(size) = size {
            builder = builder.datagram_size(size);
        }
        let server = builder.build(own_address(), move |data: Vec<u8>, _| its.add(data));
        server.start()?;
        let client = client()?;
        client.send_to(&[b'x'; 30_000], address_of(&server))?;
        client.send_to(b"next", address_of(&server))?;
        while log.len() < 2 {
            sleep(0.001)?;
        }
        assert_eq!(log.take(), [vec![b'x'; expected], b"next".to_vec()]);
        server.stop()?;
    }
    Ok(())
}

#[test]
fn max_accept_gives_others_their_turn() -> TestResult {
    const DATAGRAMS: usize = 6;
    let _bounded = bounded();
    let log = Log::<char>::new();
    let its = log.clone();
    let server = DatagramServer::builder()
        .spawn(Spawn::InHub)
        .max_accept(2)
        .build(own_address(), move |_, _| its.add('d'));
    server.init_socket()?;
    let client = client()?;
    for _ in 0..DATAGRAMS {
        client.send_to(b"x", address_of(&server))?;
    }
    server.start()?;
    let (mut seen, mut turns) = (0, Vec::new());
    while seen < DATAGRAMS {
        sleep(0)?;
        let turn = log.take().len();
        seen += turn;
        turns.push(turn);
    }
    assert!(turns.iter().all(|turn| *turn <= 2), "{turns:?}");
    server.stop()
}

#[test]
fn a_full_pool_leaves_datagrams_in_the_queue() -> TestResult {
    let _bounded = bounded();
    let (pool, go_on, log) = (Pool::new(1), Event::new(), Log::<Vec<u8>>::new());
    let (its, waits, members) = (log.clone(), go_on.clone(), pool.clone());
    let server = DatagramServer::builder()
        .spawn(&pool)
        .build(own_address(), move |data: Vec<u8>, _| {
            assert_eq!(members.len(), 1);
            its.add(data);
            waits.wait().map(drop)
        });
    server.start()?;
    let client = client()?;
    for data in ["one", "two", "three"] {
        client.send_to(data.as_bytes(), address_of(&server))?;
    }
    while log.is_empty() {
        sleep(0.001)?;
    }
    sleep(0.001)?;
    assert!(server.full() && log.len() == 1);
    go_on.set();
    while log.len() < 3 {
        sleep(0.001)?;
    }
    assert_eq!(log.take(), [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
    server.stop()
}

#[test]
fn a_handler_that_fails_harms_nobody() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    for how in [Spawn::Default, Spawn::Raw, Spawn::Pool(1), Spawn::InHub] {
        let server = DatagramServer::builder()
            .spawn(how.clone())
            .min_delay(0.001)
            .build(own_address(), |_, _| ());
        server.set_method(|server, data: Vec<u8>, address| {
            assert_ne!(data, b"panic", "on purpose");
            if data == b"fail" {
                return fail("on purpose");
            }
            server.sendto(b"fine", address)?;
            Ok(())
        });
        server.start()?;
        let client = client()?;
        for _ in 0..2 {
            for data in ["panic", "fail", "other"] {
                client.send_to(data.as_bytes(), address_of(&server))?;
            }
            assert_eq!(client.recv(&mut [0; 100])?, 4);
        }
        server.stop()?;
        sleep(0)?;
        let text = reports.take();
        assert_eq!(text.matches(" failed with ").count(), 4, "{how:?}: {text}");
        if how == Spawn::Default {
            let peer = client.local_addr()?;
            let name = format!("DatagramServer {}, peer {peer}", address_of(&server));
            assert!(text.contains(&name), "{text}");
        }
    }
    Ok(())
}

#[test]
fn handlers_are_named_after_server_and_peer() -> TestResult {
    let _bounded = bounded();
    let server = DatagramServer::new(own_address(), |_, _| ());
    server.set_method(|server, _, address| {
        let name = getcurrent().name().expect("it has a name");
        server.sendto(name.as_bytes(), address)?;
        Ok(())
    });
    server.start()?;
    let client = client()?;
    client.send_to(b"x", address_of(&server))?;
    let mut name = [0; 100];
    let n = client.recv(&mut name)?;
    let expected = format!("DatagramServer {}, peer {}", address_of(&server), client.local_addr()?);
    assert_eq!(String::from_utf8_lossy(&name[..n]), expected);
    assert!(
        format!("{server:?}").starts_with("<DatagramServer fileno="),
        "{server:?}"
    );
    server.stop()
}

#[test]
fn an_address_in_use_is_an_error() -> TestResult {
    // `SO_REUSEADDR`, which is on by default as in gevent, lets several sockets of datagrams have the same address.
    let taken = UdpSocket::bind(own_address())?;
    let at = taken.local_addr()?;
    for reuse_addr in [true, false] {
        let server = DatagramServer::builder().reuse_addr(reuse_addr).build(at, |_, _| ());
        assert_eq!(server.start().unwrap_err().kind(), ErrorKind::AddrInUse);
        assert!(server.closed());
    }
    let one = DatagramServer::new(own_address(), |_, _| ());
    one.start()?;
    let two = DatagramServer::new(address_of(&one), |_, _| ());
    two.start()?;
    let three = DatagramServer::builder()
        .reuse_addr(false)
        .build(address_of(&one), |_, _| ());
    assert_eq!(three.start().unwrap_err().kind(), ErrorKind::AddrInUse);
    one.stop()?;
    two.stop()
}

#[test]
fn a_given_socket_is_served() -> TestResult {
    let _bounded = bounded();
    let socket = UdpSocket::bind(own_address())?;
    let reply = socket.clone();
    let server = DatagramServer::builder().build_on(socket, move |data: Vec<u8>, address: SocketAddr| {
        reply.send_to(&data, address)?;
        Ok(())
    });
    assert!(!server.closed());
    server.start()?;
    let client = client()?;
    client.send_to(b"hello", address_of(&server))?;
    assert_eq!(client.recv(&mut [0; 10])?, 5);
    server.stop()
}

#[test]
fn datagrams_of_unix_sockets() -> TestResult {
    let _bounded = bounded();
    let (path, its) = (TestPath::new(), TestPath::new());
    let server = DatagramServer::builder().build_at_path(&path.0, |_, _| ())?;
    let unnamed = Log::<bool>::new();
    let log = unnamed.clone();
    server.set_method(move |server, data: Vec<u8>, address| {
        log.add(address.is_unnamed());
        if !address.is_unnamed() {
            server.sendto(&data, &address)?;
        }
        Ok(())
    });
    for _ in 0..2 {
        server.start()?;
        let client = UnixDatagram::bind(&its.0)?;
        UnixDatagram::unbound()?.send_to(b"nobody", &path.0)?;
        client.send_to(b"hello", &path.0)?;
        assert_eq!(client.recv(&mut [0; 10])?, 5);
        assert_eq!(unnamed.take(), [true, false]);
        std::fs::remove_file(&its.0)?;
        server.stop()?;
        assert!(!path.0.exists());
    }
    Ok(())
}

#[test]
fn greenlets_send_in_turn() -> TestResult {
    let _bounded = bounded();
    let (path, its) = (TestPath::new(), TestPath::new());
    let server = DatagramServer::builder().build_at_path(&path.0, |_, _| ())?;
    server.start()?;
    let receiver = UnixDatagram::bind(&its.0)?;
    let to = Rc::new(receiver.local_addr()?);
    // More than the receiver's queue takes, so that they wait.
    let senders: Vec<_> = (0..50)
        .map(|i: u8| {
            let (server, to) = (server.clone(), to.clone());
            spawn(move || {
                for _ in 0..10 {
                    server.sendto(&[i], &to)?;
                }
                Ok(())
            })
        })
        .collect();
    let mut counts = [0; 50];
    for _ in 0..500 {
        let mut data = [0];
        receiver.recv(&mut data)?;
        counts[usize::from(data[0])] += 1;
    }
    assert_eq!(counts, [10; 50]);
    for sender in &senders {
        sender.get()?;
    }
    // Those who wait when the server is stopped get an error.
    let (last, its) = (server.clone(), to.clone());
    let waits = spawn(move || -> TestResult {
        loop {
            last.sendto(b"x", &its)?;
        }
    });
    for _ in 0..3 {
        sleep(0.001)?;
    }
    server.stop()?;
    let error = waits.get().expect_err("it is closed");
    let error = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::raw_os_error);
    assert_eq!(error, Some(libc::EBADF));
    Ok(())
}

#[test]
fn a_size_for_which_there_is_no_memory_is_reported() -> TestResult {
    let _bounded = bounded();
    let server = DatagramServer::builder()
        .datagram_size(usize::MAX)
        .build(own_address(), |_, _| ());
    let reports = Reports::new();
    server.start()?;
    client()?.send_to(b"x", address_of(&server))?;
    while reports.take().is_empty() {
        sleep(0.001)?;
    }
    assert!(server.started() && server.delay() > server.min_delay());
    server.stop()?;
    Ok(())
}
