//! The hub of this thread. Source: gevent's `_hub_local.py`.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use greenlet_core::unwind::call_each;
use greenlet_core::{Exception, at_thread_end, getcurrent, thread_is_over};

use crate::core::{ForkMutex, Loop};
use crate::exceptions::HubError;
use crate::hub::{Hub, WeakHub};

#[derive(Default)]
struct ThreadHubs {
    hub: Option<Hub>,
    /// Kept by a hub that was destroyed without its loop, for the next one.
    kept_loop: Option<Loop>,
    /// All hubs of this thread that there are, the thread's own and others.
    all: Vec<WeakHub>,
    /// Whether [`end_of_thread`] will be called.
    ends: bool,
}

thread_local! {
    /// Without a destructor, so that it can be used in those of others; [`end_of_thread`] empties it.
    static HUBS: ManuallyDrop<RefCell<ThreadHubs>> = const {
        ManuallyDrop::new(RefCell::new(ThreadHubs {
            hub: None,
            kept_loop: None,
            all: Vec::new(),
            ends: false,
        }))
    };
}

/// Closes the hubs of a thread that just returns. Their greenlets run no more.
fn end_of_thread() {
    let forget = || drop(HUBS.with(|hubs| hubs.take()));
    let close_all = || call_each(all_hubs().into_iter().map(|hub| move || hub.close()));
    let steps: [&dyn Fn(); 2] = [&close_all, &forget];
    call_each(steps);
}

/// The hub of this thread, made on first use. When the thread [is over](thread_is_over), it is one that is
/// [destroyed](Hub::destroyed).
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
/// [`HubDestroyed`](crate::core::HubDestroyed) when the thread is over; [`HubError`] when libev cannot
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
    if thread_is_over() {
        return Ok(dead_hub());
    }
    let hub = Hub::new(None)?;
    set_hub(Some(hub.clone()));
    let hook = NEW_HUB.lock().clone();
    if let Some(hook) = hook {
        hook(&hub);
    }
    Ok(hub)
}

/// What a destructor gets that asks for the hub when the thread is over: a hub that is destroyed already.
fn dead_hub() -> Hub {
    struct Dead(Hub);
    let main = getcurrent();
    let known = main.local::<Dead>().map(|dead| dead.0.clone());
    known.unwrap_or_else(|| {
        let hub = Hub::dead();
        main.set_local(Dead(hub.clone()));
        hub
    })
}

/// What is called with each new hub.
pub type NewHubHook = Arc<dyn Fn(&Hub) + Send + Sync>;

static NEW_HUB: ForkMutex<Option<NewHubHook>> = ForkMutex::new(None);

/// Has `hook` called with each hub that is made from now on, in any thread: to name it, or to give
/// it an [error handler](Hub::set_error_handler) of the program's own. `None` undoes that.
///
/// Source: `set_default_hub_class` in gevent's `_hub_local.py`.
pub fn set_new_hub_hook(hook: Option<NewHubHook>) {
    let old = std::mem::replace(&mut *NEW_HUB.lock(), hook);
    drop(old);
}

/// Notes a new hub, which ends with the thread at the latest.
pub(crate) fn add_hub(hub: &Hub) {
    let first = HUBS.with(|hubs| {
        let mut hubs = hubs.borrow_mut();
        hubs.all.retain(WeakHub::exists);
        hubs.all.push(hub.downgrade());
        !std::mem::replace(&mut hubs.ends, true)
    });
    if first {
        at_thread_end(end_of_thread);
    }
}

/// The hubs of this thread, those that were replaced or destroyed too as long as somebody has them.
pub(crate) fn all_hubs() -> Vec<Hub> {
    HUBS.with(|hubs| {
        let hubs = hubs.borrow();
        hubs.all.iter().filter_map(WeakHub::upgrade).collect()
    })
}

/// The hub of this thread if there is one already.
#[inline]
pub fn get_hub_if_exists() -> Option<Hub> {
    HUBS.with(|hubs| hubs.borrow().hub.clone())
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

/// Makes `hub` the hub of this thread, or leaves the thread without one. Does nothing when the thread is over.
pub fn set_hub(hub: Option<Hub>) {
    if hub.is_some() && thread_is_over() {
        return;
    }
    let old = HUBS.with(|hubs| std::mem::replace(&mut hubs.borrow_mut().hub, hub));
    drop(old);
}

/// Takes the loop that was kept for the next hub of this thread.
pub(crate) fn take_loop() -> Option<Loop> {
    HUBS.with(|hubs| hubs.borrow_mut().kept_loop.take())
}

/// The loop that the next hub of this thread will run, if one was kept.
pub(crate) fn set_loop(kept: Option<Loop>) {
    let old = HUBS.with(|hubs| std::mem::replace(&mut hubs.borrow_mut().kept_loop, kept));
    drop(old);
}
