//! Compares random programs of greenlets that spawn, link, join, kill and yield with a model.
//!
//! The model has only the rules: the hub is a queue of callbacks, and a greenlet runs until it waits. A program must do
//! exactly what the model does, step by step, and leave nothing behind. A second test adds timeouts and sleeps, whose
//! order depends on the clock, and checks what must hold in any order.
//!
//! `PROPTEST_CASES=100000 cargo test --test greenlets greenlet_programs` tries more of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::support::{ExpectedError, LONG, bounded};
use gevent::exceptions::{JoinSelfError, LoopExit};
use gevent::hub::ExceptionStream;
use gevent::{
    Exception, Greenlet, GreenletExit, Kill, Link, Timeout, TimeoutError, get_hub, mask_kill, sleep, spawn, spawn_later,
};
use greenlet_core::live_greenlets;
use proptest::prelude::*;

/// The number of greenlets of a program. The first one is the main greenlet.
const GREENLETS: usize = 6;

/// One step of a greenlet. Other greenlets are named by their places in the program.
#[derive(Debug, Clone, Copy)]
enum Op {
    /// Spawns a greenlet, if that is not done yet.
    Spawn(usize),
    Yield,
    /// Yields under a timeout that does not come.
    YieldUnderTimeout,
    Join(usize),
    Link(usize),
    Rawlink(usize),
    /// Takes the link of this number away, if there are so many.
    Unlink(usize),
    Kill {
        target: usize,
        block: bool,
        error: bool,
    },
    /// Waits until nothing is left to do; only in the main greenlet.
    HubJoin,
}

/// The program of one greenlet.
#[derive(Debug, Clone)]
struct Script {
    ops: Vec<Op>,
    /// The number of kills that the greenlet ignores.
    stubborn: usize,
    fails: bool,
}

/// The outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Fine,
    /// The other greenlet does not exist yet, or there is nothing to do.
    Idle,
    Exit,
    Error,
    JoinSelf,
    LoopExit,
}

/// One event of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Step { who: usize, step: usize, done: Done },
    Link { link: usize },
}

fn script() -> impl Strategy<Value = Script> {
    let op = || {
        let other = || 1..GREENLETS;
        prop_oneof![
            4 => other().prop_map(Op::Spawn),
            4 => Just(Op::Yield),
            1 => Just(Op::YieldUnderTimeout),
            4 => other().prop_map(Op::Join),
            2 => other().prop_map(Op::Link),
            2 => other().prop_map(Op::Rawlink),
            1 => (0..4usize).prop_map(Op::Unlink),
            3 => (other(), any::<bool>(), any::<bool>())
                .prop_map(|(target, block, error)| Op::Kill { target, block, error }),
        ]
    };
    let ops = prop::collection::vec(op(), 0..10);
    (ops, 0..3usize, any::<bool>()).prop_map(|(ops, stubborn, fails)| Script { ops, stubborn, fails })
}

/// Makes programs. At the end the main greenlet spawns the rest, waits for all, and kills those that wait for ever,
/// until all have ended.
fn program() -> impl Strategy<Value = Vec<Script>> {
    prop::collection::vec(script(), GREENLETS).prop_map(|mut program| {
        let ops = &mut program[0].ops;
        ops.extend((1..GREENLETS).map(Op::Spawn));
        ops.push(Op::HubJoin);
        for target in 1..GREENLETS {
            let kill = Op::Kill {
                target,
                block: true,
                error: false,
            };
            ops.extend([kill; 3]);
        }
        ops.push(Op::HubJoin);
        program
    })
}

/// The model: the rules that a program must follow.
mod model {
    use super::*;

    /// The entries of the hub's queue.
    enum Callback {
        Start(usize),
        Wake(Ticket),
        Notify(usize),
        Kill {
            target: usize,
            done: Done,
            waiter: Option<Ticket>,
        },
    }

