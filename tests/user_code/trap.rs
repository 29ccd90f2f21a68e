//! [`Trap`]: what user code does, once. [`Value`]: a value with one in its `Clone`, `Ord`, .. [`Case`]: where it is
//! set.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::action::Action;
use crate::support::{LONG, TestResult, bounded};
use gevent::event::Event;
use gevent::greenlet_core::RawGreenlet;
use gevent::hub::{ExceptionStream, get_hub_if_exists};
use gevent::{Exception, Greenlet, Kill, get_hub, getcurrent, kill, sleep, spawn};

/// In which code of a value the trap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Clone,
    Ord,
    Debug,
    Drop,
}

static IDS: AtomicU64 = AtomicU64::new(1);

/// The traps that have been sprung.
static SPRUNG: Mutex<Option<HashSet<u64>>> = Mutex::new(None);

type Act = Rc<dyn Fn()>;

thread_local! {
    /// What the traps of this thread do; each does it once.
    static ARMED: RefCell<HashMap<u64, Act>> = RefCell::default();
}

/// A place in user code. In the thread in which it was made it does what it is told, once. In others, which are those
/// of thread pools, it panics or waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trap {
    id: u64,
    action: Action,
}

impl Trap {
    fn new(action: Action, act: Act) -> Trap {
        let id = IDS.fetch_add(1, Relaxed);
        ARMED.with_borrow_mut(|armed| armed.insert(id, act));
        Trap { id, action }
    }

    pub(crate) fn spring(self) {
        let is_first = {
            let mut sprung = SPRUNG.lock().expect("nobody panics with it");
            sprung.get_or_insert_default().insert(self.id)
        };
        if !is_first {
            return;
        }
        let armed = ARMED.with_borrow_mut(|armed| armed.remove(&self.id));
        match (armed, self.action) {
            (Some(act), _) => act(),
            (None, Action::Panic) => panic!("a trap in another thread"),
            (None, _) => drop(sleep(0)),
        }
    }

    fn is_sprung(self) -> bool {
        let sprung = SPRUNG.lock().expect("nobody panics with it");
        sprung.as_ref().is_some_and(|all| all.contains(&self.id))
    }
}

/// A value whose code springs a trap.
pub(crate) struct Value {
    pub(crate) number: u32,
    trap: Option<(Code, Trap)>,
}

impl Value {
    pub(crate) fn plain(number: u32) -> Value {
        Value { number, trap: None }
    }

    pub(crate) fn trapped(number: u32, code: Code, trap: Trap) -> Value {
        let trap = Some((code, trap));
        Value { number, trap }
    }

    fn spring(&self, code: Code) {
        if let Some((its, trap)) = self.trap
            && its == code
        {
            trap.spring();
        }
    }
}

