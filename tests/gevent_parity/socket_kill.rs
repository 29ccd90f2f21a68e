//! A greenlet can be killed in each call of a socket, which goes on without it.

use std::io::{self, Read};

use gevent::prelude::*;
use gevent::socket::{MSG_PEEK, Socket, create_connection, socketpair};

use super::common::TestResult;
use super::common_sockets::{Shown, connection, drain, fill, listener, says, undisturbed, waits};

fn kills<T: Shown>(
    what: &'static str,
    socket: &Socket,
    call: impl FnOnce(&Socket) -> io::Result<T> + 'static,
) -> TestResult {
    let waiting = waits(what, socket, call);
    sleep(0)?;
    waiting.kill()
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    kills("recv", &client, |s| s.recv(10))?;
    kills("recv_into", &client, |s| s.recv_into(&mut [0; 10]))?;
    kills("recvfrom", &client, |s| s.recvfrom(10).map(|received| received.0))?;
    kills("recvfrom_into", &client, |s| {
        s.recvfrom_into(&mut [0; 10]).map(|received| received.0)
    })?;
    kills("peek", &client, |s| s.recv_with_flags(10, MSG_PEEK))?;
    kills("makefile", &client, |s| s.makefile("rb")?.read_to_end(&mut Vec::new()))?;
    server.sendall(b"data")?;
    says("recv", client.recv(10));

    let (a, b) = socketpair()?;
    fill(&a)?;
    kills("send", &a, |s| s.send(b"x"))?;
    kills("sendall", &a, |s| s.sendall(b"x"))?;
    drain(&b)?;
    says("send", a.send(b"x"));
    says("recv", b.recv(10));

    let server = listener()?;
    kills("accept", &server, |s| s.accept().map(drop))?;
    let client = create_connection(server.getsockname()?)?;
    client.sendall(b"hello")?;
    says("accept", server.accept()?.0.recv(10));

    // Killed when the data have come already: they are for the next one.
    let (client, server) = connection()?;
    let reader = waits("late", &client, |s| s.recv(10));
    sleep(0)?;
    server.sendall(b"data")?;
    reader.kill()?;
    says("the next one", client.recv(10));

    // Killed before it has begun.
    let reader = waits("never", &client, |s| s.recv(10));
    reader.kill()?;
    server.sendall(b"more")?;
    says("the next one", client.recv(10));
    Ok(())
}
