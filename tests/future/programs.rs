//! Random programs of greenlets and futures that await each other, are killed, dropped and timed out; and of the tasks
//! of `SharedExecutor`, and of executors that have a `HubDriver`.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use futures::FutureExt;
use futures::executor::LocalPool;
use futures::future::{AbortHandle, Either, LocalBoxFuture, abortable, select};
use futures::task::LocalSpawnExt;
use gevent::event::{AsyncResult, Event};
use gevent::future::{HubDriver, SharedExecutor, block_on, join_all, spawn_local};
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
    /// Awaits the end of an earlier task.
    Task(usize),
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
    /// Calls `block_on` inside; in a task, which would keep all others from running, awaits a greenlet that does.
    Nested(Box<Step>),
}

/// What is done from outside.
#[derive(Debug, Clone)]
enum Action {
    Spawn(Vec<Step>),
    /// A greenlet that gives up after a while.
    Timed(Vec<Step>),
    /// A task of the executor; without one, a greenlet.
    Task(Vec<Step>),
    Kill(usize),
    Abort(usize),
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
        (0..4_usize).prop_map(Step::Task),
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
        3 => steps().prop_map(Action::Task),
        2 => (0..8_usize).prop_map(Action::Kill),
        1 => (0..4_usize).prop_map(Action::Abort),
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
    tasks: RefCell<Vec<Task>>,
    /// How tasks are spawned, in an executor.
    executor: Option<Spawner>,
    /// The futures that exist.
    alive: Rc<Cell<i32>>,
}

type Spawner = Box<dyn Fn(LocalBoxFuture<'static, ()>)>;

/// A task of the executor. Its event is set when its future is gone.
struct Task {
    abort: AbortHandle,
    over: Event,
}

/// Sets the event of a task.
struct Over(Event);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.set();
    }
}

impl World {
    fn new(executor: Option<Spawner>) -> Rc<World> {
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
            tasks: RefCell::default(),
            executor,
            alive: Rc::default(),
        })
    }

    fn links(&self) -> usize {
        let events: usize = self.events.iter().map(Event::linkcount).sum();
        let results: usize = self.results.iter().map(AsyncResult::linkcount).sum();
        let tasks: usize = self.tasks.borrow().iter().map(|task| task.over.linkcount()).sum();
        let lines = self.queue.getters() + self.queue.putters() + self.channel.getters() + self.channel.putters();
        events + results + tasks + self.semaphore.linkcount() + lines
    }

    fn item(&self) -> Item {
        Counted::new(&self.items)
    }

    fn add(&self, inside: i32) {
        self.inside.set(self.inside.get() + inside);
    }

    /// Whether all greenlets and tasks have come to their end.
    fn is_over(&self) -> bool {
        let greenlets = self.greenlets.borrow().iter().all(Greenlet::ready);
        greenlets && self.tasks.borrow().iter().all(|task| task.over.ready())
    }

    /// Lets the others run: the greenlets, and the tasks if this is one of them.
    async fn turn(&self) {
        match self.executor {
            None => sleep(0).expect("nobody throws"),
            Some(_) => spawn(|| ()).await.expect("nobody throws"),
        }
    }

    fn spawn_task(self: &Rc<World>, spawn: &Spawner, steps: Vec<Step>) {
        let over = Event::new();
        let (world, is_over) = (self.clone(), Over(over.clone()));
        let (future, abort) = abortable(async move {
            let _is_over = is_over;
            for step in steps {
                // What is thrown into the greenlet of the executor is thrown into all.
                run(world.clone(), step, Place::Task).await.expect("nobody throws");
            }
        });
        self.tasks.borrow_mut().push(Task { abort, over });
        spawn(future.map(drop).boxed_local());
    }
}

/// Where a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Greenlet,
    /// Who parks here parks the executor.
    Task,
}

/// An error is what was thrown into the greenlet that polls.
fn run(world: Rc<World>, step: Step, place: Place) -> LocalBoxFuture<'static, Result<(), Exception>> {
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
            Step::Task(i) => {
                let over = world.tasks.borrow().get(i).map(|task| task.over.clone());
                if let Some(over) = over {
                    over.await;
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
                let all = join_all(steps.into_iter().map(|step| run(world.clone(), step, place))).await;
                assert_eq!(all.len(), count);
                all.into_iter().collect::<Result<(), _>>()?;
            }
            Step::First(a, b) => match select(run(world.clone(), *a, place), run(world, *b, place)).await {
                Either::Left((first, other)) | Either::Right((first, other)) => {
                    drop(other);
                    first?;
                }
            },
            Step::Nested(step) if place == Place::Task => {
                let number = world.greenlets.borrow().len();
                let its = world.clone();
                let greenlet = spawn(move || block_on(run(its, *step, Place::Greenlet))?.map(|()| number));
                world.greenlets.borrow_mut().push(greenlet.clone());
                // It may be killed.
                let _ = greenlet.await;
            }
            Step::Nested(step) => block_on(run(world, *step, place))??,
        }
        Ok(())
    })
}

