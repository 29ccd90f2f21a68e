//! Python's face of the sockets. The counterparts of gevent's `test__socket*.py`, `test__greenio.py` and
//! `test__makefile_ref.py` have their names.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use gevent::event::Event;
use gevent::exceptions::{ConcurrentObjectUseError, TimedOut};
use gevent::socket::{
    AF_INET, AF_UNIX, BadAddress, CreateConnection, SO_ERROR, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET,
    SendAllError, Socket, SocketAddress, UnixStream, create_connection, create_connection_timeout,
    create_connection_with, create_server, fromfd, socketpair,
};
use gevent::{Exception, Greenlet, GreenletExit, sleep, spawn};

use crate::support::{TestResult, bounded};

pub(crate) const EBADF: Option<i32> = Some(libc::EBADF);

pub(crate) fn address_of(socket: &Socket) -> SocketAddr {
    match socket.getsockname().expect("it is open") {
        SocketAddress::Inet(address) => address.into(),
        SocketAddress::Inet6(address) => address.into(),
        other => panic!("{other}"),
    }
}

pub(crate) fn tcp_listener() -> Socket {
    create_server(("127.0.0.1", 0)).expect("there is a port")
}

/// Both ends of a TCP connection.
pub(crate) fn pair() -> (Socket, Socket) {
    let listener = tcp_listener();
    let client = create_connection(address_of(&listener)).expect("it listens");
    (client, listener.accept().expect("somebody has connected").0)
}

/// An address at which nobody listens. The socket keeps it.
fn unused() -> (Socket, SocketAddr) {
    let socket = Socket::new(AF_INET, SOCK_STREAM, 0).expect("there is a descriptor");
    socket.bind(("127.0.0.1", 0)).expect("there is a port");
    let address = address_of(&socket);
    (socket, address)
}

pub(crate) fn long_data() -> Vec<u8> {
    let parts: Vec<_> = (0..20_000).map(|n| n.to_string()).collect();
    parts.join(", ").into_bytes()
}

mod test_tcp {
    use super::*;

    fn sendall(data: &[u8], set: impl Fn(&Socket), call: impl Fn(&Socket, &[u8])) -> TestResult {
        let _bounded = bounded();
        let listener = tcp_listener();
        let address = address_of(&listener);
        let (accepted, was_accepted) = (Event::new(), Event::new());
        let server = spawn({
            let accepted = accepted.clone();
            move || {
                let (connection, _) = listener.accept()?;
                let mut file = connection.makefile("rb")?;
                accepted.set();
                let mut all = Vec::new();
                file.read_to_end(&mut all)?;
                connection.close();
                Ok(all)
            }
        });
        let client = Socket::new(AF_INET, SOCK_STREAM, 0)?;
        client.connect(address)?;
        set(&client);
        accepted.wait()?;
        was_accepted.set();
        call(&client, data);
        client.shutdown(Shutdown::Both)?;
        client.close();
        assert!(server.get()? == data);
        Ok(())
    }

    fn all(client: &Socket, data: &[u8]) {
        client.sendall(data).expect("the server reads");
    }

    #[test]
    fn test_sendall_str() -> TestResult {
        sendall(&long_data(), |_| (), all)
    }

    #[test]
    fn test_sendall_empty() -> TestResult {
        sendall(b"", |_| (), all)
    }

    #[test]
    fn test_sendall_empty_with_timeout() -> TestResult {
        sendall(b"", |client| client.settimeout(10).expect("a good time"), all)
    }

    #[test]
    fn test_sendall_nonblocking() -> TestResult {
        sendall(b"hi\n", |client| client.setblocking(false), all)
    }

    #[test]
    fn test_empty_send() -> TestResult {
        let send = |client: &Socket, data: &[u8]| assert_eq!(client.send(data).expect("it is open"), 0);
        sendall(b"", |_| (), send)
    }

    #[test]
    fn test_fullduplex() -> TestResult {
        const N: usize = 100_000;
        let _bounded = bounded();
        let (client, remote) = pair();
        let server = spawn(move || {
            let sender = spawn({
                let remote = remote.clone();
                move || Ok(remote.sendall(&vec![b't'; N])?)
            });
            assert_eq!(remote.recv(1000)?, b"hello world");
            sender.get()
        });
        let mut file = client.makefile("r")?;
        let reader = spawn(move || {
            let mut all = vec![0; N];
            file.read_exact(&mut all)?;
            Ok(all)
        });
        sleep(0)?;
        client.sendall(b"hello world")?;
        client.close();
        server.get()?;
        assert!(reader.get()? == vec![b't'; N]);
        assert_eq!(client.fileno(), -1);
        Ok(())
    }

