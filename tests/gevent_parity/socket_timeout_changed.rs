//! A changed timeout holds from the next wait on, of calls that are under way, too.

use gevent::prelude::*;
use gevent::socket::socketpair;

use super::common::TestResult;
use super::common_sockets::{connection, drain, fill, says, undisturbed, waits};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    let reader = waits("waits for ever", &client, |s| s.recv(10));
    sleep(0)?;
    client.settimeout(0.001)?;
    sleep(0.01)?;
    server.sendall(b"data")?;
    reader.join()?;
    says("the next one", client.recv(10));

    client.settimeout(0.001)?;
    let reader = waits("waits a little", &client, |s| s.recv(10));
    sleep(0)?;
    client.settimeout(None)?;
    reader.join()?;

    // Two copies are woken by the same data. One has it; the other one is to wait again.
    let copy = server.dup()?;
    let first = waits("first", &server, |s| s.recv(10));
    let second = waits("second", &copy, |s| s.recv(10));
    sleep(0)?;
    server.setblocking(false);
    copy.setblocking(false);
    client.sendall(b"one")?;
    joinall(&[first, second])?;

    server.setblocking(true);
    copy.setblocking(true);
    let first = waits("first", &server, |s| s.recv(10));
    let second = waits("second", &copy, |s| s.recv(10));
    sleep(0)?;
    server.settimeout(0.001)?;
    copy.settimeout(0.001)?;
    client.sendall(b"two")?;
    joinall(&[first, second])?;

    // sendall has the timeout that it has begun with.
    let (a, b) = socketpair()?;
    fill(&a)?;
    let sender = waits("sendall", &a, |s| s.sendall(&vec![0; 1_000_000]));
    sleep(0)?;
    a.settimeout(100)?;
    while !sender.ready() {
        drain(&b)?;
        sleep(0.001)?;
    }
    println!("timeout: {:?}", a.gettimeout().unwrap_or(0.0));
    Ok(())
}
