//! The loop of a server, in the hub: it takes clients from the socket, and pauses after errors and while the pool is
//! full.

use std::io;
use std::rc::Rc;

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};
use hub::Context;
use hub::core::{Events, Io};

use super::{BaseServer, ServerSocket};
use crate::pool::Pool;
use crate::server::Accepted;
use crate::socket::{cancel_wait_ex as closed, is_of_listener};

impl<L: ServerSocket> BaseServer<L> {
    /// Accepts clients from now on, which [`start`](BaseServer::start) does, too. Does nothing if it does so already.
    ///
    /// # Errors
    /// Fails with `EBADF` if the server has no socket, and if the loop cannot watch it.
    pub fn start_accepting(&self) -> io::Result<()> {
        self.0.waits_for_place.set(false);
        if self.0.watcher.borrow().is_some() {
            return Ok(());
        }
        let socket = self.socket().ok_or_else(closed)?;
        let watcher = self.0.hub.loop_().io(socket.as_raw_fd(), Events::READ);
        let watcher = watcher.map_err(Exception::from)?;
        let server = self.clone();
        watcher
            .start_pass_events(move |events| server.ready(events))
            .map_err(Exception::from)?;
        self.0.watcher.replace(Some(watcher));
        Ok(())
    }

    /// Accepts no clients until [`start_accepting`](BaseServer::start_accepting) is called. The socket stays open, so
    /// that clients can come, and wait.
    pub fn stop_accepting(&self) {
        self.0.waits_for_place.set(false);
        if let Some(watcher) = self.0.watcher.take() {
            // `stop` fails only if the loop is destroyed, which has stopped the watcher.
            let _ = watcher.stop();
        }
        drop(self.0.delay_timer.take());
    }

    /// Called in the hub when clients wait to be accepted, or when the socket cannot be watched any more.
    fn ready(&self, events: Events) {
        match Io::refused(events) {
            Some(error) => self.report(error.into()),
            None => self.accept_some(),
        }
        // libev stops a watcher whose descriptor it cannot watch.
        let stopped = |watcher: &Io| events.contains(Events::ERROR) && !watcher.active();
        if self.0.watcher.borrow().as_ref().is_some_and(stopped) {
            self.back_off();
        }
    }

    fn accept_some(&self) {
        for _ in 0..self.max_accept() {
            // The handler, in the hub, may have stopped the server.
            let Some(socket) = self.socket().filter(|_| self.0.watcher.borrow().is_some()) else {
                return;
            };
            if let Some(pool) = self.pool().filter(|pool| pool.full()) {
                return self.wait_for_place(&pool);
            }
            let (client, address) = match self.do_read(&socket) {
                Ok(Some(client)) => client,
                Ok(None) => return,
                // The client has closed the connection before it was accepted.
                Err(error) if error.raw_os_error() == Some(libc::ECONNABORTED) => continue,
                Err(error) => {
                    let fatal = is_of_listener(&error);
                    self.report(error.into());
                    return match fatal {
                        true => self.close(),
                        false => self.back_off_if_accepting(),
                    };
                }
            };
            self.0.delay.set(self.min_delay());
            let peer = address.clone();
            let handled = match catch(|| self.do_handle(client, address)) {
                Err(Caught::Panic(exception)) => Err(exception),
                Err(Caught::Forced(unwind)) => unwind.resume(),
                Ok(handled) => handled,
            };
            if let Err(exception) = handled {
                let accepted = Accepted::<L>::new(L::server(self), peer);
                self.0.hub.report_error(Context::Object(&accepted), exception);
                return self.back_off_if_accepting();
            }
        }
    }

    /// Takes a client from the socket, if one is there.
    fn do_read(&self, socket: &L) -> io::Result<Option<(L::Client, L::Address)>> {
        socket.do_read(&mut self.0.buffer.borrow_mut(), self.0.settings.get().datagram_size)
    }

    /// Gives an error to the hub's error handler, with the server as its context. Does not panic, even if the handler
    /// does.
    fn report(&self, exception: Exception) {
        let server = L::server(self);
        self.0.hub.report_error(Context::Object(&server), exception);
    }

    /// Stops accepting until the pool has a free place.
    fn wait_for_place(&self, pool: &Pool) {
        self.stop_accepting();
        self.0.waits_for_place.set(true);
        let server = Rc::downgrade(&self.0);
        pool.when_available(move || {
            if let Some(server) = server.upgrade() {
                BaseServer(server).accept_if_there_is_place();
            }
            Ok(())
        });
    }

    /// Accepts again, if it was only for the want of a place that the server did not.
    pub(super) fn accept_if_there_is_place(&self) {
        if self.0.waits_for_place.get() {
            self.accept_again();
        }
    }

    /// As [`back_off`](BaseServer::back_off), unless the code that was told of the error has stopped the server.
    fn back_off_if_accepting(&self) {
        if self.0.watcher.borrow().is_some() {
            self.back_off();
        }
    }

    /// Stops accepting for the delay, so that an error which lasts does not recur in every iteration of the loop.
    fn back_off(&self) {
        self.stop_accepting();
        let delay = self.0.delay.get();
        self.0.delay.set((delay * 2.0).min(self.max_delay()));
        let server = self.clone();
        let start = || -> Result<(), Exception> {
            let timer = Rc::new(self.0.hub.timer(delay)?);
            self.0.hub.loop_().update_now()?;
            timer.start(move || {
                drop(server.0.delay_timer.take());
                server.accept_again();
            })?;
            self.0.delay_timer.replace(Some(timer));
            Ok(())
        };
        if let Err(exception) = start() {
            self.report(exception);
        }
    }

    /// Accepts clients again, when the pool has a free place or the delay is over. If that fails, the error is
    /// reported, and it is tried again after the next delay.
    fn accept_again(&self) {
        if self.closed() {
            return;
        }
        if let Err(error) = self.start_accepting() {
            self.report(error.into());
            if !self.closed() {
                self.back_off();
            }
        }
    }
}
