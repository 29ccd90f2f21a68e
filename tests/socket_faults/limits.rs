//! No descriptors left, at each call that makes one, and no room for options: the error says so, nothing is left
//! behind, and the same call works as soon as there is room again.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr as UnixAddress;
use std::time::Duration;

use gevent::prelude::*;
use gevent::socket::{
    Socket, SocketAddress, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
    create_connection, create_server, fromfd, socketpair,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::steady::steady;
use crate::{Fault, TestResult, errno, tcp_pair};

pub(crate) const TESTS: &[Fault] = &[
    ("no_descriptor_for_a_call", || steady(calls)),
    ("no_descriptor_while_a_socket_is_detached", || steady(detached)),
    ("no_descriptor_for_who_waits_for_connections", || steady(incoming)),
    ("no_descriptor_to_look_a_name_up", || steady(names)),
    ("no_room_for_groups", || steady(groups)),
];

/// Has the process take all descriptors but some, as long as this value lives.
struct Taken {
    limit: Rlimit,
    files: Vec<File>,
}

impl Taken {
    fn all_but(free: usize) -> io::Result<Taken> {
        let limit = getrlimit(Resource::Nofile);
        // More than a test has open.
        let low = Rlimit {
            current: Some(200),
            ..limit
        };
        setrlimit(Resource::Nofile, low)?;
        let mut taken = Taken {
            limit,
            files: Vec::new(),
        };
        loop {
            match File::open("/dev/null") {
                Ok(file) => taken.files.push(file),
                Err(error) if error.raw_os_error() == Some(libc::EMFILE) => break,
                Err(error) => return Err(error),
            }
        }
        taken.files.truncate(taken.files.len() - free);
        Ok(taken)
    }

    /// How many are free.
    fn free(&self) -> usize {
        let mut files = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            files.push(file);
        }
        files.len()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.limit).expect("it was so before");
    }
}

/// A call that has been prepared, and that can be tried again and again until it works.
type Call = Box<dyn FnMut() -> io::Result<()>>;
/// Its name, how many descriptors it makes, and its preparation.
type Row = (&'static str, usize, fn() -> io::Result<Call>);

fn call<T>(mut f: impl FnMut() -> io::Result<T> + 'static) -> io::Result<Call> {
    Ok(Box::new(move || f().map(drop)))
}

/// A listener with connections in its queue.
fn connected() -> io::Result<(TcpListener, Vec<TcpStream>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let clients = (0..3).map(|_| TcpStream::connect(address)).collect::<io::Result<_>>()?;
    Ok((listener, clients))
}

fn abstract_address(name: &str) -> io::Result<UnixAddress> {
    UnixAddress::from_abstract_name(format!("gevent-{}-{name}", std::process::id()))
}

const ROWS: &[Row] = &[
    ("TcpStream::connect", 1, || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        call(move || TcpStream::connect(listener.local_addr()?))
    }),
    ("TcpListener::bind", 1, || call(|| TcpListener::bind("127.0.0.1:0"))),
    ("TcpListener::accept", 1, || {
        let (listener, _clients) = connected()?;
        call(move || listener.accept())
    }),
    ("TcpListener::try_accept", 1, || {
        let (listener, _clients) = connected()?;
        call(move || Ok(listener.try_accept()?.expect("it is there")))
    }),
    ("Socket::accept", 1, || {
        let (listener, _clients) = connected()?;
        let listener = Socket::from(listener);
        call(move || listener.accept())
    }),
    ("UnixListener::accept", 1, || {
        let address = abstract_address("accepts")?;
        let listener = UnixListener::bind_addr(&address)?;
        let _client = UnixStream::connect_addr(&address)?;
        call(move || listener.accept())
    }),
    ("TcpStream::try_clone", 1, || {
        let (stream, _other) = tcp_pair()?;
        call(move || stream.try_clone())
    }),
    ("TcpListener::try_clone", 1, || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        call(move || listener.try_clone())
    }),
    ("UdpSocket::bind", 1, || call(|| UdpSocket::bind("127.0.0.1:0"))),
    ("UdpSocket::try_clone", 1, || {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        call(move || socket.try_clone())
    }),
    ("UnixStream::connect_addr", 1, || {
        let address = abstract_address("listens")?;
        let listener = UnixListener::bind_addr(&address)?;
        call(move || {
            let stream = UnixStream::connect_addr(&address)?;
            assert!(listener.try_accept().is_err());
            Ok(stream)
        })
    }),
    ("UnixStream::pair", 2, || call(UnixStream::pair)),
    ("UnixListener::bind_addr", 1, || {
        call(|| UnixListener::bind_addr(&abstract_address("binds")?))
    }),
    ("UnixListener::bind", 1, || {
        let path = std::env::temp_dir().join(format!("gevent-limits-{}", std::process::id()));
        call(move || {
            let bound = UnixListener::bind(&path);
            // One that fails leaves no file.
            assert_eq!(std::fs::remove_file(&path).is_ok(), bound.is_ok());
            bound
        })
    }),
    ("UnixDatagram::unbound", 1, || call(UnixDatagram::unbound)),
    ("UnixDatagram::bind_addr", 1, || {
        call(|| UnixDatagram::bind_addr(&abstract_address("datagrams")?))
    }),
    ("UnixDatagram::pair", 2, || call(UnixDatagram::pair)),
    ("Socket::new", 1, || {
        call(|| Socket::new(libc::AF_INET, libc::SOCK_DGRAM, 0))
    }),
    ("Socket::dup", 1, || {
        let socket = Socket::new(libc::AF_INET, libc::SOCK_STREAM, 0)?;
        call(move || socket.dup())
    }),
    ("socketpair", 2, || call(socketpair)),
    ("create_connection", 1, || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        call(move || create_connection(listener.local_addr()?))
    }),
    ("create_server", 1, || call(|| create_server(("127.0.0.1", 0)))),
    ("fromfd", 1, || {
        let stream = TcpListener::bind("127.0.0.1:0")?;
        call(move || stream.with_fd(|fd| fromfd(fd, libc::AF_INET, libc::SOCK_STREAM, 0))?)
    }),
];

