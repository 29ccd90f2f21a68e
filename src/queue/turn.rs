//! [`GuardedStorage`]: the storage of a queue, in which one greenlet at a time may change something.
//!
//! The methods of a storage, and the `Clone` of its items, may be user code, which may wait, panic, or use the queue.
//! So a greenlet that is inside the storage has a *turn* there. Afterwards it calls `over` if other greenlets want to
//! get in. A *plain* storage is one that calls no user code.
//!
//! ```text
//!   put ──> nobody is inside: stored ──────────────> storage
//!           else ──> arrived ──> at the next turn ──────┘
//!   get ──> nobody is inside: taken from the storage
//!           else ──> waits as if there were no items; woken when the turn is over
//! ```

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::iter;
use std::mem::needs_drop;

use greenlet_core::getcurrent;
use greenlet_core::unwind::drop_each;
use hub::Slack;

use super::storage::Storage;

pub(super) struct GuardedStorage<S: Storage> {
    /// Borrowed during a turn: mutably by a greenlet that changes it, or shared by any number that only look.
    storage: RefCell<S>,
    /// How many items there were when the turn that changes the storage began, and those that it has put since.
    size: Cell<usize>,
    /// The items that were put while a greenlet was inside. Empty when none is inside, if the storage is plain.
    arrived: RefCell<VecDeque<S::Item>>,
    /// The numbers of the greenlets inside, except those that cannot come to wait there.
    users: RefCell<Vec<u64>>,
    /// Whether a greenlet has found the storage in use, so that `over` is to be called when it is free.
    wanted: Cell<bool>,
}

impl<S: Storage> GuardedStorage<S> {
    pub(super) fn new(storage: S) -> Self {
        GuardedStorage {
            storage: RefCell::new(storage),
            size: Cell::new(0),
            arrived: RefCell::default(),
            users: RefCell::default(),
            wanted: Cell::new(false),
        }
    }

    /// How many items there are, including those that are being put or taken.
    #[inline(always)]
    pub(super) fn qsize(&self, over: impl Fn()) -> usize {
        match self.plain() {
            Some(storage) => storage.qsize(),
            None => self.qsize_in_turn(over),
        }
    }

    #[inline(never)]
    fn qsize_in_turn(&self, over: impl Fn()) -> usize {
        let size = self.look_now(S::qsize, over);
        size.unwrap_or(self.size.get()) + self.arrived.borrow().len()
    }

    /// [`qsize`](Self::qsize) for `Debug`, which wakes no greenlets. They are woken after the next turn.
    pub(super) fn qsize_for_show(&self) -> usize {
        self.qsize(|| self.wanted.set(true))
    }

    /// Whether there is an item that can be got now. If a greenlet is inside, it calls its `over` when it leaves.
    #[inline(always)]
    pub(super) fn has_next(&self, over: impl Fn()) -> bool {
        match self.plain() {
            Some(storage) => storage.qsize() > 0,
            None => !self.in_use() && self.qsize_in_turn(over) > 0,
        }
    }

    /// Whether a greenlet is inside. If so, it calls its `over` when it leaves.
    #[inline(never)]
    pub(super) fn in_use(&self) -> bool {
        let in_use = self.storage.try_borrow_mut().is_err();
        if in_use {
            self.wanted.set(true);
        }
        in_use
    }

    /// Whether the current greenlet is inside, so that a wait for the storage would be a wait for itself.
    #[inline(always)]
    pub(super) fn is_used_here(&self) -> bool {
        let users = self.users.borrow();
        !users.is_empty() && users.contains(&getcurrent().id())
    }

