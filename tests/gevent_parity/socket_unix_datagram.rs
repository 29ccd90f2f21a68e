//! Unix datagrams at abstract names.

use gevent::sleep;
use gevent::socket::{AF_UNIX, MSG_PEEK, SOCK_DGRAM, SOCK_STREAM, Socket, socketpair_with};

use super::common::TestResult;
use super::common_sockets::{fill, says, undisturbed, waits};

fn unix() -> std::io::Result<Socket> {
    Socket::new(AF_UNIX, SOCK_DGRAM, 0)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let name = &*format!("\0gevent parity {}", std::process::id());
    let server = unix()?;
    server.bind(name)?;
    let client = unix()?;
    let reader = waits("recvfrom", &server, |s| s.recvfrom(10).map(|received| received.0));
    sleep(0)?;
    says("sendto", client.sendto(b"hello", name));
    reader.join()?;
    client.sendto(b"no name", name)?;
    println!("no name: {}", server.recvfrom(10)?.1.is_none());
    client.bind(&*format!("{name} client"))?;
    client.sendto(b"name", name)?;
    let (_data, address) = server.recvfrom(10)?;
    let address = address.expect("it has a name");
    println!("name: {}", address == client.getsockname()?);
    says("answer", server.sendto(b"answer", address));
    says(
        "peek",
        client.recvfrom_with_flags(3, MSG_PEEK).map(|received| received.0),
    );
    says("answer", client.recv(10));

    says("nobody", client.sendto(b"x", &*format!("{name} nobody")));
    let stream = Socket::new(AF_UNIX, SOCK_STREAM, 0)?;
    stream.bind(&*format!("{name} stream"))?;
    says("another type", client.sendto(b"x", &*format!("{name} stream")));
    says("where to?", client.send(b"x"));

    // Connected, a full receiver lets the sender wait.
    client.connect(name)?;
    fill(&client)?;
    let sender = waits("sender", &client, |s| s.send(b"last"));
    sleep(0)?;
    println!("waits: {}", !sender.ready());
    while !sender.ready() {
        server.recv(4096)?;
        sleep(0)?;
    }

    // A pair, and its end.
    let (a, b) = socketpair_with(AF_UNIX, SOCK_DGRAM, 0)?;
    a.send(b"one")?;
    a.send(b"")?;
    says("recv", b.recv(10));
    says("recv", b.recv(10));
    let reader = waits("reader", &b, |s| s.recv(10));
    sleep(0)?;
    a.send(b"two")?;
    reader.join()?;
    a.close();
    says("nobody", b.send(b"x"));
    Ok(())
}
