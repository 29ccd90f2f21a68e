//! [`Trap`]: user code that does one thing, once. [`each`] tries all things that it can do.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{GreenletError, GreenletExit, RawGreenlet, Value, getmain, live_greenlets, unwind_all};

use super::action::Action;

/// A place in user code that does its [`Action`] once. It waits by a switch to the main greenlet, which switches back.
#[derive(Clone)]
pub(crate) struct Trap(Rc<TrapBody>);

struct TrapBody {
    action: Action,
    sprung: Cell<bool>,
    /// Uses the object.
    uses: RefCell<Option<Rc<dyn Fn()>>>,
    /// The handles of the object that can be dropped.
    handles: RefCell<Option<Box<dyn std::any::Any>>>,
    asks: Cell<Ask>,
    user: RefCell<Option<RawGreenlet>>,
    /// The error with which a wait is refused there.
    refuses: Cell<Option<GreenletError>>,
    /// Another result of a wait. It is kept, because a panic may go nowhere from where the trap is.
    wrong: RefCell<Option<String>>,
}

/// The thing that the main greenlet is to do when it is switched to.
#[derive(Clone, Copy, PartialEq)]
enum Ask {
    Nothing,
    Kill,
    Unwind,
}

impl Trap {
    pub(crate) fn new(action: Action) -> Trap {
        Trap(Rc::new(TrapBody {
            action,
            sprung: Cell::new(false),
            uses: RefCell::default(),
            handles: RefCell::default(),
            asks: Cell::new(Ask::Nothing),
            user: RefCell::default(),
            refuses: Cell::new(None),
            wrong: RefCell::default(),
        }))
    }

    /// Sets the function that uses the object, and its handles besides the caller's.
    pub(crate) fn is_about(&self, uses: impl Fn() + 'static, handles: impl Sized + 'static) {
        self.0.uses.replace(Some(Rc::new(uses)));
        self.0.handles.replace(Some(Box::new(handles)));
    }

    pub(crate) fn refuses(&self, error: GreenletError) {
        self.0.refuses.set(Some(error));
    }

    pub(crate) fn spring(&self) {
        if self.0.sprung.replace(true) {
            return;
        }
        let uses = self.0.uses.borrow().clone();
        match self.0.action {
            Action::Panic => resume_unwind(Box::new("a trap")),
            Action::Wait => {
                self.wait();
                self.wait();
            }
            Action::WaitForUser => {
                let uses = move || uses.iter().for_each(|uses| uses());
                let user = RawGreenlet::builder().parent(&getmain()).build(move |_| {
                    uses();
                    Ok(Value::None)
                });
                self.0.user.replace(Some(user.clone()));
                while self.wait() && !user.dead() {}
            }
            Action::DieSoon | Action::KillWaiter => unreachable!("{:?}", self.0.action),
            Action::Die => {
                self.0.asks.set(Ask::Kill);
                self.wait();
            }
            Action::Unwind => {
                self.0.asks.set(Ask::Unwind);
                self.wait();
            }
            Action::Reenter => uses.iter().for_each(|uses| uses()),
            Action::Drop => {
                drop(uses);
                drop(self.0.uses.take());
                drop(self.0.handles.take());
            }
        }
    }

    fn wait(&self) -> bool {
        let waited = getmain().switch(());
        let is_right = match (self.0.refuses.get(), &waited) {
            (Some(refused), Err(error)) => error.downcast_ref() == Some(&refused),
            (Some(_), Ok(_)) => false,
            (None, Err(error)) => error.is::<GreenletExit>(),
            (None, Ok(_)) => self.0.action != Action::Die,
        };
        if !is_right {
            self.0.wrong.replace(Some(format!("{waited:?}")));
        }
        waited.is_ok()
    }
}

/// Tries all actions: for each, `f` runs in a greenlet, and `after` is called afterwards.
pub(crate) fn each(name: &'static str, f: fn(Trap), after: fn(Action)) {
    // The other two actions are for the crates above, which have kills that come later and objects to wait in.
    let is_ours = |action: &Action| !matches!(action, Action::DieSoon | Action::KillWaiter);
    for action in Action::ALL.into_iter().filter(is_ours) {
        let case = move || {
            let trap = Trap::new(action);
            let (its, panicked) = (trap.clone(), Rc::new(Cell::new(false)));
            let panics = panicked.clone();
            let g = RawGreenlet::new(move |_| {
                match catch(|| f(its)) {
                    Ok(()) => {}
                    Err(Caught::Panic(_)) => panics.set(true),
                    Err(Caught::Forced(unwind)) => unwind.resume(),
                }
                Ok(Value::None)
            });
            for step in 0.. {
                assert!(step < 10_000, "it does not end");
                match trap.0.asks.replace(Ask::Nothing) {
                    Ask::Kill => drop(g.throw(GreenletExit)),
                    Ask::Unwind => assert!(g.unwind()),
                    Ask::Nothing => drop(g.switch(()).expect("it catches its errors")),
                }
                let user = trap.0.user.borrow().clone();
                if let Some(user) = user.filter(|user| !user.dead()) {
                    user.switch(()).expect("others can use it");
                }
                if g.dead() {
                    break;
                }
            }
            assert!(trap.0.sprung.get(), "nobody has called it");
            assert_eq!(trap.0.wrong.take(), None);
            assert!(!panicked.get() || action == Action::Panic);
            trap.0.uses.take();
            trap.0.handles.take();
            after(action);
        };
        let thread = thread::spawn(move || {
            let ended = catch_unwind(AssertUnwindSafe(case));
            unwind_all();
            assert!(ended.is_err() || live_greenlets() == 0);
            ended.unwrap_or_else(|panic| resume_unwind(panic));
        });
        if let Err(panic) = thread.join() {
            eprintln!("in {name}: {action:?}");
            resume_unwind(panic);
        }
    }
}

pub(crate) fn nothing(_: Action) {}

pub(crate) struct SpringOnDrop(pub(crate) Trap);

impl Drop for SpringOnDrop {
    fn drop(&mut self) {
        self.0.spring();
    }
}

thread_local! {
    pub(crate) static COUNT: Cell<u32> = const { Cell::new(0) };
    /// The trap of user code that cannot own it.
    pub(crate) static TRAP: RefCell<Option<Trap>> = const { RefCell::new(None) };
}

pub(crate) fn count() {
    COUNT.set(COUNT.get() + 1);
}

pub(crate) fn spring_in_thread() {
    let trap = TRAP.take();
    trap.iter().for_each(Trap::spring);
}

pub(crate) struct CountOnDrop;

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        count();
    }
}
