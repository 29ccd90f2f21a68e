//! Tests threads that just return while greenlets are parked in them. Each case runs in a process of its own, because
//! it counts what belongs to the process. This binary runs itself with `LEFT_CASE` set.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::cell::{Cell, OnceCell, RefCell};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use common::SOON;
use common::process::{Ended, Process};
use gevent::exceptions::{GreenletError, HubDestroyed};
use gevent::hub::core::Loop;
use gevent::hub::{set_hub, wait_read};
use gevent::threadpool::ThreadPool;
use gevent::{Exception, Greenlet, Hub, get_hub, getcurrent, sleep, spawn};

const CASE: &str = "LEFT_CASE";
const CASES: &[(&str, fn())] = &[
    ("told", told),
    ("descriptors", descriptors),
    ("threads", threads),
    ("only the hub", only_the_hub),
    ("borrowed", borrowed),
    ("asks", asks),
    ("keeps", keeps),
    ("parent of the hub", parent_of_the_hub),
    ("exit", exit),
    ("first thread", first_thread),
];

/// Runs a case in a process of its own, in its first thread.
fn run(case: &str) -> common::Result<Ended> {
    let mut command = common::this_program::command();
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
    if ["exit", "first thread"].contains(&case) {
        // The leak check would report values on stacks of threads that do not exist in the child, or have not ended,
        // which are no leaks.
        command.env("ASAN_OPTIONS", "detect_leaks=0");
    }
    Process::spawn(command.env(CASE, case))?.wait(SOON)
}

fn passes(case: &str) -> common::Result<Ended> {
    let ended = run(case)?;
    assert!(ended.status.success(), "{case}: {}\n{}", ended.stdout, ended.stderr);
    Ok(ended)
}

/// Runs the case that the parent process has chosen.
#[test]
fn child() {
    if let Ok(case) = std::env::var(CASE) {
        let known = CASES.iter().find(|(name, _)| *name == case);
        known.expect("a case").1();
    }
}

/// Runs `f` in a thread that just returns.
fn in_thread(f: impl FnOnce() -> Result<(), Exception> + Send + 'static) {
    let ended = thread::spawn(f).join();
    ended.expect("it does not panic").expect("nobody throws");
}

/// Parks a greenlet for ever, which owns the value.
fn park(owned: impl Sized + 'static) -> Result<(), Exception> {
    spawn(move || {
        let _owned = owned;
        sleep(1000)
    });
    sleep(0)
}

fn told() {
    in_thread(|| {
        for i in 0..3 {
            park(i)?;
        }
        Ok(())
    });
}

#[test]
fn it_is_told_once_how_many_and_where_the_first_was_made() -> common::Result {
    let ended = passes("told")?;
    let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains("greenlets")).collect();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.contains("3 greenlets"), "{line}");
    assert!(line.contains("tests/thread_left.rs:"), "{line}");
    assert!(line.contains("gevent::run"), "{line}");
    Ok(())
}

/// The number of entries in a folder of this process in /proc.
fn count(folder: &str) -> usize {
    fs::read_dir(format!("/proc/self/{folder}")).expect("Linux").count()
}

/// The descriptors of the loop, and those that watchers own, are closed; those on stacks of parked greenlets are not.
fn descriptors() {
    let before = count("fd");
    in_thread(|| {
        let (one, other) = UnixStream::pair()?;
        let watcher = get_hub().loop_().io(one.as_raw_fd(), gevent::core::Events::READ)?;
        watcher.start(move || _ = (&one, &other))?;
        park(())
    });
    assert_eq!(count("fd"), before);
    // A hub was replaced, and a greenlet is still to be started on its loop.
    in_thread(|| {
        spawn(|| ());
        set_hub(Some(Hub::new(Loop::new((), false)?)?));
        park(())
    });
    assert_eq!(count("fd"), before);
    in_thread(|| {
        let (one, other) = UnixStream::pair()?;
        spawn(move || {
            let _other = other;
            wait_read(one.as_raw_fd(), None)
        });
        sleep(0)
    });
    assert_eq!(count("fd"), before + 2);
}

#[test]
fn descriptors_are_closed() -> common::Result {
    passes("descriptors").map(drop)
}

struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        resume_unwind(Box::new("from a destructor"));
    }
}