    /// The storage, if it is plain and no greenlet is inside.
    #[inline(always)]
    fn plain(&self) -> Option<RefMut<'_, S>> {
        match S::PLAIN {
            true => self.storage.try_borrow_mut().ok(),
            false => None,
        }
    }

    /// Adds an item, now or at the next turn. Items that have to wait for that turn are kept if the storage panics.
    #[inline(always)]
    pub(super) fn put(&self, item: S::Item, over: impl Fn()) {
        match self.plain() {
            Some(mut storage) => storage.put_item(item),
            None => self.put_in_turn(item, over),
        }
    }

    #[inline(never)]
    fn put_in_turn(&self, item: S::Item, over: impl Fn()) {
        if self.arrived.borrow().is_empty()
            && let Some(mut turn) = self.begin(&over)
        {
            return turn.put(item);
        }
        self.arrived.borrow_mut().push_back(item);
        drop(self.turn(&over));
    }

    /// Takes the next item. Returns `None` also while a greenlet is inside.
    #[inline(always)]
    pub(super) fn get(&self, over: impl Fn()) -> Option<S::Item> {
        match self.plain() {
            Some(mut storage) => storage.get_item(),
            None => self.get_in_turn(over),
        }
    }

    #[inline(never)]
    fn get_in_turn(&self, over: impl Fn()) -> Option<S::Item> {
        self.turn(&over)?.storage().get_item()
    }

    /// Takes any item, to be dropped. Returns `None` also while a greenlet is inside.
    pub(super) fn discard(&self, over: impl Fn()) -> Option<S::Item> {
        let mut turn = self.begin(&over)?;
        let item = turn.storage().discard_item();
        drop(turn);
        item.or_else(|| self.arrived.borrow_mut().pop_front())
    }

    /// Calls `look` with the storage. Returns `None` without a call while the storage is being changed.
    pub(super) fn look<R>(&self, look: impl FnOnce(&S) -> R, over: impl Fn()) -> Option<R> {
        if !self.arrived.borrow().is_empty() {
            drop(self.turn(&over));
        }
        let looked = self.look_now(look, over);
        if looked.is_none() {
            self.wanted.set(true);
        }
        looked
    }

    fn look_now<R>(&self, look: impl FnOnce(&S) -> R, over: impl Fn()) -> Option<R> {
        let storage = self.storage.try_borrow().ok()?;
        let user = Some(self.enter());
        let looking = Turn {
            inside: self,
            storage: Some(storage),
            user,
            over,
        };
        looking.storage.as_deref().map(look)
    }

    /// Begins a turn that may change the storage, after adding the items that have arrived. `None` while a greenlet is
    /// inside.
    #[inline]
    fn turn<'a, F: Fn()>(&'a self, over: &'a F) -> Option<Turn<'a, S, RefMut<'a, S>, &'a F>> {
        let mut turn = self.begin(over)?;
        if !self.arrived.borrow().is_empty() {
            turn.take_in_arrived();
        }
        Some(turn)
    }

    #[inline]
    fn begin<'a, F: Fn()>(&'a self, over: &'a F) -> Option<Turn<'a, S, RefMut<'a, S>, &'a F>> {
        let Ok(storage) = self.storage.try_borrow_mut() else {
            self.wanted.set(true);
            return None;
        };
        let user = (!S::PLAIN).then(|| {
            self.size.set(storage.qsize());
            self.enter()
        });
        Some(Turn {
            inside: self,
            storage: Some(storage),
            user,
            over,
        })
    }

    fn enter(&self) -> u64 {
        let user = getcurrent().id();
        self.users.borrow_mut().push(user);
        user
    }
}

/// A turn: the stay of a greenlet inside the storage. Its drop ends the turn, also by a panic or the unwinding of the
/// greenlet, and calls `over` if other greenlets want to get in.
struct Turn<'a, S: Storage, B, F: Fn()> {
    inside: &'a GuardedStorage<S>,
    storage: Option<B>,
    user: Option<u64>,
    over: F,
}

impl<S: Storage, F: Fn()> Turn<'_, S, RefMut<'_, S>, F> {
    #[inline]
    fn storage(&mut self) -> &mut S {
        self.storage.as_mut().expect("it has not ended")
    }

    #[inline]
    fn put(&mut self, item: S::Item) {
        if !S::PLAIN {
            self.inside.size.update(|size| size + 1);
        }
        self.storage().put_item(item);
    }

    #[cold]
    fn take_in_arrived(&mut self) {
        loop {
            let item = {
                let mut arrived = self.inside.arrived.borrow_mut();
                let item = arrived.pop_front();
                arrived.give_back();
                item
            };
            let Some(item) = item else { return };
            self.put(item);
        }
    }
}

impl<S: Storage, B, F: Fn()> Drop for Turn<'_, S, B, F> {
    #[inline]
    fn drop(&mut self) {
        drop(self.storage.take());
        if let Some(user) = self.user {
            let mut users = self.inside.users.borrow_mut();
            let last = users.iter().rposition(|other| *other == user);
            last.map(|last| users.swap_remove(last));
        }
        if self.inside.wanted.get() && !self.inside.in_use() {
            self.inside.wanted.set(false);
            if let Some(mut storage) = self.inside.plain() {
                let arrived = self.inside.arrived.take();
                arrived.into_iter().for_each(|item| storage.put_item(item));
            }
            (self.over)();
        }
    }
}

/// Drops every item, even if the destructor of another one panics.
impl<S: Storage> Drop for GuardedStorage<S> {
    fn drop(&mut self) {
        if needs_drop::<S::Item>() {
            let (storage, arrived) = (self.storage.get_mut(), self.arrived.get_mut());
            let next = || storage.discard_item().or_else(|| arrived.pop_front());
            drop_each(iter::from_fn(next));
        }
    }
}
