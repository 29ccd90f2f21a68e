//! User code that a hub calls: hooks, callbacks, the functions of greenlets, and code at the hub's beginning and end.

use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use super::trap::{Action, Case, Place, TestResult, Trap, in_thread};
use greenlet_core::{Exception, GreenletExit, Label, RawGreenlet, getcurrent};
use hub::core::{Events, Io, Watcher};
use hub::exceptions::NestedRunError;
use hub::{
    Hub, WaitHub, get_hub, kill, mask_kill, run, run_main, set_hub, set_new_hub_hook, set_switch_out, sleep, spawn_raw,
    spawn_raw_with, throw_unless_masked,
};

#[derive(Debug, thiserror::Error)]
#[error("cancelled")]
struct Cancelled;

type Hook = Rc<dyn Fn()>;

/// A hub, a watcher that a greenlet may wait for, and the number of calls.
#[derive(Clone)]
struct Served {
    hub: Hub,
    watcher: Io,
    /// The pipe of the watcher. Nothing is ever written to it.
    _pipe: Rc<(std::os::unix::net::UnixStream, std::os::unix::net::UnixStream)>,
    called: Rc<Cell<u32>>,
    hooks: Rc<RefCell<Vec<Hook>>>,
}

impl Served {
    fn new() -> Served {
        use std::os::fd::AsRawFd;
        let pipe = std::os::unix::net::UnixStream::pair().expect("a pair");
        let hub = get_hub();
        let watcher = hub.loop_().io(pipe.0.as_raw_fd(), Events::READ).expect("a watcher");
        Served {
            hub,
            watcher,
            _pipe: Rc::new(pipe),
            called: Rc::default(),
            hooks: Rc::default(),
        }
    }

    fn counts(&self) -> impl Fn() + 'static {
        let called = self.called.clone();
        move || called.set(called.get() + 1)
    }

    fn use_it(&self) {
        let _ = (format!("{:?}", self.hub), self.hub.blocked_greenlets());
        self.hub.set_name("used");
        let _ = self.hub.loop_().run_callback(|| ());
        let _ = self.hub.cancel_wait(&self.watcher, Cancelled, false);
        let _ = self.hub.end_wait(&self.watcher);
    }

    fn wait(&self) -> TestResult {
        self.hub.wait_on_watcher(&self.watcher, None)
    }

    fn check(self, _: Action) {
        // Greenlets that wait for the watcher are woken.
        let cancelled = self.hub.cancel_wait(&self.watcher, Cancelled, false);
        cancelled.expect("the loop is alive");
        (0..3).for_each(|_| sleep(0.0).expect("nobody kills the test"));
        let waited = self.hub.wait_on_watcher(&self.watcher, 0.001);
        assert!(waited.expect_err("nothing comes").is::<hub::TimedOut>());
        assert!(!self.watcher.has_callback());
    }
}

fn case(name: &'static str, place: Place, calls: &'static [fn(Served, Trap) -> TestResult]) -> Case<Served> {
    Case {
        name,
        place,
        make: Served::new,
        calls,
        uses: Served::use_it,
        waits: Some(Served::wait),
        after: Served::check,
    }
}

/// Waits until the trap was sprung in the hub.
fn until_sprung(trap: &Trap) -> TestResult {
    while !trap.is_sprung() {
        sleep(0.0001)?;
    }
    Ok(())
}

/// The label of a greenlet, which springs the trap when it is asked for the name.
struct Labelled(Trap);

impl Label for Labelled {
    fn label(&self) -> Option<String> {
        self.0.spring();
        None
    }
}

#[test]
fn greenlets() {
    case(
        "hub::sleep::{spawn_raw, spawn_raw_with} | FnOnce",
        Place::Greenlet,
        &[|_, trap| {
            let greenlet = spawn_raw(trap.call())?;
            while !greenlet.dead() {
                sleep(0)?;
            }
            Ok(())
        }],
    )
    .run();
    // The label is user code, too.
    case(
        "hub::sleep::spawn_raw_with | Label",
        Place::Greenlet,
        &[|_, trap| {
            let named = RawGreenlet::builder().label(Labelled(trap));
            let greenlet = spawn_raw_with(named, || Ok(()))?;
            drop(greenlet.name());
            sleep(0)
        }],
    )
    .run();
    // The values that the function owns are dropped when it never runs.
    case(
        "hub::sleep::{spawn_raw, spawn_raw_with} | Drop",
        Place::Greenlet,
        &[|_, trap| {
            let owned = trap.on_drop();
            let greenlet = spawn_raw(move || owned.touch())?;
            assert!(greenlet.discard());
            Ok(())
        }],
    )
    .run();
}

