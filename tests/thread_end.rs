//! What destructors can do that run when their thread ends, on the stacks of its greenlets.

mod support;

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use gevent::exceptions::HubDestroyed;
use gevent::hub::core::Timer;
use gevent::hub::{ExceptionStream, Resume, wait_read};
use gevent::{
    Exception, Greenlet, GreenletExit, Kill, Timeout, event, get_hub, getcurrent, joinall, kill,
    killall, lock, mask_kill, pool, queue, scope, sleep, socket, spawn, spawn_raw, threadsafe,
    wait,
};
use greenlet_core::WeakGreenlet;
use support::bounded;

/// Calls its function when it is dropped, and tells what came of it.
struct AtEnd<F: Fn() -> Result<(), Exception>>(F, mpsc::Sender<Result<(), Exception>>);

impl<F: Fn() -> Result<(), Exception>> Drop for AtEnd<F> {
    fn drop(&mut self) {
        // The test does not wait for the answer if it has failed.
        let _ = self.1.send((self.0)());
    }
}

/// Has `function` called by a greenlet that is parked when its thread ends. What `prepare` makes is
/// made before, in the thread.
fn at_end<P: 'static>(
    prepare: impl FnOnce() -> P + Send + 'static,
    function: impl Fn(&P) -> Result<(), Exception> + Send + 'static,
) -> Result<(), Exception> {
    let _bounded = bounded();
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        let prepared = prepare();
        // What the end of the thread prints is not asked here.
        get_hub().set_exception_stream(ExceptionStream::Discard);
        spawn(move || {
            let _at_end = AtEnd(move || function(&prepared), tell);
            sleep(1000)
        });
        sleep(0).expect("nobody throws");
    });
    thread.join().expect("it does not panic");
    told.recv().expect("it was called")
}

/// Each is `HubDestroyed`: there is nobody any more who could end a wait. It must not be a panic, which
/// would end the process: the destructor runs because of another.
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
    joining: || spawn(|| sleep(1000)), |g| g.join(None);
    joining_for_a_while: || spawn(|| sleep(1000)), |g| g.join(1);
    joining_many: || spawn(|| sleep(1000)), |g| joinall([g], None).map(drop);
    getting: || spawn(|| sleep(1000)), Greenlet::get;
    killing: || spawn(|| sleep(1000)), Greenlet::kill;
    killing_many: || spawn(|| sleep(1000)), |g| killall([g]);
    killing_by_the_way: || (), |()| kill(&getcurrent(), GreenletExit);
    starting: || Greenlet::new(|| ()), Greenlet::start;
    spawning: || (), |()| spawn(|| ()).get();
    spawning_raw: || (), |()| spawn_raw(|| Ok(())).map(drop);
    scoping: || (), |()| scope(|s| s.spawn(|| sleep(0)).join(None));
    handling_signals: || (), |()| gevent::signal_handler(libc::SIGUSR2, || Ok(())).map(drop);
    a_timeout: || (), |()| Timeout::new(1).start();
    an_event: event::Event::new, |event| event.wait(None).map(drop);
    waiting_for_a_while: event::Event::new, |event| wait([event], 1, None).map(drop);
    an_event_made_then: || (), |()| event::Event::new().wait(1).map(drop);
    a_result: event::AsyncResult::<()>::new, event::AsyncResult::get;
    a_semaphore: || lock::Semaphore::new(0), lock::Semaphore::acquire;
    a_queue: queue::Queue::<()>::new, |queue| queue.get();
    a_queue_made_then: || (), |()| queue::Queue::<()>::new().get();
    a_channel: queue::Channel::<()>::new, queue::Channel::get;
    a_pool: || pool::Pool::new(1), |pool| pool.spawn(|| ()).and_then(|g| g.get());
    an_event_of_threads: threadsafe::Event::new, |event| event.wait(None).map(drop);
    waiting_for_an_event_of_threads: threadsafe::Event::new, |event| wait([event], None, None).map(drop);
    looking_up_a_name: || (), |()| {
        let connected: io::Result<_> = socket::TcpStream::connect("localhost:1");
        Ok(connected.map(drop)?)
    };
}

