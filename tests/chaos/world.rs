//! What a program has in hand in one thread.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use gevent::event::{AsyncResult, Event};
use gevent::hub::core::{Callback, Loop, ThreadsafeLoop, Timer};
use gevent::local::Local;
use gevent::lock::{Barrier, Condition, RLock, Semaphore, SemaphoreGuard};
use gevent::pool::Pool;
use gevent::queue::{Channel, JoinableQueue, Queue};
use gevent::socket::{TcpListener, TcpStream};
use gevent::threadpool::ThreadPool;
use gevent::{AnyGreenlet, Exception, Greenlet, Hub, Link, RawGreenlet, Timeout, getcurrent, threadsafe};
use parking_lot::Mutex;

use crate::canary::{Canary, Counted, Ledger};
use crate::fuzz::Random;
use crate::program::LAST_STEP;
use crate::steps;

/// What programs fail with.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("expected")]
pub(crate) struct Expected;

/// There is nothing left to do.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the program is over")]
pub(crate) struct Done;

/// The payload of a program's own panics.
pub(crate) struct Deliberate(#[allow(dead_code, reason = "it is dropped")] pub(crate) Canary);

/// How a program ends, and what it does not do because something else in it would abort by design.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// The thread ends by `gevent::run`.
    pub(crate) explicit: bool,
    /// Greenlets swallow their unwinding. Without it there are scopes, which abort then.
    pub(crate) swallows: bool,
    /// There are threads besides.
    pub(crate) threads: bool,
    /// Destructors panic, anywhere, so that nothing can be said of leaks: see [`Ledger::forget`].
    pub(crate) bombs: bool,
}

/// What threads share.
pub(crate) struct Shared {
    pub(crate) event: threadsafe::Event,
    pub(crate) semaphore: threadsafe::Semaphore,
    pub(crate) queue: threadsafe::Queue<Canary>,
    pub(crate) result: threadsafe::AsyncResult<u32>,
    pub(crate) loops: Mutex<Vec<ThreadsafeLoop>>,
}

impl Shared {
    pub(crate) fn new() -> Arc<Shared> {
        Arc::new(Shared {
            event: threadsafe::Event::new(),
            semaphore: threadsafe::Semaphore::new(1),
            queue: threadsafe::Queue::with_maxsize(3),
            result: threadsafe::AsyncResult::new(),
            loops: Mutex::default(),
        })
    }
}

pub(crate) type Things<T> = RefCell<Vec<T>>;

pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) random: Random,
    /// How many more things the program does.
    left: Cell<u32>,
    /// Whether no greenlet of this thread may run any more.
    pub(crate) over: Cell<bool>,
    /// Whether nothing is kept any more.
    closed: Cell<bool>,
    /// Whether a stack may have been given up.
    pub(crate) swallowed: Cell<bool>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) shared: Arc<Shared>,
    /// Those that a scope lends from: who unwound them from inside the scope would end the process.
    pub(crate) lenders: Things<RawGreenlet>,

    pub(crate) greenlets: Things<Greenlet<Canary>>,
    pub(crate) anys: Things<AnyGreenlet>,
    pub(crate) raws: Things<RawGreenlet>,
    pub(crate) links: Things<Link>,
    pub(crate) timeouts: Things<Timeout>,
    pub(crate) payloads: Things<Box<dyn Any + Send>>,
    pub(crate) events: Things<Event>,
    pub(crate) results: Things<AsyncResult<u32>>,
    pub(crate) semaphores: Things<Semaphore>,
    pub(crate) guards: Things<SemaphoreGuard>,
    pub(crate) rlocks: Things<RLock>,
    pub(crate) conditions: Things<Condition>,
    pub(crate) barriers: Things<Barrier>,
    pub(crate) queues: Things<Queue<Canary>>,
    pub(crate) joinables: Things<JoinableQueue<Canary>>,
    pub(crate) channels: Things<Channel<Canary>>,
    pub(crate) pools: Things<Pool>,
    pub(crate) locals: Things<Local<Canary>>,
    pub(crate) listeners: Things<Rc<Counted<TcpListener>>>,
    pub(crate) streams: Things<Rc<Counted<TcpStream>>>,
    pub(crate) hubs: Things<Hub>,
    pub(crate) loops: Things<Loop>,
    pub(crate) timers: Things<Timer>,
    pub(crate) callbacks: Things<Callback>,
    pub(crate) threadpools: Things<ThreadPool>,
}

/// So many of each kind are kept.
const KEPT: usize = 6;

/// How deep what one greenlet does may be nested in what it does.
const DEPTH: u32 = 6;

struct Depth(Cell<u32>);

struct Deeper(Rc<Depth>);

