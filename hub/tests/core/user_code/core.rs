//! User code that a loop of `hub::core` calls. A greenlet runs the loop, which is not the hub's, so that its callbacks
//! may wait.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use super::trap::{Action, Case, Place, TestResult, Trap};
use greenlet_core::{Exception, GreenletError, RawGreenlet};
use hub::core::{Events, Loop, LoopRelease, Notify, NotifyThreadsafe, Periodic, Timer, time};
use hub::{Context, get_hub, sleep};

/// A loop, a timer of it, and the number of other callbacks that it has called.
#[derive(Clone)]
struct Timed {
    loop_: Loop,
    timer: Timer,
    others: Rc<Cell<u32>>,
    errors: Rc<Cell<u32>>,
}

impl Timed {
    fn new() -> Timed {
        let loop_ = Loop::new("", false).expect("a loop");
        let errors = Rc::new(Cell::new(0));
        loop_.set_error_handler(Some(Rc::new({
            let errors = errors.clone();
            move |_: Context<'_>, _: Exception| errors.set(errors.get() + 1)
        })));
        let timer = loop_.timer(0.0).expect("a timer");
        Timed {
            loop_,
            timer,
            others: Rc::default(),
            errors,
        }
    }

    /// Adds other things that the same run has to call: three timers, of different priorities, and a callback.
    fn add_others(&self) {
        for priority in [-1, 0, 1] {
            let timer = self.loop_.timer(0.0).and_then(|t| t.with_priority(priority));
            let timer = timer.expect("a timer");
            timer.start(self.counts()).expect("the loop is alive");
        }
        self.loop_.run_callback(self.counts()).expect("the loop is alive");
    }

    fn counts(&self) -> impl Fn() + 'static {
        let others = self.others.clone();
        move || others.set(others.get() + 1)
    }

    /// Runs the loop to its end. Only the loop of this object is kept meanwhile.
    fn run(self) -> TestResult {
        self.add_others();
        let Timed {
            loop_,
            timer,
            others: _,
            errors: _,
        } = self;
        drop(timer);
        loop_.run().map(drop).map_err(Exception::from)
    }

    fn use_it(&self) {
        let Timed { loop_, timer, .. } = self;
        let _ = (format!("{loop_:?} {timer:?}"), timer.active(), timer.pending());
        let _ = (timer.priority(), timer.has_callback(), loop_.iteration());
        // These are refused where libev is half-way through something.
        let _ = timer.start(|| ());
        let _ = timer.set_ref(true);
        let _ = timer.stop();
        let _ = loop_.run_callback(|| ());
        let _ = loop_.run_nowait();
        loop_.set_error_handler(loop_.error_handler());
    }

    /// [`check`](Self::check) after a callback, whose panic is reported as an error of its watcher.
    fn check_reported(self, action: Action) {
        assert_eq!(self.errors.get() > 0, action == Action::Panic);
        self.check(action);
    }

    /// Checks that the loop works, and that all other callbacks were called.
    fn check(self, action: Action) {
        let Timed {
            loop_,
            timer,
            others,
            errors,
        } = &self;
        loop_.run().expect("it is alive");
        assert_eq!(others.get(), 4);
        assert!(errors.get() == 0 || action == Action::Panic);
        let fired = Rc::new(Cell::new(false));
        let fires = fired.clone();
        timer.set(0.0, 0.0).expect("it is stopped");
        timer.start(move || fires.set(true)).expect("the loop is alive");
        loop_.run().expect("it is alive");
        assert!(fired.get() && loop_.depth().is_ok_and(|depth| depth == 0));
        assert_eq!((loop_.started_watchers(), loop_.queued_callbacks()), (0, 0));
    }
}

fn case(name: &'static str, calls: &'static [fn(Timed, Trap) -> TestResult]) -> Case<Timed> {
    Case {
        name,
        place: Place::Greenlet,
        make: Timed::new,
        calls,
        uses: Timed::use_it,
        waits: Some(|timed| {
            // The timer does not keep the loop running.
            let timer = timed.loop_.timer(60.0)?.with_ref(false)?;
            let _kept = timer;
            sleep(0)?;
            sleep(0)
        }),
        after: Timed::check_reported,
    }
}

