//! The web servers, each in the plainest form that its users would write. They run until they are killed.

use std::convert::Infallible;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gevent::pywsgi::{Body, LogTo, ResponseWriter, WSGIServer};
use gevent::server::StreamServer;
use gevent::ssl::{Protocol, SSLContext};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Socket, Type};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::SLEEP;
use crate::Result;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;
/// What is answered.
const HELLO: &str = "Hello, world!";

/// A certificate of `localhost` and its key, in files that are removed when this is dropped.
pub(super) struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

impl Identity {
    pub(super) fn make() -> Result<Identity> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let path = |what| std::env::temp_dir().join(format!("gevent-bench-{}.{what}", std::process::id()));
        let identity = Identity {
            certificate: path("crt"),
            key: path("key"),
        };
        fs::write(&identity.certificate, made.cert.pem())?;
        fs::write(&identity.key, made.signing_key.serialize_pem())?;
        Ok(identity)
    }

    pub(super) fn paths(&self) -> [&PathBuf; 2] {
        [&self.certificate, &self.key]
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        for path in self.paths() {
            // What cannot be removed stays in the folder for temporary files.
            let _ = fs::remove_file(path);
        }
    }
}

/// Serves at an address, over TLS if there are a certificate and a key.
pub(super) fn serve(peer: &str, arguments: &[String]) -> Result {
    let (address, identity) = match arguments {
        [address] => (address.parse()?, None),
        [address, certificate, key] => (address.parse()?, Some((&**certificate, &**key))),
        _ => return Err("no address".into()),
    };
    match peer {
        "ours" => ours(address, identity, true),
        "ours-without-log" => ours(address, identity, false),
        "hyper" => hyper(address, identity),
        _ => Err("no such server".into()),
    }
}

fn ours(address: SocketAddr, identity: Option<(&str, &str)>, log: bool) -> Result {
    let log = match log {
        true => Some(LogTo::new(File::options().append(true).open("/dev/null")?).access()),
        false => None,
    };
    let builder = WSGIServer::builder()
        .server(StreamServer::builder().backlog(BACKLOG))
        .log(log);
    let handler = |request: &mut Request<Body>, response: &mut ResponseWriter| {
        if request.uri().path() == "/sleep" {
            gevent::sleep(SLEEP as f64 / 1000.0)?;
        }
        response.header("Content-Type", "text/plain")?.send(HELLO)
    };
    match identity {
        None => builder.build(address, handler).serve_forever()?,
        Some((certificate, key)) => {
            let mut context = SSLContext::new(Protocol::TlsServer);
            context.load_cert_chain(certificate, key)?;
            let builder = builder.wrap_socket(move |stream| context.wrap_socket(stream, None));
            builder.build(address, handler).serve_forever()?;
        }
    }
    Ok(())
}

fn hyper(address: SocketAddr, identity: Option<(&str, &str)>) -> Result {
    async fn hello(request: Request<Incoming>) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
        if request.uri().path() == "/sleep" {
            tokio::time::sleep(Duration::from_millis(SLEEP)).await;
        }
        let mut response = Response::new(Full::from(HELLO));
        let text = hyper::header::HeaderValue::from_static("text/plain");
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, text);
        Ok(response)
    }
    async fn serve(stream: impl hyper::rt::Read + hyper::rt::Write + Unpin) {
        let mut builder = hyper::server::conn::http1::Builder::new();
        // A client that goes away is no error of the server.
        let _ = builder
            .timer(TokioTimer::new())
            .serve_connection(stream, service_fn(hello))
            .await;
    }
    let acceptor = match identity {
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_file_iter(certificate)?.collect::<std::result::Result<Vec<_>, _>>()?;
            let key = PrivateKeyDer::from_pem_file(key)?;
            let config = ServerConfig::builder()
                .with_no_client_auth()
                .with_single_cert(chain, key)?;
            Some(TlsAcceptor::from(Arc::new(config)))
        }
        None => None,
    };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(socket.into())?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            match acceptor.clone() {
                None => drop(tokio::spawn(serve(TokioIo::new(stream)))),
                Some(acceptor) => drop(tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(TokioIo::new(stream)).await;
                    }
                })),
            }
        }
    })
}
