//! Addresses in other forms than gevent's.
//!
//! Cure: an address is `"host:port"`, `("host", 80)`
//! Cure: a port is a `u16`

use gevent::socket::TcpStream;

fn main() {
    let port = 80;
    let _ = TcpStream::connect(("localhost", 80i32));
    let _ = TcpStream::connect(8080i32);
    let _ = TcpStream::connect(Some("localhost:80"));
    let _ = TcpStream::connect(("localhost".as_bytes(), port));
}
