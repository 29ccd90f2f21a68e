//! Tests what destructors can do at the end of `gevent::run`, on the stacks of its greenlets, and what holds before and
//! after that end.

mod support;

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use gevent::exceptions::{HubDestroyed, NestedRunError, NotMainGreenletError};
use gevent::hub::core::{Loop, Timer};
use gevent::hub::{ExceptionStream, Resume, set_hub, wait_read};
use gevent::{
    Context, Exception, Greenlet, GreenletExit, Hub, Kill, Timeout, event, get_hub, getcurrent, joinall, kill, killall,
    lock, mask_kill, pool, queue, run, run_in_thread, scope, sleep, socket, spawn, spawn_raw, threadsafe, wait,
    wait_timeout,
};
use greenlet_core::WeakGreenlet;
use support::bounded;

/// Calls its function when it is dropped, and sends the result to the test.
struct AtEnd<F: Fn() -> Result<(), Exception>>(F, mpsc::Sender<Result<(), Exception>>);

impl<F: Fn() -> Result<(), Exception>> Drop for AtEnd<F> {
    fn drop(&mut self) {
        // The test does not wait for the answer if it has failed.
        let _ = self.1.send((self.0)());
    }
}

/// Runs `f` in a thread of its own, and checks that the thread ends without a panic.
fn in_thread(f: impl FnOnce() -> Result<(), Exception> + Send + 'static) {
    let thread = run_in_thread(f).expect("it starts");
    let ended = thread.join().expect("it does not panic");
    ended.expect("nobody throws");
}

/// Calls `function` in the destructor of a greenlet that is parked when its thread ends. `prepare` is called before, in
/// the same thread.
fn at_end<P: 'static>(
    prepare: impl FnOnce() -> P + Send + 'static,
    function: impl Fn(&P) -> Result<(), Exception> + Send + 'static,
) -> Result<(), Exception> {
    let _bounded = bounded();
    let (tell, told) = mpsc::channel();
    in_thread(move || {
        let prepared = prepare();
        // The reports at the end of the thread are not checked here.
        get_hub().set_exception_stream(ExceptionStream::Discard);
        spawn(move || {
            let _at_end = AtEnd(move || function(&prepared), tell);
            sleep(1000)
        });
        sleep(0)
    });
    told.recv().expect("it was called")
}

/// Each of these waits fails with `HubDestroyed`, because no greenlet is left that could end it. It must not panic: the
/// destructor runs because of a panic, so a second one would abort the process.
macro_rules! waits {
    ($($name:ident: $prepare:expr, $wait:expr;)*) => {$(
        #[test]
        fn $name() {
            let ended = at_end($prepare, $wait);
            let error = ended.expect_err("nobody is there to end it");
            assert!(error.is::<HubDestroyed>(), "{error:?}");
        }
    )*};
}

waits! {
    sleeping: || (), |()| sleep(0.01);
    yielding: || (), |()| sleep(0);
    idling: || (), |()| gevent::idle(0);
    reading_for_a_while: || UnixStream::pair().expect("a pair"),
        |(one, _)| wait_read(one.as_raw_fd(), 1);
    reading: || UnixStream::pair().expect("a pair"), |(one, _)| wait_read(one.as_raw_fd(), None);
    joining: || spawn(|| sleep(1000)), |g| g.join();
    joining_for_a_while: || spawn(|| sleep(1000)), |g| g.join_timeout(1);
    joining_many: || spawn(|| sleep(1000)), |g| joinall([g]).map(drop);
    getting: || spawn(|| sleep(1000)), Greenlet::get;
    killing: || spawn(|| sleep(1000)), Greenlet::kill;
    killing_many: || spawn(|| sleep(1000)), |g| killall([g]);
    killing_by_the_way: || (), |()| kill(&getcurrent(), GreenletExit);
    starting: || Greenlet::new(|| ()), Greenlet::start;
    spawning: || (), |()| spawn(|| ()).get();
    spawning_raw: || (), |()| spawn_raw(|| Ok(())).map(drop);
    scoping: || (), |()| scope(|s| s.spawn(|| sleep(0)).join());
    handling_signals: || (), |()| gevent::signal_handler(libc::SIGUSR2, || Ok(())).map(drop);
    a_timeout: || (), |()| Timeout::new(1).start();
    an_event: event::Event::new, |event| event.wait().map(drop);
    waiting_for_a_while: event::Event::new, |event| wait_timeout([event], 1).map(drop);
    an_event_made_then: || (), |()| event::Event::new().wait_timeout(1).map(drop);
    a_result: event::AsyncResult::<()>::new, event::AsyncResult::get;
    a_semaphore: || lock::Semaphore::new(0), |semaphore| semaphore.acquire().map(drop);
    a_queue: queue::Queue::<()>::new, |queue| queue.get();
    a_queue_made_then: || (), |()| queue::Queue::<()>::new().get();
    a_channel: queue::Channel::<()>::new, queue::Channel::get;
    a_pool: || pool::Pool::new(1), |pool| pool.spawn(|| ()).and_then(|g| g.get());
    an_event_of_threads: threadsafe::Event::new, |event| event.wait().map(drop);
    waiting_for_an_event_of_threads: threadsafe::Event::new, |event| wait([event]).map(drop);
    looking_up_a_name: || (), |()| {
        let connected: io::Result<_> = socket::TcpStream::connect("localhost:1");
        Ok(connected.map(drop)?)
    };
}

