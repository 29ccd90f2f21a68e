//! Small numbers for greenlets. Source: gevent's `_ident.py`.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

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
    static REGISTRY: RefCell<Registry> = RefCell::default();
}

impl Ident {
    pub(super) fn get(&self) -> usize {
        if let Some(ident) = self.given() {
            return ident;
        }
        let given = REGISTRY.try_with(|registry| {
            let mut registry = registry.borrow_mut();
            match registry.free.pop() {
                Some(Reverse(ident)) => ident,
                None => {
                    registry.given += 1;
                    registry.given - 1
                }
            }
        });
        // At the thread's end there are no numbers any more.
        let Ok(ident) = given else { return usize::MAX };
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
            // At the thread's end nobody asks for numbers any more.
            let _ = REGISTRY.try_with(|registry| registry.borrow_mut().free.push(Reverse(ident)));
        }
    }
}
