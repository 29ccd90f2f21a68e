//! Ending greenlets from outside.

use greenlet_core::{Exception, GreenletExit, getcurrent};

use super::base::Life;
use super::{AnyGreenlet, Greenlet};

/// How to kill: the keywords of gevent's `Greenlet.kill`.
#[derive(Debug, Clone)]
pub struct Kill {
    /// What is thrown into the greenlet: `GreenletExit` unless told otherwise.
    pub exception: Exception,
    /// Whether to wait for its end; true unless told otherwise.
    pub block: bool,
    /// How many seconds to wait at most; for ever unless told otherwise.
    pub timeout: Option<f64>,
}

impl Default for Kill {
    fn default() -> Self {
        Kill {
            exception: Exception::new(GreenletExit),
            block: true,
            timeout: None,
        }
    }
}

impl AnyGreenlet {
    /// Throws `GreenletExit` into the greenlet and waits for its end. One that has not begun
    /// never will; one that has ended is left alone.
    ///
    /// # Errors
    /// As for [`join`](AnyGreenlet::join).
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.kill_with(Kill::default())
    }

    /// [`kill`](AnyGreenlet::kill) with other settings.
    ///
    /// # Errors
    /// As for [`join`](AnyGreenlet::join).
    #[track_caller]
    pub fn kill_with(&self, kill: Kill) -> Result<(), Exception> {
        match self.base().life.get() {
            Life::Ended => return Ok(()),
            Life::New | Life::Scheduled => {
                self.base().cancel_start(self.raw());
                self.end_unrun(kill.exception);
                return Ok(());
            }
            Life::Running => {}
        }
        let (raw, exception) = (self.raw().clone(), kill.exception);
        let throw = move || {
            if raw.dead() {
                return Ok(());
            }
            raw.void_ticket();
            raw.throw(exception.clone()).map(drop)
        };
        if getcurrent() == *self.raw() {
            // It ends by what it is told, at the next place where it would block.
            self.base().loop_.run_callback(throw)?;
            return Ok(());
        }
        self.base().loop_.run_callback(throw)?;
        if kill.block {
            self.join(kill.timeout)
        } else {
            Ok(())
        }
    }
}

impl<T: 'static> Greenlet<T> {
    /// Throws `GreenletExit` into the greenlet and waits for its end. One that has not begun
    /// never will; one that has ended is left alone.
    ///
    /// # Errors
    /// As for [`join`](Greenlet::join).
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.any().kill()
    }

    /// [`kill`](Greenlet::kill) with other settings.
    ///
    /// # Errors
    /// As for [`join`](Greenlet::join).
    #[track_caller]
    pub fn kill_with(&self, kill: Kill) -> Result<(), Exception> {
        self.any().kill_with(kill)
    }
}
