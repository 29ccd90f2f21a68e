//! [`Engine`]: a connection of rustls on a socket. All waits for TLS are here, in `handshake.rs` and in `ending.rs`.
//!
//! rustls does no I/O of its own: it is given what the socket has received, and tells what is to be sent. Each of these
//! steps borrows the connection and is over before anybody waits, so that one greenlet may read while another writes.

use std::cell::{Cell, RefCell, RefMut};
use std::io::{self, IoSlice, Read, Write};
use std::rc::Rc;

use greenlet_core::{Exception, getcurrent};
use rustls::Connection;
use rustls::server::{Accepted, Acceptor};
use waiter::ConcurrentObjectUseError;

use super::WrapSocket;
use super::errors::{Failure, ragged_eof};
use super::handshake::Handshake;
use super::records::Records;
use crate::socket::{Direction, Limit, NO_SIGNAL, RawSocket, SendAllError};

pub(super) struct Engine {
    pub(super) raw: Rc<RawSocket>,
    pub(super) tls: RefCell<Tls>,
    pub(super) handshake: Handshake,
    /// The name of the server that this side has asked for.
    pub(super) hostname: Option<String>,
    /// Whether data that a write has taken are still to be sent.
    pub(super) unsent: Cell<bool>,
    /// Whether `close_notify` was sent, so that nothing can be written any more.
    pub(super) ended: Cell<bool>,
    /// The error after which the connection is of no use.
    pub(super) failure: RefCell<Option<Failure>>,
    /// Where in its records the connection is read.
    pub(super) records: Cell<Records>,
    /// The process that has made the connection. In the child of a fork it must not be used.
    pub(super) process: u32,
    /// Whether an end without `close_notify` is one like others.
    pub(super) suppress_ragged_eofs: bool,
}

/// The state of rustls.
pub(super) enum Tls {
    /// A server that has to see first what the client asks for.
    Accepting(Acceptor),
    /// One that has seen it, until the user's function has answered.
    Asked(Box<Accepted>),
    Open(Connection),
    /// The connection could not be made.
    Gone,
}

/// How long a call may wait, in each direction.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    pub(super) read: Limit<'a>,
    pub(super) write: Limit<'a>,
}

impl Engine {
    pub(super) fn new(raw: Rc<RawSocket>, tls: Tls, handshake: Handshake, options: &WrapSocket<'_>) -> Engine {
        Engine {
            raw,
            tls: RefCell::new(tls),
            handshake,
            hostname: options.server_hostname.map(str::to_owned),
            unsent: Cell::new(false),
            ended: Cell::new(false),
            failure: RefCell::new(None),
            records: Cell::default(),
            process: std::process::id(),
            suppress_ragged_eofs: options.suppress_ragged_eofs,
        }
    }

