//! handle_error gets the object that has failed as its context, for all that can fail.

use std::cell::RefCell;
use std::io::{Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::rc::Rc;

use gevent::event::{AsyncResult, Event};
use gevent::hub::core::{Callback, Events, ThreadsafeCallback, Watcher};
use gevent::hub::{Waiter, kill};
use gevent::lock::{BoundedSemaphore, Semaphore};
use gevent::queue::Queue;
use gevent::server::{Accepted, Spawn, StreamServer};
use gevent::socket::TcpStream;
use gevent::threadpool::{Task, ThreadPool};
use gevent::{
    AnyGreenlet, Context, Exception, Greenlet, Kill, LinkKind, Object, RawGreenlet, get_hub, killall_with,
    signal_handler, sleep, spawn, spawn_raw,
};

use super::common::{KeyError, TestResult, ValueError};

type IsOwn = dyn Fn(&dyn Object) -> bool;

/// The expected context of an error.
enum Whose {
    Nobody,
    Greenlet(RawGreenlet),
    Watcher(Watcher),
    Callback(Callback),
    Remote(ThreadsafeCallback),
    /// The context must be the object that this function recognises.
    Object(Box<IsOwn>),
    /// The context is a callback of which there is no handle.
    Hidden,
}

impl Whose {
    fn object<T: PartialEq + 'static>(object: T) -> Whose {
        Whose::Object(Box::new(move |it| it.downcast_ref() == Some(&object)))
    }

    fn is(&self, context: Context<'_>) -> bool {
        match (self, context) {
            (Whose::Nobody, Context::None) => true,
            (Whose::Greenlet(own), Context::Link { source, .. }) => source
                .downcast_ref::<AnyGreenlet>()
                .is_some_and(|source| source.raw() == own),
            (Whose::Greenlet(own), context) => context.greenlet() == Some(own),
            (Whose::Watcher(own), Context::Watcher(watcher)) => own == watcher,
            (Whose::Callback(own), Context::Callback(callback)) => own == callback,
            (Whose::Remote(own), Context::ThreadsafeCallback(callback)) => own == callback,
            (Whose::Object(is_own), Context::Link { source, .. }) => is_own(source),
            (Whose::Object(is_own), Context::Object(object)) => is_own(object),
            (Whose::Hidden, Context::Callback(_)) => true,
            _ => false,
        }
    }
}

/// The name of a type in Python.
fn name_of(object: &dyn Object) -> &'static str {
    if object.is::<AnyGreenlet>() {
        "Greenlet"
    } else if object.is::<Event>() {
        "Event"
    } else if object.is::<AsyncResult<i32>>() {
        "AsyncResult"
    } else if object.is::<Semaphore>() {
        "Semaphore"
    } else if object.is::<BoundedSemaphore>() {
        "BoundedSemaphore"
    } else {
        "something else"
    }
}

fn text_of(context: Context<'_>) -> String {
    let callback = |pending, scheduled| format!("callback pending: {pending} scheduled: {scheduled}");
    match context {
        Context::None => "nobody".to_owned(),
        Context::Greenlet(greenlet) => match AnyGreenlet::of(greenlet) {
            Some(_) => "Greenlet".to_owned(),
            None => "greenlet".to_owned(),
        },
        Context::Watcher(watcher) => watcher.type_name().trim_end_matches('_').to_owned(),
        Context::Callback(c) => callback(c.pending(), c.scheduled()),
        Context::ThreadsafeCallback(c) => callback(c.pending(), c.scheduled()),
        Context::Link { link, source } => {
            let link = match link.kind() {
                LinkKind::Raw => "function",
                LinkKind::Spawned => "SpawnedLink",
                LinkKind::SuccessSpawned => "SuccessSpawnedLink",
                LinkKind::FailureSpawned => "FailureSpawnedLink",
                LinkKind::Switch => "switch",
                _ => "another",
            };
            format!("{link} of {}", name_of(source))
        }
        Context::Switch(_) => "switch".to_owned(),
        Context::Throw(_) => "throw".to_owned(),
        Context::Object(object) if object.is::<Task>() => "a task".to_owned(),
        Context::Object(object) if object.is::<Accepted>() => "connection of StreamServer".to_owned(),
        _ => "something else".to_owned(),
    }
}

