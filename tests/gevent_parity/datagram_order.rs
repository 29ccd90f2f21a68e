//! Datagrams are handled whole and in their order, empty ones too; of long ones the beginning is.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use gevent::server::{DatagramServer, Spawn};
use gevent::sleep;
use gevent::socket::UdpSocket;

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let got = Rc::new(RefCell::new(Vec::new()));

    let client = UdpSocket::bind("127.0.0.1:0")?;
    let client_address = client.local_addr()?;
    let cases = [
        ("greenlets", Spawn::Default),
        ("raw", Spawn::Raw),
        ("pool", Spawn::Pool(1)),
        ("hub", Spawn::InHub),
    ];
    for (label, spawn) in cases {
        println!("{label}:");
        got.borrow_mut().clear();
        let its = got.clone();
        let handle = move |data: Vec<u8>, address: SocketAddr| {
            println!("{} bytes, from the client: {}", data.len(), address == client_address);
            its.borrow_mut().push(data);
        };
        let server = DatagramServer::builder().spawn(spawn).build("127.0.0.1:0", handle);
        server.start()?;
        for size in [3, 0, 8192, 10000, 1] {
            client.send_to(&vec![b'x'; size], server.address().expect("it is bound"))?;
        }
        while got.borrow().len() < 5 {
            sleep(0.001)?;
        }
        server.stop()?;
    }
    Ok(())
}
