//! The right to wake one park of one greenlet.

use std::fmt;

use greenlet_core::{Exception, RawGreenlet, Value, WaitingOn, getcurrent};

use crate::error::InvalidSwitchError;

/// Wakes the greenlet that made it, out of the park it made it for, and no other.
///
/// A greenlet makes a `Resume`, leaves clones of it where it wants to be woken from (a watcher,
/// a queue of callbacks, a list of waiters) and parks. The first one used wakes it; when the
/// greenlet runs again, for whatever reason, [`Resume::end`] makes all that are left void.
#[derive(Clone)]
pub struct Resume {
    greenlet: RawGreenlet,
    ticket: u64,
}

impl Resume {
    /// Begins a new park of the current greenlet; any earlier `Resume` of it becomes void.
    #[inline]
    #[must_use]
    pub fn new() -> Resume {
        let greenlet = getcurrent();
        let ticket = greenlet.new_ticket(None);
        Resume { greenlet, ticket }
    }

    /// [`new`](Resume::new), and says what the park is for: the kind of thing and its address,
    /// for lists of greenlets that wait.
    #[inline]
    #[must_use]
    pub fn on(kind: &'static str, address: usize) -> Resume {
        let greenlet = getcurrent();
        let ticket = greenlet.new_ticket(Some(WaitingOn { kind, address }));
        Resume { greenlet, ticket }
    }

    /// The right to start a greenlet that never ran; void as soon as its ticket is.
    #[inline]
    #[must_use]
    pub fn start(greenlet: &RawGreenlet) -> Resume {
        let ticket = greenlet.new_ticket(None);
        Resume {
            greenlet: greenlet.clone(),
            ticket,
        }
    }

    /// The greenlet to wake.
    pub fn greenlet(&self) -> &RawGreenlet {
        &self.greenlet
    }

    /// The number of the park; later parks of this thread's greenlets have larger ones.
    #[inline]
    pub fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Whether the park that this was made for is still on.
    #[inline]
    pub fn is_parked(&self) -> bool {
        self.greenlet.ticket() == self.ticket
    }

    /// Whether `value` is what [`Resume::switch`] of this very park sends.
    #[inline]
    pub fn is_mine(&self, value: &Value) -> bool {
        matches!(value, Value::Token(ticket) if *ticket == self.ticket)
    }

    /// Wakes the greenlet, if the park is still on. Called in the hub: the caller goes on when
    /// the greenlet parks again or ends.
    ///
    /// # Errors
    /// What came back by throwing.
    // Inlined for the reason that greenlet-core's `transfer` is.
    #[inline(always)]
    pub fn switch(&self) -> Result<(), Exception> {
        if self.is_parked() {
            self.greenlet.void_ticket();
            self.greenlet.switch(Value::Token(self.ticket))?;
        }
        Ok(())
    }

    /// Throws into the greenlet, if the park is still on. Called in the hub.
    ///
    /// # Errors
    /// What came back by throwing.
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<(), Exception> {
        if self.is_parked() {
            self.greenlet.void_ticket();
            self.greenlet.throw(exception)?;
        }
        Ok(())
    }

    /// Ends the park whose switch returned `got`, and says whether it was this that woke it.
    ///
    /// # Errors
    /// What was thrown into the greenlet; [`InvalidSwitchError`] when somebody woke it that it did
    /// not wait for.
    #[inline]
    #[track_caller]
    pub fn finish(
        &self,
        got: Result<Value, Exception>,
        waiting_on: &dyn fmt::Debug,
    ) -> Result<(), Exception> {
        self.end();
        match got {
            Ok(value) if self.is_mine(&value) => Ok(()),
            Ok(value) => Err(self.invalid_switch(&value, waiting_on)),
            Err(exception) => Err(exception),
        }
    }

    #[cold]
    #[track_caller]
    fn invalid_switch(&self, got: &Value, waiting_on: &dyn fmt::Debug) -> Exception {
        Exception::new(InvalidSwitchError {
            greenlet: format!("{:?}", self.greenlet),
            got: format!("{got:?}"),
            waiting_on: format!("{waiting_on:?}"),
        })
    }

    /// Ends the park: this `Resume` and all its clones do nothing from now on. Called by the
    /// greenlet itself when it runs again.
    #[inline]
    pub fn end(&self) {
        if self.is_parked() {
            self.greenlet.void_ticket();
        }
    }
}

impl PartialEq for Resume {
    /// Whether both are for the same park.
    fn eq(&self, other: &Resume) -> bool {
        self.ticket == other.ticket && self.greenlet == other.greenlet
    }
}

impl Eq for Resume {}

impl Default for Resume {
    fn default() -> Self {
        Resume::new()
    }
}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_parked() { "parked" } else { "void" };
        write!(f, "<resume of {:?} {state}>", self.greenlet)
    }
}
