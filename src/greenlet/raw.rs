//! [`kill`] and [`spawn_raw`]: functions that work with raw greenlets, too. Source: gevent's
//! `hub.py`, `kill` and `spawn_raw`.

use greenlet_core::{Exception, RawGreenlet, Value, getcurrent};
use hub::core::CallbackResult;
use hub::{Context, get_hub, hub_to_wait_in, throw_unless_masked};

use super::origin::Origin;
use super::{AnyGreenlet, Greenlet, Kill};

/// A greenlet of any kind, which [`kill`] and [`killall`](crate::killall) can throw into. A list of
/// different kinds holds `&dyn Killable`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be killed",
    label = "greenlets can, raw ones too, and references to them",
    note = "if it is a `Result`: `?` gives the greenlet"
)]
pub trait Killable {
    /// The greenlet that is to be killed.
    fn victim(&self) -> Victim;
}

/// The greenlet that a kill is for.
#[derive(Debug, Clone)]
pub enum Victim {
    /// A greenlet that can be joined.
    Greenlet(AnyGreenlet),
    /// A raw greenlet, which cannot be joined: one of [`spawn_raw`], or main.
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

    /// Ends the greenlet if its function has not begun, and returns whether it had not. A raw
    /// greenlet is left alone: it dies when the exception is thrown into it, without running.
    pub(super) fn end_unrun(&self, exception: &Exception) -> bool {
        match self {
            Victim::Greenlet(greenlet) => greenlet.end_unrun(exception),
            Victim::Raw(_) => false,
        }
    }

    /// Throws into the greenlet, and reports an error that comes back to the hub. Runs in the hub.
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

/// Has `exception` thrown into a greenlet soon, without waiting. A greenlet that has not begun
/// never will.
///
/// # Errors
/// Fails if the loop is destroyed.
pub fn kill(greenlet: &(impl Killable + ?Sized), exception: impl Into<Exception>) -> Result<(), Exception> {
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

/// Makes a raw greenlet that runs `function` soon. It has less than a [`Greenlet`]: nobody can join
/// it, and its error goes to the hub. It knows where it comes from, see [`Spawned`](super::Spawned).
///
/// # Errors
/// Fails if the loop is destroyed.
#[track_caller]
pub fn spawn_raw<R: CallbackResult>(function: impl FnOnce() -> R + 'static) -> Result<RawGreenlet, Exception> {
    let hub = hub_to_wait_in()?;
    let greenlet = RawGreenlet::builder()
        .parent(hub.greenlet())
        .build_with(Origin::of(&getcurrent(), &hub), |_, _| {
            function().into_result().map(|()| Value::None)
        });
    hub.loop_().run_callback_start(greenlet.greenlet().clone())?;
    Ok(greenlet.greenlet().clone())
}
