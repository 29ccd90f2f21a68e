//! [`ThreadsafeWaiter`]: a wait of a greenlet or of a whole thread, or a link, in the form that other threads can wake.
//!
//! A park and a link belong to one thread and cannot be sent to others. So they stay in a table of their thread,
//! `HERE`, and other threads only send its number, the key:
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
use std::task::{Context as TaskContext, Waker};
use std::time::{Duration, Instant};

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, GreenletError, Object, ThreadSlot, is_virtual_thread};
use hub::core::ThreadsafeLoop;
use hub::{Context, Hub, Link, Linkable, Slack, TimeLimit, get_hub, get_hub_if_exists};
use parking_lot::{Condvar, Mutex};
use waiter::{Park, Resume};

/// The next key. No two targets of the process have the same key.
static KEYS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The targets in this thread that other threads may wake.
    static HERE: ThreadSlot<Option<Here>> =
        const { ThreadSlot::new(None, || HERE.with(ThreadSlot::clear)) };
}

/// The targets of one thread.
#[derive(Default)]
struct Here {
    /// All targets, by their keys.
    targets: HashMap<u64, WakeTarget>,
    /// The keys of the links among the targets, by the address of the object and the link. A link that was added
    /// several times has several keys.
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
        // The caller drops the link, because its destructor is user code and must not run here.
        if let WakeTarget::Link(linked) = &target
            && let Entry::Occupied(mut keys) = self.links.entry((linked.address, linked.link.clone()))
        {
            keys.get_mut().remove(&key);
            if keys.get().is_empty() {
                keys.remove();
                self.links.give_back();
            }
        }
        Some(target)
    }

    /// The target of a wake-up. A link is removed, as it is called only once; a park stays until it is over.
    fn woken(&mut self, key: u64) -> Option<WakeTarget> {
        match self.targets.get(&key)? {
            WakeTarget::Park(resume) => Some(WakeTarget::Park(resume.clone())),
            WakeTarget::Link(_) => self.remove(key),
        }
    }

    /// Removes the link; if it was added several times, the one that was added first.
    fn unlink(&mut self, link: &Link, address: usize) -> Option<WakeTarget> {
        let keys = self.links.get(&(address, link.clone()))?;
        let first = *keys.first()?;
        self.remove(first)
    }
}

/// Calls `f` with the targets of this thread. Returns `None` when the thread is over, as there are no targets then.
fn here<R>(f: impl FnOnce(&mut Here) -> R) -> Option<R> {
    HERE.with(|slot| slot.with(|here| f(here.borrow_mut().get_or_insert_default())))
}

/// Something that a wake-up ends or calls.
enum WakeTarget {
    /// A park of a greenlet of this thread.
    Park(Resume),
    /// A link that was added in this thread.
    Link(Rc<Linked>),
}

/// A handle of an object that links are added to.
pub(super) trait LinkedObject: Linkable + Object {}

impl<T: Linkable + Object> LinkedObject for T {}

/// A link, the object that it was added to, and its waiter in the object's line.
struct Linked {
    hub: Hub,
    link: Link,
    object: Box<dyn LinkedObject>,
    address: usize,
    waiter: Arc<ThreadsafeWaiter>,
}

/// A waiter in the line of an object. A thread that holds the object's lock grants it what it waits for, once.
#[derive(Debug)]
pub(super) struct ThreadsafeWaiter {
    /// [`WAITING`], [`GRANTED`] or [`USED`]. Changed under the lock of the object.
    state: AtomicU8,
    /// Whether the waiter only watches: it is told, and takes nothing.
    watches: bool,
    /// The waiter's ticket in the line of the object. Written and read under the lock of the object.
    ticket: AtomicU64,
    /// Set by [`wake`](ThreadsafeWaiter::wake) when it is done, and by its wake-up if that is dropped before it has
    /// arrived. The second of the two knows by this that the wake-up will never arrive.
    queued: AtomicBool,
    kind: WaiterKind,
}

/// Nothing is granted: the waiter is in line, or has left it.
const WAITING: u8 = 0;
/// Something is granted that was not used.
const GRANTED: u8 = 1;
/// What was granted is used.
const USED: u8 = 2;

