//! One greenlet at a time reads, and one writes. The second gets an error, and the first does not notice.

use gevent::sleep;
use gevent::socket::socketpair;

use super::common::TestResult;
use super::common_sockets::{connection, drain, fill, listener, says, undisturbed, waits};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    let reader = waits("first", &client, |s| s.recv(10));
    sleep(0)?;
    says("recv", client.recv(10));
    says("recv_into", client.recv_into(&mut [0; 10]));
    says("recvfrom", client.recvfrom(10).map(drop));
    let second = waits("second greenlet", &client, |s| s.recv(10));
    second.join()?;
    says("send", client.send(b"while somebody reads"));
    server.sendall(b"data")?;
    reader.join()?;
    server.sendall(b"more")?;
    says("then", client.recv(10));

    // Data that are there need no waiting.
    let reader = waits("first", &client, |s| s.recv(10));
    sleep(0)?;
    server.sendall(b"taken")?;
    says("second", client.recv(10));
    sleep(0)?;
    server.sendall(b"left")?;
    reader.join()?;

    let (a, b) = socketpair()?;
    fill(&a)?;
    let writer = waits("first", &a, |s| s.send(b"x"));
    sleep(0)?;
    says("send", a.send(b"x"));
    says("sendall", a.sendall(b"x"));
    let reader = waits("reader", &a, |s| s.recv(10));
    sleep(0)?;
    drain(&b)?;
    writer.join()?;
    b.sendall(b"answer")?;
    reader.join()?;

    let lonely = listener()?;
    let acceptor = waits("accept", &lonely, |s| s.accept()?.0.recv(10));
    sleep(0)?;
    says("accept", lonely.accept().map(drop));
    acceptor.kill()?;
    lonely.settimeout(0.001)?;
    says("with a timeout", lonely.accept().map(drop));

    // Who is killed gives the socket free.
    let reader = waits("killed", &client, |s| s.recv(10));
    sleep(0)?;
    reader.kill()?;
    let reader = waits("next", &client, |s| s.recv(10));
    sleep(0)?;
    client.close();
    reader.join()?;
    Ok(())
}
