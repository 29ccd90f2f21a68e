//! What the scenarios about HTTP servers share. The counterpart of common_wsgi.py.

use std::io::{Read, Write};
use std::net::Shutdown;

use gevent::Exception;
use gevent::pywsgi::{Body, Builder, ResponseWriter, WSGIServer};
use gevent::socket::TcpStream;
use http::Request;

use super::common::TestResult;
use super::common_sockets::undisturbed;

/// Starts a server without logs.
pub(crate) fn serve(
    application: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> TestResult + 'static,
) -> Result<WSGIServer, Exception> {
    started(quiet().build("127.0.0.1:0", application))
}

/// A server's settings, without logs.
pub(crate) fn quiet() -> Builder {
    WSGIServer::builder().log(None).error_log(None)
}

pub(crate) fn started(server: WSGIServer) -> Result<WSGIServer, Exception> {
    undisturbed()?;
    server.start()?;
    Ok(server)
}

pub(crate) fn connect(server: &WSGIServer) -> Result<TcpStream, Exception> {
    Ok(TcpStream::connect(server.address().expect("it is started"))?)
}

/// Everything that comes for these bytes, up to the end of the connection.
pub(crate) fn answer(server: &WSGIServer, request: impl AsRef<[u8]>) -> Result<Vec<String>, Exception> {
    let mut client = connect(server)?;
    client.write_all(request.as_ref())?;
    client.shutdown(Shutdown::Write)?;
    everything(&mut client)
}

/// The lines of all that comes up to the end of the connection. Dates are left out.
pub(crate) fn everything(client: &mut impl Read) -> Result<Vec<String>, Exception> {
    let mut got = Vec::new();
    client.read_to_end(&mut got)?;
    let text = latin_1(&got);
    let lines = text.split("\r\n");
    let lines = lines.map(|line| if line.starts_with("Date: ") { "Date" } else { line });
    Ok(lines.map(str::to_owned).collect())
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Prints the answer, line by line.
pub(crate) fn ask(server: &WSGIServer, what: &str, request: impl AsRef<[u8]>) -> TestResult {
    println!("{what}:");
    show(&answer(server, request)?);
    Ok(())
}

/// Prints the lines of an answer. Of long ones the beginning and the length are enough.
pub(crate) fn show(lines: &[String]) {
    for line in lines {
        let line = line.replace('\r', "\\r");
        let beginning: String = line.chars().take(10).collect();
        match line.chars().count() {
            ..100 => println!("  |{line}|"),
            count => println!("  |{beginning}..|, {count} characters"),
        }
    }
}

/// Prints the number of the status of each answer.
pub(crate) fn statuses(server: &WSGIServer, what: &str, request: &str) -> TestResult {
    let lines = answer(server, request)?;
    let heads = lines.iter().filter(|line| line.starts_with("HTTP/"));
    let numbers: Vec<_> = heads.map(|line| line.split(' ').nth(1).unwrap_or_default()).collect();
    println!("{what}: {}", numbers.join(" "));
    Ok(())
}

/// Prints the number of the status of the answer.
pub(crate) fn status(server: &WSGIServer, what: &str, request: &str) -> TestResult {
    let number = answer(server, request)?[0].split(' ').nth(1).map(str::to_owned);
    println!("{what}: {}", number.unwrap_or_default());
    Ok(())
}

/// Sends a request, and returns the body of the answer, which has a length.
pub(crate) fn exchange(client: &mut TcpStream, request: &str) -> Result<String, Exception> {
    client.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = latin_1(&head);
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.expect("it has one").parse()?];
    client.read_exact(&mut body)?;
    Ok(latin_1(&body))
}
