//! Asks the unixsocket_server for a page, and prints it: gevent's example of that name.
//!
//! ```sh
//! cargo run --example unixsocket_client
//! ```
//!
//! The socket is `unixsocket_server.sock` in the folder from which it is run, or the argument.

use std::io::{Read, Write};

use gevent::Exception;
use gevent::socket::UnixStream;

fn main() -> Result<(), Exception> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "unixsocket_server.sock".to_owned());
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut data = Vec::new();
    stream.read_to_end(&mut data)?;
    println!("received {} bytes", data.len());
    print!("{}", String::from_utf8_lossy(&data));
    Ok(())
}
