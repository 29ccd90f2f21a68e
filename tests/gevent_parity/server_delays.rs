//! After an error of starting a handler the server pauses, longer each time, and a success makes the pause short again.

use std::cell::Cell;
use std::io::{Read, Write};
use std::rc::Rc;

use gevent::server::{Spawn, StreamServer};
use gevent::socket::TcpStream;

use super::common::{TestResult, ValueError, report_errors};

fn handle(mut client: TcpStream) -> TestResult {
    Ok(client.write_all(b"fine")?)
}

fn ask(server: &StreamServer) -> TestResult {
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    println!(
        "{} bytes, next delay: {:.4}",
        client.read(&mut [0; 10])?,
        server.delay()
    );
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let fails = Rc::new(Cell::new(true));

    let its = fails.clone();
    let spawn = Spawn::with(move |handler| {
        if its.get() {
            return Err(ValueError("on purpose").into());
        }
        gevent::spawn(handler);
        Ok(())
    });
    let server = StreamServer::builder()
        .spawn(spawn)
        .build("127.0.0.1:0", |client, _address| handle(client));
    println!(
        "{:.4}, {:.4}, {:.4}",
        server.min_delay(),
        server.max_delay(),
        server.delay()
    );
    server.set_min_delay(0.002);
    server.start()?;
    ask(&server)?;
    ask(&server)?;
    server.set_max_delay(0.003);
    ask(&server)?;
    fails.set(false);
    ask(&server)?;
    fails.set(true);
    server.set_min_delay(0.001);
    ask(&server)?;
    server.stop()
}