/// The destructor does not wait here.
#[test]
fn nothing_to_wait_for() -> Result<(), Exception> {
    at_end(
        || (),
        |()| {
            let nothing = wait(Vec::<Greenlet<()>>::new())?;
            mask_kill(|| assert!(nothing.is_empty()));
            let event = event::Event::new();
            event.set();
            event.wait().map(|set| assert!(set))
        },
    )
}

/// A kill that a mask holds back is thrown when the mask ends, which is here by unwinding.
#[test]
fn a_kill_that_was_held_back() {
    in_thread(|| {
        let masked = spawn(|| mask_kill(|| sleep(1000)));
        sleep(0)?;
        let later = Kill::default().nonblocking();
        masked.kill_with(later)?;
        sleep(0)?;
        assert!(!masked.ready());
        Ok(())
    });
}

/// Greenlets that wait for several objects, some of which other threads may set, leave no link behind.
#[test]
fn greenlets_that_wait_for_many() {
    let event = threadsafe::Event::new();
    let shared = event.clone();
    in_thread(move || {
        spawn(move || wait([&shared]).map(drop));
        sleep(0)
    });
    event.set();
}

/// Values that a hub's handlers own are dropped with the thread, also a handle of the hub itself.
#[test]
fn handlers_that_own_their_hub() {
    let owned = Arc::new(());
    let own = owned.clone();
    in_thread(move || {
        let hub = get_hub();
        let owner = Rc::new((hub.clone(), own));
        let owned = owner.clone();
        hub.set_not_error(move |_| Rc::strong_count(&owned) == 1);
        hub.set_error_handler(Some(Rc::new(move |_: Context<'_>, _: Exception| {
            assert!(!owner.0.destroyed());
        })));
        sleep(0.001)
    });
    assert_eq!(Arc::strong_count(&owned), 1);
}

/// A thread-local keeps objects beyond the hub's end if it is older than the hub; if it is younger, it drops them
/// before.
#[test]
fn handles_in_thread_locals() {
    #[repr(align(128))]
    struct Aligned(Rc<Cell<u32>>);
    impl Drop for Aligned {
        fn drop(&mut self) {
            assert_eq!((&raw const *self).addr() % 128, 0);
            self.0.set(self.0.get() + 1);
            // The results do not matter, as no greenlet runs any more.
            let _ = sleep(0.001);
            let _ = event::Event::new().wait_timeout(0.001);
            let _ = spawn_raw(|| Ok(()));
        }
    }
    struct Kept {
        greenlets: Vec<Greenlet<Aligned>>,
        timer: Timer,
        resume: Resume,
        timeout: Timeout,
        weak: WeakGreenlet,
        drops: Rc<Cell<u32>>,
        tell: mpsc::Sender<(u32, u32)>,
    }
    impl Drop for Kept {
        fn drop(&mut self) {
            let _ = (self.timer.start(|| ()), self.timer.stop(), self.timer.active());
            let _ = (self.resume.switch(), self.timeout.start());
            self.timeout.cancel();
            let _ = format!("{:?} {:?} {:?}", self.greenlets, self.timer, self.weak);
            for greenlet in &self.greenlets {
                let _ = (greenlet.start(), greenlet.kill(), greenlet.join_timeout(1));
                greenlet.rawlink(|_| ());
                drop(greenlet.take());
                let _ = (greenlet.raw().unwind(), greenlet.raw().downgrade());
            }
            let ended = self.greenlets.drain(..).filter(Greenlet::ready).count();
            let _ = self.weak.upgrade();
            self.tell.send((ended as u32, self.drops.get())).expect("it is awaited");
        }
    }
    thread_local! {
        static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    }
    let _bounded = bounded();
    // The parked greenlet is ended only by `run`.
    for (older, explicit) in [(true, true), (false, true), (true, false), (false, false)] {
        // On some platforms the destruction of a younger thread-local is not noticed, so there the thread's greenlets
        // have not ended yet.
        if !older && !explicit && !cfg!(all(target_os = "linux", target_env = "gnu")) {
            continue;
        }
        let (tell, told) = mpsc::channel();
        let code = move || {
            if older {
                KEPT.set(None);
            }
            get_hub().set_exception_stream(ExceptionStream::Discard);
            let drops = Rc::new(Cell::new(0));
            let aligned = || Aligned(drops.clone());
            let (returned, owned, parked) = (aligned(), aligned(), aligned());
            let greenlets = vec![
                spawn(move || Ok(returned)),
                Greenlet::new(move || Ok(owned)),
                spawn(move || sleep(1000).map(|()| parked)),
            ];
            sleep(0).expect("nobody throws");
            let timer = get_hub().loop_().timer(1000.0).expect("a timer");
            timer.start(|| ()).expect("it starts");
            KEPT.set(Some(Kept {
                weak: greenlets[2].raw().downgrade(),
                greenlets,
                timer,
                resume: gevent::hub::Park::begin().resume(),
                timeout: Timeout::start_new(1000),
                drops,
                tell,
            }));
            // From now on greenlets that wait may have borrowed the thread-local.
            sleep(0).expect("nobody throws");
        };
        let ended = match explicit {
            true => thread::spawn(|| run(code).expect("the main greenlet runs it")).join(),
            false => thread::spawn(code).join(),
        };
        ended.expect("it does not panic");
        let all = if explicit { (3, 3) } else { (2, 2) };
        assert_eq!(
            told.recv(),
            Ok(all),
            "older than the hub: {older}, explicit: {explicit}"
        );
    }
}

