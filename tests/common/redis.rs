//! A Redis server of its own for each test, and a small blocking client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::process::Process;
use super::{Result, SOON, eventually};

/// Whether Redis is installed. Where it is not, the tests that need it say so and pass, except in CI.
pub(crate) fn installed() -> bool {
    super::installed::installed(&["redis-server", "redis-benchmark"], "redis")
}

/// A `redis-server` on a port of its own that keeps nothing on disk.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Server {
    pub(crate) fn start() -> Result<Server> {
        // Another program may take the port before Redis does. Redis ends then, and another port is tried.
        (0..5)
            .find_map(|_| Server::try_start().transpose())
            .ok_or("redis-server does not stay up")?
    }

    fn try_start() -> Result<Option<Server>> {
        let address = TcpListener::bind((loopback_address(), 0))?.local_addr()?;
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let mut process = Process::spawn(
            Command::new("redis-server")
                .args(["--port", &port, "--bind", &ip, "--save", "", "--appendonly", "no"])
                .current_dir(std::env::temp_dir()),
        )?;
        let up = eventually("redis-server", SOON, || {
            if process.has_ended()? {
                return Ok(Some(false));
            }
            // The server of another test may be listening at that port, which our own Redis has yet to find out.
            let answers = info(address, "server").is_ok_and(|pairs| {
                let is_ours =
                    |(name, value): &(String, String)| name == "process_id" && *value == process.id().to_string();
                pairs.iter().any(is_ours)
            });
            Ok(answers.then_some(true))
        })?;
        Ok(up.then_some(Server {
            address,
            _process: process,
        }))
    }

    /// A connection to the server itself, past any forwarder.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(self.address)
    }

    /// The lines `name:value` of one section of INFO.
    pub(crate) fn info(&self, section: &str) -> Result<Vec<(String, String)>> {
        info(self.address, section)
    }

    /// One number of INFO.
    pub(crate) fn info_number(&self, section: &str, name: &str) -> Result<u64> {
        let pairs = self.info(section)?;
        let (_, value) = pairs.iter().find(|(key, _)| key == name).ok_or("no such INFO line")?;
        Ok(value.parse()?)
    }
}

/// The lines `name:value` of one section of INFO, from the server at this address.
fn info(address: SocketAddr, section: &str) -> Result<Vec<(String, String)>> {
    let mut client = Client::connect(address)?;
    let text = client.command(&[b"INFO", section.as_bytes()])?;
    let text = String::from_utf8(text.into_bulk()?)?;
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    Ok(pairs
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect())
}

/// A loopback address that only this process uses, so that a connection to it never meets a listener of another
/// program.
pub(crate) fn loopback_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 64, middle, low)
}

/// An answer of Redis.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
}

impl Reply {
    pub(crate) fn into_bulk(self) -> Result<Vec<u8>> {
        match self {
            Reply::Bulk(Some(bytes)) => Ok(bytes),
            other => Err(format!("expected a bulk string, not {other:?}").into()),
        }
    }
}

/// A blocking client; no read or write takes longer than [`SOON`].
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Client> {
        let stream = TcpStream::connect_timeout(&address, SOON)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_write_timeout(Some(SOON))?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream: BufReader::with_capacity(1 << 16, stream),
        })
    }

    pub(crate) fn command(&mut self, words: &[&[u8]]) -> Result<Reply> {
        self.send(words)?;
        self.reply()
    }

    pub(crate) fn send(&mut self, words: &[&[u8]]) -> Result {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            write!(request, "${}\r\n", word.len())?;
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        Ok(self.send_raw(&request)?)
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub(crate) fn reply(&mut self) -> Result<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or("an empty reply")?;
        Ok(match kind {
            "+" => Reply::Simple(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Integer(rest.parse()?),
            "$" if rest == "-1" => Reply::Bulk(None),
            "$" => Reply::Bulk(Some(self.bulk(rest.parse()?)?)),
            _ => return Err(format!("not a reply: {line:?}").into()),
        })
    }

    /// Waits until the other side closes the connection. A reset counts, too.
    pub(crate) fn expect_closed(&mut self) -> Result {
        match self.stream.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err("more data instead of the end".into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the drop of this client reset the connection instead of closing it in an orderly way.
    pub(crate) fn reset_on_drop(&self) -> io::Result<()> {
        socket2::SockRef::from(self.stream.get_ref()).set_linger(Some(Duration::ZERO))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.strip_suffix("\r\n").ok_or("the connection ended within a reply")?;
        Ok(line.to_owned())
    }

    fn bulk(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.stream.read_exact(&mut bytes)?;
        match &*self.line()? {
            "" => Ok(bytes),
            more => Err(format!("{more:?} after a bulk string").into()),
        }
    }
}
