//! [`Slack`]: collections that give memory back after a backlog.

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};

/// So many bytes are kept, however few are in use, so that items that come and go all the time allocate nothing.
const KEPT: usize = 1024 * 1024;

/// A collection that keeps its memory when items are taken out, as those of the standard library do.
pub trait Slack {
    /// Gives memory back if hardly any of it is in use; called after an item was taken.
    ///
    /// If less than an eighth of the places is in use, a quarter of them is kept. So many more items have to come or go
    /// before the items are moved again.
    fn give_back(&mut self);
}

/// Whether so many places are too many for so few items.
#[inline(always)]
pub(crate) const fn is_idle<T>(len: usize, capacity: usize) -> bool {
    let kept = const {
        match size_of::<T>() {
            0 => usize::MAX,
            size => KEPT / size,
        }
    };
    capacity > kept && len < capacity / 8
}

macro_rules! slack {
    ($([$($parameters:tt)*] $type:ty, $item:ty;)*) => {$(
        impl<$($parameters)*> Slack for $type {
            #[inline(always)]
            fn give_back(&mut self) {
                if is_idle::<$item>(self.len(), self.capacity()) {
                    #[cold]
                    #[inline(never)]
                    fn shrink<$($parameters)*>(all: &mut $type) {
                        all.shrink_to(all.capacity() / 4);
                    }
                    shrink(self);
                }
            }
        }
    )*};
}

slack! {
    [T] Vec<T>, T;
    [T] VecDeque<T>, T;
    [T: Ord] BinaryHeap<T>, T;
    [K: Hash + Eq, V, S: BuildHasher] HashMap<K, V, S>, (K, V);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_costs_few_steps_and_leaves_little() {
        let (mut all, mut moves) = (VecDeque::new(), 0);
        let mut before = 0;
        let mut look = |all: &VecDeque<u64>| {
            moves += usize::from(all.capacity() != std::mem::replace(&mut before, all.capacity()));
        };
        for i in 0..1_000_000_u64 {
            all.push_back(i);
            look(&all);
        }
        for i in 0..1_000_000 {
            assert_eq!(all.pop_front(), Some(i));
            all.give_back();
            look(&all);
        }
        assert!(all.capacity() * size_of::<u64>() <= KEPT);
        assert!(moves < 40, "{moves}");
    }

    #[test]
    fn what_comes_and_goes_moves_nothing() {
        let much = KEPT;
        for (size, left) in [(1, 0), (100, 0), (KEPT / 8, 0), (much, much / 8)] {
            let mut all = vec![0_u64; size];
            let capacity = all.capacity();
            for _ in 0..3 {
                while all.len() > left {
                    all.pop();
                    all.give_back();
                }
                assert_eq!(all.capacity(), capacity);
                all.resize(size, 0);
            }
        }
    }
}