#[test]
fn callbacks_of_watchers() {
    case(
        "hub::core::Watcher::{start, start_pass_events, set_callback, set_callback_pass_events, feed, feed_pass_events} | Fn",
        &[
            |timed, trap| {
                timed.timer.start(trap.call())?;
                timed.run()
            },
            |timed, trap| {
                let call = trap.call();
                timed.timer.start_pass_events(move |_| call())?;
                timed.run()
            },
            |timed, trap| {
                timed.timer.start(|| ())?;
                timed.timer.set_callback(trap.call());
                timed.run()
            },
            |timed, trap| {
                timed.timer.start(|| ())?;
                let call = trap.call();
                timed.timer.set_callback_pass_events(move |_| call());
                timed.run()
            },
            |timed, trap| {
                timed.timer.feed(Events::TIMER, trap.call())?;
                timed.run()
            },
            |timed, trap| {
                let call = trap.call();
                timed.timer.feed_pass_events(Events::TIMER, move |_| call())?;
                timed.run()
            },
        ],
    )
    .run();
}

#[test]
fn callbacks_of_children() {
    case(
        "hub::core::OwnChild::start | Fn",
        &[|timed, trap| {
            let (child, _) = timed.loop_.spawn_child(end_at_once)?;
            child.start(trap.call())?;
            drop(child);
            timed.run()
        }],
    )
    .run();
}

/// Makes a child.
fn end_at_once() -> std::io::Result<(i32, ())> {
    let child = std::process::Command::new("true").spawn()?;
    Ok((child.id() as i32, ()))
}

#[test]
fn functions_that_make_children() {
    let mut case = case(
        "hub::core::Loop::spawn_child | FnOnce",
        &[|timed, trap| {
            let call = trap.call();
            let loop_ = timed.loop_.clone();
            drop(timed);
            let made = loop_.spawn_child(move || {
                call();
                end_at_once()
            });
            made.map(drop).or_else(|error| match loop_.destroyed() {
                true => Ok(()),
                false => Err(error.into()),
            })
        }],
    );
    case.after = |timed, action| {
        timed.add_others();
        timed.check(action);
    };
    case.run();
}

#[test]
fn callbacks_of_timers() {
    case(
        "hub::core::Timer::{again, again_pass_events, again_update, again_update_pass_events, start_update, \
         start_update_pass_events} | Fn",
        &[
            |timed, trap| {
                timed.timer.start_update(true, trap.call())?;
                timed.run()
            },
            |timed, trap| {
                let call = trap.call();
                timed.timer.start_update_pass_events(true, move |_| call())?;
                timed.run()
            },
            |timed, trap| {
                timed.timer.set(0.0, 0.0001)?;
                let (timer, call) = (timed.timer.clone(), trap.call());
                timed.timer.again_pass_events(move |_| {
                    timer.stop()?;
                    call();
                    Ok(())
                })?;
                timed.run()
            },
            |timed, trap| {
                timed.timer.set(0.0, 0.0001)?;
                let (timer, call) = (timed.timer.clone(), trap.call());
                timed.timer.again_update_pass_events(false, move |_| {
                    timer.stop()?;
                    call();
                    Ok(())
                })?;
                timed.run()
            },
            |timed, trap| {
                timed.timer.set(0.0, 0.0001)?;
                let (timer, call) = (timed.timer.clone(), trap.call());
                timed.timer.again(move || {
                    timer.stop()?;
                    call();
                    Ok(())
                })?;
                timed.run()
            },
            |timed, trap| {
                timed.timer.set(0.0, 0.0001)?;
                let (timer, call) = (timed.timer.clone(), trap.call());
                timed.timer.again_update(false, move || {
                    timer.stop()?;
                    call();
                    Ok(())
                })?;
                timed.run()
            },
        ],
    )
    .run();
}

/// The values that a callback owns are dropped when it is over, or replaced, or stopped.
#[test]
fn destructors_of_callbacks() {
    let mut case = case(
        "hub::core::{Watcher::start, Loop::run_callback} | Drop",
        &[
            |timed, trap| {
                let owned = trap.on_drop();
                timed.timer.start(move || owned.touch())?;
                timed.run()
            },
            |timed, trap| {
                let owned = trap.on_drop();
                let timer = timed.timer.clone();
                timed.timer.start(move || {
                    owned.touch();
                    timer.stop()?;
                    timer.start(|| ())?;
                    Ok(())
                })?;
                timed.run()
            },
            |timed, trap| {
                let owned = trap.on_drop();
                timed.loop_.run_callback(move || owned.touch())?;
                timed.run()
            },
        ],
    );
    // A panic may be reported or printed, so `check_reported` would be too strict.
    case.after = Timed::check;
    case.run();
}

