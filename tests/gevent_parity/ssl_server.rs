//! A server over TLS: each connection has its handshake in its own greenlet, and one that fails harms nobody.

use std::io::{Read, Write};
use std::net::SocketAddr;

use gevent::server::{StreamServer, wrap_socket_and_handle};
use gevent::socket::TcpStream;
use gevent::ssl::SslStream;

use super::common::{TestResult, report_errors};
use super::common_sockets::undisturbed;
use super::common_ssl::{as_exception, attempt, client_context, recv, server_context};

fn handle(mut stream: SslStream) -> TestResult {
    let line = recv(&stream, 100)?;
    stream.write_all(format!("got {line}").as_bytes())?;
    Ok(stream.unwrap().map(drop)?)
}

fn connect(server: &StreamServer) -> std::io::Result<TcpStream> {
    TcpStream::connect(server.address().expect("it listens"))
}

fn ask(server: &StreamServer, text: &str) -> TestResult {
    let mut stream = client_context()?.wrap_socket(connect(server)?, "localhost")?;
    stream.write_all(text.as_bytes())?;
    let answer = recv(&stream, 100)?;
    println!("{answer}, and then {} bytes", recv(&stream, 100)?.len());
    Ok(stream.unwrap().map(drop)?)
}

pub(crate) fn main() -> TestResult {
    report_errors();
    undisturbed()?;

    let context = server_context()?;
    // The same as the context's own function of this name, but for the type of the exception.
    let wrap = move |stream: TcpStream| context.wrap_socket(stream, None).map_err(as_exception);
    let handle = wrap_socket_and_handle(wrap, |stream: SslStream, _address: SocketAddr| handle(stream));
    let server = StreamServer::new("127.0.0.1:0", handle);
    server.start()?;
    ask(&server, "one")?;
    let silent = connect(&server)?;
    ask(&server, "two")?;
    let mut wrong = connect(&server)?;
    wrong.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    // Whether the end or a reset is seen.
    let _ = wrong.read_to_end(&mut Vec::new());
    ask(&server, "three")?;
    let wrapped = client_context()?.wrap_socket(connect(&server)?, "other.example");
    attempt("another name", wrapped.map(|_| "done"));
    ask(&server, "four")?;
    silent.close();
    server.stop()
}
