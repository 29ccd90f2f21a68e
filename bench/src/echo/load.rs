//! The load: a number of clients, each of which sends a message, waits until it has come back, and repeats that.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socket2::Socket;
use std::os::fd::AsRawFd;

use super::place::Place;
use crate::Result;

/// The settings of a load.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) connections: usize,
    pub(super) bytes: usize,
    /// Whether each message has a connection of its own.
    pub(super) reconnect: bool,
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

struct Client {
    socket: Socket,
    sent: usize,
    received: usize,
    sent_at: Instant,
}

/// After so long without any answer each client sends its message again, as datagrams may be lost.
const LOST: Duration = Duration::from_millis(200);

impl Load {
    /// Puts the load on a server; `server_cpu` tells the CPU time that it has used.
    pub(super) fn run(&self, place: &Place, mut server_cpu: impl FnMut() -> io::Result<Duration>) -> Result<Figures> {
        let mut poll = Poll::new()?;
        let message = vec![b'x'; self.bytes];
        let clients: io::Result<Vec<Client>> = (0..self.connections)
            .map(|token| Client::new(place, &poll, token))
            .collect();
        let mut clients = clients?;
        for client in &mut clients {
            client.begin(&message)?;
        }
        let mut buffer = vec![0; 64 * 1024];
        let mut events = Events::with_capacity(1024);
        // The measurement starts a while after the load, when all clients are busy.
        let mut start = Instant::now() + self.time / 5;
        let mut cpu_before = None;
        let mut latencies = Vec::with_capacity(1 << 20);
        loop {
            poll.poll(&mut events, Some(LOST))?;
            let now = Instant::now();
            if now >= start && cpu_before.is_none() {
                latencies.clear();
                cpu_before = Some(server_cpu()?);
                start = now;
            }
            if now >= start + self.time {
                break;
            }
            if events.is_empty() {
                for client in &mut clients {
                    client.begin(&message)?;
                }
            }
            for event in &events {
                let client = &mut clients[event.token().0];
                client.send(&message)?;
                if !client.receive(&mut buffer, self.bytes)? {
                    continue;
                }
                latencies.push(client.sent_at.elapsed().as_secs_f64() * 1e6);
                if self.reconnect {
                    // A reset leaves no port behind.
                    client.socket.set_linger(Some(Duration::ZERO))?;
                    *client = Client::new(place, &poll, event.token().0)?;
                }
                client.begin(&message)?;
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
}

impl Client {
    fn new(place: &Place, poll: &Poll, token: usize) -> io::Result<Client> {
        let socket = Socket::from(place.connect()?);
        socket.set_nonblocking(true)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry()
            .register(&mut SourceFd(&socket.as_raw_fd()), Token(token), both)?;
        Ok(Client {
            socket,
            sent: 0,
            received: 0,
            sent_at: Instant::now(),
        })
    }

    /// Begins to send a message.
    fn begin(&mut self, message: &[u8]) -> io::Result<()> {
        (self.sent, self.received) = (0, 0);
        self.sent_at = Instant::now();
        self.send(message)
    }

    /// Sends what is left of the message, as far as there is room.
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        while self.sent < message.len() {
            match self.socket.write(&message[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has come. Returns whether the whole message is back.
    fn receive(&mut self, buffer: &mut [u8], bytes: usize) -> Result<bool> {
        while self.received < bytes {
            match self.socket.read(buffer) {
                Ok(0) => return Err("the server has closed a connection".into()),
                Ok(n) => self.received += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}
