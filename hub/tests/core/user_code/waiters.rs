//! User code that waiters and parks call: the code of the values that they carry, and of hubs that users implement.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::trap::{Action, Case, Place, TestResult, Trap};
use greenlet_core::{Exception, GreenletExit, RawGreenlet};
use hub::{Hub, MultipleWaiter, Park, Source, WaitHub, Waiter, get_hub, sleep};
use waiter::{Failed, Wake};

/// A value whose methods spring the trap.
struct Value {
    number: u32,
    clone: Option<Trap>,
    dropped: Option<Trap>,
}

impl Value {
    fn plain(number: u32) -> Value {
        Value {
            number,
            clone: None,
            dropped: None,
        }
    }
}

impl Clone for Value {
    fn clone(&self) -> Value {
        self.clone.iter().for_each(Trap::spring);
        Value::plain(self.number)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.dropped.iter().for_each(Trap::spring);
    }
}

type Cell = Waiter<Value>;

fn use_it(waiter: &Cell) {
    let _ = (waiter.ready(), waiter.successful(), format!("{waiter:?}"));
    let _ = (waiter.exception().is_some(), waiter.exc_info().is_some());
    // This value is for the next getter: one that has a value already keeps that.
    let _ = waiter.switch(Value::plain(2));
    let _ = waiter.value().map(|value| value.number);
    waiter.clear();
    let _ = waiter.switch(Value::plain(3));
}

/// Checks that the waiter stores and returns values, whatever it holds.
fn works(waiter: Cell, _: Action) {
    waiter.clear();
    assert!(!waiter.ready() && waiter.value().is_none());
    waiter.switch(Value::plain(7)).expect("nobody waits");
    assert_eq!(waiter.get().map(|value| value.number).expect("it is stored"), 7);
    waiter.clear();
    // The waiter also wakes a getter.
    let its = waiter.clone();
    let getter = hub::spawn_raw(move || {
        assert_eq!(its.get()?.number, 8);
        Ok(())
    })
    .expect("the loop is alive");
    sleep(0).expect("nobody kills the test");
    let hub = get_hub();
    let wake = hub.loop_().run_callback(move || Ok(waiter.switch(Value::plain(8))?));
    wake.expect("the loop is alive");
    while !getter.dead() {
        sleep(0).expect("nobody kills the test");
    }
}

fn case(name: &'static str, calls: &'static [fn(Cell, Trap) -> TestResult]) -> Case<Cell> {
    Case {
        name,
        place: Place::Greenlet,
        make: || Waiter::new(get_hub()),
        calls,
        uses: use_it,
        waits: None,
        after: works,
    }
}

fn store(waiter: &Cell, trap: &Trap) -> TestResult {
    let clone = Some(trap.clone());
    Ok(waiter.switch(Value {
        number: 1,
        clone,
        dropped: None,
    })?)
}

#[test]
fn values_are_cloned() {
    case(
        "waiter::waiter::Waiter::{get, value} | Clone",
        &[
            |waiter, trap| {
                store(&waiter, &trap)?;
                assert_eq!(waiter.get()?.number, 1);
                Ok(())
            },
            |waiter, trap| {
                store(&waiter, &trap)?;
                assert_eq!(waiter.value().map(|value| value.number), Some(1));
                Ok(())
            },
            // Two greenlets do it at once.
            |waiter, trap| {
                store(&waiter, &trap)?;
                let its = waiter.clone();
                let other = hub::spawn_raw(move || {
                    its.get()?;
                    its.clear();
                    Ok(())
                })?;
                assert_eq!(waiter.get()?.number, 1);
                while !other.dead() {
                    sleep(0)?;
                }
                Ok(())
            },
        ],
    )
    .run();
}

#[test]
fn values_are_dropped() {
    fn trapped(trap: &Trap) -> Value {
        Value {
            number: 1,
            clone: None,
            dropped: Some(trap.clone()),
        }
    }
    case(
        "waiter::waiter::Waiter::drop | Drop",
        &[
            |waiter, trap| {
                waiter.switch(trapped(&trap))?;
                waiter.clear();
                Ok(())
            },
            // The value is replaced.
            |waiter, trap| {
                waiter.switch(trapped(&trap))?;
                Ok(waiter.switch(Value::plain(2))?)
            },
            |waiter, trap| {
                waiter.switch(trapped(&trap))?;
                Ok(waiter.throw(GreenletExit)?)
            },
            // The value is dropped with the last handle of the waiter.
            |_, trap| {
                let waiter = Waiter::new(get_hub());
                waiter.switch(trapped(&trap))?;
                drop(waiter);
                Ok(())
            },
        ],
    )
    .run();
}

/// An object that springs the trap in one of its methods.
struct Springs {
    trap: Trap,
    at: u32,
}

impl Springs {
    fn spring(&self, at: u32) {
        if self.at == at {
            self.trap.spring();
        }
    }
}

