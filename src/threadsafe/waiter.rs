//! [`ThreadsafeWaiter`]: one wait of one greenlet, or of a whole thread, or a link, as other threads see it.
//!
//! ```text
//!   thread A, with a hub               thread B
//!   new: resume -> here
//!   park: switch to the hub            wake: queue "key" at A's loop
//!   hub: look up "key" -> resume  <────┘
//! ```

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, Object, ThreadSlot};
use hub::core::ThreadsafeLoop;
use hub::{Context, Hub, Link, Linkable, Slack, TimeLimit, get_hub, get_hub_if_exists};
use parking_lot::{Condvar, Mutex};
use waiter::{Park, Resume};

static KEYS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// What other threads may wake here, by number.
    static HERE: ThreadSlot<Option<Here>> =
        const { ThreadSlot::new(None, || HERE.with(ThreadSlot::clear)) };
}

#[derive(Default)]
struct Here {
    targets: HashMap<u64, WakeTarget>,
    /// The links among them, by their objects' addresses. A link has several numbers if it was added several times.
    links: HashMap<(usize, Link), BTreeSet<u64>>,
}

impl Here {
    fn add(&mut self, key: u64, target: WakeTarget) {
        if let WakeTarget::Link(linked) = &target {
            let keys = self.links.entry((linked.address, linked.link.clone()));
            keys.or_default().insert(key);
        }
        self.targets.insert(key, target);
    }

    fn remove(&mut self, key: u64) -> Option<WakeTarget> {
        let target = self.targets.remove(&key)?;
        self.targets.give_back();
        // The link is dropped by whoever gets it, not here.
        if let WakeTarget::Link(linked) = &target
            && let Entry::Occupied(mut keys) =
                self.links.entry((linked.address, linked.link.clone()))
        {
            keys.get_mut().remove(&key);
            if keys.get().is_empty() {
                keys.remove();
                self.links.give_back();
            }
        }
        Some(target)
    }

    /// What a wake-up is for: a link is called once, a park is left to end by itself.
    fn woken(&mut self, key: u64) -> Option<WakeTarget> {
        match self.targets.get(&key)? {
            WakeTarget::Park(resume) => Some(WakeTarget::Park(resume.clone())),
            WakeTarget::Link(_) => self.remove(key),
        }
    }

    /// The one that was added first.
    fn unlink(&mut self, link: &Link, address: usize) -> Option<WakeTarget> {
        let keys = self.links.get(&(address, link.clone()))?;
        let first = *keys.first()?;
        self.remove(first)
    }
}

/// When the thread is over, it has forgotten all.
fn here<R>(f: impl FnOnce(&mut Here) -> R) -> Option<R> {
    HERE.with(|slot| slot.with(|here| f(here.borrow_mut().get_or_insert_default())))
}

/// What is woken.
enum WakeTarget {
    /// A park of a greenlet of this thread.
    Park(Resume),
    /// A link that was added in this thread.
    Link(Rc<Linked>),
}

/// A handle of an object that links are added to.
pub(super) trait LinkedObject: Linkable + Object {}

impl<T: Linkable + Object> LinkedObject for T {}

/// A link, the object it was added to, and what stands for it in the object's line.
struct Linked {
    hub: Hub,
    link: Link,
    object: Box<dyn LinkedObject>,
    address: usize,
    waiter: Arc<ThreadsafeWaiter>,
}

/// Who waits. It is granted what it waits for, once, by whoever holds the lock of the object.
#[derive(Debug)]
pub(super) struct ThreadsafeWaiter {
    /// Changed under the lock of the object.
    state: AtomicU8,
    /// Whether it only watches: is told, and takes nothing.
    watches: bool,
    /// Its number in the line of the object. Written and read under the lock of the object.
    ticket: AtomicU64,
    /// Set by whoever has queued a wake-up, and by the wake-up if it is dropped: the second of
    /// them knows that it will never come.
    queued: AtomicBool,
    kind: WaiterKind,
}

/// In a line (or no more, and nothing was granted); what was granted has not been used; it has.
const WAITING: u8 = 0;
const GRANTED: u8 = 1;
const USED: u8 = 2;

#[derive(Debug)]
enum WaiterKind {
    /// A greenlet, or a link, of a thread that has a hub.
    Hub { loop_: ThreadsafeLoop, key: u64 },
    /// A thread without a hub.
    Thread { woken: Mutex<bool>, wake: Condvar },
}

