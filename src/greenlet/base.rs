//! What every greenlet has, whatever the type of its value: its life, its links, its place.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::Location;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{RawGreenlet, WeakGreenlet};
use hub::{Hub, HubTimer, Links};

use super::any::{AnyGreenlet, Erased};
use super::ident::Ident;

/// Where a greenlet is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Made, not scheduled.
    New,
    /// `start` or `start_later` was called; its turn has not come.
    Scheduled,
    /// Its function has begun.
    Running,
    /// Over: it has a value or an exception.
    Ended,
}

/// The part of a greenlet that does not depend on its value's type.
pub(super) struct Base {
    pub(super) life: Cell<Life>,
    pub(super) hub: Hub,
    /// The greenlet underneath, which owns this through its function.
    pub(super) raw: OnceCell<WeakGreenlet>,
    /// The timer of `start_later`.
    pub(super) start_timer: RefCell<Option<HubTimer>>,
    pub(super) links: Links,
    /// Whether the links are queued to be called, or being called.
    notifying: Cell<bool>,
    /// The greenlet, while its links are to be called: nobody else may have a handle of it.
    told_of: RefCell<Option<RawGreenlet>>,
    pub(super) ident: Ident,
    pub(super) spawned_by: WeakGreenlet,
    pub(super) spawned_at: &'static Location<'static>,
}

impl Base {
    #[track_caller]
    pub(super) fn new(hub: Hub, spawner: &RawGreenlet) -> Base {
        Base {
            life: Cell::new(Life::New),
            hub,
            raw: OnceCell::new(),
            start_timer: RefCell::new(None),
            links: Links::default(),
            notifying: Cell::new(false),
            told_of: RefCell::new(None),
            ident: Ident::default(),
            spawned_by: spawner.downgrade(),
            spawned_at: Location::caller(),
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.life.get() == Life::Ended
    }

    /// Takes the greenlet off the list of those that are to start.
    pub(super) fn cancel_start(&self, raw: &RawGreenlet) {
        raw.void_ticket();
        drop(self.start_timer.take());
    }
}

/// Marks the end of a greenlet and has its links called. What it ended with is stored already.
pub(super) fn end(shared: Rc<dyn Erased>) {
    let base = shared.base();
    base.life.set(Life::Ended);
    drop(base.start_timer.take());
    notify_soon(&shared);
}

/// Queues the call of the links, if the greenlet has ended and there are any.
pub(super) fn notify_soon(shared: &Rc<dyn Erased>) {
    let base = shared.base();
    if base.ended() && !base.links.is_empty() && !base.notifying.replace(true) {
        base.told_of
            .replace(base.raw.get().and_then(WeakGreenlet::upgrade));
        let loop_ = base.hub.loop_();
        let queued = loop_.run_callback_notify(shared.clone().as_notify());
        if queued.is_err() {
            // With the loop destroyed there is no hub left in which anybody could wait.
            drop(base.told_of.take());
        }
    }
}

/// Calls the links, in their order; those that are added meanwhile, too. Runs in the hub.
pub(super) fn notify_links(shared: Rc<dyn Erased>) {
    let base = shared.base();
    let greenlet = base.told_of.take();
    if let Some(greenlet) = AnyGreenlet::of(&shared) {
        while let Some(link) = base.links.pop() {
            match catch(|| link.call(&greenlet)) {
                Ok(Ok(())) => {}
                Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
                    base.hub.report_error(Some(&(link, &greenlet)), exception);
                }
                Err(Caught::Forced(unwind)) => {
                    base.notifying.set(false);
                    unwind.resume();
                }
            }
        }
    }
    base.notifying.set(false);
    drop(greenlet);
}
