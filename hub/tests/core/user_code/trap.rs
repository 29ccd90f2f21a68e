//! [`Trap`]: what user code does, once. [`Case`]: where it is set.

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

/// Longer than any case takes.
pub(crate) const LONG: f64 = 60.0;

/// Where the code is called, which says what a wait in it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It may wait.
    Greenlet,
    /// It may not, as in gevent.
    Hub,
    /// It may not, nor switch by hand: libev is half-way through something.
    Pinned,
    /// In the main greenlet, at the end of everything: there is no hub any more.
    End,
}

/// A place in user code. It does what it is told once.
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

    /// A function that springs it.
    pub(crate) fn call(&self) -> impl Fn() + 'static {
        let trap = self.clone();
        move || trap.spring()
    }

    /// Something that springs it when it is dropped.
    pub(crate) fn on_drop(&self) -> SpringOnDrop {
        SpringOnDrop(self.clone())
    }
}

pub(crate) struct SpringOnDrop(Trap);

impl SpringOnDrop {
    /// Makes a closure capture it.
    pub(crate) fn touch(&self) {}
}

impl Drop for SpringOnDrop {
    fn drop(&mut self) {
        self.0.spring();
    }
}

/// A situation in which user code runs inside ours.
pub(crate) struct Case<O: 'static> {
    /// The places and the code, as in the table.
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    /// Makes the object.
    pub(crate) make: fn() -> O,
    /// Does with it what calls the trapped code; each is tried by itself.
    pub(crate) calls: &'static [fn(O, Trap) -> TestResult],
    /// Uses it, without having to wait for long.
    pub(crate) uses: fn(&O),
    /// Waits in it.
    pub(crate) waits: Option<fn(&O) -> TestResult>,
    /// Looks afterwards whether it works, and nothing is lost.
    pub(crate) after: fn(O, Action),
}

/// What the trap gets at.
struct Stage<O> {
    place: Place,
    object: RefCell<Option<O>>,
    waiter: RefCell<Option<RawGreenlet>>,
    uses: fn(&O),
    /// Who uses the object on behalf of the trap.
    user: RefCell<Option<RawGreenlet>>,
    /// The greenlet that is to be unwound.
    parked: RefCell<Option<RawGreenlet>>,
    /// What is not as it should be. A panic may go nowhere, where the trap is.
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
                // At the end there is nobody to spawn.
                let Ok(user) = user else { return };
                self.user.replace(Some(user.clone()));
                while !user.dead() && self.wait() {}
            }
            Action::Die | Action::DieSoon if self.place == Place::Greenlet => {
                let killed = kill(&current, GreenletExit);
                if action == Action::Die {
                    let waited = killed.and_then(|()| sleep(LONG));
                    if !waited
                        .as_ref()
                        .is_err_and(|error| error.is::<GreenletExit>())
                    {
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
                waiter
                    .iter()
                    .for_each(|waiter| _ = kill(waiter, GreenletExit));
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

    /// Says whether that is possible here.
    fn wait(&self) -> bool {
        let waited = sleep(0);
        let is_as_it_should_be = match (self.place, &waited) {
            (Place::Greenlet, _) => true,
            (Place::Hub, Err(error)) => error.is::<BlockingSwitchOutError>(),
            (Place::Pinned, Err(error)) => {
                error.downcast_ref::<GreenletError>() == Some(&GreenletError::Pinned)
            }
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
                in_thread(
                    &format!("{}, call {index}: {action:?}", self.name),
                    move || run_once(place, make, call, uses, waits, after, action),
                );
            }
        }
    }
}

/// Runs it in a thread of its own, and fails if that takes too long.
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
            // What is to happen then.
            return call(make(), trap.clone());
        }
        let object = make();
        stage.object.replace(Some(object.clone()));
        // A waiter would have a handle.
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
        // With `Drop` nobody but the victim has one.
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
        // The end is the place of the call.
        assert_eq!(ran.is_err(), action == Action::Panic);
        return Ok(());
    }
    ran.unwrap_or_else(|panic| resume_unwind(panic))?
}
