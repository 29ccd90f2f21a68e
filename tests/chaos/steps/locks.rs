//! Events, results, semaphores and the other locks.

use std::rc::Rc;

use gevent::Exception;
use gevent::event::{AsyncResult, Event};
use gevent::lock::{Barrier, Condition, RLock, Semaphore};

use super::greenlets::link;
use crate::world::{Expected, World};

pub(super) fn step(world: &Rc<World>) -> Result<(), Exception> {
    match world.random.below(8) {
        0 | 1 => event(world),
        2 => result(world),
        3 | 4 => semaphore(world),
        5 => rlock(world),
        6 => condition(world),
        _ => barrier(world),
    }
}

fn event(world: &Rc<World>) -> Result<(), Exception> {
    let event = world.one(&world.events, Event::new);
    match world.random.below(7) {
        0 | 1 => event.wait_timeout(world.limit()).map(drop),
        2 | 3 => {
            event.set();
            Ok(())
        }
        4 => {
            event.clear();
            Ok(())
        }
        5 => {
            let link = event.rawlink(link(world));
            world.keep(&world.links, link);
            Ok(())
        }
        _ => {
            if let Some(link) = world.take(&world.links) {
                event.unlink(&link);
            }
            drop(world.take(&world.events));
            Ok(())
        }
    }
}

fn result(world: &Rc<World>) -> Result<(), Exception> {
    let result = world.one(&world.results, AsyncResult::new);
    match world.random.below(5) {
        0 | 1 => result.get_timeout(world.limit()).map(drop),
        2 => {
            result.set(7);
            Ok(())
        }
        3 => {
            result.set_exception(Expected);
            Ok(())
        }
        _ => {
            let link = result.rawlink(link(world));
            world.keep(&world.links, link);
            drop(world.take(&world.results));
            Ok(())
        }
    }
}

fn semaphore(world: &Rc<World>) -> Result<(), Exception> {
    let semaphore = world.one(&world.semaphores, || Semaphore::new(world.random.below(3) as usize));
    match world.random.below(7) {
        0 | 1 => semaphore.acquire_timeout(world.limit()).map(drop),
        2 => {
            semaphore.release();
            Ok(())
        }
        3 => {
            let held = semaphore.acquire_guard_timeout(world.limit())?;
            let done = world.steps(2);
            drop(held);
            done
        }
        4 => {
            if let Some(guard) = semaphore.try_acquire_guard() {
                world.keep(&world.guards, guard);
            }
            drop(world.take(&world.guards));
            Ok(())
        }
        5 => semaphore.wait_timeout(world.limit()).map(drop),
        _ => {
            let link = semaphore.rawlink(link(world));
            world.keep(&world.links, link);
            drop(world.take(&world.semaphores));
            Ok(())
        }
    }
}

fn rlock(world: &Rc<World>) -> Result<(), Exception> {
    let lock = world.one(&world.rlocks, RLock::new);
    match world.random.below(4) {
        0 | 1 => {
            let held = lock.acquire_guard_timeout(world.limit())?;
            let done = world.steps(2);
            drop(held);
            done
        }
        2 => {
            lock.acquire_timeout(world.limit())?;
            Ok(())
        }
        _ => Ok(lock.release()?),
    }
}

fn condition(world: &Rc<World>) -> Result<(), Exception> {
    let condition = world.one(&world.conditions, Condition::new);
    if !condition.lock().acquire_timeout(world.limit())? {
        return Ok(());
    }
    let done = match world.random.below(3) {
        0 => condition.wait_timeout(world.limit()).map(drop),
        1 => condition.notify(1).map_err(Exception::from),
        _ => condition.notify_all().map_err(Exception::from),
    };
    let _ = condition.release();
    done
}

fn barrier(world: &Rc<World>) -> Result<(), Exception> {
    let barrier = world.one(&world.barriers, || {
        let its = world.clone();
        Barrier::new(2).with_action(move || its.act(1))
    });
    match world.random.below(4) {
        0 | 1 => barrier.wait_timeout(world.limit()).map(drop),
        2 => {
            barrier.reset();
            Ok(())
        }
        _ => {
            barrier.abort();
            drop(world.take(&world.barriers));
            Ok(())
        }
    }
}