impl ThreadsafeWaiter {
    /// For the wait that the current greenlet is about to begin.
    pub(super) fn new(watches: bool) -> Arc<ThreadsafeWaiter> {
        ThreadsafeWaiter::of(watches, get_hub_if_exists())
    }

    fn of(watches: bool, hub: Option<Hub>) -> Arc<ThreadsafeWaiter> {
        let kind = match hub {
            Some(hub) => WaiterKind::Hub {
                loop_: hub.loop_().threadsafe(),
                key: KEYS.fetch_add(1, Ordering::Relaxed),
            },
            None => WaiterKind::Thread {
                woken: Mutex::new(false),
                wake: Condvar::new(),
            },
        };
        Arc::new(ThreadsafeWaiter {
            state: AtomicU8::new(WAITING),
            watches,
            ticket: AtomicU64::new(0),
            queued: AtomicBool::new(false),
            kind,
        })
    }

    /// What finds it in its line; 0 if it has never been in one. The caller holds the object's lock.
    pub(super) fn ticket(&self) -> u64 {
        self.ticket.load(Ordering::Relaxed)
    }

    pub(super) fn set_ticket(&self, ticket: u64) {
        self.ticket.store(ticket, Ordering::Relaxed);
    }

    /// Whether it takes nothing of what it waits for.
    pub(super) fn watches(&self) -> bool {
        self.watches
    }

    /// Grants what is waited for. The caller holds the object's lock, and [wakes](ThreadsafeWaiter::wake)
    /// the waiter once it has let go of it.
    pub(super) fn grant(&self) {
        self.state.store(GRANTED, Ordering::Relaxed);
    }

    /// Whether something was granted that has not been used. The caller holds the object's lock, or looks again with it.
    pub(super) fn granted(&self) -> bool {
        self.state.load(Ordering::Relaxed) == GRANTED
    }

    /// Uses what was granted; says whether there was something. The caller holds the object's lock.
    pub(super) fn take(&self) -> bool {
        self.granted() && {
            self.state.store(USED, Ordering::Relaxed);
            true
        }
    }

    /// Takes back what was granted, if it was not used; says so. The caller holds the object's lock.
    pub(super) fn revoke(&self) -> bool {
        self.granted() && {
            self.state.store(WAITING, Ordering::Relaxed);
            true
        }
    }

    /// Ends the park, or calls the link, soon; from any thread. An early call is not lost: the
    /// waiter's thread runs its hub only once the waiter is parked.
    ///
    /// Says whether that was possible. If the waiter's loop is destroyed later, but before that,
    /// `lost` is called.
    pub(super) fn wake(self: &Arc<Self>, lost: impl FnOnce() + Send + 'static) -> bool {
        let (loop_, key) = match &self.kind {
            WaiterKind::Thread { woken, wake } => {
                *woken.lock() = true;
                wake.notify_one();
                return true;
            }
            WaiterKind::Hub { loop_, key } => (loop_, *key),
        };
        let wakeup = WakeUp {
            waiter: self.clone(),
            lost: Some(lost),
        };
        // If it fails it has dropped the wake-up.
        let _ = loop_.run_callback_threadsafe(move || {
            wakeup.arrived();
            match here(|here| here.woken(key)).flatten() {
                Some(WakeTarget::Park(resume)) => wake_here(&resume),
                Some(WakeTarget::Link(linked)) => linked.call(),
                None => {}
            }
        });
        !self.queued.swap(true, Ordering::AcqRel)
    }

    /// Waits to be woken, at most `timeout` seconds: called once, by the one who made it. Which
    /// of the two it was says [`take`](ThreadsafeWaiter::take).
    #[track_caller]
    pub(super) fn park(
        &self,
        what: &'static str,
        address: usize,
        timeout: Option<f64>,
    ) -> Result<(), Exception> {
        match (&self.kind, get_hub_if_exists()) {
            (WaiterKind::Hub { key, .. }, Some(hub)) => {
                self.park_greenlet(&hub, *key, what, address, timeout)
            }
            (WaiterKind::Thread { woken, wake }, _) => {
                park_thread(woken, wake, timeout);
                Ok(())
            }
            // It was there a moment ago.
            (WaiterKind::Hub { .. }, None) => Err(Exception::new(hub::core::HubDestroyed)),
        }
    }

