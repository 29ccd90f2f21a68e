//! Turns for others. gevent has no counterpart: who never has to wait starves everybody there.
//!
//! A greenlet whose every call returns at once (a reader of a chatty peer, an accept loop that goes on after each
//! error, a consumer of a queue that is never empty) never waits, and so nobody else runs, not even its own timeout. So
//! whoever is about to make such a call asks first whether the hub has run lately.
//!
//! Two greenlets that have the hub wake one of them for the other, again and again, keep it in one callback. So what
//! wakes many [asks](Stint), too, and does the rest in another callback, of another round.

use greenlet_core::{Exception, may_switch};
use waiter::{Park, WaitHub};

use crate::hub::Hub;
use crate::pace::Pace;

impl Hub {
    /// Lets the others run, as [`sleep(0)`](crate::sleep()) does, if [a turn of theirs is due](Hub::turn_is_due). To be
    /// called before a system call on a descriptor for which the greenlet would wait.
    ///
    /// # Errors
    /// What is thrown into the greenlet meanwhile.
    #[track_caller]
    #[inline]
    pub fn give_turn(&self) -> Result<(), Exception> {
        match self.turn_is_due() {
            true => self.pass_turn(),
            false => Ok(()),
        }
    }

    /// Whether the hub has had no turn for longer than the [switch interval](crate::core::getswitchinterval); most calls
    /// only count. Never where nobody can wait: in the hub, in a greenlet that is pinned or being unwound, after the
    /// loop's end.
    #[inline]
    pub fn turn_is_due(&self) -> bool {
        self.loop_().turns().step() && !self.is_current() && may_switch().is_ok()
    }

    /// Lets the others run. Returns at once if nobody can wait here.
    ///
    /// # Errors
    /// What is thrown into the greenlet meanwhile.
    #[cold]
    #[track_caller]
    pub fn pass_turn(&self) -> Result<(), Exception> {
        let Ok(park) = Park::new(self) else {
            return Ok(());
        };
        if self.loop_().run_callback_resume(park.resume()).is_err() {
            return Ok(());
        }
        // The others are those who wait for descriptors and times, too.
        self.loop_().end_round();
        match park.wait_for_any(self) {
            // That nobody can wait is no reason not to go on.
            Err(exception) if exception.thrown_here().is_none() => Ok(()),
            waited => waited.map(drop),
        }
    }
}

/// What a callback does step by step, while there is something to do: it asks after each step whether that is enough.
#[derive(Debug, Default)]
pub struct Stint(Pace);

impl Stint {
    /// Whether it has gone on for longer than the [switch interval](crate::core::getswitchinterval); most steps only
    /// count. If so, the loop [ends the round](crate::core::Loop::end_round) with this callback, which is to queue another
    /// one for the rest.
    #[inline]
    pub fn is_over(&self, hub: &Hub) -> bool {
        let over = self.0.step();
        if over {
            hub.loop_().end_round();
        }
        over
    }
}
