//! Where handlers run can be changed while the server runs.

use std::io::Read;

use gevent::pool::Pool;
use gevent::server::{Spawn, StreamServer};
use gevent::socket::TcpStream;
use gevent::{AnyGreenlet, get_hub, getcurrent};

use super::common::TestResult;

fn handle() {
    if getcurrent() == *get_hub().greenlet() {
        println!("in the hub");
    } else {
        let is_greenlet = AnyGreenlet::current().is_some();
        println!(
            "{}",
            if is_greenlet {
                "in a Greenlet"
            } else {
                "in a raw greenlet"
            }
        );
    }
}

pub(crate) fn main() -> TestResult {
    let server = StreamServer::new("127.0.0.1:0", |_client, _address| handle());
    let ask = |label: &str| -> TestResult {
        println!("{label}: pool: {}", server.pool().is_some());
        let mut client = TcpStream::connect(server.address().expect("it listens"))?;
        println!("{} bytes", client.read(&mut [0])?);
        Ok(())
    };

    server.start()?;
    ask("by default")?;
    server.set_spawn(Spawn::Raw);
    ask("raw")?;
    server.set_spawn(1);
    ask("one place")?;
    println!("full: {}", server.full());
    let shared = Pool::new(2);
    server.set_spawn(&shared);
    ask("a pool")?;
    println!("its pool is the given one: {}", server.pool() == Some(shared));
    server.set_spawn(Spawn::InHub);
    ask("none")?;

    server.set_spawn(Spawn::with(|handler| {
        println!("spawns");
        handler()
    }));
    ask("a function")?;

    server.set_spawn(Spawn::with(|handler| {
        println!("spawns");
        gevent::spawn_later(0.001, handler);
        Ok(())
    }));
    ask("another function")?;
    server.stop()
}
