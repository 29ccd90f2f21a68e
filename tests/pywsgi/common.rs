//! gevent's `CommonTestMixin`, for each kind of application and client.

use std::io::Write;

use gevent::Exception;
use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use crate::client::{Client, Response, serve};
use crate::support::{TestResult, bounded};

type Application = fn(&mut Request<Body>, &mut ResponseWriter) -> Result<(), Exception>;

/// A kind of client, and what it expects.
struct Kind {
    application: Application,
    version: &'static str,
    headers: &'static str,
    closes: bool,
    says_keep_alive: bool,
    chunked: bool,
}

const KIND: Kind = Kind {
    application: whole,
    version: "1.1",
    headers: "",
    closes: false,
    says_keep_alive: false,
    chunked: false,
};

impl Kind {
    fn request(&self, path: &str, more: &str) -> String {
        let Kind { version, headers, .. } = self;
        format!("GET {path} HTTP/{version}\r\nHost: localhost\r\n{headers}{more}\r\n")
    }

    fn check(&self, response: &Response, path: &str) {
        let expected = match path {
            "/" => (200, "OK", "hello world"),
            _ => (404, "Not Found", "not found"),
        };
        let (code, body) = response.shown();
        assert_eq!((code, &*response.reason, body), expected);
        match self.chunked {
            true => assert!(response.chunks.is_some()),
            false => {
                let length = body.len().to_string();
                assert_eq!(response.header("Content-Length"), Some(&*length));
            }
        }
        let connection = response.header("Connection");
        match self {
            Kind { closes: true, .. } => assert_eq!(connection, Some("close")),
            Kind {
                says_keep_alive: true, ..
            } => assert_eq!(connection, Some("keep-alive")),
            _ => assert_eq!(connection, None),
        }
    }

    fn basic(&self) -> TestResult {
        let _bounded = bounded();
        let server = serve(self.application)?;
        let mut client = Client::connect(&server)?;
        for path in ["/", "/notexist", "/"] {
            client.write(self.request(path, ""))?;
            self.check(&client.read()?, path);
            if self.closes {
                assert_eq!(client.read_to_end()?, b"");
                return server.stop();
            }
        }
        server.stop()
    }

    fn pipeline(&self) -> TestResult {
        let _bounded = bounded();
        let server = serve(self.application)?;
        let both = self.request("/", "") + &self.request("/notexist", "");
        let mut client = Client::with(&server, both)?;
        self.check(&client.read()?, "/");
        match self.closes {
            true => assert_eq!(client.read_to_end()?, b""),
            false => self.check(&client.read()?, "/notexist"),
        }
        server.stop()
    }

    fn connection_close(&self) -> TestResult {
        let _bounded = bounded();
        let server = serve(self.application)?;
        let mut client = Client::with(&server, self.request("/", ""))?;
        self.check(&client.read()?, "/");
        if !self.closes {
            client.write(self.request("/", "Connection: close\r\n"))?;
            let response = client.read()?;
            assert_eq!(response.header("Connection"), Some("close"));
        }
        assert_eq!(client.read_to_end()?, b"");
        server.stop()
    }
}

fn set_status(request: &Request<Body>, response: &mut ResponseWriter) -> Result<&'static str, Exception> {
    response.header("Content-Type", "text/plain")?;
    match request.uri().path() {
        "/" => Ok("hello world"),
        _ => {
            response.status(404)?;
            Ok("not found")
        }
    }
}

/// The application of `TestNoChunks`.
fn whole(request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    let body = set_status(request, response)?;
    response.send(body)
}

/// The application of `TestExplicitContentLength`.
fn declared(request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    let body = set_status(request, response)?;
    response.header("Content-Length", body.len().to_string())?;
    let (one, two) = body.split_at(4);
    Ok(write!(response, "{one}{two}")?)
}

/// The application of `TestYield`.
fn parts(request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    let body = set_status(request, response)?;
    Ok(response.write_all(body.as_bytes())?)
}

/// The application of `TestBytearray`.
fn bytes(request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    let body: Vec<u8> = set_status(request, response)?.into();
    response.send(body)
}

macro_rules! kinds {
    ($($module:ident: $kind:expr;)*) => {
        $(mod $module {
            use super::*;

            const THIS: Kind = $kind;

            #[test]
            fn test_basic() -> TestResult {
                THIS.basic()
            }

            #[test]
            fn test_pipeline() -> TestResult {
                THIS.pipeline()
            }

            #[test]
            fn test_connection_close() -> TestResult {
                THIS.connection_close()
            }
        })*
    };
}

const KEEP_ALIVE: Kind = Kind {
    version: "1.0",
    headers: "Connection: keep-alive\r\n",
    says_keep_alive: true,
    ..KIND
};

kinds! {
    no_chunks: KIND;
    no_chunks_10: Kind { version: "1.0", closes: true, ..KIND };
    no_chunks_10_keep_alive: KEEP_ALIVE;
    explicit_content_length: Kind { application: declared, ..KIND };
    yielded: Kind { application: parts, chunked: true, ..KIND };
    bytearray: Kind { application: bytes, ..KIND };
}

#[test]
fn test_dne() -> TestResult {
    let _bounded = bounded();
    let server = serve(whole)?;
    for kind in [KIND, KEEP_ALIVE] {
        let mut client = Client::with(&server, kind.request("/notexist", ""))?;
        kind.check(&client.read()?, "/notexist");
    }
    server.stop()
}

/// The application of `TestConnectionUpgrades`: it answers that the protocol is switched.
fn upgraded(request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    let mut stream = response.header("Content-Type", "text/plain")?.upgrade(request)?;
    Ok(stream.write_all(b"upgrading to websocket")?)
}

#[test]
fn test_connection_upgrade() -> TestResult {
    let _bounded = bounded();
    let server = serve(upgraded)?;
    let mut client = Client::with(&server, KIND.request("/websocket", "Connection: upgrade\r\n"))?;
    let response = client.read()?;
    assert_eq!((response.code, &*response.reason), (101, "Switching Protocols"));
    assert_eq!(response.header("Transfer-Encoding"), None);
    assert_eq!(response.header("Content-Length"), None);
    assert_eq!(client.read_to_end()?, b"upgrading to websocket");
    server.stop()
}

#[test]
fn test_upgrade_websocket() -> TestResult {
    let _bounded = bounded();
    let server = serve(upgraded)?;
    let mut client = Client::with(&server, KIND.request("/websocket", "Upgrade: websocket\r\n"))?;
    let response = client.read()?;
    assert_eq!((response.code, response.header("Connection")), (101, Some("Upgrade")));
    assert_eq!(client.read_to_end()?, b"upgrading to websocket");
    server.stop()
}
