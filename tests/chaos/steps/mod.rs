//! What can be done: a file for each kind of things.

mod borrow;
mod greenlets;
mod hubs;
mod locks;
mod net;
mod queues;
mod raw;
mod scopes;
mod threads;

use std::rc::Rc;

use gevent::Exception;

use crate::world::World;

/// Does one thing, anything.
pub(crate) fn any(world: &Rc<World>) -> Result<(), Exception> {
    match world.random.below(40) {
        0..=13 => greenlets::step(world),
        14..=18 => raw::step(world),
        19..=22 => locks::step(world),
        23..=26 => queues::step(world),
        27..=29 => borrow::step(world),
        30..=31 => scopes::step(world),
        32..=34 => hubs::step(world),
        35..=36 => net::step(world),
        37..=38 => gevent::sleep(world.soon()),
        _ => threads::step(world),
    }
}
