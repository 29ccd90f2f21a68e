//! Code of users inside ours: functions, destructors, tracers, errors may panic, wait, be killed or unwound, use the very
//! object again, or drop it. Each case names the places and the code it is about, as docs/user-code.md does.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;

use greenlet_core::unwind::{self, Caught, call_each, catch, drop_each};
use greenlet_core::{
    Attached, Chain, Data, Event, Exception, GreenletError, GreenletExit, Label, Object, Raised,
    RawGreenlet, Slack, ThreadSlot, Tracer, Value, at_thread_end, getcurrent, getmain, greenlets,
    live_greenlets, may_switch, pinned, settrace, unwind_all,
};

/// What user code does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Panic,
    Wait,
    /// For somebody who uses the very object.
    WaitForUser,
    /// It is killed while it waits.
    Die,
    /// It is unwound while it waits.
    Unwind,
    /// It uses the very object.
    Reenter,
    /// It drops the last handles that others have of the object.
    Drop,
}

const ACTIONS: [Action; 7] = [
    Action::Panic,
    Action::Wait,
    Action::WaitForUser,
    Action::Die,
    Action::Unwind,
    Action::Reenter,
    Action::Drop,
];

/// A place in user code, which does what it is told once. To wait is to switch to the main greenlet, which comes back.
#[derive(Clone)]
struct Trap(Rc<Inner>);

struct Inner {
    action: Action,
    sprung: Cell<bool>,
    /// How to use the object, and the handles of it that can be dropped.
    uses: RefCell<Option<Rc<dyn Fn()>>>,
    handles: RefCell<Option<Box<dyn std::any::Any>>>,
    asks: Cell<Ask>,
    user: RefCell<Option<RawGreenlet>>,
    /// A wait is refused there.
    refuses: Cell<Option<GreenletError>>,
    /// A wait was something else. (A panic may go nowhere, where the trap is.)
    wrong: RefCell<Option<String>>,
}

/// What the main greenlet is to do when it is switched to.
#[derive(Clone, Copy, PartialEq)]
enum Ask {
    Nothing,
    Kill,
    Unwind,
}

