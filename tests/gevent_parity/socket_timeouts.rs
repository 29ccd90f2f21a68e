//! The timeout of a socket ends each of its calls.

use gevent::socket::{
    AF_INET, MSG_PEEK, SOCK_DGRAM, SOCK_STREAM, Socket, create_connection, create_connection_timeout, socketpair,
};
use gevent::spawn_later;

use super::common::{TestResult, show};
use super::common_sockets::{busy_listener, connection, drain, fill, listener, number_name, says, undisturbed};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    client.settimeout(0.001)?;
    says("recv", client.recv(10));
    says("recv_into", client.recv_into(&mut [0; 10]));
    says("recvfrom", client.recvfrom(10).map(|received| received.0));
    says(
        "recvfrom_into",
        client.recvfrom_into(&mut [0; 10]).map(|received| received.0),
    );
    says("peek", client.recv_with_flags(10, MSG_PEEK));
    server.sendall(b"data")?;
    says("data", client.recv(10));
    says("recv", client.recv(10));
    client.settimeout(None)?;
    spawn_later(0.01, move || gevent::io(|| server.sendall(b"later")));
    says("no timeout", client.recv(10));

    let (a, b) = socketpair()?;
    fill(&a)?;
    a.settimeout(0.001)?;
    says("send", a.send(b"x"));
    says("sendall", a.sendall(b"x"));
    drain(&b)?;
    says("room", a.send(b"x"));
    says("room", a.sendall(b"yz"));
    says("received", b.recv(10));

    let lonely = listener()?;
    lonely.settimeout(0.001)?;
    says("accept", lonely.accept().map(drop));
    let _client = create_connection(lonely.getsockname()?)?;
    let accepted = lonely.accept()?.0;
    println!(
        "accepted: {} {}",
        show(accepted.gettimeout()),
        show(lonely.gettimeout())
    );

    let (busy, _client) = busy_listener()?;
    let connecting = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    connecting.settimeout(0.001)?;
    says("connect", connecting.connect(busy.getsockname()?));
    let connecting = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    connecting.settimeout(0.001)?;
    says(
        "connect_ex",
        connecting.connect_ex(busy.getsockname()?).map(number_name),
    );
    says(
        "create_connection",
        create_connection_timeout(busy.getsockname()?, 0.001).map(drop),
    );

    let udp = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
    udp.bind(("127.0.0.1", 0))?;
    udp.settimeout(0.001)?;
    says("udp recv", udp.recv(10));
    says("udp recvfrom", udp.recvfrom(10).map(|received| received.0));
    says(
        "udp recvfrom_into",
        udp.recvfrom_into(&mut [0; 10]).map(|received| received.0),
    );
    Ok(())
}
