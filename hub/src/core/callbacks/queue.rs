//! The loop's queue of callbacks, first in, first out.

use std::collections::VecDeque;
use std::iter;
use std::mem::ManuallyDrop;

use greenlet_core::Slack;
use greenlet_core::unwind::drop_each;

use crate::core::callbacks::callback::Entry;

/// A `VecDeque` of entries whose `push` needs no code for unwinding (the entries are `ManuallyDrop`). So an entry is
/// written straight into its place, instead of being made elsewhere and copied, which costs as much as a switch.
#[derive(Default)]
pub(in crate::core) struct Queue(VecDeque<ManuallyDrop<Entry>>);

impl Queue {
    /// Adds an entry at the end.
    #[inline(always)]
    pub(in crate::core) fn push(&mut self, entry: Entry) {
        self.0.push_back(ManuallyDrop::new(entry));
    }

    /// Takes the first entry.
    #[inline(always)]
    pub(in crate::core) fn pop(&mut self) -> Option<Entry> {
        let first = self.0.pop_front();
        self.0.give_back();
        first.map(ManuallyDrop::into_inner)
    }

    /// The entry that comes after that many others.
    #[inline(always)]
    pub(in crate::core) fn get(&self, others: usize) -> Option<&Entry> {
        self.0.get(others).map(|entry| &**entry)
    }

    pub(in crate::core) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    pub(in crate::core) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        drop_each(iter::from_fn(|| self.pop()));
    }
}
