//! Uses all public functions at the end of a thread: in destructors of thread-locals that are older or younger than its
//! hub, after an implicit or an explicit end, with parked greenlets and without. Nothing may panic, which would abort
//! the process, and nothing may hang; and where no greenlet runs any more, each wait must be an error.

mod support;

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use gevent::core::{Events, Loop};
use gevent::event::{AsyncResult, Event};
use gevent::hub::{self, Park, Resume, Waiter};
use gevent::local::Local;
use gevent::lock::{Barrier, BoundedSemaphore, Condition, RLock, Semaphore};
use gevent::pool::{Group, Pool};
use gevent::queue::{Channel, JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue};
use gevent::server::StreamServer;
use gevent::socket::{TcpListener, TcpStream};
use gevent::threadpool::{HubExt, ThreadPool, ThreadPoolExecutor};
use gevent::{
    AnyGreenlet, Exception, Greenlet, GreenletExit, Hub, RawGreenlet, ThreadBound, Timeout, get_hub, getcurrent,
    greenlet_core, spawn, threadsafe,
};
use support::bounded;

/// A call that waits, or needs another greenlet to run. It must fail where no greenlet runs any more.
type Wait = fn(&Kept) -> Result<(), Exception>;

/// Objects that were made before the thread's end.
struct Kept {
    parked: Greenlet<()>,
    unstarted: Greenlet<()>,
    ended: Greenlet<u32>,
    raw: RawGreenlet,
    event: Event,
    semaphore: Semaphore,
    queue: Queue<u32>,
    channel: Channel<u32>,
    pool: Pool,
    threads: ThreadPool,
    hub: Hub,
    listener: TcpListener,
    server: StreamServer,
    resume: Resume,
    timeout: Timeout,
    shared: threadsafe::Event,
}

impl Kept {
    fn new() -> Result<Kept, Exception> {
        let event = Event::new();
        let (waits, ended) = (event.clone(), spawn(|| 7));
        let kept = Kept {
            parked: spawn(move || waits.wait().map(drop)),
            unstarted: Greenlet::new(|| ()),
            ended,
            raw: RawGreenlet::new(Ok),
            event,
            semaphore: Semaphore::new(0),
            queue: Queue::new(),
            channel: Channel::new(),
            pool: Pool::new(1),
            threads: ThreadPool::new(1),
            hub: get_hub(),
            listener: TcpListener::bind("127.0.0.1:0")?,
            server: StreamServer::new("127.0.0.1:0", |_, _| ()),
            resume: Park::begin().resume(),
            timeout: Timeout::new(0.001),
            shared: threadsafe::Event::new(),
        };
        kept.threads.spawn(|| 7)?.get()?;
        Ok(kept)
    }
}

