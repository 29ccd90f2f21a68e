//! A server is stopped and started again, twice, and closed before it was ever started.

use std::io::{ErrorKind, Read, Write};

use gevent::server::StreamServer;
use gevent::socket::TcpStream;

use super::common::TestResult;

fn handle(mut client: TcpStream) -> TestResult {
    Ok(client.write_all(b"x")?)
}

fn show(label: &str, server: &StreamServer) {
    println!("{label}: started: {}, closed: {}", server.started(), server.closed());
}

fn ask(server: &StreamServer) -> TestResult {
    let mut client = match TcpStream::connect(server.address().expect("it was bound")) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            println!("refused");
            return Ok(());
        }
        connected => connected?,
    };
    println!("{} bytes", client.read(&mut [0; 10])?);
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let server = StreamServer::new("127.0.8.1:0", |client, _address| handle(client));
    show("new", &server);
    server.close();
    show("closed", &server);
    server.init_socket()?;
    show("with a socket", &server);
    let port = server.server_port();
    server.start()?;
    show("started", &server);
    server.start()?;
    show("started twice", &server);
    ask(&server)?;
    for _ in 0..2 {
        server.stop()?;
        server.close();
        show("stopped", &server);
        ask(&server)?;
        server.start()?;
        show("started", &server);
        ask(&server)?;
        println!("the same port: {}", server.server_port() == port);
    }
    server.stop_accepting();
    show("not accepting", &server);
    server.start_accepting()?;
    server.start_accepting()?;
    ask(&server)?;
    server.stop()
}
