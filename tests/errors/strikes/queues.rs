//! The table of waits for items and space.

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::Exception;
use gevent::queue::{Channel, PutError, Queue};
use gevent::{spawn, threadsafe};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

/// The item that is put, and must be found in the end.
const ITEM: i32 = 7;

/// The methods that the types of queues have in common.
trait Any: Clone + 'static {
    fn with_maxsize(maxsize: usize) -> Self;
    fn put_nowait(&self, item: Option<i32>) -> Result<(), PutError<Option<i32>>>;
    fn get_nowait(&self) -> Result<Option<i32>, Exception>;
    fn len(&self) -> usize;
    fn waiting(&self) -> usize;
    fn task_done(&self);
}

macro_rules! any {
    ($type:path) => {
        impl Any for $type {
            fn with_maxsize(maxsize: usize) -> Self {
                Self::with_maxsize(maxsize)
            }
            fn put_nowait(&self, item: Option<i32>) -> Result<(), PutError<Option<i32>>> {
                Self::put_nowait(self, item)
            }
            fn get_nowait(&self) -> Result<Option<i32>, Exception> {
                Self::get_nowait(self)
            }
            fn len(&self) -> usize {
                self.qsize()
            }
            fn waiting(&self) -> usize {
                self.getters() + self.putters()
            }
            fn task_done(&self) {
                Self::task_done(self).expect("there is one");
            }
        }
    };
}

// Methods such as `len` are those of the type to which these dereference.
impl Any for Queue<Option<i32>> {
    fn with_maxsize(maxsize: usize) -> Self {
        Queue::with_maxsize(maxsize)
    }
    fn put_nowait(&self, item: Option<i32>) -> Result<(), PutError<Option<i32>>> {
        (**self).put_nowait(item)
    }
    fn get_nowait(&self) -> Result<Option<i32>, Exception> {
        (**self).get_nowait()
    }
    fn len(&self) -> usize {
        self.qsize()
    }
    fn waiting(&self) -> usize {
        self.getters() + self.putters()
    }
    fn task_done(&self) {
        Queue::task_done(self).expect("there is one");
    }
}

any!(threadsafe::Queue<Option<i32>>);

/// A case in which one item is put: afterwards the call has it, or the queue does.
fn getting<Q: Any>(call: fn(&Q) -> TestResult, takes: bool) -> Case {
    let queue = Q::with_maxsize(1);
    let (give, check) = (queue.clone(), queue.clone());
    case(
        move || call(&queue),
        move || give.put_nowait(Some(ITEM)).expect("there is space"),
        move |got| {
            assert_eq!(check.len(), usize::from(!(got && takes)));
            assert_eq!(check.waiting(), 0);
        },
    )
}

/// A case in which the call puts an item: afterwards it is in the queue if the call has succeeded, and with the caller
/// if not.
fn putting<Q: Any>(call: fn(&Q) -> TestResult) -> Case {
    let queue = Q::with_maxsize(1);
    queue.put_nowait(Some(0)).expect("there is space");
    let (give, check) = (queue.clone(), queue.clone());
    case(
        move || call(&queue),
        move || {
            give.get_nowait().expect("there is one");
        },
        move |got| {
            assert_eq!(check.len(), usize::from(got));
            assert_eq!(check.waiting(), 0);
        },
    )
}

fn joining<Q: Any>(call: fn(&Q) -> TestResult) -> Case {
    let queue = Q::with_maxsize(0);
    queue.put_nowait(None).expect("there is space");
    let give = queue.clone();
    case(move || call(&queue), move || give.task_done(), |_| ())
}

/// Checks that a failed put with a time limit gives the item back.
fn given_back(put: Result<(), PutError<Option<i32>>>) -> TestResult {
    match put {
        Err(PutError::Thrown(item, exception)) => {
            assert_eq!(item, Some(Some(ITEM)));
            Err(exception)
        }
        put => Ok(put?),
    }
}

/// Takes one item. After an error the iterator must be over.
fn next<T>(mut items: impl Iterator<Item = Result<T, Exception>>) -> TestResult {
    let item = items.next().expect("an item or an error");
    if item.is_err() {
        assert!(items.next().is_none() && items.next().is_none());
    }
    item.map(drop)
}

fn gets(call: fn(&Channel<Option<i32>>) -> TestResult) -> Case {
    let channel = Channel::new();
    let (give, check) = (channel.clone(), channel.clone());
    case(
        move || call(&channel),
        move || {
            let channel = give.clone();
            // If no greenlet is left to take the item, it is given back.
            spawn(move || match channel.put_timeout(Some(ITEM), 0.001) {
                Err(PutError::Full(Some(ITEM))) => Ok(()),
                put => Ok(put?),
            });
        },
        move |_| assert_eq!(check.getters(), 0),
    )
}

fn puts(call: fn(&Channel<Option<i32>>) -> TestResult) -> Case {
    let channel = Channel::new();
    let (give, check) = (channel.clone(), channel.clone());
    case(
        move || call(&channel),
        move || {
            let channel = give.clone();
            spawn(move || match channel.get_timeout(0.001) {
                Ok(item) => {
                    assert_eq!(item, Some(ITEM));
                    Ok(())
                }
                Err(empty) if empty.is::<gevent::queue::Empty>() => Ok(()),
                Err(other) => Err(other),
            });
        },
        move |_| assert_eq!(check.putters(), 0),
    )
}

