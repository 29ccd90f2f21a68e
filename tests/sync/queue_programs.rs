//! Runs random programs of greenlets that put, get, kill, time out and yield at a queue. No item may be lost or come
//! twice, orders must be kept, and no greenlet may be left in line.
//!
//! `PROPTEST_CASES=100000 cargo test --test sync queue_programs` tries more of them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::support::bounded;
use gevent::queue::{BaseJoinableQueue, Channel, Empty, Full, LifoQueue, PriorityQueue, PutError, Queue, Storage};
use gevent::{Exception, Greenlet, GreenletExit, Kill, Timeout, joinall, sleep, spawn};
use proptest::prelude::*;

/// One step of a greenlet.
#[derive(Debug, Clone, Copy)]
enum Op {
    Put,
    PutNowait,
    /// Puts with a time limit of 0 seconds.
    PutTimeout,
    Get,
    GetNowait,
    GetTimeout,
    /// Gets under a timeout of 0 seconds.
    GetUnderTimeout,
    PutUnderTimeout,
    Yield,
    /// Kills the greenlet with this number.
    Kill(usize),
    /// Unwinds the greenlet with this number, if it is parked.
    Unwind(usize),
}

const GREENLETS: usize = 5;

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Put),
        2 => Just(Op::PutNowait),
        1 => Just(Op::PutTimeout),
        3 => Just(Op::Get),
        2 => Just(Op::GetNowait),
        1 => Just(Op::GetTimeout),
        1 => Just(Op::GetUnderTimeout),
        1 => Just(Op::PutUnderTimeout),
        3 => Just(Op::Yield),
        1 => (0..GREENLETS).prop_map(Op::Kill),
        1 => (0..GREENLETS).prop_map(Op::Unwind),
    ]
}

fn programs() -> impl Strategy<Value = Vec<Vec<Op>>> {
    prop::collection::vec(prop::collection::vec(op(), 0..8), GREENLETS)
}

/// An item: the number of its greenlet, and its number in the whole program.
type Item = (u64, usize);

/// A queue or a channel.
trait Place: Clone + 'static {
    const FIFO: bool;
    fn try_put(&self, item: Item, timeout: Option<f64>) -> Result<(), PutError<Item>>;
    fn try_put_nowait(&self, item: Item) -> Result<(), PutError<Item>>;
    fn try_get(&self, timeout: Option<f64>) -> Result<Item, Exception>;
    fn try_get_nowait(&self) -> Result<Item, Exception>;
    fn waiting(&self) -> (usize, usize);
    fn held(&self) -> usize;
}

impl<S: Storage<Item = Item>> Place for BaseJoinableQueue<S> {
    const FIFO: bool = matches!(S::NAME.as_bytes(), b"Queue");
    fn try_put(&self, item: Item, timeout: Option<f64>) -> Result<(), PutError<Item>> {
        self.put_timeout(item, timeout)
    }
    fn try_put_nowait(&self, item: Item) -> Result<(), PutError<Item>> {
        self.put_nowait(item)
    }
    fn try_get(&self, timeout: Option<f64>) -> Result<Item, Exception> {
        self.get_timeout(timeout)
    }
    fn try_get_nowait(&self) -> Result<Item, Exception> {
        self.get_nowait()
    }
    fn waiting(&self) -> (usize, usize) {
        (self.putters(), self.getters())
    }
    fn held(&self) -> usize {
        self.qsize()
    }
}

impl Place for Channel<Item> {
    const FIFO: bool = true;
    fn try_put(&self, item: Item, timeout: Option<f64>) -> Result<(), PutError<Item>> {
        self.put_timeout(item, timeout)
    }
    fn try_put_nowait(&self, item: Item) -> Result<(), PutError<Item>> {
        self.put_nowait(item)
    }
    fn try_get(&self, timeout: Option<f64>) -> Result<Item, Exception> {
        self.get_timeout(timeout)
    }
    fn try_get_nowait(&self) -> Result<Item, Exception> {
        self.get_nowait()
    }
    fn waiting(&self) -> (usize, usize) {
        (self.putters(), self.getters())
    }
    fn held(&self) -> usize {
        0
    }
}

/// The data that all greenlets of a program share.
#[derive(Default)]
struct World {
    made: usize,
    /// Items that were put, and items of greenlets that were unwound in a put, which may have succeeded or not.
    put: BTreeSet<usize>,
    unknown: BTreeSet<usize>,
    got: Vec<Item>,
    greenlets: Vec<Greenlet<()>>,
}

