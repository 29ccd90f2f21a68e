//! `sync`: compares events, results, semaphores, queues and pools with tokio (its current-thread runtime), may (one
//! worker), Go (one processor) and Python's gevent.

mod may;
mod ours;
mod tokio;

use crate::turns::{Case, Comparison, Peer};

pub(crate) const SYNC: Comparison = Comparison {
    name: "sync",
    cases: &[
        Case {
            name: "channel",
            about: "there and back between two, over channels that hold nothing",
            count: 200_000,
        },
        Case {
            name: "queue",
            about: "there and back between two, over queues for one item",
            count: 200_000,
        },
        Case {
            name: "event",
            about: "there and back between two, by events that are set and cleared",
            count: 200_000,
        },
        Case {
            name: "event-many",
            about: "one event wakes 10,000 (for each of them, its making included)",
            count: 200_000,
        },
        Case {
            name: "semaphore",
            about: "there and back between two, by permits",
            count: 200_000,
        },
        Case {
            name: "result",
            about: "a result, one who sets it, one who gets it",
            count: 100_000,
        },
        Case {
            name: "pool-map",
            about: "map over a pool of 100, tiny tasks (for each)",
            count: 100_000,
        },
        Case {
            name: "threadpool",
            about: "apply in another thread, and wait (Go: a goroutine that has a thread for itself)",
            count: 20_000,
        },
    ],
    peers: &[
        Peer::here("ours", ours::measure),
        Peer::here("tokio", tokio::measure),
        Peer::here("may", may::measure),
        // Go has no semaphore; its users take a channel instead.
        Peer::go(&["semaphore"]),
        Peer::gevent(|_| 10),
    ],
};