fn calls() -> TestResult {
    for (name, makes, prepare) in ROWS {
        let mut call = prepare()?;
        for free in 0..*makes {
            let taken = Taken::all_but(free)?;
            for _ in 0..3 {
                let error = call().expect_err(name);
                assert_eq!(errno(&error), Some(libc::EMFILE), "{name}: {error}");
                assert_eq!(taken.free(), free, "{name}");
            }
        }
        let taken = Taken::all_but(*makes)?;
        call().map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        drop(taken);
    }
    Ok(())
}

/// It makes another descriptor while somebody waits. If there is none, the socket is as it was.
fn detached() -> TestResult {
    let (near, far) = socketpair()?;
    let reader = spawn({
        let near = near.clone();
        move || Ok(near.recv(9)?)
    });
    sleep(0)?;
    let taken = Taken::all_but(0)?;
    assert_eq!(errno(&near.detach().unwrap_err()), Some(libc::EMFILE));
    drop(taken);
    assert!(near.fileno() >= 0);
    far.sendall(b"x")?;
    assert_eq!(reader.get()?, b"x");
    let fd = near.detach()?;
    assert_eq!(near.fileno(), -1);
    let near = Socket::try_from(fd)?;
    far.sendall(b"y")?;
    assert_eq!(near.recv(9)?, b"y");
    Ok(())
}

fn incoming() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let waits = listener.clone();
    let acceptor = spawn(move || {
        let mut failures = 0;
        for stream in waits.incoming() {
            match stream {
                Ok(_) => break,
                Err(error) => {
                    assert_eq!(errno(&error), Some(libc::EMFILE), "{error}");
                    failures += 1;
                }
            }
        }
        Ok(failures)
    });
    sleep(0)?;
    let taken = Taken::all_but(1)?;
    let client = TcpStream::connect(address)?;
    sleep(Duration::from_millis(50))?;
    assert!(!acceptor.ready());
    drop(taken);
    assert!(acceptor.get()? > 0);
    drop(client);
    Ok(())
}

fn names() -> TestResult {
    let listener = TcpListener::bind("localhost:0")?;
    let port = listener.local_addr()?.port();
    TcpStream::connect(("localhost", port))?;
    let taken = Taken::all_but(0)?;
    assert!(TcpStream::connect(("localhost", port)).is_err());
    assert!(TcpListener::bind("localhost:0").is_err());
    assert!(create_connection(("localhost", port)).is_err());
    drop(taken);
    TcpStream::connect(("localhost", port))?;
    let socket = Socket::new(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let taken = Taken::all_but(0)?;
    assert!(
        socket
            .sendto(b"x", SocketAddress::host("localhost", i64::from(port)).expect("a port"))
            .is_err()
    );
    drop(taken);
    socket.sendto(b"x", ("localhost", port))?;
    Ok(())
}

/// The system lets a socket be in so many groups, and then has no buffers: `ENOBUFS`.
fn groups() -> TestResult {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let group = |i: usize| Ipv4Addr::from(0xef00_0001 + i as u32);
    let join = |i| socket.join_multicast_v4(&group(i), &Ipv4Addr::LOCALHOST);
    let (joined, error) = (0..10_000)
        .find_map(|i| join(i).err().map(|error| (i, error)))
        .expect("the system has a limit");
    assert_eq!(errno(&error), Some(libc::ENOBUFS), "{error}");
    assert!(joined > 0);
    socket.leave_multicast_v4(&group(0), &Ipv4Addr::LOCALHOST)?;
    Ok(join(joined)?)
}
