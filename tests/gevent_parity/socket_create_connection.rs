//! create_connection tries one address after the other.

use std::io;
use std::net::SocketAddr;

use gevent::prelude::*;
use gevent::socket::{
    AF_INET, CreateConnection, SOCK_STREAM, Socket, SocketAddress, create_connection, create_connection_timeout,
    create_connection_with,
};

use super::common::{TestResult, name};
use super::common_sockets::{busy_listener, listener, says, undisturbed, why};

/// What a name means: these addresses.
fn at(sockets: &[&Socket]) -> io::Result<Vec<SocketAddr>> {
    let address = |socket: &&Socket| match socket.getsockname()? {
        SocketAddress::Inet(address) => Ok(address.into()),
        other => panic!("{other}"),
    };
    sockets.iter().map(address).collect()
}

fn unused() -> io::Result<Socket> {
    let socket = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    socket.bind(("127.0.0.1", 0))?;
    Ok(socket)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (server, other, nobody, nobody_too) = (listener()?, listener()?, unused()?, unused()?);
    let (busy, _client) = busy_listener()?;

    let addresses = at(&[&nobody, &server])?;
    let client = create_connection(&addresses[..])?;
    println!(
        "second: {} {}",
        client.getpeername()? == server.getsockname()?,
        timeout(&client)
    );
    server.accept()?;

    let addresses = at(&[&server, &other])?;
    let client = create_connection_timeout(&addresses[..], 100)?;
    println!(
        "first: {} {}",
        client.getpeername()? == server.getsockname()?,
        timeout(&client)
    );
    other.setblocking(false);
    says("not the other one", other.accept().map(drop));

    let addresses = at(&[&nobody, &nobody_too])?;
    says("none", create_connection(&addresses[..]).map(drop));

    let addresses = at(&[&busy, &server])?;
    let client = create_connection_timeout(&addresses[..], 0.001)?;
    println!("too slow: {}", client.getpeername()? == server.getsockname()?);
    let addresses = at(&[&nobody, &busy])?;
    says(
        "the last one's error",
        create_connection_timeout(&addresses[..], 0.001).map(drop),
    );
    let addresses = at(&[&busy, &nobody])?;
    says(
        "the last one's error",
        create_connection_timeout(&addresses[..], 0.001).map(drop),
    );

    // What is thrown ends it.
    let addresses = at(&[&busy, &other])?;
    let theirs = addresses.clone();
    let connecting = spawn(move || says("killed", create_connection(&theirs[..]).map(drop)));
    sleep(0)?;
    connecting.kill()?;
    match Timeout::new(0.001).with(|| gevent::io(|| create_connection(&addresses[..]))) {
        Ok(_) => {}
        Err(error) => println!("timeout: {}", name(&error)),
    }
    says("not tried", other.accept().map(drop));

    // From an address.
    let addresses = at(&[&server])?;
    let from = |address: SocketAddress| {
        create_connection_with(&addresses[..], CreateConnection::default().source_address(address))
    };
    let client = from(("127.0.0.1", 0).into())?;
    println!("from: {}", at(&[&client])?[0].ip());
    let kept = listener()?;
    match from(kept.getsockname()?) {
        Ok(_) => {}
        Err(error) => println!("from: {}", why(error.into())),
    }
    Ok(())
}

fn timeout(socket: &Socket) -> String {
    socket
        .gettimeout()
        .map_or("None".to_owned(), |timeout| format!("{timeout:?}"))
}
