//! Sockets, and addresses of servers.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use super::identity::unnamed_listener;
use crate::trap::{Case, Trap, any};
use gevent::get_hub;
use gevent::resolver::{BlockingResolver, HubResolver, Resolver, ThreadResolver};
use gevent::server::StreamServer;
use gevent::socket::{
    AddrInfo, Address, Endpoint, GetAddrInfo, HostEntry, Service, Socket, TcpListener, TcpStream, UdpSocket,
    UnixDatagram, UnixStream, copy, getaddrinfo, getfqdn, gethostbyaddr, gethostbyname, getnameinfo,
};

type Pair = Rc<(TcpListener, TcpStream, TcpStream)>;

fn pair(_: Trap) -> Pair {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let address = listener.local_addr().expect("it is bound");
    let client = TcpStream::connect(address).expect("it listens");
    let (server, _) = listener.accept().expect("it has come");
    Rc::new((listener, client, server))
}

#[test]
fn functions_that_borrow_a_descriptor() {
    Case {
        names: &[
            "socket::Socket::{with_fd, with_options} | FnOnce",
            "socket::TcpListener::{with_fd, with_options} | FnOnce",
            "socket::TcpStream::{with_fd, with_options} | FnOnce",
            "socket::UdpSocket::{with_fd, with_options} | FnOnce",
            "socket::UnixDatagram::{with_fd, with_options} | FnOnce",
            "socket::UnixListener::{with_fd, with_options} | FnOnce",
            "socket::UnixStream::{with_fd, with_options} | FnOnce",
        ],
        make: pair,
        calls: vec![
            |pair, trap| Ok(Socket::from(pair.0.clone()).with_fd(|_| trap.spring())?),
            |pair, trap| Ok(Socket::from(pair.1.clone()).with_options(|_| trap.spring())?),
            |pair, trap| Ok(pair.0.with_fd(|_| trap.spring())?),
            |pair, trap| Ok(pair.1.with_fd(|_| trap.spring())?),
            |pair, trap| Ok(pair.1.with_options(|_| trap.spring())?),
            |pair, trap| Ok(pair.0.with_options(|_| trap.spring())?),
            |_, trap| Ok(UdpSocket::bind("127.0.0.1:0")?.with_fd(|_| trap.spring())?),
            |_, trap| Ok(UdpSocket::bind("127.0.0.1:0")?.with_options(|_| trap.spring())?),
            |_, trap| Ok(UnixDatagram::unbound()?.with_fd(|_| trap.spring())?),
            |_, trap| Ok(UnixDatagram::unbound()?.with_options(|_| trap.spring())?),
            |_, trap| Ok(unnamed_listener()?.with_fd(|_| trap.spring())?),
            |_, trap| Ok(unnamed_listener()?.with_options(|_| trap.spring())?),
            |_, trap| Ok(UnixStream::pair()?.0.with_fd(|_| trap.spring())?),
            |_, trap| Ok(UnixStream::pair()?.0.with_options(|_| trap.spring())?),
        ],
        others: |pair| {
            let _ = (format!("{:?} {:?}", pair.0, pair.1), pair.1.nodelay());
            pair.1.close();
            pair.0.close();
        },
        waits: Some(|pair| {
            any((&pair.2).read(&mut [0]).map_err(Into::into));
            Ok(())
        }),
        after: |pair| {
            pair.1.close();
            pair.2.close();
            assert!(pair.1.with_fd(|_| ()).is_err());
        },
    }
    .run();
}

/// A stream of user code, with so many bytes left to read. Only later calls have the trap: then there is a large
/// buffer.
struct Around<'a>(&'a TcpStream, Trap, usize);

impl Read for Around<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.2 <= 500_000 {
            self.1.spring();
        }
        let n = buf.len().min(self.2);
        self.2 -= n;
        Ok(n)
    }
}

impl Write for Around<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.len() > 10_000 {
            self.1.spring();
        }
        self.0.write(&buf[..buf.len().min(100)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn readers_and_writers_of_copies() {
    Case {
        names: &["socket::copy | Read, Write"],
        make: pair,
        calls: vec![
            |pair, trap| Ok(copy(&mut Around(&pair.1, trap, 1_000_000), &mut io::sink()).map(drop)?),
            |pair, trap| Ok(copy(&mut io::repeat(7).take(30_000), &mut Around(&pair.1, trap, 0)).map(drop)?),
        ],
        others: |_| {
            let copied = copy(&mut io::repeat(7).take(200_000), &mut io::sink());
            assert_eq!(copied.expect("nothing fails"), 200_000);
        },
        waits: Some(|pair| {
            any(copy(&mut &pair.2, &mut io::sink()).map(drop).map_err(Into::into));
            Ok(())
        }),
        after: |pair| {
            assert!(copy(&mut &[7; 100_000][..], &mut Vec::new()).is_ok());
            pair.1.close();
            pair.2.close();
        },
    }
    .run();
}

struct Own(Trap, u16);

impl Address for Own {
    fn into_endpoint(self) -> Endpoint {
        self.0.spring();
        ("127.0.0.1", self.1).into_endpoint()
    }
}

#[test]
fn addresses_of_users() {
    Case {
        names: &["resolver::Address::into_endpoint | Clone"],
        make: |_| (),
        calls: vec![|(), trap| Ok(TcpListener::bind(Own(trap, 0)).map(drop)?), |(), trap| {
            let server = StreamServer::new(Own(trap, 0), |_, _| ());
            server.start()?;
            server.stop()
        }],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}

/// A resolver that knows all names.
struct OwnResolver(Trap);

impl Resolver for OwnResolver {
    fn getaddrinfo(&self, _host: Option<&str>, port: Service<'_>, with: GetAddrInfo) -> io::Result<Vec<AddrInfo>> {
        self.0.spring();
        BlockingResolver.getaddrinfo(Some("127.0.0.1"), port, with)
    }

    fn gethostbyaddr(&self, ip_address: &str) -> io::Result<HostEntry> {
        self.0.spring();
        BlockingResolver.gethostbyaddr(ip_address)
    }

    fn getnameinfo(&self, sockaddr: SocketAddr, flags: i32) -> io::Result<(String, String)> {
        self.0.spring();
        BlockingResolver.getnameinfo(sockaddr, flags)
    }
}

#[test]
fn resolvers_of_users() {
    Case {
        names: &["resolver::HubResolver::set_resolver, hub::hub::Hub::set_resolver | Resolver"],
        make: |trap| {
            get_hub().set_resolver(Rc::new(OwnResolver(trap)));
            TcpListener::bind("127.0.0.1:0").expect("there are ports")
        },
        calls: vec![
            |listener, _| Ok(TcpStream::connect(("any", listener.local_addr()?.port())).map(drop)?),
            |_, _| Ok(getaddrinfo("any", 80).map(drop)?),
            |_, _| Ok(gethostbyname("any").map(drop)?),
            |_, _| Ok(gethostbyaddr("127.0.0.1").map(drop)?),
            |_, _| Ok(getfqdn("localhost").map(drop)?),
            |_, _| Ok(getnameinfo(("127.0.0.1", 80), 0).map(drop)?),
        ],
        others: |_| {
            any(gethostbyname("other").map(drop).map_err(Into::into));
            get_hub().set_resolver(Rc::new(BlockingResolver));
        },
        waits: Some(|_| Ok(gethostbyname("other").map(drop)?)),
        after: |_| {
            get_hub().set_resolver(Rc::new(ThreadResolver));
            any(gethostbyname("localhost").map(drop).map_err(Into::into));
        },
    }
    .run();
}
