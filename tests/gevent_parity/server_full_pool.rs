//! While the pool is full, clients wait; each handler that ends lets one of them in.

use std::cell::Cell;
use std::io::{Read, Write};
use std::rc::Rc;

use gevent::event::Event;
use gevent::pool::Pool;
use gevent::server::StreamServer;
use gevent::sleep;
use gevent::socket::TcpStream;

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let pool = Pool::new(2);
    let go_on: [Event; 4] = Default::default();
    let begun = Rc::new(Cell::new(0));

    let (its_pool, its_go_on, its_begun) = (pool.clone(), go_on.clone(), begun.clone());
    let handle = move |mut client: TcpStream, _address| {
        let number = its_begun.get();
        its_begun.set(number + 1);
        println!("begins: {number}, full: {}", its_pool.full());
        client.write_all(b"x")?;
        its_go_on[number].wait()?;
        println!("ends: {number}");
        Ok(())
    };

    let server = StreamServer::builder().spawn(&pool).build("127.0.0.1:0", handle);
    server.start()?;
    let connect = || TcpStream::connect(server.address().expect("it listens"));
    let mut clients = Vec::new();
    for number in 0..2 {
        clients.push(connect()?);
        let _ = clients[number].read(&mut [0])?;
    }
    println!("full: {}", server.full());
    for _ in 0..2 {
        clients.push(connect()?);
    }
    sleep(0.01)?;
    println!("begun: {}", begun.get());
    go_on[1].set();
    let _ = clients[2].read(&mut [0])?;
    println!("begun: {}, full: {}", begun.get(), server.full());
    go_on[0].set();
    let _ = clients[3].read(&mut [0])?;
    println!("begun: {}, full: {}", begun.get(), server.full());
    go_on[2].set();
    let _ = clients[2].read(&mut [0])?;
    sleep(0)?;
    println!("full: {}, in the pool: {}", server.full(), pool.len());
    go_on[3].set();
    server.stop()?;
    println!("in the pool: {}", pool.len());
    Ok(())
}
