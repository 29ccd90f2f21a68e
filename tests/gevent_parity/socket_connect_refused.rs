//! Connecting to an address at which nobody listens.

use gevent::prelude::*;
use gevent::socket::{
    AF_INET, SO_ERROR, SOCK_STREAM, SOL_SOCKET, Socket, create_connection, create_connection_timeout, wait_write,
};

use super::common::TestResult;
use super::common_sockets::{listener, number_name, says, undisturbed, waits};

fn socket() -> std::io::Result<Socket> {
    Socket::new(AF_INET, SOCK_STREAM, 0)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let kept = socket()?;
    kept.bind(("127.0.0.1", 0))?;
    let address = kept.getsockname()?;

    let client = socket()?;
    says("connect", client.connect(&address));
    says("connect", client.connect(&address));
    says("connect_ex", client.connect_ex(&address).map(number_name));
    says("getpeername", client.getpeername().map(drop));
    client.settimeout(100)?;
    says("with a timeout", client.connect(&address));
    says("create_connection", create_connection(&address).map(drop));
    says("create_connection", create_connection_timeout(&address, 100).map(drop));

    let client = socket()?;
    client.setblocking(false);
    let number = client.connect_ex(&address)?;
    println!(
        "begun: {}",
        ["EINPROGRESS", "ECONNREFUSED"].contains(&&*number_name(number))
    );
    wait_write(client.fileno(), None)?;
    says("SO_ERROR", client.getsockopt(SOL_SOCKET, SO_ERROR).map(number_name));
    says("SO_ERROR", client.getsockopt(SOL_SOCKET, SO_ERROR).map(number_name));

    // The same socket can connect to somebody else, when the system has forgotten the failure.
    let server = listener()?;
    let client = socket()?;
    says("refused", client.connect(&address));
    says("somebody else", client.connect(server.getsockname()?));
    says("somebody else", client.connect(server.getsockname()?));
    client.sendall(b"hello")?;
    says("received", server.accept()?.0.recv(10));

    // Several at once.
    let mut joined = Vec::new();
    for what in ["one", "two", "three"] {
        let address = address.clone();
        joined.push(waits(what, &socket()?, |s| s.connect(address)));
    }
    joinall(&joined)?;
    kept.close();
    says("no port", create_connection(("127.0.0.1", 0)).map(drop));
    Ok(())
}