    /// One wait of one greenlet.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Ticket {
        who: usize,
        number: usize,
    }

    #[derive(PartialEq, Eq)]
    enum Link {
        Call(usize),
        Join(Ticket),
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Life {
        Absent,
        Scheduled,
        Running,
        Ended(Done),
    }

    /// The reason for which a greenlet waits.
    #[derive(Clone, Copy)]
    enum Park {
        Yield,
        Join(usize),
        /// The greenlet kills another one, and then joins it.
        Kill(usize),
        HubJoin,
    }

    struct State {
        life: Life,
        step: usize,
        stubborn: usize,
        /// The number of the wait in which the greenlet is.
        ticket: Option<usize>,
        park: Park,
        links: VecDeque<Link>,
        notifying: bool,
    }

    pub(super) struct Model<'a> {
        program: &'a [Script],
        greenlets: Vec<State>,
        queue: VecDeque<Callback>,
        tickets: usize,
        /// The owner of each link.
        links: Vec<usize>,
        log: Vec<Event>,
    }

    /// Runs the program. Returns the events, and the end of each greenlet except the main one.
    pub(super) fn run(program: &[Script]) -> (Vec<Event>, Vec<Done>) {
        let greenlets = program.iter().map(|script| State {
            life: Life::Absent,
            step: 0,
            stubborn: script.stubborn,
            ticket: None,
            park: Park::Yield,
            links: VecDeque::new(),
            notifying: false,
        });
        let mut model = Model {
            program,
            greenlets: greenlets.collect(),
            queue: VecDeque::new(),
            tickets: 0,
            links: Vec::new(),
            log: Vec::new(),
        };
        model.greenlets[0].life = Life::Running;
        model.go_on(0);
        while model.greenlets[0].life == Life::Running {
            match model.queue.pop_front() {
                Some(callback) => model.call(callback),
                None => model.wake(0, Done::LoopExit),
            }
        }
        let ends = model.greenlets[1..].iter().map(|state| match state.life {
            Life::Ended(done) => done,
            _ => panic!("the program ends them all"),
        });
        let ends = ends.collect();
        (model.log, ends)
    }

    impl Model<'_> {
        fn call(&mut self, callback: Callback) {
            match callback {
                Callback::Start(who) => {
                    if self.greenlets[who].life == Life::Scheduled {
                        self.greenlets[who].life = Life::Running;
                        self.go_on(who);
                    }
                }
                Callback::Wake(ticket) => self.use_up(ticket),
                Callback::Notify(who) => {
                    while let Some(link) = self.greenlets[who].links.pop_front() {
                        match link {
                            Link::Call(link) => self.log.push(Event::Link { link }),
                            Link::Join(ticket) => self.use_up(ticket),
                        }
                    }
                    self.greenlets[who].notifying = false;
                }
                Callback::Kill { target, done, waiter } => {
                    if self.greenlets[target].life == Life::Running {
                        self.wake(target, done);
                    }
                    if let Some(waiter) = waiter {
                        self.use_up(waiter);
                    }
                }
            }
        }

        fn use_up(&mut self, ticket: Ticket) {
            if self.greenlets[ticket.who].ticket == Some(ticket.number) {
                self.wake(ticket.who, Done::Fine);
            }
        }

        /// Ends the wait of a greenlet, which runs until it waits again.
        fn wake(&mut self, who: usize, done: Done) {
            let number = self.greenlets[who].ticket.take();
            let done = match (self.greenlets[who].park, done) {
                (Park::Kill(target), Done::Fine) => match self.join(who, target) {
                    Some(done) => done,
                    None => return,
                },
                (Park::Join(target), done) => {
                    let number = number.expect("it waited");
                    let link = Link::Join(Ticket { who, number });
                    self.greenlets[target].links.retain(|other| *other != link);
                    done
                }
                (Park::HubJoin, Done::LoopExit) => Done::Fine,
                (_, done) => done,
            };
            if self.stepped(who, done) {
                self.go_on(who);
            }
        }

        /// Whether the greenlet goes on after this step.
        fn stepped(&mut self, who: usize, done: Done) -> bool {
            let state = &mut self.greenlets[who];
            let step = state.step;
            self.log.push(Event::Step { who, step, done });
            state.step += 1;
            if who == 0 || !matches!(done, Done::Exit | Done::Error) {
                return true;
            }
            if state.stubborn > 0 {
                state.stubborn -= 1;
                return true;
            }
            self.end(who, done);
            false
        }

        fn end(&mut self, who: usize, done: Done) {
            self.greenlets[who].life = Life::Ended(done);
            self.notify_soon(who);
        }

        fn notify_soon(&mut self, who: usize) {
            let state = &mut self.greenlets[who];
            if matches!(state.life, Life::Ended(_)) && !state.links.is_empty() && !state.notifying {
                state.notifying = true;
                self.queue.push_back(Callback::Notify(who));
            }
        }

        fn park(&mut self, who: usize, park: Park) -> Ticket {
            self.tickets += 1;
            let number = self.tickets;
            self.greenlets[who].ticket = Some(number);
            self.greenlets[who].park = park;
            Ticket { who, number }
        }

        /// Returns None if the greenlet waits.
        fn join(&mut self, who: usize, target: usize) -> Option<Done> {
            match self.greenlets[target].life {
                Life::Ended(_) => Some(Done::Fine),
                _ if who == target => Some(Done::JoinSelf),
                _ => {
                    let ticket = self.park(who, Park::Join(target));
                    self.greenlets[target].links.push_back(Link::Join(ticket));
                    None
                }
            }
        }

        fn go_on(&mut self, who: usize) {
            let script = &self.program[who];
            while let Some(op) = script.ops.get(self.greenlets[who].step) {
                match self.step(who, *op) {
                    None => return,
                    Some(done) => {
                        if !self.stepped(who, done) {
                            return;
                        }
                    }
                }
            }
            self.end(who, if script.fails { Done::Error } else { Done::Fine });
        }

        fn step(&mut self, who: usize, op: Op) -> Option<Done> {
            let absent = |target: usize| self.greenlets[target].life == Life::Absent;
            match op {
                Op::Spawn(target) if absent(target) => {
                    self.greenlets[target].life = Life::Scheduled;
                    self.queue.push_back(Callback::Start(target));
                    Some(Done::Fine)
                }
                Op::Spawn(_) => Some(Done::Idle),
                Op::Yield | Op::YieldUnderTimeout => {
                    let ticket = self.park(who, Park::Yield);
                    self.queue.push_back(Callback::Wake(ticket));
                    None
                }
                Op::Join(target) | Op::Link(target) | Op::Rawlink(target) | Op::Kill { target, .. }
                    if absent(target) =>
                {
                    Some(Done::Idle)
                }
                Op::Join(target) => self.join(who, target),
                Op::Link(target) | Op::Rawlink(target) => {
                    let link = Link::Call(self.links.len());
                    self.links.push(target);
                    self.greenlets[target].links.push_back(link);
                    self.notify_soon(target);
                    Some(Done::Fine)
                }
                Op::Unlink(link) => {
                    let Some(target) = self.links.get(link) else {
                        return Some(Done::Idle);
                    };
                    let links = &mut self.greenlets[*target].links;
                    links.retain(|other| *other != Link::Call(link));
                    Some(Done::Fine)
                }
                Op::Kill { target, block, error } => {
                    let done = if error { Done::Error } else { Done::Exit };
                    match self.greenlets[target].life {
                        Life::Scheduled => {
                            self.end(target, done);
                            Some(Done::Fine)
                        }
                        Life::Ended(_) => Some(Done::Fine),
                        _ => {
                            let waiter = block.then(|| self.park(who, Park::Kill(target)));
                            self.queue.push_back(Callback::Kill { target, done, waiter });
                            (!block).then_some(Done::Fine)
                        }
                    }
                }
                Op::HubJoin => {
                    self.park(who, Park::HubJoin);
                    None
                }
            }
        }
    }
}