#[derive(Debug)]
enum WaiterKind {
    /// A greenlet, or a link, of a thread that has a hub.
    Hub { loop_: ThreadsafeLoop, key: u64 },
    /// A future.
    Future(Mutex<Option<Waker>>),
    /// A thread without a hub.
    Thread { woken: Mutex<bool>, wake: Condvar },
}

impl ThreadsafeWaiter {
    /// A waiter for the wait that the current greenlet, or thread, is about to begin.
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
        ThreadsafeWaiter::of_kind(watches, kind)
    }

    fn of_kind(watches: bool, kind: WaiterKind) -> Arc<ThreadsafeWaiter> {
        Arc::new(ThreadsafeWaiter {
            state: AtomicU8::new(WAITING),
            watches,
            ticket: AtomicU64::new(0),
            queued: AtomicBool::new(false),
            kind,
        })
    }

    /// A waiter for a future.
    pub(super) fn of_future(waker: Waker) -> Arc<ThreadsafeWaiter> {
        ThreadsafeWaiter::of_kind(false, WaiterKind::Future(Mutex::new(Some(waker))))
    }

    /// Notes which waker of a future is to be used.
    pub(super) fn wake_by(&self, context: &TaskContext<'_>) {
        let WaiterKind::Future(waker) = &self.kind else { return };
        let known = waker
            .lock()
            .as_ref()
            .is_some_and(|known| known.will_wake(context.waker()));
        if !known {
            // Cloning and dropping wakers may run user code, so the lock is free then.
            let new = context.waker().clone();
            let old = waker.lock().replace(new);
            drop(old);
        }
    }

    /// The ticket by which the waiter is found in its line; 0 if it has never been in one. The caller holds the
    /// object's lock.
    pub(super) fn ticket(&self) -> u64 {
        self.ticket.load(Ordering::Relaxed)
    }

    pub(super) fn set_ticket(&self, ticket: u64) {
        self.ticket.store(ticket, Ordering::Relaxed);
    }

    /// Whether the waiter only watches.
    pub(super) fn watches(&self) -> bool {
        self.watches
    }

    /// Grants what is waited for. The caller holds the object's lock, and [wakes](ThreadsafeWaiter::wake)
    /// the waiter once it has let go of it.
    pub(super) fn grant(&self) {
        self.state.store(GRANTED, Ordering::Relaxed);
    }

    /// Whether something was granted that was not used. The caller holds the object's lock, or asks again with the
    /// lock.
    pub(super) fn granted(&self) -> bool {
        self.state.load(Ordering::Relaxed) == GRANTED
    }

    /// Uses what was granted. Returns whether there was something. The caller holds the object's lock.
    pub(super) fn take(&self) -> bool {
        self.granted() && {
            self.state.store(USED, Ordering::Relaxed);
            true
        }
    }

    /// Takes back what was granted, if it was not used. Returns whether it did. The caller holds the object's lock.
    pub(super) fn revoke(&self) -> bool {
        self.granted() && {
            self.state.store(WAITING, Ordering::Relaxed);
            true
        }
    }

    /// Has the park ended, or the link called, soon. Any thread may call this. A call before the park is not lost: the
    /// waiter's thread runs its hub, which looks for the target, only once the waiter is parked.
    ///
    /// Returns whether that was possible. If the waiter's loop is destroyed after this has returned true, and before
    /// the wake-up has arrived, `lost` is called.
    pub(super) fn wake(self: &Arc<Self>, lost: impl FnOnce() + Send + 'static) -> bool {
        let (loop_, key) = match &self.kind {
            WaiterKind::Thread { woken, wake } => {
                *woken.lock() = true;
                wake.notify_one();
                return true;
            }
            WaiterKind::Future(waker) => {
                let waker = waker.lock().take();
                if let Some(waker) = waker {
                    waker.wake();
                }
                // What is granted to a future that is never polled again goes on when the future is dropped.
                return true;
            }
            WaiterKind::Hub { loop_, key } => (loop_, *key),
        };
        let wakeup = WakeUp {
            waiter: self.clone(),
            lost: Some(lost),
        };
        // If this fails, it has dropped the wake-up, which sets `queued`.
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

    /// Waits until the waiter is woken or `timeout` seconds are over; [`take`](ThreadsafeWaiter::take) tells afterwards
    /// which of the two has happened. Called once, by the greenlet or thread that has made the waiter.
    #[track_caller]
    pub(super) fn park(&self, what: &'static str, address: usize, timeout: Option<f64>) -> Result<(), Exception> {
        if is_virtual_thread() {
            // To block it would block its carrier, and whoever is to wake it there.
            return Err(Exception::new(GreenletError::VirtualThread));
        }
        match (&self.kind, get_hub_if_exists()) {
            (WaiterKind::Hub { key, .. }, Some(hub)) => self.park_greenlet(&hub, *key, what, address, timeout),
            (WaiterKind::Thread { woken, wake }, _) => {
                park_thread(woken, wake, timeout);
                Ok(())
            }
            // The hub has gone since the waiter was made. A future does not park.
            (WaiterKind::Hub { .. } | WaiterKind::Future(_), _) => Err(Exception::new(hub::core::HubDestroyed)),
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
        // The hook that `Park::on` has called may have waited. A wake-up that came then did not find the park.
        if self.granted() {
            return Ok(());
        }
        let got = park.wait(hub, &format_args!("{what} at {address:#x}"));
        drop((limit, registered));
        got
    }
}

/// Ends a park of this thread. Runs in the hub.
fn wake_here(resume: &Resume) {
    if let Err(exception) = resume.switch() {
        get_hub().report_error(Context::Switch(resume.greenlet()), exception);
    }
}

/// A wake-up that is queued at the waiter's loop. If it is dropped before it has [arrived](WakeUp::arrived), because
/// the loop is destroyed, it calls `lost`.
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

/// A park in this thread's table, which other threads may end. It keeps the loop running.
struct Registered<'a>(&'a Hub, u64);

