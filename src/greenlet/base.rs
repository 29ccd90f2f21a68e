//! [`GreenletBase`]: the part of a greenlet that does not depend on the type of its value, and the
//! steps of its life.

use std::cell::Cell;

use greenlet_core::unwind::call_each;
use greenlet_core::{Exception, RawGreenlet};
use hub::{Context, Hub, HubTimer, Links};

use super::any::{AnyGreenlet, Erased};
use super::ident::Ident;
use super::origin::Origin;
use super::tree;

/// The stage of its life that a greenlet has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GreenletPhase {
    /// Made, and not scheduled yet.
    New,
    /// `start` or `start_later` was called; its turn has not come.
    Scheduled,
    /// Its function has begun.
    Running,
    /// Its value or exception is there.
    Ended,
}

/// The part of a greenlet that does not depend on the type of its value.
pub(super) struct GreenletBase {
    pub(super) phase: Cell<GreenletPhase>,
    pub(super) hub: Hub,
    /// The timer of `start_later`, until the greenlet begins or ends.
    pub(super) start_timer: Cell<Option<Box<HubTimer>>>,
    pub(super) links: Links,
    /// Whether the call of the links is queued, or under way.
    notifying: Cell<bool>,
    pub(super) ident: Ident,
    pub(super) origin: Origin,
}

impl GreenletBase {
    #[inline(always)]
    pub(super) fn new(hub: Hub, spawner: &RawGreenlet) -> GreenletBase {
        // The calls that may panic come first, so that the compiler can write the struct straight
        // into the greenlet's memory.
        let origin = Origin::of(spawner, &hub);
        GreenletBase {
            phase: Cell::new(GreenletPhase::New),
            hub,
            start_timer: Cell::new(None),
            links: Links::default(),
            notifying: Cell::new(false),
            ident: Ident::default(),
            origin,
        }
    }

    /// Queues the start of the greenlet, unless it was started before.
    pub(super) fn start(&self, raw: &RawGreenlet, greenlet: impl FnOnce() -> AnyGreenlet) -> Result<(), Exception> {
        if self.begins(greenlet) {
            self.hub.check_alive()?;
            self.hub.loop_().run_callback_start(raw.clone())?;
            self.phase.set(GreenletPhase::Scheduled);
        }
        Ok(())
    }

    /// [`start`](Self::start) some seconds from now; `None` means never.
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
            // The time counts from now, not from when the loop last looked at the clock.
            self.hub.loop_().update_now()?;
            self.phase.set(GreenletPhase::Scheduled);
            timer.start_greenlet(raw.clone())?;
            self.start_timer.set(Some(Box::new(timer)));
        }
        self.phase.set(GreenletPhase::Scheduled);
        Ok(())
    }

    /// Calls the spawn callbacks, and says whether the greenlet is still to be started: a callback
    /// may have started or killed it.
    fn begins(&self, greenlet: impl FnOnce() -> AnyGreenlet) -> bool {
        let is_new = || self.phase.get() == GreenletPhase::New;
        if is_new() {
            tree::call_spawn_callbacks(greenlet);
        }
        is_new()
    }

    pub(super) fn ended(&self) -> bool {
        self.phase.get() == GreenletPhase::Ended
    }
}

/// Marks the end of a greenlet and has its links called. The caller has stored its value or
/// exception.
pub(super) fn end(shared: &dyn Erased, raw: &RawGreenlet) {
    let base = shared.base();
    base.phase.set(GreenletPhase::Ended);
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
        // The clone keeps the greenlet alive until the call: there may be no other handle.
        let queued = loop_.run_callback_greenlet(raw.clone(), shared.notifier());
        if queued.is_err() {
            // The loop is destroyed, so there is no hub in which the links could be called: they
            // are called here.
            call_each([|| drop((shared.notifier())(raw))]);
        }
    }
}

/// Calls the links in their order, also those that are added meanwhile. Runs in the hub.
pub(super) fn notify_links(greenlet: &AnyGreenlet) {
    let base = greenlet.base();
    let _over = Notifying(greenlet);
    while let Some(link) = base.links.pop() {
        greenlet.call_link(&link);
    }
}

/// Marks, while it lives, that the links of a greenlet are being called. If that ends early (the
/// destructor of a link may panic), the other links are queued again.
struct Notifying<'a>(&'a AnyGreenlet);

impl Drop for Notifying<'_> {
    fn drop(&mut self) {
        self.0.base().notifying.set(false);
        notify_soon(self.0.erased(), self.0.raw());
    }
}