/// The program as it runs with real greenlets.
struct World {
    program: Vec<Script>,
    greenlets: RefCell<Vec<Option<Greenlet<usize>>>>,
    links: RefCell<Vec<(usize, Link)>>,
    log: RefCell<Vec<Event>>,
}

impl World {
    fn new(program: Vec<Script>) -> Rc<World> {
        Rc::new(World {
            greenlets: RefCell::new(vec![None; program.len()]),
            program,
            links: RefCell::default(),
            log: RefCell::default(),
        })
    }

    fn greenlet(&self, target: usize) -> Option<Greenlet<usize>> {
        self.greenlets.borrow()[target].clone()
    }

    fn run(self: &Rc<World>, who: usize) -> Result<usize, Exception> {
        let script = &self.program[who];
        let mut stubborn = script.stubborn;
        for (step, op) in script.ops.iter().enumerate() {
            let outcome = self.step(*op);
            let done = match &outcome {
                Ok(done) => *done,
                Err(exception) => done_by(exception),
            };
            self.log.borrow_mut().push(Event::Step { who, step, done });
            match outcome {
                Err(exception) if who != 0 && matches!(done, Done::Exit | Done::Error) => {
                    if stubborn == 0 {
                        return Err(exception);
                    }
                    stubborn -= 1;
                }
                _ => {}
            }
        }
        match script.fails {
            true => Err(ExpectedError("at its end").into()),
            false => Ok(who),
        }
    }

