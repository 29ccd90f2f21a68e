//! The handshake: once for each connection, by the greenlet that needs it first.

use std::cell::{Cell, RefCell};
use std::io;

use greenlet_core::{RawGreenlet, getcurrent};
use hub::TimedOut;
use rustls::server::AcceptedAlert;
use rustls::{Connection, ProtocolVersion};

use super::config::Config;
use super::context::SSLContext;
use super::engine::{Engine, Limits, Reading, Sink, Tls, in_use};
use super::errors::ragged_eof;
use crate::lock::Semaphore;
use crate::socket::Direction;

pub(super) struct Handshake {
    pub(super) is_done: Cell<bool>,
    /// The greenlets that need it, of which one does it.
    turn: Semaphore,
    /// The one that does it.
    doing: RefCell<Option<RawGreenlet>>,
    /// How many seconds it may take in all.
    timeout: Option<f64>,
    /// The context that is asked by the client's name for the one to use.
    context: Option<SSLContext>,
}

impl Handshake {
    pub(super) fn new(context: &SSLContext) -> Handshake {
        Handshake {
            is_done: Cell::new(false),
            turn: Semaphore::new(1),
            doing: RefCell::new(None),
            timeout: context.handshake_timeout,
            context: context.sni_callback.is_some().then(|| context.clone()),
        }
    }
}

/// The time in which a greenlet does the handshake.
struct Doing<'a>(&'a Handshake);

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        self.0.doing.replace(None);
    }
}

impl Engine {
    /// Does the handshake, unless it is done, within the limits of the call that needs it, and its own time.
    #[track_caller]
    pub(super) fn do_handshake(&self, limits: Limits<'_>) -> io::Result<()> {
        if self.handshake.is_done.get() {
            return Ok(());
        }
        self.do_handshake_within(Limits {
            read: limits.read.and_the_whole(self.handshake.timeout),
            write: limits.write.and_the_whole(self.handshake.timeout),
        })
    }

    /// Does the handshake, unless it is done, within these limits.
    #[track_caller]
    pub(super) fn do_handshake_within(&self, limits: Limits<'_>) -> io::Result<()> {
        let current = getcurrent();
        if self.handshake.doing.borrow().as_ref() == Some(&current) {
            // Code of the user's, which the handshake has called, would wait for itself.
            return Err(in_use());
        }
        let _turn = match limits.read.may_wait() {
            true => self.handshake.turn.acquire_guard_timeout(limits.read.left())?,
            false => self.handshake.turn.try_acquire_guard(),
        }
        .ok_or_else(|| match limits.read.may_wait() {
            true => TimedOut.into(),
            false => io::Error::from(io::ErrorKind::WouldBlock),
        })?;
        if self.handshake.is_done.get() {
            return Ok(());
        }
        self.check()?;
        self.handshake.doing.replace(Some(current));
        let _doing = Doing(&self.handshake);
        if let Some(context) = &self.handshake.context {
            self.accept(context, limits)?;
        }
        while self.connection()?.is_handshaking() {
            self.send(limits.write)?;
            limits.read.check()?;
            if self.connection()?.is_handshaking() && self.receive(limits.read, Reading::Ahead)? == 0 {
                return Err(ragged_eof());
            }
        }
        // Tickets of a server can wait for the first answer.
        if !self.connection_has_only_tickets()? {
            self.send(limits.write)?;
        }
        self.handshake.is_done.set(true);
        Ok(())
    }

    /// Whether the handshake was complete for the other side with its last message, as it is in TLS 1.3 for a client.
    fn connection_has_only_tickets(&self) -> io::Result<bool> {
        let connection = self.connection()?;
        let is_server = matches!(&*connection, Connection::Server(_));
        Ok(is_server && connection.protocol_version() == Some(ProtocolVersion::TLSv1_3))
    }

    /// Reads the client's first message, and makes the connection as the user's function says. If that fails, the next
    /// call asks it again.
    #[track_caller]
    fn accept(&self, context: &SSLContext, limits: Limits<'_>) -> io::Result<()> {
        while self.is_accepting()? {
            limits.read.check()?;
            let place = Cell::new(0);
            let receive = |socket: &_| match &mut *self.tls.borrow_mut() {
                Tls::Accepting(acceptor) => acceptor.read_tls(&mut self.source(socket, &place, Reading::Ahead)),
                Tls::Asked(_) | Tls::Open(_) | Tls::Gone => Ok(0),
            };
            if self.raw.read_unless_still(limits.read, receive, |n| n < place.get())? == 0 {
                return Err(ragged_eof());
            }
        }
        let name = match &*self.tls.borrow() {
            Tls::Asked(accepted) => accepted.client_hello().server_name().map(str::to_owned),
            Tls::Accepting(_) | Tls::Open(_) | Tls::Gone => return Ok(()),
        };
        // Nothing is borrowed here: the function may wait.
        let chosen = match &context.sni_callback {
            Some(callback) => callback(name.as_deref())?,
            None => None,
        };
        let Config::Server(config) = chosen.as_ref().unwrap_or(context).config()? else {
            let why = "a server's connection was given a client's context";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        };
        let asked = self.tls.replace(Tls::Gone);
        if let Tls::Asked(accepted) = asked {
            let connection = accepted
                .into_connection(config)
                .map_err(|refused| self.refuse(refused))?;
            self.tls.replace(Tls::Open(connection.into()));
        }
        Ok(())
    }

    /// Whether the client's first message has not come yet.
    fn is_accepting(&self) -> io::Result<bool> {
        let accepted = match &mut *self.tls.borrow_mut() {
            Tls::Accepting(acceptor) => acceptor.accept(),
            Tls::Asked(_) | Tls::Open(_) | Tls::Gone => return Ok(false),
        };
        let accepted = accepted.map_err(|refused| self.refuse(refused))?;
        let is_there = accepted.is_some();
        if let Some(accepted) = accepted {
            self.tls.replace(Tls::Asked(Box::new(accepted)));
        }
        Ok(!is_there)
    }

    #[cold]
    fn refuse(&self, (error, mut alert): (rustls::Error, AcceptedAlert)) -> io::Error {
        let at_once = self.raw.limit(Direction::Write).waiting_if(false);
        // If the alert cannot be sent, the other side sees the end only.
        let _ = self
            .raw
            .retry_within(Direction::Write, at_once, |socket| alert.write(&mut Sink(socket)));
        self.fail(error)
    }
}