fn all(world: &Rc<World>, steps: Vec<Step>, number: usize) -> Pin<Box<dyn Future<Output = Result<usize, Exception>>>> {
    let world = world.clone();
    Box::pin(async move {
        for step in steps {
            run(world.clone(), step, Place::Greenlet).await?;
        }
        Ok(number)
    })
}

async fn program(world: Rc<World>, actions: Vec<Action>) {
    for action in actions {
        let number = world.greenlets.borrow().len();
        match action {
            Action::Spawn(steps) => {
                let future = all(&world, steps, number);
                let greenlet = spawn_local(future);
                world.greenlets.borrow_mut().push(greenlet);
            }
            Action::Task(steps) => match &world.executor {
                Some(spawner) => world.spawn_task(spawner, steps),
                None => {
                    let greenlet = spawn_local(all(&world, steps, number));
                    world.greenlets.borrow_mut().push(greenlet);
                }
            },
            Action::Abort(i) => {
                if let Some(task) = world.tasks.borrow().get(i) {
                    task.abort.abort();
                }
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
            Action::Turn => world.turn().await,
        }
    }
    // All that can be waited for is there, so whoever was not killed comes to the end: nothing is lost.
    world.events.iter().for_each(Event::set);
    (0..EVENTS).for_each(|i| world.results[i].set(i));
    for _ in 0..50 {
        if world.is_over() {
            break;
        }
        world.turn().await;
    }
    // One may await itself, or one that awaits it, or an item that nobody has.
    for _ in 0..100 {
        if world.is_over() {
            break;
        }
        let greenlets = world.greenlets.borrow().clone();
        gevent::killall_with(&greenlets, Kill::default().nonblocking()).expect("nobody throws");
        world.tasks.borrow().iter().for_each(|task| task.abort.abort());
        world.turn().await;
    }
    assert!(world.is_over(), "they have no end");
    let greenlets = world.greenlets.take();
    for (number, greenlet) in greenlets.iter().enumerate() {
        assert!(greenlet.ready());
        if let Ok(value) = greenlet.get() {
            assert_eq!(value, number);
        }
    }
}

/// Runs a program in a greenlet, or in an executor, and fails unless all is as before.
fn leaves_nothing(execute: impl FnOnce() -> Rc<World>) {
    let _bounded = bounded();
    let active = get_hub().loop_().activecnt().expect("it lives");
    let world = execute();
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

fn in_greenlet(actions: Vec<Action>) -> Rc<World> {
    let world = World::new(None);
    // Nothing of it is ever pending, as it parks.
    let program = program(world.clone(), actions);
    program.now_or_never().expect("it parks");
    world
}

/// The program is a task of the greenlets' own executor, too.
fn in_shared_greenlets(actions: Vec<Action>) -> Rc<World> {
    let world = World::new(Some(Box::new(|task| {
        SharedExecutor.spawn(task).expect("the hub lives")
    })));
    let (program, over) = (program(world.clone(), actions), AsyncResult::new());
    let told = over.clone();
    SharedExecutor
        .spawn(program.map(move |()| told.set(())))
        .expect("the hub lives");
    over.get().expect("it does not panic");
    world
}

/// An executor whose waits are not known: a thread waits in the hub's place.
fn in_executor(actions: Vec<Action>) -> Rc<World> {
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let world = World::new(Some(Box::new({
        let spawner = spawner.clone();
        move |task| spawner.spawn_local(task).expect("it is there")
    })));
    let driver = HubDriver::new().expect("there are threads");
    spawner
        .spawn_local(driver.map(|ended| panic!("{ended:?}")))
        .expect("it is there");
    pool.run_until(program(world.clone(), actions));
    world
}

#[cfg(feature = "tokio")]
fn in_tokio(actions: Vec<Action>) -> Rc<World> {
    use tokio::runtime::Builder;
    use tokio::task::{LocalSet, spawn_local};
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let world = World::new(Some(Box::new(|task| drop(spawn_local(task)))));
    LocalSet::new().block_on(&runtime, async {
        let driver = HubDriver::tokio().expect("it is in the runtime");
        let driver = spawn_local(driver.map(|ended| panic!("{ended:?}")));
        program(world.clone(), actions).await;
        driver.abort();
        assert!(driver.await.is_err_and(|error| error.is_cancelled()));
    });
    world
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_or_left(actions in prop::collection::vec(action(), 0..30)) {
        leaves_nothing(|| in_greenlet(actions));
    }

    #[test]
    fn nothing_is_lost_or_left_by_shared_greenlets(actions in prop::collection::vec(action(), 0..30)) {
        leaves_nothing(|| in_shared_greenlets(actions));
    }

    #[test]
    fn nothing_is_lost_or_left_by_an_executor(actions in prop::collection::vec(action(), 0..30)) {
        leaves_nothing(|| in_executor(actions));
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn nothing_is_lost_or_left_by_tokio(actions in prop::collection::vec(action(), 0..30)) {
        leaves_nothing(|| in_tokio(actions));
    }
}
