//! A consumer that always finds an item: it lets the others run all the same, now and then, and has the item promised
//! meanwhile. To them it is not in the queue any more, as if it had been taken at once, which it is in gevent; but if
//! the consumer is killed there, it is.

use std::rc::Rc;

use greenlet_core::Exception;

use super::core::QueueCore;
use super::storage::Storage;

impl<S: Storage> QueueCore<S> {
    /// The next item, for somebody who would wait for it. If there is one, the others run before if
    /// [it is time](hub::Hub::turn_is_due).
    ///
    /// # Errors
    /// What is thrown into the greenlet meanwhile.
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

/// An item that is there is meant for somebody, as long as this exists.
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
        // If it is not taken now, somebody else may have it.
        if !self.0.getters.is_empty() {
            self.0.schedule_unlock();
        }
    }
}
