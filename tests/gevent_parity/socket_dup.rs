//! Copies of a socket: each may have its own reader, and is closed on its own.

use std::net::Shutdown;

use gevent::Wait;
use gevent::prelude::*;

use super::common::TestResult;
use super::common_sockets::{connection, says, undisturbed, waits};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    server.settimeout(7)?;
    let copy = server.dup()?;
    println!(
        "timeout: {:?} {}",
        copy.gettimeout().unwrap_or(0.0),
        copy.fileno() != server.fileno()
    );
    server.settimeout(None)?;
    println!("timeout: {:?}", copy.gettimeout().unwrap_or(0.0));
    copy.settimeout(None)?;

    // Both are woken, and one has the data. The other one waits again.
    let first = waits("original", &server, |s| s.recv(10));
    let second = waits("copy", &copy, |s| s.recv(10));
    sleep(0)?;
    client.sendall(b"one")?;
    gevent::wait_with([&first, &second], Wait::default().count(1))?;
    client.sendall(b"two")?;
    joinall(&[first, second])?;

    // Closing one of them ends its reader only.
    let first = waits("original", &server, |s| s.recv(10));
    let second = waits("copy", &copy, |s| s.recv(10));
    sleep(0)?;
    server.close();
    first.join()?;
    client.sendall(b"three")?;
    second.join()?;
    says("send", copy.send(b"answer"));
    says("recv", client.recv(10));
    says("closed", server.dup().map(drop));

    // The connection ends with the last copy.
    let last = copy.dup()?;
    copy.close();
    let reader = waits("client", &client, |s| s.recv(10));
    sleep(0)?;
    println!("ended: {}", reader.ready());
    last.close();
    reader.join()?;

    // Shutting down is for all of them.
    let (client, server) = connection()?;
    let copy = server.dup()?;
    server.close();
    copy.shutdown(Shutdown::Write)?;
    says("the end", client.recv(10));
    Ok(())
}
