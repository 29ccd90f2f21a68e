//! The waits in a [`Hub`]: the switch to it, [`Hub::join`], and the hub as a [`WaitHub`].

use std::rc::Rc;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, RawGreenlet, State, Value, getcurrent, greenlets};
use waiter::{Failed, Park, WaitHub, Wake};

use super::handle::Hub;
use crate::context::Context;
use crate::exceptions::{BlockedGreenlet, BlockingSwitchOutError, LoopExit, NotMainGreenletError};
use crate::seconds::Seconds;
use crate::switch_out;
use crate::time_limit::TimeLimit;

impl Hub {
    /// Switches to the hub, which runs the loop. Returns when the current greenlet is switched to again.
    ///
    /// # Errors
    /// [`BlockingSwitchOutError`] in the hub itself; [`HubDestroyed`](crate::core::HubDestroyed) after
    /// [`destroy`](Hub::destroy); any exception that is thrown into the current greenlet meanwhile, such as
    /// [`LoopExit`] in the main greenlet.
    // Inlined for the reason that greenlet-core's `transfer` is: after a switch, the processor mispredicts the return
    // from each frame that was entered before it.
    #[track_caller]
    #[inline(always)]
    pub fn switch(&self) -> Result<Value, Exception> {
        self.before_switch()?;
        self.0.greenlet.switch(())
    }

    #[inline(always)]
    fn before_switch(&self) -> Result<(), Exception> {
        if self.0.greenlet.is_current() {
            return Err(Exception::new(BlockingSwitchOutError));
        }
        switch_out::call()?;
        self.check_alive()?;
        Ok(())
    }

    /// Waits until the loop has nothing left to do: no greenlets wait for it, and no servers and timers are active.
    /// Returns true. To be called in the main greenlet.
    ///
    /// # Errors
    /// [`NotMainGreenletError`] in any other greenlet; any exception that is thrown into the main greenlet meanwhile.
    pub fn join(&self) -> Result<bool, Exception> {
        self.join_timeout(None)
    }

    /// [`join`](Hub::join) for at most `timeout` seconds. Returns whether the loop was done in time.
    ///
    /// # Errors
    /// As for `join`; an error if the time is not a number.
    pub fn join_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        if getcurrent() != self.0.main {
            return Err(Exception::new(NotMainGreenletError));
        }
        let timeout = timeout.checked()?;
        if self.destroyed() {
            return Ok(true);
        }
        let park = Park::new(self)?;
        let limit = TimeLimit::start_without_ref(self, &park, timeout)?;
        let got = park.wait_for_any(self);
        drop(limit);
        match got {
            Ok(_) => Ok(false),
            Err(exception) if exception.error().is::<LoopExit>() => Ok(true),
            Err(exception) => Err(exception),
        }
    }

    /// The greenlets of this thread that are parked, without the main greenlet and the hub itself. When the loop has
    /// nothing left to do, they wait for ever.
    pub fn blocked_greenlets(&self) -> Vec<BlockedGreenlet> {
        let parked = |greenlet: &RawGreenlet| {
            greenlet.state() == State::Suspended && *greenlet != self.0.main && *greenlet != self.0.greenlet
        };
        let mut blocked: Vec<_> = greenlets()
            .into_iter()
            .filter(parked)
            .map(|greenlet| BlockedGreenlet {
                id: greenlet.id(),
                name: name_of(&greenlet),
                made_at: greenlet.made_at(),
                parked_at: greenlet.parked_at(),
                waiting_on: greenlet.waiting_on(),
            })
            .collect();
        blocked.sort_by_key(|greenlet| greenlet.id);
        blocked
    }

    /// This hub as a [`WaitHub`], which waiters take.
    pub fn as_wait_hub(&self) -> Rc<dyn WaitHub> {
        Rc::new(self.clone())
    }
}

impl WaitHub for Hub {
    #[inline(always)]
    fn greenlet(&self) -> &RawGreenlet {
        &self.0.greenlet
    }

    #[inline(always)]
    fn before_switch(&self) -> Result<(), Exception> {
        Hub::before_switch(self)
    }

    fn handle_error(&self, failed: Failed<'_>, exception: Exception) {
        let context = match failed {
            Failed::Switch(greenlet) => Context::Switch(greenlet),
            Failed::Throw(greenlet) => Context::Throw(greenlet),
        };
        self.report_error(context, exception);
    }

    fn check_alive(&self) -> Result<(), Exception> {
        Hub::check_alive(self)
    }

    fn run_soon(&self, wake: Wake) -> Result<(), Wake> {
        self.0.loop_.run_soon(wake)
    }
}

/// Lets a waiter be made as in gevent: `Waiter::new(get_hub())`.
impl From<Hub> for Rc<dyn WaitHub> {
    fn from(hub: Hub) -> Self {
        Rc::new(hub)
    }
}

impl From<&Hub> for Rc<dyn WaitHub> {
    fn from(hub: &Hub) -> Self {
        hub.as_wait_hub()
    }
}

/// The name of a greenlet, or none if the user's function that makes it panics: the hub must not fail with it.
fn name_of(greenlet: &RawGreenlet) -> Option<String> {
    match catch(|| greenlet.name()) {
        Ok(name) => name.map(|name| name.to_string()),
        Err(Caught::Panic(_)) => None,
        Err(Caught::Forced(unwind)) => unwind.resume(),
    }
}
