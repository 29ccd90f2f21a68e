//! The counterpart of gevent's test__socket, test__socket_close, test__server and
//! test__server_pywsgi's accept tests, written anew.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::rc::Rc;

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
