//! Connects that are refused, in thousands, and that find a listener's queue full.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use gevent::prelude::*;
use gevent::socket::{
    AddressError, Socket, SocketAddress, TcpListener, TcpStream, UnixListener, UnixStream, create_connection,
};
use gevent::{GreenletExit, joinall};
use socket2::{Domain, Type};

use crate::common::folder::Folder;
use crate::steady::{steady, steady_rounds};
use crate::{Fault, LONG, TestResult, errno};

pub(crate) const TESTS: &[Fault] = &[
    ("ten_thousand_refused_connects", || steady_rounds(1, 1, refused)),
    ("a_full_tcp_queue", || steady_rounds(1, 1, full_tcp_queue)),
    ("a_full_unix_queue", || steady(full_unix_queue)),
    ("a_listener_with_a_queue_is_closed", || steady(closed_listener)),
];

/// A socket that is bound but does not listen: connects are refused, and no other program can take its address.
fn nobody(address: &socket2::SockAddr, domain: Domain) -> io::Result<socket2::Socket> {
    let nobody = socket2::Socket::new(domain, Type::STREAM, None)?;
    nobody.bind(address)?;
    Ok(nobody)
}

fn refused() -> TestResult {
    const GREENLETS: usize = 100;
    const EACH: usize = 25;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let nobody_at_port = nobody(&any.into(), Domain::IPV4)?;
    let address = nobody_at_port.local_addr()?.as_socket().expect("it has one");
    let folder = Folder::new().expect("there is place");
    let path = folder.path("nobody");
    let _nobody_at_path = nobody(&socket2::SockAddr::unix(&path)?, Domain::UNIX)?;
    // Four kinds of connects, so 10,000 altogether.
    let greenlets: Vec<_> = (0..GREENLETS)
        .map(|_| {
            let path = path.clone();
            spawn(move || -> TestResult {
                for _ in 0..EACH {
                    let error = Exception::from(TcpStream::connect(address).unwrap_err());
                    let inside = error.downcast_ref::<AddressError>().expect("the address");
                    assert_eq!(inside.address, address);
                    assert_eq!(inside.source.raw_os_error(), Some(libc::ECONNREFUSED));
                    let error = create_connection(address).unwrap_err();
                    assert_eq!(errno(&error), Some(libc::ECONNREFUSED), "{error}");
                    let socket = Socket::new(libc::AF_INET, libc::SOCK_STREAM, 0)?;
                    assert_eq!(socket.connect_ex(address)?, libc::ECONNREFUSED);
                    let error = UnixStream::connect(&path).unwrap_err();
                    assert_eq!(errno(&error), Some(libc::ECONNREFUSED), "{error}");
                }
                Ok(())
            })
        })
        .collect();
    joinall(&greenlets)?;
    greenlets.iter().try_for_each(Greenlet::get)
}

/// The system answers nobody while the queue is full: a connect tries again after a second.
fn full_tcp_queue() -> TestResult {
    let listener = TcpListener::bind_with_backlog("127.0.0.1:0", 1)?;
    let address = listener.local_addr()?;
    // So many find a place.
    let mut connected = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(address, 0.05) {
        connected.push(stream);
    }
    assert!(!connected.is_empty());
    let late = TcpStream::connect_timeout(address, 0.01).unwrap_err();
    assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    let killed = spawn(move || Ok(TcpStream::connect(address).map(drop)?));
    let patient: Vec<_> = (0..3)
        .map(|_| spawn(move || Ok(TcpStream::connect(address).map(drop)?)))
        .collect();
    sleep(0.001)?;
    assert!(!killed.ready());
    killed.kill()?;
    assert!(killed.get().unwrap_err().is::<GreenletExit>());
    assert!(!patient.iter().any(Greenlet::ready));
    // Those that have given up may be in the queue, too.
    let acceptor = spawn(move || while listener.accept().is_ok() {});
    joinall(&patient)?;
    patient.iter().try_for_each(Greenlet::get)?;
    acceptor.kill()
}

fn full_unix_queue() -> TestResult {
    let folder = Folder::new().expect("there is place");
    let path = folder.path("full");
    let socket = nobody(&socket2::SockAddr::unix(&path)?, Domain::UNIX)?;
    socket.listen(0)?;
    let listener = UnixListener::try_from(OwnedFd::from(socket))?;
    let first = UnixStream::connect(&path)?;
    let late = UnixStream::connect_timeout(&path, 0.002).unwrap_err();
    assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    assert_eq!(
        UnixStream::connect_timeout(&path, 0).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    let waits = || {
        let path = path.clone();
        spawn(move || Ok(UnixStream::connect(path).map(drop)?))
    };
    let (killed, patient) = (waits(), [waits(), waits(), waits()]);
    let by_python = Socket::new(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    by_python.settimeout(0)?;
    let error = by_python.connect(SocketAddress::Unix(path.clone())).unwrap_err();
    assert_eq!(errno(&error), Some(libc::EAGAIN), "{error}");
    sleep(0.001)?;
    killed.kill()?;
    assert!(killed.get().unwrap_err().is::<GreenletExit>());
    for _ in 0..4 {
        listener.set_timeout(LONG)?;
        listener.accept()?;
    }
    joinall(&patient)?;
    patient.iter().try_for_each(Greenlet::get)?;
    // Nobody listens any more.
    let waits = [waits(), waits()];
    sleep(0)?;
    listener.close();
    for waits in waits {
        let error = waits.get().err();
        let error = error.as_ref().and_then(|error| error.downcast_ref::<io::Error>());
        // One of them had a place in the queue.
        assert!(
            error.is_none_or(|error| errno(error) == Some(libc::ECONNREFUSED)),
            "{error:?}"
        );
    }
    drop(first);
    Ok(())
}

/// Those in the queue are reset.
fn closed_listener() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let streams: Vec<_> = (0..10)
        .map(|_| TcpStream::connect(address))
        .collect::<io::Result<_>>()?;
    let readers: Vec<_> = streams
        .into_iter()
        .map(|mut stream| spawn(move || Ok(std::io::Read::read(&mut stream, &mut [0]).map_err(|error| errno(&error)))))
        .collect();
    sleep(Duration::from_millis(1))?;
    listener.close();
    for reader in readers {
        assert_eq!(reader.get()?, Err(Some(libc::ECONNRESET)));
    }
    Ok(())
}
