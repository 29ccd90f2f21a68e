//! The handler can be changed while the server runs; a handler that has begun goes on.

use std::io::{Read, Write};

use gevent::event::Event;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;

use super::common::TestResult;

fn second(server: &StreamServer, mut client: TcpStream) -> TestResult {
    client.write_all(b"second")?;
    server.set_handle(|client, _address| third(client));
    Ok(())
}

fn third(mut client: TcpStream) -> TestResult {
    Ok(client.write_all(b"third")?)
}

pub(crate) fn main() -> TestResult {
    let go_on = Event::new();
    let its = go_on.clone();
    let first = move |mut client: TcpStream, _address| {
        client.write_all(b"first")?;
        its.wait()?;
        Ok(client.write_all(b", and still")?)
    };

    let server = StreamServer::new("127.0.0.1:0", first);
    server.start()?;
    let connect = || TcpStream::connect(server.address().expect("it listens"));
    let show = |client: &mut TcpStream| -> TestResult {
        let mut text = [0; 100];
        let n = client.read(&mut text)?;
        println!("{}", String::from_utf8_lossy(&text[..n]));
        Ok(())
    };
    let mut old = connect()?;
    show(&mut old)?;
    server.set_method(|server, client, _address| second(server, client));
    show(&mut connect()?)?;
    show(&mut connect()?)?;
    show(&mut connect()?)?;
    go_on.set();
    show(&mut old)?;
    server.stop()
}
