//! Random programs of safe code that treats loops and watchers as badly as it can. None may reach an assertion of
//! libev's or touch freed memory. AddressSanitizer and libev's own checks (`LIBEV_SYS_ASSERTIONS=1`,
//! `LIBEV_SYS_VERIFY=3`) report such faults; without them only crashes are noticed.
//!
//! `ABUSE_SEED=5 ABUSE_PROGRAMS=1` runs only the program with the seed 5, `ABUSE_SECONDS=600` runs programs for ten
//! minutes; `ABUSE_SAYS=1` prints which program runs.

mod core_support;
mod fuzz;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use core_support::{Deliberate, one_at_a_time};
use fuzz::{Random, Seeds};
use greenlet_core::{Exception, RawGreenlet, Value, getcurrent};
use hub::Context;
use hub::core::{
    Async, AsyncSender, Break, Callback, Child, Embed, Events, Io, Loop, LoopRelease, Notify, Periodic, Stat,
    ThreadsafeLoop, Timer, Watcher, supported_backends,
};
use parking_lot::Mutex;
use waiter::{Park, Resume};

/// A watcher with the handle of its type.
#[derive(Clone)]
enum Any {
    Io(Io),
    Timer(Timer),
    Periodic(Periodic),
    Async(Async),
    Embed(Embed),
    Child(Child),
    Stat(Stat),
    Other(Watcher),
}

impl Any {
    fn watcher(&self) -> &Watcher {
        match self {
            Any::Io(watcher) => watcher,
            Any::Timer(watcher) => watcher,
            Any::Periodic(watcher) => watcher,
            Any::Async(watcher) => watcher,
            Any::Embed(watcher) => watcher,
            Any::Child(watcher) => watcher,
            Any::Stat(watcher) => watcher,
            Any::Other(watcher) => watcher,
        }
    }
}

/// All objects of the program. Code that may run callbacks or destructors runs outside of borrows of these fields.
#[derive(Default)]
struct World {
    random: Random,
    /// How many more steps the program does.
    left: Cell<u32>,
    loops: RefCell<Vec<Loop>>,
    watchers: RefCell<Vec<Any>>,
    callbacks: RefCell<Vec<Callback>>,
    greenlets: RefCell<Vec<RawGreenlet>>,
    /// Whether descriptors are closed while they are watched. libev can deal with that, but its assertions forbid it.
    closes: bool,
    shared: Arc<Mutex<Shared>>,
    /// True in the child of a fork, where there is no other thread.
    alone: Cell<bool>,
}

impl World {
    fn share(&self, share: impl FnOnce(&mut Shared)) {
        if !self.alone.get() {
            share(&mut self.shared.lock());
        }
    }
}

/// The senders and loops that the other thread uses.
#[derive(Default)]
struct Shared {
    senders: Vec<AsyncSender>,
    loops: Vec<ThreadsafeLoop>,
}

/// The descriptors, if they are never closed. They must outlive the thread, whose end unwinds greenlets that may still
/// watch them.
static DESCRIPTORS: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());

thread_local! {
    static WORLD: Rc<World> = Rc::new(World {
        // SAFETY: no preconditions.
        closes: unsafe { libev_sys::ev_shim_has_assertions() } == 0,
        ..World::default()
    });
}

fn world() -> Rc<World> {
    WORLD.with(Rc::clone)
}

/// Whether libev was built to check its data all the time.
fn verifies() -> bool {
    matches!(option_env!("LIBEV_SYS_VERIFY"), Some("2" | "3"))
}

fn pick<T: Clone>(from: &RefCell<Vec<T>>) -> Option<T> {
    let from = from.borrow();
    let at = below(from.len().max(1) as u64) as usize;
    from.get(at).cloned()
}

fn take<T>(from: &RefCell<Vec<T>>) -> Option<T> {
    let mut from = from.borrow_mut();
    let at = below(from.len().max(1) as u64) as usize;
    (at < from.len()).then(|| from.remove(at))
}

fn below(n: u64) -> u64 {
    world().random.below(n)
}

fn one_of<T: Copy>(values: &[T]) -> T {
    world().random.one_of(values)
}