fn step<Q: Place>(queue: &Q, world: &Rc<RefCell<World>>, op: Op) -> Result<(), Exception> {
    let put = |method: &dyn Fn(Item) -> Result<(), PutError<Item>>| {
        let number = {
            let mut world = world.borrow_mut();
            world.made += 1;
            let number = world.made;
            world.unknown.insert(number);
            number
        };
        let ended = method((gevent::getcurrent().id(), number));
        let mut world = world.borrow_mut();
        world.unknown.remove(&number);
        match ended {
            Ok(()) => drop(world.put.insert(number)),
            Err(PutError::Thrown(None, e)) => {
                world.put.insert(number);
                return Err(e);
            }
            Err(PutError::Full(item)) => assert_eq!(item.1, number),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    };
    let get = |method: &dyn Fn() -> Result<Item, Exception>| match method() {
        Err(e) if e.is::<Empty>() || e.is::<Full>() => Ok(()),
        got => {
            world.borrow_mut().got.push(got?);
            Ok(())
        }
    };
    let other = |number: usize| world.borrow().greenlets.get(number).cloned();
    match op {
        Op::Put => put(&|item| queue.try_put(item, None)),
        Op::PutNowait => put(&|item| queue.try_put_nowait(item)),
        Op::PutTimeout => put(&|item| queue.try_put(item, Some(0.0))),
        Op::Get => get(&|| queue.try_get(None)),
        Op::GetNowait => get(&|| queue.try_get_nowait()),
        Op::GetTimeout => get(&|| queue.try_get(Some(0.0))),
        Op::GetUnderTimeout => Timeout::new(0).silent(|| get(&|| queue.try_get(None))).map(drop),
        Op::PutUnderTimeout => Timeout::new(0)
            .silent(|| put(&|item| queue.try_put(item, None)))
            .map(drop),
        Op::Yield => sleep(0),
        Op::Kill(number) => match other(number) {
            Some(greenlet) => greenlet.kill_with(Kill::default().nonblocking()).map(drop),
            None => Ok(()),
        },
        Op::Unwind(number) => {
            if let Some(greenlet) = other(number)
                && greenlet.raw().active()
            {
                greenlet.raw().unwind();
            }
            Ok(())
        }
    }
}

fn run<Q: Place>(queue: &Q, programs: &[Vec<Op>]) -> Result<(), Exception> {
    let world = Rc::new(RefCell::new(World::default()));
    for program in programs {
        let (queue, its, program) = (queue.clone(), world.clone(), program.clone());
        let greenlet = spawn(move || {
            for op in program {
                match step(&queue, &its, op) {
                    Err(e) if e.is::<GreenletExit>() => break,
                    ended => ended?,
                }
            }
            Ok(())
        });
        world.borrow_mut().greenlets.push(greenlet);
    }
    let greenlets = world.borrow().greenlets.clone();
    // All timeouts are 0 seconds, so a greenlet that still waits after this waits for ever.
    for _ in 0..40 {
        sleep(0)?;
    }
    sleep(0.0005)?;
    for _ in 0..40 {
        sleep(0)?;
    }
    // Serves the greenlets that wait: first those with items, then those without.
    loop {
        match queue.waiting() {
            (putters, _) if putters > 0 || queue.held() > 0 => {
                // Another greenlet may be quicker.
                match queue.try_get(Some(0.0)) {
                    Err(e) if e.is::<Empty>() => {}
                    item => world.borrow_mut().got.push(item?),
                }
            }
            (_, getters) if getters > 0 => {
                let number = {
                    let mut world = world.borrow_mut();
                    world.made += 1;
                    world.made
                };
                match queue.try_put((0, number), Some(0.0)) {
                    Err(PutError::Full(_)) => {}
                    put => {
                        put?;
                        world.borrow_mut().put.insert(number);
                    }
                }
                sleep(0)?;
            }
            _ => {
                sleep(0)?;
                sleep(0.0002)?;
                sleep(0)?;
                let over = queue.waiting() == (0, 0) && queue.held() == 0;
                if over && greenlets.iter().all(|g| g.ready()) {
                    break;
                }
            }
        }
    }
    joinall(&greenlets)?;
    assert_eq!((queue.waiting(), queue.held()), ((0, 0), 0));
    let world = world.borrow();
    let got: BTreeSet<usize> = world.got.iter().map(|(_, number)| *number).collect();
    assert_eq!(got.len(), world.got.len(), "nothing comes twice");
    assert!(
        world.put.is_subset(&got),
        "nothing is lost: {:?}",
        world.put.difference(&got)
    );
    let mut known = got.difference(&world.put);
    assert!(known.all(|number| world.unknown.contains(number)), "nothing else comes");
    for greenlet in &greenlets {
        assert!(greenlet.successful(), "{:?}", greenlet.exception());
    }
    if Q::FIFO {
        // The items of one greenlet come in its order.
        for greenlet in &greenlets {
            let id = greenlet.raw().id();
            let its: Vec<_> = world.got.iter().filter(|(by, _)| *by == id).collect();
            assert!(its.is_sorted(), "{its:?}");
        }
    }
    Ok(())
}

fn failed(exception: Exception) -> TestCaseError {
    TestCaseError::fail(format!("{exception:?}"))
}

proptest! {
    #[test]
    fn queues_lose_nothing(programs in programs(), maxsize in 0_usize..4) {
        let _bounded = bounded();
        run(&Queue::with_maxsize(maxsize), &programs).map_err(failed)?;
        run(&LifoQueue::with_maxsize(maxsize), &programs).map_err(failed)?;
        run(&PriorityQueue::with_maxsize(maxsize), &programs).map_err(failed)?;
    }

    #[test]
    fn channels_lose_nothing(programs in programs()) {
        let _bounded = bounded();
        run(&Channel::new(), &programs).map_err(failed)?;
    }

    /// Without waits, a queue behaves as the collection that it holds.
    #[test]
    fn orders_are_those_of_the_collections(items in prop::collection::vec(prop::option::of(0..100), 0..50)) {
        let (fifo, lifo, least) = (Queue::new(), LifoQueue::new(), PriorityQueue::new());
        let (mut deque, mut stack, mut sorted) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match item {
                Some(item) => {
                    fifo.put(item).map_err(failed)?;
                    lifo.put(item).map_err(failed)?;
                    least.put(item).map_err(failed)?;
                    deque.push(item);
                    stack.push(item);
                    sorted.push(item);
                    sorted.sort_unstable_by(|a: &i32, b| b.cmp(a));
                }
                None if deque.is_empty() => prop_assert!(fifo.get_nowait().is_err()),
                None => {
                    prop_assert_eq!(fifo.get().map_err(failed)?, deque.remove(0));
                    prop_assert_eq!(Some(lifo.get().map_err(failed)?), stack.pop());
                    prop_assert_eq!(Some(least.get().map_err(failed)?), sorted.pop());
                }
            }
        }
        prop_assert_eq!(fifo.unfinished_tasks(), lifo.unfinished_tasks());
    }
}
