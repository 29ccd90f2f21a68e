//! Scopes, whose greenlets borrow from their caller.

use std::cell::Cell;
use std::rc::Rc;

use gevent::{Exception, RawGreenlet, getcurrent, scope};

use crate::canary::{Bomb, Frame};
use crate::world::World;

/// Keeps the caller alive, and known as one that is not to be unwound.
struct Lends<'a>(&'a World, RawGreenlet);

impl Drop for Lends<'_> {
    fn drop(&mut self) {
        let mut lenders = self.0.lenders.borrow_mut();
        let at = lenders.iter().position(|lender| *lender == self.1);
        let own = at.map(|at| lenders.swap_remove(at));
        drop(lenders);
        drop(own);
    }
}

pub(super) fn step(world: &Rc<World>) -> Result<(), Exception> {
    if world.kind.swallows {
        return Ok(());
    }
    let own = getcurrent();
    world.lenders.borrow_mut().push(own.clone());
    let _lends = Lends(world, own);
    let lent = Cell::new(0);
    let canary = world.canary();
    let bombs = [Bomb::maybe(world), Bomb::maybe(world), Bomb::maybe(world)];
    let done = scope(|s| {
        for bomb in bombs {
            let (canary, lent) = (&canary, &lent);
            let greenlet = s.spawn(move || {
                let frame = Frame::new(world);
                let done = world.steps(3);
                canary.look();
                frame.look();
                lent.set(lent.get() + 1);
                // Not by the end of the block: see `Ledger::forget`.
                drop(bomb);
                done?;
                Ok(canary.clone())
            });
            match world.random.below(4) {
                0 => greenlet.join_timeout(world.limit())?,
                1 => world.keep(&world.anys, greenlet.any()),
                2 => world.steps(1)?,
                _ => {}
            }
        }
        world.act(2)
    });
    canary.look();
    assert!(lent.get() <= 3);
    done
}
