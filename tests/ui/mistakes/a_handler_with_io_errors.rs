//! A server's handler ends with what `write_all` returns.
//!
//! Cure: `|| gevent::io(|| ..)`

use std::io::Write;

use gevent::server::StreamServer;

fn main() {
    StreamServer::new("127.0.0.1:0", |mut stream, _address| stream.write_all(b"hello"));
}
