//! serve_forever starts the server, and ends when it is stopped; what ends the call stops the server.

use std::io::{Read, Write};

use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use gevent::{Timeout, sleep, spawn};

use super::common::{TestResult, name};

fn handle(server: &StreamServer, mut client: TcpStream) -> TestResult {
    client.write_all(b"x")?;
    server.close();
    Ok(())
}

fn serve(server: &StreamServer) {
    match server.serve_forever() {
        Ok(()) => println!("it has ended"),
        Err(error) => println!(
            "ended by {}, started: {}, closed: {}",
            name(&error),
            server.started(),
            server.closed()
        ),
    }
}

pub(crate) fn main() -> TestResult {
    let server = StreamServer::new("127.0.0.1:0", |_client, _address| ());
    server.set_method(|server, client, _address| handle(server, client));
    let spawn_serve = || {
        let server = server.clone();
        spawn(move || serve(&server))
    };

    let serving = spawn_serve();
    sleep(0)?;
    println!("started: {}", server.started());
    server.stop()?;
    serving.join()?;

    server.start()?;
    let serving = spawn_serve();
    sleep(0)?;
    server.close();
    serving.join()?;

    let serving = spawn_serve();
    sleep(0)?;
    serving.kill()?;

    let serving = spawn_serve();
    sleep(0)?;
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    println!("{} bytes", client.read(&mut [0; 10])?);
    serving.join()?;

    Timeout::new(0.01).silent(|| server.serve_forever())?;
    println!("started: {}", server.started());
    Ok(())
}
