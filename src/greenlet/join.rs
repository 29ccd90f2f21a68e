//! Waiting for the end of greenlets.

use greenlet_core::{Exception, getcurrent};
use hub::{Seconds, get_hub};
use waiter::{InvalidSwitchError, Resume};

use super::{AnyGreenlet, Greenlet};

/// A greenlet cannot wait for its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a greenlet cannot join itself")]
pub struct JoinSelfError;

impl AnyGreenlet {
    /// Waits for the end of the greenlet, at most `timeout` seconds; ask
    /// [`ready`](AnyGreenlet::ready) which it was.
    ///
    /// # Errors
    /// [`JoinSelfError`] in the greenlet itself; what is thrown into the current greenlet
    /// meanwhile.
    #[track_caller]
    pub fn join(&self, timeout: impl Seconds) -> Result<(), Exception> {
        let timeout = timeout.checked()?;
        if self.ready() {
            return Ok(());
        }
        if getcurrent() == *self.raw() {
            return Err(Exception::new(JoinSelfError));
        }
        let hub = get_hub();
        let resume = Resume::new();
        // The same right to wake goes to both: whoever comes first uses it up.
        let timer = match timeout {
            Some(seconds) => {
                let timer = hub.timer(seconds)?;
                hub.loop_().update_now()?;
                timer.start_resume(resume.clone())?;
                Some(timer)
            }
            None => None,
        };
        self.base().add_joiner(resume.clone());
        let joining = Joining(self);
        let got = hub.switch();
        resume.end();
        drop((timer, joining));
        let got = got?;
        if resume.is_mine(&got) {
            return Ok(());
        }
        Err(Exception::new(InvalidSwitchError {
            greenlet: format!("{:?}", getcurrent()),
            got: format!("{got:?}"),
            waiting_on: format!("{self:?}"),
        }))
    }
}

/// Leaves no joiner behind that has given up, or was unwound.
struct Joining<'a>(&'a AnyGreenlet);

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        if !self.0.ready() {
            self.0.base().forget_void_joiners();
        }
    }
}

impl<T: 'static> Greenlet<T> {
    /// Waits for the end of the greenlet, at most `timeout` seconds; ask
    /// [`ready`](Greenlet::ready) which it was.
    ///
    /// # Errors
    /// [`JoinSelfError`] in the greenlet itself; what is thrown into the current greenlet
    /// meanwhile.
    #[track_caller]
    pub fn join(&self, timeout: impl Seconds) -> Result<(), Exception> {
        self.any().join(timeout)
    }
}

/// Anything that is a greenlet to wait for: handles, with or without their type, and
/// references to them.
pub trait AsGreenlet {
    /// A handle without the type.
    fn as_greenlet(&self) -> AnyGreenlet;
}

impl<T: 'static> AsGreenlet for Greenlet<T> {
    fn as_greenlet(&self) -> AnyGreenlet {
        self.any()
    }
}

impl AsGreenlet for AnyGreenlet {
    fn as_greenlet(&self) -> AnyGreenlet {
        self.clone()
    }
}

impl<G: AsGreenlet + ?Sized> AsGreenlet for &G {
    fn as_greenlet(&self) -> AnyGreenlet {
        (**self).as_greenlet()
    }
}

/// Waits until all the greenlets have ended, at most `timeout` seconds. Returns those that
/// have, in the order in which they did.
///
/// # Errors
/// As for [`Greenlet::join`].
#[track_caller]
pub fn joinall<G: AsGreenlet>(
    greenlets: impl IntoIterator<Item = G>,
    timeout: impl Seconds,
) -> Result<Vec<AnyGreenlet>, Exception> {
    let mut greenlets: Vec<_> = greenlets.into_iter().map(|g| g.as_greenlet()).collect();
    let loop_ = get_hub().loop_().clone();
    let deadline = match timeout.checked()? {
        Some(seconds) => {
            loop_.update_now()?;
            Some(loop_.now()? + seconds)
        }
        None => None,
    };
    for greenlet in &greenlets {
        let left = match deadline {
            Some(deadline) => Some((deadline - loop_.now()?).max(0.0)),
            None => None,
        };
        greenlet.join(left)?;
    }
    greenlets.retain(AnyGreenlet::ready);
    greenlets.sort_by_key(|greenlet| greenlet.base().ended.get());
    Ok(greenlets)
}
