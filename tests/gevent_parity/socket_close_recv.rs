//! Closing a socket gives EBADF to those who wait for data, and to everybody afterwards.

use std::io;

use gevent::sleep;
use gevent::socket::{MSG_PEEK, Socket};

use super::common::TestResult;
use super::common_sockets::{connection, says, undisturbed, waits};

fn closes(what: &'static str, call: impl Fn(&Socket) -> io::Result<String> + Clone + 'static) -> TestResult {
    let (client, server) = connection()?;
    let reader = waits(what, &client, call.clone());
    sleep(0)?;
    client.close();
    println!("closed {}", client.fileno());
    sleep(0)?;
    reader.join()?;
    says("again", call(&client));
    says("the other side", server.recv(10));
    Ok(())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let text = |data: Vec<u8>| String::from_utf8_lossy(&data).into_owned();
    closes("recv", move |s| s.recv(10).map(text))?;
    closes("recv_into", |s| s.recv_into(&mut [0; 10]).map(|n| n.to_string()))?;
    closes("recvfrom", move |s| s.recvfrom(10).map(|(data, _)| text(data)))?;
    closes("recvfrom_into", |s| {
        s.recvfrom_into(&mut [0; 10]).map(|(n, _)| n.to_string())
    })?;
    closes("peek", move |s| s.recv_with_flags(10, MSG_PEEK).map(text))?;

    // Data that have come before are not read any more.
    let (client, server) = connection()?;
    let reader = waits("late", &client, |s| s.recv(10));
    sleep(0)?;
    server.sendall(b"data")?;
    client.close();
    client.close();
    reader.join()?;

    // The reader can be the one that closes.
    let (client, server) = connection()?;
    let reader = waits("woken", &server, |s| s.recv(10).inspect(|_| s.close()));
    sleep(0)?;
    client.sendall(b"bye")?;
    says("the end", client.recv(10));
    reader.join()?;
    says("closed", server.recv(10));
    Ok(())
}
