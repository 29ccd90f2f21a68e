//! [`Row`]: the waiters of an object, in the order in which they came. Any of them can leave in few steps.

use std::collections::VecDeque;
use std::fmt;

use greenlet_core::Slack;
use waiter::Resume;

use crate::index::Index;

/// A waiter that can stand in a [`Row`].
pub trait Ticketed {
    /// The number by which the waiter is found, always the same. A waiter that comes later has, as a rule, a larger
    /// number: that of its park, or one that was [drawn](greenlet_core::Ticket::draw) when it came.
    fn ticket(&self) -> u64;
}

impl Ticketed for Resume {
    fn ticket(&self) -> u64 {
        Resume::ticket(self)
    }
}

/// A waiter with a value that it brings along.
impl<T> Ticketed for (Resume, T) {
    fn ticket(&self) -> u64 {
        Ticketed::ticket(&self.0)
    }
}

/// A queue of waiters, any of which can leave in few steps, however long the queue is.
///
/// Usually all waiters come in the order of their tickets, and one is found by binary search. Waiters in any other
/// order, and several with one ticket, are allowed: the first that leaves such a row builds an index, which lasts until
/// the row is empty.
pub struct Row<W> {
    /// The places of the waiters. Neither the first nor the last place is `Gone`.
    places: VecDeque<RowPlace<W>>,
    /// The number of places that are `Gone`.
    gone: usize,
    /// Whether a waiter has come whose ticket is out of order.
    in_disorder: bool,
    /// The index of the places, built when a waiter leaves a row in disorder.
    index: Option<Box<Index>>,
}

enum RowPlace<W> {
    Here(W),
    /// The place of a waiter with this ticket that has left. So the others need not move up.
    Gone(u64),
}

impl<W> Default for Row<W> {
    fn default() -> Self {
        Row {
            places: VecDeque::new(),
            gone: 0,
            in_disorder: false,
            index: None,
        }
    }
}

impl<W> Row<W> {
    /// Whether no waiter is in the row.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The number of waiters in the row.
    #[inline]
    pub fn len(&self) -> usize {
        self.places.len() - self.gone
    }

    /// Whether all waiters came in the order of their tickets.
    pub fn is_in_order(&self) -> bool {
        !self.in_disorder
    }

    /// The first waiter.
    #[inline]
    pub fn front(&self) -> Option<&W> {
        // The first place is never `Gone`.
        self.get(0)
    }

    /// The last waiter.
    pub fn back(&self) -> Option<&W> {
        // The last place is never `Gone`.
        self.get(self.places.len().checked_sub(1)?)
    }

    /// The waiter that comes after that many other places, unless it has left.
    #[inline]
    pub fn get(&self, others: usize) -> Option<&W> {
        match self.places.get(others)? {
            RowPlace::Here(one) => Some(one),
            RowPlace::Gone(_) => None,
        }
    }

    /// All waiters, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &W> {
        self.places.iter().filter_map(|place| match place {
            RowPlace::Here(one) => Some(one),
            RowPlace::Gone(_) => None,
        })
    }

    /// Removes `Gone` places at both ends, and all of them if they are more than half of the places.
    #[cold]
    fn tidy(&mut self) {
        while let Some(RowPlace::Gone(_)) = self.places.front() {
            self.places.pop_front();
            self.gone -= 1;
            if let Some(index) = &mut self.index {
                index.move_up();
            }
        }
        while let Some(RowPlace::Gone(_)) = self.places.back() {
            self.places.pop_back();
            self.gone -= 1;
        }
        if self.gone > self.places.len() / 2 {
            // Each waiter that left has paid for a constant part of this.
            self.places.retain(|place| matches!(place, RowPlace::Here(_)));
            self.gone = 0;
            // The next waiter that leaves a row in disorder builds a new index.
            self.index = None;
        }
    }
}

impl<W: Ticketed> Row<W> {
    /// Adds a waiter at the end.
    #[inline]
    pub fn push(&mut self, one: W) {
        let one = RowPlace::Here(one);
        self.in_disorder = match self.places.back() {
            Some(last) => self.in_disorder || !last.is_before(&one),
            None => false,
        };
        if let Some(index) = &mut self.index {
            index.add(one.ticket(), self.places.len());
        }
        self.places.push_back(one);
    }

    /// Adds a waiter at the front.
    pub fn push_front(&mut self, one: W) {
        let one = RowPlace::Here(one);
        self.in_disorder = match self.places.front() {
            Some(first) => self.in_disorder || !one.is_before(first),
            None => false,
        };
        if let Some(index) = &mut self.index {
            index.move_back();
            index.add(one.ticket(), 0);
        }
        self.places.push_front(one);
    }