/// The threads of pools that cannot be used any more end, also if destructors and hooks that run before panic.
fn threads() {
    let before = count("task");
    for on_a_stack in [true, false] {
        in_thread(move || {
            let hub = get_hub();
            let hook: Rc<dyn Fn()> = Rc::new(|| resume_unwind(Box::new("from a hook")));
            hub.on_end(Rc::downgrade(&hook));
            let (timer, panics) = (hub.loop_().timer(1000.0)?, Panics);
            timer.start(move || _ = &panics)?;
            let own = ThreadPool::new(3);
            own.spawn(|| 7)?.get()?;
            let hubs = gevent::threadpool::HubExt::threadpool(&get_hub());
            hubs.spawn(|| 7)?.get()?;
            let left = on_a_stack.then_some((own, hubs));
            park((left, hook))
        });
    }
    while count("task") > before {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn threads_of_pools_end() -> common::Result {
    passes("threads").map(drop)
}

/// If only the hub is parked, nothing is left behind.
fn only_the_hub() {
    let uses = || {
        in_thread(|| {
            spawn(|| sleep(0.0001)).get()?;
            let joined = spawn(|| sleep(0.0001));
            gevent::joinall([&joined])?;
            sleep(0)
        });
    };
    let mappings = || {
        let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
        maps.lines().count()
    };
    for _ in 0..20 {
        uses();
    }
    let before = mappings();
    for _ in 0..300 {
        uses();
    }
    // The C library and the kernel keep a few mappings for later, but not one for each thread.
    let more = mappings().saturating_sub(before);
    assert!(more < 100, "{more} mappings more");
}

#[test]
fn the_hub_alone_leaves_nothing() -> common::Result {
    let ended = passes("only the hub")?;
    assert!(!ended.stderr.contains("parked"), "{}", ended.stderr);
    Ok(())
}

thread_local! {
    static OLD: Waits = const { Waits(Cell::new(None)) };
    static LENT: OnceCell<Vec<u8>> = const { OnceCell::new() };
}

struct Waits(Cell<Option<Sender<String>>>);

impl Drop for Waits {
    fn drop(&mut self) {
        let waited = sleep(0.02);
        let told = self.0.take().expect("it was given one");
        told.send(format!("the destructor waited: {:?}", waited.is_ok()))
            .expect("somebody listens");
    }
}

/// The destructor of a thread-local waits. Another thread-local, from which a greenlet has borrowed, is destroyed
/// already.
fn borrowed() {
    let (tell, told) = mpsc::channel();
    in_thread(move || {
        OLD.with(|old| old.0.set(Some(tell.clone())));
        spawn(move || {
            LENT.with(|lent| {
                let lent = lent.get_or_init(|| vec![7; 64]);
                sleep(0.01)?;
                tell.send(format!("the greenlet reads {}", lent[20]))
                    .expect("somebody listens");
                Ok(())
            })
        });
        sleep(0)
    });
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["the destructor waited: false"]);
}

#[test]
fn a_destructor_that_waits_has_nobody_go_on() -> common::Result {
    passes("borrowed").map(drop)
}

gevent::local! {
    static MINE: RefCell<Vec<u32>> = RefCell::default();
}

/// A value whose destructor uses the library when the thread is over.
struct Asks(Sender<u32>);

impl Drop for Asks {
    fn drop(&mut self) {
        let hub = get_hub();
        assert!(hub.destroyed() && hub == get_hub());
        assert!(sleep(0).unwrap_err().is::<HubDestroyed>());
        assert!(hub.switch().unwrap_err().is::<HubDestroyed>());
        assert!(gevent::run(|| ()).unwrap_err().is::<HubDestroyed>());
        assert!(hub.loop_().run().is_err() && hub.loop_().timer(1.0).is_err());
        let spawned: Greenlet<()> = spawn(|| -> Result<(), Exception> { unreachable!("it does not run") });
        assert!(spawned.ready() && spawned.get().unwrap_err().is::<HubDestroyed>());
        let refused = gevent::RawGreenlet::new(Ok).switch(()).unwrap_err();
        assert!(matches!(refused.downcast_ref(), Some(GreenletError::ThreadEnding)));
        let current = getcurrent();
        assert!(current == getcurrent() && current == gevent::greenlet_core::getmain());
        MINE.with(|mine| mine.borrow_mut().push(1));
        let event = gevent::event::Event::new();
        event.rawlink(|_| ());
        assert!(event.wait_timeout(0.01).unwrap_err().is::<HubDestroyed>());
        event.set();
        assert!(gevent::lock::Semaphore::new(0).acquire().is_err());
        assert!(gevent::queue::Queue::<()>::new().get().is_err());
        assert!(gevent::Timeout::new(1).start().is_err());
        assert!(gevent::socket::TcpStream::connect("localhost:1").is_err());
        assert!(gevent::scope(|s| s.spawn(|| ()).get()).is_err());
        assert!(gevent::pool::Pool::new(1).spawn(|| ()).and_then(|g| g.get()).is_err());
        self.0.send(7).expect("somebody listens");
    }
}

thread_local! {
    static FIRST: RefCell<Option<Asks>> = const { RefCell::new(None) };
    static LAST: RefCell<Option<Asks>> = const { RefCell::new(None) };
}

fn asks() {
    for parked in [true, false] {
        let (tell, told) = mpsc::channel();
        in_thread(move || {
            // One value is destroyed after the library's own thread-local, the other one before it.
            FIRST.set(Some(Asks(tell.clone())));
            sleep(0)?;
            MINE.with(|mine| mine.borrow_mut().push(1));
            // On some platforms the destruction of a younger thread-local is not noticed, so there the thread's
            // greenlets have not ended yet.
            if cfg!(all(target_os = "linux", target_env = "gnu")) {
                LAST.set(Some(Asks(tell)));
            } else {
                tell.send(7).expect("somebody listens");
            }
            if parked {
                park(())?;
            }
            sleep(0)
        });
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [7, 7]);
    }
}

