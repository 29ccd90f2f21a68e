//! A server of datagrams answers by sendto, from its own address, while it has a socket.

use gevent::server::DatagramServer;
use gevent::socket::UdpSocket;

use super::common::{TestResult, show as or_none};

fn show(label: &str, server: &DatagramServer) {
    println!(
        "{label}: started: {}, closed: {}, at {}",
        server.started(),
        server.closed(),
        or_none(server.server_host())
    );
}

pub(crate) fn main() -> TestResult {
    let client = UdpSocket::bind("127.0.0.1:0")?;
    let server = DatagramServer::new("127.0.0.1:0", |_data, _address| ());
    server.set_method(|server, data, address| {
        server.sendto(&[b"you said ".to_vec(), data].concat(), address)?;
        Ok(())
    });
    let ask = |text: &str| -> TestResult {
        client.send_to(text.as_bytes(), server.address().expect("it is bound"))?;
        let mut data = [0; 100];
        let (n, address) = client.recv_from(&mut data)?;
        println!(
            "{}, from the server: {}",
            String::from_utf8_lossy(&data[..n]),
            Some(address) == server.address()
        );
        Ok(())
    };

    show("new", &server);
    server.start()?;
    show("started", &server);
    ask("one")?;
    ask("two")?;
    server.sendto(b"by itself", client.local_addr()?)?;
    let mut data = [0; 100];
    let n = client.recv(&mut data)?;
    println!("{}", String::from_utf8_lossy(&data[..n]));
    server.stop()?;
    show("stopped", &server);
    if server.sendto(b"nothing", client.local_addr()?).is_err() {
        println!("it cannot send");
    }
    Ok(())
}
