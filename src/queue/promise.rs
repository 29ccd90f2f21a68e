//! Lets other greenlets run although a consumer always finds an item.
//!
//! Such a consumer never has to wait, so now and then it passes its turn before it takes the item. The item is promised
//! to it meanwhile: other greenlets do not see the item, as if it had been taken already. If the consumer is killed
//! meanwhile, the item is still in the queue. gevent takes the item at once.

use std::rc::Rc;

use greenlet_core::Exception;

use super::core::QueueCore;
use super::storage::Storage;

impl<S: Storage> QueueCore<S> {
    /// Takes the next item, for a call that may wait. If there is an item, other greenlets run first if
    /// [a turn is over](hub::Hub::turn_is_due).
    ///
    /// # Errors
    /// Returns any exception that is thrown into the greenlet while the others run.
    #[track_caller]
    #[inline(always)]
    pub(super) fn take_in_turn(self: &Rc<Self>) -> Result<Option<S::Item>, Exception> {
        if self.qsize() == 0 {
            return Ok(None);
        }
        if self.hub.turn_is_due() {
            self.pass_turn()?;
        }
        Ok(self.take())
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn pass_turn(self: &Rc<Self>) -> Result<(), Exception> {
        let _promise = Promise::of(self);
        self.hub.pass_turn()
    }
}

/// The promise of one item of the queue to the current greenlet, as long as this value exists.
struct Promise<'a, S: Storage>(&'a Rc<QueueCore<S>>);

impl<'a, S: Storage> Promise<'a, S> {
    fn of(core: &'a Rc<QueueCore<S>>) -> Self {
        core.promised.update(|promised| promised + 1);
        Promise(core)
    }
}

impl<S: Storage> Drop for Promise<'_, S> {
    fn drop(&mut self) {
        self.0.promised.update(|promised| promised - 1);
        // If the item is not taken now, another greenlet may have it.
        if !self.0.getters.is_empty() {
            self.0.schedule_unlock();
        }
    }
}
