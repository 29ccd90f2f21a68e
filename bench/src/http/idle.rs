//! The load that is none: connections that have made one request, and wait.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use super::{Case, Figures};
use crate::Result;
use crate::process::Server;

/// Makes a request over each of the connections, and looks at the server's memory some seconds later.
pub(super) fn load(server: &Server, _: &Case, connections: usize, seconds: usize) -> Result<Figures> {
    let before = server.memory().unwrap_or(f64::NAN);
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let mut all = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = TcpStream::connect(server.address)?;
        connection.write_all(request.as_bytes())?;
        let mut answer = [0; 1024];
        let n = connection.read(&mut answer)?;
        if !answer[..n].starts_with(b"HTTP/1.1 200 ") {
            return Err(String::from_utf8_lossy(&answer[..n]).into());
        }
        all.push(connection);
    }
    sleep(Duration::from_secs(seconds as u64));
    let after = server.memory().unwrap_or(f64::NAN);
    Ok(Figures {
        requests_per_second: f64::NAN,
        cpu: f64::NAN,
        memory: (after - before) * 1024.0 / connections as f64,
    })
}
