//! haproxy in front of servers of our own, which it watches by connections that it resets.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use gevent::pool::Group;
use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::UnixListener;
use gevent::{greenlet_core, run_in_thread, threadsafe};

use crate::common::folder::Folder;
use crate::common::installed::installed;
use crate::common::process::Process;
use crate::common::redis::loopback_address;
use crate::common::{Result, SOON, eventually, raise_fd_limit};
use crate::{Random, amount};

/// Servers that send back what they get, one at a port and one at a path, in a thread of their own.
struct Echo {
    address: SocketAddr,
    stop: threadsafe::Event,
    thread: JoinHandle<std::result::Result<(), Exception>>,
}

/// Sends back what comes, until the other side has sent all, or has gone.
fn echo<S>(stream: &S)
where
    for<'a> &'a S: Read + Write,
{
    // A health check ends by a reset.
    let _ = io::copy(&mut &*stream, &mut &*stream);
}

impl Echo {
    fn start(port: u16, folder: &Folder) -> Result<Echo> {
        let path = folder.path("echo");
        let stop = threadsafe::Event::new();
        let (tell, told) = channel();
        let thread = run_in_thread({
            let stop = stop.clone();
            move || {
                let server = StreamServer::new(("127.0.0.1", port), |stream, _| echo(&stream));
                server.start()?;
                let listener = UnixListener::bind(&path)?;
                let group = Group::new();
                let at_path = spawn({
                    let (listener, group) = (listener.clone(), group.clone());
                    move || {
                        for stream in listener.incoming() {
                            // What ends it is that the listener is closed.
                            let Ok(stream) = stream else { continue };
                            group.spawn(move || echo(&stream)).expect("it has no limit");
                        }
                    }
                });
                tell.send(server.address().expect("it has started"))
                    .expect("the test waits");
                stop.wait()?;
                listener.close();
                server.close();
                at_path.get()?;
                drop((at_path, group));
                std::fs::remove_file(&path)?;
                let over = get_hub().join_timeout(SOON)?;
                assert!(over, "{} greenlets are left", greenlet_core::live_greenlets());
                assert_eq!(get_hub().loop_().activecnt()?, 0, "a watcher is left");
                Ok(())
            }
        })?;
        let Ok(address) = told.recv() else {
            return Err(format!("the servers do not start: {:?}", thread.join()).into());
        };
        Ok(Echo { address, stop, thread })
    }

