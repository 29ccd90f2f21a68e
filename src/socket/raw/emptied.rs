//! [`Emptied`]: whether a read would find nothing, so that it can wait without trying.
//!
//! gevent tries each read before it waits. Of a server that answers one request after the other, every second try finds
//! nothing. So a socket remembers that a read has taken all that was there, and that the end of the data was not there
//! either. This is certain until another greenlet runs, or this one sends by another socket, whose other end may be
//! this one. Only another thread or process can have sent something meanwhile, and nobody can tell whether it has. That
//! comes with the next event, as the loop is level-triggered.

use std::cell::Cell;

use greenlet_core::Ticket;

thread_local! {
    /// The ticket that was drawn when a socket of this thread was last shut down or closed.
    static LAST_END: Cell<u64> = const { Cell::new(0) };
}

/// Remembers for a socket that its last read has taken all that was there. Times are the numbers of tickets: whatever
/// may bring new data, or an end, draws one.
#[derive(Default)]
pub(super) struct Emptied {
    /// The time of the last wait. The end of the data was not there then.
    waited_at: Cell<u64>,
    /// The time of a read that has taken all; 0 if there may be more.
    at: Cell<u64>,
}

impl Emptied {
    /// To be called when this socket begins to wait for data.
    #[inline]
    pub(super) fn waits(&self) {
        self.waited_at.set(Ticket::last());
    }

    /// To be called after a read of this socket.
    #[inline]
    pub(super) fn was_read(&self, all: bool) {
        let all = all && LAST_END.get() <= self.waited_at.get();
        self.at.set(if all { Ticket::last() } else { 0 });
    }

    /// To be called when data were sent by this socket.
    #[inline]
    pub(super) fn this_has_sent(&self) {
        let still = self.is_still();
        let ticket = Ticket::draw().get();
        if still {
            self.at.set(ticket);
        }
    }

    /// To be called when this socket was shut down or closed: the other side may see that.
    pub(super) fn this_has_ended(&self) {
        // Without the thread's value, at its end, nobody waits any more.
        let _ = LAST_END.try_with(|last| last.set(Ticket::draw().get()));
    }

    /// Whether nothing can have come since.
    #[inline]
    pub(super) fn is_still(&self) -> bool {
        let at = self.at.get();
        at != 0 && at == Ticket::last()
    }
}

/// The socket is closed with its last handle.
impl Drop for Emptied {
    fn drop(&mut self) {
        self.this_has_ended();
    }
}