/// The destructors of callbacks that are stopped or replaced without being called run in the caller of that function.
#[test]
fn destructors_of_callbacks_that_are_taken_off() {
    let mut case = case(
        "hub::core::{Watcher::stop, Watcher::set_callback, Watcher::clear_callback, Callback::stop} | Drop; \
         hub::core::Loop::{set_round_hook, clear_round_hook, set_loop_release_cb} | Drop",
        &[
            |timed, trap| {
                let owned = trap.on_drop();
                timed.timer.start(move || owned.touch())?;
                timed.add_others();
                timed.timer.stop().map_err(Exception::from)
            },
            |timed, trap| {
                let owned = trap.on_drop();
                timed.timer.start(move || owned.touch())?;
                timed.add_others();
                timed.timer.set_callback(|| ());
                Ok(())
            },
            |timed, trap| {
                let owned = trap.on_drop();
                timed.timer.start(move || owned.touch())?;
                timed.add_others();
                timed.timer.clear_callback();
                Ok(())
            },
            |timed, trap| {
                let owned = trap.on_drop();
                timed.loop_.set_round_hook(move || owned.touch())?;
                timed.add_others();
                timed.loop_.set_round_hook(|| ()).map_err(Exception::from)
            },
            |timed, trap| {
                let owned = trap.on_drop();
                timed.loop_.set_round_hook(move || owned.touch())?;
                timed.add_others();
                timed.loop_.clear_round_hook();
                Ok(())
            },
            |timed, trap| {
                let owned = trap.on_drop();
                let release = Release(move || owned.touch());
                timed.loop_.set_loop_release_cb(Some(Rc::new(release)))?;
                timed.add_others();
                timed.loop_.set_loop_release_cb(None).map_err(Exception::from)
            },
            |timed, trap| {
                let owned = trap.on_drop();
                let callback = timed.loop_.run_callback(move || owned.touch())?;
                timed.add_others();
                callback.stop();
                Ok(())
            },
        ],
    );
    case.after = |timed, _| {
        // A panic goes to the caller that took the callback off, and is no error of the loop.
        timed.check(Action::Wait);
    };
    case.run();
}

/// A loop that is destroyed drops all that it owns, whatever one of the destructors does.
#[test]
fn destructors_of_all_that_a_loop_owns() {
    fn add_all(timed: &Timed, trap: &Trap) -> TestResult {
        for _ in 0..2 {
            let (owned, counts) = (trap.on_drop(), CountsOnDrop(timed.others.clone()));
            timed.loop_.timer(60.0)?.start(move || {
                owned.touch();
                counts.touch();
            })?;
            let counts = CountsOnDrop(timed.others.clone());
            timed.loop_.run_callback(move || counts.touch())?;
        }
        Ok(())
    }
    let mut case = case(
        "hub::core::Loop::{destroy, drop} | Drop",
        &[
            |timed, trap| {
                add_all(&timed, &trap)?;
                timed.loop_.destroy().map_err(Exception::from)
            },
            |timed, trap| {
                add_all(&timed, &trap)?;
                // This destroys the loop in the midst of its own run.
                let loop_ = timed.loop_.clone();
                timed
                    .loop_
                    .timer(0.0)?
                    .with_priority(1)?
                    .start(move || Ok(loop_.destroy()?))?;
                timed.loop_.run_once().map(drop).map_err(Exception::from)
            },
        ],
    );
    case.after = |timed, _| {
        assert!(timed.loop_.destroyed());
        assert_eq!(timed.others.get(), 4);
    };
    case.run();
}

struct CountsOnDrop(Rc<Cell<u32>>);

impl CountsOnDrop {
    fn touch(&self) {}
}

impl Drop for CountsOnDrop {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// An object whose notification springs the trap.
#[derive(Debug)]
struct Notifier(RefCell<Option<Sprung>>);

struct Sprung(Trap);

impl std::fmt::Debug for Sprung {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a trap")
    }
}

impl Notify for Notifier {
    fn notify(self: Rc<Self>) -> TestResult {
        let trap = self.0.take();
        trap.iter().for_each(|trap| trap.0.spring());
        Ok(())
    }
}

/// The same for other threads, which have no traps: it is this thread's.
struct Told;

impl NotifyThreadsafe for Told {
    fn notify(self: Arc<Self>) {
        if let Some(trap) = TRAP.take() {
            trap.spring();
        }
    }
}

thread_local! {
    /// The trap of functions that are no closures, and so can own none.
    static TRAP: RefCell<Option<Trap>> = const { RefCell::new(None) };
}

fn spring(_: &RawGreenlet) -> TestResult {
    let trap = TRAP.take();
    trap.iter().for_each(Trap::spring);
    Ok(())
}

