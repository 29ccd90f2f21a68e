//! The servers: hyper with the same service, on our hub, with a greenlet for each connection and with shared ones, and
//! on tokio. They run until they are killed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use gevent::future::{Async, HubExecutor, HubTimer, SharedExecutor, block_on};
use gevent::server::StreamServer;
use gevent::socket::{TcpListener, TcpStream};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{Domain, Socket, Type};

use crate::Result;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;

async fn hello(_: Request<Incoming>) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from("Hello, world!"));
    let text = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, text);
    Ok(response)
}

pub(super) fn serve(runtime: &str, protocol: &str, address: SocketAddr) -> Result {
    match (runtime, protocol) {
        ("gevent", "http1") => gevent(address, |stream| {
            let mut builder = http1::Builder::new();
            // A client that goes away is no error of the server; here and below.
            let _ = block_on(builder.timer(HubTimer).serve_connection(stream, service_fn(hello)))?;
            Ok(())
        }),
        ("gevent", "http2") => gevent(address, |stream| {
            let mut builder = http2::Builder::new(HubExecutor);
            let _ = block_on(builder.timer(HubTimer).serve_connection(stream, service_fn(hello)))?;
            Ok(())
        }),
        ("gevent shared", "http1") => shared(address, |stream| async {
            let mut builder = http1::Builder::new();
            let connection = builder.timer(HubTimer);
            let _ = connection.serve_connection(stream, service_fn(hello)).await;
        }),
        ("gevent shared", "http2") => shared(address, |stream| async {
            let mut builder = http2::Builder::new(SharedExecutor);
            let connection = builder.timer(HubTimer);
            let _ = connection.serve_connection(stream, service_fn(hello)).await;
        }),
        ("tokio", "http1") => tokio(address, |stream| async {
            let mut builder = http1::Builder::new();
            let connection = builder.timer(TokioTimer::new());
            let _ = connection.serve_connection(stream, service_fn(hello)).await;
        }),
        ("tokio", "http2") => tokio(address, |stream| async {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            let connection = builder.timer(TokioTimer::new());
            let _ = connection.serve_connection(stream, service_fn(hello)).await;
        }),
        _ => Err("no such server".into()),
    }
}

fn gevent(
    address: SocketAddr,
    serve: impl Fn(Async<TcpStream>) -> std::result::Result<(), gevent::Exception> + 'static,
) -> Result {
    let server = StreamServer::builder()
        .backlog(BACKLOG)
        .build(address, move |stream: TcpStream, _| {
            stream.set_nodelay(true)?;
            serve(Async::new(stream))
        });
    Ok(server.serve_forever()?)
}

/// Connections that share greenlets.
fn shared<F: Future<Output = ()> + 'static>(
    address: SocketAddr,
    serve: impl Fn(Async<TcpStream>) -> F + 'static,
) -> Result {
    let listener = TcpListener::try_from(OwnedFd::from(listening(address)?))?;
    let accepting = gevent::spawn(move || -> std::result::Result<(), gevent::Exception> {
        loop {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            SharedExecutor.spawn(serve(Async::new(stream)))?;
        }
    });
    Ok(accepting.get()?)
}

fn listening(address: SocketAddr) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn tokio<F: Future<Output = ()> + Send + 'static>(
    address: SocketAddr,
    serve: impl Fn(TokioIo<tokio::net::TcpStream>) -> F,
) -> Result {
    let socket = listening(address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(socket.into())?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            drop(tokio::spawn(serve(TokioIo::new(stream))));
        }
    })
}
