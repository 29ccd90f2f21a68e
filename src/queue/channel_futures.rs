//! [`ChannelGet`] and [`ChannelPut`]: what a channel's `get_async` and `put_async` return.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::channel::Channel;
use super::standing::{Place, PlaceState, Standing};

/// The future of [`Channel::get_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct ChannelGet<T: 'static> {
    channel: Channel<T>,
    place: Option<Rc<Place<()>>>,
}

impl<T: 'static> ChannelGet<T> {
    pub(super) fn new(channel: Channel<T>) -> Self {
        ChannelGet { channel, place: None }
    }

    fn leave(&mut self) {
        let Some(place) = &self.place else { return };
        let body = &self.channel.0;
        match place.end() {
            PlaceState::Away => {}
            PlaceState::Waits => body.getters.leave_as(&Standing::Future(place.clone())),
            PlaceState::Told => {
                body.promised.update(|promised| promised - 1);
                // The putter that was kept for this future may be served by another getter.
                body.schedule_unlock();
            }
        }
    }
}

impl<T: 'static> Unpin for ChannelGet<T> {}

impl<T: 'static> Future for ChannelGet<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let body = this.channel.0.clone();
        match this.place.as_ref().map(|place| place.state()) {
            // As for a greenlet that gets, the hub brings the two together.
            None | Some(PlaceState::Away) => {}
            Some(PlaceState::Told) => {
                this.leave();
                if let Some(item) = body.putters.pop().and_then(|putter| body.take_from(putter)) {
                    return Poll::Ready(item);
                }
            }
            Some(PlaceState::Waits) => {
                this.place.iter().for_each(|place| place.wake_by(context));
                return Poll::Pending;
            }
        }
        let place = this.place.get_or_insert_with(Place::new);
        place.begin(None, context);
        body.getters.stand_as(Standing::Future(place.clone()));
        if !body.putters.is_empty() {
            body.schedule_unlock();
        }
        Poll::Pending
    }
}

impl<T: 'static> Drop for ChannelGet<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T: 'static> fmt::Debug for ChannelGet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChannelGet").field(&self.channel).finish()
    }
}

/// The future of [`Channel::put_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct ChannelPut<T: 'static> {
    channel: Channel<T>,
    item: Option<T>,
    place: Option<Rc<Place<T>>>,
}

impl<T: 'static> ChannelPut<T> {
    pub(super) fn new(channel: Channel<T>, item: T) -> Self {
        ChannelPut {
            channel,
            item: Some(item),
            place: None,
        }
    }
}

impl<T: 'static> Unpin for ChannelPut<T> {}

impl<T: 'static> Future for ChannelPut<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let body = &this.channel.0;
        let place = this.place.get_or_insert_with(Place::new);
        match place.state() {
            PlaceState::Told => {
                place.end();
                return Poll::Ready(());
            }
            PlaceState::Waits => place.wake_by(context),
            PlaceState::Away => {
                place.begin(this.item.take(), context);
                body.putters.stand_as(Standing::Future(place.clone()));
                if !body.getters.is_empty() {
                    body.schedule_unlock();
                }
            }
        }
        Poll::Pending
    }
}

impl<T: 'static> Drop for ChannelPut<T> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take()
            && place.end() == PlaceState::Waits
        {
            self.channel.0.putters.leave_as(&Standing::Future(place));
        }
    }
}

impl<T: 'static> fmt::Debug for ChannelPut<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChannelPut").field(&self.channel).finish_non_exhaustive()
    }
}
