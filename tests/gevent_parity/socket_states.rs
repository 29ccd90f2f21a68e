//! Calls in states in which they cannot be.

use std::net::Shutdown;

use gevent::socket::{AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM, Socket};

use super::common::TestResult;
use super::common_sockets::{connection, listener, number_name, says, undisturbed};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let fresh = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    println!("unbound: {}", fresh.getsockname()? == ("0.0.0.0", 0).into());
    says("getpeername", fresh.getpeername().map(drop));
    says("recv", fresh.recv(10));
    says("recvfrom", fresh.recvfrom(10).map(drop));
    says("send", fresh.send(b"x"));
    says("sendall", fresh.sendall(b"x"));
    says("accept", fresh.accept().map(drop));
    says("shutdown", fresh.shutdown(Shutdown::Both));
    fresh.bind(("127.0.0.1", 0))?;
    says("bind twice", fresh.bind(("127.0.0.1", 0)));
    says("accept", fresh.accept().map(drop));
    says(
        "another's address",
        Socket::new(AF_INET, SOCK_STREAM, 0)?.bind(fresh.getsockname()?),
    );

    let server = listener()?;
    says("listen twice", server.listen(1));
    says("recv", server.recv(10));
    says("send", server.send(b"x"));
    says("getpeername", server.getpeername().map(drop));

    let (client, accepted) = connection()?;
    let there = client.getpeername()? == accepted.getsockname()?;
    println!("names: {there} {}", accepted.getpeername()? == client.getsockname()?);
    says("listen", client.listen(1));
    says("bind", client.bind(("127.0.0.1", 0)));
    says("sendto", client.sendto(b"x", server.getsockname()?));
    client.setblocking(false);
    says("connect", client.connect(server.getsockname()?));
    says("connect_ex", client.connect_ex(server.getsockname()?).map(number_name));

    let udp = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
    says("udp send", udp.send(b"x"));
    says("udp getpeername", udp.getpeername().map(drop));
    says("udp shutdown", udp.shutdown(Shutdown::Both));
    let unix = Socket::new(AF_UNIX, SOCK_STREAM, 0)?;
    says("unix recv", unix.recv(10));
    says("unix listen", unix.listen(1));
    says("unix accept", unix.accept().map(drop));
    says("unix send", unix.send(b"x"));
    says("no such kind", Socket::new(AF_UNIX, 77, 0).map(drop));
    says("no such family", Socket::new(77, SOCK_STREAM, 0).map(drop));
    Ok(())
}
