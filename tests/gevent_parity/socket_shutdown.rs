//! What the other side ends is an end here; what was ended here cannot be used any more.

use std::io;
use std::net::Shutdown;

use gevent::sleep;
use gevent::socket::{AF_INET, SOCK_STREAM, Socket, socketpair};

use super::common::TestResult;
use super::common_sockets::{connection, says, undisturbed, waits};

fn both(reader: &'static str, pair: fn() -> io::Result<(Socket, Socket)>) -> TestResult {
    let (a, b) = pair()?;
    let reader = waits(reader, &b, |s| s.recv(10));
    sleep(0)?;
    a.shutdown(Shutdown::Write)?;
    reader.join()?;
    says("the end again", b.recv(10));
    says("to the half-open", b.sendall(b"answer"));
    says("half-open", a.recv(10));
    says("ended here", a.send(b"x"));
    says("twice", a.shutdown(Shutdown::Write));
    b.shutdown(Shutdown::Both)?;
    says("other end", a.recv(10));
    says("both ended", b.send(b"x"));
    says("both ended", b.recv(10));
    Ok(())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    both("tcp reader", connection)?;
    both("unix reader", socketpair)?;

    // The data that are there come before the end.
    let (a, b) = connection()?;
    a.sendall(b"data")?;
    b.shutdown(Shutdown::Read)?;
    says("read", b.recv(10));
    says("read", b.recv(10));
    says(
        "not connected",
        Socket::new(AF_INET, SOCK_STREAM, 0)?.shutdown(Shutdown::Both),
    );
    a.close();
    says("closed", a.shutdown(Shutdown::Both));
    Ok(())
}