/// Reads a borrow of a thread-local when its greenlet is unwound.
struct Reads<'a>(&'a Vec<u8>, mpsc::Sender<u8>);

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        self.1.send(self.0[20]).expect("somebody listens");
    }
}

#[test]
fn a_greenlet_is_unwound_before_what_it_has_borrowed_goes() {
    thread_local! {
        static LENT: OnceCell<Vec<u8>> = const { OnceCell::new() };
    }
    let (tell, told) = mpsc::channel();
    in_thread(move || {
        spawn(move || {
            LENT.with(|lent| {
                let _reads = Reads(lent.get_or_init(|| vec![7; 64]), tell);
                sleep(1000)
            })
        });
        sleep(0)
    });
    assert_eq!(told.recv(), Ok(7));
}

#[test]
fn run_gives_back_what_its_function_does() -> Result<(), Exception> {
    let lent = Cell::new(1);
    assert_eq!(run(|| lent.replace(2))?, 1);
    assert_eq!(lent.get(), 2);
    let error = run(|| Err::<(), _>(Exception::new(io::Error::other("oh"))));
    assert!(error.is_err_and(|error| error.is::<io::Error>()));
    let dropped = Rc::new(());
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let held = dropped.clone();
        run(|| -> Result<(), Exception> {
            spawn(move || {
                let _held = held;
                sleep(1000)
            });
            sleep(0)?;
            resume_unwind(Box::new("oh"))
        })
    }));
    assert_eq!(panic.expect_err("it panics").downcast_ref(), Some(&"oh"));
    assert_eq!(Rc::strong_count(&dropped), 1);
    // Afterwards the thread can use greenlets as before.
    assert_eq!(run(|| spawn(|| 7).get())?, 7);
    spawn(|| 7).get().map(drop)
}

#[test]
fn only_the_main_greenlet_runs_and_only_once_at_a_time() -> Result<(), Exception> {
    let nested = run(|| run(|| ()));
    assert!(nested.is_err_and(|error| error.is::<NestedRunError>()));
    let elsewhere = run(|| spawn(|| run(|| ())).get());
    assert!(elsewhere.is_err_and(|error| error.is::<NotMainGreenletError>()));
    let in_hub = Rc::new(RefCell::new(None));
    let seen = in_hub.clone();
    get_hub()
        .loop_()
        .run_callback(move || drop(seen.replace(Some(run(|| ())))))?;
    sleep(0)?;
    let in_hub = in_hub.take().expect("it was called");
    assert!(in_hub.is_err_and(|error| error.is::<NotMainGreenletError>()));
    Ok(())
}

#[test]
fn handles_of_a_hub_that_was_run_are_of_no_use() -> Result<(), Exception> {
    let (hub, event, greenlet, parked) = run(|| {
        let parked = spawn(|| sleep(1000));
        sleep(0)?;
        Ok((get_hub(), event::Event::new(), Greenlet::new(|| 7), parked))
    })?;
    assert!(hub.destroyed() && parked.dead());
    assert!(get_hub() != hub && !get_hub().destroyed());
    let destroyed = |error: Exception| assert!(error.is::<HubDestroyed>(), "{error:?}");
    hub.switch().map(drop).map_err(destroyed).expect_err("nobody is there");
    // The event belongs to no hub.
    assert!(!event.wait_timeout(0.001)?);
    greenlet.start().map_err(destroyed).expect_err("nobody would run it");
    sleep(0.001)
}

