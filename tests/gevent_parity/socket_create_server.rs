//! create_server of a patched module.

use std::io;

use gevent::sleep;
use gevent::socket::{
    AF_INET, AF_INET6, CreateServer, SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET, Socket, SocketAddress, create_connection,
    create_server, create_server_with,
};

use super::common::{TestResult, show};
use super::common_sockets::{says, undisturbed, waits};

fn is_set(socket: &Socket, option: i32) -> io::Result<bool> {
    Ok(socket.getsockopt(SOL_SOCKET, option)? != 0)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let server = create_server(("127.0.0.1", 0))?;
    println!(
        "reuse: {} {}",
        is_set(&server, SO_REUSEADDR)?,
        is_set(&server, SO_REUSEPORT)?
    );
    println!("family: {} {}", server.family()? == AF_INET, show(server.gettimeout()));
    let acceptor = waits("accept", &server, |s| s.accept()?.0.recv(10));
    sleep(0)?;
    let client = create_connection(server.getsockname()?)?;
    client.sendall(b"hello")?;
    acceptor.join()?;

    let reuse_port = || CreateServer::default().reuse_port(true);
    says("in use", create_server(server.getsockname()?).map(drop));
    says(
        "in use",
        create_server_with(server.getsockname()?, reuse_port()).map(drop),
    );
    let first = create_server_with(("127.0.0.1", 0), reuse_port())?;
    let second = create_server_with(first.getsockname()?, reuse_port())?;
    println!("the same port: {}", first.getsockname()? == second.getsockname()?);
    println!("reuse: {}", is_set(&second, SO_REUSEPORT)?);

    // The port is free again, although there was a connection.
    let address = server.getsockname()?;
    server.close();
    let again = create_server_with(&address, CreateServer::default().backlog(1))?;
    let acceptor = waits("accept", &again, |s| s.accept()?.0.recv(10));
    let client = create_connection(&address)?;
    client.sendall(b"again")?;
    acceptor.join()?;

    for family in [AF_INET, AF_INET6] {
        let settings = CreateServer::default().family(family).dualstack_ipv6(true);
        match create_server_with(("", 0), settings) {
            Ok(both) => {
                let SocketAddress::Inet6(address) = both.getsockname()? else {
                    unreachable!("its family is AF_INET6");
                };
                let _client = create_connection(("127.0.0.1", address.port()))?;
                let SocketAddress::Inet6(from) = both.accept()?.1 else {
                    unreachable!("its family is AF_INET6");
                };
                println!("both: {}", from.ip().to_string().ends_with("127.0.0.1"));
            }
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}