    fn step(self: &Rc<World>, op: Op) -> Result<Done, Exception> {
        match op {
            Op::Spawn(target) => {
                if self.greenlet(target).is_some() {
                    return Ok(Done::Idle);
                }
                let world = self.clone();
                let greenlet = spawn(move || world.run(target));
                self.greenlets.borrow_mut()[target] = Some(greenlet);
            }
            Op::Yield => sleep(0)?,
            Op::YieldUnderTimeout => {
                let _timeout = Timeout::start_new(LONG);
                sleep(0)?;
            }
            Op::Join(target) => match self.greenlet(target) {
                Some(greenlet) => greenlet.join()?,
                None => return Ok(Done::Idle),
            },
            Op::Link(target) | Op::Rawlink(target) => {
                let Some(greenlet) = self.greenlet(target) else {
                    return Ok(Done::Idle);
                };
                let (world, link) = (Rc::downgrade(self), self.links.borrow().len());
                let called = move |_: &Greenlet<usize>| {
                    let world = world.upgrade().expect("it outlives its links");
                    world.log.borrow_mut().push(Event::Link { link });
                };
                let link = match op {
                    Op::Link(_) => greenlet.link(called),
                    _ => greenlet.rawlink(called),
                };
                self.links.borrow_mut().push((target, link));
            }
            Op::Unlink(link) => {
                let Some((target, link)) = self.links.borrow().get(link).cloned() else {
                    return Ok(Done::Idle);
                };
                let greenlet = self.greenlet(target).expect("it has a link");
                greenlet.unlink(&link);
            }
            Op::Kill { target, block, error } => {
                let Some(greenlet) = self.greenlet(target) else {
                    return Ok(Done::Idle);
                };
                let exception = match error {
                    true => Exception::new(ExpectedError("killed")),
                    false => Exception::new(GreenletExit),
                };
                greenlet.kill_with(Kill {
                    exception,
                    block,
                    timeout: None,
                })?;
            }
            Op::HubJoin => assert!(get_hub().join()?),
        }
        Ok(Done::Fine)
    }
}

fn done_by(exception: &Exception) -> Done {
    if exception.is::<GreenletExit>() {
        Done::Exit
    } else if exception.is::<ExpectedError>() {
        Done::Error
    } else if exception.is::<JoinSelfError>() {
        Done::JoinSelf
    } else if exception.is::<LoopExit>() {
        Done::LoopExit
    } else {
        panic!("not in this program: {exception:?}")
    }
}

/// The number of active watchers and of greenlets, which must be the same before and after a program.
fn counts() -> (i32, usize) {
    let hub = get_hub();
    hub.set_exception_stream(ExceptionStream::Discard);
    // The hub's greenlet, and the timer that it keeps after the first sleep, are made before the count.
    sleep(0.0001).expect("nobody throws");
    sleep(0).expect("nobody throws");
    assert_eq!(hub.blocked_greenlets(), []);
    (hub.loop_().activecnt().expect("the loop is there"), live_greenlets())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn programs_do_what_the_model_does(program in program()) {
        let _bounded = bounded();
        let before = counts();
        let (log, ends) = model::run(&program);
        let world = World::new(program);
        // An error of the main greenlet does not matter.
        let _ = world.run(0);
        prop_assert_eq!(&*world.log.borrow(), &log);
        let greenlets: Vec<_> = world.greenlets.borrow_mut().drain(..).skip(1).flatten().collect();
        prop_assert_eq!(greenlets.len(), ends.len());
        for (greenlet, end) in greenlets.iter().zip(ends) {
            let done = match greenlet.get_nowait() {
                Ok(_) => Done::Fine,
                Err(exception) => done_by(&exception),
            };
            prop_assert_eq!(done, end);
            prop_assert!(greenlet.dead() && greenlet.linkcount() == 0);
        }
        drop(greenlets);
        world.links.take();
        prop_assert_eq!(counts(), before);
        prop_assert_eq!(Rc::strong_count(&world), 1);
    }
}

/// One step of a greenlet in the test with timeouts and sleeps.
#[derive(Debug, Clone, Copy)]
enum Timed {
    Sleep(f64),
    /// A sleep under a timeout, which may be over first.
    Timeout(f64, f64),
    /// Two timeouts, one in the other, around a sleep.
    Nested(f64, f64, f64),
    Join(usize, f64),
    Get(usize, f64),
    Spawn(f64),
    Kill(usize, f64),
    KillSoon(usize),
    /// A sleep that kills and timeouts do not end.
    Masked(f64),
    Link(usize),
}

