//! [`Settings`]: the numbers of a server, with gevent's names and, but for the backlog, its defaults.

use hub::Seconds;

use super::{BaseServer, ServerSocket};
use crate::socket::Bind;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How the socket is made.
    pub(crate) bind: Bind,
    /// How many clients are accepted in a row before other greenlets run.
    pub(crate) max_accept: usize,
    /// How many seconds the server waits after an error of `accept` (no descriptors left, say). Each further error in a
    /// row doubles the delay.
    pub(crate) min_delay: f64,
    /// The longest delay after an error of `accept`, in seconds.
    pub(crate) max_delay: f64,
    /// How many seconds `stop` waits for the handlers of a pool if it is given `None`.
    pub(crate) stop_timeout: Option<f64>,
    /// How many bytes a datagram may have.
    pub(crate) datagram_size: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            bind: Bind::default(),
            max_accept: 100,
            min_delay: 0.01,
            max_delay: 1.0,
            stop_timeout: Some(1.0),
            datagram_size: 8192,
        }
    }
}

impl Settings {
    pub(crate) fn set_max_accept(&mut self, max_accept: usize) {
        self.max_accept = max_accept.max(1);
    }

    pub(crate) fn set_min_delay(&mut self, seconds: impl Seconds) {
        // `max` makes no delay of a negative number and of NaN. `None` is no delay, too.
        self.min_delay = seconds.seconds().unwrap_or(0.0).max(0.0);
    }

    pub(crate) fn set_max_delay(&mut self, seconds: impl Seconds) {
        self.max_delay = seconds.seconds().unwrap_or(f64::INFINITY).max(0.0);
    }
}

/// The attributes of gevent's servers that are numbers. They can be changed at any time.
impl<L: ServerSocket> BaseServer<L> {
    /// How many clients are accepted in a row before other greenlets run.
    pub fn max_accept(&self) -> usize {
        self.0.settings.get().max_accept
    }

    /// Sets [`max_accept`](BaseServer::max_accept); at least 1.
    pub fn set_max_accept(&self, max_accept: usize) {
        self.change(|settings| settings.set_max_accept(max_accept));
    }

    /// How many seconds the server does not accept after an error of `accept`, or of starting a handler. The delay
    /// doubles with each further error in a row, up to [`max_delay`](BaseServer::max_delay).
    pub fn min_delay(&self) -> f64 {
        self.0.settings.get().min_delay
    }

    /// Sets [`min_delay`](BaseServer::min_delay), from the next error on.
    pub fn set_min_delay(&self, seconds: impl Seconds) {
        let before = self.min_delay();
        self.change(|settings| settings.set_min_delay(seconds));
        // Unless it has grown since, by errors.
        if self.0.delay.get() <= before {
            self.0.delay.set(self.min_delay());
        }
    }

    /// How many seconds the next pause after an error takes.
    pub fn delay(&self) -> f64 {
        self.0.delay.get()
    }

    /// How many seconds the [delay](BaseServer::min_delay) becomes at most.
    pub fn max_delay(&self) -> f64 {
        self.0.settings.get().max_delay
    }

    /// Sets [`max_delay`](BaseServer::max_delay).
    pub fn set_max_delay(&self, seconds: impl Seconds) {
        self.change(|settings| settings.set_max_delay(seconds));
    }

    /// How many seconds [`stop`](BaseServer::stop) lets the handlers of a pool go on.
    pub fn default_stop_timeout(&self) -> Option<f64> {
        self.0.settings.get().stop_timeout
    }

    /// Sets [`default_stop_timeout`](BaseServer::default_stop_timeout).
    pub fn set_stop_timeout(&self, timeout: impl Seconds) {
        self.change(|settings| settings.stop_timeout = timeout.seconds());
    }

    /// How many connections may wait to be accepted. Of no use for datagrams, and for a given listener.
    pub fn backlog(&self) -> i32 {
        self.0.settings.get().bind.backlog
    }

    /// Sets [`backlog`](BaseServer::backlog), for the next start.
    pub fn set_backlog(&self, backlog: i32) {
        self.change(|settings| settings.bind.backlog = backlog);
    }

    /// Whether the socket is made with `SO_REUSEADDR`, so that a server can be started again at once.
    pub fn reuse_addr(&self) -> bool {
        self.0.settings.get().bind.reuse_addr
    }

    /// Sets [`reuse_addr`](BaseServer::reuse_addr), for the next start.
    pub fn set_reuse_addr(&self, reuse_addr: bool) {
        self.change(|settings| settings.bind.reuse_addr = reuse_addr);
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.0.settings.get();
        change(&mut settings);
        self.0.settings.set(settings);
    }
}