impl Source<Value> for Springs {
    fn exception(&self) -> Option<Exception> {
        self.spring(0);
        None
    }

    fn value(&self) -> Option<Value> {
        self.spring(1);
        Some(Value::plain(1))
    }

    fn exit(&self) -> Option<Exception> {
        self.spring(2);
        None
    }
}

#[test]
fn sources() {
    case(
        "waiter::waiter::Waiter::call, waiter::multiple::MultipleWaiter::call | Source",
        &[
            |waiter, trap| Ok(MultipleWaiter::new(waiter.hub().clone()).call(&Springs { trap, at: 1 })?),
            |waiter, trap| Ok(waiter.call(&Springs { trap, at: 0 })?),
            |waiter, trap| Ok(waiter.call(&Springs { trap, at: 1 })?),
            |waiter, trap| Ok(waiter.call(&Springs { trap, at: 2 })?),
        ],
    )
    .run();
}

/// The error of a second getter has the name of the first getter's greenlet, which a function of a user's makes.
#[test]
fn names() {
    let mut case = case(
        "greenlet_core::core::RawGreenlet::set_name_with | Fn",
        &[|waiter, trap| {
            let its = waiter.clone();
            let getter = hub::spawn_raw(move || its.get().map(drop))?;
            let call = trap.call();
            getter.set_name_with(move || {
                call();
                "a getter".into()
            });
            sleep(0)?;
            let error = waiter.get().map(drop).expect_err("another one waits");
            assert!(error.is::<waiter::ConcurrentObjectUseError>());
            Ok(())
        }],
    );
    case.uses = |waiter| {
        let _ = format!("{waiter:?}");
        let getter = get_hub().blocked_greenlets().len();
        assert!(getter > 0);
    };
    case.after = |waiter, action| {
        let its = waiter.clone();
        let wake = get_hub().loop_().run_callback(move || Ok(its.switch(Value::plain(1))?));
        wake.expect("the loop is alive");
        sleep(0).expect("nobody kills the test");
        works(waiter, action);
    };
    case.run();
}

/// A hub that a user implements.
struct Their {
    hub: Hub,
    trap: RefCell<Option<(u32, Trap)>>,
}

impl fmt::Debug for Their {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hub")
    }
}

impl Their {
    fn new() -> Rc<Their> {
        let trap = RefCell::default();
        Rc::new(Their { hub: get_hub(), trap })
    }

    fn spring(&self, at: u32) {
        let is_here = matches!(&*self.trap.borrow(), Some((its, _)) if *its == at);
        let trap = if is_here { self.trap.take() } else { None };
        trap.iter().for_each(|(_, trap)| trap.spring());
    }
}

impl WaitHub for Their {
    fn greenlet(&self) -> &RawGreenlet {
        self.spring(0);
        self.hub.greenlet()
    }

    fn before_switch(&self) -> TestResult {
        self.spring(1);
        WaitHub::before_switch(&self.hub)
    }

    fn check_alive(&self) -> TestResult {
        self.spring(2);
        WaitHub::check_alive(&self.hub)
    }

    fn handle_error(&self, failed: Failed<'_>, exception: Exception) {
        self.spring(3);
        WaitHub::handle_error(&self.hub, failed, exception);
    }

    fn run_soon(&self, wake: Wake) -> Result<(), Wake> {
        self.spring(4);
        WaitHub::run_soon(&self.hub, wake)
    }

    fn is_current(&self) -> bool {
        self.spring(5);
        WaitHub::is_current(&self.hub)
    }
}

type OfTheirs = (Rc<Their>, Waiter<u32>, MultipleWaiter<u32>);

/// Calls `f` soon, in the real hub.
fn soon(f: impl FnOnce() -> TestResult + 'static) -> TestResult {
    get_hub().loop_().run_callback(f)?;
    Ok(())
}

fn get(theirs: OfTheirs, at: u32, trap: Trap) -> TestResult {
    theirs.0.trap.replace(Some((at, trap)));
    let waiter = theirs.1.clone();
    // Another wake-up may come first, so the result is ignored.
    let _ = waiter.get();
    Ok(())
}

fn get_multiple(theirs: OfTheirs, at: u32, trap: Trap) -> TestResult {
    theirs.0.trap.replace(Some((at, trap)));
    let waiter = theirs.2.clone();
    let _ = waiter.get();
    Ok(())
}

fn wakes(theirs: &OfTheirs) -> TestResult {
    let (waiter, multiple) = (theirs.1.clone(), theirs.2.clone());
    let timer = get_hub().timer(0.001)?;
    let kept = RefCell::new(Some(()));
    timer.start(move || {
        kept.take();
        waiter.switch(5)?;
        multiple.switch(6)?;
        Ok(())
    })?;
    // The timer is kept until it has fired.
    while timer.active() {
        sleep(0.001)?;
    }
    Ok(())
}

