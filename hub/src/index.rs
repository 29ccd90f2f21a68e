//! [`Index`]: finds the place of a ticket in a [`Row`](crate::Row) whose tickets are in no order.

use std::collections::BTreeSet;

/// An index of a row's places by their tickets.
pub(crate) struct Index {
    /// Tickets, and the numbers of the places where they are. A place keeps its number when places before it are added
    /// or removed.
    numbers: BTreeSet<(u64, u64)>,
    /// The number of the row's first place.
    first: u64,
}

/// The number of the first place at the beginning. No row gets so long that its numbers run out in either direction.
const MIDDLE: u64 = 1 << 63;

impl Index {
    /// The index of a row with these tickets; `None` is a place that was left.
    pub(crate) fn of(tickets: impl Iterator<Item = Option<u64>>) -> Index {
        let numbered = (MIDDLE..).zip(tickets);
        Index {
            numbers: numbered
                .filter_map(|(number, ticket)| Some((ticket?, number)))
                .collect(),
            first: MIDDLE,
        }
    }

    /// Notes that a waiter with this ticket has come to the place `at`.
    pub(crate) fn add(&mut self, ticket: u64, at: usize) {
        self.numbers.insert((ticket, self.first + at as u64));
    }

    /// [`add`](Index::add) for many tickets, from the place `from` on.
    pub(crate) fn add_all(&mut self, tickets: impl Iterator<Item = Option<u64>>, from: usize) {
        for (at, ticket) in (from..).zip(tickets) {
            if let Some(ticket) = ticket {
                self.add(ticket, at);
            }
        }
    }

    /// Notes that the waiter with this ticket has left the place `at`.
    pub(crate) fn remove(&mut self, ticket: u64, at: usize) {
        self.numbers.remove(&(ticket, self.first + at as u64));
    }

    /// Notes that the row has lost its first place.
    pub(crate) fn move_up(&mut self) {
        self.first += 1;
    }

    /// Notes that the row has a new place before the first.
    pub(crate) fn move_back(&mut self) {
        self.first -= 1;
    }

    /// The first place with this ticket that is `wanted`.
    pub(crate) fn find(&self, ticket: u64, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let same = self.numbers.range((ticket, 0)..=(ticket, u64::MAX));
        let mut places = same.map(|(_, number)| (number - self.first) as usize);
        places.find(|at| wanted(*at))
    }
}
