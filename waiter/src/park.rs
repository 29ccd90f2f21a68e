//! [`Park`]: one wait of one greenlet.

use std::fmt;

use greenlet_core::{self as core, Exception, RawGreenlet, Value, WaitingOn, getcurrent};

use crate::error::InvalidSwitchError;
use crate::hub::WaitHub;
use crate::resume::Resume;

/// One wait of the current greenlet in a hub, from its preparation on. The greenlet makes a `Park`, leaves a
/// [`Resume`] of it wherever it may be woken from (a watcher, a queue of callbacks, a list of waiters), and
/// [waits](Park::wait). The first `Resume` that is used ends the wait. When the wait is over, for whatever reason, all
/// others are void.
///
/// A destructor that runs during the preparation may wait for something else: the outer park stays as it is.
#[derive(Debug)]
#[must_use = "it is over when it is dropped"]
pub struct Park(core::Park);

impl Park {
    /// Begins a park of the current greenlet.
    ///
    /// # Errors
    /// Returns the error of [`WaitHub::before_switch`] if the greenlet may not wait in that hub.
    #[inline(always)]
    pub fn new<H: WaitHub + ?Sized>(hub: &H) -> Result<Park, Exception> {
        hub.before_switch()?;
        Ok(Park(core::Park::begin(None)))
    }

    /// Begins a park as [`new`](Park::new) does, and says what it is for: the kind of thing and its
    /// address, for lists of greenlets that wait.
    ///
    /// # Errors
    /// As for [`new`](Park::new).
    #[inline(always)]
    pub fn on<H: WaitHub + ?Sized>(hub: &H, kind: &'static str, address: usize) -> Result<Park, Exception> {
        hub.before_switch()?;
        Ok(Park(core::Park::begin(Some(WaitingOn { kind, address }))))
    }

    /// Begins a park of the current greenlet without a hub, to be [entered](Park::enter): for code that runs a loop by
    /// hand.
    #[inline(always)]
    pub fn begin() -> Park {
        Park(core::Park::begin(None))
    }

    /// The number of the park, which its [`Resume`]s have, too.
    #[inline]
    pub fn ticket(&self) -> u64 {
        self.0.ticket().get()
    }

    /// The right to end the park.
    #[inline]
    pub fn resume(&self) -> Resume {
        Resume::of(self.0.greenlet(), self.0.ticket())
    }

    /// Parks the greenlet until a [`resume`](Park::resume) is used.
    ///
    /// # Errors
    /// Returns the exception that is thrown into the greenlet, [`InvalidSwitchError`] when it is woken
    /// by a switch that it does not wait for, or the reason why it could not be left.
    // It is inlined for the same reason as greenlet-core's `transfer`.
    #[track_caller]
    #[inline(always)]
    pub fn wait<H: WaitHub + ?Sized>(&self, hub: &H, waiting_on: &dyn fmt::Debug) -> Result<(), Exception> {
        let mine = self.0.ticket().get();
        match self.0.enter(hub.greenlet()) {
            Ok(Value::Token(ticket)) if ticket == mine => Ok(()),
            Ok(value) => Err(invalid_switch(hub.check_alive(), value, waiting_on)),
            Err(exception) => Err(exception),
        }
    }

    /// Parks the greenlet by a switch to `to`, and returns the value that the switch back brings:
    /// [`Resume::is_mine`] tells whether a `Resume` of this park has sent it.
    ///
    /// # Errors
    /// As for [`RawGreenlet::switch`](greenlet_core::RawGreenlet::switch).
    #[track_caller]
    #[inline(always)]
    pub fn enter(&self, to: &RawGreenlet) -> Result<Value, Exception> {
        self.0.enter(to)
    }

    /// Parks the greenlet until any switch to it, and returns the value of that.
    ///
    /// # Errors
    /// As for [`wait`](Park::wait), except that no switch is an [`InvalidSwitchError`].
    #[track_caller]
    #[inline(always)]
    pub fn wait_for_any<H: WaitHub + ?Sized>(&self, hub: &H) -> Result<Value, Exception> {
        self.0.enter(hub.greenlet())
    }
}

#[cold]
#[track_caller]
fn invalid_switch(hub: Result<(), Exception>, got: Value, waiting_on: &dyn fmt::Debug) -> Exception {
    let error = match hub {
        // A switch to a hub that is dead, or its end, arrives in the main greenlet: then that is the error.
        Err(dead) => dead,
        Ok(()) => Exception::new(InvalidSwitchError {
            greenlet: format!("{:?}", getcurrent()),
            got: format!("{got:?}"),
            waiting_on: format!("{waiting_on:?}"),
        }),
    };
    // The destructor may panic, and a value that is being returned is forgotten then.
    drop(got);
    error
}