type Local = Queue<Option<i32>>;
type Shared = threadsafe::Queue<Option<i32>>;
type Rendezvous = Channel<Option<i32>>;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let get: [(_, fn(&Local) -> TestResult, _); 6] = [
        ("src/queue/base.rs BaseQueue::get", |q| q.get().map(drop), true),
        (
            "src/queue/base.rs BaseQueue::get_timeout",
            |q| q.get_timeout(LIMIT).map(drop),
            true,
        ),
        ("src/queue/base.rs BaseQueue::peek", |q| q.peek().map(drop), false),
        (
            "src/queue/base.rs BaseQueue::peek_timeout",
            |q| q.peek_timeout(LIMIT).map(drop),
            false,
        ),
        ("src/queue/iter.rs Iter::next", |q| next(q.iter()), true),
        ("src/queue/iter.rs UntilNone::next", |q| next(q.until_none()), true),
    ];
    rows.extend(get.map(|(name, call, takes)| row(name, move || getting(call, takes))));
    let get: [(_, fn(&Shared) -> TestResult, _); 5] = [
        ("src/threadsafe/queue.rs Queue::get", |q| q.get().map(drop), true),
        (
            "src/threadsafe/queue.rs Queue::get_timeout",
            |q| q.get_timeout(LIMIT).map(drop),
            true,
        ),
        ("src/threadsafe/queue.rs Queue::peek", |q| q.peek().map(drop), false),
        (
            "src/threadsafe/queue.rs Queue::peek_timeout",
            |q| q.peek_timeout(LIMIT).map(drop),
            false,
        ),
        ("src/threadsafe/queue.rs Iter::next", |q| next(q.iter()), true),
    ];
    rows.extend(get.map(|(name, call, takes)| row(name, move || getting(call, takes))));
    let put: [(_, fn(&Local) -> TestResult); 2] = [
        ("src/queue/base.rs BaseQueue::put", |q| q.put(Some(ITEM))),
        ("src/queue/base.rs BaseQueue::put_timeout", |q| {
            given_back(q.put_timeout(Some(ITEM), LIMIT))
        }),
    ];
    rows.extend(put.map(|(name, call)| row(name, move || putting(call))));
    let put: [(_, fn(&Shared) -> TestResult); 2] = [
        ("src/threadsafe/queue.rs Queue::put", |q| q.put(Some(ITEM))),
        ("src/threadsafe/queue.rs Queue::put_timeout", |q| {
            given_back(q.put_timeout(Some(ITEM), LIMIT))
        }),
    ];
    rows.extend(put.map(|(name, call)| row(name, move || putting(call))));
    rows.push(row("src/queue/joinable.rs BaseJoinableQueue::join", || {
        joining::<Local>(|q| q.join().map(|done| assert!(done)))
    }));
    rows.push(row("src/queue/joinable.rs BaseJoinableQueue::join_timeout", || {
        joining::<Local>(|q| q.join_timeout(LIMIT).map(|done| assert!(done)))
    }));
    rows.push(row("src/threadsafe/queue.rs Queue::join", || {
        joining::<Shared>(|q| q.join().map(|done| assert!(done)))
    }));
    rows.push(row("src/threadsafe/queue.rs Queue::join_timeout", || {
        joining::<Shared>(|q| q.join_timeout(LIMIT).map(|done| assert!(done)))
    }));
    let get: [(_, fn(&Rendezvous) -> TestResult); 3] = [
        ("src/queue/channel.rs Channel::get", |c| c.get().map(drop)),
        ("src/queue/channel.rs Channel::get_timeout", |c| {
            c.get_timeout(LIMIT).map(drop)
        }),
        ("src/queue/channel.rs Channel::iter", |c| next(c.iter())),
    ];
    rows.extend(get.map(|(name, call)| row(name, move || gets(call))));
    let put: [(_, fn(&Rendezvous) -> TestResult); 2] = [
        ("src/queue/channel.rs Channel::put", |c| c.put(Some(ITEM))),
        ("src/queue/channel.rs Channel::put_timeout", |c| {
            given_back(c.put_timeout(Some(ITEM), LIMIT))
        }),
    ];
    rows.extend(put.map(|(name, call)| row(name, move || puts(call))));
    // These calls let others run but wait for no time, so there may be no partner yet.
    rows.push(row("src/queue/channel.rs Channel::get_nowait", || {
        gets(|c| match c.get_nowait() {
            Err(empty) if empty.error().is::<gevent::queue::Empty>() && empty.thrown_here().is_none() => Ok(()),
            got => got.map(drop),
        })
    }));
    rows.push(row("src/queue/channel.rs Channel::put_nowait", || {
        puts(|c| match c.put_nowait(Some(ITEM)) {
            Err(PutError::Full(Some(ITEM))) => Ok(()),
            put => given_back(put),
        })
    }));
    rows
}
