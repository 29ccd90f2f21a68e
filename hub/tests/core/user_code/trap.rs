//! [`Trap`]: user code that does one of several actions, once. [`Case`]: the situation in which it is called.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{GreenletError, GreenletExit, RawGreenlet, getcurrent};
use hub::exceptions::BlockingSwitchOutError;
use hub::{ExceptionStream, get_hub, kill, sleep, spawn_raw};

pub(crate) use super::action::Action;
pub(crate) use crate::core_support::TestResult;

/// A time that is longer than any case takes, in seconds.
pub(crate) const LONG: f64 = 60.0;

/// The kind of place where the user code is called, which decides the outcome of a wait in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The user code may wait.
    Greenlet,
    /// The user code runs in the hub, and may not wait, as in gevent.
    Hub,
    /// The user code may neither wait nor switch by hand: libev is half-way through something.
    Pinned,
    /// The user code runs in the main greenlet, at the end of `run`, when the hub is destroyed.
    End,
}

/// A piece of user code, which does its action the first time it is called.
#[derive(Clone)]
pub(crate) struct Trap(Rc<Inner>);

struct Inner {
    sprung: Cell<bool>,
    act: Box<dyn Fn()>,
}

impl Trap {
    pub(crate) fn spring(&self) {
        if !self.0.sprung.replace(true) {
            (self.0.act)();
        }
    }

    pub(crate) fn is_sprung(&self) -> bool {
        self.0.sprung.get()
    }

    /// A function that springs the trap.
    pub(crate) fn call(&self) -> impl Fn() + 'static {
        let trap = self.clone();
        move || trap.spring()
    }

    /// A value that springs the trap when it is dropped.
    pub(crate) fn on_drop(&self) -> SpringOnDrop {
        SpringOnDrop(self.clone())
    }
}

pub(crate) struct SpringOnDrop(Trap);

impl SpringOnDrop {
    /// Makes a closure capture the value.
    pub(crate) fn touch(&self) {}
}

impl Drop for SpringOnDrop {
    fn drop(&mut self) {
        self.0.spring();
    }
}

/// A situation in which our code calls user code.
pub(crate) struct Case<O: 'static> {
    /// The functions and the kinds of user code, as in the table of docs/user-code.md.
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    /// Makes the object.
    pub(crate) make: fn() -> O,
    /// Functions that use the object so that it calls the trap. Each is tried by itself.
    pub(crate) calls: &'static [fn(O, Trap) -> TestResult],
    /// Uses the object, without waiting for long.
    pub(crate) uses: fn(&O),
    /// Waits in the object.
    pub(crate) waits: Option<fn(&O) -> TestResult>,
    /// Checks afterwards that the object works, and nothing is lost.
    pub(crate) after: fn(O, Action),
}

/// The things that the actions of a trap need.
struct Stage<O> {
    place: Place,
    object: RefCell<Option<O>>,
    waiter: RefCell<Option<RawGreenlet>>,
    uses: fn(&O),
    /// The greenlet that uses the object for the trap.
    user: RefCell<Option<RawGreenlet>>,
    /// The greenlet that is to be unwound.
    parked: RefCell<Option<RawGreenlet>>,
    /// A failure that was found, which is checked at the end: where the trap is called, a panic may be caught.
    wrong: RefCell<Option<String>>,
}

impl<O: Clone + 'static> Stage<O> {
    fn act(self: &Rc<Self>, action: Action) {
        let current = getcurrent();
        match action {
            Action::Panic => resume_unwind(Box::new("a trap")),
            Action::Wait => {
                self.wait();
                self.wait();
            }
            Action::WaitForUser => {
                let its = self.clone();
                let user = spawn_raw(move || its.use_it());
                // At `Place::End` no greenlet can be spawned.
                let Ok(user) = user else { return };
                self.user.replace(Some(user.clone()));
                while !user.dead() && self.wait() {}
            }
            Action::Die | Action::DieSoon if self.place == Place::Greenlet => {
                let killed = kill(&current, GreenletExit);
                if action == Action::Die {
                    let waited = killed.and_then(|()| sleep(LONG));
                    if !waited.as_ref().is_err_and(|error| error.is::<GreenletExit>()) {
                        self.is_wrong(format!("the kill is {waited:?}"));
                    }
                }
            }
            Action::Unwind if self.place == Place::Greenlet => {
                self.parked.replace(Some(current));
                drop(sleep(LONG));
            }
            Action::Die | Action::DieSoon | Action::Unwind => _ = self.wait(),
            Action::KillWaiter => {
                let waiter = self.waiter.borrow().clone();
                waiter.iter().for_each(|waiter| _ = kill(waiter, GreenletExit));
                self.wait();
            }
            Action::Reenter => self.use_it(),
            Action::Drop => {
                let object = self.object.take();
                drop(object);
            }
        }
    }

    fn use_it(&self) {
        let object = self.object.borrow().clone();
        match catch(|| object.iter().for_each(self.uses)) {
            Ok(()) => {}
            Err(Caught::Panic(panic)) => self.is_wrong(format!("it cannot be used: {panic:?}")),
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }

    fn is_wrong(&self, what: String) {
        self.wrong.replace(Some(what));
    }

    /// Waits, checks that the outcome is the right one for the place, and returns whether it could wait.
    fn wait(&self) -> bool {
        let waited = sleep(0);
        let is_as_it_should_be = match (self.place, &waited) {
            (Place::Greenlet, _) => true,
            (Place::Hub, Err(error)) => error.is::<BlockingSwitchOutError>(),
            (Place::Pinned, Err(error)) => error.downcast_ref::<GreenletError>() == Some(&GreenletError::Pinned),
            (Place::End, Err(error)) => error.is::<hub::core::HubDestroyed>(),
            (_, Ok(())) => false,
        };
        if !is_as_it_should_be {
            self.is_wrong(format!("a wait in {:?} is {waited:?}", self.place));
        }
        waited.is_ok()
    }
}