fn fail() -> TestResult {
    Err(ValueError("on purpose").into())
}

thread_local! {
    static CASE: RefCell<(&'static str, Whose)> = const { RefCell::new(("", Whose::Nobody)) };
}

/// Begins a case: what fails from now on, and the expected context.
fn case(what: &'static str, whose: Whose) {
    let old = CASE.replace((what, whose));
    drop(old);
}

fn greenlet_case(what: &'static str, greenlet: &RawGreenlet) {
    case(what, Whose::Greenlet(greenlet.clone()));
}

fn watcher_case(what: &'static str, watcher: &Watcher) {
    case(what, Whose::Watcher(watcher.clone()));
}

fn handle_error(context: Context<'_>, _: Exception) {
    CASE.with_borrow(|(label, whose)| {
        let (text, own) = (text_of(context), whose.is(context));
        println!("{label}: {text}, its own: {own}");
    });
}

fn settle() -> TestResult {
    (0..4).try_for_each(|_| sleep(0.001))
}

/// A raw greenlet that waits and fails.
fn waits<T>(wait: impl FnOnce() -> Result<T, Exception> + 'static) -> Result<RawGreenlet, Exception> {
    let greenlet = spawn_raw(move || {
        let _ = wait();
        fail()
    })?;
    sleep(0)?;
    Ok(greenlet)
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    hub.set_error_handler(Some(Rc::new(handle_error)));
    links()?;
    callbacks()?;
    watchers()?;
    switches()?;
    kills()?;
    objects()
}

fn links() -> TestResult {
    let g = Greenlet::new(fail);
    greenlet_case("greenlet", g.raw());
    g.start()?;
    settle()?;
    for method in ["link", "link_value", "rawlink"] {
        let g = Greenlet::new(|| 0);
        greenlet_case(method, g.raw());
        match method {
            "link" => g.link(|_| fail()),
            "link_value" => g.link_value(|_| fail()),
            _ => g.rawlink(|_| fail()),
        };
        g.start()?;
        settle()?;
    }
    let g = Greenlet::new(fail);
    greenlet_case("failed greenlet", g.raw());
    g.start()?;
    settle()?;
    greenlet_case("link_exception", g.raw());
    g.link_exception(|_| fail());
    settle()?;

    let event = Event::new();
    case("event", Whose::object(event.clone()));
    event.rawlink(|_| fail());
    event.set();
    settle()?;
    let result = AsyncResult::new();
    case("result", Whose::object(result.clone()));
    result.rawlink(|_| fail());
    result.set(5);
    settle()?;
    let semaphore = Semaphore::new(1);
    case("semaphore", Whose::object(semaphore.clone()));
    semaphore.acquire()?;
    semaphore.rawlink(|_| fail());
    semaphore.release();
    settle()?;
    let semaphore = BoundedSemaphore::new(1);
    case("semaphore", Whose::object(semaphore.clone()));
    semaphore.acquire()?;
    semaphore.rawlink(|_| fail());
    semaphore.release()?;
    settle()
}

fn callbacks() -> TestResult {
    let hub = get_hub();
    let callback = hub.loop_().run_callback(fail)?;
    case("callback", Whose::Callback(callback));
    settle()?;
    let callback = hub.loop_().run_callback_threadsafe(fail)?;
    case("callback of a thread", Whose::Remote(callback));
    settle()?;
    greenlet_case("spawn_raw", &spawn_raw(fail)?);
    settle()
}

fn watchers() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let (reader, mut writer) = pipe()?;
    writer.write_all(b"x")?;
    let io = loop_.io(reader.as_raw_fd(), Events::READ)?;
    watcher_case("io", &io);
    io.start(fail)?;
    settle()?;
    let timer = loop_.timer(0.0)?;
    watcher_case("timer", &timer);
    timer.start(fail)?;
    settle()?;
    let async_ = loop_.async_()?;
    watcher_case("async", &async_);
    async_.start(fail)?;
    async_.send()?;
    settle()?;
    async_.stop()?;
    let signal = loop_.signal(libc::SIGUSR1)?;
    watcher_case("signal", &signal);
    signal.start(fail)?;
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::USR1)
        .map_err(std::io::Error::from)?;
    settle()?;
    signal.stop()?;
    case("signal handler", Whose::Nobody);
    let handler = signal_handler(libc::SIGUSR2, fail)?;
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::USR2)
        .map_err(std::io::Error::from)?;
    settle()?;
    handler.cancel();
    Ok(())
}