#[test]
fn destructors_get_typed_errors() -> common::Result {
    passes("asks").map(drop)
}

/// Reports its drop, which should not come.
struct Counts(Sender<u32>);

impl Drop for Counts {
    fn drop(&mut self) {
        let _ = self.0.send(1);
    }
}

thread_local! {
    static OLDER: RefCell<Vec<Greenlet<()>>> = const { RefCell::new(Vec::new()) };
    static YOUNGER: RefCell<Vec<Greenlet<()>>> = const { RefCell::new(Vec::new()) };
}

/// Thread-locals hold the last handles of parked greenlets.
fn keeps() {
    let (tell, told) = mpsc::channel();
    in_thread(move || {
        OLDER.with_borrow_mut(Vec::clear);
        let make = || {
            let counts = Counts(tell.clone());
            let waits = gevent::event::Event::new();
            spawn(move || {
                let _counts = counts;
                waits.wait().map(drop)
            })
        };
        let (one, other) = (make(), make());
        sleep(0)?;
        OLDER.with_borrow_mut(|kept| kept.push(one));
        YOUNGER.with_borrow_mut(|kept| kept.push(other));
        sleep(0)
    });
    assert_eq!(told.try_iter().count(), 0);
}

#[test]
fn last_handles_in_thread_locals_run_nothing() -> common::Result {
    passes("keeps").map(drop)
}

/// The hub's greenlet ends with the thread; its parent must not run then.
fn parent_of_the_hub() {
    let (tell, told) = mpsc::channel();
    in_thread(move || {
        let main = getcurrent();
        let parked = gevent::RawGreenlet::new(move |_| {
            let ended = main.switch(());
            let _ = tell.send(1);
            ended
        });
        parked.switch(())?;
        sleep(0)?;
        get_hub().greenlet().set_parent(&parked)?;
        Ok(())
    });
    assert_eq!(told.try_iter().count(), 0);
}

#[test]
fn the_parent_of_the_hub_does_not_run() -> common::Result {
    passes("parent of the hub").map(drop)
}

/// A greenlet calls `exit` while a value on its stack has a destructor that waits.
fn exit() {
    thread_local! {
        static WAITS: Waits = const { Waits(Cell::new(None)) };
    }
    let (tell, told) = mpsc::channel();
    sleep(0).expect("nobody throws");
    WAITS.with(|waits| waits.0.set(Some(tell)));
    spawn(|| {
        sleep(0)?;
        std::process::exit(3);
        #[allow(unreachable_code, reason = "the type of the function")]
        Ok(())
    });
    let _ = sleep(1000);
    println!("the main greenlet goes on {:?}", told.try_recv());
    std::process::exit(4);
}

#[test]
fn exit_in_a_greenlet_lets_nobody_go_on() -> common::Result {
    let ended = run("exit")?;
    assert_eq!(ended.status.code(), Some(3), "{}\n{}", ended.stdout, ended.stderr);
    Ok(())
}

fn first_thread() {
    // After a fork, the thread that has forked is the first thread of the child.
    // SAFETY: of the locks that another thread could hold, the child uses only the allocator's, which `fork` handles.
    let child = unsafe { libc::fork() };
    if child == 0 {
        park(()).expect("nobody throws");
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: it is our child.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
}

/// The end of the first thread is the end of the process, so nothing is printed.
#[test]
fn the_first_thread_says_nothing() -> common::Result {
    let ended = passes("first thread")?;
    assert!(!ended.stderr.contains("parked"), "{}", ended.stderr);
    Ok(())
}
