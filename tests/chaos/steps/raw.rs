//! Raw greenlets: switches by hand, parents, tracers; what is caught and thrown on elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use gevent::greenlet_core::unwind::{Caught, catch, is_forced};
use gevent::greenlet_core::{Tracer, getmain, greenlets, settrace, unwind_all};
use gevent::{Exception, GreenletExit, RawGreenlet, Timeout, Value, get_hub, getcurrent};

use crate::canary::{Bomb, Frame};
use crate::world::{Expected, World};

fn make(world: &Rc<World>) -> RawGreenlet {
    let (its, bomb) = (world.clone(), Bomb::maybe(world));
    let greenlet = RawGreenlet::new(move |value| {
        let frame = Frame::new(&its);
        drop(value);
        let done = its.act(3);
        frame.look();
        // Not by the end of the block: see `Ledger::forget`.
        drop(bomb);
        done.map(|()| words(&its))
    });
    world.keep(&world.raws, greenlet.clone());
    greenlet
}

/// What a switch carries.
fn words(world: &Rc<World>) -> Value {
    match world.random.below(4) {
        0 => Value::None,
        1 => Value::Token(world.random.below(100)),
        2 => Value::new(world.canary()),
        _ => Value::new(Bomb::new(world)),
    }
}

/// Anybody.
fn anybody(world: &Rc<World>) -> RawGreenlet {
    let some = match world.random.below(7) {
        0 => getcurrent().parent(),
        1 => Some(getmain()),
        2 => Some(get_hub().greenlet().clone()),
        3 => {
            let all = greenlets();
            all.get(world.random.below(all.len().max(1) as u64) as usize).cloned()
        }
        4 => world.pick(&world.greenlets).map(|greenlet| greenlet.raw().clone()),
        _ => world.pick(&world.raws),
    };
    some.unwrap_or_else(|| make(world))
}

/// Whether it may be unwound: whoever unwinds the caller of a scope from inside the scope ends the process.
fn unwindable(world: &Rc<World>, greenlet: &RawGreenlet) -> bool {
    !world.lenders.borrow().contains(greenlet)
}

pub(super) fn step(world: &Rc<World>) -> Result<(), Exception> {
    let random = &world.random;
    match random.below(16) {
        0 | 1 => make(world).switch(words(world)).map(drop),
        2..=4 => {
            // It may never come back of itself.
            let back = Timeout::new(0.005);
            back.start()?;
            anybody(world).switch(words(world)).map(drop)
        }
        5 => {
            let back = Timeout::new(0.005);
            back.start()?;
            let exception: Exception = match random.below(2) {
                0 => GreenletExit.into(),
                _ => Expected.into(),
            };
            anybody(world).throw(exception).map(drop)
        }
        6 | 7 => anybody(world).set_parent(&anybody(world)).map_err(Exception::from),
        8 => {
            anybody(world).discard();
            Ok(())
        }
        9 => {
            let greenlet = anybody(world);
            if unwindable(world, &greenlet) {
                greenlet.unwind();
            }
            Ok(())
        }
        10 => {
            if world.lenders.borrow().is_empty() && random.once_in(3) {
                unwind_all();
            }
            Ok(())
        }
        11 => {
            drop(world.take(&world.raws));
            Ok(())
        }
        12 => {
            drop(settrace(tracer(world)));
            Ok(())
        }
        13 | 14 => catches(world),
        _ => match world.take(&world.payloads) {
            // Somebody else's panic.
            Some(payload) if !std::thread::panicking() && !world.over.get() => resume_unwind(payload),
            _ => Ok(()),
        },
    }
}

fn tracer(world: &Rc<World>) -> Option<Rc<Tracer>> {
    let (its, bomb) = (world.clone(), Bomb::maybe(world));
    (!world.random.once_in(3)).then(|| {
        Tracer::new(move |_, origin, target| {
            let _bomb = &bomb;
            let _ = (origin.state(), target.state());
            match its.random.below(40) {
                0 => its.act(1),
                1 => Err(Expected.into()),
                _ => Ok(()),
            }
        })
    })
}

/// Catches whatever comes, and keeps it.
fn catches(world: &Rc<World>) -> Result<(), Exception> {
    let frame = Frame::new(world);
    if world.random.once_in(2) {
        return match catch(|| world.steps(3)) {
            Ok(done) => done,
            Err(Caught::Panic(exception)) => Err(exception),
            Err(Caught::Forced(forced)) => forced.resume(),
        };
    }
    let payload = match catch_unwind(AssertUnwindSafe(|| world.steps(3))) {
        Ok(done) => return done,
        Err(payload) => payload,
    };
    frame.look();
    if is_forced(&*payload) {
        if !world.kind.swallows || world.random.once_in(2) {
            resume_unwind(payload);
        }
        world.swallowed.set(true);
    } else if !world.knows(&*payload) {
        crate::canary::fault("a panic that is not the program's");
    }
    world.keep(&world.payloads, payload);
    world.steps(2)
}