fn switches() -> TestResult {
    let hub = get_hub();
    let waiter = Waiter::<i32>::new(&hub);
    let its = waiter.clone();
    greenlet_case("Waiter.switch", &waits(move || its.get())?);
    hub.loop_()
        .run_callback(move || waiter.switch(1).map_err(Exception::new))?;
    settle()?;
    let waiter = Waiter::<i32>::new(&hub);
    let its = waiter.clone();
    greenlet_case("Waiter.throw", &waits(move || its.get())?);
    hub.loop_()
        .run_callback(move || waiter.throw(KeyError("thrown")).map_err(Exception::new))?;
    settle()?;
    greenlet_case("sleep", &waits(|| sleep(0.001))?);
    settle()?;
    greenlet_case("sleep(0)", &waits(|| sleep(0).and_then(|()| sleep(0)))?);
    settle()?;
    let queue = Queue::new();
    let its = queue.clone();
    greenlet_case("queue", &waits(move || its.get())?);
    queue.put(1)?;
    settle()?;
    let event = Event::new();
    let its = event.clone();
    waits(move || its.wait())?;
    case("who waits for an event", Whose::object(event.clone()));
    event.set();
    settle()?;
    let g = Greenlet::new(|| 0);
    let its = g.clone();
    waits(move || its.join())?;
    greenlet_case("who joins", g.raw());
    g.start()?;
    settle()?;
    let (mut reader, mut writer) = pipe()?;
    writer.write_all(b"x")?;
    let io = hub.loop_().io(reader.as_raw_fd(), Events::READ)?;
    reader.read_exact(&mut [0])?;
    let (its, its_hub) = (io.clone(), hub.clone());
    greenlet_case("cancel_wait", &waits(move || its_hub.wait(&its))?);
    hub.cancel_wait(&io, KeyError("cancelled"), true)?;
    settle()
}

fn forever() -> TestResult {
    sleep(1000)
}

/// A kill with an error of ours, which does not wait.
fn with_error() -> Kill {
    Kill::with(ValueError("killed")).nonblocking()
}

fn kills() -> TestResult {
    let g = spawn(forever);
    greenlet_case("kill", g.raw());
    sleep(0)?;
    g.kill_with(with_error())?;
    settle()?;
    let g = Greenlet::new(forever);
    greenlet_case("kill, not begun", g.raw());
    g.kill_with(with_error())?;
    settle()?;
    let g = spawn_raw(forever)?;
    sleep(0)?;
    case("kill, raw", Whose::Hidden);
    kill(&g, ValueError("killed"))?;
    settle()?;
    let g = spawn_raw(forever)?;
    sleep(0)?;
    greenlet_case("killall, raw", &g);
    killall_with([&g], with_error())?;
    settle()
}

fn objects() -> TestResult {
    let pool = ThreadPool::new(1);
    let its = pool.clone();
    let is_its = move |task: &Task| *task.pool() == its && task.thread().is_some();
    let is_own = move |it: &dyn Object| it.downcast_ref().is_some_and(&is_its);
    case("task", Whose::Object(Box::new(is_own)));
    pool.spawn(fail)?.wait()?;
    settle()?;

    let server = StreamServer::builder()
        .spawn(Spawn::InHub)
        .build("127.0.0.1:0", |_, _| fail());
    server.start()?;
    let its = server.clone();
    let is_own = move |it: &dyn Object| {
        it.downcast_ref()
            .is_some_and(|accepted: &Accepted| accepted.server == its)
    };
    case("connection", Whose::Object(Box::new(is_own)));
    let address = server.address().expect("it listens");
    let mut client = TcpStream::connect(address)?;
    let _ = client.read(&mut [0])?;
    settle()?;
    server.stop()
}