/// Greenlets and timers that destructors start are ended, too, and nothing panics.
#[test]
fn destructors_that_start_greenlets() {
    struct Starts(u32, Rc<Cell<u32>>);
    impl Drop for Starts {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            if let Some(fewer) = self.0.checked_sub(1) {
                let next = Starts(fewer, self.1.clone());
                let greenlet = spawn(move || {
                    let _next = next;
                    sleep(1000)
                });
                assert!(greenlet.exception().is_some_and(|e| e.is::<HubDestroyed>()));
            }
        }
    }
    let drops = Rc::new(Cell::new(0));
    run(|| {
        let starts = Starts(5, drops.clone());
        spawn(move || {
            let _starts = starts;
            sleep(1000)
        });
        sleep(0).expect("nobody throws");
    })
    .expect("the main greenlet runs it");
    assert_eq!(drops.get(), 6);
}

/// A destructor that panics stops neither the other destructors nor the thread.
#[test]
fn destructors_that_panic() -> Result<(), Exception> {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            resume_unwind(Box::new("from a destructor"));
        }
    }
    let held = Rc::new(());
    let others = held.clone();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        run(move || {
            let hub = get_hub();
            hub.set_exception_stream(ExceptionStream::Discard);
            for _ in 0..3 {
                let (timer, panics) = (hub.loop_().timer(1000.0)?, Panics);
                timer.start(move || _ = &panics)?;
                let panics = Panics;
                hub.loop_().run_callback(move || _ = panics)?;
            }
            // The timer is dropped in the end, with `others`.
            let forever = hub.loop_().timer(1000.0)?;
            forever.start(move || _ = &others)?;
            Ok(())
        })
    }));
    let panic = panic.expect_err("the watcher's destructor panics");
    assert_eq!(panic.downcast_ref(), Some(&"from a destructor"));
    assert_eq!(Rc::strong_count(&held), 1);
    run(|| sleep(0))
}

/// Hooks of the hub that panic are called once, and the other hooks are called all the same.
#[test]
fn hooks_that_panic() -> Result<(), Exception> {
    let _bounded = bounded();
    let called = Rc::new(Cell::new(0));
    let hooks: Vec<Rc<dyn Fn()>> = (0..4)
        .map(|nth| -> Rc<dyn Fn()> {
            let called = called.clone();
            Rc::new(move || {
                called.set(called.get() + 1);
                if nth % 2 == 0 {
                    resume_unwind(Box::new("from a hook"));
                }
            })
        })
        .collect();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        run(|| {
            for hook in &hooks {
                get_hub().on_end(Rc::downgrade(hook));
            }
        })
    }));
    let panic = panic.expect_err("a hook panics");
    assert_eq!(panic.downcast_ref(), Some(&"from a hook"));
    assert_eq!(called.get(), 4);
    run(|| sleep(0))
}

/// Hubs that were replaced, or destroyed without their loop, end too, with the greenlets that were to start there.
#[test]
fn other_hubs_of_the_thread_end() -> Result<(), Exception> {
    let held = Rc::new(());
    let started = run(|| {
        let mut started = Vec::new();
        for keeps_loop in [false, true, false] {
            let hub = get_hub();
            for _ in 0..2 {
                let own = held.clone();
                started.push(spawn(move || drop(own)));
            }
            let own = held.clone();
            hub.loop_().run_callback(move || drop(own))?;
            if keeps_loop {
                hub.destroy(false)?;
            }
            set_hub(Some(Hub::new(Loop::new((), false)?)?));
        }
        Ok(started)
    })?;
    for greenlet in &started {
        assert!(greenlet.ready(), "{greenlet:?}");
    }
    drop(started);
    assert_eq!(Rc::strong_count(&held), 1);
    Ok(())
}

/// Such a hub must be freed, although the hub's greenlet holds its parent, and the parent holds the hub.
#[test]
fn a_hub_whose_parent_owns_it_goes() -> Result<(), Exception> {
    let owner = run(|| {
        let owner = spawn(|| 7);
        owner.join()?;
        owner.raw().set_parent(&getcurrent())?;
        get_hub().greenlet().set_parent(owner.raw())?;
        Ok::<_, Exception>(owner.raw().downgrade())
    })?;
    assert!(owner.upgrade().is_none());
    Ok(())
}
