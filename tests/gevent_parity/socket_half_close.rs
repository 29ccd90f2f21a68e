//! A client ends its half, and the server answers the whole.

use std::io;
use std::net::Shutdown;

use gevent::prelude::*;
use gevent::socket::{Socket, socketpair};

use super::common::TestResult;
use super::common_sockets::{connection, says, undisturbed, waits};

fn read_all(socket: &Socket) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    loop {
        let part = socket.recv(4)?;
        if part.is_empty() {
            return Ok(text);
        }
        text.extend(part);
        text.push(b'|');
    }
}

fn server(socket: &Socket) -> io::Result<Vec<u8>> {
    let data = read_all(socket)?;
    println!("server has {}", String::from_utf8_lossy(&data));
    socket.sendall(&[b"answer to ", &data[..]].concat())?;
    socket.shutdown(Shutdown::Write)?;
    socket.recv(10)
}

type Pair = fn() -> io::Result<(Socket, Socket)>;

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let pairs: [(&str, Pair); 2] = [("tcp", connection), ("unix", socketpair)];
    for (what, pair) in pairs {
        println!("{what}");
        let (a, b) = pair()?;
        let serving = waits("server", &b, server);
        a.sendall(b"question")?;
        sleep(0)?;
        a.shutdown(Shutdown::Write)?;
        let reader = waits("client", &a, read_all);
        joinall(&[serving, reader])?;
        says("ended", a.send(b"x"));
        a.close();
        says("closed", b.recv(10));
    }
    Ok(())
}
