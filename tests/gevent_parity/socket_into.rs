//! Receiving into a buffer: how much of it is written.

use gevent::socket::{AF_UNIX, MSG_PEEK, SOCK_DGRAM, socketpair, socketpair_with};

use super::common::TestResult;
use super::common_sockets::{says, undisturbed};

fn text(place: &[u8]) -> String {
    String::from_utf8_lossy(place).into_owned()
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (a, b) = socketpair()?;
    let mut place = *b"........";
    a.sendall(b"one")?;
    says("recv_into", b.recv_into(&mut place));
    println!("{}", text(&place));
    a.sendall(b"a long text")?;
    says("recv_into", b.recv_into(&mut place));
    println!("{}", text(&place));
    says("recv_into", b.recv_into(&mut place[..2]));
    println!("{}", text(&place));
    says(
        "recvfrom_into",
        b.recvfrom_into(&mut place[4..]).map(|received| received.0),
    );
    println!("{}", text(&place));
    says("empty", b.recv_into(&mut []));
    a.sendall(b"peek")?;
    says("peek", b.recv_into_with_flags(&mut place, MSG_PEEK));
    says("recv", b.recv(2));
    says(
        "peek",
        b.recvfrom_into_with_flags(&mut place, MSG_PEEK)
            .map(|received| received.0),
    );
    println!("{}", text(&place));
    says("recv", b.recv(100));
    a.close();
    says("the end", b.recv_into(&mut place));
    says("the end", b.recvfrom_into(&mut place).map(|received| received.0));

    let (a, b) = socketpair_with(AF_UNIX, SOCK_DGRAM, 0)?;
    let mut place = *b"........";
    a.send(b"a long datagram")?;
    a.send(b"next")?;
    says("recv_into", b.recv_into(&mut place));
    println!("{}", text(&place));
    says(
        "recvfrom_into",
        b.recvfrom_into(&mut place[..3]).map(|received| received.0),
    );
    println!("{}", text(&place));
    a.send(b"kept")?;
    says("empty", b.recv_into(&mut []));
    says("recv", b.recv(10));
    a.send(b"lost")?;
    a.send(b"last")?;
    says("empty", b.recvfrom_into(&mut []).map(|received| received.0));
    says("recv", b.recv(10));
    Ok(())
}
