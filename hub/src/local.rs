//! The hub of this thread. Source: gevent's `_hub_local.py`.

use std::cell::RefCell;
use std::sync::Arc;

use greenlet_core::getcurrent;
use parking_lot::Mutex;

use crate::core::Loop;
use crate::exceptions::HubError;
use crate::hub::Hub;

struct Local(RefCell<State>);

#[derive(Default)]
struct State {
    hub: Option<Hub>,
    /// Kept by a hub that was destroyed without its loop, for the next one.
    kept_loop: Option<Loop>,
}

thread_local! {
    static LOCAL: Local = Local(RefCell::default());
}

impl Drop for Local {
    fn drop(&mut self) {
        let state = self.0.take();
        if let Some(hub) = state.hub {
            // The thread ends, and its loop with it.
            let _ = hub.destroy(true);
        }
    }
}

/// The hub of this thread, made on first use.
///
/// # Panics
/// When it must be made and libev cannot make a loop (no file descriptors left, say); see
/// [`try_get_hub`].
#[track_caller]
pub fn get_hub() -> Hub {
    match try_get_hub() {
        Ok(hub) => hub,
        Err(error) => panic!("{error}"),
    }
}

/// The hub of this thread, made on first use.
///
/// # Errors
/// [`HubError`] when libev cannot make a loop.
pub fn try_get_hub() -> Result<Hub, HubError> {
    if let Some(hub) = get_hub_if_exists() {
        return Ok(hub);
    }
    // The greenlets' own thread-local must be older than the hub's, so that it outlives it.
    let main = getcurrent();
    let hub = Hub::new(
        main,
        LOCAL.with(|local| local.0.borrow_mut().kept_loop.take()),
    )?;
    set_hub(Some(hub.clone()));
    let hook = NEW_HUB.lock().clone();
    if let Some(hook) = hook {
        hook(&hub);
    }
    Ok(hub)
}

/// What is called with each new hub.
pub type NewHubHook = Arc<dyn Fn(&Hub) + Send + Sync>;

static NEW_HUB: Mutex<Option<NewHubHook>> = Mutex::new(None);

/// Has `hook` called with each hub that is made from now on, in any thread: to name it, or to give
/// it an [error handler](Hub::set_error_handler) of the program's own. `None` undoes that.
///
/// Source: `set_default_hub_class` in gevent's `_hub_local.py`.
pub fn set_new_hub_hook(hook: Option<NewHubHook>) {
    let old = std::mem::replace(&mut *NEW_HUB.lock(), hook);
    drop(old);
}

/// The hub of this thread if there is one already.
#[inline]
pub fn get_hub_if_exists() -> Option<Hub> {
    LOCAL.try_with(|local| local.0.borrow().hub.clone()).ok()?
}

/// Makes `hub` the hub of this thread, or leaves the thread without one.
pub fn set_hub(hub: Option<Hub>) {
    let old = LOCAL.try_with(|local| std::mem::replace(&mut local.0.borrow_mut().hub, hub));
    drop(old);
}

/// The loop that the next hub of this thread will run, if one was kept.
pub(crate) fn set_loop(kept: Option<Loop>) {
    let old = LOCAL.try_with(|local| std::mem::replace(&mut local.0.borrow_mut().kept_loop, kept));
    drop(old);
}
