//! What is behind the handles of a queue: its items, who waits, and the hub's part: to let them go on.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::thread;

use greenlet_core::{Exception, getcurrent};
use hub::core::Notify;
use hub::{Hub, get_hub};
use waiter::Resume;

use super::line::Line;
use super::storage::Storage;
use crate::event::Event;

pub(super) struct Core<S: Storage> {
    pub(super) hub: Hub,
    pub(super) name: &'static str,
    /// 0 is no limit.
    pub(super) maxsize: Cell<usize>,
    pub(super) storage: RefCell<S>,
    pub(super) getters: Line<Resume>,
    pub(super) putters: Line<Resume>,
    /// Whether the hub is going to see, or seeing, who can go on.
    unlocking: Cell<bool>,
    pub(super) is_shutdown: Cell<bool>,
    pub(super) unfinished_tasks: Cell<usize>,
    /// Set while no tasks are unfinished; made by the first `join`.
    pub(super) all_done: OnceCell<Event>,
}

impl<S: Storage> Core<S> {
    pub(super) fn new(name: &'static str, maxsize: Option<usize>, storage: S) -> Self {
        let unfinished = storage.qsize();
        Core {
            hub: get_hub(),
            name,
            maxsize: Cell::new(maxsize.unwrap_or(0)),
            storage: RefCell::new(storage),
            getters: Line::default(),
            putters: Line::default(),
            unlocking: Cell::new(false),
            is_shutdown: Cell::new(false),
            unfinished_tasks: Cell::new(unfinished),
            all_done: OnceCell::new(),
        }
    }

    #[inline]
    pub(super) fn has_space(&self) -> bool {
        let limit = self.maxsize.get();
        limit == 0 || self.storage.borrow().qsize() < limit
    }

    pub(super) fn in_hub(&self) -> bool {
        getcurrent() == *self.hub.greenlet()
    }

    /// Lets greenlets that wait for the items of a full queue take them at once. Runs in the hub.
    #[cold]
    pub(super) fn make_space(&self) {
        while !self.has_space()
            && let Some(getter) = self.getters.pop()
        {
            if !self.getters.wake(&self.hub, &getter) {
                return self.getters.unpop(getter);
            }
        }
    }

    #[inline]
    pub(super) fn store(&self, item: S::Item) {
        self.storage.borrow_mut().put_item(item);
        if self
            .unfinished_tasks
            .replace(self.unfinished_tasks.get().saturating_add(1))
            == 0
            && let Some(all_done) = self.all_done.get()
        {
            all_done.clear();
        }
    }

    /// The next item; somebody may have space for another then.
    #[inline]
    pub(super) fn take(self: &Rc<Self>) -> Option<S::Item> {
        let item = self.storage.borrow_mut().get_item()?;
        if !self.putters.is_empty() {
            self.schedule_unlock();
        }
        Some(item)
    }

    pub(super) fn peek(self: &Rc<Self>) -> Option<S::Item>
    where
        S::Item: Clone,
    {
        self.storage.borrow().peek_item().cloned()
    }

    pub(super) fn schedule_unlock(self: &Rc<Self>) {
        if !self.unlocking.replace(true) {
            let queued = self.hub.loop_().run_callback_notify(self.clone());
            // With the loop destroyed nobody waits any more.
            self.unlocking.set(queued.is_ok());
        }
    }
}

/// Lets everybody go on who can: putters while there is space, getters while there are items.
impl<S: Storage> Notify for Core<S> {
    fn notify(self: Rc<Self>) -> Result<(), Exception> {
        struct Over<'a, S: Storage>(&'a Rc<Core<S>>);
        impl<S: Storage> Drop for Over<'_, S> {
            fn drop(&mut self) {
                self.0.unlocking.set(false);
                if thread::panicking() {
                    // A destructor has: the others have their turn later.
                    self.0.schedule_unlock();
                }
            }
        }
        let _over = Over(&self);
        loop {
            let mut repeat = false;
            if self.is_shutdown.get() {
                // All who waited are on their way out.
                return Ok(());
            }
            if self.has_space()
                && let Some(putter) = self.putters.pop()
            {
                repeat = self.putters.wake(&self.hub, &putter);
                if !repeat {
                    self.putters.unpop(putter);
                }
            }
            if self.storage.borrow().qsize() > 0
                && !self.is_shutdown.get()
                && let Some(getter) = self.getters.pop()
            {
                if self.getters.wake(&self.hub, &getter) {
                    repeat = true;
                } else {
                    self.getters.unpop(getter);
                }
            }
            if !repeat {
                return Ok(());
            }
        }
    }
}

impl<S: Storage> fmt::Debug for Core<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} at {:#x}", self.name, (&raw const *self).addr())?;
        if self.maxsize.get() > 0 {
            write!(f, " maxsize={}", self.maxsize.get())?;
        }
        match self.storage.try_borrow().map(|storage| storage.qsize()) {
            Ok(0) => {}
            Ok(len) => write!(f, " queue[{len}]")?,
            Err(_) => f.write_str(" queue[..]")?,
        }
        if !self.getters.is_empty() {
            write!(f, " getters[{}]", self.getters.len())?;
        }
        if !self.putters.is_empty() {
            write!(f, " putters[{}]", self.putters.len())?;
        }
        f.write_str(">")
    }
}
