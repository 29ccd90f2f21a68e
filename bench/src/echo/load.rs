//! The load: a number of connections, each of which sends a message, waits until it has come back, and repeats that.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Result;

/// The settings of a load.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) connections: usize,
    pub(super) bytes: usize,
    /// For how long it is measured.
    pub(super) time: Duration,
}

/// The figures that were measured.
pub(super) struct Figures {
    pub(super) requests_per_second: f64,
    /// The server's CPU time for each request, in microseconds.
    pub(super) cpu: f64,
    /// The median of the times until an answer came, in microseconds.
    pub(super) latency: f64,
    /// The time that only one answer in a hundred exceeded, in microseconds.
    pub(super) latency_99: f64,
}

struct Connection {
    stream: TcpStream,
    received: usize,
    sent_at: Instant,
}

impl Load {
    /// Puts the load on a server; `server_cpu` tells the CPU time that it has used.
    pub(super) fn run(
        &self,
        server: SocketAddr,
        mut server_cpu: impl FnMut() -> std::io::Result<Duration>,
    ) -> Result<Figures> {
        let mut poll = Poll::new()?;
        let mut connections = self.connect(server, &poll)?;
        let message = vec![b'x'; self.bytes];
        for connection in &mut connections {
            connection.send(&message)?;
        }
        let mut buffer = vec![0; 64 * 1024];
        let mut events = Events::with_capacity(1024);
        // The measurement starts a while after the load, when all connections are busy.
        let mut start = Instant::now() + self.time / 5;
        let mut cpu_before = None;
        let mut latencies = Vec::with_capacity(1 << 20);
        loop {
            poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            let now = Instant::now();
            if now >= start && cpu_before.is_none() {
                latencies.clear();
                cpu_before = Some(server_cpu()?);
                start = now;
            }
            if now >= start + self.time {
                break;
            }
            for event in &events {
                let connection = &mut connections[event.token().0];
                if connection.receive(&mut buffer, self.bytes)? {
                    latencies.push(connection.sent_at.elapsed().as_secs_f64() * 1e6);
                    connection.send(&message)?;
                }
            }
        }
        let (seconds, cpu_after) = (start.elapsed().as_secs_f64(), server_cpu()?);
        let requests = latencies.len() as f64;
        latencies.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| latencies.get((requests * share) as usize).copied();
        Ok(Figures {
            requests_per_second: requests / seconds,
            cpu: (cpu_after - cpu_before.unwrap_or(cpu_after)).as_secs_f64() * 1e6 / requests,
            latency: at(0.5).ok_or("no answers")?,
            latency_99: at(0.99).ok_or("no answers")?,
        })
    }

    fn connect(&self, server: SocketAddr, poll: &Poll) -> Result<Vec<Connection>> {
        let one = |token| {
            let stream = std::net::TcpStream::connect(server)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry()
                .register(&mut stream, Token(token), Interest::READABLE)?;
            Ok(Connection {
                stream,
                received: 0,
                sent_at: Instant::now(),
            })
        };
        (0..self.connections).map(one).collect()
    }
}

impl Connection {
    /// Sends a message. The socket has room for it, as the message is small, and the one before has come back.
    fn send(&mut self, message: &[u8]) -> Result {
        self.received = 0;
        self.sent_at = Instant::now();
        Ok(self.stream.write_all(message)?)
    }

    /// Reads what has come. Returns whether the whole message is back.
    fn receive(&mut self, buffer: &mut [u8], bytes: usize) -> Result<bool> {
        while self.received < bytes {
            match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed a connection".into()),
                Ok(n) => self.received += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}
