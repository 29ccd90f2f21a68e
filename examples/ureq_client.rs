//! An HTTP client in greenlets: the crate `ureq`, with its pool of connections, its timeouts and redirects, on our
//! sockets, our TLS and our look-ups of names. Its code blocks as it always does, and other greenlets run meanwhile.
//!
//! ```sh
//! cargo run --features ssl --example ureq_client -- https://www.example.org/ http://www.example.net/
//! ```
//!
//! It asks for all pages at once, in one thread, and prints how large they are. All that another program needs is
//! `agent`, and what it uses. ureq says that its interface for transports may change with a minor version.

use std::io::{self, Read};

use gevent::exceptions::AsError;
use gevent::prelude::*;
use gevent::socket::{GetAddrInfo, SOCK_STREAM, TcpStream, getaddrinfo_with};
use gevent::ssl::{Purpose, SSLContext, SslStream, create_default_context};
use gevent::{ThreadBound, Timeout};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, Error};

fn main() -> Result<(), Exception> {
    let agent = agent(Config::default(), create_default_context(Purpose::ServerAuth)?);
    let pages: Vec<_> = std::env::args()
        .skip(1)
        .map(|url| {
            let agent = agent.clone();
            spawn(move || {
                let page = agent
                    .get(&url)
                    .call()
                    .and_then(|mut answer| answer.body_mut().read_to_vec());
                let size = page.map_err(exception)?.len();
                println!("{url}: {size} bytes");
                Ok(())
            })
        })
        .collect();
    joinall(&pages)?;
    Ok(())
}

/// An agent whose requests wait in greenlets of this thread.
pub(crate) fn agent(config: Config, tls: SSLContext) -> Agent {
    Agent::with_parts(config, GeventConnector { tls }, GeventResolver)
}

/// Connects, and does the handshake of TLS.
#[derive(Debug)]
struct GeventConnector {
    tls: SSLContext,
}

impl GeventConnector {
    fn connect_now(&self, details: &ConnectionDetails) -> Result<Stream, Exception> {
        let addresses: Vec<_> = details.addrs.iter().copied().collect();
        let stream = TcpStream::connect(&addresses[..])?;
        stream.set_nodelay(details.config.no_delay())?;
        if !details.needs_tls() {
            return Ok(Stream::Plain(stream));
        }
        let host = bare(details.uri.host().unwrap_or(""));
        Ok(Stream::Tls(self.tls.wrap_socket(stream, host)?))
    }
}

impl Connector for GeventConnector {
    type Out = GeventTransport;

    fn connect(&self, details: &ConnectionDetails, _chained: Option<()>) -> Result<Option<GeventTransport>, Error> {
        // One limit for everything that the greenlet waits for.
        let limit = Timeout::new(seconds(details.timeout));
        let stream = limit
            .with(|| self.connect_now(details))
            .map_err(|error| match limit.caused(&error) {
                true => Error::Timeout(details.timeout.reason),
                false => Error::Io(error.into()),
            })?;
        let config = details.config;
        Ok(Some(GeventTransport {
            stream: ThreadBound::new(stream),
            buffers: LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size()),
        }))
    }
}

/// A connection, and ureq's buffers. ureq's pool may be in several threads, but a connection is of one: in another
/// thread it counts as closed.
#[derive(Debug)]
struct GeventTransport {
    stream: ThreadBound<Stream>,
    buffers: LazyBuffers,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(SslStream),
}

impl Stream {
    fn plain(&self) -> &TcpStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref(),
        }
    }

    fn read(&self, buf: &mut [u8], timeout: impl gevent::Seconds) -> io::Result<usize> {
        self.plain().set_read_timeout(timeout)?;
        match self {
            Stream::Plain(stream) => { stream }.read(buf),
            Stream::Tls(stream) => { stream }.read(buf),
        }
    }

    fn write_all(&self, data: &[u8], timeout: impl gevent::Seconds) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.write_all_timeout(data, timeout),
            Stream::Tls(stream) => stream.write_all_timeout(data, timeout),
        }
    }
}

impl Transport for GeventTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let stream = self.stream.get().map_err(io::Error::other)?;
        let data = &self.buffers.output()[..amount];
        stream
            .write_all(data, seconds(timeout))
            .map_err(|error| of_io(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let stream = self.stream.get().map_err(io::Error::other)?;
        let read = stream.read(self.buffers.input_append_buf(), seconds(timeout));
        let n = read.map_err(|error| of_io(error, timeout))?;
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    /// Whether nothing has come, not even the end. ureq asks with its pool locked, so this does not wait.
    fn is_open(&mut self) -> bool {
        let nothing = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        let stream = self.stream.get();
        stream.is_ok_and(|stream| stream.read(&mut [0], 0).is_err_and(nothing))
    }

    fn is_tls(&self) -> bool {
        matches!(self.stream.get(), Ok(Stream::Tls(_)))
    }
}

/// Looks names up while other greenlets run.
#[derive(Debug)]
struct GeventResolver;

impl Resolver for GeventResolver {
    fn resolve(&self, uri: &Uri, _config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or_else(|| Error::BadUri("it has no host".to_owned()))?;
        let port = uri
            .port_u16()
            .unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let limit = Timeout::new(seconds(timeout));
        let look_up = || {
            Ok(getaddrinfo_with(
                bare(host),
                port,
                GetAddrInfo::default().type_(SOCK_STREAM),
            )?)
        };
        let found = limit.with(look_up).map_err(|error| match limit.caused(&error) {
            true => Error::Timeout(timeout.reason),
            false => Error::Io(error.into()),
        })?;
        let mut addresses = self.empty();
        // ureq has place for 16.
        found.iter().take(16).for_each(|info| addresses.push(info.sockaddr));
        Ok(addresses)
    }
}

/// The host of an address, which in the text of an IPv6 address is in brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// The time of ureq's, which is none if it is never over. A time of 0 is one that is over, but must not mean that
/// nothing may wait.
fn seconds(timeout: NextTimeout) -> Option<f64> {
    let after = timeout.after;
    (!after.is_not_happening()).then(|| after.as_secs_f64().max(0.001))
}

/// The exception of ureq's error. ureq does not say what its errors have inside, so a kill or a timeout would not be
/// known for what it is.
pub(crate) fn exception(error: Error) -> Exception {
    match error {
        Error::Io(error) => error.into(),
        error => error.into(),
    }
}

/// An error of a stream. What was thrown into the greenlet stays what it is, inside.
fn of_io(error: io::Error, timeout: NextTimeout) -> Error {
    let is_thrown = error.get_ref().is_some_and(|inside| inside.is::<AsError>());
    match error.kind() {
        io::ErrorKind::TimedOut if !is_thrown => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}
