//! The way of a client to its handler: [`BaseServer::do_handle`].

use std::rc::Rc;

use greenlet_core::{Exception, Label, RawGreenlet};
use hub::core::CallbackResult;
use hub::spawn_raw_with;

use super::address::Shown;
use super::{BaseServer, ServerSocket, Spawn};
use crate::greenlet::Greenlet;

/// The user's function that handles one client.
pub(crate) struct Handle<L: ServerSocket> {
    call: Rc<HandleFn<L>>,
    name: &'static str,
}

type HandleFn<L> =
    dyn Fn(&BaseServer<L>, <L as ServerSocket>::Client, <L as ServerSocket>::Address) -> Result<(), Exception>;

impl<L: ServerSocket> Handle<L> {
    pub(crate) fn new<R: CallbackResult, F: Fn(L::Client, L::Address) -> R + 'static>(handle: F) -> Self {
        Handle {
            call: Rc::new(move |_, client, address| handle(client, address).into_result()),
            name: std::any::type_name::<F>(),
        }
    }

    /// A function that also gets the server.
    fn method<R: CallbackResult, F: Fn(&L::Server, L::Client, L::Address) -> R + 'static>(handle: F) -> Self {
        Handle {
            call: Rc::new(move |base, client, address| handle(&L::server(base), client, address).into_result()),
            name: std::any::type_name::<F>(),
        }
    }

    /// The name of the function, or where the closure is in the program.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

impl<L: ServerSocket> BaseServer<L> {
    /// Has `handle` called for the clients that come from now on. A handler that needs its server gets it by
    /// [`set_method`](BaseServer::set_method); one that owned a handle would keep it in memory.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use gevent::server::StreamServer;
    /// use gevent::socket::TcpStream;
    ///
    /// let server = StreamServer::new("127.0.0.1:0", |_stream, _address| ());
    /// server.start()?;
    /// server.set_handle(|mut stream: TcpStream, _address| Ok(stream.write_all(b"changed")?));
    /// let mut text = String::new();
    /// TcpStream::connect(server.address().unwrap())?.read_to_string(&mut text)?;
    /// assert_eq!(text, "changed");
    /// # server.stop()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn set_handle<R: CallbackResult>(&self, handle: impl Fn(L::Client, L::Address) -> R + 'static) {
        drop(self.0.handle.replace(Handle::new(handle)));
    }

    /// [`set_handle`](BaseServer::set_handle) for a function that gets the server, too: the method `handle` of a
    /// subclass of gevent's server.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use gevent::server::StreamServer;
    /// use gevent::socket::TcpStream;
    ///
    /// let server = StreamServer::new("127.0.0.1:0", |_stream, _address| ());
    /// server.set_method(|server, mut stream: TcpStream, _address| {
    ///     server.close();
    ///     Ok(stream.write_all(b"the last one")?)
    /// });
    /// server.start()?;
    /// let mut text = String::new();
    /// TcpStream::connect(server.address().unwrap())?.read_to_string(&mut text)?;
    /// assert_eq!(text, "the last one");
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn set_method<R: CallbackResult>(&self, handle: impl Fn(&L::Server, L::Client, L::Address) -> R + 'static) {
        drop(self.0.handle.replace(Handle::method(handle)));
    }

    /// Has handlers run elsewhere from now on: `spawn` is a [`Spawn`], a number of greenlets, or a
    /// [`Pool`](crate::pool::Pool). Handlers that run go on, and are not waited for by [`stop`](BaseServer::stop)
    /// unless they are in the new pool.
    pub fn set_spawn(&self, spawn: impl Into<Spawn>) {
        let spawn = spawn.into().with_its_pool();
        drop(self.0.spawn.replace(spawn));
        self.accept_if_there_is_place();
    }

    /// Has the handler called for a client as if it had just come: where [`Spawn`] says. The client, if it is a
    /// connection, is closed when the handler is done, and also if it cannot be started.
    ///
    /// The server need not be started. If its pool is full, the call waits for a place.
    ///
    /// # Errors
    /// Fails if the handler cannot be started, with an exception that is thrown into the current greenlet while it
    /// waits, and with [`Spawn::InHub`], which means here the current greenlet, as the handler does.
    #[track_caller]
    pub fn do_handle(&self, client: L::Client, address: L::Address) -> Result<(), Exception> {
        let (handle, spawn) = (self.0.handle.borrow().call.clone(), self.0.spawn.borrow().clone());
        let closing = Closing::<L>(L::handle_of(&client));
        let named = RawGreenlet::builder().label(self.name_of(address.clone()));
        let server = self.clone();
        let serve = move || {
            let _closing = closing;
            handle(&server, client, address)
        };
        match spawn {
            Spawn::Default => {
                Greenlet::build(named, serve).start_or_end();
                Ok(())
            }
            Spawn::Raw => spawn_raw_with(named, serve).map(drop),
            Spawn::In(pool) => {
                let greenlet = Greenlet::build(named, serve);
                // The hub need not wait here, as the server has seen that the pool is not full.
                pool.add(&greenlet)?;
                // The place is given back if the greenlet cannot be started.
                greenlet.start_or_fail()
            }
            Spawn::With(spawner) => spawner.call(Box::new(serve)),
            // A server has a pool instead of its size.
            Spawn::InHub | Spawn::Pool(_) => serve(),
        }
    }

    fn name_of(&self, peer: L::Address) -> HandlerName<L> {
        let server = self.address();
        HandlerName { server, peer }
    }
}

/// Closes a connection when its handler ends, also by a panic or a kill, and when the handler cannot be started.
struct Closing<L: ServerSocket>(Option<L::Client>);

impl<L: ServerSocket> Drop for Closing<L> {
    fn drop(&mut self) {
        if let Some(client) = &self.0 {
            L::close_client(client);
        }
    }
}

/// The name of a client's greenlet, for reports and lists: the server and the peer. Writing an address takes time, so
/// the name is written only when it is asked for.
struct HandlerName<L: ServerSocket> {
    server: Option<L::Address>,
    peer: L::Address,
}

impl<L: ServerSocket> Label for HandlerName<L> {
    fn label(&self) -> Option<String> {
        let server = self.server.as_ref()?;
        Some(format!("{} {}, peer {}", L::SERVER, Shown(server), Shown(&self.peer)))
    }
}
