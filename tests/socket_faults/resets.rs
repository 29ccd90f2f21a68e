//! Resets and half-closes at each moment of a connection.

use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;

use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::{Socket, TcpListener, TcpStream, UdpSocket, UnixStream};

use crate::steady::steady;
use crate::{Fault, TestResult, errno, reset, tcp_pair, udp_pair};

pub(crate) const TESTS: &[Fault] = &[
    ("reset_before_it_is_accepted", || steady(before_accept)),
    ("reset_within_connect", || steady(within_connect)),
    ("reset_of_who_reads", || steady(of_who_reads)),
    ("reset_of_who_writes", || steady(of_who_writes)),
    ("reset_before_the_next_call", || steady(before_the_next_call)),
    ("half_closes", || steady(half_closes)),
    ("nobody_at_the_port_of_datagrams", || steady(nobody_at_the_port)),
];

fn before_accept() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let gone = || reset(&TcpStream::connect(address)?);
    gone()?;
    let (mut stream, peer) = listener.accept()?;
    assert!(peer.ip().is_loopback());
    assert_eq!(errno(&stream.read(&mut [0]).unwrap_err()), Some(libc::ECONNRESET));
    assert_eq!(errno(&stream.peer_addr().unwrap_err()), Some(libc::ENOTCONN));
    gone()?;
    let (mut stream, _) = listener.try_accept()?.expect("it is there");
    // The error is told once; then there is nobody.
    assert_eq!(errno(&stream.write(b"x").unwrap_err()), Some(libc::ECONNRESET));
    assert_eq!(errno(&stream.write(b"x").unwrap_err()), Some(libc::EPIPE));
    gone()?;
    let mut stream = listener.incoming().next().expect("it goes on")?;
    assert!(stream.read_to_end(&mut Vec::new()).is_err());
    // A server goes on with the next.
    let server = StreamServer::new("127.0.0.1:0", |mut stream: TcpStream, _| {
        // An error is that of a connection which has gone.
        let _ = stream.write_all(b"welcome");
    });
    server.start()?;
    let address = server.address().expect("it has started");
    for _ in 0..10 {
        reset(&TcpStream::connect(address)?)?;
    }
    let mut text = String::new();
    TcpStream::connect(address)?.read_to_string(&mut text)?;
    assert_eq!(text, "welcome");
    server.stop()
}

/// The connection is reset before the greenlet that waits for it goes on.
fn within_connect() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let connects: [fn(std::net::SocketAddr) -> io::Result<()>; 2] = [
        |address| TcpStream::connect(address).map(drop),
        |address| Socket::new(libc::AF_INET, libc::SOCK_STREAM, 0)?.connect(address),
    ];
    for connect in connects {
        let connecting = spawn(move || Ok::<_, Exception>(connect(address).map_err(|error| errno(&error))));
        sleep(0)?;
        assert!(!connecting.ready());
        // It waits already: this does not.
        let (stream, _) = listener.try_accept()?.expect("the system has connected");
        reset(&stream)?;
        assert_eq!(connecting.get()?, Err(Some(libc::ECONNRESET)));
    }
    Ok(())
}

type Reads = fn(TcpStream) -> io::Result<usize>;

const READS: [Reads; 9] = [
    |mut s| s.read(&mut [0; 9]),
    |mut s| s.read_exact(&mut [0; 9]).map(|()| 9),
    |mut s| s.read_vectored(&mut [IoSliceMut::new(&mut [0; 9])]),
    |mut s| s.read_to_end(&mut Vec::new()),
    |s| s.peek(&mut [0; 9]),
    |s| Socket::from(s).recv(9).map(|data| data.len()),
    |s| Socket::from(s).recv_into(&mut [0; 9]),
    |s| Socket::from(s).recvfrom(9).map(|(data, _)| data.len()),
    |s| Socket::from(s).makefile("r")?.fill_buf().map(<[u8]>::len),
];

fn of_who_reads() -> TestResult {
    for read in READS {
        let (near, far) = tcp_pair()?;
        let reader = spawn(move || Ok::<_, Exception>(read(near).map_err(|error| errno(&error))));
        sleep(0)?;
        assert!(!reader.ready());
        reset(&far)?;
        assert_eq!(reader.get()?, Err(Some(libc::ECONNRESET)));
    }
    Ok(())
}

