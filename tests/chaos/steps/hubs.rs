//! Hubs and loops: more than one of each, handlers, callbacks and timers, their ends.

use std::rc::Rc;

use gevent::core::Loop;
use gevent::hub::{get_hub_if_exists, set_hub};
use gevent::{Context, Exception, Hub, get_hub};

use crate::canary::Bomb;
use crate::program::new_hub;
use crate::world::World;

/// What loops call.
fn callback(world: &Rc<World>) -> impl Fn() -> Result<(), Exception> + 'static {
    let (its, bomb) = (world.clone(), Bomb::maybe(world));
    move || {
        let _bomb = &bomb;
        its.act(2)
    }
}

pub(super) fn step(world: &Rc<World>) -> Result<(), Exception> {
    let random = &world.random;
    match random.below(14) {
        0 => {
            let hub = get_hub();
            let (its, bomb) = (world.clone(), Bomb::maybe(world));
            hub.set_error_handler((!random.once_in(3)).then(|| {
                Rc::new(move |_: Context<'_>, _: Exception| {
                    let _bomb = &bomb;
                    let _ = its.steps(1);
                }) as Rc<_>
            }));
            Ok(())
        }
        1 => {
            let its = world.clone();
            get_hub().set_not_error(move |_| its.random.once_in(2));
            let its = world.clone();
            get_hub().set_system_error(move |_| its.random.once_in(4));
            Ok(())
        }
        2..=4 => {
            let hub = get_hub();
            if random.once_in(2) {
                let callback = hub.loop_().run_callback(callback(world))?;
                world.keep(&world.callbacks, callback);
            } else if let Some(callback) = world.take(&world.callbacks) {
                callback.stop();
            }
            Ok(())
        }
        5 | 6 => timer(world, get_hub().loop_()),
        7..=9 => another_loop(world),
        10 => {
            let limit = world.limit();
            get_hub().join_timeout(limit).map(drop)
        }
        11 => {
            let hub = get_hub_if_exists();
            hub.map_or(Ok(()), |hub| hub.switch().map(drop))
        }
        12 if random.once_in(2) => get_hub().destroy(random.one_of(&[None, Some(true)])),
        _ => {
            if random.once_in(2) {
                return Ok(());
            }
            world.ledger.one_more_loop();
            let old = get_hub_if_exists();
            let new = match world.take(&world.hubs).filter(|_| random.once_in(2)) {
                Some(hub) => hub,
                None => Hub::new(None)?,
            };
            new_hub(&new);
            set_hub((!random.once_in(3)).then_some(new));
            if let Some(old) = old {
                world.keep(&world.hubs, old);
            }
            Ok(())
        }
    }
}

fn timer(world: &Rc<World>, loop_: &Loop) -> Result<(), Exception> {
    let timer = loop_.timer(world.soon())?;
    timer.start(callback(world))?;
    world.keep(&world.timers, timer);
    if world.random.once_in(2) {
        drop(world.take(&world.timers));
    }
    Ok(())
}

/// A loop that is run in whatever greenlet this is.
fn another_loop(world: &Rc<World>) -> Result<(), Exception> {
    let loop_ = match world.pick(&world.loops) {
        Some(loop_) => loop_,
        None => {
            let loop_ = Loop::new((), false)?;
            world.ledger.one_more_loop();
            loop_.set_error_handler(Some(Rc::new(|_: Context<'_>, _: Exception| {})));
            (world.shared.loops.lock()).push(loop_.threadsafe());
            world.keep(&world.loops, loop_.clone());
            loop_
        }
    };
    match world.random.below(6) {
        0 => timer(world, &loop_),
        1 => {
            let callback = loop_.run_callback(callback(world))?;
            world.keep(&world.callbacks, callback);
            Ok(())
        }
        2 | 3 => {
            if loop_.depth().is_ok_and(|depth| depth < 3) {
                loop_.run_nowait()?;
            }
            Ok(())
        }
        4 => {
            if loop_.depth().is_ok_and(|depth| depth < 3) {
                loop_.run()?;
            }
            Ok(())
        }
        _ => {
            if world.random.once_in(3) {
                loop_.destroy()?;
            }
            drop(loop_);
            drop(world.take(&world.loops));
            Ok(())
        }
    }
}