/// Nothing is waited for here.
#[test]
fn nothing_to_wait_for() -> Result<(), Exception> {
    at_end(
        || (),
        |()| {
            let nothing = wait(Vec::<Greenlet<()>>::new(), None, None)?;
            mask_kill(|| assert!(nothing.is_empty()));
            let event = event::Event::new();
            event.set();
            event.wait(None).map(|set| assert!(set))
        },
    )
}

/// A kill that a mask holds back is let go when the mask ends: here by the unwinding.
#[test]
fn a_kill_that_was_held_back() {
    let thread = thread::spawn(|| {
        let masked = spawn(|| mask_kill(|| sleep(1000)));
        sleep(0)?;
        let later = Kill {
            block: false,
            ..Kill::default()
        };
        masked.kill_with(later)?;
        sleep(0)?;
        assert!(!masked.ready());
        Ok::<_, Exception>(())
    });
    let ended = thread.join().expect("it does not panic");
    ended.expect("nobody throws");
}

/// Greenlets that wait for several things, some of which other threads may do, leave no link
/// behind.
#[test]
fn greenlets_that_wait_for_many() {
    let event = threadsafe::Event::new();
    let shared = event.clone();
    let thread = thread::spawn(move || {
        spawn(move || wait([&shared], None, None).map(drop));
        sleep(0).expect("nobody throws");
    });
    thread.join().expect("it does not panic");
    event.set();
}

/// What a hub's handlers own goes with the thread, also if that is the hub itself.
#[test]
fn handlers_that_own_their_hub() {
    let owned = Arc::new(());
    let own = owned.clone();
    let thread = thread::spawn(move || {
        let hub = get_hub();
        let owner = Rc::new((hub.clone(), own));
        let owned = owner.clone();
        hub.set_not_error(move |_| Rc::strong_count(&owned) == 1);
        hub.set_error_handler(Some(Rc::new(move |_: Option<&dyn Debug>, _: Exception| {
            assert!(!owner.0.destroyed());
        })));
        sleep(0.001).expect("nobody throws");
    });
    thread.join().expect("it does not panic");
    assert_eq!(Arc::strong_count(&owned), 1);
}

/// What a thread-local keeps beyond the hub's end, because it is older than the hub, or drops before that.
#[test]
fn handles_in_thread_locals() {
    #[repr(align(128))]
    struct Aligned(Rc<Cell<u32>>);
    impl Drop for Aligned {
        fn drop(&mut self) {
            assert_eq!((&raw const *self).addr() % 128, 0);
            self.0.set(self.0.get() + 1);
            // Whatever they say: nobody runs any more.
            let _ = sleep(0.001);
            let _ = event::Event::new().wait(0.001);
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
            let _ = (
                self.timer.start(|| ()),
                self.timer.stop(),
                self.timer.active(),
            );
            let _ = (self.resume.switch(), self.timeout.start());
            self.timeout.cancel();
            let _ = format!("{:?} {:?} {:?}", self.greenlets, self.timer, self.weak);
            for greenlet in &self.greenlets {
                let _ = (greenlet.start(), greenlet.kill(), greenlet.join(1));
                greenlet.rawlink(|_| ());
                drop(greenlet.take());
                let _ = (greenlet.raw().unwind(), greenlet.raw().downgrade());
            }
            let ended = self.greenlets.drain(..).filter(Greenlet::ready).count();
            let _ = self.weak.upgrade();
            self.tell
                .send((ended as u32, self.drops.get()))
                .expect("it is awaited");
        }
    }
    thread_local! {
        static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    }
    let _bounded = bounded();
    for older in [true, false] {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
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
            let timer = get_hub().loop_().timer(1000.0, 0.0).expect("a timer");
            timer.start(|| ()).expect("it starts");
            KEPT.set(Some(Kept {
                weak: greenlets[2].raw().downgrade(),
                greenlets,
                timer,
                resume: Resume::new(),
                timeout: Timeout::start_new(1000),
                drops,
                tell,
            }));
        });
        thread.join().expect("it does not panic");
        assert_eq!(told.recv(), Ok((3, 3)), "older than the hub: {older}");
    }
}
