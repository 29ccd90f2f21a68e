//! [`Waiter`]: one wait of one greenlet, or of a whole thread, as other threads see it.
//!
//! ```text
//!   thread A, with a hub               thread B
//!   Waiter::new  (resume -> parked)
//!   park: switch to the hub            wake: queue "key" at A's loop
//!   hub: look up "key" -> resume  <────┘
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use greenlet_core::Exception;
use hub::core::ThreadsafeLoop;
use hub::{Hub, get_hub_if_exists};
use parking_lot::{Condvar, Mutex};
use waiter::Resume;

/// The parks of this thread's greenlets that other threads may end, by number.
struct Parked {
    thread: u64,
    resumes: RefCell<HashMap<u64, Resume>>,
}

static THREADS: AtomicU64 = AtomicU64::new(0);
static KEYS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static PARKED: Parked = Parked {
        thread: THREADS.fetch_add(1, Ordering::Relaxed),
        resumes: RefCell::default(),
    };
}

impl Parked {
    fn resume(&self, key: u64) -> Option<Resume> {
        self.resumes.borrow().get(&key).cloned()
    }

    fn insert(&self, key: u64, resume: Resume) {
        self.resumes.borrow_mut().insert(key, resume);
    }
}

/// Who waits. It is granted what it waits for, once, by whoever holds the lock of the object.
#[derive(Debug)]
pub(super) struct Waiter {
    granted: AtomicBool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A greenlet of a thread that has a hub.
    Greenlet {
        loop_: ThreadsafeLoop,
        thread: u64,
        key: u64,
    },
    /// A thread without a hub.
    Thread { woken: Mutex<bool>, wake: Condvar },
}

impl Waiter {
    /// For the wait that the current greenlet is about to begin.
    pub(super) fn new() -> Arc<Waiter> {
        let kind = match get_hub_if_exists() {
            Some(hub) => Kind::Greenlet {
                loop_: hub.loop_().threadsafe(),
                thread: PARKED.with(|parked| parked.thread),
                key: KEYS.fetch_add(1, Ordering::Relaxed),
            },
            None => Kind::Thread {
                woken: Mutex::new(false),
                wake: Condvar::new(),
            },
        };
        Arc::new(Waiter {
            granted: AtomicBool::new(false),
            kind,
        })
    }

    /// Grants what is waited for. The caller holds the object's lock, and [wakes](Waiter::wake)
    /// the waiter once it has let go of it.
    pub(super) fn grant(&self) {
        self.granted.store(true, Ordering::Relaxed);
    }

    /// Whether it was granted. The caller holds the object's lock.
    pub(super) fn granted(&self) -> bool {
        self.granted.load(Ordering::Relaxed)
    }

    /// Ends the park, soon; from any thread. An early call is not lost: the waiter's thread runs
    /// its hub only once the waiter is parked.
    pub(super) fn wake(&self) {
        match &self.kind {
            Kind::Thread { woken, wake } => {
                *woken.lock() = true;
                wake.notify_one();
            }
            Kind::Greenlet { loop_, thread, key } => {
                let key = *key;
                let here = PARKED
                    .try_with(|parked| (parked.thread == *thread).then(|| parked.resume(key)));
                match (here, get_hub_if_exists()) {
                    (Ok(Some(None)), _) => {}
                    (Ok(Some(Some(resume))), Some(hub)) => {
                        // Fails if the loop is destroyed: nobody is woken any more there.
                        let _ = hub.loop_().run_callback_resume(resume);
                    }
                    _ => {
                        // As above.
                        let _ = loop_.run_callback_threadsafe(move || {
                            match PARKED.try_with(|parked| parked.resume(key)) {
                                Ok(Some(resume)) => resume.switch(),
                                _ => Ok(()),
                            }
                        });
                    }
                }
            }
        }
    }

    /// Waits to be woken, at most `timeout` seconds: called once, by the one who made it. Which
    /// of the two it was says [`granted`](Waiter::granted).
    #[track_caller]
    pub(super) fn park(
        &self,
        what: &'static str,
        address: usize,
        timeout: Option<f64>,
    ) -> Result<(), Exception> {
        match (&self.kind, get_hub_if_exists()) {
            (Kind::Greenlet { key, .. }, Some(hub)) => {
                park_greenlet(&hub, *key, what, address, timeout)
            }
            (Kind::Thread { woken, wake }, _) => {
                park_thread(woken, wake, timeout);
                Ok(())
            }
            // It was there a moment ago.
            (Kind::Greenlet { .. }, None) => Err(Exception::new(hub::core::HubDestroyed)),
        }
    }
}

#[track_caller]
fn park_greenlet(
    hub: &Hub,
    key: u64,
    what: &'static str,
    address: usize,
    timeout: Option<f64>,
) -> Result<(), Exception> {
    let resume = Resume::on(what, address);
    let timer = match timeout {
        Some(seconds) => {
            let timer = hub.timer(seconds)?;
            // What comes in the same iteration has come in time.
            timer.set_priority(-1)?;
            if seconds > 0.0 {
                hub.loop_().update_now()?;
            }
            timer.start_resume(resume.clone())?;
            Some(timer)
        }
        None => None,
    };
    let registered = Registered::new(hub, key, resume.clone())?;
    let got = hub.switch();
    drop((timer, registered));
    resume.finish(got, &format_args!("{what} at {address:#x}"))
}

/// A park that other threads may end; it counts for the loop.
struct Registered<'a>(&'a Hub, u64);

impl<'a> Registered<'a> {
    fn new(hub: &'a Hub, key: u64, resume: Resume) -> Result<Self, Exception> {
        hub.loop_().ref_()?;
        PARKED.with(|parked| parked.insert(key, resume));
        Ok(Registered(hub, key))
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        // Fails in a thread that is ending, and has forgotten all.
        let resume = PARKED.try_with(|parked| parked.resumes.borrow_mut().remove(&self.1));
        drop(resume);
        // Fails if the loop is destroyed.
        let _ = self.0.loop_().unref();
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
