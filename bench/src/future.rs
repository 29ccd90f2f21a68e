//! `future`: compares futures in greenlets with tokio (its current-thread runtime), and with greenlets that wait for
//! events.

mod baton;
mod events;
mod ours;
mod tokio;

use crate::turns::{Case, Comparison, Peer};

pub(crate) const FUTURE: Comparison = Comparison {
    name: "future",
    cases: &[
        Case {
            name: "ready",
            about: "block_on of a future that is ready",
            count: 2_000_000,
        },
        Case {
            name: "self-wake",
            about: "block_on of a future that wakes itself once",
            count: 1_000_000,
        },
        Case {
            name: "wake",
            about: "there and back between two, by wakers (events: by events)",
            count: 200_000,
        },
        Case {
            name: "threads",
            about: "there and back between two threads, by tokio's Notify (events: by threadsafe events)",
            count: 20_000,
        },
        Case {
            name: "spawn",
            about: "a future is spawned and awaited (events: a greenlet is spawned and joined)",
            count: 200_000,
        },
    ],
    peers: &[
        Peer::here("ours", ours::measure),
        Peer::here("events", events::measure),
        Peer::here("tokio", tokio::measure),
    ],
};