    #[test]
    fn test_recv_timeout() -> TestResult {
        let _bounded = bounded();
        let (client, _server) = pair();
        client.settimeout(0.01)?;
        let error = client.recv(1024).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "timed out");
        assert!(Exception::from(error).is::<TimedOut>());
        Ok(())
    }

    #[test]
    fn test_sendall_timeout() -> TestResult {
        let _bounded = bounded();
        let (client, server) = pair();
        client.settimeout(0.05)?;
        let data = vec![b'x'; 50_000_000];
        let error = client.sendall(&data).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let sent = error.get_ref().and_then(|error| error.downcast_ref::<SendAllError>());
        let sent = sent.expect("it tells").sent;
        assert!(sent > 0 && sent < data.len() as u64);
        // What it tells is what has arrived.
        client.close();
        let mut all = Vec::new();
        server.makefile("rb")?.read_to_end(&mut all)?;
        assert_eq!(all.len() as u64, sent);
        Ok(())
    }

    /// The limit is one of the whole call: a reader that takes a little all the time does not prolong it.
    #[test]
    fn test_sendall_timeout_with_a_slow_reader() -> TestResult {
        let _bounded = bounded();
        let (client, server) = pair();
        client.settimeout(0.05)?;
        let reader = spawn(move || -> TestResult {
            loop {
                server.recv(1 << 20)?;
                sleep(0.001)?;
            }
        });
        let error = client.sendall(&vec![b'x'; 500_000_000]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        reader.kill()?;
        Ok(())
    }

    #[test]
    fn test_makefile() -> TestResult {
        let _bounded = bounded();
        let (client, server) = pair();
        let acceptor = spawn(move || {
            let mut file = server.makefile("wb")?;
            file.write_all(b"hello\n")?;
            file.flush()?;
            file.close()?;
            server.close();
            Ok(())
        });
        // Closing the socket does not close the file.
        let mut file = client.makefile("rb")?;
        client.close();
        let mut line = String::new();
        file.read_line(&mut line)?;
        assert_eq!(line, "hello\n");
        assert_eq!(file.read(&mut [0; 9])?, 0);
        assert!(client.fileno() >= 0);
        file.close()?;
        assert_eq!(client.fileno(), -1);
        acceptor.get()
    }

    #[test]
    fn test_makefile_timeout() -> TestResult {
        let _bounded = bounded();
        let (client, _server) = pair();
        client.settimeout(0.01)?;
        let mut file = client.makefile("rb")?;
        let error = file.read_line(&mut String::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let error = file.read_line(&mut String::new()).unwrap_err();
        assert_eq!(error.to_string(), "cannot read from timed out object");
        Ok(())
    }

    #[test]
    fn test_attributes() -> TestResult {
        let socket = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
        let attributes = || Ok::<_, Exception>((socket.family()?, socket.type_()?, socket.proto()?));
        assert_eq!(attributes()?, (AF_INET, SOCK_DGRAM, 0));
        socket.settimeout(1)?;
        assert_eq!((socket.gettimeout(), socket.getblocking()), (Some(1.0), true));
        socket.setblocking(false);
        assert_eq!((socket.gettimeout(), socket.getblocking()), (Some(0.0), false));
        assert_eq!(attributes()?, (AF_INET, SOCK_DGRAM, 0));
        socket.close();
        assert_eq!(attributes()?, (AF_INET, SOCK_DGRAM, 0));
        assert!(socket.settimeout(-1).is_err() && socket.settimeout(f64::NAN).is_err());
        Ok(())
    }

    #[test]
    fn test_connect_ex_nonblocking_bad_connection() -> TestResult {
        let (_kept, address) = unused();
        let socket = Socket::new(AF_INET, SOCK_STREAM, 0)?;
        socket.setblocking(false);
        let number = socket.connect_ex(address)?;
        assert!([libc::EINPROGRESS, libc::ECONNREFUSED].contains(&number), "{number}");
        Ok(())
    }

    /// Errors of names have no number, so that they are errors of `connect_ex`, too.
    #[test]
    fn test_connect_ex_gaierror() -> TestResult {
        let _bounded = bounded();
        let socket = Socket::new(AF_INET, SOCK_STREAM, 0)?;
        let error = socket.connect_ex(("foo.bar.fizzbuzz.invalid", 80)).unwrap_err();
        assert_eq!(error.raw_os_error(), None);
        Ok(())
    }

    #[test]
    fn test_connect_ex_nonblocking_overflow() -> TestResult {
        assert_eq!(SocketAddress::host("127.0.0.1", 65539), Err(BadAddress::Port(65539)));
        assert_eq!(SocketAddress::host("127.0.0.1", -1), Err(BadAddress::Port(-1)));
        assert!(SocketAddress::host("127.0.0.1", 65535).is_ok());
        Ok(())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn test_connect_with_type_flags_ignored() -> TestResult {
        let _bounded = bounded();
        let listener = tcp_listener();
        let address = address_of(&listener);
        let socket = Socket::new(AF_INET, SOCK_STREAM | libc::SOCK_CLOEXEC, 0)?;
        assert_eq!(socket.type_()?, SOCK_STREAM);
        let acceptor = spawn(move || Ok(listener.accept()?.0.sendall(b"hello\n")?));
        socket.connect(address)?;
        let mut line = String::new();
        socket.makefile("rb")?.read_line(&mut line)?;
        assert_eq!(line, "hello\n");
        acceptor.get()
    }
}

mod test_create_connection {
    use super::*;

    fn refuses(settings: CreateConnection) -> TestResult {
        let _bounded = bounded();
        let (_kept, address) = unused();
        let error = create_connection_with(address, settings.timeout(30)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        Ok(())
    }

    #[test]
    fn test_refuses() -> TestResult {
        refuses(CreateConnection::default())
    }

    #[test]
    fn test_refuses_from_port() -> TestResult {
        refuses(CreateConnection::default().source_address(("", 0)))
    }

    /// An exception that is thrown ends it; no other address is tried.
    #[test]
    fn test_base_exception() -> TestResult {
        let _bounded = bounded();
        let full = tcp_listener();
        full.listen(0)?;
        let other = tcp_listener();
        let addresses = [address_of(&full), address_of(&other)];
        let mut fills = Vec::new();
        loop {
            // Connections beyond the queue are not answered.
            match create_connection_timeout(addresses[0], 0.05) {
                Ok(socket) => fills.push(socket),
                Err(error) => break assert_eq!(error.kind(), ErrorKind::TimedOut),
            }
        }
        let connecting = spawn(move || Ok(create_connection(&addresses[..]).map(drop)?));
        sleep(0)?;
        connecting.kill()?;
        assert!(connecting.get().unwrap_err().is::<GreenletExit>());
        other.setblocking(false);
        assert_eq!(other.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        Ok(())
    }

    #[test]
    fn its_timeout_is_that_of_the_socket() -> TestResult {
        let _bounded = bounded();
        let listener = tcp_listener();
        let socket = create_connection_timeout(address_of(&listener), 7)?;
        assert_eq!(socket.gettimeout(), Some(7.0));
        assert_eq!(listener.accept()?.0.gettimeout(), None);
        Ok(())
    }
}

mod test_socket {
    use super::*;

    #[test]
    fn test_shutdown_when_closed() -> TestResult {
        let socket = Socket::new(AF_INET, SOCK_STREAM, 0)?;
        socket.close();
        assert_eq!(socket.shutdown(Shutdown::Both).unwrap_err().raw_os_error(), EBADF);
        Ok(())
    }
}

mod test_socket_close {
    use super::*;

    #[test]
    fn test_recv_closed() -> TestResult {
        let _bounded = bounded();
        let (client, _server) = pair();
        let receiver = spawn({
            let client = client.clone();
            move || Ok(client.recv(25)?)
        });
        sleep(0)?;
        client.close();
        let error = receiver.get().unwrap_err();
        let error = error.downcast_ref::<std::io::Error>().expect("it is one of the socket");
        assert_eq!(error.raw_os_error(), EBADF);
        Ok(())
    }

    #[test]
    fn test_recv_twice() -> TestResult {
        let _bounded = bounded();
        let (client, _server) = pair();
        let receiver = spawn({
            let client = client.clone();
            move || Ok(client.recv(25)?)
        });
        sleep(0)?;
        for _ in 0..2 {
            let error = Exception::from(client.recv(25).unwrap_err());
            assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
        }
        receiver.kill()?;
        Ok(())
    }
}

/// Every call on a closed socket fails as Python's does.
#[test]
fn test_closed_socket() -> TestResult {
    let (socket, _other) = pair();
    socket.close();
    socket.close();
    let buf = &mut [0; 9];
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let errors = [
        socket.send(b"a").err(),
        socket.sendto(b"a", address).err(),
        socket.recv(1).err(),
        socket.recv(0).err(),
        socket.recv_into(buf).err(),
        socket.recvfrom(1).err(),
        socket.recvfrom_into(buf).err(),
        socket.accept().err(),
        socket.bind(address).err(),
        socket.listen(1).err(),
        socket.connect(address).err(),
        socket.getsockname().err(),
        socket.getpeername().err(),
        socket.getsockopt(SOL_SOCKET, SO_ERROR).err(),
        socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1).err(),
        socket.dup().err(),
        socket.detach().err(),
        socket.makefile("r").err(),
    ];
    for (call, error) in errors.into_iter().enumerate() {
        assert_eq!(error.expect("it is closed").raw_os_error(), EBADF, "call {call}");
    }
    assert_eq!(socket.connect_ex(address)?, libc::EBADF);
    assert_eq!(socket.sendall(b"a").unwrap_err().raw_os_error(), EBADF);
    Ok(())
}

mod test_socketpair {
    use super::*;

    #[test]
    fn test_makefile() -> TestResult {
        let _bounded = bounded();
        let (x, y) = socketpair()?;
        x.sendall(b"hello world")?;
        x.close();
        let mut all = Vec::new();
        y.makefile("rb")?.read_to_end(&mut all)?;
        assert_eq!(all, b"hello world");
        Ok(())
    }

    #[test]
    fn test_fromfd() -> TestResult {
        let _bounded = bounded();
        let (x, y) = socketpair()?;
        let copy = |socket: &Socket| socket.with_fd(|fd| fromfd(fd, AF_UNIX, SOCK_STREAM, 0))?;
        let (xx, yy) = (copy(&x)?, copy(&y)?);
        x.close();
        y.close();
        xx.sendall(b"hello world")?;
        xx.close();
        let mut all = Vec::new();
        yy.makefile("rb")?.read_to_end(&mut all)?;
        assert_eq!(all, b"hello world");
        Ok(())
    }
}

mod test_green_io {
    use super::*;

    fn did_it_work(server: impl FnOnce(Socket) -> TestResult + 'static) -> TestResult {
        let _bounded = bounded();
        let (client, connection) = pair();
        let server: Greenlet<()> = spawn(move || server(connection));
        let mut file = client.makefile("rb")?;
        client.close();
        let mut all = String::new();
        file.read_to_string(&mut all)?;
        assert_eq!(all, "hello\n");
        server.get()
    }

    #[test]
    fn test_close_with_makefile() -> TestResult {
        did_it_work(|connection| {
            let mut file = connection.makefile("wb")?;
            connection.close();
            file.write_all(b"hello\n")?;
            file.close()?;
            assert_eq!(connection.send(b"b").unwrap_err().raw_os_error(), EBADF);
            Ok(())
        })?;
        did_it_work(|connection| {
            let mut file = connection.makefile("wb")?;
            file.write_all(b"hello")?;
            file.close()?;
            connection.send(b"\n")?;
            connection.close();
            assert_eq!(connection.send(b"b").unwrap_err().raw_os_error(), EBADF);
            Ok(())
        })
    }

    /// Only the file is left, and ends the connection.
    #[test]
    fn test_del_closes_socket() -> TestResult {
        did_it_work(|connection| {
            let mut file = connection.makefile("wb")?;
            drop(connection);
            file.write_all(b"hello\n")?;
            drop(file);
            Ok(())
        })
    }
}

/// The idea of test__makefile_ref: the descriptor is closed with the last of the socket and its files.
mod test_makefile_ref {
    use super::*;

    /// Other tests of the program open descriptors, so that a number says nothing; a socket's peer does.
    fn is_over(peer: &Socket) -> bool {
        peer.setblocking(false);
        peer.recv(1).is_ok_and(|data| data.is_empty())
    }

    #[test]
    fn test_simple_close() -> TestResult {
        let (socket, peer) = socketpair()?;
        assert!(!is_over(&peer));
        socket.close();
        assert!(is_over(&peer));
        Ok(())
    }

    #[test]
    fn test_makefile1() -> TestResult {
        let (socket, peer) = socketpair()?;
        let file = socket.makefile("rb")?;
        socket.close();
        assert!(socket.fileno() >= 0 && !is_over(&peer));
        file.close()?;
        assert!(socket.fileno() == -1 && is_over(&peer));
        Ok(())
    }

    #[test]
    fn test_makefile2() -> TestResult {
        let (socket, peer) = socketpair()?;
        let (file, other) = (socket.makefile("rw")?, socket.makefile("r")?);
        file.close()?;
        drop(other);
        assert!(!is_over(&peer));
        socket.close();
        assert!(is_over(&peer));
        Ok(())
    }

    /// std's close does not know of files: it closes at once.
    #[test]
    fn a_stream_that_is_closed_is_closed() -> TestResult {
        let (socket, peer) = socketpair()?;
        let mut file = socket.makefile("rw")?;
        UnixStream::try_from(socket)?.close();
        assert!(is_over(&peer));
        assert_eq!(file.read(&mut [0; 9]).unwrap_err().raw_os_error(), EBADF);
        Ok(())
    }
}