const WAITS: &[(&str, Wait)] = &[
    ("sleep", |_| gevent::sleep(0)),
    ("sleep for a while", |_| gevent::sleep(0.001)),
    ("sleep_with_ref", |_| gevent::sleep_with_ref(0.001, false)),
    ("idle", |_| gevent::idle(0)),
    ("spawn", |_| spawn(|| ()).get()),
    ("spawn_later", |_| gevent::spawn_later(0.001, || ()).get()),
    ("spawn_raw", |_| gevent::spawn_raw(|| ()).map(drop)),
    ("spawn of a builder", |_| Greenlet::builder().spawn(|| ()).get()),
    ("start", |_| Greenlet::new(|| ()).start()),
    ("start of a kept one", |kept| kept.unstarted.start()),
    ("start_later", |_| Greenlet::new(|| ()).start_later(0.001)),
    ("join", |kept| kept.parked.join_timeout(0.001)),
    ("kill", |kept| kept.parked.kill()),
    ("kill by the way", |kept| gevent::kill(&kept.parked, GreenletExit)),
    ("killall", |kept| gevent::killall([&kept.parked])),
    ("joinall", |kept| {
        gevent::joinall_timeout([&kept.parked], 0.001).map(drop)
    }),
    ("wait", |kept| {
        gevent::wait_timeout([kept.event.clone()], 0.001).map(drop)
    }),
    ("with", |kept| kept.parked.with(|_| Err(GreenletExit.into()))),
    ("scope", |_| gevent::scope(|s| s.spawn(|| ()).get())),
    ("mask_kill", |_| gevent::mask_kill(|| gevent::sleep(0))),
    ("with_timeout", |_| gevent::with_timeout(0.001, || gevent::sleep(1), ())),
    ("Timeout", |_| Timeout::new(0.001).start()),
    ("Timeout::start_new", |_| {
        let _timeout = Timeout::start_new(0.001);
        gevent::sleep(1)
    }),
    ("a kept timeout", |kept| kept.timeout.start()),
    ("Event", |_| Event::new().wait_timeout(0.001).map(drop)),
    ("a kept event", |kept| kept.event.wait_timeout(0.001).map(drop)),
    ("AsyncResult", |_| AsyncResult::<()>::new().get_timeout(0.001)),
    ("Semaphore", |_| Semaphore::new(0).acquire_timeout(0.001).map(drop)),
    ("a kept semaphore", |kept| {
        kept.semaphore.acquire_timeout(0.001).map(drop)
    }),
    ("BoundedSemaphore", |_| {
        let semaphore = BoundedSemaphore::new(1);
        semaphore.acquire()?;
        semaphore.acquire_timeout(0.001).map(drop)
    }),
    ("Condition", |_| {
        let condition = Condition::new();
        condition.lock().acquire()?;
        condition.wait_timeout(0.001).map(drop)
    }),
    ("Barrier", |_| Barrier::new(2).wait_timeout(0.001).map(drop)),
    ("Queue", |_| Queue::<()>::new().get_timeout(0.001)),
    ("a kept queue", |kept| kept.queue.get_timeout(0.001).map(drop)),
    ("JoinableQueue", |_| {
        let queue = JoinableQueue::new();
        queue.put_nowait(1)?;
        queue.join_timeout(0.001).map(drop)
    }),
    ("LifoQueue", |_| LifoQueue::<()>::new().get_timeout(0.001)),
    ("PriorityQueue", |_| {
        PriorityQueue::<u32>::new().get_timeout(0.001).map(drop)
    }),
    ("SimpleQueue", |_| SimpleQueue::<()>::new().get_timeout(0.001)),
    ("Channel", |_| Channel::<()>::new().get_timeout(0.001)),
    ("a kept channel", |kept| Ok(kept.channel.put_timeout(1, 0.001)?)),
    ("Pool", |_| Pool::new(1).spawn(|| ()).and_then(|g| g.get())),
    ("a kept pool", |kept| kept.pool.spawn(|| ()).and_then(|g| g.get())),
    ("Pool::apply", |_| Pool::new(1).apply(|| ())),
    ("Pool::map", |_| Pool::new(1).map(|n| n, 0..3).map(drop)),
    ("Group", |_| Group::new().spawn(|| ()).and_then(|g| g.get())),
    ("Pool::imap", |_| {
        Pool::new(1)
            .imap(|n| n, 0..3)
            .next()
            .map_or(Ok(()), |got| got.map(drop))
    }),
    ("Pool::imap_unordered", |_| {
        let mut mapped = Pool::new(1).imap_unordered(|n| n, 0..3);
        mapped.next().map_or(Ok(()), |got| got.map(drop))
    }),
    ("ThreadPool", |_| ThreadPool::new(1).spawn(|| ())?.get()),
    ("ThreadPool::apply", |_| ThreadPool::new(1).apply(|| ())),
    ("ThreadPool::map", |_| ThreadPool::new(1).map(|n| n, 0..3).map(drop)),
    ("ThreadPool::set_size", |_| ThreadPool::new(1).set_size(1)),
    ("with_idle_timeout", |_| {
        ThreadPool::with_idle_timeout(1, None)?.spawn(|| ())?.get()
    }),
    ("a kept pool of threads", |kept| kept.threads.spawn(|| ())?.get()),
    ("the hub's pool", |_| get_hub().threadpool().spawn(|| ())?.get()),
    ("the resolver's pool", |_| {
        get_hub().resolver_threadpool().spawn(|| ())?.get()
    }),
    ("ThreadPoolExecutor", |_| {
        ThreadPoolExecutor::new(1).submit(|| ())?.result()
    }),
    ("StreamServer", |_| {
        let server = StreamServer::new("127.0.0.1:0", |_, _| ());
        server.start()?;
        server.stop()
    }),
    ("a kept server", |kept| Ok(kept.server.start()?)),
    ("connect", |_| Ok(TcpStream::connect("localhost:1").map(drop)?)),
    ("accept", |kept| Ok(kept.listener.accept().map(drop)?)),
    ("from_std", |_| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let listener = TcpListener::from_std(listener)?;
        listener.set_timeout(0.001)?;
        Ok(listener.accept().map(drop)?)
    }),
    ("wait_read", |_| {
        let (one, _other) = UnixStream::pair()?;
        hub::wait_read(one.as_raw_fd(), 0.001)
    }),
    ("signal", |_| gevent::signal_handler(libc::SIGUSR2, || ()).map(drop)),
    ("Waiter", |_| Waiter::<()>::new(get_hub()).get()),
    ("switch of the hub", |_| get_hub().switch().map(drop)),
    ("a timer", |_| Ok(get_hub().loop_().timer(0.001).map(drop)?)),
    ("run_callback", |_| {
        Ok(get_hub().loop_().run_callback(|| ()).map(drop)?)
    }),
    ("a switch", |_| RawGreenlet::new(Ok).switch(()).map(drop)),
    ("a kept greenlet", |kept| kept.raw.switch(()).map(drop)),
];

