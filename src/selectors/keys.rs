//! The keys of a selector, and [`SelectorMap`], which shows them. Source: `_SelectorMapping` in Python's `selectors`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use greenlet_core::unwind::drop_each;

use super::error::SelectorClosed;
use super::key::SelectorKey;

/// The keys by their descriptors, each with a number that tells their order. `None` once the selector is closed.
pub(super) struct Keys<T>(RefCell<Option<Map<T>>>);

struct Map<T> {
    keys: HashMap<RawFd, (u64, SelectorKey<T>)>,
    /// The number of the last key that was added.
    last: u64,
}

impl<T> Keys<T> {
    pub(super) fn new() -> Self {
        let (keys, last) = (HashMap::new(), 0);
        Keys(RefCell::new(Some(Map { keys, last })))
    }

    fn look<R>(&self, look: impl FnOnce(&Map<T>) -> R) -> Result<R, SelectorClosed> {
        self.0.borrow().as_ref().map(look).ok_or(SelectorClosed)
    }

    fn change<R>(&self, change: impl FnOnce(&mut Map<T>) -> R) -> Result<R, SelectorClosed> {
        self.0.borrow_mut().as_mut().map(change).ok_or(SelectorClosed)
    }

    pub(super) fn get(&self, fd: RawFd) -> Result<Option<SelectorKey<T>>, SelectorClosed> {
        self.look(|map| map.keys.get(&fd).map(|(_, key)| key.clone()))
    }

    /// Adds a key whose descriptor is not there.
    pub(super) fn add(&self, key: SelectorKey<T>) -> Result<(), SelectorClosed> {
        self.change(|map| {
            map.last += 1;
            map.keys.insert(key.fd, (map.last, key))
        })
        .map(drop)
    }

    /// Sets a key in the place of another one. Returns that.
    pub(super) fn replace(&self, key: SelectorKey<T>) -> Result<Option<SelectorKey<T>>, SelectorClosed> {
        self.change(|map| {
            let (_, old) = map.keys.get_mut(&key.fd)?;
            Some(std::mem::replace(old, key))
        })
    }

    pub(super) fn remove(&self, fd: RawFd) -> Result<Option<SelectorKey<T>>, SelectorClosed> {
        self.change(|map| map.keys.remove(&fd).map(|(_, key)| key))
    }

    /// Forgets the keys for good. Dropping their data runs user code, so it is done when nothing is borrowed.
    pub(super) fn close(&self) {
        let map = self.0.take();
        drop_each(map.into_iter().flat_map(|map| map.keys.into_values()));
    }

    fn in_order(&self) -> Vec<SelectorKey<T>> {
        let keys = self.look(|map| map.keys.values().cloned().collect::<Vec<_>>());
        let mut keys = keys.unwrap_or_default();
        keys.sort_unstable_by_key(|(number, _)| *number);
        keys.into_iter().map(|(_, key)| key).collect()
    }
}

/// The keys of a selector as they are when they are asked for, by their descriptors: what
/// [`get_map`](super::GeventSelector::get_map) returns. Empty once the selector is closed.
pub struct SelectorMap<T>(pub(super) Rc<Keys<T>>);

impl<T> SelectorMap<T> {
    /// How many descriptors are registered.
    pub fn len(&self) -> usize {
        self.0.look(|map| map.keys.len()).unwrap_or(0)
    }

    /// Whether none is registered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of a descriptor, if it is registered.
    pub fn get(&self, fd: &impl AsRawFd) -> Option<SelectorKey<T>> {
        let fd = fd.as_raw_fd();
        self.0.get(fd).ok().flatten()
    }

    /// Whether a descriptor is registered.
    pub fn contains(&self, fd: &impl AsRawFd) -> bool {
        self.get(fd).is_some()
    }

    /// The descriptors, in the order in which they were registered.
    pub fn keys(&self) -> Vec<RawFd> {
        self.0.in_order().iter().map(|key| key.fd).collect()
    }

    /// The keys, in the order in which they were registered.
    pub fn values(&self) -> Vec<SelectorKey<T>> {
        self.0.in_order()
    }
}

impl<T> fmt::Debug for SelectorMap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}