#[test]
fn wake_ups_of_hubs() {
    case(
        "hub::hub::Hub::run_soon, waiter::hub::WaitHub::run_soon | FnOnce",
        Place::Hub,
        &[|served, trap| {
            let call = trap.call();
            let queued = WaitHub::run_soon(
                &served.hub,
                Box::new(move || {
                    call();
                    Ok(())
                }),
            );
            assert!(queued.is_ok());
            until_sprung(&trap)
        }],
    )
    .run();
}

#[test]
fn cancelled_waits() {
    /// Starts a greenlet that waits for a watcher which is to be closed.
    fn waiter(served: &Served) -> Result<(Watcher, greenlet_core::RawGreenlet), Exception> {
        let watcher: Watcher = served.hub.loop_().timer(60.0)?.into();
        let (its, hub) = (watcher.clone(), served.hub.clone());
        let waiter = spawn_raw(move || {
            assert!(hub.wait(&its).expect_err("it is cancelled").is::<Cancelled>());
        })?;
        sleep(0)?;
        Ok((watcher, waiter))
    }
    fn ends(waiter: &greenlet_core::RawGreenlet) -> TestResult {
        while !waiter.dead() {
            sleep(0)?;
        }
        Ok(())
    }
    let mut cancel = case(
        "hub::hub::Hub::cancel_waits_close_and_then | FnOnce",
        Place::Hub,
        &[|served, trap| {
            let (watcher, waiter) = waiter(&served)?;
            served
                .hub
                .cancel_waits_close_and_then([watcher], Cancelled, trap.call())?;
            until_sprung(&trap)?;
            ends(&waiter)
        }],
    );
    cancel.waits = None;
    cancel.run();
    let mut cancel = case(
        "hub::hub::Hub::cancel_waits_close_and_then | Iterator, Into",
        Place::Greenlet,
        &[
            |served, trap| {
                let (watcher, waiter) = waiter(&served)?;
                let guard = Ends(waiter.clone());
                let all = [watcher].into_iter().inspect(|_| trap.spring());
                served.hub.cancel_waits_close_and_then(all, Cancelled, || ())?;
                ends(&waiter)?;
                drop(guard);
                Ok(())
            },
            |served, trap| {
                struct Made(Trap);
                impl From<Made> for Exception {
                    fn from(made: Made) -> Exception {
                        made.0.spring();
                        Cancelled.into()
                    }
                }
                let (watcher, waiter) = waiter(&served)?;
                let guard = Ends(waiter.clone());
                served.hub.cancel_waits_close_and_then([watcher], Made(trap), || ())?;
                ends(&waiter)?;
                drop(guard);
                Ok(())
            },
        ],
    );
    cancel.waits = None;
    cancel.run();
    // All waiters are woken, whatever one of them does.
    let mut cancel = case(
        "hub::hub::Hub::cancel_waits_close_and_then | Drop",
        Place::Hub,
        &[|served, trap| {
            let (watcher, waiter) = waiter(&served)?;
            let first: Watcher = served.hub.loop_().timer(60.0)?.into();
            let owned = trap.on_drop();
            first.start(move || owned.touch())?;
            let then = served.counts();
            served
                .hub
                .cancel_waits_close_and_then([first, watcher], Cancelled, then)?;
            until_sprung(&trap)?;
            ends(&waiter)?;
            assert_eq!(served.called.get(), 1);
            Ok(())
        }],
    );
    cancel.waits = None;
    cancel.run();
}

/// Ends a greenlet when it is dropped.
struct Ends(greenlet_core::RawGreenlet);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.unwind();
    }
}

#[test]
fn checks_before_a_wait() {
    case(
        "hub::hub::Hub::wait_on_watcher_unless | FnOnce",
        Place::Greenlet,
        &[|served, trap| {
            let timer = served.hub.loop_().timer(0.001)?;
            served.hub.wait_on_watcher_unless(&timer, None, || {
                trap.spring();
                Ok(false)
            })
        }],
    )
    .run();
}

#[test]
fn hooks_before_a_wait() {
    case(
        "hub::switch_out::set_switch_out | Fn",
        Place::Greenlet,
        &[|_, trap| {
            let inside = Cell::new(false);
            set_switch_out(
                &getcurrent(),
                Rc::new(move || {
                    // The hook is called before its own waits, too.
                    if !inside.replace(true) {
                        trap.spring();
                    }
                    inside.set(false);
                    Ok(())
                }),
            );
            sleep(0)?;
            sleep(0.0001)
        }],
    )
    .run();
}

#[test]
fn hooks_of_a_fork() {
    let mut reinit = case(
        "hub::hub::Hub::on_reinit | Fn",
        Place::Greenlet,
        &[|served, trap| {
            let (first, second): (Hook, Hook) = (Rc::new(trap.call()), Rc::new(served.counts()));
            served.hub.on_reinit(Rc::downgrade(&first));
            served.hub.on_reinit(Rc::downgrade(&second));
            served.hooks.replace(vec![second]);
            let hub = served.hub.clone();
            let ended = hub.reinit();
            drop(first);
            ended
        }],
    );
    reinit.after = |served, action| {
        assert_eq!(served.called.get(), 1, "the other is called all the same");
        served.check(action);
    };
    reinit.run();
}