fn timed() -> impl Strategy<Value = Vec<Timed>> {
    let time = || prop_oneof![Just(0.0), 0.0..0.0006];
    let other = || 0..GREENLETS;
    let op = prop_oneof![
        3 => time().prop_map(Timed::Sleep),
        3 => (time(), time()).prop_map(|(a, b)| Timed::Timeout(a, b)),
        2 => (time(), time(), time()).prop_map(|(a, b, c)| Timed::Nested(a, b, c)),
        2 => (other(), time()).prop_map(|(who, t)| Timed::Join(who, t)),
        2 => (other(), time()).prop_map(|(who, t)| Timed::Get(who, t)),
        1 => time().prop_map(Timed::Spawn),
        2 => (other(), time()).prop_map(|(who, t)| Timed::Kill(who, t)),
        2 => other().prop_map(Timed::KillSoon),
        1 => time().prop_map(Timed::Masked),
        2 => other().prop_map(Timed::Link),
    ];
    prop::collection::vec(op, 0..8)
}

#[derive(Default)]
struct TimedWorld {
    greenlets: RefCell<Vec<Greenlet<()>>>,
    /// The number of calls of each link.
    links: RefCell<Vec<u32>>,
    begun: Cell<usize>,
    ended: Cell<usize>,
}

/// Counts the end of its greenlet when it is dropped.
struct Ended(Rc<TimedWorld>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.set(self.0.ended.get() + 1);
    }
}

impl TimedWorld {
    fn run(self: Rc<Self>, script: &[Timed]) -> Result<(), Exception> {
        self.begun.set(self.begun.get() + 1);
        let _ended = Ended(self.clone());
        script.iter().try_for_each(|op| self.step(*op))
    }

    fn step(self: &Rc<Self>, op: Timed) -> Result<(), Exception> {
        let target = |who: usize| {
            let greenlets = self.greenlets.borrow();
            greenlets[who % greenlets.len()].clone()
        };
        match op {
            Timed::Sleep(seconds) => sleep(seconds),
            Timed::Timeout(limit, seconds) => Timeout::new(limit).silent(|| sleep(seconds)).map(drop),
            Timed::Nested(outer, inner, seconds) => {
                let outer = Timeout::start_new(outer);
                let inner = Timeout::start_new(inner);
                match sleep(seconds) {
                    Err(error) if outer.caused(&error) != inner.caused(&error) => Ok(()),
                    other => other,
                }
            }
            Timed::Join(who, seconds) => match target(who).join_timeout(seconds) {
                Err(error) if error.is::<JoinSelfError>() => Ok(()),
                other => other,
            },
            Timed::Get(who, seconds) => match target(who).get_timeout(seconds) {
                Err(error) if error.is::<JoinSelfError>() || error.is::<TimeoutError>() || target(who).ready() => {
                    Ok(())
                }
                other => other,
            },
            Timed::Spawn(seconds) => {
                let world = self.clone();
                let greenlet = spawn_later(seconds, move || world.run(&[]));
                self.greenlets.borrow_mut().push(greenlet);
                Ok(())
            }
            Timed::Kill(who, seconds) => {
                let kill = Kill::default().timeout(seconds);
                target(who).kill_with(kill).map(drop)
            }
            Timed::KillSoon(who) => gevent::kill(&target(who), ExpectedError("killed")),
            Timed::Masked(seconds) => {
                let slept = mask_kill(|| sleep(seconds));
                assert!(slept.is_ok(), "{slept:?}");
                Ok(())
            }
            Timed::Link(who) => {
                let link = self.links.borrow().len();
                self.links.borrow_mut().push(0);
                let world = Rc::downgrade(self);
                target(who).link(move |_| {
                    let world = world.upgrade().expect("it outlives its links");
                    world.links.borrow_mut()[link] += 1;
                });
                Ok(())
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_whatever_the_clock_says(
        scripts in prop::collection::vec(timed(), GREENLETS)
    ) {
        let _bounded = bounded();
        let before = counts();
        let world = Rc::new(TimedWorld::default());
        for script in scripts {
            let own = world.clone();
            let greenlet = spawn(move || own.run(&script));
            world.greenlets.borrow_mut().push(greenlet);
        }
        prop_assert!(get_hub().join().expect("nobody throws"));
        prop_assert_eq!(get_hub().blocked_greenlets(), []);
        let greenlets = world.greenlets.take();
        for greenlet in &greenlets {
            prop_assert!(greenlet.dead() && greenlet.ready() && !greenlet.started());
            prop_assert_eq!(greenlet.linkcount(), 0);
        }
        prop_assert_eq!(world.begun.get(), world.ended.get());
        prop_assert!(world.links.borrow().iter().all(|calls| *calls == 1));
        drop(greenlets);
        prop_assert_eq!(counts(), before);
        prop_assert_eq!(Rc::strong_count(&world), 1);
    }
}
