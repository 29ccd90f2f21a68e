//! A kill or a timeout strikes at every place where a public function waits: it ends that function with that very
//! exception, and nothing is lost or left behind.
//!
//! | file | what waits |
//! |---|---|
//! | `greenlets.rs` | for greenlets, timers, descriptors, the hub |
//! | `list.rs` | nothing: says whether a function is missing in these tables |
//! | `locks.rs` | for locks, events, results, for one thread or several |
//! | `pools.rs` | for places, tasks and values of pools |
//! | `queues.rs` | for items and space |
//! | `sockets.rs` | for peers, names and servers |
//! | `strike.rs` | the strikes, and what is counted afterwards |

#![allow(clippy::type_complexity, reason = "a table says once what its functions are")]

mod greenlets;
mod list;
mod locks;
mod pools;
mod queues;
mod sockets;
mod strike;

use strike::{Row, strike_everywhere};

/// The tables; each is a test of its own.
fn tables() -> [Vec<Row>; 5] {
    [
        greenlets::rows(),
        locks::rows(),
        pools::rows(),
        queues::rows(),
        sockets::rows(),
    ]
}

#[test]
fn waits_for_greenlets_and_the_hub_end_with_what_is_thrown() {
    strike_everywhere(greenlets::rows);
}

#[test]
fn waits_for_locks_end_with_what_is_thrown() {
    strike_everywhere(locks::rows);
}

#[test]
fn waits_for_pools_end_with_what_is_thrown() {
    strike_everywhere(pools::rows);
}

#[test]
fn waits_for_queues_end_with_what_is_thrown() {
    strike_everywhere(queues::rows);
}

#[test]
fn waits_for_sockets_end_with_what_is_thrown() {
    strike_everywhere(sockets::rows);
}
