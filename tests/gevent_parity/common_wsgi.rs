//! What the scenarios about HTTP servers share. The counterpart of common_wsgi.py.

use std::io::{Read, Write};
use std::net::Shutdown;

use gevent::Exception;
use gevent::pywsgi::{Body, ResponseWriter, WSGIServer};
use gevent::socket::TcpStream;
use http::Request;

use super::common::TestResult;
use super::common_sockets::undisturbed;

/// Starts a server without logs.
pub(crate) fn serve(
    application: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> TestResult + 'static,
) -> Result<WSGIServer, Exception> {
    undisturbed()?;
    let builder = WSGIServer::builder().log(None).error_log(None);
    let server = builder.build("127.0.0.1:0", application);
    server.start()?;
    Ok(server)
}

/// Everything that comes for these bytes, up to the end of the connection. Dates are left out.
pub(crate) fn answer(server: &WSGIServer, request: &str) -> Result<Vec<String>, Exception> {
    let mut client = TcpStream::connect(server.address().expect("it is started"))?;
    client.write_all(request.as_bytes())?;
    client.shutdown(Shutdown::Write)?;
    let mut got = Vec::new();
    client.read_to_end(&mut got)?;
    let text: String = got.iter().map(|byte| char::from(*byte)).collect();
    let lines = text.split("\r\n");
    let lines = lines.map(|line| if line.starts_with("Date: ") { "Date" } else { line });
    Ok(lines.map(str::to_owned).collect())
}

/// Prints the answer, line by line.
pub(crate) fn ask(server: &WSGIServer, what: &str, request: &str) -> TestResult {
    println!("{what}:");
    for line in answer(server, request)? {
        println!("  |{line}|");
    }
    Ok(())
}

/// Prints the number of the status of the answer.
pub(crate) fn status(server: &WSGIServer, what: &str, request: &str) -> TestResult {
    let number = answer(server, request)?[0].split(' ').nth(1).map(str::to_owned);
    println!("{what}: {}", number.unwrap_or_default());
    Ok(())
}
