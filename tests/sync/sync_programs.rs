//! Runs random programs of greenlets that wait, set, release, kill and time out, in one thread. In the end no greenlet
//! may wait for an object that is ready, no permit may be lost or given twice, and the waiters must have been served in
//! their order.
//!
//! `PROPTEST_CASES=100000 cargo test --test sync sync_programs` tries more of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::bounded;
use gevent::event::{AsyncResult, Event};
use gevent::lock::{BoundedSemaphore, Condition, RLock, Semaphore};
use gevent::{Exception, Greenlet, GreenletExit, Kill, Timeout, joinall, sleep, spawn, threadsafe};
use proptest::prelude::*;

/// The ways in which a greenlet waits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    /// Without a time limit.
    Plain,
    /// With a time limit of 0 seconds.
    Short,
    /// Under a timeout of 0 seconds.
    Under,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    /// A new greenlet waits.
    Wait(How),
    /// Releases, sets or notifies.
    Give,
    /// Acquires without waiting, or clears.
    Take,
    /// Kills the n-th greenlet, soon.
    Kill(usize),
    /// Unwinds the n-th greenlet, if it is parked.
    Unwind(usize),
    /// The others' turn.
    Yield,
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![4 => Just(How::Plain), 1 => Just(How::Short), 1 => Just(How::Under)]
}

fn program() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => how().prop_map(Op::Wait),
        5 => Just(Op::Give),
        2 => Just(Op::Take),
        2 => (0..20_usize).prop_map(Op::Kill),
        1 => (0..20_usize).prop_map(Op::Unwind),
        4 => Just(Op::Yield),
    ];
    prop::collection::vec(op, 0..40)
}

/// Calls `wait` with the time limit of the given way. Returns None if a time was over.
fn wait_how<T>(
    how: How,
    wait: impl FnOnce(Option<f64>) -> Result<Option<T>, Exception>,
) -> Result<Option<T>, Exception> {
    match how {
        How::Plain => wait(None),
        How::Short => wait(Some(0.0)),
        How::Under => Ok(Timeout::new(0.0).silent(|| wait(None))?.flatten()),
    }
}

/// Carries out the steps that concern greenlets.
#[derive(Default)]
struct Greenlets(Vec<Greenlet<()>>);

impl Greenlets {
    fn step(&self, op: Op) -> Result<(), Exception> {
        match op {
            Op::Kill(n) if n < self.0.len() => {
                let kill = Kill::default().nonblocking();
                self.0[n].kill_with(kill).map(drop)
            }
            Op::Unwind(n) if n < self.0.len() => {
                let raw = self.0[n].raw();
                if raw.state() == greenlet_core::State::Suspended {
                    raw.unwind();
                }
                Ok(())
            }
            Op::Yield => sleep(0),
            _ => Ok(()),
        }
    }

    /// Lets all pending callbacks run, and timeouts of 0 seconds.
    fn settle(&self) -> Result<(), Exception> {
        for _ in 0..3 {
            sleep(0)?;
        }
        sleep(0.0001)?;
        sleep(0)
    }

    fn kill_all(&self) -> Result<(), Exception> {
        gevent::killall(&self.0)?;
        joinall(&self.0).map(drop)
    }
}

/// The objects on which the programs with permits run.
trait Permits: Clone + 'static {
    fn new(value: usize) -> Self;
    fn acquire(&self, timeout: Option<f64>) -> Result<bool, Exception>;
    fn try_take(&self) -> bool;
    fn give(&self);
    fn counter(&self) -> usize;
    fn waiting(&self) -> usize;
}

macro_rules! permits {
    ($type:ty, $new:expr, $linkcount:ident) => {
        impl Permits for $type {
            fn new(value: usize) -> Self {
                #[allow(clippy::redundant_closure_call)]
                $new(value)
            }
            fn acquire(&self, timeout: Option<f64>) -> Result<bool, Exception> {
                self.acquire_timeout(timeout)
            }
            fn try_take(&self) -> bool {
                self.try_acquire()
            }
            fn give(&self) {
                let _ = self.release();
            }
            fn counter(&self) -> usize {
                <$type>::counter(self)
            }
            fn waiting(&self) -> usize {
                self.$linkcount()
            }
        }
    };
}

permits!(Semaphore, Semaphore::new, linkcount);
permits!(threadsafe::Semaphore, threadsafe::Semaphore::new, linkcount);

