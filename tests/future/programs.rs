//! Random programs of greenlets and futures that await each other, are killed, dropped and timed out.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use futures::future::{Either, LocalBoxFuture, select};
use gevent::event::{AsyncResult, Event};
use gevent::future::{block_on, join_all, spawn_local};
use gevent::lock::Semaphore;
use gevent::queue::{Channel, Queue};
use gevent::{Exception, Greenlet, Kill, get_hub, sleep, spawn, with_timeout};
use proptest::prelude::*;

use crate::Counted;
use crate::support::bounded;

/// What a future of a program does. Each has a value: its number, or that of the one it waited for.
#[derive(Debug, Clone)]
enum Step {
    /// Awaits the event of this number.
    Event(usize),
    /// Awaits the result of this number.
    Result(usize),
    /// Awaits a permit, keeps it for a turn, and gives it back.
    Permit,
    /// Awaits an earlier greenlet.
    Greenlet(usize),
    /// Puts its item into the queue.
    Put,
    /// Takes an item out of the queue.
    Get,
    /// Gives its item to whoever takes one from the channel.
    Give,
    /// Takes an item from the channel.
    Take,
    /// Waits as a greenlet does, in the middle of the poll.
    Sleep,
    /// Awaits several at once.
    All(Vec<Step>),
    /// Awaits two, and drops the one that is not first.
    First(Box<Step>, Box<Step>),
    /// Calls `block_on` inside.
    Nested(Box<Step>),
}

/// What is done from outside.
#[derive(Debug, Clone)]
enum Action {
    Spawn(Vec<Step>),
    /// A greenlet that gives up after a while.
    Timed(Vec<Step>),
    Kill(usize),
    Set(usize),
    Clear(usize),
    Resolve(usize),
    Release,
    /// A greenlet puts, gets, gives or takes.
    Greenlet(Step),
    Turn,
}

const EVENTS: usize = 3;

/// What goes through queues.
type Item = Counted;

fn step() -> impl Strategy<Value = Step> {
    let leaf = prop_oneof![
        (0..EVENTS).prop_map(Step::Event),
        (0..EVENTS).prop_map(Step::Result),
        Just(Step::Permit),
        (0..8_usize).prop_map(Step::Greenlet),
        Just(Step::Sleep),
        Just(Step::Put),
        Just(Step::Get),
        Just(Step::Give),
        Just(Step::Take),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Step::All),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Step::First(Box::new(a), Box::new(b))),
            inner.prop_map(|step| Step::Nested(Box::new(step))),
        ]
    })
}

fn action() -> impl Strategy<Value = Action> {
    let steps = || prop::collection::vec(step(), 0..4);
    prop_oneof![
        4 => steps().prop_map(Action::Spawn),
        1 => steps().prop_map(Action::Timed),
        2 => (0..8_usize).prop_map(Action::Kill),
        2 => (0..EVENTS).prop_map(Action::Set),
        1 => (0..EVENTS).prop_map(Action::Clear),
        1 => (0..EVENTS).prop_map(Action::Resolve),
        2 => Just(Action::Release),
        2 => prop_oneof![
            Just(Step::Put),
            Just(Step::Get),
            Just(Step::Give),
            Just(Step::Take),
        ]
        .prop_map(Action::Greenlet),
        4 => Just(Action::Turn),
    ]
}

/// What the futures of a program share.
struct World {
    events: Vec<Event>,
    results: Vec<AsyncResult<usize>>,
    semaphore: Semaphore,
    /// The permits that exist, wherever they are.
    permits: Cell<usize>,
    queue: Queue<Item>,
    channel: Channel<Item>,
    /// The items that exist.
    items: Rc<Cell<i32>>,
    /// Items less those that were taken, or came back.
    inside: Cell<i32>,
    greenlets: RefCell<Vec<Greenlet<usize>>>,
    /// The futures that exist.
    alive: Rc<Cell<i32>>,
}

impl World {
    fn new() -> Rc<World> {
        Rc::new(World {
            events: (0..EVENTS).map(|_| Event::new()).collect(),
            results: (0..EVENTS).map(|_| AsyncResult::new()).collect(),
            semaphore: Semaphore::new(1),
            permits: Cell::new(1),
            queue: Queue::with_maxsize(1),
            channel: Channel::new(),
            items: Rc::default(),
            inside: Cell::new(0),
            greenlets: RefCell::default(),
            alive: Rc::default(),
        })
    }

    fn links(&self) -> usize {
        let events: usize = self.events.iter().map(Event::linkcount).sum();
        let results: usize = self.results.iter().map(AsyncResult::linkcount).sum();
        let lines = self.queue.getters() + self.queue.putters() + self.channel.getters() + self.channel.putters();
        events + results + self.semaphore.linkcount() + lines
    }

    fn item(&self) -> Item {
        Counted::new(&self.items)
    }

    fn add(&self, inside: i32) {
        self.inside.set(self.inside.get() + inside);
    }
}

