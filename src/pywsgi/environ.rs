//! [`Environ`]: what a request tells beside its head. Source: gevent's `get_environ`.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::net::SocketAddr;

use http::{HeaderMap, Request, header};

use super::body::Body;
use crate::socket::{Socket, SocketAddress};

/// What a server knows of a connection.
#[derive(Debug)]
pub(super) struct Facts {
    /// The client, as the connection or a proxy says.
    pub(super) remote: Option<SocketAddr>,
    /// The address that the client has connected to, as a proxy says.
    pub(super) local: Option<SocketAddr>,
    pub(super) scheme: Cow<'static, str>,
    pub(super) socket: Socket,
}

/// What a request tells beside its head: the counterpart of gevent's `environ`. It is implemented by the requests that
/// handlers get.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::pywsgi::{Environ, WSGIServer};
/// use gevent::socket::TcpStream;
///
/// let server = WSGIServer::new("127.0.0.1:0", |request, response| {
///     let who = request.remote_addr().map(|address| address.ip().to_string());
///     response.send(format!("{} asks for {}", who.unwrap_or_default(), request.path_info()))
/// });
/// server.set_log(None);
/// server.start()?;
/// let mut client = TcpStream::connect(server.address().unwrap())?;
/// client.write_all(b"GET /a%20b?c HTTP/1.0\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.ends_with("127.0.0.1 asks for /a b"));
/// # server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
pub trait Environ {
    /// The address of the client, as the connection or the [PROXY protocol](super::ProxyProtocol) says; none for a Unix
    /// socket. What a client or proxy says in headers does not matter: see [`forwarded`](Environ::forwarded).
    ///
    /// Source: `REMOTE_ADDR`, `REMOTE_PORT`.
    fn remote_addr(&self) -> Option<SocketAddr>;

    /// The address that the client has connected to; none for a Unix socket.
    ///
    /// Source: `SERVER_NAME`, `SERVER_PORT`.
    fn server_addr(&self) -> Option<SocketAddr>;

    /// `http`, or `https` if the server [wraps](super::Builder::wrap_socket) its connections, or what the server was
    /// [told](super::Builder::url_scheme).
    ///
    /// Source: `wsgi.url_scheme`.
    fn url_scheme(&self) -> &str;

    /// The path, with its escapes decoded. Bytes that are not UTF-8 become U+FFFD; the path as it was sent is
    /// `uri().path()`.
    ///
    /// Source: `PATH_INFO`, which is text of Latin-1.
    fn path_info(&self) -> Cow<'_, str>;

    /// The query, as it was sent; empty if there is none.
    ///
    /// Source: `QUERY_STRING`.
    fn query_string(&self) -> &str;

    /// The clients that proxies before this server say they act for, the first one first: `Forwarded`, or else
    /// `X-Forwarded-For`. Everybody can send these headers, so only the entries are to be believed that were added by
    /// proxies of one's own, from the end on.
    fn forwarded(&self) -> Vec<String>;

    /// The protocol by which the client has reached the last proxy, as that says: `https`, for example. `Forwarded`, or
    /// else `X-Forwarded-Proto`. As to be believed as [`forwarded`](Environ::forwarded).
    fn forwarded_proto(&self) -> Option<String>;

    /// The variables that CGI and gevent have, with their names. As in gevent, headers whose names have a `_` are not
    /// among them, as they could pass for others; a header that was sent several times is one variable, whose values
    /// are joined by commas, or by semicolons for cookies. Values are decoded as Latin-1.
    fn environ(&self) -> Vec<(String, String)>;
}

impl<B: Borrow<Body>> Environ for Request<B> {
    fn remote_addr(&self) -> Option<SocketAddr> {
        self.body().borrow().facts()?.remote
    }

    fn server_addr(&self) -> Option<SocketAddr> {
        let facts = self.body().borrow().facts()?;
        match facts.socket.getsockname() {
            _ if facts.local.is_some() => facts.local,
            Ok(SocketAddress::Inet(local)) => Some(local.into()),
            Ok(SocketAddress::Inet6(local)) => Some(local.into()),
            _ => None,
        }
    }