/// Calls the functions that need no other greenlet. Their results do not matter.
fn use_the_rest(kept: &Kept) {
    let hub = get_hub();
    let _ = format!("{hub:?} {:?} {:?}", kept.hub, kept.parked);
    let _ = (hub.destroyed(), hub.blocked_greenlets(), hub.join_timeout(0.001));
    let _ = (hub::try_get_hub().is_ok(), hub::hub_to_wait_in().is_ok());
    let _ = (hub.reinit(), gevent::reinit(), hub::get_hub_if_exists());
    let _ = (kept.hub.destroy(None), kept.hub.join_timeout(0.001));
    let _ = (kept.ended.value(), kept.ended.take(), kept.ended.get());
    let _ = kept.parked.rawlink(|_| ());
    let _ = kept.parked.link(|_| ());
    let _ = kept.unstarted.link_exception(|_| ());
    kept.parked.unlink_all();
    let any: AnyGreenlet = kept.parked.any();
    let _ = (any.name(), any.exception(), any.raw().info());
    let _ = (kept.raw.throw(GreenletExit), kept.raw.discard());
    kept.raw.unwind();
    let own = getcurrent();
    let _ = (own.set_parent(&kept.raw), own.parent(), own.name());
    own.set_local(7_u32);
    let _ = (own.local::<u32>(), greenlet_core::greenlets());
    drop(greenlet_core::settrace(None));
    kept.event.set();
    kept.semaphore.release();
    let _ = (kept.queue.put_nowait(1), kept.queue.get_nowait());
    let _ = (kept.queue.qsize(), kept.queue.copy().qsize());
    let _ = (kept.pool.free_count(), kept.pool.kill(), kept.pool.join_timeout(0.001));
    let _ = (kept.threads.size(), kept.threads.set_maxsize(2));
    let _ = (kept.threads.join(), kept.threads.kill());
    let unmade = ThreadPool::new(2);
    let _ = (unmade.size(), unmade.len(), unmade.set_maxsize(1), unmade.maxsize());
    let _ = (unmade.join(), unmade.kill(), format!("{unmade:?}"));
    hub.set_threadpool(unmade.clone());
    hub.set_resolver_threadpool(unmade);
    let _ = ThreadPoolExecutor::new(1).shutdown(true);
    kept.server.close();
    let _ = (kept.server.stop_timeout(0.001), kept.server.serve_forever());
    kept.listener.close();
    kept.timeout.cancel();
    // These block the thread itself if it has no greenlets.
    let _ = (
        kept.shared.wait_timeout(0.001),
        threadsafe::Event::new().wait_timeout(0.001),
    );
    let _ = threadsafe::Semaphore::new(0).acquire_timeout(0.001);
    let _ = threadsafe::Queue::<()>::new().get_timeout(0.001);
    let _ = threadsafe::AsyncResult::<()>::new().get_timeout(0.001);
    kept.shared.set();
    let _ = (kept.resume.switch(), kept.resume.throw(GreenletExit));
    let lock = RLock::new();
    let _ = (lock.acquire(), lock.release());
    let local = Local::new(|| 1);
    local.set(2);
    let _ = (local.get(), local.take());
    let bound = ThreadBound::new(Rc::new(7));
    let _ = format!("{bound:?}");
    if let Ok(loop_) = Loop::new((), false) {
        let _ = loop_.run_callback(|| ());
        let _ = (loop_.run_nowait(), loop_.timer(0.001).is_ok());
        let _ = (loop_.io(0, Events::READ).is_ok(), loop_.destroy());
    }
    if let Ok(new) = Hub::new(None) {
        hub::set_hub(Some(new));
    }
    hub::set_hub(None);
    if let Ok(mut stream) = TcpStream::connect("127.0.0.1:1") {
        let _ = (stream.write(b"x"), stream.read(&mut [0]));
    }
    greenlet_core::unwind_all();
    let _ = gevent::run(|| gevent::sleep(0));
    if let Ok(thread) = gevent::run_in_thread(|| gevent::sleep(0)) {
        let _ = thread.join().map(|ended| ended.expect("another thread is alive"));
    }
}

