//! [`Ident`]: a small number that tells a greenlet from the others of its thread. Source: gevent's
//! `_ident.py`.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use greenlet_core::ThreadSlot;

/// The number of one greenlet: the smallest that is free when somebody first asks for it. It is
/// free again when the greenlet is dropped.
#[derive(Debug)]
pub(super) struct Ident(Cell<u32>);

/// Stands for a number that was not given yet.
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
        // The thread is ending, and its registry is gone.
        let Some(ident) = given else {
            return usize::MAX;
        };
        self.0.set(ident);
        ident as usize
    }

    /// The number, if anybody has asked for it.
    pub(super) fn given(&self) -> Option<usize> {
        let ident = self.0.get();
        (ident != NONE).then_some(ident as usize)
    }
}

impl Drop for Ident {
    fn drop(&mut self) {
        let ident = self.0.get();
        if ident != NONE {
            // While the thread ends, the registry may be gone: then nobody needs the number.
            let free = |registry: &RefCell<Registry>| registry.borrow_mut().free.push(Reverse(ident));
            REGISTRY.with(|slot| slot.with(free));
        }
    }
}
