//! Handles are equal, and have the same hash, if they are handles of the same object; as objects are in Python's sets.

use std::collections::HashSet;
use std::hash::Hash;
use std::rc::Rc;

use gevent::event::{AsyncResult, Event};
use gevent::local::Local;
use gevent::lock::{Barrier, BoundedSemaphore, Condition, RLock, Semaphore};
use gevent::pool::{Group, Pool};
use gevent::queue::{Channel, JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue};
use gevent::threadpool::{ThreadPool, ThreadPoolExecutor};
use gevent::{Linkable, Timeout, get_hub, spawn, threadsafe};

use crate::support::{TestResult, bounded};

/// `made` and its clone are one element of a set, and `other` is another.
fn two<T: Clone + Eq + Hash>(make: impl Fn() -> T) {
    let (made, other) = (make(), make());
    let name = std::any::type_name::<T>();
    let mut set = HashSet::from([made.clone(), other.clone()]);
    assert_eq!(set.len(), 2, "{name}");
    assert!(!set.insert(made.clone()), "{name}");
    assert!(
        set.remove(&made) && !set.contains(&made) && set.contains(&other),
        "{name}"
    );
    assert!(made == made.clone() && made != other, "{name}");
}

#[test]
#[allow(clippy::mutable_key_type, reason = "the hash is that of the object's address")]
fn handles_are_found_in_sets() -> TestResult {
    let _bounded = bounded();
    two(Event::new);
    two(AsyncResult::<f64>::new);
    two(|| Semaphore::new(1));
    two(|| BoundedSemaphore::new(1));
    two(RLock::new);
    two(Condition::new);
    two(|| Barrier::new(2));
    two(Queue::<f64>::new);
    two(LifoQueue::<f64>::new);
    two(PriorityQueue::<u8>::new);
    two(JoinableQueue::<f64>::new);
    two(SimpleQueue::<f64>::new);
    two(Channel::<f64>::new);
    two(Group::new);
    two(|| Pool::new(1));
    two(Local::<f64>::default);
    two(|| ThreadPool::new(1));
    two(threadsafe::Event::new);
    two(threadsafe::AsyncResult::<f64>::new);
    two(|| threadsafe::Semaphore::new(1));
    two(|| threadsafe::BoundedSemaphore::new(1));
    two(threadsafe::Queue::<f64>::new);
    two(|| spawn(|| 0.5));
    two(|| spawn(|| 0.5).any());
    two(|| get_hub().loop_().timer(1).expect("the loop is alive"));
    assert!(HashSet::from([get_hub()]).contains(&get_hub()));
    Ok(())
}

/// Of several objects that are waited for, any handle finds its own.
#[test]
fn handles_are_the_object_that_is_waited_for() -> TestResult {
    fn two<T: Linkable + Clone>(make: impl Fn() -> T) {
        let (made, other) = (make(), make());
        let (clone, listed) = (made.clone(), &made as &dyn Linkable);
        let name = std::any::type_name::<T>();
        assert!(
            listed.is(&clone) && listed.is(&&clone) && listed.is(&Rc::new(clone.clone())),
            "{name}"
        );
        assert!(!listed.is(&other), "{name}");
    }
    let _bounded = bounded();
    two(Event::new);
    two(AsyncResult::<f64>::new);
    two(|| Semaphore::new(1));
    two(|| BoundedSemaphore::new(1));
    two(threadsafe::Event::new);
    two(threadsafe::AsyncResult::<f64>::new);
    two(|| threadsafe::Semaphore::new(1));
    two(|| threadsafe::BoundedSemaphore::new(1));
    two(|| spawn(|| 0.5));
    two(|| spawn(|| 0.5).any());
    let executor = ThreadPoolExecutor::new(1);
    two(|| executor.submit(|| 0.5).expect("it is not shut down"));
    let greenlet = spawn(|| 1);
    assert!((&greenlet as &dyn Linkable).is(&greenlet.any()));
    assert!((&greenlet.any() as &dyn Linkable).is(&greenlet));
    Ok(())
}

/// A greenlet is the same whatever the type of its handle.
#[test]
#[allow(clippy::mutable_key_type, reason = "the hash is that of the greenlet's address")]
fn typed_and_untyped_handles_of_a_greenlet_have_one_hash() {
    let greenlet = spawn(|| 1);
    let known = HashSet::from([greenlet.any()]);
    assert!(known.contains(&greenlet.any()) && known.contains(&greenlet.clone().any()));
}

#[test]
#[allow(clippy::mutable_key_type, reason = "the hash is that of the timeout's number")]
fn a_timeout_is_equal_to_itself_only() {
    let (a, b) = (Timeout::new(1), Timeout::new(1));
    assert!(a == a && a != b);
    let known = HashSet::from([&a]);
    assert!(known.contains(&a) && !known.contains(&b));
}
