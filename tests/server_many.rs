//! Tests a server with 10,000 connections at once. It counts the process's descriptors, so this program has no other
//! test. The clients are in a process of their own, because a process may have only so many descriptors.

#[allow(dead_code, reason = "shared with other tests")]
mod common;
#[path = "support/mod.rs"]
mod support;

use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::rc::Rc;

use common::process::Process;
use common::{SOON, raise_fd_limit, this_program};
use gevent::greenlet_core::greenlets;
use gevent::server::StreamServer;
use gevent::{get_hub, sleep};
use support::{LONG, TestResult};

const CONNECTIONS: usize = 10_000;

/// Tells the child process where the server is.
const SERVER: &str = "GEVENT_TEST_SERVER";

/// Connects all clients, then has each of them served, and then ends them all at once.
fn clients(server: SocketAddr) -> std::io::Result<()> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(TcpStream::connect(server)?);
    }
    for client in &mut clients {
        client.write_all(b"x")?;
    }
    for client in &mut clients {
        let mut answer = [0];
        client.read_exact(&mut answer)?;
        assert_eq!(&answer, b"x");
    }
    Ok(())
}

fn counts() -> Result<(usize, usize, i32), gevent::Exception> {
    let descriptors = fs::read_dir("/proc/self/fd")?.count();
    Ok((descriptors, greenlets().len(), get_hub().loop_().activecnt()?))
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() -> common::Result {
    raise_fd_limit()?;
    if let Ok(server) = std::env::var(SERVER) {
        return Ok(clients(server.parse()?)?);
    }
    // The hub and what is kept for later are there before anything is counted.
    let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (n, m) = (now.clone(), most.clone());
    let server = StreamServer::new("127.0.0.1:0", move |mut stream: gevent::socket::TcpStream, _| {
        n.set(n.get() + 1);
        m.set(m.get().max(n.get()));
        let served = serve(&mut stream);
        n.set(n.get() - 1);
        served
    });
    sleep(0.001)?;
    let before = counts()?;
    for _ in 0..2 {
        server.start()?;
        most.set(0);
        let address = server.address().ok_or("it listens")?.to_string();
        let mut command: Command = this_program::command();
        let child = Process::spawn(
            command
                .args(["--exact", "ten_thousand_connections_leave_nothing_behind"])
                .env(SERVER, address)
                .stdin(Stdio::null()),
        )?;
        // The loop runs, and serves, until the clients have come and gone.
        while most.get() == 0 || now.get() > 0 {
            sleep(0.01)?;
        }
        assert_eq!(most.get(), CONNECTIONS);
        let ended = child.wait(SOON)?;
        assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
        server.stop_timeout(LONG)?;
    }
    sleep(0.01)?;
    assert_eq!(counts()?, before);
    Ok(())
}

fn serve(stream: &mut gevent::socket::TcpStream) -> TestResult {
    stream.read_exact(&mut [0])?;
    stream.write_all(b"x")?;
    assert_eq!(stream.read(&mut [0])?, 0);
    Ok(())
}
