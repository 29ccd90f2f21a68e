//! `hub`: compares greenlets' lives and waits with tokio (its current-thread runtime), may (one worker), Go (one
//! processor) and Python's gevent. At `timers`, most of the time is waiting, so CPU time says more.

mod may;
mod ours;
mod tokio;

use crate::turns::{Case, Comparison, Peer, Program};

pub(crate) const HUB: Comparison = Comparison {
    name: "hub",
    cases: &[
        Case {
            name: "spawn",
            about: "spawn one and join it",
            count: 200_000,
        },
        Case {
            name: "spawn-many",
            about: "spawn all and join all",
            count: 100_000,
        },
        Case {
            name: "yield",
            about: "sleep(0), in 1,000 greenlets",
            count: 2_000_000,
        },
        Case {
            name: "timers",
            about: "spawn all, each sleeps up to 100 ms",
            count: 100_000,
        },
        Case {
            name: "kill",
            about: "kill a parked one, and wait for its end",
            count: 20_000,
        },
    ],
    peers: &[
        Peer::here("ours", ours::measure),
        Peer::here("tokio", tokio::measure),
        Peer {
            name: "may",
            program: Program::Here(may::measure),
            // Each of may's stacks takes two mappings, of which the kernel allows only so many.
            divisor: |case| match case {
                "spawn-many" | "timers" => 5,
                _ => 1,
            },
        },
        // Go's goroutines cannot be killed.
        Peer::go(&["kill"]),
        Peer::gevent(|_| 10),
    ],
};
