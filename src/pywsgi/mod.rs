//! An HTTP server, whose handlers are plain functions that may block: feature `pywsgi`. Source: gevent's `pywsgi.py`.
//!
//! ```
//! use std::io::{Read, Write};
//! use gevent::pywsgi::WSGIServer;
//! use gevent::socket::TcpStream;
//!
//! let server = WSGIServer::new("127.0.0.1:0", |request, response| {
//!     gevent::sleep(0.001)?; // the others go on meanwhile
//!     match request.uri().path() {
//!         "/" => response.header("Content-Type", "text/html")?.send("<b>hello world</b>"),
//!         _ => response.status(404)?.send("<h1>Not Found</h1>"),
//!     }
//! });
//! server.set_log(None);
//! server.start()?;
//! let mut client = TcpStream::connect(server.address().unwrap())?;
//! client.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("<b>hello world</b>"));
//! server.stop()?;
//! # Ok::<(), gevent::Exception>(())
//! ```
//!
//! A handler gets the request as an [`http::Request`] with a [`Body`], and answers by a [`ResponseWriter`].
//!
//! | gevent | here |
//! |---|---|
//! | `WSGIServer(("", 8088), application)` | [`WSGIServer::new`] with any [`Address`](crate::socket::Address) and a handler |
//! | `WSGIServer(listener, application, spawn=pool, log=log)` | [`WSGIServer::builder`] |
//! | `start_response("200 OK", [("Content-Type", "text/html")])` | the [same](ResponseWriter::start_response), or [`status`](ResponseWriter::status), [`header`](ResponseWriter::header) |
//! | `return [b"hello"]` | [`send`](ResponseWriter::send) |
//! | `write(data)`, `yield data` | [`write_all`](std::io::Write::write_all), and [`flush`](std::io::Write::flush) to send it at once |
//! | `environ["REQUEST_METHOD"]`, `environ["HTTP_COOKIE"]` | [`method`](http::Request::method), [`headers`](http::Request::headers) |
//! | `environ["PATH_INFO"]`, `environ["REMOTE_ADDR"]`, the whole `environ` | [`Environ`] |
//! | `environ["wsgi.input"]` | [`body_mut`](http::Request::body_mut) |
//! | `log`, `error_log`, `LoggingLogAdapter` | [`set_log`](WSGIServer::set_log), [`set_error_log`](WSGIServer::set_error_log), [`LogTo`] |
//! | `ssl_context` | [`wrap_socket`](Builder::wrap_socket) |
//! | `handler_class` | a [`StreamServer`](crate::server::StreamServer), for other protocols |
//!
//! Beyond gevent: [`Limits`] and deadlines, [trailers](ResponseWriter::trailer), [informational
//! answers](ResponseWriter::informational), [files](ResponseWriter::sendfile),
//! [upgrades](ResponseWriter::upgrade), the [PROXY protocol](ProxyProtocol), a stop that waits for answers, and
//! handlers that [return a response](service).
//!
//! # What is refused
//!
//! A request that a proxy could understand in another way is refused, with status 400: one with two lengths or hosts,
//! with a length and chunks, or with a length that is not only digits; with a header that is folded, or has a blank
//! before its colon; with a NUL, or a line that does not end with CRLF. gevent accepts some of these. Other transfer
//! codings than `chunked` have status 501. The client gets the answer even if it is still sending: the connection is
//! not closed before it has had time to read.
//!
//! # Files
//!
//! | file | contents |
//! |---|---|
//! | `server.rs`, `builder.rs` | [`WSGIServer`] and its settings |
//! | `connection.rs` | the way of a connection: request after request |
//! | `connections.rs` | all connections of a server, and the deadlines of their clients |
//! | `head.rs`, `body.rs`, `chunks.rs` | reading requests |
//! | `response.rs`, `answer.rs`, `fields.rs`, `date.rs` | writing answers |
//! | `upgrade.rs` | connections that become something else |
//! | `stream.rs`, `wire.rs`, `input.rs`, `buffers.rs` | the stream, what waits to be sent, what was read, and the memory for them |
//! | `environ.rs`, `service.rs` | other views of requests and answers |
//! | `limits.rs`, `fault.rs`, `proxy.rs`, `log.rs` | what is said in the table above |
//!
//! No file here may have `unsafe` code.

#![forbid(unsafe_code)]

mod answer;
mod body;
mod buffers;
mod builder;
mod chunks;
mod connection;
mod connections;
mod date;
mod environ;
mod fault;
mod fields;
mod head;
mod input;
mod limits;
mod log;
mod proxy;
mod response;
mod server;
mod service;
mod stream;
mod upgrade;
mod wire;

pub use answer::{HeadSent, NoBody, WrongLength};
pub use body::Body;
pub use builder::{Builder, NotWrapped, WrapSocket, Wrapped};
pub use environ::Environ;
pub use fault::Fault;
pub use fields::InvalidHeader;
pub use limits::Limits;
pub use log::{Access, AccessLog, ClientError, ErrorLog, LogTo};
pub use proxy::ProxyProtocol;
pub use response::ResponseWriter;
pub use server::{WSGIServer, WebListener};
pub use service::service;
pub use stream::WebStream;
pub use upgrade::Upgraded;
