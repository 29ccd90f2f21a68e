//! gevent's `TestHttps` of test__pywsgi, and what test__server_pywsgi checks of TLS.

use std::io::{Read, Write};

use gevent::Exception;
use gevent::pywsgi::{Body, Environ, ResponseWriter, WSGIServer};
use gevent::socket::TcpStream;
use gevent::ssl::{Protocol, Purpose, SSLContext, VerifyMode, create_default_context, get_server_certificate};
use gevent_tls_tests::{file, server};
use http::Request;

use crate::support::{TestResult, bounded};

/// Answers with the first bytes of the body.
fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    assert_eq!(request.url_scheme(), "https");
    let mut read = Vec::new();
    request.body_mut().take(10).read_to_end(&mut read)?;
    response.header("Content-Type", "text/plain")?.send(read)
}

fn serve(context: SSLContext) -> Result<WSGIServer, Exception> {
    let builder = WSGIServer::builder().log(None).error_log(None);
    let server = builder
        .wrap_socket(move |stream: TcpStream| context.wrap_socket(stream, None))
        .build("127.0.0.1:0", application);
    server.start()?;
    Ok(server)
}

/// gevent's `create_default_context`, with a certificate.
fn default_context() -> Result<SSLContext, Exception> {
    let mut context = create_default_context(Purpose::ClientAuth)?;
    context.load_cert_chain(file("localhost.crt"), file("localhost.key"))?;
    Ok(context)
}

/// Sends a request over TLS, and checks the answer and its body.
fn urlopen(server: &WSGIServer, request: &str, body: &str) -> TestResult {
    let mut context = SSLContext::new(Protocol::TlsClient);
    context.set_check_hostname(false);
    context.set_verify_mode(VerifyMode::CertNone);
    let stream = TcpStream::connect(server.address().expect("it listens"))?;
    let mut stream = context.wrap_socket(stream, None)?;
    stream.write_all(request.as_bytes())?;
    let expected = [
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: ",
        &format!("\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
    ];
    let mut answer = String::new();
    while !answer.ends_with(expected[1]) {
        let mut data = [0; 1000];
        let count = stream.read(&mut data)?;
        assert!(count > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&data[..count])?);
    }
    assert!(answer.starts_with(expected[0]), "{answer}");
    server.stop()
}

macro_rules! for_each_context {
    ($($module:ident: $context:expr;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn test_012_ssl_server() -> TestResult {
                let _bounded = bounded();
                let request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
                urlopen(&serve($context)?, request, "abc")
            }

            #[test]
            fn test_013_empty_return() -> TestResult {
                let _bounded = bounded();
                urlopen(&serve($context)?, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "")
            }
        }
    )*};
}

for_each_context! {
    test_https: server()?;
    test_https_with_context: default_context()?;
}

/// test__server_pywsgi: `TestSSLGetCertificate`.
#[test]
fn test_certificate() -> TestResult {
    let _bounded = bounded();
    let server = serve(server()?)?;
    let port = server.server_port().expect("it is one of the network");
    let found = get_server_certificate(("127.0.0.1", port))?;
    assert_eq!(found, std::fs::read_to_string(file("localhost.crt"))?);
    server.stop()
}
