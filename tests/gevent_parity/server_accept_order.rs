//! Clients that have come before the server accepts are handled in their order, however the handlers are spawned.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::net::SocketAddr;
use std::rc::Rc;

use gevent::server::{Spawn, StreamServer};
use gevent::socket::TcpStream;

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let numbers = Rc::new(RefCell::new(HashMap::new()));

    let cases = [
        ("greenlets", Spawn::Default, 100),
        ("raw", Spawn::Raw, 2),
        ("pool", Spawn::Pool(1), 100),
        ("hub", Spawn::InHub, 2),
    ];
    for (label, spawn, max_accept) in cases {
        println!("{label}:");
        let its = numbers.clone();
        let handle = move |_client, address: SocketAddr| println!("client {}", its.borrow()[&address.port()]);
        let server = StreamServer::builder().spawn(spawn).build("127.0.0.1:0", handle);
        server.set_max_accept(max_accept);
        server.init_socket()?;
        let mut clients = Vec::new();
        for number in 0..5 {
            let client = TcpStream::connect(server.address().expect("it is bound"))?;
            numbers.borrow_mut().insert(client.local_addr()?.port(), number);
            clients.push(client);
        }
        println!("they have come");
        server.start()?;
        for client in &mut clients {
            let _ = client.read(&mut [0])?;
        }
        server.stop()?;
    }
    Ok(())
}
