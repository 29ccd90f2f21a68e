//! Tests that functions which try again after an error, or try the next address, do not do so after an exception that
//! was thrown.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

use crate::support::{LONG, TestResult, bounded};
use crate::thrown::{each_ends, ends_with};
use gevent::exceptions::{BlockingSwitchOutError, TimedOut};
use gevent::socket::{TcpListener, TcpStream, create_connection_timeout};
use gevent::{Exception, sleep, spawn};

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    Ok((near, listener.accept()?.0))
}

/// An address at which connecting takes for ever while this value lives, because the backlog is full.
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
fn connecting_does_not_go_on_to_the_next_address() -> TestResult {
    let _bounded = bounded();
    let (hanging, live) = (Hanging::new()?, TcpListener::bind("127.0.0.1:0")?);
    let addresses = [hanging.address, live.local_addr()?];
    each_ends(move || Ok(TcpStream::connect(&addresses[..]).map(drop)?))?;
    each_ends(move || Ok(TcpStream::connect_timeout(&addresses[..], LONG).map(drop)?))?;
    assert!(live.try_accept()?.is_none());
    // The time is one for all addresses.
    let late = TcpStream::connect_timeout(&addresses[..], 0.01).unwrap_err();
    assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    assert!(live.try_accept()?.is_none());
    // Python's is one for each: that it is over is an ordinary error.
    let socket = create_connection_timeout(&addresses[..], 0.01)?;
    assert_eq!(TcpStream::try_from(socket)?.peer_addr()?, addresses[1]);
    Ok(())
}

#[test]
fn std_does_not_try_again() -> TestResult {
    let _bounded = bounded();
    let (stream, _peer) = pair()?;
    let its = stream.clone();
    each_ends(move || Ok((&its).read_exact(&mut [0; 4])?))?;
    let its = stream.clone();
    each_ends(move || Ok((&its).read_to_end(&mut Vec::new()).map(drop)?))?;
    let its = stream.clone();
    each_ends(move || Ok(io::copy(&mut &its, &mut io::sink()).map(drop)?))?;
    let its = stream.clone();
    each_ends(move || Ok(BufReader::new(&its).read_line(&mut String::new()).map(drop)?))?;
    let its = stream.clone();
    each_ends(move || {
        for line in BufReader::new(&its).lines() {
            line?;
        }
        Ok(())
    })?;
    each_ends(move || Ok((&stream).write_all(&vec![0; 64 << 20])?))
}

#[test]
fn a_socket_knows_its_own_errors_from_thrown_ones() -> TestResult {
    let _bounded = bounded();
    let (stream, _peer) = pair()?;
    // After a short read the next read waits before it tries.
    let mut peer = _peer.clone();
    peer.write_all(b"x")?;
    assert_eq!((&stream).read(&mut [0; 8])?, 1);
    stream.set_timeout(LONG)?;
    for exception in [
        Exception::new(TimedOut),
        Exception::new(BlockingSwitchOutError),
        Exception::new(io::Error::from_raw_os_error(libc::EBADF)),
        Exception::new(io::Error::from_raw_os_error(libc::EAGAIN)),
    ] {
        let its = stream.clone();
        ends_with(exception.clone(), move || Ok((&its).read(&mut [0; 8]).map(drop)?))?;
        let its = stream.clone();
        ends_with(exception, move || Ok(its.peek(&mut [0; 8]).map(drop)?))?;
    }
    stream.set_timeout(0.001)?;
    let error = (&stream).read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    stream.set_timeout(None)?;
    let its = stream.clone();
    let reader = spawn(move || Ok((&its).read(&mut [0; 8]).unwrap_err().raw_os_error()));
    sleep(0)?;
    stream.close();
    assert_eq!(reader.get()?, Some(libc::EBADF));
    Ok(())
}

#[test]
fn looking_up_a_name_ends_with_what_is_thrown() -> TestResult {
    use gevent::threadpool::{HubExt, ThreadPool};
    let _bounded = bounded();
    let pool = ThreadPool::new(1);
    gevent::get_hub().set_resolver_threadpool(pool.clone());
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let busy = pool.spawn(move || told.recv().is_err())?;
    each_ends(|| Ok(TcpStream::connect("localhost:1").map(drop)?))?;
    drop(tell);
    assert!(busy.get()?);
    pool.join()
}
