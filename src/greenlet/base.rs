//! What every greenlet has, whatever the type of its value: its life and its links.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet};
use hub::core::Loop;
use waiter::Resume;

use super::any::AnyGreenlet;

/// Where a greenlet is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Made, not scheduled.
    New,
    /// `start` or `start_later` was called; its turn has not come.
    Scheduled,
    /// Its function has begun.
    Running,
    /// Over: it has a value or an exception.
    Ended,
}

/// The part of a greenlet that does not depend on its value's type.
pub(super) struct Base {
    pub(super) life: Cell<Life>,
    pub(super) loop_: Loop,
    /// Stops the timer of `start_later`.
    pub(super) start_timer: RefCell<Option<hub::HubTimer>>,
    links: RefCell<Vec<Linked>>,
    /// When it ended, among all of this thread.
    pub(super) ended: Cell<u64>,
}

enum Linked {
    /// A greenlet in `join`.
    Joiner(Resume),
    Callback(Rc<LinkCell>),
}

type Callback = Box<dyn FnOnce(&AnyGreenlet) -> Result<(), Exception>>;
type LinkCell = Cell<Option<Callback>>;

/// A callback that waits for a greenlet's end.
#[derive(Clone)]
pub struct Link(Rc<LinkCell>);

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link")
    }
}

impl Link {
    /// Forgets the callback: it will not be called.
    pub fn unlink(self) {
        drop(self.0.take());
    }
}

thread_local! {
    static ENDED: Cell<u64> = const { Cell::new(0) };
}

impl Base {
    pub(super) fn new(loop_: Loop) -> Base {
        Base {
            life: Cell::new(Life::New),
            loop_,
            start_timer: RefCell::new(None),
            links: RefCell::default(),
            ended: Cell::new(0),
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.life.get() == Life::Ended
    }

    /// Adds a greenlet that waits for the end; the caller has seen that it has not come yet.
    pub(super) fn add_joiner(&self, joiner: Resume) {
        self.links.borrow_mut().push(Linked::Joiner(joiner));
    }

    /// Drops the joiners that have given up.
    pub(super) fn forget_void_joiners(&self) {
        let gone = |linked: &mut Linked| match linked {
            Linked::Joiner(joiner) => !joiner.is_parked(),
            Linked::Callback(_) => false,
        };
        let void: Vec<_> = self.links.borrow_mut().extract_if(.., gone).collect();
        drop(void);
    }

    /// Adds a callback; one that comes after the end is called soon.
    pub(super) fn link(&self, callback: Callback, greenlet: impl FnOnce() -> AnyGreenlet) -> Link {
        let cell = Rc::new(Cell::new(Some(callback)));
        if self.ended() {
            self.call_soon(cell.clone(), greenlet());
        } else {
            self.links.borrow_mut().push(Linked::Callback(cell.clone()));
        }
        Link(cell)
    }

    /// Marks the end and wakes all who wait for it, in the order in which they came.
    pub(super) fn end(&self, greenlet: impl Fn() -> AnyGreenlet) {
        self.life.set(Life::Ended);
        self.ended.set(ENDED.with(|ended| {
            ended.set(ended.get() + 1);
            ended.get()
        }));
        drop(self.start_timer.take());
        for linked in self.links.take() {
            match linked {
                // With the loop destroyed there is no hub left in which anybody could wait.
                Linked::Joiner(joiner) => drop(self.loop_.run_callback_resume(joiner)),
                Linked::Callback(cell) => self.call_soon(cell, greenlet()),
            }
        }
    }

    fn call_soon(&self, cell: Rc<LinkCell>, greenlet: AnyGreenlet) {
        let call = move || match cell.take() {
            Some(callback) => callback(&greenlet),
            None => Ok(()),
        };
        // As above: no loop, nobody to call.
        drop(self.loop_.run_callback(call));
    }

    /// Takes the greenlet off the list of those that are to start.
    pub(super) fn cancel_start(&self, raw: &RawGreenlet) {
        raw.void_ticket();
        drop(self.start_timer.take());
    }
}
