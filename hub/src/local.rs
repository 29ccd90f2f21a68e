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
    /// The loop of a hub that was destroyed without its loop, for the next hub.
    kept_loop: Option<Loop>,
    /// All hubs of this thread that exist, the current one and others.
    all: Vec<WeakHub>,
    /// Whether [`end_of_thread`] will be called.
    ends: bool,
}

thread_local! {
    /// This variable has no destructor, so that the destructors of other thread-locals can use it; [`end_of_thread`]
    /// empties it.
    static HUBS: ManuallyDrop<RefCell<ThreadHubs>> = const {
        ManuallyDrop::new(RefCell::new(ThreadHubs {
            hub: None,
            kept_loop: None,
            all: Vec::new(),
            ends: false,
        }))
    };
}

/// Closes the hubs of a thread that returns without [`run`](crate::run). Their greenlets run no more.
fn end_of_thread() {
    let forget = || drop(HUBS.with(|hubs| hubs.take()));
    let close_all = || call_each(all_hubs().into_iter().map(|hub| move || hub.close()));
    let steps: [&dyn Fn(); 2] = [&close_all, &forget];
    call_each(steps);
}

/// The hub of this thread, made on first use. Where none can be made, this returns a hub that is
/// [destroyed](Hub::destroyed) from the beginning, and whatever needs it ends with an error: with
/// [`HubDestroyed`](crate::core::HubDestroyed) if the thread [is over](thread_is_over); with
/// [`GreenletError::VirtualThread`](greenlet_core::GreenletError::VirtualThread) in a virtual thread; with [`HubError`]
/// if libev cannot make a loop, for example because there are no file descriptors left. Then the next call tries again;
/// [`try_get_hub`] returns that error at once.
#[inline]
pub fn get_hub() -> Hub {
    match get_hub_if_exists() {
        Some(hub) => hub,
        None => make_hub(),
    }
}

#[cold]
fn make_hub() -> Hub {
    try_make_hub().unwrap_or_else(Hub::failed)
}

/// The hub of this thread, made on first use. When the thread [is over](thread_is_over), this returns a
/// [destroyed](Hub::destroyed) hub.
///
/// # Errors
/// [`HubError`] if libev cannot make a loop.
#[inline]
pub fn try_get_hub() -> Result<Hub, HubError> {
    match get_hub_if_exists() {
        Some(hub) => Ok(hub),
        None => try_make_hub(),
    }
}

/// The hub of this thread, made on first use, for a caller that is about to wait in it.
///
/// # Errors
/// [`HubDestroyed`](crate::core::HubDestroyed) if the hub is destroyed or the thread is over, or
/// [`GreenletError::VirtualThread`](greenlet_core::GreenletError::VirtualThread) in a virtual thread; [`HubError`] if
/// libev cannot make a loop.
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

/// A hub that is destroyed from the beginning, for destructors that ask for the hub when the thread is over.
fn dead_hub() -> Hub {
    struct Dead(Hub);
    let main = getcurrent();
    let known = main.local::<Dead>().map(|dead| dead.0.clone());
    known.unwrap_or_else(|| {
        let hub = Hub::failed_as_over();
        main.set_local(Dead(hub.clone()));
        hub
    })
}

/// A function that is called with each new hub; see [`set_new_hub_hook`].
pub type NewHubHook = Arc<dyn Fn(&Hub) + Send + Sync>;

static NEW_HUB: ForkMutex<Option<NewHubHook>> = ForkMutex::new(None);

/// Has `hook` called with each hub that is made from now on, in any thread, for example to name the hub, or to give it
/// an [error handler](Hub::set_error_handler). `None` undoes that.
///
/// Source: `set_default_hub_class` in gevent's `_hub_local.py`.
pub fn set_new_hub_hook(hook: Option<NewHubHook>) {
    let old = std::mem::replace(&mut *NEW_HUB.lock(), hook);
    drop(old);
}

/// Adds a new hub to the thread's, so that it is closed when the thread ends, if not before.
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

/// The hubs of this thread, including those that were replaced or destroyed, as long as a handle of them exists.
pub(crate) fn all_hubs() -> Vec<Hub> {
    HUBS.with(|hubs| {
        let hubs = hubs.borrow();
        hubs.all.iter().filter_map(WeakHub::upgrade).collect()
    })
}

/// The hub of this thread, if it was made already.
#[inline]
pub fn get_hub_if_exists() -> Option<Hub> {
    HUBS.with(|hubs| hubs.borrow().hub.clone())
}

/// Whether this thread has a hub. This may be asked at any point of a program, also in an allocator, where something
/// may be about to change: then it says no.
#[doc(hidden)]
#[inline]
pub fn has_hub() -> bool {
    HUBS.with(|hubs| hubs.try_borrow().is_ok_and(|hubs| hubs.hub.is_some()))
}

/// Prepares this thread's hub for use in the child of a `fork`; see [`Hub::reinit`]. To be called in the child right
/// after the fork. Does nothing if there is no hub.
///
/// Source: `reinit` in gevent's `hub.py`.
///
/// # Errors
/// The same as those of [`Hub::reinit`].
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

/// Keeps a loop, which the next hub of this thread will run. Does nothing when the thread is over.
pub(crate) fn set_loop(kept: Option<Loop>) {
    if kept.is_some() && thread_is_over() {
        return;
    }
    let old = HUBS.with(|hubs| std::mem::replace(&mut hubs.borrow_mut().kept_loop, kept));
    drop(old);
}
