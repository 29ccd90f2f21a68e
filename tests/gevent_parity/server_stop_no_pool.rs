//! Without a pool, handlers go on after their server is stopped.

use std::io::{ErrorKind, Read, Write};

use gevent::event::Event;
use gevent::server::{Spawn, StreamServer};
use gevent::socket::TcpStream;

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let begun = Event::new();
    let go_on = Event::new();

    for (label, spawn) in [("greenlets", Spawn::Default), ("raw", Spawn::Raw)] {
        println!("{label}:");
        begun.clear();
        go_on.clear();
        let (its_begun, its_go_on) = (begun.clone(), go_on.clone());
        let handle = move |mut client: TcpStream, _address| {
            its_begun.set();
            its_go_on.wait()?;
            println!("the handler goes on");
            Ok(client.write_all(b"reply")?)
        };
        let server = StreamServer::builder().spawn(spawn).build("127.0.8.2:0", handle);
        server.start()?;
        let address = server.address().expect("it listens");
        let mut client = TcpStream::connect(address)?;
        begun.wait()?;
        server.stop()?;
        println!("started: {}, closed: {}", server.started(), server.closed());
        match TcpStream::connect(address) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => println!("others are refused"),
            connected => drop(connected?),
        }
        go_on.set();
        let mut reply = [0; 10];
        let n = client.read(&mut reply)?;
        println!("client: {}", String::from_utf8_lossy(&reply[..n]));
        println!("then: {} bytes", client.read(&mut reply)?);
    }
    Ok(())
}
