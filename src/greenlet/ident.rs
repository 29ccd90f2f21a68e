//! Small numbers for greenlets. Source: gevent's `_ident.py`.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use greenlet_core::ThreadSlot;

/// The number of one greenlet: given when it is first asked for, free again when the greenlet
/// is gone. The smallest free one is given.
#[derive(Debug)]
pub(super) struct Ident(Cell<u32>);

/// Not given.
const NONE: u32 = u32::MAX;

impl Default for Ident {
    fn default() -> Self {
        Ident(Cell::new(NONE))
    }
}

#[derive(Default)]
struct Registry {
    given: u32,
    free: BinaryHeap<Reverse<u32>>,
}

thread_local! {
    static REGISTRY: ThreadSlot<Registry> = const {
        let none = Registry { given: 0, free: BinaryHeap::new() };
        ThreadSlot::new(none, || REGISTRY.with(ThreadSlot::clear))
    };
}

impl Ident {
    pub(super) fn get(&self) -> usize {
        if let Some(ident) = self.given() {
            return ident;
        }
        let given = REGISTRY.with(|slot| {
            slot.with(|registry| {
                let mut registry = registry.borrow_mut();
                match registry.free.pop() {
                    Some(Reverse(ident)) => ident,
                    None => {
                        registry.given += 1;
                        registry.given - 1
                    }
                }
            })
        });
        // When the thread is over there are no numbers any more.
        let Some(ident) = given else {
            return usize::MAX;
        };
        self.0.set(ident);
        ident as usize
    }

    /// The number, if it was ever asked for.
    pub(super) fn given(&self) -> Option<usize> {
        let ident = self.0.get();
        (ident != NONE).then_some(ident as usize)
    }
}

impl Drop for Ident {
    fn drop(&mut self) {
        let ident = self.0.get();
        if ident != NONE {
            // When the thread is over nobody asks for numbers any more.
            let free =
                |registry: &RefCell<Registry>| registry.borrow_mut().free.push(Reverse(ident));
            REGISTRY.with(|slot| slot.with(free));
        }
    }
}