    /// Ends the servers when they have served all, and checks that they leave nothing behind.
    fn end(self) -> Result {
        self.stop.set();
        match self.thread.join() {
            Ok(ended) => Ok(ended.map_err(|error| error.to_string())?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// haproxy, which listens at a port and at a path.
struct Proxy {
    _process: Process,
    address: SocketAddr,
    statistics: std::path::PathBuf,
}

impl Proxy {
    fn start(echo: &Echo, folder: &Folder) -> Result<Proxy> {
        // Another program may take the port before it does. It ends then, and another port is tried.
        for _ in 0..5 {
            let address = TcpListener::bind((loopback_address(), 0))?.local_addr()?;
            let statistics = folder.path("statistics");
            fs::write(folder.path("configuration"), configuration(address, echo, folder))?;
            let mut haproxy = Command::new("haproxy");
            let mut process = Process::spawn(haproxy.args(["-db", "-f"]).arg(folder.path("configuration")))?;
            let up = eventually("haproxy", SOON, || {
                let ended = process.has_ended()?;
                Ok((ended || UnixStream::connect(&statistics).is_ok()).then_some(!ended))
            })?;
            if up {
                return Ok(Proxy {
                    _process: process,
                    address,
                    statistics,
                });
            }
            let text = process.stderr().text();
            assert!(text.contains("cannot bind"), "{text}");
        }
        Err("haproxy does not stay up".into())
    }

    /// A column of haproxy's statistics of one server.
    fn statistic(&self, server: &str, column: &str) -> Result<String> {
        let mut stream = UnixStream::connect(&self.statistics)?;
        stream.write_all(b"show stat\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let mut lines = text.lines().map(|line| line.trim_start_matches("# ").split(','));
        let at = lines.next().and_then(|mut names| names.position(|name| name == column));
        let mut rows = lines.map(Iterator::collect::<Vec<_>>);
        let row = rows.find(|row| row.get(1) == Some(&server));
        let found = row
            .zip(at)
            .and_then(|(row, at)| row.get(at).map(|value| (*value).to_owned()));
        found.ok_or_else(|| format!("no {column} of {server} in {text}").into())
    }

    /// Waits until haproxy finds that a server is in this state.
    fn expect_status(&self, server: &str, status: &str) -> Result {
        let mut last = String::new();
        eventually("a server's state", SOON, || {
            last = self.statistic(server, "status")?;
            Ok((last == status).then_some(()))
        })
        .map_err(|error| format!("{error}: {server} is {last}, not {status}").into())
    }
}

/// The server at a port is only connected to, and reset; that at a path is asked something.
fn configuration(address: SocketAddr, echo: &Echo, folder: &Folder) -> String {
    let (front, back, statistics) = (folder.path("front"), folder.path("echo"), folder.path("statistics"));
    format!(
        "global
    stats socket {} mode 600
    maxconn 2000
defaults
    mode tcp
    timeout connect 60s
    timeout client 600s
    timeout server 600s
    timeout check 60s
    default-server inter 50ms fall 10 rise 2
listen port
    bind {address}
    server one {} check
listen path
    bind {}
    option tcp-check
    tcp-check connect
    tcp-check send PING\\r\\n
    tcp-check expect string PING
    server two unix@{} check
",
        statistics.display(),
        echo.address,
        front.display(),
        back.display(),
    )
}

/// A client's stream.
trait Stream: Read + Write {
    fn end(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for UnixStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// Many connections at once get back what each has sent.
fn expect_echoes(connections: usize, connect: impl Fn() -> io::Result<Box<dyn Stream>>) -> Result {
    let rounds = amount(4)? / connections / 4096;
    let mut random = Random(7);
    let mut streams = (0..connections).map(|_| connect()).collect::<io::Result<Vec<_>>>()?;
    for _ in 0..rounds.max(1) {
        let sent: Vec<_> = streams
            .iter()
            .map(|_| random.next().to_le_bytes().repeat(512))
            .collect();
        for (stream, sent) in streams.iter_mut().zip(&sent) {
            stream.write_all(sent)?;
        }
        for (stream, sent) in streams.iter_mut().zip(&sent) {
            let mut got = vec![0; sent.len()];
            stream.read_exact(&mut got)?;
            assert!(got == *sent);
        }
    }
    for stream in &streams {
        stream.end()?;
    }
    for stream in &mut streams {
        assert_eq!(stream.read(&mut [0])?, 0);
    }
    Ok(())
}

#[test]
fn servers_behind_haproxy() -> Result {
    const CONNECTIONS: usize = 200;
    if !installed(&["haproxy"], "haproxy") {
        return Ok(());
    }
    raise_fd_limit()?;
    let folder = Folder::new()?;
    let echo = Echo::start(0, &folder)?;
    let port = echo.address.port();
    let proxy = Proxy::start(&echo, &folder)?;
    let expect_all = || -> Result {
        for (server, check) in [("one", "L4OK"), ("two", "L7OK")] {
            proxy.expect_status(server, "UP")?;
            eventually("a check", SOON, || {
                Ok((proxy.statistic(server, "check_status")? == check).then_some(()))
            })?;
        }
        let time = |stream: TcpStream| -> io::Result<Box<dyn Stream>> {
            stream.set_read_timeout(Some(SOON))?;
            Ok(Box::new(stream))
        };
        expect_echoes(CONNECTIONS, || time(TcpStream::connect(proxy.address)?))?;
        let front = folder.path("front");
        expect_echoes(CONNECTIONS, || Ok(Box::new(UnixStream::connect(&front)?)))
    };
    expect_all()?;
    for server in ["one", "two"] {
        let sessions = proxy.statistic(server, "stot")?.parse::<usize>()?;
        assert!(sessions >= CONNECTIONS, "{server}: {sessions}");
        assert_eq!(proxy.statistic(server, "econ")?, "0", "{server}");
    }

    // It finds that they have gone, and that they are there again.
    echo.end()?;
    for server in ["one", "two"] {
        proxy.expect_status(server, "DOWN")?;
    }
    let mut stream = TcpStream::connect(proxy.address)?;
    stream.set_read_timeout(Some(SOON))?;
    assert!(stream.read(&mut [0]).map_or(true, |n| n == 0));
    let echo = Echo::start(port, &folder)?;
    expect_all()?;
    drop(proxy);
    echo.end()
}