/// A queue is a semaphore of its items.
impl Permits for threadsafe::Queue<()> {
    fn new(value: usize) -> Self {
        let queue = threadsafe::Queue::new();
        (0..value).for_each(|_| queue.put(()).expect("has no limit"));
        queue
    }
    fn acquire(&self, timeout: Option<f64>) -> Result<bool, Exception> {
        match self.get_timeout(timeout) {
            Ok(()) => Ok(true),
            Err(error) if error.is::<gevent::queue::Empty>() => Ok(false),
            Err(error) => Err(error),
        }
    }
    fn try_take(&self) -> bool {
        self.get_nowait().is_ok()
    }
    fn give(&self) {
        self.put(()).expect("has no limit");
    }
    fn counter(&self) -> usize {
        self.qsize()
    }
    fn waiting(&self) -> usize {
        self.getters()
    }
}

/// A queue is also a semaphore of its free places.
#[derive(Clone)]
struct Places(threadsafe::Queue<()>);

const PLACES: usize = 50;

impl Permits for Places {
    fn new(value: usize) -> Self {
        let queue = threadsafe::Queue::with_maxsize(PLACES);
        (value..PLACES).for_each(|_| queue.put(()).expect("has space"));
        Places(queue)
    }
    fn acquire(&self, timeout: Option<f64>) -> Result<bool, Exception> {
        match self.0.put_timeout((), timeout) {
            Ok(()) => Ok(true),
            Err(gevent::queue::PutError::Full(())) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
    fn try_take(&self) -> bool {
        self.0.put_nowait(()).is_ok()
    }
    fn give(&self) {
        self.0.get_nowait().expect("is there");
    }
    fn counter(&self) -> usize {
        PLACES - self.0.qsize()
    }
    fn waiting(&self) -> usize {
        self.0.putters()
    }
}

fn run_permits<P: Permits>(initial: usize, program: &[Op]) -> Result<(), Exception> {
    let permits = P::new(initial);
    let (given, taken) = (Cell::new(0_usize), Rc::new(Cell::new(0_usize)));
    // The tickets of the greenlets that had to wait, in the order in which they were served.
    let served = Rc::new(RefCell::new(Vec::new()));
    let tickets = Rc::new(Cell::new(0));
    let mut greenlets = Greenlets::default();
    for &op in program {
        match op {
            Op::Wait(how) => {
                let (permits, taken) = (permits.clone(), taken.clone());
                let (served, tickets) = (served.clone(), tickets.clone());
                greenlets.0.push(spawn(move || {
                    let ticket = (permits.counter() == 0).then(|| {
                        tickets.set(tickets.get() + 1);
                        tickets.get()
                    });
                    let acquired = wait_how(how, |timeout| Ok(permits.acquire(timeout)?.then_some(())))?;
                    if acquired.is_some() {
                        taken.set(taken.get() + 1);
                        served.borrow_mut().extend(ticket);
                    }
                    Ok(())
                }));
            }
            // No more is given than there are places.
            Op::Give if initial + given.get() < PLACES + taken.get() && permits.counter() < PLACES - 1 => {
                given.set(given.get() + 1);
                permits.give();
            }
            Op::Take => {
                if permits.try_take() {
                    taken.set(taken.get() + 1);
                }
            }
            other => greenlets.step(other)?,
        }
    }
    greenlets.settle()?;
    assert_eq!(initial + given.get(), permits.counter() + taken.get());
    assert!(permits.counter() == 0 || permits.waiting() == 0);
    assert!(served.borrow().is_sorted(), "{:?}", served.borrow());
    greenlets.kill_all()?;
    assert_eq!(initial + given.get(), permits.counter() + taken.get());
    assert_eq!(permits.waiting(), 0);
    Ok(())
}

/// The objects on which the programs with a flag run.
trait Flag: Clone + 'static {
    /// Whether a set wakes only greenlets that wait at that time, and not those that come after a clear and before the
    /// others are woken.
    const STRICT: bool;
    fn new() -> Self;
    fn wait(&self, timeout: Option<f64>) -> Result<bool, Exception>;
    fn set(&self);
    fn clear(&self);
    fn is_set(&self) -> bool;
    fn waiting(&self) -> usize;
}

macro_rules! flag {
    ($type:ty, $strict:literal) => {
        impl Flag for $type {
            const STRICT: bool = $strict;
            fn new() -> Self {
                <$type>::new()
            }
            fn wait(&self, timeout: Option<f64>) -> Result<bool, Exception> {
                self.wait_timeout(timeout)
            }
            fn set(&self) {
                <$type>::set(self);
            }
            fn clear(&self) {
                <$type>::clear(self);
            }
            fn is_set(&self) -> bool {
                <$type>::is_set(self)
            }
            fn waiting(&self) -> usize {
                self.linkcount()
            }
        }
    };
}

flag!(Event, false);
flag!(threadsafe::Event, true);

fn run_flag<F: Flag>(program: &[Op]) -> Result<(), Exception> {
    let event = F::new();
    let sets = Rc::new(Cell::new(0));
    // For each greenlet that waits for ever, how often the event had been set when it began.
    let waiting = Rc::new(RefCell::new(Vec::new()));
    let mut greenlets = Greenlets::default();
    for &op in program {
        match op {
            Op::Wait(how) => {
                let (event, sets, waiting) = (event.clone(), sets.clone(), waiting.clone());
                greenlets.0.push(spawn(move || {
                    let begin = (event.is_set(), sets.get());
                    let place = waiting.borrow().len();
                    waiting.borrow_mut().push((how == How::Plain).then_some(begin.1));
                    struct Over(Rc<RefCell<Vec<Option<i32>>>>, usize);
                    impl Drop for Over {
                        fn drop(&mut self) {
                            self.0.borrow_mut()[self.1] = None;
                        }
                    }
                    let _over = Over(waiting, place);
                    let got = wait_how(how, |timeout| Ok(event.wait(timeout)?.then_some(())))?;
                    // The wait has returned that the event was set, so it was set at the begin or since.
                    let before = if F::STRICT { begin.1 } else { 0 };
                    assert!(got.is_none() || begin.0 || sets.get() > before);
                    // The wait has not returned that, so the event was not set at the begin (unless an outer timeout
                    // came).
                    assert!(got.is_some() || !begin.0 || how == How::Under);
                    Ok(())
                }));
            }
            Op::Give => {
                sets.set(sets.get() + 1);
                event.set();
            }
            Op::Take => event.clear(),
            other => greenlets.step(other)?,
        }
    }
    greenlets.settle()?;
    // No greenlet waits that has seen a set.
    let waiting = waiting.borrow();
    let missed = (waiting.iter()).filter(|begin| begin.is_some_and(|n| n < sets.get()));
    assert_eq!(missed.count(), 0);
    drop(waiting);
    assert!(!event.is_set() || event.waiting() == 0);
    assert!(greenlets.0.iter().all(|g| g.exception().is_none()));
    greenlets.kill_all()?;
    assert_eq!(event.waiting(), 0);
    Ok(())
}

/// One greenlet at a time may hold the lock, which must be free at the end, and every notification that finds a waiter
/// must end a wait.
fn run_condition(program: &[Op]) -> Result<(), Exception> {
    let condition = Condition::new();
    let (inside, notified, expected) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Cell::new(0));
    let mut greenlets = Greenlets::default();
    for &op in program {
        match op {
            Op::Wait(how) => {
                let (condition, inside) = (condition.clone(), inside.clone());
                let notified = notified.clone();
                greenlets.0.push(spawn(move || {
                    let _held = condition.acquire_guard()?;
                    let waited = wait_how(how, |timeout| Ok(condition.wait_timeout(timeout)?.then_some(())));
                    assert!(condition.lock().is_owned());
                    assert_eq!(inside.replace(1), 0);
                    inside.set(0);
                    if waited?.is_some() {
                        notified.set(notified.get() + 1);
                    }
                    Ok(())
                }));
            }
            Op::Give => {
                if let Some(_held) = condition.lock().try_acquire_guard() {
                    if condition.waiting() > 0 {
                        expected.set(expected.get() + 1);
                    }
                    condition.notify(1)?;
                }
            }
            Op::Take => {
                if let Some(_held) = condition.lock().try_acquire_guard() {
                    sleep(0)?;
                }
            }
            other => greenlets.step(other)?,
        }
    }
    greenlets.settle()?;
    assert!(!condition.lock().locked());
    assert!(notified.get() <= expected.get());
    greenlets.kill_all()?;
    assert_eq!(condition.waiting(), 0);
    assert!(!condition.lock().locked());
    Ok(())
}

