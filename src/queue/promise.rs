//! A consumer that always finds an item: it lets the others run all the same, now and then, and has the item promised
//! meanwhile. To them it is not in the queue any more, as if it had been taken at once, which it is in gevent; but if
//! the consumer is killed there, it is.

use std::rc::Rc;

use greenlet_core::Exception;

use super::core::Core;
use super::storage::Storage;

impl<S: Storage> Core<S> {
    /// Lets the others run if [it is time](hub::Hub::turn_is_due), and the greenlet would not wait otherwise.
    ///
    /// # Errors
    /// What is thrown into the greenlet meanwhile.
    #[track_caller]
    #[inline(always)]
    pub(super) fn give_turn(self: &Rc<Self>) -> Result<(), Exception> {
        match self.qsize() > 0 && self.hub.turn_is_due() {
            true => self.pass_turn(),
            false => Ok(()),
        }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn pass_turn(self: &Rc<Self>) -> Result<(), Exception> {
        let _promise = Promise::of(self);
        self.hub.pass_turn()
    }
}

/// An item that is there is meant for somebody, as long as this exists.
struct Promise<'a, S: Storage>(&'a Rc<Core<S>>);

impl<'a, S: Storage> Promise<'a, S> {
    fn of(core: &'a Rc<Core<S>>) -> Self {
        core.promised.update(|promised| promised + 1);
        Promise(core)
    }
}

impl<S: Storage> Drop for Promise<'_, S> {
    fn drop(&mut self) {
        self.0.promised.update(|promised| promised - 1);
        // If it is not taken now, somebody else may have it.
        if !self.0.getters.is_empty() {
            self.0.schedule_unlock();
        }
    }
}
