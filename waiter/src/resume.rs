//! The right to wake one park of one greenlet.

use std::fmt;

use greenlet_core::{Exception, RawGreenlet, Ticket, Value};

/// Wakes a greenlet out of the [`Park`](crate::Park) that this was made of, and no other. Clones are the same right,
/// which is used up by whoever is the first to wake the greenlet with it: what is refused has used nothing.
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

    /// The right to start a greenlet that never ran; void as soon as somebody has. Of one that has begun it is void
    /// at once.
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

    /// Whether `value` is what [`Resume::switch`] of this very park sends.
    #[inline]
    pub fn is_mine(&self, value: &Value) -> bool {
        matches!(value, Value::Token(ticket) if *ticket == self.ticket.get())
    }

    /// Wakes the greenlet, if the park is still on. Called in the hub: the caller goes on when
    /// the greenlet parks again or ends.
    ///
    /// # Errors
    /// What came back by throwing; why nobody can be switched to now, and then [the park is
    /// on](Self::is_parked) as before.
    // Inlined for the reason that greenlet-core's `transfer` is.
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
