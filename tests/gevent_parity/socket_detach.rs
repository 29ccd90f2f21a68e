//! detach takes the descriptor away: the socket is as if closed, the connection goes on.

use std::io::Write;

use gevent::sleep;
use gevent::socket::{AF_INET, SOCK_STREAM, Socket, socketpair};

use super::common::TestResult;
use super::common_sockets::{connection, says, undisturbed, waits};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    let fd = client.detach()?;
    println!("fileno: {}", client.fileno());
    says("recv", client.recv(10));
    says("send", client.send(b"x"));
    client.close();
    println!("close: done");
    let again = Socket::try_from(fd)?;
    println!(
        "the same: {}",
        (again.family()?, again.type_()?, again.proto()?) == (AF_INET, SOCK_STREAM, 6)
    );
    server.sendall(b"data")?;
    says("again", again.recv(10));

    // Who waits gets an error.
    let reader = waits("reader", &again, |s| s.recv(10));
    sleep(0)?;
    let fd = again.detach()?;
    println!("detached");
    reader.join()?;
    let third = Socket::try_from(fd)?;
    server.sendall(b"more")?;
    says("third", third.recv(10));
    third.close();
    says("the end", server.recv(10));

    // A descriptor of the system.
    let (reader, writer) = socketpair()?;
    let mut file = std::fs::File::from(writer.detach()?);
    file.write_all(b"written")?;
    says("read", reader.recv(10));
    drop(file);
    says("read", reader.recv(10));
    Ok(())
}
