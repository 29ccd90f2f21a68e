//! [`Park`]: one wait of one greenlet.

use std::fmt;

use greenlet_core::{self as core, Exception, RawGreenlet, Value, WaitingOn, getcurrent};

use crate::error::InvalidSwitchError;
use crate::hub::WaitHub;
use crate::resume::Resume;

/// A wait of the current greenlet in a hub, from the preparations on: it makes a `Park`, leaves a [`Resume`] of it
/// wherever it may be woken from (a watcher, a queue of callbacks, a list of waiters), and [waits](Park::wait). The
/// first `Resume` used ends the wait; whenever the wait is over, for whatever reason, all that are left are void.
///
/// A destructor that runs meanwhile may wait for something of its own: the outer park stays as it is.
#[derive(Debug)]
#[must_use = "it is over when it is dropped"]
pub struct Park(core::Park);

impl Park {
    /// Begins a park of the current greenlet.
    ///
    /// # Errors
    /// Why it may not wait in that hub: see [`WaitHub::before_switch`].
    #[inline(always)]
    pub fn new<H: WaitHub + ?Sized>(hub: &H) -> Result<Park, Exception> {
        hub.before_switch()?;
        Ok(Park(core::Park::begin(None)))
    }

    /// [`new`](Park::new), and says what the park is for: the kind of thing and its address,
    /// for lists of greenlets that wait.
    ///
    /// # Errors
    /// As there.
    #[inline(always)]
    pub fn on<H: WaitHub + ?Sized>(
        hub: &H,
        kind: &'static str,
        address: usize,
    ) -> Result<Park, Exception> {
        hub.before_switch()?;
        Ok(Park(core::Park::begin(Some(WaitingOn { kind, address }))))
    }

    /// Begins a park of the current greenlet, to be [entered](Park::enter): without a hub, for those who run a loop by
    /// hand.
    #[inline(always)]
    pub fn begin() -> Park {
        Park(core::Park::begin(None))
    }

    /// The number of the park, as of its [`Resume`]s.
    #[inline]
    pub fn ticket(&self) -> u64 {
        self.0.ticket().get()
    }

    /// The right to end it.
    #[inline]
    pub fn resume(&self) -> Resume {
        Resume::of(self.0.greenlet(), self.0.ticket())
    }

    /// Parks the greenlet until a [`resume`](Park::resume) is used.
    ///
    /// # Errors
    /// What is thrown into the greenlet; [`InvalidSwitchError`] when somebody wakes it that it does
    /// not wait for; why it could not be left.
    // Inlined for the reason that greenlet-core's `transfer` is.
    #[track_caller]
    #[inline(always)]
    pub fn wait<H: WaitHub + ?Sized>(
        &self,
        hub: &H,
        waiting_on: &dyn fmt::Debug,
    ) -> Result<(), Exception> {
        let mine = self.0.ticket().get();
        match self.0.enter(hub.greenlet()) {
            Ok(Value::Token(ticket)) if ticket == mine => Ok(()),
            Ok(value) => Err(invalid_switch(hub.check_alive(), &value, waiting_on)),
            Err(exception) => Err(exception),
        }
    }

    /// Parks the greenlet by a switch to `to`, and returns what the switch back brings: see
    /// [`is_mine`](Resume::is_mine).
    ///
    /// # Errors
    /// As for [`RawGreenlet::switch`](greenlet_core::RawGreenlet::switch).
    #[track_caller]
    #[inline(always)]
    pub fn enter(&self, to: &RawGreenlet) -> Result<Value, Exception> {
        self.0.enter(to)
    }

    /// Parks the greenlet until somebody switches to it, whoever that is.
    ///
    /// # Errors
    /// As for [`wait`](Park::wait), without the second.
    #[track_caller]
    #[inline(always)]
    pub fn wait_for_any<H: WaitHub + ?Sized>(&self, hub: &H) -> Result<Value, Exception> {
        self.0.enter(hub.greenlet())
    }
}

#[cold]
#[track_caller]
fn invalid_switch(
    hub: Result<(), Exception>,
    got: &Value,
    waiting_on: &dyn fmt::Debug,
) -> Exception {
    // What comes to a dead hub goes to the main greenlet.
    if let Err(dead) = hub {
        return dead;
    }
    Exception::new(InvalidSwitchError {
        greenlet: format!("{:?}", getcurrent()),
        got: format!("{got:?}"),
        waiting_on: format!("{waiting_on:?}"),
    })
}
