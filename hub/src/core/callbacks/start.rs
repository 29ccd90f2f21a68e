//! [`Start`]: the queued beginning of a greenlet.

use std::fmt;

use greenlet_core::unwind::call_each;
use greenlet_core::{Exception, RawGreenlet, Ticket};

use crate::core::error::HubDestroyed;

/// Begins a greenlet once, or ends it if that is not possible. If there is no memory for its stack, if no switch is
/// possible, or if this is dropped because its loop or its watcher ends, the greenlet ends with that error and never
/// runs. So a greenlet that joins it does not wait for ever.
pub(in crate::core) struct Start {
    greenlet: RawGreenlet,
    ticket: Ticket,
}

impl Start {
    #[inline]
    pub(in crate::core) fn new(greenlet: RawGreenlet) -> Start {
        let ticket = greenlet.start_ticket();
        Start { greenlet, ticket }
    }

    #[inline]
    pub(in crate::core) fn greenlet(&self) -> &RawGreenlet {
        &self.greenlet
    }

    /// Switches to the greenlet, unless it has begun or ended before.
    // Inlined for the reason that greenlet-core's `transfer` is.
    #[inline(always)]
    pub(in crate::core) fn run(&self) -> Result<(), Exception> {
        match self.greenlet.wake(self.ticket) {
            Err(exception) if self.is_to_come() => self.greenlet.fail(exception),
            started => started,
        }
    }

    #[inline]
    fn is_to_come(&self) -> bool {
        self.greenlet.is_to_start(self.ticket)
    }
}

impl Drop for Start {
    #[inline]
    fn drop(&mut self) {
        if self.is_to_come() {
            self.fail();
        }
    }
}

impl Start {
    #[cold]
    fn fail(&self) {
        // The result is ignored: there is no hub to report an error to.
        let fail = || _ = self.greenlet.fail(Exception::new(HubDestroyed));
        // `call_each` lets no panic out of a drop that is part of another panic.
        call_each([fail]);
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<resume of {:?} to begin>", self.greenlet)
    }
}
