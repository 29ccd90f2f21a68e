//! [`Heap`]: the storage of a priority queue.

use hub::Slack;

use super::storage::Storage;

/// The storage of a [`PriorityQueue`](super::PriorityQueue), from which the smallest item comes first.
///
/// Items are compared by their own `Ord`, which may panic. No item is lost by that: all items stay in the heap, and are
/// put in order again before the next one is taken.
#[derive(Debug, Clone)]
pub struct Heap<T> {
    /// The items as a binary heap, unless `in_disorder`: no item is smaller than its parent, and the parent of the item
    /// at place `n` is at `(n - 1) / 2`.
    items: Vec<T>,
    /// Set while items are compared, and after a comparison has panicked: the items may be in any order.
    in_disorder: bool,
}

impl<T: Ord> Heap<T> {
    /// Puts the items in order if necessary, and calls `change`, which compares items.
    fn in_order<R>(&mut self, change: impl FnOnce(&mut Self) -> R) -> R {
        if self.in_disorder {
            let end = self.items.len();
            (0..end / 2).rev().for_each(|place| self.sink(place, end));
        }
        self.in_disorder = true;
        let result = change(self);
        self.in_disorder = false;
        result
    }

    /// Moves the item at `place` up to where it belongs, but not above `top`.
    fn rise(&mut self, mut place: usize, top: usize) {
        while place > top {
            let parent = (place - 1) / 2;
            if self.items[place] >= self.items[parent] {
                break;
            }
            self.items.swap(place, parent);
            place = parent;
        }
    }

    /// Moves the item at `top` down to where it belongs among the items before `end`. Most items belong far down, so
    /// the item first sinks all the way and then rises to its place: that takes fewer comparisons.
    fn sink(&mut self, top: usize, end: usize) {
        let mut place = top;
        while 2 * place + 1 < end {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let smaller = right < end && self.items[right] < self.items[left];
            let child = if smaller { right } else { left };
            self.items.swap(place, child);
            place = child;
        }
        self.rise(place, top);
    }
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Heap {
            items: Vec::new(),
            in_disorder: false,
        }
    }
}

impl<T> FromIterator<T> for Heap<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let items: Vec<_> = items.into_iter().collect();
        let in_disorder = items.len() > 1;
        Heap { items, in_disorder }
    }
}

impl<T: Ord + 'static> Storage for Heap<T> {
    type Item = T;
    const NAME: &'static str = "PriorityQueue";

    fn qsize(&self) -> usize {
        self.items.len()
    }

    fn put_item(&mut self, item: T) {
        let last = self.items.len();
        self.items.push(item);
        self.in_order(|heap| heap.rise(last, 0));
    }

    fn get_item(&mut self) -> Option<T> {
        let last = self.items.len().checked_sub(1)?;
        self.in_order(|heap| {
            heap.items.swap(0, last);
            heap.sink(0, last);
        });
        let item = self.items.pop();
        self.items.give_back();
        item
    }

    fn peek_item(&self) -> Option<&T> {
        match self.in_disorder {
            false => self.items.first(),
            true => self.items.iter().min(),
        }
    }

    fn discard_item(&mut self) -> Option<T> {
        let item = self.items.pop();
        self.items.give_back();
        item
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::{Heap, Storage};

    thread_local! {
        /// How many more comparisons succeed until one panics.
        static LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Fragile(u32);

    impl PartialOrd for Fragile {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Fragile {
        fn cmp(&self, other: &Self) -> Ordering {
            let left = LEFT.get();
            LEFT.set(left.wrapping_sub(1));
            assert!(left != 0, "this comparison");
            self.0.cmp(&other.0)
        }
    }

    #[test]
    fn items_come_in_order_and_none_is_lost_wherever_a_comparison_panics() {
        for panics in 0..400 {
            let mut heap = (0..20).map(|i| Fragile(i * 37 % 50)).collect::<Heap<_>>();
            let (mut put, mut got) = (20, 0);
            LEFT.set(panics);
            for i in 0..60_u32 {
                let _ = catch_unwind(AssertUnwindSafe(|| match i % 3 {
                    0 | 1 => {
                        put += 1;
                        heap.put_item(Fragile(i * 31 % 53));
                    }
                    _ => got += usize::from(heap.get_item().is_some()),
                }));
            }
            LEFT.set(u32::MAX);
            assert_eq!(heap.qsize(), put - got, "{panics}");
            let least = heap.peek_item().map(|item| item.0);
            let rest: Vec<_> = std::iter::from_fn(|| heap.get_item()).collect();
            assert_eq!(rest.len(), put - got);
            assert!(rest.is_sorted_by_key(|item| item.0), "{panics}: {rest:?}");
            assert_eq!(least, rest.first().map(|item| item.0));
        }
    }
}
