//! Queues, channels and pools.

use std::rc::Rc;

use gevent::Exception;
use gevent::pool::Pool;
use gevent::queue::{Channel, JoinableQueue, Queue};

use super::greenlets::function;
use crate::world::World;

pub(super) fn step(world: &Rc<World>) -> Result<(), Exception> {
    match world.random.below(5) {
        0 => queue(world),
        1 => joinable(world),
        2 => channel(world),
        _ => pool(world),
    }
}

fn queue(world: &Rc<World>) -> Result<(), Exception> {
    let queue = world.one(&world.queues, || {
        Queue::with_maxsize(world.random.one_of(&[None, Some(1), Some(2)]))
    });
    match world.random.below(6) {
        0 | 1 => Ok(queue.put_timeout(world.canary(), world.limit())?),
        2 | 3 => queue.get_timeout(world.limit()).map(|canary| canary.look()),
        4 => queue.peek_timeout(world.limit()).map(|canary| canary.look()),
        _ => {
            queue.set_maxsize(world.random.one_of(&[None, Some(1), Some(5)]));
            drop(world.take(&world.queues));
            Ok(())
        }
    }
}

fn joinable(world: &Rc<World>) -> Result<(), Exception> {
    let queue = world.one(&world.joinables, || JoinableQueue::with_maxsize(2));
    match world.random.below(6) {
        0 | 1 => Ok(queue.put_timeout(world.canary(), world.limit())?),
        2 => {
            let canary = queue.get_timeout(world.limit())?;
            let done = world.steps(1);
            canary.look();
            queue.task_done()?;
            done
        }
        3 => queue.join_timeout(world.limit()).map(drop),
        4 => Ok(queue.task_done()?),
        _ => {
            queue.shutdown(world.random.once_in(2));
            drop(world.take(&world.joinables));
            Ok(())
        }
    }
}

fn channel(world: &Rc<World>) -> Result<(), Exception> {
    let channel = world.one(&world.channels, Channel::new);
    match world.random.below(5) {
        0 | 1 => Ok(channel.put_timeout(world.canary(), world.limit())?),
        2 | 3 => channel.get_timeout(world.limit()).map(|canary| canary.look()),
        _ => {
            drop(world.take(&world.channels));
            Ok(())
        }
    }
}

fn pool(world: &Rc<World>) -> Result<(), Exception> {
    let pool = world.one(&world.pools, || {
        Pool::new(world.random.one_of(&[None, Some(1), Some(2)]))
    });
    match world.random.below(8) {
        0 | 1 => pool
            .spawn(function(world))
            .map(|greenlet| world.keep(&world.greenlets, greenlet)),
        2 => pool.join_timeout(world.limit()).map(drop),
        3 => pool.kill(),
        4 => {
            let its = world.clone();
            let all = pool.map(move |_| its.steps(2), 0..3)?;
            drop(all);
            Ok(())
        }
        5 => {
            let its = world.clone();
            let mapped = pool.imap_unordered(move |_| its.act(1), 0..3);
            for done in mapped.take(2) {
                done?;
            }
            Ok(())
        }
        6 => match world.pick(&world.greenlets) {
            Some(greenlet) => pool.add_timeout(&greenlet, world.limit()).map(drop),
            None => Ok(()),
        },
        _ => {
            drop(world.take(&world.pools));
            Ok(())
        }
    }
}
