//! The steps of the [program](crate::program) that use sockets of the other families, and Python's.

use std::fs::File;
use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use gevent::socket::{Socket, UdpSocket, UnixDatagram, UnixListener, UnixStream, create_connection, create_server};
use gevent::{Greenlet, spawn};

use crate::inject::fired;
use crate::program::{TestResult, expect};

/// How many seconds something that does not come is waited for.
const PATIENCE: f64 = 0.2;

/// As long as nothing has failed, it is the machine that is slow.
fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::TimedOut && !fired() => {}
            result => return result,
        }
    }
}

/// An end before all has come is that of a server that has failed.
fn not_the_end(n: usize) -> io::Result<usize> {
    match n {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        n => Ok(n),
    }
}

/// What the server returns, unless the client has failed: then nobody is there for whom the server could wait.
fn with_server(server: Greenlet<()>, client: impl FnOnce() -> TestResult) -> TestResult {
    let outcome = client();
    if outcome.is_err() {
        server.kill()?;
        return outcome;
    }
    server.get()
}

pub(crate) fn udp() -> TestResult {
    let (near, far) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    for socket in [&near, &far] {
        socket.set_timeout(PATIENCE)?;
    }
    let address = far.local_addr()?;
    let server = spawn(move || {
        for _ in 0..4 {
            let mut buf = [0; 9];
            let (n, from) = patiently(|| far.recv_from(&mut buf))?;
            far.send_to(&buf[..n], from)?;
        }
        Ok(())
    });
    with_server(server, || {
        let mut buf = [0; 9];
        near.send_to(b"a", address)?;
        expect("peeked", patiently(|| near.peek_from(&mut buf))?.0, 1)?;
        expect("received", patiently(|| near.recv_from(&mut buf))?.0, 1)?;
        near.connect(address)?;
        for _ in 0..3 {
            near.send(b"ab")?;
            expect("received", patiently(|| near.recv(&mut buf))?, 2)?;
        }
        expect("peer", near.peer_addr()?, address)
    })
}

pub(crate) fn unix_streams() -> TestResult {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let name = format!("gevent-faults-{}-{}", std::process::id(), MADE.fetch_add(1, Relaxed));
    let address = SocketAddr::from_abstract_name(name)?;
    let listener = UnixListener::bind_addr(&address)?;
    let server = spawn(move || {
        let (stream, _) = listener.accept()?;
        let mut copy = stream.try_clone()?;
        io::copy(&mut &stream, &mut copy)?;
        Ok(copy.shutdown(Shutdown::Write)?)
    });
    with_server(server, || {
        let mut stream = UnixStream::connect_addr(&address)?;
        stream.set_read_timeout(PATIENCE)?;
        expect(
            "peer",
            stream.peer_addr()?.as_abstract_name(),
            address.as_abstract_name(),
        )?;
        let mut got = [0; 3];
        for _ in 0..3 {
            expect(
                "written",
                stream.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")])?,
                3,
            )?;
            not_the_end(patiently(|| stream.peek(&mut got))?)?;
            let mut n = 0;
            while n < 3 {
                n += not_the_end(patiently(|| {
                    stream.read_vectored(&mut [IoSliceMut::new(&mut got[n..])])
                })?)?;
            }
            expect("echo", &got, b"abc")?;
        }
        stream.shutdown(Shutdown::Write)?;
        expect("the end", patiently(|| stream.read(&mut got))?, 0)
    })
}

pub(crate) fn unix_datagrams() -> TestResult {
    let (near, far) = UnixDatagram::pair()?;
    far.set_timeout(PATIENCE)?;
    // More than there is place for.
    let sender = spawn(move || {
        for _ in 0..60 {
            near.send(b"ab")?;
        }
        Ok(())
    });
    with_server(sender, || {
        for _ in 0..60 {
            expect("received", patiently(|| far.recv(&mut [0; 9]))?, 2)?;
        }
        Ok(())
    })
}

pub(crate) fn python() -> TestResult {
    const LEN: u64 = 20_000;
    let listener = create_server(("127.0.0.1", 0))?;
    let address = listener.getsockname()?;
    let server = spawn(move || {
        let (socket, _) = listener.accept()?;
        let mut line = String::new();
        socket.makefile("r")?.read_line(&mut line)?;
        socket.sendall(line.as_bytes())?;
        let sent = socket.sendfile(&File::open("/dev/zero")?, 0, Some(LEN))?;
        expect("sent", sent, LEN)
    });
    with_server(server, || {
        let client = Socket::new(libc::AF_INET, libc::SOCK_STREAM, 0)?;
        client.connect(address)?;
        client.settimeout(PATIENCE)?;
        client.setsockopt(libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
        let mut file = client.makefile("w")?;
        file.write_all(b"hello\n")?;
        file.close()?;
        let mut got = 0;
        while got < LEN as usize + 6 {
            got += not_the_end(patiently(|| client.recv(1 << 16))?.len())?;
        }
        expect("the end", patiently(|| client.dup()?.recv(9))?.len(), 0)?;
        let refused = create_connection(("127.0.0.1", 1)).is_err();
        expect("refused", refused, true)
    })
}