#[test]
fn hubs_of_others() {
    Case {
        name: "waiter::waiter::Waiter::new, waiter::multiple::MultipleWaiter::new, \
               waiter::park::Park::{new, on, wait, wait_for_any} | WaitHub",
        place: Place::Greenlet,
        make: || {
            let their = Their::new();
            let hub: Rc<dyn WaitHub> = their.clone();
            (their, Waiter::new(hub.clone()), MultipleWaiter::new(hub))
        },
        calls: &[
            |theirs: OfTheirs, trap| {
                hub::spawn_raw({
                    let theirs = theirs.clone();
                    move || wakes(&theirs)
                })?;
                get(theirs, 0, trap)
            },
            |theirs, trap| {
                hub::spawn_raw({
                    let theirs = theirs.clone();
                    move || wakes(&theirs)
                })?;
                get(theirs, 1, trap)
            },
            |theirs, trap| {
                hub::spawn_raw({
                    let theirs = theirs.clone();
                    move || wakes(&theirs)
                })?;
                get_multiple(theirs, 1, trap)
            },
            |theirs, trap| {
                theirs.0.trap.replace(Some((1, trap)));
                let park = Park::new(&*theirs.0)?;
                let resume = park.resume();
                soon(move || resume.switch())?;
                park.wait(&*theirs.0, &"a test")
            },
            |theirs, trap| {
                let park = Park::on(&*theirs.0, "test", 0)?;
                theirs.0.trap.replace(Some((0, trap)));
                let resume = park.resume();
                soon(move || resume.switch())?;
                park.wait_for_any(&*theirs.0).map(drop)
            },
            // The greenlet is switched to by hand: the park asks the hub whether that means that the hub has ended.
            |theirs, trap| {
                let park = Park::on(&*theirs.0, "test", 0)?;
                theirs.0.trap.replace(Some((2, trap)));
                let current = greenlet_core::getcurrent();
                soon(move || current.switch(()).map(drop))?;
                park.wait(&*theirs.0, &"a test").expect_err("a wrong wake-up");
                Ok(())
            },
        ],
        uses: |theirs| {
            let _ = format!("{:?} {:?}", theirs.1, theirs.2);
            let _ = (theirs.1.ready(), theirs.1.value(), theirs.1.exception());
        },
        waits: None,
        after: |theirs, _| {
            theirs.0.trap.take();
            theirs.1.clear();
            theirs.1.switch(1).expect("nobody waits");
            assert_eq!(theirs.1.get().expect("it is stored"), 1);
            // The value comes after those that came before.
            theirs.2.switch(2).expect("nobody waits");
            while theirs.2.get().expect("it is queued") != 2 {}
        },
    }
    .run();
}

/// The thing that a park waits for, which the error of a wrong switch shows.
struct WaitsOn(Trap);

impl fmt::Debug for WaitsOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.spring();
        f.write_str("a trap")
    }
}

#[test]
fn what_is_waited_on_is_shown() {
    case(
        "waiter::park::Park::wait | Debug",
        &[|_, trap| {
            let hub = get_hub();
            let park = Park::new(&hub)?;
            let current = greenlet_core::getcurrent();
            soon(move || current.switch(()).map(drop))?;
            park.wait(&hub, &WaitsOn(trap)).expect_err("a wrong wake-up");
            Ok(())
        }],
    )
    .run();
}

/// All values are dropped, whatever the destructor of one of them does.
#[test]
fn values_of_a_multiple_waiter_are_dropped() {
    struct Counts(Rc<std::cell::Cell<u32>>, Trap);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            self.1.spring();
        }
    }
    type Counted = (MultipleWaiter<u32>, Rc<std::cell::Cell<u32>>);
    Case {
        name: "waiter::multiple::MultipleWaiter::drop | Drop",
        place: Place::Greenlet,
        make: || (MultipleWaiter::new(get_hub()), Rc::default()),
        calls: &[|counted: Counted, trap| {
            let waiter = MultipleWaiter::new(get_hub());
            for _ in 0..3 {
                waiter.switch(Counts(counted.1.clone(), trap.clone()))?;
            }
            drop(waiter);
            Ok(())
        }],
        uses: |counted| _ = counted.0.switch(1),
        waits: None,
        after: |counted, _| assert_eq!(counted.1.get(), 3),
    }
    .run();
}

/// The conversion of a value into an exception is user code.
#[test]
fn exceptions_that_are_made() {
    struct Made(Trap);
    impl From<Made> for Exception {
        fn from(made: Made) -> Exception {
            made.0.spring();
            Exception::msg("made")
        }
    }
    let mut case = case(
        "waiter::waiter::Waiter::throw | Into",
        &[|waiter, trap| Ok(waiter.throw(Made(trap))?)],
    );
    case.waits = None;
    case.run();
}
