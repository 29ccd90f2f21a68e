//! [`Start`]: a greenlet's turn to begin.

use std::fmt;

use greenlet_core::unwind::call_each;
use greenlet_core::{Exception, RawGreenlet, Ticket};

use crate::core::error::HubDestroyed;

/// Begins a greenlet, once; or sees to it that it ends. Whoever waits for its end shall not wait for ever because its
/// turn never came: if it gets no stack, if nobody can be switched to, if this is dropped because its loop or its
/// watcher goes, the greenlet ends unrun, by that error.
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

    /// Switches to the greenlet, unless somebody has before.
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
        // There is no hub to report to.
        let fail = || _ = self.greenlet.fail(Exception::new(HubDestroyed));
        // In the midst of a panic another one must not leave this.
        call_each([fail]);
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<resume of {:?} to begin>", self.greenlet)
    }
}
