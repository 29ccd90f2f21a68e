//! Every interposed call that parks is struck while it is parked in a virtual thread, and in a plain greenlet: by a
//! kill, a timeout, the end of the hub, the close of its descriptor, a fork, a signal. The call must end as it should
//! or go on, what was thrown must come out of `run` whole, and nothing may be lost or left behind.
//!
//! | file | calls |
//! |---|---|
//! | `files.rs` | reads and writes |
//! | `sockets.rs` | of sockets |
//! | `queues.rs` | of queues of messages |
//! | `streams.rs` | of C's streams |
//! | `parts.rs` | that have done a part of their work |
//! | `vain.rs` | that are woken for nothing |
//! | `several.rs` | for several descriptors |
//! | `processes.rs`, `signals.rs` | for children and commands, and for signals |
//! | `names.rs`, `disks.rs` | look-ups; writes to disks, and locks of files |
//! | `times.rs` | sleeps |
//! | `locks.rs`, `threads.rs` | futexes, and joins |
//! | `row.rs`, `pools.rs` | none: what a row is; threads of a pool that have no time |
//! | `strike.rs` | none: it has the strikes, and the checks afterwards |
//! | `covered.rs` | none: it looks whether all functions have rows |
//!
//! `STRIKES=NAME` strikes only calls in whose names this is. What is counted belongs to the process, so all is one
//! test.

#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod covered;
mod disks;
mod files;
mod locks;
mod names;
mod parts;
mod pools;
mod processes;
mod queues;
mod row;
mod several;
mod signals;
mod sockets;
mod streams;
mod strike;
mod threads;
mod times;
mod vain;

use row::Row;
use strike::{Who, strike_everywhere};

fn rows() -> Vec<Row> {
    [
        times::rows(),
        files::rows(),
        sockets::rows(),
        queues::rows(),
        streams::rows(),
        parts::rows(),
        vain::rows(),
        several::rows(),
        processes::rows(),
        signals::rows(),
        names::rows(),
        disks::rows(),
        locks::rows(),
        threads::rows(),
    ]
    .concat()
}

#[test]
fn a_parked_call_ends_or_goes_on_and_nothing_is_left() {
    gevent_monkey::patch_all().unwrap();
    gevent_monkey::patch_disk().unwrap();
    let mut rows = rows();
    covered::check(&rows);
    let only = std::env::var("STRIKES").unwrap_or_default();
    rows.retain(|row| row.to_string().contains(&only));
    strike_everywhere(&rows, Who::VirtualThread);
    // SAFETY: the greenlets of this test keep nothing in thread-locals over a call.
    unsafe {
        gevent_monkey::greenlets::patch_all();
        gevent_monkey::greenlets::patch_disk();
    }
    rows.retain(|row| row.parks_greenlets);
    strike_everywhere(&rows, Who::Greenlet);
}