    /// Moves all waiters of `others` to the end of this row.
    pub fn append(&mut self, others: &mut Row<W>) {
        self.in_disorder = match (self.places.back(), others.places.front()) {
            (Some(last), Some(first)) => self.in_disorder || others.in_disorder || !last.is_before(first),
            (None, _) => others.in_disorder,
            (_, None) => self.in_disorder,
        };
        others.index = None;
        if let Some(index) = &mut self.index {
            index.add_all(tickets(&others.places), self.places.len());
        }
        self.places.append(&mut others.places);
        others.places.give_back();
        self.gone += std::mem::take(&mut others.gone);
    }

    /// Takes the first waiter.
    #[inline(always)]
    pub fn pop(&mut self) -> Option<W> {
        let first = self.places.pop_front()?;
        if self.index.is_some() {
            self.unlist_first(first.ticket());
        }
        if self.gone > 0 {
            self.tidy();
        }
        self.places.give_back();
        first.into_inner()
    }

    /// Takes out the first waiter with this ticket that is `wanted`.
    pub fn remove(&mut self, ticket: u64, wanted: impl Fn(&W) -> bool) -> Option<W> {
        if self.in_disorder {
            let index = (self.index).get_or_insert_with(|| Box::new(Index::of(tickets(&self.places))));
            let at = index.find(ticket, |at| self.places[at].is(&wanted))?;
            return self.remove_at(at);
        }
        let at = self.places.partition_point(|place| place.ticket() < ticket);
        let found = self.places.get(at)?;
        if found.ticket() != ticket || !found.is(wanted) {
            return None;
        }
        self.remove_at(at)
    }

    /// Takes out the first waiter that is `wanted`, whatever its ticket. This looks at each in turn.
    pub fn take_first(&mut self, wanted: impl Fn(&W) -> bool) -> Option<W> {
        let at = self.places.iter().position(|place| place.is(&wanted))?;
        self.remove_at(at)
    }

    fn remove_at(&mut self, at: usize) -> Option<W> {
        if at == 0 {
            return self.pop();
        }
        let ticket = self.places[at].ticket();
        if let Some(index) = &mut self.index {
            index.remove(ticket, at);
        }
        let taken = std::mem::replace(&mut self.places[at], RowPlace::Gone(ticket));
        self.gone += 1;
        self.tidy();
        self.places.give_back();
        taken.into_inner()
    }

    /// Tells the index that the first waiter, with this ticket, has left.
    #[cold]
    fn unlist_first(&mut self, ticket: u64) {
        if self.places.is_empty() {
            self.index = None;
        } else if let Some(index) = &mut self.index {
            index.remove(ticket, 0);
            index.move_up();
        }
    }
}

/// The tickets of the places; `None` for a place that is `Gone`.
fn tickets<W: Ticketed>(places: &VecDeque<RowPlace<W>>) -> impl Iterator<Item = Option<u64>> {
    places.iter().map(|place| match place {
        RowPlace::Here(one) => Some(one.ticket()),
        RowPlace::Gone(_) => None,
    })
}

impl<W> RowPlace<W> {
    fn is(&self, wanted: impl Fn(&W) -> bool) -> bool {
        matches!(self, RowPlace::Here(one) if wanted(one))
    }

    fn into_inner(self) -> Option<W> {
        match self {
            RowPlace::Here(one) => Some(one),
            RowPlace::Gone(_) => None,
        }
    }
}

impl<W: Ticketed> RowPlace<W> {
    fn ticket(&self) -> u64 {
        match self {
            RowPlace::Here(one) => one.ticket(),
            RowPlace::Gone(ticket) => *ticket,
        }
    }

    fn is_before(&self, other: &Self) -> bool {
        self.ticket() < other.ticket()
    }
}

