//! [`QueueCore`]: the state behind the handles of a queue, and the callback by which the hub lets waiting greenlets go
//! on.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::iter;
use std::rc::Rc;
use std::thread;

use greenlet_core::Exception;
use greenlet_core::unwind::drop_each;
use hub::core::Notify;
use hub::{Hub, Stint, get_hub};
use waiter::Resume;

use super::line::QueueLine;
use super::standing::Standing;
use super::storage::Storage;
use super::turn::GuardedStorage;
use crate::event::Event;

pub(super) struct QueueCore<S: Storage> {
    pub(super) hub: Hub,
    pub(super) name: &'static str,
    /// The largest size; 0 means no limit.
    pub(super) maxsize: Cell<usize>,
    inside: GuardedStorage<S>,
    pub(super) getters: QueueLine<Standing<Resume, ()>>,
    pub(super) putters: QueueLine<Standing<Resume, S::Item>>,
    /// Whether the items that are left are to be dropped as soon as no greenlet is inside the storage.
    discarding: Cell<bool>,
    /// How many of the items are [promised](super::promise).
    pub(super) promised: Cell<usize>,
    /// Whether the callback that lets waiting greenlets go on is queued or running.
    unlocking: Cell<bool>,
    pub(super) is_shutdown: Cell<bool>,
    pub(super) unfinished_tasks: Cell<usize>,
    /// An event that is set while no tasks are unfinished. The first `join` makes it.
    pub(super) all_done: OnceCell<Event>,
}

impl<S: Storage> QueueCore<S> {
    pub(super) fn new(name: &'static str, maxsize: Option<usize>, storage: S) -> Self {
        let unfinished = storage.qsize();
        QueueCore {
            hub: get_hub(),
            name,
            maxsize: Cell::new(maxsize.unwrap_or(0)),
            inside: GuardedStorage::new(storage),
            getters: QueueLine::default(),
            putters: QueueLine::default(),
            discarding: Cell::new(false),
            promised: Cell::new(0),
            unlocking: Cell::new(false),
            is_shutdown: Cell::new(false),
            unfinished_tasks: Cell::new(unfinished),
            all_done: OnceCell::new(),
        }
    }

    #[inline]
    pub(super) fn has_space(self: &Rc<Self>) -> bool {
        let limit = self.maxsize.get();
        limit == 0 || self.held() < limit
    }

    /// How many items there are, including those that are promised.
    #[inline(always)]
    fn held(self: &Rc<Self>) -> usize {
        self.inside.qsize(|| self.schedule_unlock())
    }

    /// How many items there are that are not promised.
    #[inline(always)]
    pub(super) fn qsize(self: &Rc<Self>) -> usize {
        self.held().saturating_sub(self.promised.get())
    }

    /// Whether the current greenlet is inside the storage, so that a wait for an item would be a wait for itself.
    #[inline(always)]
    pub(super) fn is_used_here(&self) -> bool {
        self.inside.is_used_here()
    }

    /// Whether a greenlet is inside the storage, so that no item can be got now. Waiting greenlets are told when it has
    /// left.
    #[inline]
    pub(super) fn in_use(&self) -> bool {
        self.inside.in_use()
    }

    pub(super) fn in_hub(&self) -> bool {
        self.hub.greenlet().is_current()
    }

    /// Lets greenlets that wait for the items of a full queue take them at once. Runs in the hub.
    #[cold]
    pub(super) fn make_space(self: &Rc<Self>) {
        while !self.has_space()
            && !self.in_use()
            && let Some(getter) = self.getters.pop()
        {
            if !self.serve_getter(getter) {
                return;
            }
        }
    }

    /// Lets greenlets that wait for space in a queue without items put one at once. Runs in the hub.
    #[cold]
    pub(super) fn make_items(self: &Rc<Self>) {
        while self.qsize() == 0
            && !self.in_use()
            && let Some(putter) = self.putters.pop()
        {
            if !self.serve_putter(putter) {
                return;
            }
        }
    }

    /// Has a getter that was taken from the line get an item: a greenlet at once, and a future, to which the item is
    /// promised, soon. Returns false if it cannot be woken now, and is in line again. Runs in the hub.
    #[inline(always)]
    fn serve_getter(self: &Rc<Self>, getter: Standing<Resume, ()>) -> bool {
        match &getter {
            Standing::Greenlet(resume) => {
                let woken = self.getters.wake(&self.hub, resume);
                if !woken {
                    self.getters.unpop(getter);
                }
                woken
            }
            Standing::Future(place) => {
                self.promised.update(|promised| promised + 1);
                drop(place.tell());
                true
            }
        }
    }

