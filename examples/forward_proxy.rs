//! A forward proxy for HTTP/1.1: it fetches pages for its clients, and tunnels what they encrypt.
//!
//! ```sh
//! cargo run --example forward_proxy
//! ```
//!
//! Then `curl --proxy 127.0.0.1:8080 http://example.com/` gets the page by it, and so does
//! `curl --proxy 127.0.0.1:8080 https://example.com/`, by the method `CONNECT`. Another address is an argument. Each
//! request has a connection of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::{TcpStream, copy, copy_bidirectional};

/// How many bytes the head of a request has at most.
const LONGEST_HEAD: u64 = 64 * 1024;
/// How many seconds connecting to a server may take.
const CONNECT: f64 = 10.0;
/// The headers that are about the connection to the proxy only.
const NOT_PASSED_ON: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
];

fn handle(client: TcpStream, address: SocketAddr) {
    // Clients that vanish are nothing to worry about.
    if let Err(error) = forward(client, address) {
        println!("{address} {error}");
    }
}

fn forward(mut client: TcpStream, address: SocketAddr) -> Result<(), Exception> {
    let mut requests = BufReader::new(client.clone());
    let head = read_head(&mut requests)?;
    let Some((method, target, headers)) = parse(&head) else {
        return answer(&mut client, "400 Bad Request");
    };
    println!("{address} {method} {target}");
    let (host, path) = match (method, target.strip_prefix("http://")) {
        ("CONNECT", None) => (target.to_owned(), ""),
        (_, Some(rest)) => split(rest),
        _ => return answer(&mut client, "400 Bad Request"),
    };
    let mut server = match TcpStream::connect_timeout(&*host, CONNECT) {
        Ok(server) => server,
        Err(error) => {
            println!("{address} {error}");
            return answer(&mut client, "502 Bad Gateway");
        }
    };
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        // The client may have sent more than its request already.
        server.write_all(requests.buffer())?;
        copy_bidirectional(&client, &server)?;
        return Ok(());
    }
    server.write_all(format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").as_bytes())?;
    // What follows the head is passed on by another greenlet, as the server may answer before it has read everything.
    // If that fails, the server notices, and the answer ends.
    let body = spawn({
        let mut server = server.clone();
        move || drop(copy(&mut requests, &mut server))
    });
    let answered = copy(&mut server, &mut client);
    body.kill()?;
    answered?;
    Ok(())
}

fn answer(client: &mut TcpStream, status: &str) -> Result<(), Exception> {
    let headers = "Content-Length: 0\r\nConnection: close";
    Ok(client.write_all(format!("HTTP/1.1 {status}\r\n{headers}\r\n\r\n").as_bytes())?)
}

/// The lines up to the empty one.
fn read_head(requests: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    let mut limited = requests.take(LONGEST_HEAD);
    while limited.read_line(&mut head)? > 2 {}
    Ok(head)
}

/// The method, the target and the headers that are passed on, if the head is whole.
fn parse(head: &str) -> Option<(&str, &str, String)> {
    let lines = head.strip_suffix("\r\n").filter(|lines| lines.ends_with("\r\n"))?;
    let (line, headers) = lines.split_once("\r\n")?;
    let [method, target, "HTTP/1.1" | "HTTP/1.0"] = line.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let passed_on = |header: &&str| {
        let name = header.split(':').next().unwrap_or_default();
        !NOT_PASSED_ON.contains(&&*name.to_ascii_lowercase())
    };
    let headers = headers.split_inclusive("\r\n").filter(passed_on);
    Some((method, target, headers.collect()))
}

/// The host with its port, and the path, of what follows `http://`.
fn split(rest: &str) -> (String, &str) {
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // The colons of an IPv6 address are in brackets.
    let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
    let port = if has_port { "" } else { ":80" };
    (format!("{host}{port}"), if path.is_empty() { "/" } else { path })
}

fn main() -> Result<(), Exception> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let server = StreamServer::new(&*address, handle);
    server.start()?;
    println!("Listening at {}", server.address().expect("it is bound"));
    server.serve_forever()
}