impl<W: fmt::Debug> fmt::Debug for Row<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{Row, Ticketed};

    /// A name and a ticket.
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct One(u32, u64);

    thread_local! {
        /// How often a ticket or a waiter was looked at.
        static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    impl Ticketed for One {
        fn ticket(&self) -> u64 {
            STEPS.set(STEPS.get() + 1);
            self.1
        }
    }

    /// Wants any waiter, and counts the step.
    fn step(_: &One) -> bool {
        STEPS.set(STEPS.get() + 1);
        true
    }

    fn remove(row: &mut Row<One>, one: One) -> bool {
        row.remove(one.1, |other| *other == one) == Some(one)
    }

    /// Compares a row and a plain list, from which the same waiters leave in some order.
    fn compare(ones: &[One], order: impl Iterator<Item = usize>) {
        let (mut row, mut list) = (Row::default(), ones.to_vec());
        ones.iter().for_each(|one| row.push(*one));
        for (step, index) in order.enumerate() {
            let one = ones[index % ones.len()];
            let place = list.iter().position(|other| *other == one);
            assert_eq!(remove(&mut row, one), place.is_some());
            place.map(|place| list.remove(place));
            if step % 7 == 6 {
                let front = (!list.is_empty()).then(|| list.remove(0));
                assert_eq!((row.front().copied(), row.pop()), (front, front));
            }
            if step % 11 == 10 {
                let (mut other, new) = (Row::default(), One(index as u32, 1_000 + step as u64));
                other.push(new);
                list.push(new);
                row.append(&mut other);
                assert!(other.is_empty());
            }
            assert!(row.iter().eq(&list) && row.len() == list.len());
            assert_eq!(row.is_empty(), list.is_empty());
        }
    }

    #[test]
    fn any_may_leave_in_any_order() {
        let ones = |ticket: fn(u32) -> u32| -> Vec<_> { (0..100).map(|i| One(i, ticket(i).into())).collect() };
        let twice: Vec<_> = (0..100).map(|i| One(i / 2, u64::from(i / 2))).collect();
        let pairs = ones(|i| i / 2);
        for ones in [ones(|i| i), pairs, ones(|i| i * 37 % 100), twice] {
            compare(&ones, 0..150);
            compare(&ones, (0..150).rev());
            compare(&ones, (0..150).map(|i| i * 31));
        }
    }

    #[test]
    fn who_has_left_takes_no_place_in_the_long_run() {
        let mut row = Row::default();
        let one = |i| One(i, u64::from(i));
        (0..1000).for_each(|i| row.push(one(i)));
        for i in 1..999 {
            assert!(remove(&mut row, one(i)) && row.places.len() <= 2 * row.len() + 1);
        }
        assert_eq!(row.iter().collect::<Vec<_>>(), [&one(0), &one(999)]);
    }

    /// Checks that all of `n` waiters with these tickets leave a row in few steps each, in several orders.
    fn leave_in_all_orders(n: u32, kind: &str, ticket: impl Fn(u32) -> u64) {
        // `mix` multiplies by a prime that divides no `n`: it reaches all places, each far from the one before.
        let mixed = |i| mix(i, n);
        let every_second = |i| 2 * (i % (n / 2)) + i / (n / 2);
        let from_the_middle = |i| match i % 2 {
            0 => n / 2 + i / 2,
            _ => n / 2 - 1 - i / 2,
        };
        let orders: [(_, &dyn Fn(u32) -> u32); 5] = [
            ("newest first", &|i| n - 1 - i),
            ("oldest first", &|i| i),
            ("mixed", &mixed),
            ("every second", &every_second),
            ("from the middle", &from_the_middle),
        ];
        let one = |i| One(i, ticket(i));
        for (name, order) in orders {
            let mut row = Row::default();
            (0..n).for_each(|i| row.push(one(i)));
            STEPS.set(0);
            (0..n).for_each(|i| assert!(row.remove(ticket(order(i)), step).is_some()));
            assert!(row.is_empty());
            let steps = STEPS.get() / u64::from(n);
            // The steps of a binary search, and a few for tidying up.
            let few = u64::from(n.ilog2()) + 6;
            assert!(steps <= few, "{n} {kind}, {name}: {steps}");
        }
    }

    fn mix(i: u32, n: u32) -> u32 {
        (u64::from(i) * 7_919 % u64::from(n)) as u32
    }

    #[test]
    fn leaving_takes_the_same_few_steps_in_every_order() {
        for n in [4_000, 256_000] {
            leave_in_all_orders(n, "in order", u64::from);
            leave_in_all_orders(n, "in disorder", |i| mix(i, n).into());
        }
        for n in [4_000, 32_000] {
            leave_in_all_orders(n, "backwards", |i| (n - i).into());
            leave_in_all_orders(n, "one out of turn", |i| match i {
                0 => u64::MAX,
                _ => i.into(),
            });
            // A link may be added to an object many times.
            leave_in_all_orders(n, "all the same", |_| 7);
            leave_in_all_orders(n, "pairs", |i| (i / 2).into());
        }
    }

    #[test]
    fn a_row_in_disorder_is_moved_to_others_and_back() {
        let n = 1_000;
        let one = |i| One(i, mix(i, n).into());
        let (mut row, mut list) = (Row::default(), Vec::new());
        for i in 0..n {
            row.push(one(i));
            list.push(one(i));
            if i % 3 == 0 {
                // From here on there is an index.
                assert!(remove(&mut row, one(i / 2)) == list.contains(&one(i / 2)));
                list.retain(|other| *other != one(i / 2));
            }
            if i % 5 == 0 {
                let first = row.pop();
                assert_eq!(first, (!list.is_empty()).then(|| list.remove(0)));
                if let Some(first) = first {
                    row.push_front(first);
                    list.insert(0, first);
                }
            }
            if i % 50 == 0 {
                let mut others = Row::default();
                others.push(One(n + i, 3));
                others.push(One(n + i + 1, 1));
                others.append(&mut row);
                assert!(row.is_empty());
                std::mem::swap(&mut row, &mut others);
                list.splice(0..0, [One(n + i, 3), One(n + i + 1, 1)]);
            }
            assert!(row.iter().eq(&list));
        }
        assert!(list.iter().rev().all(|one| remove(&mut row, *one)));
        assert!(row.is_empty());
    }
}