    fn url_scheme(&self) -> &str {
        self.body().borrow().facts().map_or("http", |facts| &facts.scheme)
    }

    fn path_info(&self) -> Cow<'_, str> {
        decoded(self.uri().path())
    }

    fn query_string(&self) -> &str {
        self.uri().query().unwrap_or_default()
    }

    fn forwarded(&self) -> Vec<String> {
        match self.headers().contains_key(header::FORWARDED) {
            true => parameters(self.headers(), "for"),
            false => items(self.headers(), "x-forwarded-for").map(str::to_owned).collect(),
        }
    }

    fn forwarded_proto(&self) -> Option<String> {
        match self.headers().contains_key(header::FORWARDED) {
            true => parameters(self.headers(), "proto").pop(),
            false => items(self.headers(), "x-forwarded-proto").last().map(str::to_owned),
        }
    }

    fn environ(&self) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        let mut set = |name: &str, value: String| variables.push((name.to_owned(), value));
        set("GATEWAY_INTERFACE", "CGI/1.1".to_owned());
        set(
            "SERVER_SOFTWARE",
            concat!("gevent/", env!("CARGO_PKG_VERSION")).to_owned(),
        );
        set("REQUEST_METHOD", self.method().to_string());
        set("SCRIPT_NAME", String::new());
        set("PATH_INFO", self.path_info().into_owned());
        set("QUERY_STRING", self.query_string().to_owned());
        set("SERVER_PROTOCOL", format!("{:?}", self.version()));
        set("wsgi.url_scheme", self.url_scheme().to_owned());
        let (name, port) = host_and_port(self.server_addr());
        set("SERVER_NAME", name);
        set("SERVER_PORT", port);
        if self.remote_addr().is_some() {
            let (host, port) = host_and_port(self.remote_addr());
            set("REMOTE_ADDR", host);
            set("REMOTE_PORT", port);
        }
        for name in self.headers().keys() {
            let cgi = name.as_str().to_ascii_uppercase().replace('-', "_");
            let cgi = match cgi.as_str() {
                _ if name.as_str().contains('_') => continue,
                "CONTENT_TYPE" | "CONTENT_LENGTH" => cgi,
                _ => format!("HTTP_{cgi}"),
            };
            let separator = if cgi.contains("COOKIE") { "; " } else { "," };
            let values = self.headers().get_all(name).iter();
            let values: Vec<_> = values.map(|value| latin_1(value.as_bytes())).collect();
            set(&cgi, values.join(separator));
        }
        variables
    }
}

fn host_and_port(address: Option<SocketAddr>) -> (String, String) {
    let parts = address.map(|address| (address.ip().to_string(), address.port().to_string()));
    parts.unwrap_or_default()
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The text with its `%` escapes decoded. What is no escape stays.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let escape = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let value = escape.and_then(|digits| match digits.iter().all(u8::is_ascii_hexdigit) {
            true => u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok(),
            false => None,
        });
        out.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// The items of a header that is a list, in their order. Values that are not text have none.
pub(super) fn items<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// The values of a parameter of the `Forwarded` headers, in their order.
fn parameters(headers: &HeaderMap, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for element in items(headers, "forwarded") {
        for pair in element.split(';') {
            if let Some((key, value)) = pair.split_once('=')
                && key.trim().eq_ignore_ascii_case(name)
            {
                found.push(value.trim().trim_matches('"').to_owned());
            }
        }
    }
    found
}

/// The request that a failed handler had, for reports. As gevent's `WSGISecureEnviron` it shows only what is no secret:
/// no headers, and no query.
pub(super) struct Failed {
    pub(super) line: String,
    pub(super) remote: Option<SocketAddr>,
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<request {}", self.line)?;
        match self.remote {
            Some(remote) => write!(f, " from {remote}>"),
            None => f.write_str(">"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn escapes_are_decoded() {
        let cases = [
            ("/plain", "/plain"),
            ("/a%20b", "/a b"),
            ("/%D0%BF", "/\u{43f}"),
            ("/%zz%4", "/%zz%4"),
            ("/%+1%ff", "/%+1\u{fffd}"),
        ];
        for (text, expected) in cases {
            assert_eq!(decoded(text), expected);
        }
    }
}
