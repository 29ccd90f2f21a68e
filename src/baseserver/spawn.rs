//! [`Spawn`]: where a server runs the handlers.

use std::fmt;
use std::rc::Rc;

use greenlet_core::Exception;

use crate::pool::Pool;

/// Where a server runs the handler of each client: the `spawn` argument of gevent's servers.
///
/// A number converts into [`Spawn::Pool`], and a [`Pool`](crate::pool::Pool) into [`Spawn::In`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spawn {
    /// A new greenlet for each client, without a limit.
    #[default]
    Default,
    /// A new [raw](crate::spawn_raw) greenlet for each client, which costs a little less.
    Raw,
    /// At most so many greenlets at a time, of a new pool. While all of them are busy, no client is accepted.
    Pool(usize),
    /// A greenlet of this pool, which may be used for other work as well. While the pool is full, no client is
    /// accepted.
    In(Pool),
    /// The hub itself, at once. The handler must not block.
    InHub,
    /// Wherever a function of the user's calls the handler: made by [`Spawn::with`].
    With(Spawner),
}

impl Spawn {
    /// Has `spawn` called in the hub for each client. It gets the handler as a function, which it calls, or has called
    /// later, in a greenlet of its choice. If it drops that function, or fails, the connection is closed. After a
    /// failure the server pauses, as after one of `accept`.
    ///
    /// ```
    /// use gevent::server::{Spawn, StreamServer};
    ///
    /// let later = Spawn::with(|handler| {
    ///     gevent::spawn_later(0.01, handler);
    ///     Ok(())
    /// });
    /// let server = StreamServer::builder().spawn(later).build("127.0.0.1:0", |_stream, _address| ());
    /// # server.start()?;
    /// # server.stop()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn with(spawn: impl Fn(Handler) -> Result<(), Exception> + 'static) -> Spawn {
        Spawn::With(Spawner(Rc::new(spawn)))
    }

    /// A number becomes its pool.
    pub(super) fn with_its_pool(self) -> Spawn {
        match self {
            Spawn::Pool(size) => Spawn::In(Pool::new(size)),
            other => other,
        }
    }

    pub(super) fn pool(&self) -> Option<&Pool> {
        match self {
            Spawn::In(pool) => Some(pool),
            _ => None,
        }
    }
}

/// The handler of one client, as a function without arguments.
pub type Handler = Box<dyn FnOnce() -> Result<(), Exception>>;

/// The function of [`Spawn::with`]. Two are equal if they are clones of each other.
#[derive(Clone)]
pub struct Spawner(Rc<dyn Fn(Handler) -> Result<(), Exception>>);

impl Spawner {
    pub(super) fn call(&self, handler: Handler) -> Result<(), Exception> {
        (self.0)(handler)
    }
}

impl PartialEq for Spawner {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Spawner {}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spawner")
    }
}

impl From<usize> for Spawn {
    fn from(size: usize) -> Self {
        Spawn::Pool(size)
    }
}

impl From<Pool> for Spawn {
    fn from(pool: Pool) -> Self {
        Spawn::In(pool)
    }
}

impl From<&Pool> for Spawn {
    fn from(pool: &Pool) -> Self {
        Spawn::In(pool.clone())
    }
}
