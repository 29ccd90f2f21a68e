//! A client that looks at each byte of an answer, as the one of gevent's test__pywsgi does, and servers for it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;

use gevent::Exception;
use gevent::pywsgi::{Body, Limits, ResponseWriter, WSGIServer};
use gevent::socket::TcpStream;
use http::Request;

/// A server of this handler that has started, and writes no logs.
pub(crate) fn serve(
    handler: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> Result<(), Exception> + 'static,
) -> Result<WSGIServer, Exception> {
    serve_within(Limits::default(), handler)
}

/// As `serve`, with these limits.
pub(crate) fn serve_within(
    limits: Limits,
    handler: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> Result<(), Exception> + 'static,
) -> Result<WSGIServer, Exception> {
    let builder = WSGIServer::builder().limits(limits).log(None).error_log(None);
    let server = builder.build("127.0.0.1:0", handler);
    server.start()?;
    Ok(server)
}

/// A connection to a server.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer. Of a chunked body each chunk is kept.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) chunks: Option<Vec<Vec<u8>>>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn connect(server: &WSGIServer) -> io::Result<Client> {
        let address = server.address().expect("it listens");
        let stream = BufReader::new(TcpStream::connect(address)?);
        Ok(Client { stream })
    }

    /// A client that has sent this.
    pub(crate) fn with(server: &WSGIServer, data: impl AsRef<[u8]>) -> io::Result<Client> {
        let mut client = Client::connect(server)?;
        client.write(data)?;
        Ok(client)
    }

    pub(crate) fn write(&mut self, data: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(data.as_ref())
    }

    pub(crate) fn end_writing(&self) -> io::Result<()> {
        self.stream.get_ref().shutdown(Shutdown::Write)
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// The next answer.
    pub(crate) fn read(&mut self) -> io::Result<Response> {
        self.read_answer(false)
    }

    /// The next answer, to a request of `HEAD`.
    pub(crate) fn read_to_head(&mut self) -> io::Result<Response> {
        self.read_answer(true)
    }

    /// Everything up to the end of the connection.
    pub(crate) fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        self.stream.read_to_end(&mut data)?;
        Ok(data)
    }

    /// Reads up to this text.
    pub(crate) fn read_until(&mut self, end: &str) -> io::Result<String> {
        let mut text = String::new();
        let mut byte = [0];
        while !text.ends_with(end) {
            self.stream.read_exact(&mut byte)?;
            text.push(char::from(byte[0]));
        }
        Ok(text)
    }

    fn read_answer(&mut self, to_head: bool) -> io::Result<Response> {
        let line = self.line()?;
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, format!("{line:?}"));
        let (version, rest) = line.split_once(' ').ok_or_else(wrong)?;
        let (code, reason) = rest.split_once(' ').ok_or_else(wrong)?;
        if version != "HTTP/1.1" {
            return Err(wrong());
        }
        let code: u16 = code.parse().map_err(|_| wrong())?;
        let headers = self.fields()?;
        let mut response = Response {
            code,
            reason: reason.to_owned(),
            headers,
            body: Vec::new(),
            chunks: None,
            trailers: Vec::new(),
        };
        let has_no_body = to_head || code < 200 || code == 204 || code == 304;
        if has_no_body {
            return Ok(response);
        }
        if response.header("Transfer-Encoding") == Some("chunked") {
            assert_eq!(response.header("Content-Length"), None);
            response.chunks = Some(self.chunks()?);
            response.body = response.chunks.iter().flatten().flatten().copied().collect();
            response.trailers = self.fields()?;
        } else if let Some(length) = response.header("Content-Length") {
            response.body = vec![0; length.parse().map_err(|_| wrong())?];
            self.stream.read_exact(&mut response.body)?;
        } else {
            response.body = self.read_to_end()?;
        }
        Ok(response)
    }

    fn chunks(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut chunks = Vec::new();
        loop {
            let line = self.line()?;
            let size = usize::from_str_radix(&line, 16);
            let size = size.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, line))?;
            if size == 0 {
                return Ok(chunks);
            }
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk)?;
            assert!(chunk.ends_with(b"\r\n"));
            chunk.truncate(size);
            chunks.push(chunk);
        }
    }

    /// Headers up to the empty line. Each may be there once.
    fn fields(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut fields: Vec<(String, String)> = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = line.split_once(": ").expect("a header");
            let is_new = !fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            assert!(is_new, "{name} is there twice");
            fields.push((name.to_owned(), value.to_owned()));
        }
    }

    /// A line without its end. At the end of the connection it fails.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, line)),
        }
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    /// The status and the body, which is text.
    pub(crate) fn shown(&self) -> (u16, &str) {
        (self.code, std::str::from_utf8(&self.body).expect("it is text"))
    }
}

/// Sends this, and returns everything that the server sends until it closes the connection.
pub(crate) fn all_of(server: &WSGIServer, data: impl AsRef<[u8]>) -> Result<String, Exception> {
    let mut client = Client::with(server, data)?;
    client.end_writing()?;
    Ok(String::from_utf8(client.read_to_end()?)?)
}

/// Sends this, and returns the status of the answer, and whether the server then closes the connection without more.
pub(crate) fn status_of(server: &WSGIServer, data: impl AsRef<[u8]>) -> Result<(u16, bool), Exception> {
    let mut client = Client::with(server, data)?;
    let response = client.read()?;
    let closes = response.header("Connection") == Some("close");
    if closes {
        assert_eq!(client.read_to_end()?, b"");
    }
    Ok((response.code, closes))
}
