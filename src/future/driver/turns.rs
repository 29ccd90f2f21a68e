//! [`Turns`]: the hub runs for one iteration of its loop at a time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Context;

use greenlet_core::Exception;
use hub::Hub;
use hub::core::{Check, Idle, MAXPRI, MINPRI, Prepare};

use crate::exceptions::ConcurrentObjectUseError;
use crate::future::LocalWaker;

thread_local! {
    /// Whether this thread has a driver.
    static DRIVEN: Cell<bool> = const { Cell::new(false) };
}

/// The right to drive the thread's hub.
struct Driven;

impl Driven {
    fn begin() -> Result<Driven, Exception> {
        if DRIVEN.replace(true) {
            return Err(Exception::new(ConcurrentObjectUseError {
                object: "hub",
                user: "another HubDriver of this thread".to_owned(),
            }));
        }
        Ok(Driven)
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        DRIVEN.set(false);
    }
}

/// The turns of a driver.
pub(super) struct Turns {
    pub(super) hub: Hub,
    /// Ends a turn: it is the last of what an iteration calls.
    end: Check,
    /// While it is started, the loop does not wait. Its priority is so low that it keeps no other idle watcher from
    /// being called.
    no_wait: Idle,
    /// Sees the iterations of others.
    others: Prepare,
    shared: Rc<Shared>,
    _driven: Driven,
}

#[derive(Default)]
struct Shared {
    in_turn: Cell<bool>,
    waker: RefCell<Option<LocalWaker>>,
}

impl Shared {
    fn wake(&self) {
        let waker = self.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Belongs to the callback that sees others' iterations. It is dropped when the loop is destroyed, which the driver has
/// to see, too.
struct Others(Rc<Shared>);

impl Others {
    fn seen(&self) {
        if !self.0.in_turn.get() {
            self.0.wake();
        }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.0.wake();
    }
}

impl Turns {
    /// # Errors
    /// [`ConcurrentObjectUseError`] if the thread has a driver; an error if the loop is destroyed.
    pub(super) fn new(hub: Hub) -> Result<Turns, Exception> {
        let driven = Driven::begin()?;
        let shared = Rc::new(Shared::default());
        let end = hub.loop_().check()?.with_priority(MINPRI)?;
        let no_wait = hub.loop_().idle()?.with_priority(MINPRI)?;
        let others = hub.loop_().prepare()?.with_ref(false)?.with_priority(MAXPRI)?;
        let seen = Others(shared.clone());
        others.start(move || seen.seen())?;
        Ok(Turns {
            hub,
            end,
            no_wait,
            others,
            shared,
            _driven: driven,
        })
    }

    /// Has the context's waker used once, when the loop is run by somebody else, or destroyed.
    pub(super) fn note(&self, context: &Context<'_>) {
        LocalWaker::note(&self.shared.waker, context);
    }

    /// Lets the hub run its queue, look for events without waiting, and deliver them.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile; an error if it cannot wait.
    pub(super) fn take(&self) -> Result<(), Exception> {
        struct InTurn<'a>(&'a Turns);
        impl Drop for InTurn<'_> {
            fn drop(&mut self) {
                self.0.shared.in_turn.set(false);
                // An error means that the loop is destroyed, which has stopped the watcher already.
                let _ = self.0.no_wait.stop();
            }
        }
        self.hub.check_alive()?;
        self.hub.loop_().update_now()?;
        self.no_wait.start(|| ())?;
        self.shared.in_turn.set(true);
        let _in_turn = InTurn(self);
        self.hub.wait(&self.end)
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        // The task is not to be woken any more.
        let waker = self.shared.waker.take();
        drop(waker);
        // An error means that the loop is destroyed, which has stopped the watcher already.
        let _ = self.others.stop();
    }
}
