//! Downloads several pages at once: gevent's example of that name.
//!
//! ```sh
//! cargo run --example concurrent_download
//! ```
//!
//! The pages come from a server in the same program, which thinks longer about some of them than about others, so that
//! this works without the internet. URLs that are given as arguments are downloaded instead.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;

/// The paths of the pages; the server waits so many tenths of a second before it answers.
const PAGES: [u32; 3] = [3, 2, 1];

/// The server's handler.
fn serve(mut stream: TcpStream, _address: SocketAddr) -> Result<(), Exception> {
    let mut lines = BufReader::new(stream.clone()).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let tenths: u32 = path.trim_start_matches('/').parse()?;
    sleep(f64::from(tenths) / 10.0)?;
    let page = "<p>A line of a page</p>\n".repeat(1000 * tenths as usize);
    let head = format!("Content-Length: {}\r\nConnection: close", page.len());
    Ok(stream.write_all(format!("HTTP/1.0 200 OK\r\n{head}\r\n\r\n{page}").as_bytes())?)
}

/// Downloads a page, and returns its bytes.
fn urlopen(url: &str) -> io::Result<Vec<u8>> {
    let rest = url.strip_prefix("http://").ok_or(io::ErrorKind::Unsupported)?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut stream = match host.contains(':') {
        true => TcpStream::connect(host)?,
        false => TcpStream::connect((host, 80))?,
    };
    let path = if path.is_empty() { "/" } else { path };
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes())?;
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    while answer.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut data = Vec::new();
    answer.read_to_end(&mut data)?;
    Ok(data)
}

fn print_head(url: &str) -> Result<(), Exception> {
    println!("Starting {url}");
    let data = urlopen(url)?;
    let head = data.get(..50).unwrap_or(&data);
    println!("{url}: {} bytes: {:?}", data.len(), String::from_utf8_lossy(head));
    Ok(())
}

fn main() -> Result<(), Exception> {
    let server = StreamServer::new("127.0.0.1:0", serve);
    server.start()?;
    let address = server.address().expect("it is bound");
    let mut urls: Vec<_> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        urls.extend(PAGES.map(|page| format!("http://{address}/{page}")));
    }
    let jobs = urls.into_iter().map(|url| spawn(move || print_head(&url)));
    let jobs: Vec<_> = jobs.collect();
    joinall(&jobs)?;
    for job in jobs {
        job.get()?;
    }
    Ok(())
}