/// However the waits end, one greenlet at a time may hold a lock, which must be free at the end.
fn run_locks(program: &[Op]) -> Result<(), Exception> {
    let (lock, bounded) = (RLock::new(), BoundedSemaphore::new(1));
    let inside = Rc::new(Cell::new(0));
    let mut greenlets = Greenlets::default();
    for &op in program {
        match op {
            Op::Wait(how) => {
                let (lock, bounded, inside) = (lock.clone(), bounded.clone(), inside.clone());
                greenlets.0.push(spawn(move || {
                    let held = wait_how(how, |timeout| lock.acquire_guard_timeout(timeout))?;
                    if held.is_none() {
                        return Ok(());
                    }
                    let _again = lock.acquire_guard()?;
                    let _other = bounded.acquire_guard()?;
                    assert_eq!(inside.replace(1), 0);
                    struct Out(Rc<Cell<i32>>);
                    impl Drop for Out {
                        fn drop(&mut self) {
                            self.0.set(0);
                        }
                    }
                    let _out = Out(inside);
                    sleep(0)
                }));
            }
            Op::Take => drop(lock.try_acquire_guard()),
            Op::Give => drop(bounded.try_acquire_guard()),
            other => greenlets.step(other)?,
        }
    }
    joinall(&greenlets.0)?;
    let failed = |g: &Greenlet<()>| g.exception().is_some_and(|e| !e.is::<GreenletExit>());
    assert!(!greenlets.0.iter().any(failed));
    assert!(!lock.locked() && bounded.counter() == 1 && bounded.linkcount() == 0);
    Ok(())
}

