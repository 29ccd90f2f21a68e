//! [`Resume`]: the right to wake one park of one greenlet.

use std::fmt;

use greenlet_core::{Exception, RawGreenlet, Ticket, Value};

/// The right to wake a greenlet from the [`Park`](crate::Park) that this was made of, and from no other. Clones share
/// the right, which is used up when one of them wakes the greenlet: a switch that is refused does not use it.
#[derive(Clone)]
pub struct Resume {
    greenlet: RawGreenlet,
    ticket: Ticket,
}

impl Resume {
    #[inline]
    pub(crate) fn of(greenlet: &RawGreenlet, ticket: Ticket) -> Resume {
        Resume {
            greenlet: greenlet.clone(),
            ticket,
        }
    }

    /// The right to start a greenlet that never ran. It is void as soon as the greenlet has begun, by whatever switch.
    #[inline]
    #[must_use]
    pub fn start(greenlet: &RawGreenlet) -> Resume {
        Resume::of(greenlet, greenlet.start_ticket())
    }

    /// The greenlet to wake.
    pub fn greenlet(&self) -> &RawGreenlet {
        &self.greenlet
    }

    /// The number of the park; later parks of this thread's greenlets have larger ones.
    #[inline]
    pub fn ticket(&self) -> u64 {
        self.ticket.get()
    }

    /// Whether the park that this was made for is still on.
    #[inline]
    pub fn is_parked(&self) -> bool {
        self.greenlet.is_parked(self.ticket)
    }

    /// Whether `value` is the one that [`Resume::switch`] sends for this very park.
    #[inline]
    pub fn is_mine(&self, value: &Value) -> bool {
        matches!(value, Value::Token(ticket) if *ticket == self.ticket.get())
    }

    /// Wakes the greenlet, if the park is still on. Called in the hub: the caller goes on when
    /// the greenlet parks again or ends.
    ///
    /// # Errors
    /// Returns the exception that somebody throws into the caller meanwhile, or the one that says why
    /// no greenlet can be switched to now; then [the park is on](Self::is_parked) as before.
    // It is inlined for the same reason as greenlet-core's `transfer`.
    #[inline(always)]
    pub fn switch(&self) -> Result<(), Exception> {
        self.greenlet.wake(self.ticket)
    }

    /// Throws into the greenlet, if the park is still on. Called in the hub.
    ///
    /// # Errors
    /// As for [`switch`](Self::switch).
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<(), Exception> {
        self.greenlet.wake_throwing(self.ticket, exception)
    }
}

impl PartialEq for Resume {
    /// Whether both are for the same park.
    fn eq(&self, other: &Resume) -> bool {
        self.ticket == other.ticket && self.greenlet == other.greenlet
    }
}

impl Eq for Resume {}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_parked() { "parked" } else { "void" };
        write!(f, "<resume of {:?} {state}>", self.greenlet)
    }
}
