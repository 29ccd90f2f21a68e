//! A Timeout around a call, and the timeout of the socket: the shorter one ends the call.

use std::io::{self, Read};

use gevent::socket::{AF_INET, SOCK_STREAM, Socket, create_connection, socketpair};
use gevent::{Exception, Timeout, spawn};

use super::common::{TestResult, name};
use super::common_sockets::{busy_listener, connection, fill, listener, says, undisturbed};

fn raises<T>(what: &str, call: impl FnOnce() -> io::Result<T>) -> TestResult {
    let timeout = Timeout::start_new(0.001);
    match call() {
        Ok(_) => {}
        Err(error) => {
            let error = Exception::from(error);
            let whose = if timeout.caused(&error) { "mine" } else { "of another" };
            println!("{what}: {} {whose}", name(&error));
        }
    }
    timeout.close();
    Ok(())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    let (a, _b) = socketpair()?;
    fill(&a)?;
    let lonely = listener()?;
    let (busy, _client) = busy_listener()?;

    raises("recv", || client.recv(10))?;
    raises("recv_into", || client.recv_into(&mut [0; 10]))?;
    raises("recvfrom", || client.recvfrom(10))?;
    raises("send", || a.send(b"x"))?;
    raises("sendall", || a.sendall(b"x"))?;
    raises("accept", || lonely.accept())?;
    raises("connect", || {
        Socket::new(AF_INET, SOCK_STREAM, 0)?.connect(busy.getsockname()?)
    })?;
    raises("create_connection", || create_connection(busy.getsockname()?))?;
    raises("makefile", || client.makefile("rb")?.read(&mut [0; 1]))?;

    client.settimeout(100)?;
    raises("the shorter one", || client.recv(10))?;
    client.settimeout(0.001)?;
    Timeout::new(100).with(|| {
        says("the socket's", client.recv(10));
        Ok(())
    })?;

    // The socket is as it was.
    client.settimeout(None)?;
    server.sendall(b"data")?;
    says("recv", client.recv(10));
    let theirs = client.clone();
    let reader = spawn(move || raises("in a greenlet", || theirs.recv(10)));
    reader.join()?;
    client.sendall(b"still there")?;
    says("recv", server.recv(20));
    Ok(())
}
