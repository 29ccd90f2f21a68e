//! What every greenlet has, whatever the type of its value: its life, its links, its place.

use std::cell::{Cell, OnceCell};

use greenlet_core::unwind::{Caught, call_each, catch};
use greenlet_core::{Exception, RawGreenlet, WeakGreenlet};
use hub::{Context, Hub, HubTimer, Links};

use super::any::{AnyGreenlet, Erased};
use super::ident::Ident;
use super::tree::{self, SpawnTreeLocals};

/// Where a greenlet is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
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
pub(super) struct GreenletBase {
    pub(super) phase: Cell<Phase>,
    pub(super) hub: Hub,
    /// The timer of `start_later`.
    pub(super) start_timer: Cell<Option<Box<HubTimer>>>,
    pub(super) links: Links,
    /// Whether the links are queued to be called, or being called.
    notifying: Cell<bool>,
    pub(super) ident: Ident,
    pub(super) spawned_by: WeakGreenlet,
    pub(super) tree: OnceCell<SpawnTreeLocals>,
}

impl GreenletBase {
    #[inline(always)]
    pub(super) fn new(hub: Hub, spawner: &RawGreenlet) -> GreenletBase {
        // What may panic comes first: then the rest is put straight into the greenlet's memory.
        let (spawned_by, tree) = (spawner.downgrade(), tree::grown_from(spawner));
        GreenletBase {
            phase: Cell::new(Phase::New),
            hub,
            start_timer: Cell::new(None),
            links: Links::default(),
            notifying: Cell::new(false),
            ident: Ident::default(),
            spawned_by,
            tree,
        }
    }

    /// Puts the greenlet on the list of those that are to start, unless it has been before.
    pub(super) fn start(
        &self,
        raw: &RawGreenlet,
        greenlet: impl FnOnce() -> AnyGreenlet,
    ) -> Result<(), Exception> {
        if self.begins(greenlet) {
            self.hub.check_alive()?;
            self.hub.loop_().run_callback_start(raw.clone())?;
            self.phase.set(Phase::Scheduled);
        }
        Ok(())
    }

    /// The same for some seconds from now; none is never.
    pub(super) fn start_later(
        &self,
        raw: &RawGreenlet,
        seconds: Option<f64>,
        greenlet: impl FnOnce() -> AnyGreenlet,
    ) -> Result<(), Exception> {
        if !self.begins(greenlet) {
            return Ok(());
        }
        if let Some(seconds) = seconds {
            self.hub.check_alive()?;
            let timer = self.hub.timer(seconds)?;
            // Counted from now, not from when the loop last looked at the clock.
            self.hub.loop_().update_now()?;
            self.phase.set(Phase::Scheduled);
            timer.start_greenlet(raw.clone())?;
            self.start_timer.set(Some(Box::new(timer)));
        }
        self.phase.set(Phase::Scheduled);
        Ok(())
    }

    /// Whether it is to be started now. A spawn callback may have started or killed it itself.
    fn begins(&self, greenlet: impl FnOnce() -> AnyGreenlet) -> bool {
        let is_new = || self.phase.get() == Phase::New;
        if is_new() {
            tree::call_spawn_callbacks(greenlet);
        }
        is_new()
    }

    pub(super) fn ended(&self) -> bool {
        self.phase.get() == Phase::Ended
    }
}

/// Marks the end of a greenlet and has its links called. What it ended with is stored already.
pub(super) fn end(shared: &dyn Erased, raw: &RawGreenlet) {
    let base = shared.base();
    base.phase.set(Phase::Ended);
    drop(base.start_timer.take());
    notify_soon(shared, raw);
}

/// Ends a greenlet with an exception: stores it, has the links called, and reports it to the hub
/// unless it is a `GreenletExit`.
pub(super) fn fail(greenlet: &AnyGreenlet, exception: Exception) {
    let error = (!exception.is_exit()).then(|| exception.clone());
    greenlet.erased().set_exception(exception);
    end(greenlet.erased(), greenlet.raw());
    if let Some(exception) = error {
        greenlet
            .base()
            .hub
            .report_error(Context::Greenlet(greenlet.raw()), exception);
    }
}

/// Queues the call of the links, if the greenlet has ended and there are any.
pub(super) fn notify_soon(shared: &dyn Erased, raw: &RawGreenlet) {
    let base = shared.base();
    if base.ended() && !base.links.is_empty() && !base.notifying.replace(true) {
        let loop_ = base.hub.loop_();
        // Nobody else may have a handle of it.
        let queued = loop_.run_callback_greenlet(raw.clone(), shared.notifier());
        if queued.is_err() {
            // With the loop destroyed there is no hub left in which they could be called.
            call_each([|| drop((shared.notifier())(raw))]);
        }
    }
}

/// Calls the links, in their order; those that are added meanwhile, too. Runs in the hub.
pub(super) fn notify_links(greenlet: &AnyGreenlet) {
    let base = greenlet.base();
    let _over = Notifying(greenlet);
    while let Some(link) = base.links.pop() {
        match catch(|| link.call(greenlet)) {
            Ok(Ok(())) => {}
            Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
                let (link, source) = (&link, greenlet);
                base.hub
                    .report_error(Context::Link { link, source }, exception);
            }
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }
}

/// The links of a greenlet are being called. If that ends early (the destructor of a link may panic), the others have
/// their turn later.
struct Notifying<'a>(&'a AnyGreenlet);

impl Drop for Notifying<'_> {
    fn drop(&mut self) {
        self.0.base().notifying.set(false);
        notify_soon(self.0.erased(), self.0.raw());
    }
}