    /// The limits of a call: the socket's own timeouts, and a time for the whole call.
    pub(super) fn limits(&self, whole: Option<f64>) -> Limits<'_> {
        Limits {
            read: self.raw.limit(Direction::Read).and_the_whole(whole),
            write: self.raw.limit(Direction::Write).and_the_whole(whole),
        }
    }

    /// The connection, for one step that does not wait. It is in use only while code of the user's runs, which a config
    /// of rustls calls.
    pub(super) fn connection(&self) -> io::Result<RefMut<'_, Connection>> {
        let tls = self.tls.try_borrow_mut().map_err(|_| in_use())?;
        let open = RefMut::filter_map(tls, |tls| match tls {
            Tls::Open(connection) => Some(connection),
            Tls::Accepting(_) | Tls::Asked(_) | Tls::Gone => None,
        });
        open.map_err(|_| io::Error::new(io::ErrorKind::NotConnected, "the handshake was not done"))
    }

    /// What the connection says of itself; none if there is no connection yet.
    pub(super) fn look<R>(&self, look: impl FnOnce(&Connection) -> Option<R>) -> Option<R> {
        look(&*self.connection().ok()?)
    }

    /// Reads what the other side has sent; 0 at the end.
    #[track_caller]
    pub(super) fn read(
        &self,
        limits: Limits<'_>,
        mut into: impl FnMut(&mut dyn Read) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.raw.socket()?;
        self.do_handshake(limits)?;
        loop {
            let read = into(&mut self.connection()?.reader());
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return if self.suppress_ragged_eofs {
                        Ok(0)
                    } else {
                        Err(ragged_eof())
                    };
                }
                read => return read,
            }
            self.check()?;
            limits.read.check()?;
            self.receive(limits.read, Reading::Ahead)?;
        }
    }

    /// Has rustls take data, and sends all that there is to send. Returns how many bytes were taken: not more than fit
    /// into rustls' buffer.
    #[track_caller]
    pub(super) fn write(
        &self,
        limits: Limits<'_>,
        take: impl FnOnce(&mut dyn Write) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.raw.socket()?;
        self.do_handshake(limits)?;
        self.check()?;
        if self.unsent.get() {
            // As long as this fails, nothing further is taken.
            self.send(limits.write)?;
        }
        if self.ended.get() {
            return Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the stream was shut down for writing",
            ));
        }
        let taken = take(&mut self.connection()?.writer())?;
        self.unsent.set(true);
        match self.send(limits.write) {
            // The next call sends the rest.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !limits.write.may_wait() => Ok(taken),
            // The socket is of no use any more, and neither is the number.
            Err(error) if error.raw_os_error().is_some() => Err(error),
            Err(error) => Err(SendAllError::with(taken as u64, error)),
            Ok(()) => Ok(taken),
        }
    }

    /// Sends what is to be sent.
    #[track_caller]
    pub(super) fn send(&self, limit: Limit<'_>) -> io::Result<()> {
        let mut is_first = true;
        while self.has_to_send()? {
            if !std::mem::take(&mut is_first) {
                limit.check()?;
            }
            self.raw.retry_within(Direction::Write, limit, |socket| {
                self.connection()?.write_tls(&mut Sink(socket))
            })?;
        }
        self.unsent.set(false);
        Ok(())
    }

    fn has_to_send(&self) -> io::Result<bool> {
        Ok(self.connection()?.wants_write())
    }

    /// Sends as much as the socket takes without waiting: what rustls has to say besides the user's data, and what a
    /// write has left that was ended. If it fails, the next call that sends or receives will tell.
    pub(super) fn send_now(&self) {
        if self.has_to_send().is_ok_and(|has| has) {
            let _ = self.send(self.raw.limit(Direction::Write).waiting_if(false));
        }
    }

    /// Receives once from the socket, and has rustls look at it. Returns the number of bytes, 0 at the socket's end.
    ///
    /// Whatever is to be sent goes out before the greenlet waits: the other side may answer to that only.
    #[track_caller]
    pub(super) fn receive(&self, limit: Limit<'_>, reading: Reading) -> io::Result<usize> {
        if self.raw.is_still() {
            self.send_now();
        }
        let place = Cell::new(0);
        let receive = |socket: &_| {
            let received = self.connection()?.read_tls(&mut self.source(socket, &place, reading));
            if matches!(&received, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                self.send_now();
            }
            received
        };
        let n = self.raw.read_unless_still(limit, receive, |n| n < place.get())?;
        let processed = self.connection()?.process_new_packets();
        processed.map_err(|error| self.fail(error))?;
        Ok(n)
    }

    /// The socket as rustls reads it.
    pub(super) fn source<'a>(
        &'a self,
        socket: &'a socket2::Socket,
        place: &'a Cell<usize>,
        reading: Reading,
    ) -> Source<'a> {
        Source {
            socket,
            place,
            records: &self.records,
            reading,
        }
    }

    /// Notes that the connection is of no use any more, and tells the other side why.
    #[cold]
    pub(super) fn fail(&self, error: rustls::Error) -> io::Error {
        let failure = Failure::of(error);
        self.failure.replace(Some(failure.clone()));
        self.send_now();
        failure.into()
    }

    /// Fails as before if the connection is of no use any more.
    pub(super) fn check(&self) -> io::Result<()> {
        let failure = self.failure.borrow().clone();
        failure.map_or(Ok(()), |failure| Err(failure.into()))
    }
}

#[cold]
#[track_caller]
pub(super) fn in_use() -> io::Error {
    let error = Exception::new(ConcurrentObjectUseError {
        object: "TLS connection",
        user: format!("a function that it calls itself: not free for {:?}", getcurrent()),
    });
    error.into()
}

/// How much of what has come is read at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reading {
    /// As much as there is.
    Ahead,
    /// Not more than the current record. What follows may not be TLS.
    Exactly,
}

/// The socket as rustls reads it. Remembers how much place there was for the last read.
pub(super) struct Source<'a> {
    socket: &'a socket2::Socket,
    place: &'a Cell<usize>,
    records: &'a Cell<Records>,
    reading: Reading,
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut records = self.records.get();
        let place = match self.reading {
            Reading::Ahead => buf.len(),
            Reading::Exactly => records.left().min(buf.len()),
        };
        self.place.set(place);
        let mut socket = self.socket;
        let n = socket.read(&mut buf[..place])?;
        records.pass(&buf[..n]);
        self.records.set(records);
        Ok(n)
    }
}

/// The socket as rustls writes to it: several records by one call of the system.
pub(super) struct Sink<'a>(pub(super) &'a socket2::Socket);

impl Write for Sink<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.send_with_flags(buf, NO_SIGNAL)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match bufs {
            [buf] => self.write(buf),
            bufs => self.0.send_vectored_with_flags(bufs, NO_SIGNAL),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