#[test]
fn hooks_of_the_end() {
    thread_local! {
        static OTHERS: Cell<u32> = const { Cell::new(0) };
        static HOOKS: RefCell<Vec<Hook>> = const { RefCell::new(Vec::new()) };
    }
    let mut end = case(
        "hub::hub::Hub::on_end | Fn",
        Place::End,
        &[|served, trap| {
            let hooks: [Hook; 3] = [
                Rc::new(|| OTHERS.set(OTHERS.get() + 1)),
                Rc::new(trap.call()),
                Rc::new(|| OTHERS.set(OTHERS.get() + 1)),
            ];
            hooks.iter().for_each(|hook| served.hub.on_end(Rc::downgrade(hook)));
            HOOKS.set(hooks.to_vec());
            Ok(())
        }],
    );
    end.waits = None;
    end.run();
}

#[test]
fn masks() {
    // Kills are held back in the masked function, so each action is tested by itself.
    in_thread("hub::mask::mask_kill | FnOnce", || {
        let inside = Rc::new(Cell::new(0));
        let counts = |inside: &Rc<Cell<u32>>| CountOnDrop(inside.clone());
        let ends = |greenlet: greenlet_core::RawGreenlet| -> TestResult {
            while !greenlet.dead() {
                sleep(0)?;
            }
            Ok(())
        };
        // The function waits, and enters a mask of its own meanwhile.
        let its = counts(&inside);
        ends(spawn_raw(move || {
            mask_kill(|| {
                let _its = its;
                mask_kill(|| sleep(0)).and_then(|()| sleep(0))
            })
        })?)?;
        // The greenlet is killed; the kill arrives when the function is over.
        let its = counts(&inside);
        let killed = spawn_raw(move || {
            mask_kill(|| sleep(0.001)).expect("it is held back");
            let _its = its;
            assert!(sleep(60).expect_err("the kill").is::<GreenletExit>());
        })?;
        sleep(0)?;
        kill(&killed, GreenletExit)?;
        ends(killed)?;
        // The greenlet is unwound in the function, and kills do not matter any more.
        let its = counts(&inside);
        let unwound = spawn_raw(move || {
            mask_kill(|| {
                let _its = its;
                sleep(60)
            })
        })?;
        sleep(0)?;
        kill(&unwound, GreenletExit)?;
        sleep(0)?;
        assert!(unwound.unwind());
        sleep(0)?;
        assert_eq!(inside.get(), 3);
        Ok(())
    });
    in_thread("hub::mask::mask_kill | FnOnce, killed and panicking", || {
        let greenlet = spawn_raw(|| {
            let caught = greenlet_core::unwind::catch(|| {
                mask_kill(|| {
                    kill(&getcurrent(), GreenletExit).expect("the loop is alive");
                    sleep(0).expect("it is held back");
                    std::panic::resume_unwind(Box::new("a trap"));
                })
            });
            assert!(caught.is_err());
            assert!(sleep(1).expect_err("the kill").is::<GreenletExit>());
        })?;
        while !greenlet.dead() {
            sleep(0)?;
        }
        Ok(())
    });
    case(
        "hub::mask::throw_unless_masked | Fn",
        Place::Hub,
        &[|_, trap| {
            let victim = spawn_raw(|| sleep(60))?;
            sleep(0)?;
            let _ends = Ends(victim.clone());
            let (call, its) = (trap.call(), victim.clone());
            let wanted = move || {
                call();
                true
            };
            let throw = move || {
                let back = throw_unless_masked(&its, wanted, Cancelled.into());
                assert!(back.expect_err("it comes back").is::<Cancelled>());
            };
            get_hub().loop_().run_callback(throw)?;
            until_sprung(&trap)
        }],
    )
    .run();
}

#[test]
fn runs() {
    in_thread("hub::run::run | FnOnce", || {
        // The function waits.
        run(|| sleep(0))??;
        // The function panics. The greenlets are ended all the same.
        let panicked = std::panic::catch_unwind(|| {
            let _ = run(|| -> () { std::panic::resume_unwind(Box::new("a trap")) });
        });
        assert!(panicked.is_err() && hub::get_hub_if_exists().is_none());
        // The function calls `run` again.
        run(|| assert!(run(|| ()).expect_err("nested").is::<NestedRunError>()))?;
        // The function drops the hub.
        run(|| set_hub(None))?;
        // The function returns a value whose destructor panics, and the end of the greenlets panics, too.
        let panicked = std::panic::catch_unwind(|| {
            let _ = run(|| {
                let hook: Hook = Rc::new(|| std::panic::resume_unwind(Box::new("a hook")));
                get_hub().on_end(Rc::downgrade(&hook));
                HookThatPanics(hook)
            });
        });
        assert_eq!(panicked.expect_err("it is the hook's").downcast_ref(), Some(&"a hook"));
        assert!(hub::get_hub_if_exists().is_none());
        Ok(())
    });
}