impl Drop for Deeper {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

macro_rules! each_kind {
    ($world:ident, $things:ident => $do:expr) => {
        each_kind! { @ $world, $things => $do;
            greenlets anys raws links timeouts payloads events results semaphores guards rlocks conditions barriers
            queues joinables channels pools locals listeners streams hubs loops timers callbacks threadpools }
    };
    (@ $world:ident, $things:ident => $do:expr; $($kind:ident)*) => {
        [$({ let $things = &$world.$kind; $do }),*]
    };
}

impl World {
    pub(crate) fn new(seed: u64, kind: Kind, ledger: &Arc<Ledger>, shared: &Arc<Shared>) -> Rc<World> {
        Rc::new(World {
            kind,
            random: Random::new(seed),
            left: Cell::new(150),
            over: Cell::default(),
            closed: Cell::default(),
            swallowed: Cell::default(),
            ledger: ledger.clone(),
            shared: shared.clone(),
            lenders: Things::default(),
            greenlets: Things::default(),
            anys: Things::default(),
            raws: Things::default(),
            links: Things::default(),
            timeouts: Things::default(),
            payloads: Things::default(),
            events: Things::default(),
            results: Things::default(),
            semaphores: Things::default(),
            guards: Things::default(),
            rlocks: Things::default(),
            conditions: Things::default(),
            barriers: Things::default(),
            queues: Things::default(),
            joinables: Things::default(),
            channels: Things::default(),
            pools: Things::default(),
            locals: Things::default(),
            listeners: Things::default(),
            streams: Things::default(),
            hubs: Things::default(),
            loops: Things::default(),
            timers: Things::default(),
            callbacks: Things::default(),
            threadpools: Things::default(),
        })
    }

    #[track_caller]
    pub(crate) fn canary(&self) -> Canary {
        Canary::new(&self.ledger)
    }

    pub(crate) fn goes_on(&self) -> bool {
        self.left.get() > 0
    }

    /// Has nothing done any more.
    pub(crate) fn stop(&self) {
        self.left.set(0);
    }

    /// Does one thing, anything.
    pub(crate) fn step(self: &Rc<World>) -> Result<(), Exception> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(Done.into());
        };
        self.left.set(left);
        LAST_STEP.set(Some(Instant::now()));
        let greenlet = getcurrent();
        let depth = greenlet.local::<Depth>().unwrap_or_else(|| {
            greenlet.set_local(Depth(Cell::new(0)));
            greenlet.local().expect("it was set just now")
        });
        drop(greenlet);
        if depth.0.get() == DEPTH {
            return Err(Done.into());
        }
        depth.0.set(depth.0.get() + 1);
        let _deeper = Deeper(depth);
        steps::any(self)
    }

    /// Up to `n` steps; most errors do not matter.
    pub(crate) fn steps(self: &Rc<World>, n: u64) -> Result<(), Exception> {
        for _ in 0..self.random.below(n + 1) {
            let done = self.step();
            if self.random.once_in(3) {
                done?;
            }
        }
        Ok(())
    }

    /// What callbacks and functions do.
    pub(crate) fn act(self: &Rc<World>, n: u64) -> Result<(), Exception> {
        let canary = self.canary();
        self.steps(n)?;
        canary.look();
        match self.random.below(16) {
            0 if !std::thread::panicking() => self.raise(),
            1 => Err(Expected.into()),
            _ => Ok(()),
        }
    }

    /// Whether a panic is the program's own. The unwinding that a greenlet has swallowed is like any other panic
    /// elsewhere.
    pub(crate) fn knows(&self, payload: &(dyn Any + Send)) -> bool {
        payload.is::<Deliberate>() || self.swallowed.get()
    }

    /// Panics.
    pub(crate) fn raise(&self) -> ! {
        let payload = Deliberate(self.canary());
        match self.random.below(2) {
            0 => panic_any(payload),
            _ => resume_unwind(Box::new(payload)),
        }
    }

    /// Seconds that are soon over.
    pub(crate) fn soon(&self) -> f64 {
        self.random.one_of(&[0.0, 0.0, -1.0, 1e-6, 1e-3, 2e-3])
    }

    /// A limit, or none: nothing goes on for ever, so whoever waits in vain is told.
    pub(crate) fn limit(&self) -> Option<f64> {
        (!self.random.once_in(3)).then(|| self.soon())
    }

    pub(crate) fn pick<T: Clone>(&self, from: &Things<T>) -> Option<T> {
        let from = from.borrow();
        let at = self.random.below(from.len().max(1) as u64) as usize;
        from.get(at).cloned()
    }

    pub(crate) fn take<T>(&self, from: &Things<T>) -> Option<T> {
        let mut from = from.borrow_mut();
        let at = self.random.below(from.len().max(1) as u64) as usize;
        (at < from.len()).then(|| from.swap_remove(at))
    }

    /// Keeps one more, which may drive another one out. Dropped outside of borrows: whatever may happen then.
    pub(crate) fn keep<T>(&self, to: &Things<T>, one: T) {
        if self.closed.get() {
            return drop(one);
        }
        to.borrow_mut().push(one);
        if to.borrow().len() > KEPT {
            drop(self.take(to));
        }
    }

    /// One of those that are there, or a new one, which is kept.
    pub(crate) fn one<T: Clone>(&self, of: &Things<T>, new: impl FnOnce() -> T) -> T {
        match self.pick(of).filter(|_| !self.random.once_in(5)) {
            Some(one) => one,
            None => {
                let one = new();
                self.keep(of, one.clone());
                one
            }
        }
    }

    /// Drops everything.
    pub(crate) fn clear(self: &Rc<World>) {
        self.closed.set(true);
        loop {
            let cleared = catch_unwind(AssertUnwindSafe(|| {
                let world = self;
                let left = each_kind!(world, things => {
                    let one = self.take(things);
                    let left = one.is_some();
                    drop(one);
                    left
                });
                left.contains(&true)
            }));
            // A panic is a destructor's, which runs once.
            if matches!(cleared, Ok(false)) {
                break;
            }
        }
    }
}
