//! Sends its arguments to the udp_server, and prints the answer: gevent's example of that name.
//!
//! ```sh
//! cargo run --example udp_client -- hello
//! ```
//!
//! `UDP_SERVER` may say where another server than `127.0.0.1:9000` is.

use gevent::Exception;
use gevent::socket::UdpSocket;

fn main() -> Result<(), Exception> {
    let address = std::env::var("UDP_SERVER").unwrap_or_else(|_| "127.0.0.1:9000".to_owned());
    let message = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(&address)?;
    println!("Sending {} bytes to {address}", message.len());
    socket.send(message.as_bytes())?;
    let mut data = [0; 8192];
    let (n, address) = socket.recv_from(&mut data)?;
    println!("{address}: got {:?}", String::from_utf8_lossy(&data[..n]));
    Ok(())
}