#[test]
fn runs_of_main() {
    in_thread("hub::run_main::run_main | FnOnce", || {
        // The function waits.
        assert_eq!(run_main(|| sleep(0)), ExitCode::SUCCESS);
        // The function panics.
        let panicked = std::panic::catch_unwind(|| {
            run_main(|| -> () { std::panic::resume_unwind(Box::new("a trap")) });
        });
        assert!(panicked.is_err() && hub::get_hub_if_exists().is_none());
        // The function calls `run_main` again: only that call fails.
        let nested = || assert_eq!(run_main(|| ()), ExitCode::FAILURE);
        assert_eq!(run_main(nested), ExitCode::SUCCESS);
        // The function drops the hub.
        assert_eq!(run_main(|| set_hub(None)), ExitCode::SUCCESS);
        Ok(())
    });
}

/// The destruction of a hub is completed, whatever the destructors of its callbacks do.
#[test]
fn ends() {
    struct Acts(Action, Hub);
    impl Drop for Acts {
        fn drop(&mut self) {
            match self.0 {
                Action::Panic => std::panic::resume_unwind(Box::new("a trap")),
                Action::Wait => {
                    let error = self.1.switch().expect_err("the hub is gone");
                    assert!(error.is::<hub::core::HubDestroyed>());
                }
                Action::Reenter => self.1.destroy(true).expect("twice is fine"),
                _ => set_hub(None),
            }
        }
    }
    for action in [Action::Panic, Action::Wait, Action::Reenter, Action::Drop] {
        in_thread(&format!("hub::hub::Hub::destroy | Drop: {action:?}"), move || {
            let hub = get_hub();
            let (acts, waits) = (Acts(action, hub.clone()), Rc::new(Cell::new(0)));
            let timer = hub.timer(60.0)?;
            timer.start(move || _ = &acts)?;
            let its = waits.clone();
            spawn_raw(move || {
                let _counts = CountOnDrop(its);
                sleep(60)
            })?;
            sleep(0)?;
            let destroy = std::panic::AssertUnwindSafe(|| hub.destroy(true));
            match std::panic::catch_unwind(destroy) {
                Ok(destroyed) => destroyed?,
                Err(_) => assert_eq!(action, Action::Panic),
            }
            assert!(hub.destroyed() && hub.loop_().destroyed());
            assert!(hub::get_hub_if_exists().is_none());
            drop((timer, hub));
            // The next hub serves the thread.
            run(|| sleep(0.0001))??;
            assert_eq!(waits.get(), 1);
            Ok(())
        });
    }
}

struct CountOnDrop(Rc<Cell<u32>>);

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

struct HookThatPanics(#[expect(dead_code, reason = "is kept")] Hook);

impl Drop for HookThatPanics {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("a value"));
    }
}

#[test]
fn hooks_of_new_hubs() {
    let _one = crate::core_support::one_at_a_time();
    for action in [Action::Panic, Action::Wait, Action::Reenter, Action::Drop] {
        in_thread(&format!("hub::local::set_new_hub_hook | Fn: {action:?}"), move || {
            let here = std::thread::current().id();
            set_new_hub_hook(Some(Arc::new(move |hub: &Hub| {
                if std::thread::current().id() != here {
                    return;
                }
                match action {
                    Action::Panic => std::panic::resume_unwind(Box::new("a trap")),
                    Action::Wait => sleep(0).expect("the hub is there"),
                    Action::Reenter => assert_eq!(get_hub(), *hub),
                    _ => set_new_hub_hook(None),
                }
            })));
            let ended = run(|| {
                let made = std::panic::catch_unwind(get_hub);
                assert_eq!(made.is_err(), action == Action::Panic);
                sleep(0)
            });
            set_new_hub_hook(None);
            ended?
        });
    }
}

#[test]
fn signals() {
    let _one = crate::core_support::one_at_a_time();
    case(
        "hub::signal::watch_signal | Fn",
        Place::Hub,
        &[|_, trap| {
            let call = trap.call();
            // No other test watches this signal, which belongs to one loop.
            let handler = hub::watch_signal(libc::SIGURG, call)?;
            let cancels = CancelOnDrop(handler);
            // SAFETY: the signal has a handler.
            unsafe { libc::raise(libc::SIGURG) };
            until_sprung(&trap)?;
            drop(cancels);
            Ok(())
        }],
    )
    .run();
}

struct CancelOnDrop(hub::SignalHandler);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
