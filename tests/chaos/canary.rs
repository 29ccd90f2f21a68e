//! What programs own and lend, and the books that are kept about it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::process::abort;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gevent::greenlet_core::unwind::is_forced;
use gevent::{Plain, getcurrent};

use crate::world::World;

/// Ends the process: whatever is caught must not hide a fault.
#[track_caller]
pub(crate) fn fault(what: &str) -> ! {
    let at = Location::caller();
    let backtrace = std::backtrace::Backtrace::force_capture();
    eprintln!("FAULT: {what}, at {at}\n{backtrace}");
    abort()
}

/// The books of one program, all its threads together.
#[derive(Default)]
pub(crate) struct Ledger {
    made: AtomicU64,
    /// Where those that are alive were made.
    alive: Mutex<BTreeMap<u64, &'static Location<'static>>>,
    sockets: AtomicI64,
    loops: AtomicU64,
    forgets: AtomicBool,
}

impl Ledger {
    /// Where the canaries that are alive were made.
    pub(crate) fn alive(&self) -> Vec<&'static Location<'static>> {
        self.books().values().copied().collect()
    }

    fn books(&self) -> MutexGuard<'_, BTreeMap<u64, &'static Location<'static>>> {
        // Nothing panics while it is locked, but something may be panicking.
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a destructor panics, or is left by the unwinding of its greenlet: rustc never drops what the function
    /// that has called it was returning (rust-lang/rust#47949).
    pub(crate) fn forget(&self) {
        self.forgets.store(true, SeqCst);
    }

    /// Whether something may be lost by that.
    pub(crate) fn forgets(&self) -> bool {
        self.forgets.load(SeqCst)
    }

    /// Notes that there is one more loop than the thread's.
    pub(crate) fn one_more_loop(&self) {
        self.loops.fetch_add(1, SeqCst);
    }

    /// How many loops there were besides the threads'.
    pub(crate) fn loops(&self) -> u64 {
        self.loops.load(SeqCst)
    }

    /// How many sockets there are, open or not.
    pub(crate) fn sockets(&self) -> i64 {
        self.sockets.load(SeqCst)
    }
}

/// Something to own, whose content shows whether it is still there. Dropped exactly once.
pub(crate) struct Canary {
    ledger: Arc<Ledger>,
    content: Box<[u64; 4]>,
}

impl Canary {
    #[track_caller]
    pub(crate) fn new(ledger: &Arc<Ledger>) -> Canary {
        let number = ledger.made.fetch_add(1, SeqCst);
        ledger.books().insert(number, Location::caller());
        Canary {
            ledger: ledger.clone(),
            content: Box::new([number, !number, number ^ 0x5555, number]),
        }
    }

    /// Fails if the content is not what it was.
    pub(crate) fn look(&self) {
        let [one, two, three, four] = *self.content;
        if (two, three, four) != (!one, one ^ 0x5555, one) {
            fault("a canary is gone");
        }
    }
}

impl Plain for Canary {}

impl Clone for Canary {
    fn clone(&self) -> Self {
        self.look();
        Canary::new(&self.ledger)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.look();
        if self.ledger.books().remove(&self.content[0]).is_none() {
            fault("a canary is dropped twice");
        }
        *self.content = [0; 4];
    }
}

/// A canary on a greenlet's stack: nobody drops it once the thread has just ended, but the hub, which ends as long as
/// everything is still there.
pub(crate) struct Frame {
    canary: Canary,
    world: Rc<World>,
    is_hubs: bool,
}

impl Frame {
    #[track_caller]
    pub(crate) fn new(world: &Rc<World>) -> Frame {
        Frame {
            canary: world.canary(),
            world: world.clone(),
            is_hubs: getcurrent().made_at().file().ends_with("hub/src/hub/life.rs"),
        }
    }

    pub(crate) fn look(&self) {
        self.canary.look();
        if self.world.over.get() && !self.is_hubs {
            fault("a parked greenlet has run after its thread's end");
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.look();
    }
}

/// A socket that is counted.
pub(crate) struct Counted<T> {
    socket: T,
    ledger: Arc<Ledger>,
}

impl<T> Counted<T> {
    pub(crate) fn new(socket: T, ledger: &Arc<Ledger>) -> Counted<T> {
        ledger.sockets.fetch_add(1, SeqCst);
        Counted {
            socket,
            ledger: ledger.clone(),
        }
    }
}

impl<T> std::ops::Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.socket
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        self.ledger.sockets.fetch_sub(1, SeqCst);
    }
}

/// Does things when it is dropped, and panics sometimes.
pub(crate) struct Bomb {
    world: Rc<World>,
    canary: Canary,
}

impl Bomb {
    #[track_caller]
    pub(crate) fn new(world: &Rc<World>) -> Bomb {
        Bomb {
            world: world.clone(),
            canary: world.canary(),
        }
    }

    /// One, sometimes.
    #[track_caller]
    pub(crate) fn maybe(world: &Rc<World>) -> Option<Bomb> {
        match world.random.below(6) {
            0 => Some(Bomb::new(world)),
            _ => None,
        }
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        let world = &self.world;
        self.canary.look();
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..world.random.below(3) {
                let _ = world.step();
            }
        }));
        self.canary.look();
        match stepped {
            // The unwinding of a greenlet cannot be put off.
            Err(payload) if world.kind.bombs || is_forced(&*payload) => {
                world.ledger.forget();
                resume_unwind(payload);
            }
            _ => {}
        }
        // Never while something unwinds, and never into the C library, which calls thread-locals' destructors.
        let may_panic = world.kind.bombs && !world.over.get() && !std::thread::panicking();
        if may_panic && world.random.once_in(8) {
            world.ledger.forget();
            world.raise();
        }
    }
}