    #[track_caller]
    fn park_greenlet(
        &self,
        hub: &Hub,
        key: u64,
        what: &'static str,
        address: usize,
        timeout: Option<f64>,
    ) -> Result<(), Exception> {
        let park = Park::on(hub, what, address)?;
        let limit = TimeLimit::start(hub, &park, timeout)?;
        let registered = Registered::new(hub, key, park.resume())?;
        // A hook that was just called may have waited itself: then the wake-up has come when nobody was here.
        if self.granted() {
            return Ok(());
        }
        let got = park.wait(hub, &format_args!("{what} at {address:#x}"));
        drop((limit, registered));
        got
    }
}

/// Runs in the hub.
fn wake_here(resume: &Resume) {
    if let Err(exception) = resume.switch() {
        get_hub().report_error(Context::Switch(resume.greenlet()), exception);
    }
}

/// On its way to the waiter's loop; notices if it is dropped there.
struct WakeUp<L: FnOnce()> {
    waiter: Arc<ThreadsafeWaiter>,
    lost: Option<L>,
}

impl<L: FnOnce()> WakeUp<L> {
    fn arrived(mut self) {
        self.lost = None;
    }
}

impl<L: FnOnce()> Drop for WakeUp<L> {
    fn drop(&mut self) {
        if let Some(lost) = self.lost.take()
            && self.waiter.queued.swap(true, Ordering::AcqRel)
        {
            lost();
        }
    }
}

/// A park that other threads may end; it counts for the loop.
struct Registered<'a>(&'a Hub, u64);

impl<'a> Registered<'a> {
    fn new(hub: &'a Hub, key: u64, resume: Resume) -> Result<Self, Exception> {
        hub.loop_().ref_()?;
        // Fails in a thread that is ending, whose loop is destroyed.
        let _ = here(|here| here.add(key, WakeTarget::Park(resume)));
        Ok(Registered(hub, key))
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let target = here(|here| here.remove(self.1));
        drop(target);
        // Fails if the loop is destroyed.
        let _ = self.0.loop_().unref();
    }
}

/// Has the link called, by this thread's hub, once the waiter that is returned is woken: it is to
/// be put in the line of `object`, which is at `address`. It counts for the loop until it is
/// called, or [unlinked](unlink).
pub(super) fn link(
    link: Link,
    object: Box<dyn LinkedObject>,
    address: usize,
) -> Arc<ThreadsafeWaiter> {
    let hub = get_hub();
    let waiter = ThreadsafeWaiter::of(true, Some(hub.clone()));
    let WaiterKind::Hub { key, .. } = waiter.kind else {
        unreachable!("made for a hub");
    };
    // Fails if the loop is destroyed: then the link is never called.
    if hub.loop_().ref_().is_ok() {
        let linked = WakeTarget::Link(Rc::new(Linked {
            hub,
            link,
            object,
            address,
            waiter: waiter.clone(),
        }));
        let _ = here(|here| here.add(key, linked));
    }
    waiter
}

/// Forgets a link that was added here to the object at `address`; returns what has stood for it.
pub(super) fn unlink(link: &Link, address: usize) -> Option<Arc<ThreadsafeWaiter>> {
    let forgotten = here(|here| here.unlink(link, address));
    match forgotten?? {
        WakeTarget::Link(linked) => Some(linked.waiter.clone()),
        WakeTarget::Park(_) => None,
    }
}

impl Linked {
    /// Runs in the hub.
    fn call(&self) {
        match catch(|| self.link.call(&*self.object)) {
            Ok(Ok(())) => {}
            Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
                let (link, source) = (&self.link, &*self.object);
                self.hub
                    .report_error(Context::Link { link, source }, exception);
            }
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        // Fails if the loop is destroyed.
        let _ = self.hub.loop_().unref();
    }
}

fn park_thread(woken: &Mutex<bool>, wake: &Condvar, timeout: Option<f64>) {
    // A time without an end in sight is no limit.
    let deadline = timeout
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
        .and_then(|left| Instant::now().checked_add(left));
    let mut woken = woken.lock();
    while !*woken {
        match deadline {
            None => wake.wait(&mut woken),
            Some(deadline) => {
                if wake.wait_until(&mut woken, deadline).timed_out() {
                    return;
                }
            }
        }
    }
}
