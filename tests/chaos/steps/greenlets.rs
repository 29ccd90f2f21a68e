//! Greenlets: spawn, join, kill, throw, link; timeouts and masks.

use std::cell::Cell;
use std::rc::Rc;

use gevent::{
    AnyGreenlet, Exception, Greenlet, GreenletExit, JoinAll, Kill, Timeout, getcurrent, joinall_timeout, joinall_with,
    kill, killall, killall_with, mask_kill, sleep, spawn, spawn_later, spawn_raw, with_timeout,
};

use crate::canary::{Bomb, Canary, Frame};
use crate::world::{Expected, World};

/// What a greenlet does.
fn body(world: &Rc<World>) -> Result<Canary, Exception> {
    let frame = Frame::new(world);
    for _ in 0..world.random.below(5) {
        let done = world.step();
        frame.look();
        if world.random.once_in(3) {
            done?;
        }
    }
    world.act(1)?;
    frame.look();
    Ok(world.canary())
}

pub(super) fn function(world: &Rc<World>) -> impl FnOnce() -> Result<Canary, Exception> + 'static {
    let (world, bomb) = (world.clone(), Bomb::maybe(world));
    move || {
        let ended = body(&world);
        // Not by the end of the block: see `Ledger::forget`.
        drop(bomb);
        ended
    }
}

/// What is called with something that has ended, or is ready.
pub(super) fn link<S>(world: &Rc<World>) -> impl Fn(&S) -> Result<(), Exception> + 'static {
    let (world, bomb) = (world.clone(), Bomb::maybe(world));
    move |_| {
        let _bomb = &bomb;
        world.act(2)
    }
}

fn exception(world: &Rc<World>) -> Exception {
    match world.random.below(3) {
        0 => Expected.into(),
        _ => GreenletExit.into(),
    }
}

fn how(world: &Rc<World>) -> Kill {
    Kill {
        exception: exception(world),
        block: world.random.once_in(2),
        timeout: world.limit(),
    }
}

fn make(world: &Rc<World>) -> Result<(), Exception> {
    let greenlet = match world.random.below(8) {
        0 => Greenlet::new(function(world)),
        1 => spawn_later(world.soon(), function(world)),
        2 => {
            spawn_raw({
                let world = world.clone();
                move || body(&world).map(drop)
            })
            .map(|raw| world.keep(&world.raws, raw))?;
            return Ok(());
        }
        3 => {
            // Waits itself, but not in itself.
            let (its, busy) = (world.clone(), Cell::new(false));
            let hook = move || {
                if busy.replace(true) {
                    return Ok(());
                }
                let done = its.act(1);
                busy.set(false);
                done
            };
            let builder = Greenlet::builder().switch_out(hook);
            builder.spawn(function(world))
        }
        _ => spawn(function(world)),
    };
    world.keep(&world.anys, greenlet.any());
    world.keep(&world.greenlets, greenlet);
    Ok(())
}

/// One of them, or itself.
fn any_of(world: &Rc<World>) -> Option<AnyGreenlet> {
    match world.random.below(2) {
        0 => world.pick(&world.anys),
        _ => world.pick(&world.greenlets).map(|greenlet| greenlet.any()),
    }
}

pub(super) fn step(world: &Rc<World>) -> Result<(), Exception> {
    let random = &world.random;
    let Some(greenlet) = world.pick(&world.greenlets).filter(|_| !random.once_in(3)) else {
        return make(world);
    };
    match random.below(20) {
        0 => greenlet.start(),
        1 => greenlet.start_later(world.soon()),
        2 | 3 => greenlet.join_timeout(world.limit()),
        4 => greenlet.get_timeout(world.limit()).map(|canary| canary.look()),
        5 => {
            greenlet.take().into_iter().for_each(|canary| canary.look());
            greenlet.value().into_iter().for_each(|canary| canary.look());
            Ok(())
        }
        6 | 7 => greenlet.kill_with(how(world)).map(drop),
        8 => {
            let victims = world.anys.borrow().clone();
            match random.below(2) {
                0 => killall(&victims),
                _ => killall_with(&victims, how(world)),
            }
        }
        9 => kill(&greenlet, exception(world)),
        10 => {
            let all = world.anys.borrow().clone();
            match random.below(3) {
                0 => joinall_timeout(&all, world.limit()).map(drop),
                1 => joinall_with(&all, JoinAll::default()).map(drop),
                _ => gevent::wait_with(all, gevent::Wait::default().timeout(world.limit()).count(2)).map(drop),
            }
        }
        11 => greenlet.throw(exception(world)).map(drop),
        12 => {
            let link = match random.below(4) {
                0 => greenlet.link(link(world)),
                1 => greenlet.link_value(link(world)),
                2 => greenlet.link_exception(link(world)),
                _ => greenlet.rawlink(link(world)),
            };
            world.keep(&world.links, link);
            Ok(())
        }
        13 => {
            match world.take(&world.links).filter(|_| !random.once_in(4)) {
                Some(link) => greenlet.unlink(&link),
                None => greenlet.unlink_all(),
            }
            Ok(())
        }
        14 => mask_kill(|| world.steps(3)),
        15 => timeout(world),
        16 => {
            drop(greenlet);
            drop(world.take(&world.greenlets));
            drop(world.take(&world.anys));
            Ok(())
        }
        17 => any_of(world).map_or(Ok(()), |any| {
            let _ = (any.raw().info(), any.exception(), any.name());
            any.kill_with(how(world)).map(drop)
        }),
        18 => {
            // Its own handle is on its own stack.
            let own = getcurrent();
            sleep(world.soon())?;
            drop(own);
            Ok(())
        }
        _ => {
            let frame = Frame::new(world);
            let bomb = Bomb::new(world);
            let done = world.steps(2);
            drop(bomb);
            frame.look();
            done
        }
    }
}

fn timeout(world: &Rc<World>) -> Result<(), Exception> {
    match world.random.below(4) {
        0 => with_timeout(world.soon(), || world.steps(2), ()),
        1 => {
            let timeout = Timeout::new(world.soon());
            timeout.with(|| world.steps(2))
        }
        2 => {
            // It may come anywhere.
            let timeout = Timeout::new(world.soon()).with_exception(exception(world));
            timeout.start()?;
            world.keep(&world.timeouts, timeout);
            Ok(())
        }
        _ => {
            drop(world.take(&world.timeouts));
            Ok(())
        }
    }
}
