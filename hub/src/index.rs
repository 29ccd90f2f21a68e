//! [`Index`]: where each stands in a [`Row`](crate::Row) whose tickets are in no order.

use std::collections::BTreeSet;

/// Finds who stands in a row by their tickets.
pub(crate) struct Index {
    /// Tickets, and the numbers of the places where they are. A place keeps its number when others come or go before it.
    numbers: BTreeSet<(u64, u64)>,
    /// That of the row's first place.
    first: u64,
}

/// No row gets so long that it comes to either end of the numbers from here.
const MIDDLE: u64 = 1 << 63;

impl Index {
    /// Of a row with these tickets; `None` is a place that nobody has any more.
    pub(crate) fn of(tickets: impl Iterator<Item = Option<u64>>) -> Index {
        let numbered = (MIDDLE..).zip(tickets);
        Index {
            numbers: numbered
                .filter_map(|(number, ticket)| Some((ticket?, number)))
                .collect(),
            first: MIDDLE,
        }
    }

    /// Somebody came to this place.
    pub(crate) fn add(&mut self, ticket: u64, at: usize) {
        self.numbers.insert((ticket, self.first + at as u64));
    }

    /// [`add`](Index::add) for many, from this place on.
    pub(crate) fn add_all(&mut self, tickets: impl Iterator<Item = Option<u64>>, from: usize) {
        for (at, ticket) in (from..).zip(tickets) {
            if let Some(ticket) = ticket {
                self.add(ticket, at);
            }
        }
    }

    /// Who had this place has left.
    pub(crate) fn remove(&mut self, ticket: u64, at: usize) {
        self.numbers.remove(&(ticket, self.first + at as u64));
    }

    /// The first place is there no more.
    pub(crate) fn move_up(&mut self) {
        self.first += 1;
    }

    /// There is a new first place.
    pub(crate) fn move_back(&mut self) {
        self.first -= 1;
    }

    /// The first place of this ticket that is `wanted`.
    pub(crate) fn find(&self, ticket: u64, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let same = self.numbers.range((ticket, 0)..=(ticket, u64::MAX));
        let mut places = same.map(|(_, number)| (number - self.first) as usize);
        places.find(|at| wanted(*at))
    }
}