impl<O: Clone + 'static> Case<O> {
    /// Tries all actions in all calls.
    pub(crate) fn run(self) {
        for (index, call) in self.calls.iter().enumerate() {
            for action in Action::ALL {
                let Case {
                    place,
                    make,
                    uses,
                    waits,
                    after,
                    ..
                } = self;
                let call = *call;
                in_thread(&format!("{}, call {index}: {action:?}", self.name), move || {
                    run_once(place, make, call, uses, waits, after, action)
                });
            }
        }
    }
}

/// Runs `f` in a thread of its own, and fails if that takes too long.
pub(crate) fn in_thread(name: &str, f: impl FnOnce() -> TestResult + Send + 'static) {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| f().expect("nobody kills the test")));
        let _ = sender.send(());
        ended.unwrap_or_else(|panic| resume_unwind(panic));
    });
    let timed_out = receiver.recv_timeout(Duration::from_secs_f64(LONG));
    assert_ne!(timed_out, Err(RecvTimeoutError::Timeout), "{name}: hangs");
    if let Err(panic) = thread.join() {
        eprintln!("in {name}");
        resume_unwind(panic);
    }
}

fn run_once<O: Clone + 'static>(
    place: Place,
    make: fn() -> O,
    call: fn(O, Trap) -> TestResult,
    uses: fn(&O),
    waits: Option<fn(&O) -> TestResult>,
    after: fn(O, Action),
    action: Action,
) -> TestResult {
    let stage = Rc::new(Stage {
        place,
        object: RefCell::new(None),
        waiter: RefCell::new(None),
        uses,
        user: RefCell::new(None),
        parked: RefCell::new(None),
        wrong: RefCell::new(None),
    });
    let its = stage.clone();
    let trap = Trap(Rc::new(Inner {
        sprung: Cell::new(false),
        act: Box::new(move || its.act(action)),
    }));
    let run = || -> TestResult {
        get_hub().set_exception_stream(ExceptionStream::Discard);
        if place == Place::End {
            // The call only prepares the trap; the end of `run` springs it.
            return call(make(), trap.clone());
        }
        let object = make();
        stage.object.replace(Some(object.clone()));
        // With `Drop` there is no waiter, which would own a handle.
        if let Some(waits) = waits.filter(|_| action != Action::Drop) {
            let object = object.clone();
            let waiter = spawn_raw(move || waits(&object))?;
            stage.waiter.replace(Some(waiter));
            sleep(0)?;
        }
        let (its, used) = (object.clone(), trap.clone());
        let panicked = Rc::new(Cell::new(false));
        let victim = spawn_raw({
            let panicked = panicked.clone();
            move || match catch(|| call(its, used)) {
                Ok(result) => result,
                Err(Caught::Panic(exception)) => {
                    panicked.set(true);
                    Err(exception)
                }
                Err(Caught::Forced(unwind)) => unwind.resume(),
            }
        })?;
        // With `Drop` only the victim has a handle.
        let kept = (action != Action::Drop).then_some(object);
        while !(trap.is_sprung() && victim.dead()) {
            sleep(0.0001)?;
            let parked = stage.parked.take();
            parked.iter().for_each(|parked| assert!(parked.unwind()));
        }
        assert!(
            !panicked.get() || action == Action::Panic,
            "a panic that is not the trap's"
        );
        if let Some(user) = stage.user.take() {
            while !user.dead() {
                sleep(0)?;
            }
        }
        if let Some(object) = kept {
            after(object, action);
            if let Some(waiter) = stage.waiter.take() {
                while !waiter.dead() {
                    sleep(0)?;
                }
            }
        }
        drop(stage.object.take());
        Ok(())
    };
    let ran = catch_unwind(AssertUnwindSafe(|| hub::run(run)));
    assert!(trap.is_sprung(), "nobody has called it");
    assert_eq!(stage.wrong.take(), None);
    if place == Place::End {
        // The trap was sprung at the end of `run`, which has passed on its panic.
        assert_eq!(ran.is_err(), action == Action::Panic);
        return Ok(());
    }
    ran.unwrap_or_else(|panic| resume_unwind(panic))?
}