impl<'a> Registered<'a> {
    fn new(hub: &'a Hub, key: u64, resume: Resume) -> Result<Self, Exception> {
        hub.loop_().ref_()?;
        // This does nothing in a thread that is over, whose loop is destroyed.
        let _ = here(|here| here.add(key, WakeTarget::Park(resume)));
        Ok(Registered(hub, key))
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let target = here(|here| here.remove(self.1));
        drop(target);
        // This fails if the loop is destroyed, and nothing is to be undone then.
        let _ = self.0.loop_().unref();
    }
}

/// Registers a link to `object`, which is at `address`. Returns the waiter that stands for the link in the object's
/// line: once it is woken, the hub of this thread calls the link. The link keeps the loop running until it is called or
/// [unlinked](unlink).
pub(super) fn link(link: Link, object: Box<dyn LinkedObject>, address: usize) -> Arc<ThreadsafeWaiter> {
    let hub = get_hub();
    let waiter = ThreadsafeWaiter::of(true, Some(hub.clone()));
    let WaiterKind::Hub { key, .. } = waiter.kind else {
        unreachable!("made for a hub");
    };
    // This fails if the loop is destroyed; the link is never called then.
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

/// Forgets a link that was added in this thread to the object at `address`. Returns the link's waiter.
pub(super) fn unlink(link: &Link, address: usize) -> Option<Arc<ThreadsafeWaiter>> {
    let forgotten = here(|here| here.unlink(link, address));
    match forgotten?? {
        WakeTarget::Link(linked) => Some(linked.waiter.clone()),
        WakeTarget::Park(_) => None,
    }
}

impl Linked {
    /// Calls the link and reports its error. Runs in the hub.
    fn call(&self) {
        match catch(|| self.link.call(&*self.object)) {
            Ok(Ok(())) => {}
            Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
                let (link, source) = (&self.link, &*self.object);
                self.hub.report_error(Context::Link { link, source }, exception);
            }
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        // This fails if the loop is destroyed, and nothing is to be undone then.
        let _ = self.hub.loop_().unref();
    }
}

fn park_thread(woken: &Mutex<bool>, wake: &Condvar, timeout: Option<f64>) {
    // A time that is too long for an `Instant` is no limit.
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
