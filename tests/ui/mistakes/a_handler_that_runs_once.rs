//! A handler gives away what the next connection needs.
//!
//! Cure: let value = greeting.clone();

use gevent::server::StreamServer;

fn main() {
    let greeting = String::from("hello");
    StreamServer::new("127.0.0.1:0", move |_stream, _address| {
        gevent::spawn(move || println!("{greeting}"));
    });
}
