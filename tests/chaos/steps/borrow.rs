//! Thread-locals, the greenlets' own and the thread's, borrowed while greenlets wait.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::Exception;
use gevent::local::Local;

use crate::canary::{Bomb, Canary};
use crate::program::{LENT, LENT_LATER};
use crate::world::World;

gevent::local! {
    static MINE: RefCell<Vec<Canary>> = RefCell::default();
    static BOMBS: RefCell<Vec<Bomb>> = RefCell::default();
}

pub(super) fn step(world: &Rc<World>) -> Result<(), Exception> {
    match world.random.below(6) {
        0 | 1 => {
            let key = world.random.one_of(&[&LENT, &LENT_LATER]);
            // It is gone in the thread's last destructors.
            let done = key.try_with(|lent| {
                let Some(lent) = lent.get() else {
                    return Ok(());
                };
                lent.look();
                let done = world.steps(3);
                lent.look();
                done
            });
            done.unwrap_or(Ok(()))
        }
        2 | 3 => MINE.with(|mine| {
            if let Ok(mut mine) = mine.try_borrow_mut() {
                mine.push(world.canary());
            }
            let done = world.steps(2);
            mine.borrow().iter().for_each(Canary::look);
            done
        }),
        4 => {
            BOMBS.with(|bombs| bombs.borrow_mut().push(Bomb::new(world)));
            if world.random.once_in(3) {
                drop(BOMBS.take());
            }
            Ok(())
        }
        _ => {
            let local = world.one(&world.locals, || {
                // Its initialiser waits, too.
                let its = world.clone();
                Local::new(move || {
                    let _ = its.steps(1);
                    its.canary()
                })
            });
            match world.random.below(4) {
                0 => local.set(world.canary()),
                1 => drop(local.take()),
                2 => drop(world.take(&world.locals)),
                _ => {
                    return local.with(|canary| {
                        let done = world.steps(2);
                        canary.look();
                        done
                    });
                }
            }
            Ok(())
        }
    }
}
