//! Functions for any greenlet, those underneath among them. Source: gevent's `hub.py`, `kill` and `spawn_raw`.

use greenlet_core::{Exception, RawGreenlet, getcurrent};
use hub::core::CallbackResult;
use hub::{Context, get_hub, throw_unless_masked};

use super::{AnyGreenlet, Greenlet, Kill, tree};

/// Anything that [`kill`] and [`killall`](crate::killall) can throw into. A list of different ones
/// holds `&dyn Killable`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be killed",
    label = "greenlets can, raw ones too, and references to them",
    note = "if it is a `Result`: `?` gives the greenlet"
)]
pub trait Killable {
    /// What is to be killed.
    fn victim(&self) -> Victim;
}

/// Whom a kill is for.
#[derive(Debug, Clone)]
pub enum Victim {
    /// A greenlet that can be joined.
    Greenlet(AnyGreenlet),
    /// One that cannot: of [`spawn_raw`], or the main greenlet.
    Raw(RawGreenlet),
}

impl Victim {
    pub(super) fn raw(&self) -> &RawGreenlet {
        match self {
            Victim::Greenlet(greenlet) => greenlet.raw(),
            Victim::Raw(raw) => raw,
        }
    }

    pub(super) fn dead(&self) -> bool {
        self.raw().dead()
    }

    /// Ends one whose function has not begun; says whether that was so. A raw greenlet has its
    /// turn, in which it dies unrun.
    pub(super) fn end_unrun(&self, exception: &Exception) -> bool {
        match self {
            Victim::Greenlet(greenlet) => greenlet.end_unrun(exception),
            Victim::Raw(_) => false,
        }
    }

    /// Throws into the greenlet; what comes back goes to the hub. Runs in the hub.
    pub(super) fn throw(&self, exception: &Exception) {
        let thrown = throw_unless_masked(self.raw(), || true, exception.clone());
        if let Err(exception) = thrown {
            let hub = match self {
                Victim::Greenlet(greenlet) => greenlet.base().hub.clone(),
                Victim::Raw(_) => get_hub(),
            };
            hub.report_error(Context::Greenlet(self.raw()), exception);
        }
    }
}

impl Killable for RawGreenlet {
    fn victim(&self) -> Victim {
        Victim::Raw(self.clone())
    }
}

impl Killable for AnyGreenlet {
    fn victim(&self) -> Victim {
        Victim::Greenlet(self.clone())
    }
}

impl<T: 'static> Killable for Greenlet<T> {
    fn victim(&self) -> Victim {
        Victim::Greenlet(self.any())
    }
}

impl Killable for Victim {
    fn victim(&self) -> Victim {
        self.clone()
    }
}

impl<K: Killable + ?Sized> Killable for &K {
    fn victim(&self) -> Victim {
        (**self).victim()
    }
}

/// Throws `exception` into a greenlet, soon; the caller goes on. A greenlet that has not begun
/// never will.
///
/// # Errors
/// When the loop is destroyed.
pub fn kill(
    greenlet: &(impl Killable + ?Sized),
    exception: impl Into<Exception>,
) -> Result<(), Exception> {
    match greenlet.victim() {
        Victim::Raw(raw) => hub::kill(&raw, exception),
        Victim::Greenlet(greenlet) => {
            let kill = Kill {
                exception: exception.into(),
                block: false,
                timeout: None,
            };
            greenlet.kill_with(kill).map(drop)
        }
    }
}

/// Makes a greenlet that runs `function` soon, without what [`Greenlet`] adds: nobody can join
/// it, and its error goes to the hub.
///
/// # Errors
/// When the loop is destroyed.
#[track_caller]
pub fn spawn_raw<R: CallbackResult>(
    function: impl FnOnce() -> R + 'static,
) -> Result<RawGreenlet, Exception> {
    let greenlet = hub::spawn_raw(function)?;
    tree::grow(&getcurrent(), &greenlet);
    Ok(greenlet)
}
