//! Turns for others. gevent has no counterpart: who never has to wait starves everybody there.
//!
//! A greenlet whose every call on a descriptor returns at once (a reader of a chatty peer, an accept loop that
//! goes on after each error) never waits, and so nobody else runs, not even its own timeout. So whoever is about
//! to make such a call asks first whether the hub has run lately.

use std::cell::Cell;
use std::time::{Duration, Instant};

use greenlet_core::{Exception, may_switch};
use waiter::{Park, WaitHub};

use crate::core::getswitchinterval;
use crate::hub::Hub;

/// After so many calls the clock is looked at.
const CALLS: u32 = 32;

/// When the hub ran last, as far as those know who make calls.
#[derive(Default)]
pub(crate) struct Turns {
    calls: Cell<u32>,
    /// In which iteration of the loop a call was seen, and when first.
    seen: Cell<Option<(u32, Instant)>>,
}

impl Hub {
    /// Lets the others run, as [`sleep(0)`](crate::sleep()) does, if the hub has had no turn for longer than
    /// the [switch interval](getswitchinterval); most calls only count. To be called before a system call on a
    /// descriptor for which the greenlet would wait. Does nothing where nobody can wait: in the hub, in a
    /// greenlet that is pinned or being unwound, after the loop's end.
    ///
    /// # Errors
    /// What is thrown into the greenlet meanwhile.
    #[track_caller]
    #[inline]
    pub fn give_turn(&self) -> Result<(), Exception> {
        let calls = &self.turns().calls;
        calls.set(calls.get() + 1);
        if calls.get() < CALLS {
            return Ok(());
        }
        calls.set(0);
        self.look_at_the_clock()
    }

    #[cold]
    #[track_caller]
    fn look_at_the_clock(&self) -> Result<(), Exception> {
        let Ok(iteration) = self.loop_().iteration() else {
            return Ok(());
        };
        let (seen, now) = (&self.turns().seen, Instant::now());
        let since = match seen.get() {
            Some((its, since)) if its == iteration => since,
            _ => now,
        };
        seen.set(Some((iteration, since)));
        let interval = Duration::try_from_secs_f64(getswitchinterval()).unwrap_or(Duration::MAX);
        if now - since < interval || self.is_current() || may_switch().is_err() {
            return Ok(());
        }
        let Ok(park) = Park::new(self) else {
            return Ok(());
        };
        if self.loop_().run_callback_resume(park.resume()).is_err() {
            return Ok(());
        }
        match park.wait_for_any(self) {
            // That nobody can wait is no reason not to go on.
            Err(exception) if exception.thrown_here().is_none() => Ok(()),
            waited => waited.map(drop),
        }
    }
}
