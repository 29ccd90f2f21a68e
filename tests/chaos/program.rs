//! One program: its threads, their ends, and what must be true then.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt::Debug;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gevent::greenlet_core::{StackSize, WeakGreenlet, greenlets, live_greenlets};
use gevent::hub::core::Timer;
use gevent::hub::{ExceptionStream, set_new_hub_hook};
use gevent::{Exception, Hub, get_hub, sleep};

use crate::canary::{Canary, Ledger, fault};
use crate::fuzz::Random;
use crate::support::bounded;
use crate::world::{Deliberate, Expected, Kind, Shared, World};

thread_local! {
    /// What greenlets borrow while they wait.
    pub(crate) static LENT: OnceCell<Canary> = const { OnceCell::new() };
    pub(crate) static LENT_LATER: OnceCell<Canary> = const { OnceCell::new() };
    /// What is dropped with the thread: before the hub goes, and after it.
    static OLD: RefCell<Option<Kept>> = const { RefCell::new(None) };
    static YOUNG: RefCell<Option<Kept>> = const { RefCell::new(None) };
    /// No greenlet that is parked can know it.
    static LAST: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// A world that a thread-local has.
struct Kept {
    world: Rc<World>,
    /// It is known to parked greenlets, so nobody runs any more.
    over: bool,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.world.over.set(self.over);
        let _ = catch_unwind(AssertUnwindSafe(|| self.world.steps(6)));
        // What is not cleared owns itself.
        if self.world.random.once_in(2) || looks_for_leaks() {
            self.world.clear();
        }
        self.world.over.set(true);
    }
}

thread_local! {
    /// When the thread has last done something.
    pub(crate) static LAST_STEP: Cell<Option<Instant>> = const { Cell::new(None) };
    /// What watches that, of each hub. Not its greenlet's: what waits in the loop's queue to be started has that
    /// greenlet as its parent, and would own its own loop.
    static WATCHES: RefCell<Vec<(WeakGreenlet, Timer)>> = const { RefCell::new(Vec::new()) };
}

/// What each hub has.
pub(crate) fn new_hub(hub: &Hub) {
    hub.set_exception_stream(ExceptionStream::Discard);
    // Somebody may wait for what never comes while something else, a connection, keeps the loop going.
    let watch = || -> Result<Timer, Exception> {
        let timer = hub.loop_().timer_repeat(IDLE, IDLE)?;
        timer.set_ref(false)?;
        timer.start(wake_all)?;
        Ok(timer)
    };
    if let Ok(timer) = watch() {
        let _ = WATCHES.try_with(|watches| {
            let mut watches = watches.borrow_mut();
            let gone = watches.extract_if(.., |(hub, _)| hub.upgrade().is_none_or(|hub| hub.dead()));
            let gone: Vec<_> = gone.collect();
            watches.push((hub.greenlet().downgrade(), timer));
            drop(watches);
            drop(gone);
        });
    }
}

/// So many seconds nothing is done at most.
const IDLE: f64 = 0.5;

/// Ends all waits of a thread that does nothing any more. In the hub.
fn wake_all() {
    if LAST_STEP.get().is_none_or(|last| last.elapsed().as_secs_f64() < IDLE) {
        return;
    }
    for greenlet in greenlets() {
        if greenlet.waiting_on().is_some() || greenlet.parent().is_none() {
            let _ = greenlet.throw(Expected);
        }
    }
}

/// Once per process.
pub(crate) fn prepare() {
    set_new_hub_hook(Some(Arc::new(new_hub)));
    // Deep destructors, under AddressSanitizer.
    StackSize::mib(2).set_default();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Deliberate>() {
            hook(info);
            fault("a panic that is not the program's");
        }
    }));
}

/// Whether a leak checker looks for what is lost.
pub(crate) fn looks_for_leaks() -> bool {
    std::env::var_os("CHAOS_LEAKS").is_some()
}

/// How many entries a folder of this process's in /proc has.
fn count(folder: &str) -> usize {
    fs::read_dir(format!("/proc/self/{folder}")).expect("Linux").count()
}