/// Every greenlet gets the first value, or none yet.
fn run_result(program: &[Op]) -> Result<(), Exception> {
    let result = AsyncResult::new();
    let got = Rc::new(RefCell::new(Vec::new()));
    let mut greenlets = Greenlets::default();
    let mut set = false;
    for (step, &op) in program.iter().enumerate() {
        match op {
            Op::Wait(how) => {
                let (result, got) = (result.clone(), got.clone());
                greenlets.0.push(spawn(move || {
                    let value = wait_how(how, |timeout| result.wait_timeout(timeout))?;
                    got.borrow_mut().extend(value);
                    Ok(())
                }));
            }
            Op::Give if !set => {
                set = true;
                result.set(step);
            }
            Op::Give | Op::Take => {}
            other => greenlets.step(other)?,
        }
    }
    greenlets.settle()?;
    assert!(got.borrow().iter().all(|&value| Some(value) == result.value()));
    assert!(!set || (result.linkcount() == 0 && greenlets.0.iter().all(Greenlet::ready)));
    greenlets.kill_all()?;
    assert_eq!(result.linkcount(), 0);
    Ok(())
}

/// An error that ends a program.
fn failed(exception: Exception) -> TestCaseError {
    TestCaseError::fail(format!("{exception:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn semaphores_lose_no_permit(initial in 0..3_usize, program in program()) {
        let _bounded = bounded();
        run_permits::<Semaphore>(initial, &program).map_err(failed)?;
        run_permits::<threadsafe::Semaphore>(initial, &program).map_err(failed)?;
    }

    #[test]
    fn threadsafe_queues_lose_no_item_and_no_space(initial in 0..3_usize, program in program()) {
        let _bounded = bounded();
        run_permits::<threadsafe::Queue<()>>(initial, &program).map_err(failed)?;
        run_permits::<Places>(initial, &program).map_err(failed)?;
    }

    #[test]
    fn events_wake_all_who_waited_and_nobody_else(program in program()) {
        let _bounded = bounded();
        run_flag::<Event>(&program).map_err(failed)?;
        run_flag::<threadsafe::Event>(&program).map_err(failed)?;
    }

    #[test]
    fn results_reach_everybody(program in program()) {
        let _bounded = bounded();
        run_result(&program).map_err(failed)?;
    }

    #[test]
    fn locks_are_free_at_the_end(program in program()) {
        let _bounded = bounded();
        run_locks(&program).map_err(failed)?;
    }

    #[test]
    fn conditions_have_their_lock_again(program in program()) {
        let _bounded = bounded();
        run_condition(&program).map_err(failed)?;
    }
}
