//! Who may park.

use crate::guards;
use crate::patches::{self, Module};

/// What the caller of an interposed function is, if it may park in there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A virtual thread.
    VirtualThread,
    /// A plain greenlet of a thread that has a hub, and not the hub itself.
    Greenlet,
}

/// The caller's place, if calls of the module are patched for it and nothing stands against a park here.
#[inline(always)]
pub(crate) fn place(module: Module) -> Option<Place> {
    if greenlet_core::is_virtual_thread() {
        let parks = patches::for_virtual_threads(module) && guards::may_park();
        return parks.then_some(Place::VirtualThread);
    }
    if patches::for_greenlets(module) {
        return greenlet();
    }
    None
}

#[cold]
#[inline(never)]
fn greenlet() -> Option<Place> {
    if !guards::may_park() {
        return None;
    }
    let hub = guards::never_parks(hub::get_hub_if_exists)?;
    let parks = !hub.greenlet().is_current() && !hub.destroyed();
    parks.then_some(Place::Greenlet)
}
