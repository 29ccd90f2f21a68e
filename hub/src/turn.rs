//! Turns: a greenlet that never has to wait lets others run from time to time. gevent has no counterpart: such a
//! greenlet starves all others there.
//!
//! A greenlet whose every call returns at once (a reader of a chatty peer, an accept loop that goes on after each
//! error, a consumer of a queue that is never empty) never waits, so that no other greenlet runs, and no timeout fires.
//! Therefore such calls first check whether the hub has run lately, with [`Hub::give_turn`].
//!
//! A callback that wakes many greenlets can be kept busy in the same way, if those greenlets add others to be woken. So
//! such a callback checks a [`Stint`] after each step, and leaves the rest to another callback, in another round.

use greenlet_core::{Exception, may_switch};
use waiter::{Park, WaitHub};

use crate::hub::Hub;
use crate::pace::Pace;

impl Hub {
    /// Lets other greenlets run, as [`sleep(0)`](crate::sleep()) does, if [a turn is due](Hub::turn_is_due). To be
    /// called before a system call on a descriptor that the greenlet would wait for if the call could not go on.
    ///
    /// # Errors
    /// Returns an exception that is thrown into the greenlet meanwhile.
    #[track_caller]
    #[inline]
    pub fn give_turn(&self) -> Result<(), Exception> {
        match self.turn_is_due() {
            true => self.pass_turn(),
            false => Ok(()),
        }
    }

    /// Whether the hub has not run for longer than the [switch interval](crate::core::getswitchinterval). Most calls
    /// only count; few look at the clock. False where the caller cannot wait: in the hub, in a greenlet that is pinned
    /// or being unwound, and when the thread is over.
    #[inline]
    pub fn turn_is_due(&self) -> bool {
        self.loop_().turns().step() && !self.is_current() && may_switch().is_ok()
    }

    /// Says that another task begins in this greenlet: what was done until now does not count for its turn. To be
    /// called by executors, which let the hub run by themselves after some tasks.
    #[inline]
    pub fn begin_turn(&self) {
        self.loop_().turns().begin();
    }

    /// Lets other greenlets run. Returns at once if the caller cannot wait.
    ///
    /// # Errors
    /// Returns an exception that is thrown into the greenlet meanwhile.
    #[cold]
    #[track_caller]
    pub fn pass_turn(&self) -> Result<(), Exception> {
        let Ok(park) = Park::new(self) else {
            return Ok(());
        };
        if self.loop_().run_callback_resume(park.resume()).is_err() {
            return Ok(());
        }
        // The round ends, so that greenlets that wait for descriptors and times have their turn, too.
        self.loop_().end_round();
        match park.wait_for_any(self) {
            // The error says that the caller cannot wait, so it goes on without.
            Err(exception) if exception.thrown_here().is_none() => Ok(()),
            waited => waited.map(drop),
        }
    }
}

/// Measures the time of a callback that works in many steps, and tells when it should leave the rest to another one.
#[derive(Debug, Default)]
pub struct Stint(Pace);

impl Stint {
    /// Whether the stint has lasted longer than the [switch interval](crate::core::getswitchinterval). To be called
    /// after each step; most calls only count. If it returns true, the loop [ends the
    /// round](crate::core::Loop::end_round) after this callback, which should queue another one for the rest.
    #[inline]
    pub fn is_over(&self, hub: &Hub) -> bool {
        let over = self.0.step();
        if over {
            hub.loop_().end_round();
        }
        over
    }
}
