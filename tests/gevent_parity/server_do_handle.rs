//! A connection that the server has not accepted is handled, and closed, by do_handle.

use std::io::{Read, Write};

use gevent::server::{Spawn, StreamServer};
use gevent::socket::{TcpListener, TcpStream};

use super::common::{KeyError, TestResult, ValueError, name};

fn handle(mut client: TcpStream) -> TestResult {
    client.write_all(b"x")?;
    println!("handled");
    Ok(())
}

fn fails() -> TestResult {
    Err(ValueError("on purpose").into())
}

pub(crate) fn main() -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0")?;

    let server = StreamServer::new("127.0.0.1:0", |client, _address| handle(client));
    let ask = |label: &str| -> TestResult {
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (accepted, address) = listener.accept()?;
        match server.do_handle(accepted, address) {
            Ok(()) => println!("{label}: done"),
            Err(error) => println!("{label}: {}", name(&error)),
        }
        println!("{} bytes", client.read(&mut [0; 10])?);
        println!("then {} bytes", client.read(&mut [0; 10])?);
        Ok(())
    };

    server.init_socket()?;
    ask("greenlet")?;
    server.set_spawn(Spawn::Raw);
    ask("raw")?;
    server.set_spawn(1);
    ask("pool")?;
    server.set_spawn(Spawn::InHub);
    ask("none")?;
    server.set_handle(|_client, _address| fails());
    server.init_socket()?;
    ask("none, fails")?;
    server.set_spawn(Spawn::with(|_| Err(KeyError("no place").into())));
    ask("no place")?;
    server.close();
    Ok(())
}