fn seconds() -> f64 {
    one_of(&[
        0.0,
        -1.0,
        1e-9,
        1e-4,
        1000.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        -f64::MAX,
        5e-324,
    ])
}

fn descriptor() -> i32 {
    match below(10) {
        0 => one_of(&[-1, i32::MIN, i32::MAX, 1 << 20, 900]),
        // A loop's own descriptor: libev can deal with it, but its assertions forbid a loop that watches itself.
        1 if world().closes => pick(&world().loops).and_then(|loop_| loop_.fileno()).unwrap_or(-1),
        _ => {
            let open = DESCRIPTORS.lock();
            open[below(open.len() as u64) as usize].as_raw_fd()
        }
    }
}

fn events() -> Events {
    Events::from_bits(one_of(&[0, 1, 2, 3, 0x80, 0x81, 0x100, -1, i32::MIN]))
}

/// A destructor of the program's: a callback that has captured a bomb runs code when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            step();
        }
    }
}

/// A callback that does random things.
fn callback() -> impl Fn(Events) -> Result<(), Exception> + 'static {
    let bomb = (below(6) == 0).then_some(Bomb);
    move |_| {
        let _bomb = &bomb;
        act()
    }
}

fn act() -> Result<(), Exception> {
    for _ in 0..below(4) {
        step();
    }
    match below(16) {
        0 => panic!("deliberate"),
        1 => Err(Exception::new(Deliberate)),
        2 => {
            // This suspends the run that calls back, if it has a greenlet of its own.
            if let Some(parent) = getcurrent().parent() {
                parent.switch(())?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn new_loop() {
    let backends = supported_backends();
    let backend = &backends[below(backends.len() as u64) as usize];
    match backend.as_str() {
        // The kernel takes long to destroy such a loop, so there are few of them.
        "linux_aio" if below(8) != 0 => return,
        // libev fails its own checks with these: it closes a descriptor before it stops the watcher.
        "linux_aio" | "linux_iouring" if verifies() => return,
        _ => {}
    }
    let flags = match below(4) {
        0 => format!("{backend},signalfd"),
        1 => format!("{backend},noinotify,notimerfd"),
        _ => backend.clone(),
    };
    let made = match pick(&world().loops).map(|loop_| loop_.as_ptr()) {
        // One more `Loop` for the same `ev_loop`.
        // SAFETY: the `ev_loop` is one of ours, so all its `Loop`s know when it is destroyed.
        Some(Ok(raw)) if below(8) == 0 => unsafe { Loop::from_ptr(raw) },
        _ => Loop::new(flags, below(6) == 0),
    };
    if let Ok(loop_) = made {
        loop_.set_error_handler(Some(Rc::new(|_: Context<'_>, _: Exception| {
            if below(8) == 0 {
                step();
            }
        })));
        let world = world();
        world.share(|shared| shared.loops.push(loop_.threadsafe()));
        world.loops.borrow_mut().push(loop_);
    }
}

fn new_watcher(loop_: &Loop) {
    let made = match below(14) {
        0 | 1 => loop_.io(descriptor(), events()).map(Any::Io),
        2 | 3 => loop_.timer_repeat(seconds(), seconds()).map(Any::Timer),
        4 => loop_
            .signal(one_of(&[
                0,
                -1,
                libc::SIGURG,
                libc::SIGWINCH,
                libc::SIGCHLD,
                libc::SIGKILL,
                64,
                65,
                i32::MAX,
            ]))
            .map(|w| Any::Other(w.into())),
        5 => loop_.idle().map(|w| Any::Other(w.into())),
        6 => loop_.prepare().map(|w| Any::Other(w.into())),
        7 => loop_.check().map(|w| Any::Other(w.into())),
        8 => loop_.fork().map(|w| Any::Other(w.into())),
        9 => loop_.async_().map(Any::Async),
        10 => loop_
            .child(one_of(&[0, -1, 1, i32::MAX, i32::MIN]), below(2) == 0)
            .map(Any::Child),
        11 => loop_
            .stat(one_of(&["/", "", "a\0b", "/no/such", "/tmp"]), seconds())
            .map(Any::Stat),
        12 => match below(2) {
            0 => loop_.periodic(seconds(), seconds()).map(Any::Periodic),
            _ => loop_.periodic_reschedule(reschedule()).map(Any::Periodic),
        },
        _ => match below(2) {
            0 => loop_.cleanup().map(|w| Any::Other(w.into())),
            _ => {
                // Only a younger loop may be embedded: else two could keep each other alive.
                let loops = world().loops.borrow().clone();
                if loops.is_empty() {
                    return;
                }
                let host = below(loops.len() as u64) as usize;
                let other = host + below((loops.len() - host) as u64) as usize;
                loops[host].embed(&loops[other]).map(Any::Embed)
            }
        },
    };
    if let Ok(any) = made {
        if let Any::Async(watcher) = &any {
            world().share(|shared| shared.senders.push(watcher.sender()));
        }
        world().watchers.borrow_mut().push(any);
    }
}

/// Does random things around the wait of a loop.
struct Meddles(#[allow(dead_code, reason = "its destructor counts")] Bomb);

impl LoopRelease for Meddles {
    fn release(&self) {
        self.acquire();
    }

    fn acquire(&self) {
        if below(3) == 0 {
            step();
        }
        // Each panic is printed.
        assert!(below(500) > 0, "deliberate");
    }
}

fn reschedule() -> impl Fn(f64) -> f64 + 'static {
    let bomb = Bomb;
    move |now| {
        let _bomb = &bomb;
        if below(3) == 0 {
            step();
        }
        match below(8) {
            0 => panic!("deliberate"),
            1 => now,
            2 => {
                let _ = getcurrent().parent().map(|parent| parent.switch(()));
                now + 1e-3
            }
            _ => now + seconds(),
        }
    }
}

/// Calls a random method of a watcher.
fn use_watcher(any: &Any) {
    let watcher = any.watcher();
    let _ = match below(19) {
        0..=4 => watcher.start_pass_events(callback()),
        5 | 6 => watcher.stop(),
        7 => watcher.close(),
        8 => watcher.feed_pass_events(events(), callback()),
        // Without references the count may get below zero, which libev's checks forbid; nothing depends on it.
        9 => watcher.set_ref(verifies() || below(2) == 0),
        10 => watcher.set_priority(one_of(&[-2, -1, 0, 1, 2, 100, i32::MIN, i32::MAX])),
        11 => {
            let _ = format!("{watcher:?}");
            Ok(())
        }
        12 => {
            let callback = callback();
            watcher.set_callback(move || callback(Events::NONE));
            Ok(())
        }
        13 => with_resume(|resume| watcher.start_resume(resume)),
        14 => {
            watcher.clear_callback();
            Ok(())
        }
        _ => use_type(any),
    };
}

/// An object that the loop notifies.
#[derive(Debug)]
struct Teller;

impl Notify for Teller {
    fn notify(self: Rc<Self>) -> Result<(), Exception> {
        act()
    }
}

/// Forks. The program goes on in the child, too, to its end.
fn fork() {
    let world = world();
    // SAFETY: the library takes care of locks of its own that other threads hold; the program has none.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => {}
        0 => {
            // A child that hangs is killed.
            // SAFETY: no preconditions.
            unsafe { libc::alarm(60) };
            world.alone.set(true);
            world.left.set(world.left.get().min(60));
            program_to_its_end();
        }
        child => {
            let mut status = 0;
            // SAFETY: a plain system call.
            let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
            if (ended, status) != (child, 0) {
                // The process aborts, because a panic would be caught.
                eprintln!("the child of a fork has failed: {ended} {status:#x}");
                std::process::abort();
            }
        }
    }
}

fn use_type(any: &Any) -> Result<(), hub::core::Error> {
    let plain = || {
        let callback = callback();
        move || callback(Events::NONE)
    };
    match any {
        Any::Io(io) => match below(2) {
            0 => io.set_fd(descriptor()),
            _ => io.set_events(events()),
        },
        Any::Timer(timer) => match below(7) {
            0 => timer.again(plain()),
            1 => timer.set(seconds(), seconds()),
            2 => timer.set_repeat(seconds()),
            3 => timer.start_update(true, plain()),
            4 => timer.start_update_pass_events(false, callback()),
            5 => timer.again_update_pass_events(below(2) == 0, callback()),
            _ => timer.remaining().map(drop),
        },
        Any::Periodic(periodic) => match below(3) {
            0 => periodic.again(),
            1 => periodic.set(seconds(), seconds()),
            _ => periodic.set_reschedule(reschedule()),
        },
        Any::Async(watcher) => watcher.send(),
        Any::Embed(embed) => match below(2) {
            0 => embed.sweep(),
            _ => embed.start_sweep(),
        },
        Any::Child(child) => {
            child.set_rpid(one_of(&[0, -1, i32::MAX]));
            Ok(())
        }
        Any::Stat(stat) => {
            let _ = (stat.attr(), stat.prev());
            Ok(())
        }
        Any::Other(_) => Ok(()),
    }
}

/// Makes a park of the current greenlet, passes its resume to `leave`, and parks the greenlet or not.
fn with_resume<E>(leave: impl FnOnce(Resume) -> Result<(), E>) -> Result<(), E> {
    let park = Park::begin();
    let left = leave(park.resume());
    if below(4) == 0 {
        // Another step comes in between.
        step();
    }
    // This stack holds a handle of the current greenlet while it is parked. So only the main greenlet parks here: any
    // other could not be dropped, and would stay for ever.
    let stays = getcurrent().parent().is_none();
    if stays && let Some(greenlet) = pick(&world().greenlets) {
        drop(park.enter(&greenlet));
    }
    left
}

/// Does one random step.
fn step() {
    let world = world();
    match world.left.get().checked_sub(1) {
        None => return,
        Some(left) => world.left.set(left),
    }
    if world.greenlets.borrow().len() < 6 && below(12) == 0 {
        // A run in a greenlet of its own, which may be parked in the run and dropped there.
        if let Some(loop_) = pick(&world.loops) {
            let greenlet = RawGreenlet::new(move |_| {
                let _ = loop_.run_nowait();
                step();
                Ok(Value::None)
            });
            let _ = greenlet.switch(());
            world.greenlets.borrow_mut().push(greenlet);
        }
        return;
    }
    if below(3) > 0
        && let Some(any) = pick(&world.watchers)
    {
        return use_watcher(&any);
    }
    let Some(loop_) = pick(&world.loops) else {
        return new_loop();
    };
    match below(31) {
        24 if world.left.get().is_multiple_of(8) => fork(),
        25 => drop(with_resume(|resume| loop_.run_callback_resume(resume))),
        26 => drop(loop_.run_callback_notify(Rc::new(Teller))),
        27 => {
            let called = callback();
            drop(loop_.set_round_hook(move || called(Events::NONE)));
        }
        28 => loop_.clear_round_hook(),
        29 => drop(loop_.set_loop_release_cb((below(3) > 0).then(|| Rc::new(Meddles(Bomb)) as Rc<dyn LoopRelease>))),
        30 if below(3) == 0 => loop_.threadsafe().destroy(),
        0 => new_loop(),
        1 => drop(take(&world.loops)),
        2 if below(3) == 0 => drop(loop_.destroy()),
        3 | 4 => drop(take(&world.watchers)),
        5..=8 => new_watcher(&loop_),
        9 | 10 if loop_.depth().is_ok_and(|depth| depth < 4) => drop(loop_.run_nowait()),
        11 => drop(loop_.break_(one_of(&[Break::One, Break::All, Break::Cancel]))),
        12 => drop(match below(4) {
            0 => loop_.ref_(),
            1 if !verifies() => loop_.unref(),
            1 | 2 => loop_.suspend(),
            _ => loop_.resume(),
        }),
        13 => drop(loop_.reinit()),
        14 => drop(loop_.verify()),
        15 => drop(loop_.update_now()),
        16 => drop(loop_.closing_fd(descriptor())),
        17 | 18 => {
            let act = callback();
            if let Ok(callback) = loop_.run_callback(move || act(Events::NONE)) {
                world.callbacks.borrow_mut().push(callback);
            }
        }
        19 => {
            if let Some(callback) = take(&world.callbacks) {
                callback.stop();
            }
        }
        20 => {
            let greenlet = pick(&world.greenlets);
            if let Some(greenlet) = greenlet.filter(|greenlet| !greenlet.dead()) {
                let _ = greenlet.switch(());
            }
        }
        21 => drop(take(&world.greenlets)),
        22 => {
            // Both signals are ignored unless a watcher is started.
            // SAFETY: a plain system call.
            unsafe { libc::raise(one_of(&[libc::SIGURG, libc::SIGWINCH])) };
        }
        _ => {
            let _ = format!("{loop_:?}");
            if world.closes {
                let mut open = DESCRIPTORS.lock();
                let at = below(open.len() as u64) as usize;
                drop(open.remove(at));
                open.extend(pair());
            }
        }
    }
}

fn pair() -> [OwnedFd; 2] {
    let (near, far) = UnixStream::pair().expect("descriptors are left");
    [near.into(), far.into()]
}

/// Drops all objects, in random order.
fn finish() {
    let world = world();
    loop {
        match below(4) {
            0 => drop(take(&world.loops)),
            1 => drop(take(&world.watchers)),
            2 => drop(take(&world.greenlets)),
            _ => drop(take(&world.callbacks)),
        }
        if world.loops.borrow().is_empty()
            && world.watchers.borrow().is_empty()
            && world.greenlets.borrow().is_empty()
            && world.callbacks.borrow().is_empty()
        {
            break;
        }
    }
    if world.closes {
        DESCRIPTORS.lock().clear();
    }
}

fn program_to_its_end() {
    let world = world();
    while world.left.get() > 0 {
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(step));
        // This may be in the midst of a run.
        let loops = world.loops.borrow().clone();
        loops.iter().for_each(|loop_| drop(loop_.verify()));
    }
    finish();
    if world.alone.get() {
        // The child ends here, in whatever greenlet the program has ended up. It does not call `_exit`, where
        // LeakSanitizer would report the memory of threads that do not exist in the child.
        #[cfg(target_os = "linux")]
        // SAFETY: a child does not end as its parent would.
        unsafe {
            libc::syscall(libc::SYS_exit_group, 0)
        };
        // SAFETY: as above.
        unsafe { libc::_exit(0) };
    }
}

fn program(seed: u64) {
    let world = world();
    world.random.set_seed(seed);
    world.left.set(600);
    let mut open = DESCRIPTORS.lock();
    if open.is_empty() {
        open.extend(pair().into_iter().chain(pair()));
        // A file that some backends cannot watch.
        open.push(File::open("/proc/self/stat").expect("it is there").into());
    }
    drop(open);
    new_loop();
    program_to_its_end();
    world.share(|shared| *shared = Shared::default());
}

#[test]
fn nothing_that_safe_code_does_reaches_an_assertion_or_what_is_gone() {
    let _one = one_at_a_time();
    // Panics on purpose are not printed. Any other panic is a fault; it is noted here, because the loop catches panics
    // and goes on.
    let panicked = Arc::new(AtomicBool::new(false));
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new({
        let panicked = panicked.clone();
        move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&"deliberate") {
                panicked.store(true, Ordering::Relaxed);
                hook(info);
            }
        }
    }));
    let over = Arc::new(AtomicBool::new(false));
    let shared = world().shared.clone();
    let meddler = thread::spawn({
        let over = over.clone();
        move || {
            while !over.load(Ordering::Relaxed) {
                let (sender, loop_) = {
                    let shared = shared.lock();
                    (shared.senders.last().cloned(), shared.loops.last().cloned())
                };
                let _ = sender.map(|sender| sender.send());
                if let Some(loop_) = loop_ {
                    let _ = loop_.run_callback_threadsafe(|| ());
                    let _ = (
                        format!("{loop_:?}"),
                        loop_.iteration(),
                        loop_.fileno(),
                        loop_.destroyed(),
                    );
                }
                thread::yield_now();
            }
        }
    });
    for seed in Seeds::of("ABUSE", 100) {
        if std::env::var_os("ABUSE_SAYS").is_some() {
            eprintln!("ABUSE_SEED={seed}");
        }
        program(seed);
        let panicked = panicked.load(Ordering::Relaxed);
        assert!(!panicked, "in the program of ABUSE_SEED={seed}");
    }
    over.store(true, Ordering::Relaxed);
    meddler.join().expect("it does not panic");
}
