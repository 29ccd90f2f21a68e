//! MSG_PEEK shows the data, which stay.

use std::io;

use gevent::sleep;
use gevent::socket::{MSG_PEEK, Socket};

use super::common::TestResult;
use super::common_sockets::{connection, says, undisturbed, waits};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    let peeker = waits("peek", &server, |s| s.recv_with_flags(10, MSG_PEEK));
    sleep(0)?;
    client.sendall(b"one")?;
    peeker.join()?;
    says("peek", server.recv_with_flags(2, MSG_PEEK));
    says(
        "peek",
        server.recvfrom_with_flags(10, MSG_PEEK).map(|received| received.0),
    );
    says("recv", server.recv(2));
    says("peek", server.recv_with_flags(10, MSG_PEEK));

    // A peeker beside a reader.
    let copy = server.dup()?;
    says("recv", server.recv(10));
    let peeker = waits("peek", &copy, |s| s.recv_with_flags(10, MSG_PEEK));
    sleep(0)?;
    client.sendall(b"two")?;
    peeker.join()?;
    let reader = waits("recv", &server, |s| s.recv(10));
    reader.join()?;

    let peek_beside = |socket: &Socket| -> io::Result<Vec<u8>> {
        let reader = waits("recv", socket, |s| s.recv(10));
        sleep(0)?;
        let peeked = socket.recv_with_flags(10, MSG_PEEK);
        client.sendall(b"three")?;
        reader.join()?;
        peeked
    };

    says("while another waits", peek_beside(&server));
    client.close();
    says("the end", server.recv_with_flags(10, MSG_PEEK));
    says("the end", server.recv(10));
    Ok(())
}
