//! A connection that is reset: each side learns it once, and then it is over.

use std::io::Read;
use std::net::Shutdown;
use std::time::Duration;

use gevent::prelude::*;
use gevent::socket::Socket;

use super::common::TestResult;
use super::common_sockets::{connection, says, undisturbed, waits};

fn reset(socket: &Socket) -> TestResult {
    socket.with_options(|options| options.set_linger(Some(Duration::ZERO)))??;
    socket.close();
    Ok(())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    let reader = waits("reader", &server, |s| s.recv(10));
    sleep(0)?;
    reset(&client)?;
    reader.join()?;
    says("recv", server.recv(10));
    says("send", server.send(b"x"));
    says("getpeername", server.getpeername().map(drop));
    says("shutdown", server.shutdown(Shutdown::Both));

    let (client, server) = connection()?;
    reset(&client)?;
    says("send", server.send(b"x"));
    says("recv", server.recv(10));
    says("send", server.send(b"x"));

    // Data that have come before can still be read.
    let (client, server) = connection()?;
    client.sendall(b"data")?;
    reset(&client)?;
    says("recv", server.recv(10));
    says("recv", server.recv(10));

    // Closing with data that nobody has read resets, too.
    let (client, server) = connection()?;
    client.sendall(b"unread")?;
    let reader = waits("reader", &client, |s| s.recv(10));
    sleep(0)?;
    server.close();
    reader.join()?;

    // Both who wait are woken; the error is for one of them.
    let (client, server) = connection()?;
    let first = waits("first", &server, |s| s.recv(10));
    let copy = server.dup()?;
    let second = waits("second", &copy, |s| s.recv(10));
    sleep(0)?;
    reset(&client)?;
    joinall(&[first, second])?;
    let mut file = server.makefile("rb")?;
    let mut all = Vec::new();
    says("file", file.read_to_end(&mut all).map(|_| all));
    Ok(())
}