fn of_who_writes() -> TestResult {
    let writes: [fn(TcpStream) -> io::Result<()>; 5] = [
        |mut s| s.write_all(&vec![0; 20 << 20]),
        |mut s| loop {
            assert_ne!(
                s.write_vectored(&[IoSlice::new(&[0; 1 << 16]), IoSlice::new(&[0; 1 << 16])])?,
                0
            );
        },
        |s| Socket::from(s).sendall(&vec![0; 20 << 20]),
        |s| {
            Socket::from(s)
                .sendfile(&std::fs::File::open("/dev/zero")?, 0, None)
                .map(drop)
        },
        |s| {
            let mut file = Socket::from(s).makefile("w")?;
            file.write_all(&vec![0; 20 << 20])?;
            file.flush()
        },
    ];
    for write in writes {
        let (near, far) = tcp_pair()?;
        let writer = spawn(move || Ok::<_, Exception>(write(near).map_err(|error| errno(&error))));
        sleep(0.001)?;
        assert!(!writer.ready());
        reset(&far)?;
        assert_eq!(writer.get()?, Err(Some(libc::ECONNRESET)));
    }
    Ok(())
}

fn before_the_next_call() -> TestResult {
    for read in READS {
        let (mut near, far) = tcp_pair()?;
        // It has read before, so that the next read waits first.
        (&far).write_all(b"ab")?;
        assert_eq!(near.read(&mut [0; 9])?, 2);
        reset(&far)?;
        let error = read(near).unwrap_err();
        assert_eq!(errno(&error), Some(libc::ECONNRESET), "{error}");
    }
    // Data that have come before the reset are still there.
    let (mut near, far) = tcp_pair()?;
    (&far).write_all(b"ab")?;
    reset(&far)?;
    assert_eq!(near.read(&mut [0; 9])?, 2);
    assert_eq!(errno(&near.read(&mut [0; 9]).unwrap_err()), Some(libc::ECONNRESET));
    assert_eq!(near.read(&mut [0; 9])?, 0);
    assert_eq!(errno(&near.shutdown(Shutdown::Both).unwrap_err()), Some(libc::ENOTCONN));
    assert!(near.take_error()?.is_none());
    Ok(())
}

/// Each direction ends by itself, while the other one goes on.
fn half_closes() -> TestResult {
    trait Ends {
        fn end(&self, how: Shutdown) -> io::Result<()>;
    }
    impl Ends for TcpStream {
        fn end(&self, how: Shutdown) -> io::Result<()> {
            self.shutdown(how)
        }
    }
    impl Ends for UnixStream {
        fn end(&self, how: Shutdown) -> io::Result<()> {
            self.shutdown(how)
        }
    }
    fn check<S: Ends + Clone + 'static>((near, far): (S, S)) -> TestResult
    where
        for<'a> &'a S: Read + Write,
    {
        const LEN: usize = 1 << 20;
        let waits = spawn({
            let far = far.clone();
            move || {
                let mut got = Vec::new();
                (&far).read_to_end(&mut got)?;
                Ok(got.len())
            }
        });
        sleep(0)?;
        (&near).write_all(&[1; LEN])?;
        near.end(Shutdown::Write)?;
        assert_eq!(waits.get()?, LEN);
        assert_eq!(errno(&(&near).write(b"x").unwrap_err()), Some(libc::EPIPE));
        // The other direction.
        let writer = spawn(move || {
            (&far).write_all(&[2; LEN])?;
            Ok(far.end(Shutdown::Write)?)
        });
        let mut got = Vec::new();
        (&near).read_to_end(&mut got)?;
        assert!(got.len() == LEN && got.iter().all(|byte| *byte == 2));
        writer.get()
    }
    check(tcp_pair()?)?;
    check(UnixStream::pair()?)
}

/// The system tells a connected socket that its datagrams find nobody, once for each.
fn nobody_at_the_port() -> TestResult {
    let refused = Some(libc::ECONNREFUSED);
    let (near, far) = udp_pair()?;
    drop(far);
    let reader = spawn({
        let near = near.clone();
        move || Ok::<_, Exception>(near.recv(&mut [0; 9]).map_err(|error| errno(&error)))
    });
    sleep(0)?;
    assert_eq!(near.send(b"to nobody")?, 9);
    assert_eq!(reader.get()?, Err(refused));
    assert_eq!(near.send(b"to nobody")?, 9);
    assert_eq!(errno(&near.send(b"to nobody").unwrap_err()), refused);
    assert_eq!(near.send(b"to nobody")?, 9);
    assert_eq!(errno(&near.recv_from(&mut [0; 9]).unwrap_err()), refused);
    // One that is not connected is told nothing.
    let (near, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    let address = other.local_addr()?;
    drop(other);
    for _ in 0..3 {
        assert_eq!(near.send_to(b"to nobody", address)?, 9);
    }
    near.set_timeout(0.001)?;
    assert_eq!(near.recv(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    Ok(())
}
