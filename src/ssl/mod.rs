//! TLS connections, by the crate [`rustls`]. Source: gevent's `ssl.py`, and Python's module of that name.
//!
//! This module needs the feature `ssl`, whose cryptography is that of the crate `ring`; with the feature `ssl-aws-lc`
//! instead, it is AWS-LC's. A [`CryptoProvider`](rustls::crypto::CryptoProvider) that the program has installed is
//! preferred to both.
//!
//! ```
//! use std::io::{Read, Write};
//! use gevent::server::StreamServer;
//! use gevent::socket::TcpStream;
//! use gevent::ssl::{Protocol, SSLContext, SslStream};
//!
//! let mut context = SSLContext::new(Protocol::TlsServer);
//! context.load_cert_chain("tests/tls/localhost.crt", "tests/tls/localhost.key")?;
//! let echo = |mut stream: SslStream, _address| {
//!     gevent::socket::copy(&mut stream.clone(), &mut stream)?;
//!     Ok(())
//! };
//! let server = StreamServer::new("127.0.0.1:0", context.wrap_socket_and_handle(echo));
//! server.start()?;
//!
//! let mut context = SSLContext::new(Protocol::TlsClient);
//! context.load_verify_locations("tests/tls/ca.crt")?;
//! let mut stream = context.wrap_socket(TcpStream::connect(server.address().unwrap())?, "localhost")?;
//! stream.write_all(b"hello")?;
//! let mut answer = [0; 5];
//! stream.read_exact(&mut answer)?;
//! assert_eq!(&answer, b"hello");
//! assert_eq!(stream.version(), Some("TLSv1.3"));
//! # server.stop()?;
//! # Ok::<(), gevent::Exception>(())
//! ```
//!
//! | Python | here |
//! |---|---|
//! | `create_default_context()`, `create_default_context(Purpose.CLIENT_AUTH)` | [`create_default_context`] |
//! | `SSLContext(PROTOCOL_TLS_CLIENT)` | [`SSLContext::new`] |
//! | `context.check_hostname = False`, and other attributes | [`set_check_hostname`](SSLContext::set_check_hostname), and so on |
//! | `load_cert_chain`, `load_verify_locations`, `load_default_certs`, `set_alpn_protocols` | the same |
//! | `context.wrap_socket(s, server_hostname=host)` | [`wrap_socket`](SSLContext::wrap_socket) |
//! | `context.wrap_socket(s, server_side=True, do_handshake_on_connect=False)` | [`wrap_socket_with`](SSLContext::wrap_socket_with): the context says which side it is |
//! | `SSLSocket` | [`SslStream`], whose `read` and `write` are those of [`Read`](std::io::Read) and [`Write`](std::io::Write) |
//! | `do_handshake`, `unwrap`, `version`, `cipher`, `selected_alpn_protocol`, `pending`, `session_reused` | the same |
//! | `get_server_certificate`, `DER_cert_to_PEM_cert`, `PEM_cert_to_DER_cert` | the same |
//! | `getpeercert(True)` | [`getpeercert`](SslStream::getpeercert) |
//! | `SSLError`, `SSLCertVerificationError`, `SSLEOFError` | [the same](SSLError), inside an [`io::Error`](std::io::Error) |
//! | `SSLWantReadError`, `SSLWantWriteError` | an error of the kind [`WouldBlock`](std::io::ErrorKind::WouldBlock) |
//! | `StreamServer(address, f, ssl_context=context)` | [`wrap_socket_and_handle`](SSLContext::wrap_socket_and_handle) |
//! | `context.sni_callback = f` | [`set_sni_callback`](SSLContext::set_sni_callback) |
//! | `SSLSocket.session` | sessions are resumed without being asked for, within a context |
//!
//! It differs from Python's module in this:
//!
//! * TLS 1.2 and 1.3 are spoken, and ciphers that are safe. There is no compression and no renegotiation.
//! * An end without TLS's own mark is [an error](SslStream#the-end), unless it is to be none.
//! * A stream that is closed or dropped tells the other side the end if it can do so without waiting. Python does so in
//!   `unwrap` only.
//!
//! # Custom configs
//!
//! The traits of `rustls` (verifiers, resolvers of certificates, stores of sessions) have synchronous functions, which
//! it calls in the midst of its work. Such a function may wait, but must not use the connection that calls it: that
//! fails with a [`ConcurrentObjectUseError`](crate::exceptions::ConcurrentObjectUseError), as it does for other
//! greenlets at that time.

mod certificates;
mod config;
mod context;
mod der;
mod ending;
mod engine;
mod errors;
mod facts;
mod handshake;
mod records;
mod stream;
mod verify;
mod wrap;

pub use certificates::{DER_cert_to_PEM_cert, PEM_cert_to_DER_cert, get_server_certificate};
pub use context::{Protocol, Purpose, SSLContext, TLSVersion, VerifyMode, create_default_context};
pub use errors::{SSLCertVerificationError, SSLEOFError, SSLError};
pub use facts::Cipher;
pub use rustls;
pub use stream::SslStream;
pub use wrap::WrapSocket;