#[test]
fn queued_callbacks() {
    case(
        "hub::core::Loop::{run_callback, run_callback_threadsafe}, \
         hub::core::ThreadsafeLoop::run_callback_threadsafe | FnOnce",
        &[
            |timed, trap| {
                timed.loop_.run_callback(trap.call())?;
                timed.run()
            },
            |timed, trap| {
                TRAP.set(Some(trap));
                timed.loop_.run_callback_threadsafe(|| {
                    let trap = TRAP.take();
                    trap.iter().for_each(Trap::spring);
                })?;
                timed.run()
            },
            |timed, trap| {
                TRAP.set(Some(trap));
                timed.loop_.threadsafe().run_callback_threadsafe(|| {
                    let trap = TRAP.take();
                    trap.iter().for_each(Trap::spring);
                })?;
                timed.run()
            },
        ],
    )
    .run();
    case(
        "hub::core::Loop::run_callback_greenlet | Fn",
        &[|timed, trap| {
            TRAP.set(Some(trap));
            let greenlet = greenlet_core::getcurrent();
            timed.loop_.run_callback_greenlet(greenlet, spring)?;
            timed.run()
        }],
    )
    .run();
    case(
        "hub::core::Loop::run_callback_notify | Notify",
        &[|timed, trap| {
            let notifier = Notifier(RefCell::new(Some(Sprung(trap))));
            timed.loop_.run_callback_notify(Rc::new(notifier))?;
            timed.run()
        }],
    )
    .run();
    case(
        "hub::core::ThreadsafeLoop::run_callback_notify_threadsafe | Notify",
        &[|timed, trap| {
            TRAP.set(Some(trap));
            let remote = timed.loop_.threadsafe();
            remote.run_callback_notify_threadsafe(Arc::new(Told))?;
            timed.run()
        }],
    )
    .run();
}

/// The loop's error handler, and the code of the errors themselves.
#[test]
fn error_handlers() {
    let mut case = case(
        "hub::core::Loop::set_error_handler | ErrorHandler; hub::core::ErrorHandler::handle_error | Fn",
        &[|timed, trap| {
            let call = trap.call();
            let handler = move |_: Context<'_>, _: Exception| call();
            timed.loop_.set_error_handler(Some(Rc::new(handler)));
            timed.loop_.run_callback(|| Err(Exception::msg("an error")))?;
            timed.run()
        }],
    );
    // A panic of the handler is printed.
    case.after = |timed, _| timed.check(Action::Wait);
    case.run();
}

/// A panic whose payload panics when it is dropped, in a loop with and without an error handler.
#[test]
fn payloads_of_panics() {
    // The type has no size, because the last payload is never dropped and would be a leak.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new(Bomb));
        }
    }
    let explode = || -> TestResult { std::panic::resume_unwind(Box::new(Bomb)) };
    super::trap::in_thread("payloads", move || {
        for handled in [true, false] {
            let timed = Timed::new();
            if !handled {
                timed.loop_.set_error_handler(None);
            }
            timed.loop_.run_callback(explode)?;
            timed.timer.start(explode)?;
            let prepare = timed.loop_.prepare()?;
            prepare.start({
                let prepare = prepare.clone();
                move || {
                    prepare.stop()?;
                    explode()
                }
            })?;
            timed.loop_.timer(0.0)?.with_priority(-2)?.start(timed.counts())?;
            while timed.others.get() == 0 {
                timed.loop_.run()?;
            }
            timed.loop_.set_error_handler(None);
            timed.loop_.destroy()?;
        }
        Ok(())
    });
}

#[derive(Clone)]
struct Rescheduled {
    timed: Timed,
    periodic: Periodic,
}

/// Runs the loop, and stops the watcher after a while: after a panic it never fires again, but stays started.
fn stops_later(loop_: &Loop, periodic: Periodic) -> TestResult {
    let timer = loop_.timer(0.01)?;
    timer.start(move || Ok(periodic.stop()?))?;
    Ok(())
}

