//! Python's face of the sockets: what gevent's own tests do not try.

use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::net::{Ipv6Addr, Shutdown};
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use gevent::socket::{
    AF_INET, AF_INET6, AF_UNIX, BadAddress, CreateServer, MSG_DONTWAIT, MSG_PEEK, SO_RCVBUF, SO_REUSEADDR, SO_TYPE,
    SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, SendAllError, Socket, SocketAddress, TcpListener, TcpStream, UdpSocket,
    UnixDatagram, UnixStream, create_connection, create_server, create_server_with, has_dualstack_ipv6, inet_aton,
    socketpair, socketpair_with,
};
use gevent::{Exception, GreenletExit, Timeout, sleep, spawn};

use crate::python_socket::{EBADF, address_of, long_data, pair, tcp_listener};
use crate::support::{TestResult, bounded};

/// The value that is inside of an error.
#[track_caller]
fn inside<E: std::error::Error + Send + Sync + Clone + 'static>(error: std::io::Error) -> E {
    let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<E>());
    inside.unwrap_or_else(|| panic!("{error:?}")).clone()
}

#[test]
fn files_say_what_they_cannot_do() -> TestResult {
    let _bounded = bounded();
    let (socket, other) = socketpair()?;
    assert_eq!(socket.makefile("a").unwrap_err().kind(), ErrorKind::InvalidInput);
    let (mut reads, mut writes) = (socket.makefile("b")?, socket.makefile("w")?);
    assert_eq!(writes.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(reads.write(b"x").unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(format!("{reads:?}{writes:?}").contains("SocketFile"));
    // Without buffers each write is sent at once.
    let mut plain = socket.makefile_with_buffering("rw", 0)?;
    plain.write_all(b"ab")?;
    assert_eq!(other.recv(9)?, b"ab");
    // What a file has not sent when its socket fails is lost, and the error is told once.
    let (near, far) = socketpair()?;
    let mut file = near.makefile("w")?;
    file.write_all(b"lost")?;
    drop(far);
    assert_eq!(file.close().unwrap_err().kind(), ErrorKind::BrokenPipe);
    Ok(())
}

#[test]
fn datagrams_have_addresses() -> TestResult {
    let _bounded = bounded();
    let (a, b) = (
        Socket::new(AF_INET, SOCK_DGRAM, 0)?,
        Socket::new(AF_INET, SOCK_DGRAM, 0)?,
    );
    a.bind(("127.0.0.1", 0))?;
    b.bind(("127.0.0.1", 0))?;
    assert_eq!(a.sendto(b"hello", ("localhost", address_of(&b).port()))?, 5);
    let (data, from) = b.recvfrom(3)?;
    assert_eq!((data, from), (b"hel".to_vec(), Some(address_of(&a).into())));
    let waiting = spawn({
        let b = b.clone();
        move || {
            let mut buf = [0; 9];
            let (n, from) = b.recvfrom_into(&mut buf)?;
            Ok((buf[..n].to_vec(), from))
        }
    });
    sleep(0)?;
    a.connect(address_of(&b))?;
    a.send(b"x")?;
    assert_eq!(waiting.get()?, (b"x".to_vec(), Some(address_of(&a).into())));
    // Too long for one datagram.
    let error = a.send(&[0; 70_000]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    Ok(())
}

#[test]
fn unix_addresses_are_pythons() -> TestResult {
    let _bounded = bounded();
    let name = format!("\0gevent-python-{}", std::process::id());
    let listener = Socket::new(AF_UNIX, SOCK_STREAM, 0)?;
    assert_eq!(listener.getsockname()?, "".into());
    listener.bind(name.as_str())?;
    listener.listen(1)?;
    assert_eq!(listener.getsockname()?, name.as_str().into());
    let client = Socket::new(AF_UNIX, SOCK_STREAM, 0)?;
    client.connect(name.as_str())?;
    assert_eq!(listener.accept()?.1, "".into());
    assert_eq!(client.getpeername()?, name.as_str().into());

    let socket = Socket::new(AF_UNIX, SOCK_DGRAM, 0)?;
    for (path, bad) in [
        ("a\0b".to_owned(), BadAddress::Nul("a\0b".to_owned())),
        ("x".repeat(108), BadAddress::TooLong(108)),
        (format!("\0{}", "x".repeat(108)), BadAddress::TooLong(109)),
    ] {
        assert_eq!(inside::<BadAddress>(socket.bind(path.as_str()).unwrap_err()), bad);
    }
    socket.bind(format!("\0{}{:040}", "x".repeat(67), std::process::id()).as_str())?;
    // One without an address.
    let (a, b) = socketpair_with(AF_UNIX, SOCK_DGRAM, 0)?;
    a.send(b"x")?;
    assert_eq!(b.recvfrom(9)?, (b"x".to_vec(), None));
    Ok(())
}

#[test]
fn addresses_of_other_families_are_refused() -> TestResult {
    let _bounded = bounded();
    let v4 = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    let v6 = SocketAddress::from((Ipv6Addr::LOCALHOST, 80, 1, 2));
    let family = |error| matches!(inside(error), BadAddress::Family(..));
    assert!(family(v4.connect(&v6).unwrap_err()));
    assert!(family(v4.bind("/tmp/x").unwrap_err()));
    assert!(family(v4.connect_ex("/tmp/x").unwrap_err()));
    let unix = Socket::new(AF_UNIX, SOCK_STREAM, 0)?;
    assert!(family(unix.connect(("127.0.0.1", 80)).unwrap_err()));
    assert!(family(unix.connect(("localhost", 80)).unwrap_err()));
    let bad = inside::<BadAddress>(v4.connect(("a\0b", 80)).unwrap_err());
    assert_eq!(bad, BadAddress::Nul("a\0b".to_owned()));
    assert_eq!(v6.to_string(), "(\"::1\", 80, 1, 2)");
    assert_eq!(
        Socket::new(AF_INET, 77, 0).unwrap_err().raw_os_error(),
        Some(libc::EINVAL)
    );
    Ok(())
}

#[test]
fn connects_as_python_says() -> TestResult {
    let _bounded = bounded();
    let listener = tcp_listener();
    let address = address_of(&listener);
    let client = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    client.setblocking(false);
    let first = client.connect_ex(address)?;
    assert!([0, libc::EINPROGRESS].contains(&first), "{first}");
    // A call that may wait ends what the other has begun.
    client.settimeout(10)?;
    assert!([0, libc::EISCONN].contains(&client.connect_ex(address)?));
    assert_eq!(client.connect_ex(address)?, libc::EISCONN);
    assert_eq!(client.getpeername()?, address.into());
    Ok(())
}

#[test]
fn options_by_number() -> TestResult {
    let socket = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    assert_eq!(socket.getsockopt(SOL_SOCKET, SO_TYPE)?, SOCK_STREAM);
    assert_eq!(socket.getsockopt(SOL_SOCKET, SO_REUSEADDR)?, 0);
    socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)?;
    assert_eq!(socket.getsockopt(SOL_SOCKET, SO_REUSEADDR)?, 1);
    let linger = socket.getsockopt_bytes(SOL_SOCKET, libc::SO_LINGER, 8)?;
    assert_eq!(linger, [0; 8]);
    for buflen in [0, 1025] {
        let error = socket.getsockopt_bytes(SOL_SOCKET, SO_RCVBUF, buflen).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let error = socket.getsockopt(SOL_SOCKET, 9999).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOPROTOOPT));
    Ok(())
}

/// The system counts instructions where it is told bytes, and writes eight times as many.
#[cfg(target_os = "linux")]
#[test]
fn an_option_that_is_longer_than_it_was_told_has_place() -> TestResult {
    let socket = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
    // Accept everything: `ret #0xffff`, four times.
    let mut program = [libc::sock_filter {
        code: 6,
        jt: 0,
        jf: 0,
        k: 0xffff,
    }; 4];
    let filter = libc::sock_fprog {
        len: 4,
        filter: program.as_mut_ptr(),
    };
    let len = size_of_val(&filter) as u32;
    // SAFETY: the system copies the program, which is a local here.
    let done = unsafe {
        libc::setsockopt(
            socket.fileno(),
            SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            len,
        )
    };
    assert_eq!(done, 0);
    const SO_GET_FILTER: i32 = libc::SO_ATTACH_FILTER;
    let bytes = socket.getsockopt_bytes(SOL_SOCKET, SO_GET_FILTER, 4)?;
    assert_eq!(bytes.len(), 4);
    assert_eq!(socket.getsockopt(SOL_SOCKET, SO_GET_FILTER)? as u16, 6);
    Ok(())
}

#[test]
fn flags_are_passed_on() -> TestResult {
    let _bounded = bounded();
    let (a, b) = pair();
    let error = a.recv_with_flags(9, MSG_DONTWAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    b.send_with_flags(b"ab", MSG_DONTWAIT)?;
    assert_eq!(a.recv_with_flags(9, MSG_PEEK)?, b"ab");
    assert_eq!(a.recvfrom_with_flags(9, MSG_PEEK)?, (b"ab".to_vec(), None));
    assert_eq!(a.recv(9)?, b"ab");
    assert_eq!(a.recv(0)?, b"");
    // Nobody will ever send so much.
    assert_eq!(a.recv(usize::MAX / 2).unwrap_err().kind(), ErrorKind::OutOfMemory);
    Ok(())
}

#[test]
fn files_are_sent() -> TestResult {
    let _bounded = bounded();
    let path = std::env::temp_dir().join(format!("gevent-sendfile-{}", std::process::id()));
    let data = long_data();
    std::fs::write(&path, &data)?;
    let mut file = File::open(&path)?;
    std::fs::remove_file(&path)?;
    for (offset, count, expected) in [
        (0, None, &data[..]),
        (10, Some(20_000), &data[10..20_010]),
        (7, Some(1), &data[7..8]),
        (data.len() as u64 - 3, Some(9), &data[data.len() - 3..]),
        (data.len() as u64 + 3, None, &[]),
    ] {
        let (near, far) = pair();
        let reader = spawn(move || {
            let mut all = Vec::new();
            far.makefile("rb")?.read_to_end(&mut all)?;
            Ok(all)
        });
        file.rewind()?;
        assert_eq!(near.sendfile(&file, offset, count)?, expected.len() as u64);
        drop(near);
        assert!(reader.get()? == expected);
        let position = if expected.is_empty() {
            0
        } else {
            offset + expected.len() as u64
        };
        assert_eq!(file.stream_position()?, position);
    }
    let (near, _far) = pair();
    assert_eq!(
        near.sendfile(&file, 0, Some(0)).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    near.setblocking(false);
    assert_eq!(
        near.sendfile(&file, 0, None).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    let datagrams = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
    assert_eq!(
        datagrams.sendfile(&file, 0, None).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    Ok(())
}

/// An exception that is thrown ends a call, and is not taken for an error of the socket.
#[test]
fn kills_and_timeouts_come_out_whole() -> TestResult {
    let _bounded = bounded();
    let (client, server) = pair();
    let data = vec![b'x'; 50_000_000];
    let timeout = Timeout::start_new(0.02);
    let error = Exception::from(client.sendall(&data).unwrap_err());
    assert!(timeout.caused(&error), "{error:?}");
    assert!(error.downcast_ref::<SendAllError>().is_none());
    let sender = spawn(move || Ok(client.sendall(&data)?));
    sleep(0)?;
    sender.kill()?;
    assert!(sender.get().unwrap_err().is::<GreenletExit>());
    drop(server);
    Ok(())
}

#[test]
fn a_detached_descriptor_goes_on() -> TestResult {
    let _bounded = bounded();
    let (socket, other) = socketpair()?;
    let number = socket.fileno();
    let fd = socket.detach()?;
    assert_eq!((fd.as_raw_fd(), socket.fileno()), (number, -1));
    let mut stream = std::os::unix::net::UnixStream::from(fd);
    stream.write_all(b"hello")?;
    assert_eq!(other.recv(9)?, b"hello");
    // It does not block, nor do copies then.
    assert_eq!(stream.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
    Ok(())
}

#[test]
fn detaching_ends_the_calls_of_others() -> TestResult {
    let _bounded = bounded();
    let (socket, other) = socketpair()?;
    let receiver = spawn({
        let socket = socket.clone();
        move || Ok(socket.recv(9)?)
    });
    sleep(0)?;
    let number = socket.fileno();
    let fd = socket.detach()?;
    // The old number is still in use.
    assert_ne!(fd.as_raw_fd(), number);
    let error = receiver.get().unwrap_err();
    assert_eq!(
        error.downcast_ref::<std::io::Error>().and_then(|e| e.raw_os_error()),
        EBADF
    );
    let socket = Socket::try_from(fd)?;
    assert_eq!((socket.family()?, socket.type_()?), (AF_UNIX, SOCK_STREAM));
    other.sendall(b"x")?;
    assert_eq!(socket.recv(9)?, b"x");
    // A descriptor that is lent stays open, too.
    let fd = socket.with_fd(|lent| socket.detach().map(|fd| (lent.as_raw_fd(), fd)))??;
    assert_ne!(fd.0, fd.1.as_raw_fd());
    Ok(())
}

#[test]
fn views_are_of_the_same_socket() -> TestResult {
    let _bounded = bounded();
    let (socket, other) = pair();
    socket.settimeout(3)?;
    let number = socket.fileno();
    let stream = TcpStream::try_from(socket.clone())?;
    assert_eq!((stream.as_raw_fd(), stream.timeout()), (number, Some(3.0)));
    assert!(Socket::from(stream.clone()) == socket);
    assert!(UdpSocket::try_from(socket.clone()).is_err() && UnixStream::try_from(socket.clone()).is_err());
    (&stream).write_all(b"hello")?;
    assert_eq!(other.recv(9)?, b"hello");
    stream.close();
    assert_eq!(socket.fileno(), -1);

    let datagrams = Socket::from(UnixDatagram::unbound()?);
    assert_eq!(
        (datagrams.family()?, datagrams.type_()?, datagrams.proto()?),
        (AF_UNIX, SOCK_DGRAM, 0)
    );
    let listener = Socket::from(TcpListener::bind("127.0.0.1:0")?);
    assert_eq!((listener.family()?, listener.proto()?), (AF_INET, libc::IPPROTO_TCP));
    let fd = OwnedFd::try_from(listener)?;
    assert!(TcpListener::try_from(Socket::try_from(fd)?)?.local_addr()?.port() != 0);
    Ok(())
}

#[test]
fn copies_are_closed_on_their_own() -> TestResult {
    let _bounded = bounded();
    let (socket, other) = socketpair()?;
    socket.settimeout(3)?;
    let copy = socket.dup()?;
    assert_eq!((copy.gettimeout(), copy.family()?), (Some(3.0), AF_UNIX));
    socket.close();
    copy.sendall(b"x")?;
    assert_eq!(other.recv(9)?, b"x");
    Ok(())
}

#[test]
fn servers_are_created() -> TestResult {
    let _bounded = bounded();
    let settings = CreateServer::default().dualstack_ipv6(true);
    let error = create_server_with(("127.0.0.1", 0), settings).unwrap_err();
    assert_eq!(error.to_string(), "dualstack_ipv6 requires AF_INET6 family");
    let first = create_server_with(("127.0.0.1", 0), CreateServer::default().reuse_port(true).backlog(7))?;
    let second = create_server_with(address_of(&first), CreateServer::default().reuse_port(true))?;
    assert_eq!(address_of(&first), address_of(&second));
    let error = create_server(address_of(&first)).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EADDRINUSE));
    if has_dualstack_ipv6() && Socket::new(AF_INET6, SOCK_STREAM, 0)?.bind(("::1", 0)).is_ok() {
        let both = create_server_with(("", 0), settings.family(AF_INET6))?;
        let port = address_of(&both).port();
        for host in ["127.0.0.1", "::1"] {
            let client = create_connection((host, port))?;
            assert_eq!(address_of(&both.accept()?.0).port(), port);
            drop(client);
        }
        let only = create_server_with(("::1", 0), CreateServer::default().family(AF_INET6))?;
        assert_eq!(only.getsockopt(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY)?, 1);
    }
    Ok(())
}

#[test]
fn old_forms_of_addresses() {
    let cases = [
        ("1.2.3.4", Some([1, 2, 3, 4])),
        ("1.2.65535", Some([1, 2, 255, 255])),
        ("1.16777215", Some([1, 255, 255, 255])),
        ("4294967295", Some([255, 255, 255, 255])),
        ("0", Some([0, 0, 0, 0])),
        ("017.0x1F.00.0", Some([15, 31, 0, 0])),
        ("4294967296", None),
        ("1.2.65536", None),
        ("256.1", None),
        ("1.2.3.4.5", None),
        ("1.", None),
        ("", None),
        ("08", None),
        ("+1", None),
        ("0x+1", None),
        ("1 ", None),
    ];
    for (text, bytes) in cases {
        assert_eq!(inet_aton(text), bytes.map(Into::into), "{text:?}");
    }
}

/// Both wait at once, and each is served.
#[test]
fn one_reads_while_another_writes() -> TestResult {
    let _bounded = bounded();
    let (near, far) = pair();
    let read = Rc::new(RefCell::new(Vec::new()));
    let reader = spawn({
        let (near, read) = (near.clone(), read.clone());
        move || {
            let data = near.recv(9)?;
            read.borrow_mut().extend(data);
            Ok(())
        }
    });
    let writer = spawn(move || Ok(near.sendall(&vec![0; 20_000_000])?));
    sleep(0)?;
    far.sendall(b"x")?;
    reader.get()?;
    assert_eq!(*read.borrow(), b"x");
    let mut left = 20_000_000;
    while left > 0 {
        left -= far.recv(1 << 20)?.len();
    }
    writer.get()
}

/// A socket that was shut down can listen again. Its calls wait then, as those of a new one.
#[test]
fn a_listener_that_was_shut_down_listens_again() -> TestResult {
    let _bounded = bounded();
    let listener = tcp_listener();
    listener.shutdown(Shutdown::Both)?;
    listener.listen(5)?;
    listener.settimeout(0.01)?;
    for _ in 0..2 {
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
    }
    let address = address_of(&listener);
    let client = spawn(move || Ok(create_connection(address)?));
    listener.settimeout(None)?;
    listener.accept()?;
    client.get()?;
    Ok(())
}

/// That a datagram is shorter than the buffer does not mean that it was the last one: no call has to wait. On a busy
/// machine another greenlet may get a turn nevertheless.
#[test]
fn datagrams_that_are_there_are_received_at_once() -> TestResult {
    let _bounded = bounded();
    let (here, there) = socketpair_with(AF_UNIX, SOCK_DGRAM, 0)?;
    loop {
        there.send(b"a")?;
        there.send(b"b")?;
        let other = spawn(|| ());
        assert_eq!((here.recv(9)?, here.recv(9)?), (b"a".to_vec(), b"b".to_vec()));
        if !other.ready() {
            return other.join();
        }
    }
}

/// The system says that such a socket can be read, and then that there is nothing: for ever.
#[test]
fn datagrams_that_are_shut_down_have_an_end() -> TestResult {
    let _bounded = bounded();
    let (here, there) = UnixDatagram::pair()?;
    let copy = here.try_clone()?;
    let waiting = spawn(move || Ok(copy.recv(&mut [0; 9])?));
    sleep(0)?;
    there.send(b"last")?;
    here.shutdown(Shutdown::Read)?;
    assert_eq!(waiting.get()?, 4);
    assert_eq!(here.recv(&mut [0; 9])?, 0);
    assert!(here.recv_from(&mut [0; 9])?.1.is_unnamed());
    here.set_timeout(0)?;
    assert_eq!(here.recv(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);

    // The call fails, and has its effect nevertheless.
    let socket = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
    let error = socket.shutdown(Shutdown::Read).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOTCONN));
    assert_eq!(socket.recvfrom(9)?, (Vec::new(), None));

    // Another handle of the system's has done it.
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(socket.local_addr()?)?;
    let waiting = spawn({
        let socket = socket.clone();
        move || Ok(socket.recv(&mut [0; 9])?)
    });
    sleep(0)?;
    socket.with_options(|options| options.shutdown(Shutdown::Read))??;
    assert_eq!(waiting.get()?, 0);
    Ok(())
}

/// The system says that such a socket can be written, and then that there is no space, until the receiver reads.
#[test]
fn senders_of_datagrams_that_are_not_connected_wait() -> TestResult {
    let _bounded = bounded();
    let (sender, receiver) = (
        Socket::new(AF_UNIX, SOCK_DGRAM, 0)?,
        Socket::new(AF_UNIX, SOCK_DGRAM, 0)?,
    );
    receiver.bind("")?;
    let name = receiver.getsockname()?;
    sender.setblocking(false);
    while sender.sendto(b"x", &name).is_ok() {}
    sender.settimeout(0.02)?;
    let error = sender.sendto(b"x", &name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    sender.settimeout(None)?;
    for _ in 0..2 {
        let sending = spawn({
            let (sender, name) = (sender.clone(), name.clone());
            move || Ok(sender.sendto(b"x", &name)?)
        });
        sleep(0)?;
        assert!(!sending.ready());
        assert_eq!(receiver.recv(9)?, b"x");
        assert_eq!(sending.get()?, 1);
    }
    let sending = spawn(move || Ok(sender.sendto(b"x", &name)?));
    sleep(0.002)?;
    sending.kill()?;
    assert!(sending.get().unwrap_err().is::<GreenletExit>());
    Ok(())
}

/// What has a queue of its own has no event: as in Python, nobody waits for it.
#[cfg(target_os = "linux")]
#[test]
fn urgent_data_and_errors_are_not_waited_for() -> TestResult {
    let _bounded = bounded();
    let (a, b) = pair();
    assert_eq!(
        a.recv_with_flags(1, libc::MSG_OOB).unwrap_err().raw_os_error(),
        Some(libc::EINVAL)
    );
    b.sendall(b"x")?;
    let error = a.recv_with_flags(1, libc::MSG_ERRQUEUE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    Ok(())
}

/// A descriptor that blocks would make its copies block, and with them the thread.
#[test]
fn a_socket_with_copies_does_not_become_blocking() -> TestResult {
    let _bounded = bounded();
    let (stream, other) = UnixStream::pair()?;
    let copy = stream.try_clone()?;
    assert_eq!(stream.into_std().unwrap_err().kind(), ErrorKind::ResourceBusy);
    // The copy is the only one now.
    copy.set_timeout(0.001)?;
    assert_eq!((&copy).read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::TimedOut);
    let copy = Socket::from(copy);
    copy.dup()?.close();
    drop(OwnedFd::try_from(copy)?);
    assert_eq!((&other).read(&mut [0; 9])?, 0);
    Ok(())
}
