//! Clients of a backdoor.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use gevent::Exception;
use gevent::backdoor::{BackdoorServer, Builder};
use gevent::socket::{TcpStream, UnixStream};

/// How the clients of a test come.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Tcp,
    Unix,
}

pub(crate) const WAYS: [Way; 2] = [Way::Tcp, Way::Unix];

/// A path that no other test has.
pub(crate) fn path() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("gevent-backdoor-{}-{count}", std::process::id()))
}

/// A started server, which is stopped when this is dropped.
pub(crate) struct Server(pub(crate) BackdoorServer);

impl Server {
    pub(crate) fn start(way: Way, builder: Builder) -> Result<Server, Exception> {
        let server = match way {
            Way::Tcp => builder.build("127.0.0.1:0"),
            Way::Unix => builder.build_at_path(path())?,
        };
        server.start()?;
        Ok(Server(server))
    }

    pub(crate) fn connect(&self) -> io::Result<Client> {
        let stream: Box<dyn Stream> = match (self.0.address(), self.0.path()) {
            (Some(address), _) => Box::new(TcpStream::connect(address)?),
            (None, Some(path)) => Box::new(UnixStream::connect(path)?),
            (None, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Client(stream))
    }

    /// A client that has seen the banner and the first prompt.
    pub(crate) fn client(&self) -> io::Result<(Client, String)> {
        let mut client = self.connect()?;
        let banner = client.answer()?;
        Ok((client, banner))
    }

    /// The answer to one line.
    pub(crate) fn ask(&self, line: &str) -> io::Result<String> {
        let (mut client, _) = self.client()?;
        client.ask(line)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.stop();
    }
}

pub(crate) trait Stream: Read + Write {}

impl Stream for TcpStream {}
impl Stream for UnixStream {}

pub(crate) struct Client(Box<dyn Stream>);

impl Client {
    pub(crate) fn send(&mut self, text: &[u8]) -> io::Result<()> {
        self.0.write_all(text)
    }

    /// What comes until the next prompt.
    pub(crate) fn answer(&mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        // A prompt begins a line. Names of types may have such an end, too.
        while !(bytes.ends_with(b"\n>>> ") || bytes == b">>> ") {
            let mut byte = [0];
            if self.0.read(&mut byte)? == 0 {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            bytes.extend(byte);
        }
        bytes.truncate(bytes.len() - 4);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(crate) fn ask(&mut self, line: &str) -> io::Result<String> {
        self.send(line.as_bytes())?;
        self.send(b"\r\n")?;
        self.answer()
    }

    /// What comes until the end. A connection that is closed with something unread ends by a reset.
    pub(crate) fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