#[test]
fn reschedule_functions() {
    Case {
        name: "hub::core::Loop::periodic_reschedule, hub::core::Periodic::set_reschedule | Fn",
        place: Place::Pinned,
        make: || {
            let timed = Timed::new();
            let periodic = timed.loop_.periodic(0.0, 0.0).expect("a periodic");
            Rescheduled { timed, periodic }
        },
        calls: &[
            |object: Rescheduled, trap| {
                let call = trap.call();
                object.periodic.set_reschedule(move |now| {
                    call();
                    now + 0.0001
                })?;
                object.periodic.start({
                    let periodic = object.periodic.clone();
                    move || Ok(periodic.stop()?)
                })?;
                let timed = object.timed.clone();
                stops_later(&timed.loop_, object.periodic.clone())?;
                drop(object);
                timed.run()
            },
            |object, trap| {
                let call = trap.call();
                let periodic = object.timed.loop_.periodic_reschedule(move |now| {
                    call();
                    now + 0.0001
                })?;
                let its = periodic.clone();
                periodic.start(move || Ok(its.stop()?))?;
                let timed = object.timed.clone();
                stops_later(&timed.loop_, periodic.clone())?;
                drop((object, periodic));
                timed.run()
            },
        ],
        uses: |object| {
            let _ = (object.periodic.at(), object.periodic.again(), object.periodic.stop());
            let _ = object.periodic.set(time(), 1.0);
            let _ = object.periodic.set_reschedule(|now| now + 1.0);
            object.timed.use_it();
        },
        waits: None,
        after: |object, action| {
            let _ = object.periodic.stop();
            object.timed.check(action);
        },
    }
    .run();
}

/// The timer is started where it is not refused, so that the loop waits, and has something to do.
fn released(timed: Timed, trap: Trap) -> TestResult {
    let call = trap.call();
    timed.loop_.set_loop_release_cb(Some(Rc::new(Release(call))))?;
    let result = timed.loop_.run_nowait().map(drop).map_err(Exception::from);
    timed.loop_.set_loop_release_cb(None)?;
    result.and_then(|()| timed.run())
}

struct Release<F: Fn()>(F);

impl<F: Fn()> LoopRelease for Release<F> {
    fn release(&self) {
        (self.0)();
    }

    fn acquire(&self) {}
}

#[test]
fn callbacks_around_the_wait() {
    Case {
        name: "hub::core::Loop::set_loop_release_cb | LoopRelease",
        place: Place::Pinned,
        make: Timed::new,
        calls: &[released],
        uses: Timed::use_it,
        waits: None,
        after: |timed, _| {
            // A panic is printed, and is no error of the loop.
            timed.check(Action::Wait);
        },
    }
    .run();
}

#[test]
fn hooks_of_rounds() {
    case(
        "hub::core::Loop::set_round_hook | Fn",
        &[|timed, trap| {
            let (loop_, call) = (timed.loop_.clone(), trap.call());
            timed.loop_.set_round_hook(move || {
                loop_.clear_round_hook();
                call();
            })?;
            timed.run()
        }],
    )
    .run();
}

/// The callback is set for the whole process, so no other test may reach it. The test checks its results afterwards,
/// because a panic in the callback goes nowhere.
#[test]
fn the_system_error_callback() {
    use hub::core::{Error, set_syserr_cb};
    let _one = crate::core_support::one_at_a_time();
    for action in [Action::Panic, Action::Wait, Action::Reenter, Action::Drop] {
        let name = format!("hub::core::set_syserr_cb | Fn: {action:?}");
        super::trap::in_thread(&name, move || {
            get_hub();
            let found = Arc::new(Mutex::new(Vec::new()));
            let its = found.clone();
            let here = std::thread::current().id();
            set_syserr_cb(Some(Arc::new(move |_: &str, _: std::io::Error| {
                if std::thread::current().id() != here {
                    return;
                }
                let note = |what| its.lock().expect("nobody panics with it").push(what);
                match action {
                    Action::Panic => {
                        note("called");
                        std::panic::resume_unwind(Box::new("a trap"));
                    }
                    Action::Wait => match sleep(0) {
                        Err(error) if error.is::<GreenletError>() => note("called"),
                        _ => note("it has waited"),
                    },
                    Action::Reenter => match get_hub().loop_().run_nowait() {
                        Err(Error::Uninterruptible(_)) => note("called"),
                        _ => note("it has run a loop"),
                    },
                    _ => {
                        set_syserr_cb(None);
                        note("called");
                    }
                }
            })));
            let loop_ = Loop::new("epoll", false)?;
            loop_.set_error_handler(Some(Rc::new(|_: Context<'_>, _: Exception| ())));
            // `epoll_wait` fails for a descriptor that is no epoll descriptor.
            let fd = loop_.fileno().expect("it has one");
            // SAFETY: both descriptors are open. The loop's own is replaced by a copy of another file.
            unsafe {
                let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY);
                assert!(null >= 0 && libc::dup2(null, fd) == fd);
                libc::close(null);
            }
            let fired = Rc::new(Cell::new(false));
            let fires = fired.clone();
            loop_.timer(0.0)?.start(move || fires.set(true))?;
            loop_.run_nowait()?;
            set_syserr_cb(None);
            assert_eq!(*found.lock().expect("as above"), ["called"]);
            assert!(fired.get(), "libev goes on");
            Ok(())
        });
    }
}
