//! A handler of a datagram that fails is reported, and the next one is called.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::server::{DatagramServer, Spawn};
use gevent::sleep;
use gevent::socket::UdpSocket;

use super::common::{TestResult, ValueError, report_errors};

pub(crate) fn main() -> TestResult {
    report_errors();
    let seen = Rc::new(RefCell::new(Vec::new()));

    let client = UdpSocket::bind("127.0.0.1:0")?;
    for (label, spawn) in [
        ("greenlets", Spawn::Default),
        ("pool", Spawn::Pool(1)),
        ("hub", Spawn::InHub),
    ] {
        println!("{label}:");
        seen.borrow_mut().clear();
        let its = seen.clone();
        let handle = move |data: Vec<u8>, _address| {
            its.borrow_mut().push(data.clone());
            println!("{}", String::from_utf8_lossy(&data));
            if data.starts_with(b"bad") {
                return Err(ValueError("on purpose").into());
            }
            Ok(())
        };
        let server = DatagramServer::builder().spawn(spawn).build("127.0.0.1:0", handle);
        server.set_max_accept(1);
        server.start()?;
        for (number, data) in ["good", "bad 1", "bad 2", "fine"].into_iter().enumerate() {
            client.send_to(data.as_bytes(), server.address().expect("it is bound"))?;
            while seen.borrow().len() <= number {
                sleep(0.001)?;
            }
            sleep(0.001)?;
        }
        println!("next delay: {:.2}", server.delay());
        server.stop()?;
    }
    Ok(())
}