    /// Has a putter that was taken from the line put its item: a greenlet does it itself, and it is done for a future.
    /// Returns false if the greenlet cannot be woken now, and is in line again. Runs in the hub.
    #[inline(always)]
    fn serve_putter(self: &Rc<Self>, putter: Standing<Resume, S::Item>) -> bool {
        match &putter {
            Standing::Greenlet(resume) => {
                let woken = self.putters.wake(&self.hub, resume);
                if !woken {
                    self.putters.unpop(putter);
                }
                woken
            }
            Standing::Future(place) => {
                let _told = place.tell();
                if let Some(item) = place.take() {
                    self.store(item);
                }
                true
            }
        }
    }

    #[inline(always)]
    pub(super) fn store(self: &Rc<Self>, item: S::Item) {
        if self
            .unfinished_tasks
            .replace(self.unfinished_tasks.get().saturating_add(1))
            == 0
            && let Some(all_done) = self.all_done.get()
        {
            all_done.clear();
        }
        if !self.getters.is_empty() {
            self.schedule_unlock();
        }
        self.inside.put(item, || self.schedule_unlock());
    }

    /// Takes the next item, and lets a putter have the space.
    #[inline(always)]
    pub(super) fn take(self: &Rc<Self>) -> Option<S::Item> {
        if self.promised.get() > 0 && self.qsize() == 0 {
            return None;
        }
        let item = self.inside.get(|| self.schedule_unlock())?;
        if !self.putters.is_empty() {
            self.schedule_unlock();
        }
        Some(item)
    }

    pub(super) fn peek(self: &Rc<Self>) -> Option<S::Item>
    where
        S::Item: Clone,
    {
        if self.promised.get() > 0 && self.qsize() == 0 {
            return None;
        }
        self.look(|storage| storage.peek_item().cloned()).flatten()
    }

    /// Calls `look` with the storage. Returns `None` without a call while the storage is being changed.
    pub(super) fn look<R>(self: &Rc<Self>, look: impl FnOnce(&S) -> R) -> Option<R> {
        self.inside.look(look, || self.schedule_unlock())
    }

    pub(super) fn task_done(&self) {
        let left = self.unfinished_tasks.get().saturating_sub(1);
        self.unfinished_tasks.set(left);
        if left == 0
            && let Some(all_done) = self.all_done.get()
        {
            all_done.set();
        }
    }

    /// Drops all items, which count as done. Items that are being cloned or compared are dropped when that is over.
    pub(super) fn discard_all(self: &Rc<Self>) {
        self.discarding.set(true);
        drop_each(iter::from_fn(|| {
            let item = self.inside.discard(|| self.schedule_unlock())?;
            self.task_done();
            Some(item)
        }));
        self.discarding.set(self.held() > 0);
    }

    pub(super) fn schedule_unlock(self: &Rc<Self>) {
        if !self.unlocking.replace(true) {
            let queued = self.hub.loop_().run_callback_notify(self.clone());
            // This fails if the loop is destroyed; no greenlet waits then.
            self.unlocking.set(queued.is_ok());
        }
    }
}

/// Lets waiting greenlets go on: putters while there is space, getters while there are items.
impl<S: Storage> Notify for QueueCore<S> {
    fn notify(self: Rc<Self>) -> Result<(), Exception> {
        struct Over<'a, S: Storage> {
            core: &'a Rc<QueueCore<S>>,
            goes_on: bool,
        }
        impl<S: Storage> Drop for Over<'_, S> {
            fn drop(&mut self) {
                self.core.unlocking.set(false);
                // After a panic in a destructor the other greenlets are served by another callback.
                if self.goes_on || thread::panicking() {
                    self.core.schedule_unlock();
                }
            }
        }
        let mut over = Over {
            core: &self,
            goes_on: false,
        };
        let stint = Stint::default();
        loop {
            let mut repeat = false;
            if self.discarding.get() && !self.in_use() {
                self.discard_all();
            }
            if self.is_shutdown.get() {
                // The shutdown has woken all greenlets that waited.
                return Ok(());
            }
            if self.has_space()
                && let Some(putter) = self.putters.pop()
            {
                repeat = self.serve_putter(putter);
            }
            if (self.promised.get() == 0 || self.qsize() > 0)
                && self.inside.has_next(|| self.schedule_unlock())
                && !self.is_shutdown.get()
                && let Some(getter) = self.getters.pop()
            {
                repeat |= self.serve_getter(getter);
            }
            if !repeat {
                return Ok(());
            }
            if stint.is_over(&self.hub) {
                over.goes_on = true;
                return Ok(());
            }
        }
    }
}

impl<S: Storage> fmt::Debug for QueueCore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} at {:#x}", self.name, (&raw const *self).addr())?;
        if self.maxsize.get() > 0 {
            write!(f, " maxsize={}", self.maxsize.get())?;
        }
        match self.inside.qsize_for_show() {
            0 => {}
            len => write!(f, " queue[{len}]")?,
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
