//! Headers and a status that would be more than that.

use gevent::pywsgi::{Body, InvalidHeader, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(_request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let mut refused = Vec::new();
    for (what, reason, name, value) in [
        ("name", "OK", "Test\r\n", "Hi"),
        ("value", "OK", "Test", "Hi\r\nConnection: close"),
        ("value with LF", "OK", "Test", "Hi\nthere"),
        ("status", "OK\r\nConnection: close", "", ""),
    ] {
        match response
            .reason(reason)
            .and_then(|response| response.header(name, value))
        {
            Err(e) if e.is::<InvalidHeader>() => refused.push(what),
            set => drop(set?),
        }
    }
    response.header("Test", "Hi")?.send(refused.join(", "))
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    ask(&server, "refused", "GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
    server.stop()
}
