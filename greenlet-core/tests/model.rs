//! Random trees of greenlets against a simple model of greenlet's rules.
//!
//! The greenlets run a little interpreter: each takes the next command off a common list and
//! does it, wherever it is. The model knows which greenlet must run after each command, and the
//! value or error that must arrive there.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use greenlet_core::{
    Exception, GreenletExit, RawGreenlet, State, Value, WeakGreenlet, getcurrent, greenlets, live_greenlets,
};
use proptest::prelude::*;

/// The next thing that a greenlet does. Numbers choose among the greenlets made so far, modulo
/// their count; 0 is the main greenlet.
#[derive(Debug, Clone)]
enum Command {
    Make,
    Switch(usize, u64),
    Throw(usize, u64),
    SetParent(usize, usize),
    /// The test's handle is dropped: another handle keeps the greenlet, and without one it is unwound.
    Drop(usize),
    Unwind(usize),
    /// The running greenlet ends with a value; ignored in the main greenlet.
    Return(u64),
    /// The running greenlet ends with an error; ignored in the main greenlet.
    Fail(u64),
    Panic(u64),
}

fn command() -> impl Strategy<Value = Command> {
    let who = 0..8_usize;
    prop_oneof![
        3 => Just(Command::Make),
        6 => (who.clone(), any::<u64>()).prop_map(|(g, v)| Command::Switch(g, v)),
        2 => (who.clone(), any::<u64>()).prop_map(|(g, v)| Command::Throw(g, v)),
        2 => (who.clone(), who.clone()).prop_map(|(g, p)| Command::SetParent(g, p)),
        1 => who.clone().prop_map(Command::Drop),
        1 => who.prop_map(Command::Unwind),
        1 => any::<u64>().prop_map(Command::Return),
        1 => any::<u64>().prop_map(Command::Fail),
        1 => any::<u64>().prop_map(Command::Panic),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("number {0}")]
struct Number(u64);

/// The message that arrives in a greenlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Got {
    Value(u64),
    Error(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Unstarted,
    Started,
    Dead,
}

/// The model: the rules of greenlet's documentation, in twenty lines.
#[derive(Debug)]
struct Model {
    life: Vec<Life>,
    parent: Vec<usize>,
    current: usize,
}

impl Model {
    /// Gives a message to a greenlet, or to the parent that gets it instead.
    fn give(&mut self, mut to: usize, got: Got) {
        loop {
            match (self.life[to], got) {
                (Life::Started, _) => break,
                (Life::Unstarted, Got::Value(_)) => {
                    self.life[to] = Life::Started;
                    break;
                }
                (Life::Unstarted, Got::Error(_)) => self.life[to] = Life::Dead,
                (Life::Dead, _) => {}
            }
            to = self.parent[to];
        }
        self.current = to;
    }

    fn end(&mut self, got: Got) {
        let dead = self.current;
        self.life[dead] = Life::Dead;
        self.give(self.parent[dead], got);
    }

    fn would_cycle(&self, greenlet: usize, mut parent: usize) -> bool {
        while parent != 0 {
            if parent == greenlet {
                return true;
            }
            parent = self.parent[parent];
        }
        false
    }
}

struct World {
    commands: RefCell<std::vec::IntoIter<Command>>,
    model: RefCell<Model>,
    /// The message that must arrive in the greenlet that runs next.
    expected: Cell<Option<Got>>,
    /// The handles of all greenlets; none where it was dropped.
    handles: RefCell<Vec<Option<RawGreenlet>>>,
    weak: RefCell<Vec<WeakGreenlet>>,
    /// The count of values with destructors on greenlets' stacks.
    frames: Rc<Cell<usize>>,
    /// Whether all commands are done: then every greenlet ends as fast as possible.
    over: Cell<bool>,
}

struct Frame(Rc<Cell<usize>>);

impl Frame {
    fn new(frames: &Rc<Cell<usize>>) -> Frame {
        frames.set(frames.get() + 1);
        Frame(frames.clone())
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Token(number) => *number,
        other => panic!("nobody sends {other:?}"),
    }
}

fn got(result: &Result<Value, Exception>) -> Got {
    match result {
        Ok(value) => Got::Value(number(value)),
        Err(e) => match (e.downcast_ref::<Number>(), e.downcast_ref::<greenlet_core::Panic>()) {
            (Some(number), _) => Got::Error(number.0),
            (_, Some(panic)) => Got::Error(panic.message().parse().expect("a number")),
            _ => panic!("nobody throws {e:?}"),
        },
    }
}

impl World {
    /// Checks that the right greenlet runs and has got the right message.
    fn arrived(&self, me: usize, what: Got) {
        assert_eq!(self.model.borrow().current, me, "the wrong one runs");
        assert_eq!(self.expected.take(), Some(what), "it got the wrong thing");
    }

    /// The function of every greenlet, the main one among them.
    fn live(self: &Rc<Self>, me: usize) -> Result<Value, Exception> {
        let _frame = Frame::new(&self.frames);
        loop {
            let Some(command) = self.next() else {
                return Ok(Value::Token(0));
            };
            match command {
                Command::Make => self.make(me),
                Command::Switch(to, value) => {
                    let Some(to) = self.choose(to) else { continue };
                    self.expected.set(Some(Got::Value(value)));
                    self.model.borrow_mut().give(to, Got::Value(value));
                    let result = self.handle(to).switch(Value::Token(value));
                    if self.over.get() {
                        return result;
                    }
                    self.arrived(me, got(&result));
                }
                Command::Throw(to, value) => {
                    let Some(to) = self.choose(to) else { continue };
                    self.expected.set(Some(Got::Error(value)));
                    self.model.borrow_mut().give(to, Got::Error(value));
                    let result = self.handle(to).throw(Number(value));
                    if self.over.get() {
                        return result;
                    }
                    self.arrived(me, got(&result));
                }
                Command::SetParent(greenlet, parent) => {
                    let chosen = (self.choose(greenlet), self.choose(parent));
                    let (Some(greenlet), Some(parent)) = chosen else {
                        continue;
                    };
                    let may = greenlet != 0 && !self.model.borrow().would_cycle(greenlet, parent);
                    let done = self.handle(greenlet).set_parent(&self.handle(parent));
                    assert_eq!(done.is_ok(), may);
                    if may {
                        self.model.borrow_mut().parent[greenlet] = parent;
                    }
                }
                Command::Drop(greenlet) => match self.choose(greenlet) {
                    None | Some(0) => {}
                    Some(index) => {
                        let dropped = self.handles.borrow_mut()[index].take();
                        drop(dropped);
                    }
                },
                Command::Unwind(greenlet) => {
                    let Some(index) = self.choose(greenlet) else {
                        continue;
                    };
                    let may = index != 0 && index != me;
                    let dead = self.handle(index).unwind();
                    assert_eq!(dead, may || self.model.borrow().life[index] == Life::Dead);
                    if may {
                        self.model.borrow_mut().life[index] = Life::Dead;
                    }
                }
                Command::Return(_) | Command::Fail(_) | Command::Panic(_) if me == 0 => {}
                Command::Return(value) => {
                    self.ends(Got::Value(value));
                    return Ok(Value::Token(value));
                }
                Command::Fail(value) => {
                    self.ends(Got::Error(value));
                    return Err(Number(value).into());
                }
                Command::Panic(value) => {
                    self.ends(Got::Error(value));
                    std::panic::resume_unwind(Box::new(value.to_string()));
                }
            }
            self.compare();
        }
    }

    fn ends(&self, got: Got) {
        self.expected.set(Some(got));
        self.model.borrow_mut().end(got);
    }

    fn next(&self) -> Option<Command> {
        let command = self.commands.borrow_mut().next();
        if command.is_none() {
            self.over.set(true);
        }
        command
    }

    /// A greenlet that the test has a handle of.
    fn choose(&self, number: usize) -> Option<usize> {
        let handles = self.handles.borrow();
        let index = number % handles.len();
        handles[index].is_some().then_some(index)
    }

    fn handle(&self, index: usize) -> RawGreenlet {
        self.handles.borrow()[index].clone().expect("it was chosen")
    }

    fn make(self: &Rc<Self>, parent: usize) {
        let index = self.handles.borrow().len();
        let world = self.clone();
        let greenlet = RawGreenlet::new(move |first: Value| {
            if world.over.get() {
                return Ok(first);
            }
            world.arrived(index, Got::Value(number(&first)));
            world.live(index)
        });
        self.weak.borrow_mut().push(greenlet.downgrade());
        self.handles.borrow_mut().push(Some(greenlet));
        let mut model = self.model.borrow_mut();
        model.life.push(Life::Unstarted);
        model.parent.push(parent);
    }

    /// Notes in the model which greenlets have ended whose handle was dropped: the model does not know which other
    /// greenlets have handles of them.
    fn notice_the_dropped(&self) {
        let (handles, weak) = (self.handles.borrow(), self.weak.borrow());
        for (index, weak) in weak.iter().enumerate() {
            if handles[index].is_none() && weak.upgrade().is_none_or(|greenlet| greenlet.dead()) {
                self.model.borrow_mut().life[index] = Life::Dead;
            }
        }
    }

    /// Checks that the real greenlets are in the states that the model says.
    fn compare(&self) {
        self.notice_the_dropped();
        let (model, handles) = (self.model.borrow(), self.handles.borrow());
        for (index, greenlet) in handles.iter().enumerate() {
            let Some(greenlet) = greenlet else { continue };
            let life = match (greenlet.started(), greenlet.dead()) {
                (_, true) => Life::Dead,
                (true, false) => Life::Started,
                (false, false) => Life::Unstarted,
            };
            assert_eq!(life, model.life[index], "greenlet {index}");
            assert_eq!(greenlet.parent().is_none(), index == 0);
        }
    }
}

/// Runs the commands, drops everything in an order that the seed chooses, and checks that nothing
/// is left.
fn run(commands: Vec<Command>, seed: u64) {
    let frames = Rc::new(Cell::new(0));
    let world = Rc::new(World {
        commands: RefCell::new(commands.into_iter()),
        model: RefCell::new(Model {
            life: vec![Life::Started],
            parent: vec![0],
            current: 0,
        }),
        expected: Cell::new(None),
        handles: RefCell::new(vec![Some(getcurrent())]),
        weak: RefCell::new(vec![getcurrent().downgrade()]),
        frames: frames.clone(),
        over: Cell::new(false),
    });
    world.live(0).expect("the main greenlet only returns");
    assert!(world.over.get());
    // The greenlets have ended in an order that the model does not know: from here on, nothing is
    // compared with it.
    let mut handles = world.handles.take();
    drop(world);
    let mut seed = seed;
    while !handles.is_empty() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let index = (seed >> 33) as usize % handles.len();
        let Some(greenlet) = handles.swap_remove(index) else {
            continue;
        };
        if seed >> 63 == 1 && greenlet != getcurrent() {
            let ended = greenlet.throw(GreenletExit);
            assert!(ended.is_ok() && greenlet.dead());
        }
    }
    // Greenlets that are parked in switches to one another keep one another.
    while let Some(greenlet) = greenlets().into_iter().find(|g| g.state() == State::Suspended) {
        greenlet.throw(GreenletExit).expect("becomes a value");
    }
    assert_eq!(frames.get(), 0, "frames are left");
    assert_eq!(live_greenlets(), 0, "stacks are left");
    assert_eq!(greenlets(), [getcurrent()], "greenlets are left");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn greenlets_follow_the_model(
        commands in prop::collection::vec(command(), 0..120),
        seed in any::<u64>(),
    ) {
        // Each run has a thread of its own, because a run that fails leaves its greenlets behind.
        if let Err(payload) = std::thread::spawn(move || run(commands, seed)).join() {
            std::panic::resume_unwind(payload);
        }
    }
}
