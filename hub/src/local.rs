//! The hub of this thread. Source: gevent's `_hub_local.py`.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use greenlet_core::{Exception, State as Run, getcurrent, greenlets};
use parking_lot::Mutex;

use crate::core::{Error, Loop, LoopDestroyed};
use crate::exceptions::HubError;
use crate::hub::Hub;

#[derive(Default)]
struct State {
    hub: Option<Hub>,
    /// Kept by a hub that was destroyed without its loop, for the next one.
    kept_loop: Option<Loop>,
}

/// Destroys the thread's hub when the thread ends.
struct End;

thread_local! {
    /// Without a destructor of its own, so that it can be used in [`End`]'s: greenlets end there,
    /// and their destructors may ask for the hub.
    static STATE: ManuallyDrop<RefCell<State>> = const {
        ManuallyDrop::new(RefCell::new(State {
            hub: None,
            kept_loop: None,
        }))
    };

    static END: End = {
        // The greenlets' own thread-local must be older, so that it outlives this: at the
        // thread's end the hub is switched to once more.
        let _ = getcurrent();
        End
    };
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(hub) = get_hub_if_exists() {
            // The thread ends, and its loop with it.
            let destroyed = hub.destroy(true).is_ok();
            // Not in the process's first thread: its greenlets are left as they are.
            if destroyed && !hub.main_hub() {
                unwind_greenlets(hub.clone());
            }
            hub.forget_handlers();
        }
        let state = STATE.with(|state| state.take());
        drop(state);
    }
}

/// Ends the thread's greenlets while there still is a hub, if a destroyed one: what their
/// destructors want of it is an error, and nothing to panic about.
fn unwind_greenlets(destroyed: Hub) {
    STATE.with(|state| state.borrow_mut().hub = Some(destroyed));
    for greenlet in greenlets() {
        if greenlet.state() == Run::Suspended {
            greenlet.unwind();
        }
    }
}

/// The hub of this thread, made on first use.
///
/// # Panics
/// When it must be made and libev cannot make a loop (no file descriptors left, say); see
/// [`try_get_hub`].
#[track_caller]
#[inline]
pub fn get_hub() -> Hub {
    match get_hub_if_exists() {
        Some(hub) => hub,
        None => make_hub(),
    }
}

#[cold]
#[track_caller]
fn make_hub() -> Hub {
    match try_get_hub() {
        Ok(hub) => hub,
        Err(error) => panic!("{error}"),
    }
}

/// The hub of this thread, made on first use.
///
/// # Errors
/// [`HubError`] when libev cannot make a loop.
#[inline]
pub fn try_get_hub() -> Result<Hub, HubError> {
    match get_hub_if_exists() {
        Some(hub) => Ok(hub),
        None => try_make_hub(),
    }
}

/// The hub of this thread, made on first use, for whoever is about to wait in it.
///
/// # Errors
/// [`HubDestroyed`](crate::core::HubDestroyed) when the thread ends; [`HubError`] when libev cannot
/// make a loop.
#[track_caller]
#[inline]
pub fn hub_to_wait_in() -> Result<Hub, Exception> {
    let hub = try_get_hub()?;
    hub.check_alive()?;
    Ok(hub)
}

#[cold]
fn try_make_hub() -> Result<Hub, HubError> {
    // A thread that has ended has no hub any more, and gets no new one.
    END.try_with(|_| ())
        .map_err(|_| Error::from(LoopDestroyed))?;
    let hub = Hub::new(None)?;
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
    STATE.with(|state| state.borrow().hub.clone())
}

/// To be called in the child right after a `fork`, if it is to go on using this thread's hub; does
/// nothing if there is none. See [`Hub::reinit`].
///
/// Source: `reinit` in gevent's `hub.py`.
///
/// # Errors
/// As there.
pub fn reinit() -> Result<(), Exception> {
    get_hub_if_exists().map_or(Ok(()), |hub| hub.reinit())
}

/// Makes `hub` the hub of this thread, or leaves the thread without one.
pub fn set_hub(hub: Option<Hub>) {
    // There is something to end; in a thread that has ended, it is too late for that.
    let _ = END.try_with(|_| ());
    let old = STATE.with(|state| std::mem::replace(&mut state.borrow_mut().hub, hub));
    drop(old);
}

/// Takes the loop that was kept for the next hub of this thread.
pub(crate) fn take_loop() -> Option<Loop> {
    STATE.with(|state| state.borrow_mut().kept_loop.take())
}

/// The loop that the next hub of this thread will run, if one was kept.
pub(crate) fn set_loop(kept: Option<Loop>) {
    let old = STATE.with(|state| std::mem::replace(&mut state.borrow_mut().kept_loop, kept));
    drop(old);
}
