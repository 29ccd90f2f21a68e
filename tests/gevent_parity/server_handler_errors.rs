//! A handler that fails is reported, its connection is closed, and the next one is served.

use std::io::{Read, Write};

use gevent::server::{Spawn, StreamServer};
use gevent::sleep;
use gevent::socket::TcpStream;

use super::common::{TestResult, ValueError, report_errors};

fn handle(mut client: TcpStream) -> TestResult {
    let mut request = [0];
    client.read_exact(&mut request)?;
    if &request == b"f" {
        return Err(ValueError("on purpose").into());
    }
    Ok(client.write_all(b"fine")?)
}

fn in_hub() -> TestResult {
    Err(ValueError("on purpose").into())
}

fn ask(server: &StreamServer, request: &str) -> TestResult {
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    client.write_all(request.as_bytes())?;
    println!("{request}: {} bytes", client.read(&mut [0; 10])?);
    sleep(0)
}

pub(crate) fn main() -> TestResult {
    report_errors();

    for (label, spawn) in [("greenlets", Spawn::Default), ("pool", Spawn::Pool(1))] {
        println!("{label}:");
        let server = StreamServer::builder()
            .spawn(spawn)
            .build("127.0.0.1:0", |client, _address| handle(client));
        server.start()?;
        for request in ["f", "o", "f", "f", "o"] {
            ask(&server, request)?;
        }
        server.stop()?;
    }

    println!("hub:");
    let server = StreamServer::builder()
        .spawn(Spawn::InHub)
        .build("127.0.0.1:0", |_client, _address| in_hub());
    server.start()?;
    for _ in 0..2 {
        let mut client = TcpStream::connect(server.address().expect("it listens"))?;
        println!(
            "{} bytes, after a failure: {:.2}",
            client.read(&mut [0; 10])?,
            server.delay()
        );
    }
    server.stop()
}
