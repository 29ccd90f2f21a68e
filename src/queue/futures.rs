//! [`Get`] and [`Put`]: what a queue's `get_async` and `put_async` return.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use greenlet_core::{Exception, getcurrent};

use super::base::BaseQueue;
use super::core::QueueCore;
use super::errors::{PutError, ShutDown};
use super::standing::{Place, PlaceState, Standing};
use super::storage::Storage;
use crate::exceptions::ConcurrentObjectUseError;

/// The future of [`BaseQueue::get_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Get<S: Storage> {
    queue: BaseQueue<S>,
    place: Option<Rc<Place<()>>>,
}

impl<S: Storage> Get<S> {
    pub(super) fn new(queue: BaseQueue<S>) -> Self {
        Get { queue, place: None }
    }

    fn core(&self) -> &Rc<QueueCore<S>> {
        &self.queue.0
    }

    /// Leaves the line, or takes back the promise of an item.
    fn leave(&mut self) {
        let Some(place) = &self.place else { return };
        let core = self.core();
        match place.end() {
            PlaceState::Away => {}
            PlaceState::Waits => core.getters.leave_as(&Standing::Future(place.clone())),
            PlaceState::Told => {
                core.promised.update(|promised| promised - 1);
                // If the item is not taken now, somebody else may have it.
                if !core.getters.is_empty() {
                    core.schedule_unlock();
                }
            }
        }
    }
}

impl<S: Storage> Unpin for Get<S> {}

impl<S: Storage> Future for Get<S> {
    type Output = Result<S::Item, Exception>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let core = this.core().clone();
        if let Some(place) = &this.place
            && place.state() == PlaceState::Waits
            && !core.is_shutdown.get()
        {
            place.wake_by(context);
            return Poll::Pending;
        }
        if core.hub.turn_is_due() {
            // It may always find an item, so that the others would have no turn.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.leave();
        if let Some(item) = core.take() {
            return Poll::Ready(Ok(item));
        }
        if core.is_shutdown.get() {
            return Poll::Ready(Err(Exception::new(ShutDown)));
        }
        if core.is_used_here() {
            return Poll::Ready(Err(Exception::new(ConcurrentObjectUseError {
                object: core.name,
                user: format!("{:?}", getcurrent()),
            })));
        }
        let place = this.place.get_or_insert_with(Place::new);
        place.begin(None, context);
        core.getters.stand_as(Standing::Future(place.clone()));
        if !core.putters.is_empty() || core.qsize() > 0 {
            core.schedule_unlock();
        }
        Poll::Pending
    }
}

impl<S: Storage> Drop for Get<S> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<S: Storage> fmt::Debug for Get<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Get").field(&self.queue).finish()
    }
}

/// The future of [`BaseQueue::put_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Put<S: Storage> {
    queue: BaseQueue<S>,
    item: Option<S::Item>,
    place: Option<Rc<Place<S::Item>>>,
}

impl<S: Storage> Put<S> {
    pub(super) fn new(queue: BaseQueue<S>, item: S::Item) -> Self {
        Put {
            queue,
            item: Some(item),
            place: None,
        }
    }
}

impl<S: Storage> Unpin for Put<S> {}

impl<S: Storage> Future for Put<S> {
    type Output = Result<(), PutError<S::Item>>;

    /// # Panics
    /// Panics if it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let core = this.queue.0.clone();
        if let Some(place) = &this.place {
            match place.state() {
                PlaceState::Away => {}
                PlaceState::Told => {
                    place.end();
                    return Poll::Ready(Ok(()));
                }
                PlaceState::Waits if core.is_shutdown.get() => {
                    place.end();
                    core.putters.leave_as(&Standing::Future(place.clone()));
                    this.item = place.take();
                }
                PlaceState::Waits => {
                    place.wake_by(context);
                    return Poll::Pending;
                }
            }
        }
        if core.hub.turn_is_due() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let item = this.item.take().expect("it was not ready");
        let item = match this.queue.put_nowait(item) {
            Err(PutError::Full(item)) => item,
            put => return Poll::Ready(put),
        };
        let place = this.place.get_or_insert_with(Place::new);
        place.begin(Some(item), context);
        core.putters.stand_as(Standing::Future(place.clone()));
        if !core.getters.is_empty() || core.has_space() {
            core.schedule_unlock();
        }
        Poll::Pending
    }
}

impl<S: Storage> Drop for Put<S> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take()
            && place.end() == PlaceState::Waits
        {
            self.queue.0.putters.leave_as(&Standing::Future(place));
        }
    }
}

impl<S: Storage> fmt::Debug for Put<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Put").field(&self.queue).finish_non_exhaustive()
    }
}
