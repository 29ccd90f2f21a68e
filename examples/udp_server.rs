//! A server of datagrams that tells each sender how many bytes have come: gevent's example of that name.
//!
//! ```sh
//! cargo run --example udp_server
//! ```
//!
//! `cargo run --example udp_client` sends something to it. Another port than 9000 is an argument.

use std::net::SocketAddr;

use gevent::Exception;
use gevent::server::DatagramServer;

fn echo(server: &DatagramServer, data: Vec<u8>, address: SocketAddr) -> Result<(), Exception> {
    println!("{}: got {:?}", address.ip(), String::from_utf8_lossy(&data));
    server.sendto(format!("Received {} bytes", data.len()).as_bytes(), address)?;
    Ok(())
}

fn main() -> Result<(), Exception> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "9000".to_owned());
    let server = DatagramServer::new(format!(":{port}"), |_data, _address| ());
    server.set_method(echo);
    server.init_socket()?;
    println!("Receiving datagrams on :{}", server.server_port().expect("it is bound"));
    server.serve_forever()
}