impl Trap {
    fn new(action: Action) -> Trap {
        Trap(Rc::new(Inner {
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

    /// Says how to use the object, and which handles there are besides the caller's.
    fn is_about(&self, uses: impl Fn() + 'static, handles: impl Sized + 'static) {
        self.0.uses.replace(Some(Rc::new(uses)));
        self.0.handles.replace(Some(Box::new(handles)));
    }

    fn refuses(&self, error: GreenletError) {
        self.0.refuses.set(Some(error));
    }

    fn spring(&self) {
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

/// Tries all actions: `f` runs in a greenlet, and `after` is called afterwards.
fn each(name: &'static str, f: fn(Trap), after: fn(Action)) {
    for action in ACTIONS {
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

fn nothing(_: Action) {}

struct SpringOnDrop(Trap);

impl Drop for SpringOnDrop {
    fn drop(&mut self) {
        self.0.spring();
    }
}

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
    /// For what owns nothing.
    static TRAP: RefCell<Option<Trap>> = const { RefCell::new(None) };
}

fn count() {
    COUNT.set(COUNT.get() + 1);
}

fn spring_in_thread() {
    let trap = TRAP.take();
    trap.iter().for_each(Trap::spring);
}

struct CountOnDrop;

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        count();
    }
}

fn use_greenlet(g: &RawGreenlet) {
    let _ = (
        format!("{g:?}"),
        g.name(),
        g.info(),
        g.state(),
        g.parent(),
        g.object(),
    );
    let _ = (g.local::<u32>(), g.set_local(1_u32), g.take_local::<u32>());
    g.set_name("used");
    let _ = (g.is_current(), g.dead(), g.stack_usage(), greenlets().len());
    let _ = g.set_parent(&getmain());
}

#[test]
fn test_functions_of_greenlets() {
    each(
        "greenlet_core::builder::Builder::{build, build_with}, greenlet_core::core::RawGreenlet::new | FnOnce",
        |trap| {
            let its = trap.clone();
            let g = RawGreenlet::new(move |_| {
                its.spring();
                Ok(Value::None)
            });
            trap.is_about(
                {
                    let g = g.downgrade();
                    move || g.upgrade().iter().for_each(use_greenlet)
                },
                g.clone(),
            );
            // Its parent is this one, which gets its panic.
            let _ = g.switch(());
            count();
        },
        |action| {
            let expected = u32::from(action != Action::Unwind);
            assert_eq!(COUNT.get(), expected);
        },
    );
}

/// Data whose code springs.
#[derive(Default)]
struct Springs(Cell<Option<(At, Trap)>>);

#[derive(Clone, Copy, PartialEq)]
enum At {
    Unrun,
    Failed,
    Object,
    Drop,
}

impl Springs {
    fn spring(&self, at: At) {
        match self.0.take() {
            Some((its, trap)) if its == at => trap.spring(),
            other => self.0.set(other),
        }
    }
}

impl Data for Springs {
    fn unrun(greenlet: &Attached<Self>) {
        greenlet.spring(At::Unrun);
    }

    fn failed(greenlet: &Attached<Self>, reason: Exception) -> Result<(), Exception> {
        greenlet.spring(At::Failed);
        Err(reason)
    }

    fn object(greenlet: &Attached<Self>) -> Option<Box<dyn Object>> {
        greenlet.spring(At::Object);
        Some(Box::new(7))
    }
}

impl Drop for Springs {
    fn drop(&mut self) {
        self.spring(At::Drop);
    }
}

/// A greenlet that never runs, with a function that counts its drop.
fn unrun(at: At, trap: &Trap) -> Attached<Springs> {
    let owned = CountOnDrop;
    let springs = Springs(Cell::new(Some((at, trap.clone()))));
    let g = RawGreenlet::builder().build_with(springs, move |_, _| {
        let _owned = &owned;
        Ok(Value::None)
    });
    let weak = g.greenlet().downgrade();
    trap.is_about(move || weak.upgrade().iter().for_each(use_greenlet), ());
    g
}

#[test]
fn test_data_of_greenlets() {
    const NAME: &str = "greenlet_core::builder::Builder::build_with | Data";
    // Whatever it does, the function is dropped.
    let dropped = |_| assert_eq!(COUNT.get(), 1);
    each(
        NAME,
        |trap| assert!(unrun(At::Unrun, &trap).greenlet().discard()),
        dropped,
    );
    each(
        NAME,
        |trap| {
            let failed = unrun(At::Failed, &trap)
                .greenlet()
                .fail(GreenletExit.into());
            assert!(failed.is_err());
        },
        dropped,
    );
    each(
        NAME,
        |trap| {
            let object = unrun(At::Object, &trap).greenlet().object();
            assert!(object.is_some_and(|object| object.is::<i32>()));
        },
        dropped,
    );
    each(
        "greenlet_core::attached::Attached::drop | Drop",
        |trap| drop(unrun(At::Drop, &trap)),
        dropped,
    );
    each(
        "greenlet_core::attached::Attached::map | FnOnce",
        |trap| {
            let part = unrun(At::Drop, &Trap::new(Action::Wait));
            part.0.take();
            let part = part.map(|data| {
                trap.spring();
                data
            });
            drop(part);
        },
        dropped,
    );
}

#[test]
fn test_destructors_of_functions() {
    each(
        "greenlet_core::core::RawGreenlet::drop | Drop",
        |trap| {
            let owned = (CountOnDrop, SpringOnDrop(trap.clone()), CountOnDrop);
            let g = RawGreenlet::new(move |_| {
                let _owned = &owned;
                Ok(Value::None)
            });
            let weak = g.downgrade();
            trap.is_about(move || assert!(weak.upgrade().is_none()), ());
            drop(g);
        },
        |_| assert_eq!(COUNT.get(), 2),
    );
    // The same for parents that only their children keep, however many.
    each(
        "greenlet_core::core::RawGreenlet::drop | Drop",
        |trap| {
            let mut parent = getmain();
            for i in 0..5 {
                let spring = (i == 2).then(|| SpringOnDrop(trap.clone()));
                let owned = (CountOnDrop, spring);
                parent = RawGreenlet::builder().parent(&parent).build(move |_| {
                    let _owned = &owned;
                    Ok(Value::None)
                });
            }
            drop(parent);
        },
        |_| assert_eq!(COUNT.get(), 5),
    );
}

#[test]
fn test_names() {
    each(
        "greenlet_core::core::RawGreenlet::set_name_with | Fn",
        |trap| {
            let g = RawGreenlet::new(|_| Ok(Value::None));
            let (weak, its) = (g.downgrade(), trap.clone());
            trap.is_about(move || weak.upgrade().iter().for_each(use_greenlet), ());
            g.set_name_with(move || {
                its.spring();
                "a name".into()
            });
            // Named anew meanwhile, perhaps.
            let _ = (g.name(), g.set_name("another"));
            assert_eq!(g.name().as_deref(), Some("another"));
        },
        nothing,
    );
}

/// It says what a greenlet is called, or is dropped, in a trap.
struct Labelled(Option<Trap>, Option<Trap>);

impl Label for Labelled {
    fn label(&self) -> Option<String> {
        self.0.iter().for_each(Trap::spring);
        Some("a label".into())
    }
}

impl Drop for Labelled {
    fn drop(&mut self) {
        self.1.iter().for_each(Trap::spring);
    }
}

#[test]
fn test_labels() {
    each(
        "greenlet_core::builder::Builder::{build, build_with, label} | Label",
        |trap| {
            let label = Labelled(Some(trap.clone()), None);
            let g = RawGreenlet::builder()
                .label(label)
                .build(|_| Ok(Value::None));
            let weak = g.downgrade();
            trap.is_about(move || weak.upgrade().iter().for_each(use_greenlet), ());
            let _ = (g.name(), g.set_name("another"));
            assert_eq!(g.name().as_deref(), Some("another"));
        },
        nothing,
    );
    each(
        "greenlet_core::builder::Builder::drop | Drop",
        |trap| {
            trap.is_about(|| (), ());
            drop(RawGreenlet::builder().label(Labelled(None, Some(trap.clone()))));
        },
        nothing,
    );
}

/// Whose stack is given up has ended, whatever its name's function does.
#[test]
#[cfg_attr(
    any(feature = "asan", feature = "valgrind"),
    ignore = "what is on the stack leaks: that is the point"
)]
fn test_names_of_those_whose_stack_is_given_up() {
    each(
        "greenlet_core::core::RawGreenlet::set_name_with | Fn",
        |trap| {
            trap.refuses(GreenletError::Pinned);
            let its = trap.clone();
            let g = RawGreenlet::new(|_| Err(unwind::give_up("is a test").into()));
            g.set_name_with(move || {
                its.spring();
                "a name".into()
            });
            drop(g.switch(()));
            assert!(g.dead());
            count();
        },
        |_| assert_eq!(COUNT.get(), 1),
    );
}

#[derive(Clone, Copy, PartialEq)]
enum Code {
    Source,
    Display,
    Debug,
}

/// An error may leave its thread, so its trap is elsewhere.
struct Failure(Code);

impl Failure {
    fn new(code: Code, trap: Trap) -> Failure {
        TRAP.set(Some(trap));
        Failure(code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Code::Display {
            spring_in_thread();
        }
        f.write_str("failure")
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Code::Debug {
            spring_in_thread();
        }
        f.write_str("Failure")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if self.0 == Code::Source {
            spring_in_thread();
        }
        None
    }
}

#[test]
fn test_errors() {
    const NAME: &str = "greenlet_core::exception::{Chain::of, Exception::downcast_ref, Exception::is, \
                        Exception::from_local, Raised::raised} | Error";
    let cases: [fn(Trap); 7] = [
        |trap| assert_eq!(Chain::of(&Failure::new(Code::Source, trap)).count(), 1),
        |trap| {
            let exception = Exception::new(Failure::new(Code::Source, trap));
            assert!(!exception.is::<fmt::Error>());
        },
        |trap| {
            let exception = Exception::new(Failure::new(Code::Source, trap));
            assert!(exception.downcast_ref::<fmt::Error>().is_none());
        },
        |trap| {
            let local = Exception::from_local(Box::new(Failure::new(Code::Display, trap)));
            assert_eq!(local.to_string(), "failure");
        },
        |trap| {
            let local = Exception::from_local(Box::new(Failure::new(Code::Source, trap)));
            assert_eq!(local.to_string(), "failure");
        },
        // What is asked at the end of a greenlet: whether it was killed.
        |trap| {
            let ended = Exception::new(Failure::new(Code::Source, trap)).or_exit();
            assert!(ended.error().is::<Failure>());
        },
        |trap| {
            struct Made(Trap);
            impl From<Made> for Box<dyn Error + Send + Sync> {
                fn from(made: Made) -> Self {
                    made.0.spring();
                    "made".into()
                }
            }
            let raised = Err::<(), _>(Made(trap)).raised();
            assert_eq!(raised.expect_err("it fails").to_string(), "made");
        },
    ];
    cases.iter().for_each(|case| each(NAME, *case, nothing));
    const SHOWN: &str = "greenlet_core::exception::Exception::fmt | Error";
    let cases: [fn(Trap); 4] = [
        |trap| {
            let exception = Exception::new(Failure::new(Code::Display, trap));
            assert_eq!(exception.to_string(), "failure");
        },
        |trap| {
            let exception = Exception::new(Failure::new(Code::Display, trap));
            assert_eq!(format!("{exception:#}"), "failure");
        },
        |trap| {
            let exception = Exception::new(Failure::new(Code::Source, trap));
            assert_eq!(format!("{exception:#}"), "failure");
        },
        |trap| {
            let exception = Exception::new(Failure::new(Code::Debug, trap));
            assert!(format!("{exception:?}").starts_with("Failure"));
        },
    ];
    cases.iter().for_each(|case| each(SHOWN, *case, nothing));
}

#[test]
fn test_tracers() {
    each(
        "greenlet_core::trace::Tracer::new | Fn",
        |trap| {
            let its = trap.clone();
            // Both are told, and the tracer may be replaced meanwhile.
            trap.is_about(
                || {
                    let other = Tracer::new(|_: Event, _: &RawGreenlet, _: &RawGreenlet| Ok(()));
                    drop(settrace(settrace(Some(other))));
                },
                (),
            );
            let me = getcurrent().id();
            let tracer = Tracer::new(move |_, _, target| {
                if target.id() == me {
                    its.spring();
                }
                Ok(())
            });
            drop(settrace(Some(tracer)));
            let g = RawGreenlet::new(|_| Ok(Value::Token(7)));
            let got = g.switch(());
            drop(settrace(None));
            assert!(g.dead());
            if let Ok(got) = got {
                assert!(matches!(got, Value::Token(7)));
            }
        },
        |_| drop(settrace(None)),
    );
}

#[test]
fn test_pinned_functions() {
    each(
        "greenlet_core::pinned::pinned | FnOnce",
        |trap| {
            trap.refuses(GreenletError::Pinned);
            trap.is_about(
                || assert_eq!(pinned(may_switch), Err(GreenletError::Pinned)),
                (),
            );
            pinned(|| trap.spring());
        },
        |_| assert_eq!(may_switch(), Ok(())),
    );
}

#[test]
fn test_many_calls() {
    each(
        "greenlet_core::unwind::{call_each, catch} | FnOnce",
        |trap| {
            let functions: [&dyn Fn(); 5] =
                [&count, &|| trap.spring(), &count, &|| trap.spring(), &count];
            let caught = catch(|| call_each(functions));
            match caught {
                Ok(()) => {}
                Err(Caught::Panic(_)) => resume_unwind(Box::new("a trap")),
                Err(Caught::Forced(unwind)) => unwind.resume(),
            }
        },
        |_| assert_eq!(COUNT.get(), 3),
    );
    each(
        "greenlet_core::unwind::drop_each, greenlet_core::unwind::call_each | Iterator",
        |trap| {
            let all = (0..5).map(|i| {
                if i == 2 {
                    trap.spring();
                }
                CountOnDrop
            });
            drop_each(all);
        },
        |action| match action {
            // What the iterator has not given yet is nobody's.
            Action::Panic | Action::Unwind => assert_eq!(COUNT.get(), 2),
            _ => assert_eq!(COUNT.get(), 5),
        },
    );
    each(
        "greenlet_core::unwind::drop_each | Drop",
        |trap| {
            let all = (0..5).map(|i| (CountOnDrop, (i == 2).then(|| SpringOnDrop(trap.clone()))));
            drop_each(all.collect::<Vec<_>>());
        },
        |_| assert_eq!(COUNT.get(), 5),
    );
}

/// Who is unwound in one of many calls cannot wait in the others, and needs not swallow anything for that: its stack was given
/// up.
#[test]
fn test_the_rest_of_many_calls_cannot_wait_once_one_is_unwound() {
    let told = Rc::new(Cell::new(0));
    let its = told.clone();
    let g = RawGreenlet::new(move |_| {
        let _on_the_stack = CountOnDrop;
        let wait = || {
            let got = getmain().switch(());
            its.set(its.get() + i32::from(got.is_err_and(|error| error.is::<GreenletExit>())));
        };
        call_each([wait, wait, wait, wait]);
        Ok(Value::None)
    });
    g.switch(()).expect("it waits");
    assert!(g.unwind());
    assert_eq!((told.get(), COUNT.get()), (3, 1));
}

/// Payloads that panic when they are dropped keep nobody from his turn.
#[test]
fn test_payloads_that_panic() {
    // Without a size: the last of them is never dropped.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new(Bomb));
        }
    }
    let caught = catch(|| {
        let explode = || resume_unwind(Box::new(Bomb));
        let functions: [&dyn Fn(); 4] = [&explode, &explode, &count, &explode];
        call_each(functions);
    });
    let Err(Caught::Panic(first)) = caught else {
        panic!("{caught:?}");
    };
    assert_eq!(COUNT.get(), 1);
    assert!(catch(|| drop(first)).is_ok());
}

/// Hooks of the thread's end, and what its slots hold: nobody can wait there, and all have their turn.
#[test]
fn test_the_end_of_a_thread() {
    thread_local! {
        static SLOT: ThreadSlot<Option<Owned>> =
            const { ThreadSlot::new(None, || SLOT.with(ThreadSlot::clear)) };
    }
    struct Owned;
    impl Drop for Owned {
        fn drop(&mut self) {
            spring_at_the_end();
        }
    }
    thread_local! {
        static ACTION: Cell<Option<Action>> = const { Cell::new(None) };
    }
    fn spring_at_the_end() {
        match ACTION.get() {
            Some(Action::Panic) => resume_unwind(Box::new("a trap")),
            Some(Action::Reenter) => {
                at_thread_end(|| panic!("the thread is over"));
                SLOT.with(|slot| assert!(slot.with(|_| ()).is_none()));
            }
            Some(_) => {
                let error = RawGreenlet::new(|_| Ok(Value::None)).switch(());
                let error = error.expect_err("nobody runs any more");
                assert_eq!(error.downcast_ref(), Some(&GreenletError::ThreadEnding));
            }
            None => {}
        }
    }
    const NAME: &str = "greenlet_core::thread_end::at_thread_end, greenlet_core::thread_end::ThreadSlot::new | Fn; \
                        greenlet_core::thread_end::ThreadSlot::drop | Drop; \
                        greenlet_core::thread_end::ThreadSlot::clear | Default";
    static CALLED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    for (index, action) in [Action::Panic, Action::Wait, Action::Reenter]
        .into_iter()
        .enumerate()
    {
        let thread = thread::spawn(move || {
            ACTION.set(Some(action));
            let called = || _ = CALLED.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            at_thread_end(called);
            at_thread_end(spring_at_the_end);
            at_thread_end(called);
            SLOT.with(|slot| slot.with(|slot| slot.replace(Some(Owned))));
        });
        thread
            .join()
            .unwrap_or_else(|_| panic!("in {NAME}: {action:?}"));
        let called = CALLED.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(called as usize, 2 * (index + 1), "{NAME}: {action:?}");
    }
}

#[test]
fn test_what_a_slot_lends() {
    thread_local! {
        static SLOT: ThreadSlot<Vec<u32>> =
            const { ThreadSlot::new(Vec::new(), || SLOT.with(ThreadSlot::clear)) };
    }
    each(
        "greenlet_core::thread_end::ThreadSlot::with | FnOnce",
        |trap| {
            trap.is_about(
                || {
                    SLOT.with(|slot| {
                        slot.with(|slot| slot.borrow_mut().push(2))
                            .expect("it is there")
                    })
                },
                (),
            );
            // Lent by a `RefCell`, which is the function's own to borrow.
            SLOT.with(|slot| {
                slot.with(|slot| {
                    slot.borrow_mut().push(1);
                    trap.spring();
                    slot.borrow_mut().push(3);
                });
                let _ = format!("{slot:?}");
            });
        },
        |action| {
            let expected: &[u32] = match action {
                Action::Panic | Action::Unwind => &[1],
                Action::WaitForUser | Action::Reenter => &[1, 2, 3],
                _ => &[1, 3],
            };
            SLOT.with(|slot| slot.with(|slot| assert_eq!(*slot.borrow(), expected)));
        },
    );
}

/// Keys are hashed anew when a map gives memory back. It is lent for that: nobody can come into it.
#[test]
fn test_keys_that_are_hashed_anew() {
    #[derive(PartialEq, Eq)]
    struct Key(u64);
    impl Hash for Key {
        fn hash<H: Hasher>(&self, state: &mut H) {
            spring_in_thread();
            self.0.hash(state);
        }
    }
    each(
        "greenlet_core::slack::Slack::give_back | Hash",
        |trap| {
            // Enough: places of keys that were taken out do not always count as free.
            let mut map: HashMap<Key, u64> = (0..400_000).map(|i| (Key(i), i)).collect();
            map.retain(|key, _| key.0 < 100);
            TRAP.set(Some(trap));
            let result = catch(|| map.give_back());
            TRAP.take();
            assert!(
                (0..100).all(|i| map.get(&Key(i)) == Some(&i)),
                "items are lost"
            );
            match result {
                Ok(()) => {}
                Err(Caught::Panic(_)) => resume_unwind(Box::new("a trap")),
                Err(Caught::Forced(unwind)) => unwind.resume(),
            }
        },
        nothing,
    );
}