/// An error is what was thrown into the greenlet that polls.
fn run(world: Rc<World>, step: Step) -> LocalBoxFuture<'static, Result<(), Exception>> {
    let counted = Counted::new(&world.alive);
    Box::pin(async move {
        let _counted = counted;
        match step {
            Step::Event(i) => world.events[i].clone().await,
            Step::Result(i) => assert_eq!(world.results[i].clone().await.ok(), Some(i)),
            Step::Permit => {
                let guard = world.semaphore.acquire_async().await;
                let slept = sleep(0);
                drop(guard);
                slept?;
            }
            Step::Greenlet(i) => {
                let greenlet = world.greenlets.borrow().get(i).cloned();
                if let Some(greenlet) = greenlet {
                    // It ends well, or was killed or timed out.
                    let _ = greenlet.await;
                }
            }
            Step::Put => {
                world.queue.put_async(world.item()).await?;
                world.add(1);
            }
            Step::Get => {
                drop(world.queue.get_async().await?);
                world.add(-1);
            }
            Step::Give => world.channel.put_async(world.item()).await,
            Step::Take => drop(world.channel.get_async().await),
            Step::Sleep => sleep(0)?,
            Step::All(steps) => {
                let count = steps.len();
                let all = join_all(steps.into_iter().map(|step| run(world.clone(), step))).await;
                assert_eq!(all.len(), count);
                all.into_iter().collect::<Result<(), _>>()?;
            }
            Step::First(a, b) => match select(run(world.clone(), *a), run(world, *b)).await {
                Either::Left((first, other)) | Either::Right((first, other)) => {
                    drop(other);
                    first?;
                }
            },
            Step::Nested(step) => block_on(run(world, *step))??,
        }
        Ok(())
    })
}

fn all(world: &Rc<World>, steps: Vec<Step>, number: usize) -> Pin<Box<dyn Future<Output = Result<usize, Exception>>>> {
    let world = world.clone();
    Box::pin(async move {
        for step in steps {
            run(world.clone(), step).await?;
        }
        Ok(number)
    })
}

fn program(actions: Vec<Action>) {
    let _bounded = bounded();
    let active = get_hub().loop_().activecnt().expect("it lives");
    let world = World::new();
    for action in actions {
        let number = world.greenlets.borrow().len();
        match action {
            Action::Spawn(steps) => {
                let future = all(&world, steps, number);
                let greenlet = spawn_local(future);
                world.greenlets.borrow_mut().push(greenlet);
            }
            Action::Timed(steps) => {
                let future = all(&world, steps, number);
                let greenlet = spawn(move || with_timeout(0, || block_on(future)?, number));
                world.greenlets.borrow_mut().push(greenlet);
            }
            Action::Kill(i) => {
                let greenlet = world.greenlets.borrow().get(i).cloned();
                // What waits in the middle of a poll gets the exception, and others may wait on.
                if let Some(greenlet) = greenlet {
                    greenlet
                        .kill_with(Kill::default().nonblocking())
                        .expect("the hub lives");
                }
            }
            Action::Set(i) => world.events[i].set(),
            Action::Clear(i) => world.events[i].clear(),
            Action::Resolve(i) => world.results[i].set(i),
            Action::Release => {
                world.permits.set(world.permits.get() + 1);
                world.semaphore.release();
            }
            Action::Greenlet(step) => {
                let its = world.clone();
                let greenlet = spawn(move || {
                    match step {
                        Step::Put => its.queue.put(its.item()).map(|()| its.add(1)),
                        Step::Get => its.queue.get().map(drop).map(|()| its.add(-1)),
                        Step::Give => its.channel.put(its.item()),
                        _ => its.channel.get().map(drop),
                    }
                    .map(|()| number)
                });
                world.greenlets.borrow_mut().push(greenlet);
            }
            Action::Turn => sleep(0).expect("nobody throws"),
        }
    }
    // All that can be waited for is there, so whoever was not killed comes to the end: nothing is lost.
    world.events.iter().for_each(Event::set);
    (0..EVENTS).for_each(|i| world.results[i].set(i));
    let greenlets = world.greenlets.borrow().clone();
    // A greenlet may await itself, or one that awaits it.
    if gevent::joinall_timeout(&greenlets, 0.01).expect("nobody throws").len() < greenlets.len() {
        for _ in 0..100 {
            let kill = Kill::default().nonblocking();
            gevent::killall_with(&greenlets, kill).expect("nobody throws");
            sleep(0).expect("nobody throws");
        }
    }
    for (number, greenlet) in greenlets.iter().enumerate() {
        assert!(greenlet.ready());
        if let Ok(value) = greenlet.get() {
            assert_eq!(value, number);
        }
    }
    world.greenlets.borrow_mut().clear();
    drop(greenlets);
    sleep(0).expect("nobody throws");
    assert_eq!(world.alive.get(), 0, "futures are left");
    assert_eq!(world.links(), 0, "links are left");
    // An item whose putter was killed after its turn is in the queue, though the putter could not count it.
    assert!(world.queue.qsize() as i32 >= world.inside.get(), "items are lost");
    assert_eq!(world.items.get(), world.queue.qsize() as i32, "items are left, or lost");
    assert_eq!(world.semaphore.counter(), world.permits.get(), "permits are lost");
    assert_eq!(
        get_hub().loop_().activecnt().expect("it lives"),
        active,
        "the loop is referred to"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_or_left(actions in prop::collection::vec(action(), 0..30)) {
        program(actions);
    }
}
