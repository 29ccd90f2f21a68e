//! A server with a pool gives its handlers time to end, and kills those that do not.

use std::io::{Read, Write};

use gevent::event::Event;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use gevent::{Exception, sleep, spawn};

use super::common::{TestResult, name};

fn handle(begun: &Event, go_on: &Event, mut client: TcpStream) -> TestResult {
    begun.set();
    let mut reply = || {
        go_on.wait()?;
        client.write_all(b"reply")?;
        println!("handler: replied");
        Ok(())
    };
    reply().inspect_err(|error| println!("handler: {}", name(error)))
}

fn rest(client: &mut TcpStream) -> Result<usize, Exception> {
    Ok(client.read(&mut [0; 10])?)
}

pub(crate) fn main() -> TestResult {
    let begun = Event::new();
    let go_on = Event::new();
    let new = || {
        let (begun, go_on) = (begun.clone(), go_on.clone());
        StreamServer::builder()
            .spawn(2)
            .build("127.0.0.1:0", move |client, _address| handle(&begun, &go_on, client))
    };
    let in_pool = |server: &StreamServer| server.pool().expect("it has one").len();

    let server = new();
    server.start()?;
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    begun.wait()?;
    let its = server.clone();
    let stopping = spawn(move || its.stop_timeout(100));
    sleep(0)?;
    println!("started: {}, stopped: {}", server.started(), stopping.ready());
    go_on.set();
    stopping.get()?;
    println!(
        "stopped, in the pool: {}, client: {} bytes",
        in_pool(&server),
        rest(&mut client)?
    );

    begun.clear();
    go_on.clear();
    let server = new();
    server.start()?;
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    begun.wait()?;
    server.stop_timeout(0.01)?;
    println!(
        "stopped, in the pool: {}, client: {} bytes",
        in_pool(&server),
        rest(&mut client)?
    );

    begun.clear();
    let server = new();
    server.set_stop_timeout(0.01);
    server.start()?;
    let mut client = TcpStream::connect(server.address().expect("it listens"))?;
    begun.wait()?;
    server.stop()?;
    server.stop()?;
    println!(
        "stopped, in the pool: {}, client: {} bytes",
        in_pool(&server),
        rest(&mut client)?
    );
    Ok(())
}