/// Waits for what other threads bring about.
fn until_none<T: Debug>(what: &str, left: impl Fn() -> Vec<T>) {
    let start = Instant::now();
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        if start.elapsed() > Duration::from_secs(20) {
            fault(&format!("{what}: {left:?}"));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// What a program says of itself that [`forgets`](Ledger::forgets).
pub(crate) const FORGETS: &str = "something may be lost";

/// So many descriptors a loop has at most.
const LOOP: usize = 4;

pub(crate) fn run(seed: u64) {
    let (descriptors, threads) = (count("fd"), count("task"));
    let bounded = bounded();
    let random = Random::new(seed);
    // The first choices of neighbours are alike.
    for _ in 0..4 {
        random.below(2);
    }
    let kind = Kind {
        explicit: !random.once_in(3),
        swallows: random.once_in(3),
        threads: random.once_in(3),
        bombs: random.once_in(2) && !looks_for_leaks(),
    };
    if std::env::var_os("CHAOS_SAYS").is_some() {
        eprintln!("program {seed}: {kind:?}");
    }
    let ledger = Arc::new(Ledger::default());
    let shared = Shared::new();
    let swallowed = Arc::new(AtomicBool::new(false));
    let live = |seed: u64| {
        let (ledger, shared, swallowed) = (ledger.clone(), shared.clone(), swallowed.clone());
        let name = format!("program {seed}");
        let thread = thread::Builder::new().name(name);
        thread
            .spawn(move || live(seed, kind, &ledger, &shared, &swallowed))
            .expect("a thread starts")
    };
    let main = live(random.below(u64::MAX));
    let mut others = Vec::new();
    if kind.threads {
        others.push(live(random.below(u64::MAX)));
    }
    others.push(main);
    for thread in others {
        if let Err(payload) = thread.join()
            && !payload.is::<Deliberate>()
        {
            fault("a thread has panicked");
        }
    }
    drop(shared);
    if ledger.forgets() {
        println!("{FORGETS}");
    } else if kind.explicit && !swallowed.load(Ordering::SeqCst) {
        // Pools' threads may not be over yet.
        until_none("never dropped", || ledger.alive());
    }
    drop(bounded);
    until_none("threads are left", || (threads..count("task")).collect());
    let sockets = usize::try_from(ledger.sockets()).unwrap_or_else(|_| fault("a socket is dropped twice"));
    let mut may_be_left = sockets;
    if !kind.explicit {
        // Those that only stacks own.
        may_be_left += LOOP * ledger.loops() as usize;
    }
    if count("fd") > descriptors + may_be_left {
        fault(&format!(
            "descriptors are left: {descriptors} before, {} now, {sockets} sockets",
            count("fd")
        ));
    }
}

/// What one thread does.
fn live(seed: u64, kind: Kind, ledger: &Arc<Ledger>, shared: &Arc<Shared>, swallowed: &AtomicBool) {
    let world = World::new(seed, kind, ledger, shared);
    let random = &world.random;
    // Some are older than all that gevent has, some younger.
    OLD.set(None);
    if random.once_in(2) {
        LENT.with(|lent| lent.get_or_init(|| world.canary()).look());
    }
    if random.once_in(2) {
        let _ = sleep(0);
    }
    LENT.with(|lent| lent.get_or_init(|| world.canary()).look());
    LENT_LATER.with(|lent| lent.get_or_init(|| world.canary()).look());
    YOUNG.set(None);
    if kind.explicit {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            gevent::run(|| {
                play(&world);
                if random.once_in(3) {
                    world.clear();
                }
            })
        }));
        match ran {
            Ok(Ok(())) => {}
            Ok(Err(error)) => fault(&format!("`run` fails: {error:?}")),
            Err(payload) if world.knows(&*payload) => {}
            Err(_) => fault("`run` panics"),
        }
        ended(&world);
        world.stop();
        world.clear();
        ended(&world);
        drop(WATCHES.take());
        swallowed.fetch_or(world.swallowed.get(), Ordering::SeqCst);
        return;
    }
    play(&world);
    // Whoever is parked knows what there is now.
    let _ = sleep(0);
    match random.below(5) {
        0 | 1 => {
            world.over.set(true);
            let keep = if random.once_in(2) { &OLD } else { &YOUNG };
            keep.set(Some(Kept { world, over: true }));
        }
        2 => LAST.set(Some(Kept { world, over: false })),
        3 => {
            world.clear();
            world.over.set(true);
        }
        _ => {
            world.clear();
            get_hub().loop_().destroy().unwrap_or(());
            world.over.set(true);
        }
    }
}

/// What the main greenlet does.
fn play(world: &Rc<World>) {
    while world.goes_on() {
        let stepped = catch_unwind(AssertUnwindSafe(|| world.step()));
        if let Err(payload) = stepped
            && !world.knows(&*payload)
        {
            fault("a panic in the main greenlet that is not the program's");
        }
    }
}

/// Whether all is over.
fn ended(world: &World) {
    for greenlet in &*world.greenlets.borrow() {
        if greenlet.started() && !greenlet.ready() {
            fault(&format!(
                "{greenlet:?} has not ended: {:?} started {} at {:?}",
                greenlet.raw(),
                greenlet.started(),
                greenlet.raw().parked_at()
            ));
        }
    }
    if live_greenlets() != 0 {
        fault(&format!("{} greenlets are left", live_greenlets()));
    }
}