impl Clone for Value {
    fn clone(&self) -> Value {
        self.spring(Code::Clone);
        Value {
            number: self.number,
            trap: self.trap,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        self.spring(Code::Ord);
        other.spring(Code::Ord);
        self.number.cmp(&other.number)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spring(Code::Debug);
        write!(f, "value {}", self.number)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Value {}

impl Drop for Value {
    fn drop(&mut self) {
        self.spring(Code::Drop);
    }
}

impl gevent::Plain for Value {}

/// A situation in which user code runs inside ours.
pub(crate) struct Case<O> {
    /// The places and their code, as in the table.
    pub(crate) names: &'static [&'static str],
    /// Makes the object.
    pub(crate) make: fn(Trap) -> O,
    /// Does with it what calls the trapped code; each is tried by itself.
    pub(crate) calls: Vec<fn(&O, Trap) -> TestResult>,
    /// Uses it, without having to wait for long.
    pub(crate) others: fn(&O),
    /// Waits in it.
    pub(crate) waits: Option<fn(&O) -> TestResult>,
    /// Looks afterwards whether it works, and nothing is lost.
    pub(crate) after: fn(&O),
}

/// What the trap gets at.
struct Stage<O> {
    object: RefCell<Option<O>>,
    waiter: RefCell<Option<Greenlet<()>>>,
    others: fn(&O),
    /// Who uses the object on behalf of the trap.
    user: RefCell<Option<Greenlet<()>>>,
    /// The greenlet that is to be unwound.
    parked: RefCell<Option<RawGreenlet>>,
    unwinds: Cell<bool>,
}

impl<O: Clone + 'static> Stage<O> {
    fn act(&self, action: Action) {
        let current = getcurrent();
        let in_greenlet =
            current.parent().is_some() && get_hub_if_exists().is_none_or(|hub| *hub.greenlet() != current);
        match action {
            Action::Panic => panic!("a trap"),
            Action::Wait => {
                drop(sleep(0));
                drop(sleep(0));
            }
            Action::WaitForUser => {
                let (done, object) = (Event::new(), self.object.borrow().clone());
                let (its, others) = (SetOnDrop(done.clone()), self.others);
                let user = spawn(move || {
                    let _set = its;
                    if let Some(object) = object {
                        others(&object);
                    }
                });
                self.user.replace(Some(user));
                drop(done.wait());
            }
            Action::Die | Action::DieSoon if in_greenlet => {
                kill(&current, gevent::GreenletExit).expect("the loop is alive");
                if action == Action::Die {
                    assert!(sleep(LONG).is_err());
                }
            }
            Action::Unwind if in_greenlet => {
                self.parked.replace(Some(current));
                self.unwinds.set(true);
                drop(sleep(LONG));
            }
            // Not in the hub.
            Action::Die | Action::DieSoon | Action::Unwind => {}
            Action::KillWaiter => {
                let waiter = self.waiter.borrow().clone();
                if let Some(waiter) = waiter {
                    let kill = Kill::default().nonblocking();
                    waiter.kill_with(kill).expect("the loop is alive");
                }
                drop(sleep(0));
            }
            Action::Reenter => {
                let object = self.object.borrow().clone();
                if let Some(object) = object {
                    (self.others)(&object);
                }
            }
            Action::Drop => {
                drop(self.object.take());
                drop(self.waiter.take());
            }
        }
    }
}

/// Tells somebody that it is over, whatever ends it.
pub(crate) struct SetOnDrop(pub(crate) Event);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

impl<O: Clone + 'static> Case<O> {
    /// Tries all actions in all calls.
    pub(crate) fn run(self) {
        for (index, call) in self.calls.iter().enumerate() {
            for action in Action::ALL {
                let _named = NameOnPanic(format!("{:?}, call {index}: {action:?}", self.names));
                self.run_once(*call, action).expect("nobody kills the test");
            }
        }
    }

    fn run_once(&self, call: fn(&O, Trap) -> TestResult, action: Action) -> TestResult {
        let _bounded = bounded();
        get_hub().set_exception_stream(ExceptionStream::Discard);
        let stage = Rc::new(Stage {
            object: RefCell::new(None),
            waiter: RefCell::new(None),
            others: self.others,
            user: RefCell::new(None),
            parked: RefCell::new(None),
            unwinds: Cell::new(false),
        });
        let its = stage.clone();
        let trap = Trap::new(action, Rc::new(move || its.act(action)));
        let object = (self.make)(trap);
        stage.object.replace(Some(object.clone()));
        if let Some(waits) = self.waits {
            let object = object.clone();
            let waiter = spawn(move || waits(&object));
            stage.waiter.replace(Some(waiter));
            sleep(0)?;
            sleep(0)?;
        }
        let waiter = stage.waiter.borrow().clone();
        let its = object.clone();
        let victim = spawn(move || call(&its, trap));
        // With `Drop` nobody but the victim has one.
        let kept = (action != Action::Drop).then_some(object);
        while !(trap.is_sprung() && (victim.ready() || stage.unwinds.get())) {
            sleep(0.0001)?;
            let parked = stage.parked.take();
            if let Some(parked) = parked {
                parked.unwind();
            }
        }
        let parked = stage.parked.take();
        if let Some(parked) = parked {
            parked.unwind();
        }
        victim.join_timeout(LONG)?;
        assert!(victim.ready(), "it hangs");
        sleep(0)?;
        if let Some(user) = stage.user.take() {
            user.join_timeout(LONG)?;
            assert!(user.successful(), "others cannot use it: {user:?}");
        }
        if let Some(object) = kept {
            (self.after)(&object);
            if let Some(waiter) = waiter {
                waiter.join_timeout(LONG)?;
                assert!(waiter.ready(), "somebody is left waiting");
            }
        } else if let Some(waiter) = waiter {
            waiter.kill()?;
        }
        drop(stage.object.take());
        sleep(0)
    }
}

/// Says which case it was that failed.
struct NameOnPanic(String);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in {}", self.0);
        }
    }
}

/// What a call is to be without a trap.
pub(crate) fn ok<T>(_: T) -> TestResult {
    Ok(())
}

/// For results in which only panics would be wrong.
pub(crate) fn any(_: Result<impl Sized, Exception>) {}