/// Uses all functions when it is dropped, and sends the names of the waits that have not failed.
struct Uses {
    kept: Option<Kept>,
    tell: Sender<Vec<&'static str>>,
}

impl Drop for Uses {
    fn drop(&mut self) {
        let Some(kept) = &self.kept else { return };
        let mut waited = Vec::new();
        for (name, wait) in WAITS {
            if wait(kept).is_ok() {
                waited.push(*name);
            }
        }
        use_the_rest(kept);
        self.tell.send(waited).expect("somebody listens");
    }
}

thread_local! {
    static OLD: RefCell<Option<Uses>> = const { RefCell::new(None) };
    static YOUNG: RefCell<Option<Uses>> = const { RefCell::new(None) };
}

/// The waits that have not failed in a thread-local's destructor.
fn used(explicit: bool, old: bool, parked: bool) -> Vec<&'static str> {
    let _bounded = bounded();
    let (tell, told) = channel();
    let code = move || -> Result<(), Exception> {
        let kept = Kept::new()?;
        gevent::sleep(0)?;
        if !parked {
            kept.event.set();
            kept.parked.join()?;
        }
        let uses = Uses { kept: Some(kept), tell };
        if old { &OLD } else { &YOUNG }.set(Some(uses));
        // From now on greenlets that wait may have borrowed the thread-local.
        gevent::sleep(0)
    };
    let thread = thread::spawn(move || {
        OLD.set(None);
        if explicit { gevent::run(code) } else { code() }
    });
    thread.join().expect("it does not panic").expect("nobody throws");
    told.recv().expect("the destructor has run")
}

#[test]
fn where_nobody_runs_any_more_each_wait_is_an_error() {
    for (old, parked) in [(true, true), (true, false), (false, true)] {
        // On some platforms the destruction of a younger thread-local is not noticed, so there the thread's greenlets
        // have not ended yet.
        if !old && !cfg!(all(target_os = "linux", target_env = "gnu")) {
            continue;
        }
        // If no greenlet is parked, these calls have nothing to wait for.
        let waits_for_nothing: &[&str] = match parked {
            true => &[],
            false => &["join", "kill", "kill by the way", "killall", "a kept event"],
        };
        let waited = used(false, old, parked);
        assert_eq!(waited, waits_for_nothing, "{old} {parked}");
    }
}

/// The thread goes on after an explicit end, so some of the calls can wait.
#[test]
fn after_an_explicit_end_nothing_panics() {
    for (old, parked) in [(true, true), (true, false), (false, true), (false, false)] {
        used(true, old, parked);
    }
}

/// The calls are made in the main greenlet of a thread whose `run` is over: the old hub is gone, and the thread gets
/// new ones.
#[test]
fn in_code_after_an_explicit_end_nothing_panics() {
    let _bounded = bounded();
    let ended = gevent::run_in_thread(|| ()).expect("it starts").join();
    ended.expect("it does not panic").expect("nobody throws");
    let (tell, told) = channel();
    let thread = thread::spawn(move || {
        let kept = gevent::run(Kept::new)?;
        drop(Uses { kept: Some(kept), tell });
        Ok::<(), Exception>(())
    });
    thread.join().expect("it does not panic").expect("nobody throws");
    told.recv().expect("the destructor has run");
}
