//! Closing a socket gives EBADF to the one that connects; being killed leaves the socket open.

use gevent::socket::{AF_INET, SOCK_STREAM, Socket, create_connection, create_connection_timeout};
use gevent::{sleep, spawn};

use super::common::TestResult;
use super::common_sockets::{busy_listener, number_name, says, undisturbed, waits};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (server, client) = busy_listener()?;
    let address = server.getsockname()?;
    let connect = {
        let address = address.clone();
        move |s: &Socket| s.connect(&address)
    };
    let connect_ex = {
        let address = address.clone();
        move |s: &Socket| s.connect_ex(&address).map(number_name)
    };

    let connecting = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    let waiting = waits("connect", &connecting, connect.clone());
    sleep(0)?;
    connecting.close();
    println!("closed");
    waiting.join()?;
    says("again", connect(&connecting));

    let connecting = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    let waiting = waits("connect_ex", &connecting, connect_ex.clone());
    sleep(0)?;
    connecting.close();
    println!("closed");
    waiting.join()?;
    says("again", connect_ex(&connecting));

    let connecting = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    let waiting = waits("connect", &connecting, connect.clone());
    sleep(0)?;
    waiting.kill()?;
    says("no name yet", connecting.getpeername().map(drop));
    connecting.setblocking(false);
    says("still connecting", connect(&connecting));
    says("still connecting", connect_ex(&connecting));
    connecting.settimeout(0.001)?;
    says("too slow", connect(&connecting));
    says("too slow", connect_ex(&connecting));
    connecting.close();

    let there = address.clone();
    let waiting = spawn(|| says("create_connection", create_connection(there).map(drop)));
    sleep(0)?;
    waiting.kill()?;
    says("too slow", create_connection_timeout(address, 0.001).map(drop));
    server.close();
    says("the end", client.recv(10));
    Ok(())
}
