//! Datagrams: their addresses, their bounds, and the answer that nobody is there.

use gevent::sleep;
use gevent::socket::{AF_INET, MSG_PEEK, SOCK_DGRAM, Socket};

use super::common::TestResult;
use super::common_sockets::{says, undisturbed, waits};

fn udp() -> std::io::Result<Socket> {
    let socket = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
    socket.bind(("127.0.0.1", 0))?;
    Ok(socket)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (a, b) = (udp()?, udp()?);
    let sender = a.getsockname()?;
    let reader = waits("recvfrom", &b, move |s| {
        s.recvfrom(100).map(|received| received.1 == Some(sender))
    });
    sleep(0)?;
    says("sendto", a.sendto(b"hello", b.getsockname()?));
    reader.join()?;

    // One datagram at a time; what does not fit is lost.
    for text in ["one", "", "three and more", "four"] {
        a.sendto(text.as_bytes(), b.getsockname()?)?;
    }
    says("recv", b.recv(100));
    says("recv", b.recv(100));
    says("peek", b.recv_with_flags(5, MSG_PEEK));
    says("recv", b.recv(5));
    says("recv", b.recv(5));
    a.sendto(b"nothing wanted", b.getsockname()?)?;
    says("recv of 0", b.recv(0));
    says("recvfrom of 0", b.recvfrom(0).map(|received| received.0));
    b.setblocking(false);
    says("nothing left", b.recv(100));
    b.setblocking(true);

    // Connected, it hears and sends to one only.
    says("send", a.send(b"where to?"));
    a.connect(b.getsockname()?)?;
    println!("peer: {}", a.getpeername()? == b.getsockname()?);
    says("send", a.send(b"to you"));
    says("recvfrom", b.recvfrom(100).map(|received| received.0));
    let third = udp()?;
    third.sendto(b"not heard", a.getsockname()?)?;
    b.sendto(b"heard", a.getsockname()?)?;
    says("recv", a.recv(100));
    says("too long", a.send(&[0; 70_000]));

    // Nobody is there any more: the next call is told, or who waits.
    b.close();
    says("send", a.send(b"x"));
    says("recv", a.recv(10));
    let reader = waits("reader", &a, |s| s.recv(10));
    sleep(0)?;
    says("send", a.send(b"x"));
    reader.join()?;
    says("send", a.send(b"x"));
    says("send", a.send(b"x"));
    says("not a listener", a.listen(1));
    says("not a listener", a.accept().map(drop));
    let reader = waits("closed", &third, |s| s.recvfrom(10).map(|received| received.0));
    sleep(0)?;
    third.close();
    reader.join()?;
    Ok(())
}
