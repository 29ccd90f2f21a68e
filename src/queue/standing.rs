//! [`Standing`]: who has a place in a line: a greenlet that is parked, or a future that is pending.
//!
//! A greenlet whose turn has come runs at once. A future is only *told*, and goes on when it is polled. So what it was
//! told of is kept for it until then: the promise of an item, or the note that its item was put.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Context;

use greenlet_core::Ticket;
use hub::{Hub, Ticketed};
use waiter::Resume;

use crate::future::LocalWaker;

/// An entry of a line.
pub(super) trait Stands: Ticketed {
    /// Whether it still waits: a greenlet may have been woken otherwise.
    fn is_waiting(&self) -> bool;

    /// Wakes who waits, without giving it a turn.
    fn dismiss(&self, hub: &Hub);
}

impl Stands for Resume {
    #[inline]
    fn is_waiting(&self) -> bool {
        self.is_parked()
    }

    fn dismiss(&self, hub: &Hub) {
        // This fails only if the loop is destroyed; no greenlet waits then.
        let _ = hub.loop_().run_callback_resume(self.clone());
    }
}

/// A greenlet, or a future, which has a `B` for those whom it waits for.
pub(super) enum Standing<G, B> {
    Greenlet(G),
    Future(Rc<Place<B>>),
}

impl<G: Clone, B> Clone for Standing<G, B> {
    fn clone(&self) -> Self {
        match self {
            Standing::Greenlet(greenlet) => Standing::Greenlet(greenlet.clone()),
            Standing::Future(place) => Standing::Future(place.clone()),
        }
    }
}

impl<G: Ticketed, B> Ticketed for Standing<G, B> {
    #[inline]
    fn ticket(&self) -> u64 {
        match self {
            Standing::Greenlet(greenlet) => greenlet.ticket(),
            Standing::Future(place) => place.ticket.get(),
        }
    }
}

impl<G: Stands, B> Stands for Standing<G, B> {
    #[inline]
    fn is_waiting(&self) -> bool {
        match self {
            Standing::Greenlet(greenlet) => greenlet.is_waiting(),
            // It leaves the line itself.
            Standing::Future(_) => true,
        }
    }

    fn dismiss(&self, hub: &Hub) {
        match self {
            Standing::Greenlet(greenlet) => greenlet.dismiss(hub),
            Standing::Future(place) => place.wake(),
        }
    }
}

/// The place of a future. It is used again each time when the future has to wait.
pub(super) struct Place<B> {
    /// The ticket of its latest wait.
    ticket: Cell<u64>,
    state: Cell<PlaceState>,
    waker: RefCell<Option<LocalWaker>>,
    /// What the future brings: an item, or nothing.
    brings: Cell<Option<B>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaceState {
    /// The future has not come, or has taken what it was told of.
    Away,
    /// It is in the line.
    Waits,
    /// It was taken from the line, as its turn has come.
    Told,
}

impl<B> Place<B> {
    pub(super) fn new() -> Rc<Place<B>> {
        Rc::new(Place {
            ticket: Cell::new(0),
            state: Cell::new(PlaceState::Away),
            waker: RefCell::default(),
            brings: Cell::new(None),
        })
    }

    pub(super) fn state(&self) -> PlaceState {
        self.state.get()
    }

    /// Notes that the future is put in line now, and with what.
    pub(super) fn begin(&self, brings: Option<B>, context: &Context<'_>) {
        self.ticket.set(Ticket::draw().get());
        self.brings.set(brings);
        self.wake_by(context);
        self.state.set(PlaceState::Waits);
    }

    /// Notes that the future has left the line, or has taken what it was told of. Returns the state before.
    pub(super) fn end(&self) -> PlaceState {
        self.state.replace(PlaceState::Away)
    }

    /// Takes what the future brings.
    pub(super) fn take(&self) -> Option<B> {
        self.brings.take()
    }

    /// Gives back what was taken.
    pub(super) fn bring(&self, brings: B) {
        self.brings.set(Some(brings));
    }

    /// Notes that the future's turn has come. The future is woken when the result is dropped, also by a panic.
    pub(super) fn tell(&self) -> impl Drop + '_ {
        struct Wake<'a, B>(&'a Place<B>);
        impl<B> Drop for Wake<'_, B> {
            fn drop(&mut self) {
                self.0.wake();
            }
        }
        self.state.set(PlaceState::Told);
        Wake(self)
    }

    /// Has the future polled soon.
    fn wake(&self) {
        let waker = self.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Notes which waker is to be used.
    pub(super) fn wake_by(&self, context: &Context<'_>) {
        LocalWaker::note(&self.waker, context);
    }
}
