//! Every interposed call that parks is struck while it is parked in a virtual thread: by a kill, a timeout, the end of
//! the carrier's hub, the close of its descriptor, a fork, a signal. The call must end as it should or go on, what was
//! thrown must come out of `run` whole, and nothing may be lost or left behind.
//!
//! | file | calls |
//! |---|---|
//! | `files.rs` | reads and writes |
//! | `sockets.rs` | of sockets |
//! | `several.rs` | for several descriptors |
//! | `processes.rs` | for children |
//! | `times.rs` | sleeps, look-ups, and what else has no descriptor |
//! | `locks.rs` | futexes |
//! | `strike.rs` | none: it has the strikes, and the checks afterwards |
//!
//! `STRIKES=NAME` strikes only calls in whose names this is. What is counted belongs to the process, so all is one
//! test.

#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod files;
mod locks;
mod processes;
mod several;
mod sockets;
mod strike;
mod times;

#[test]
fn a_parked_call_ends_or_goes_on_and_nothing_is_left() {
    gevent_monkey::patch_all().unwrap();
    let only = std::env::var("STRIKES").unwrap_or_default();
    for rows in [
        times::rows(),
        files::rows(),
        sockets::rows(),
        several::rows(),
        processes::rows(),
        locks::rows(),
    ] {
        strike::strike_everywhere(rows.into_iter().filter(|row| row.name.contains(&only)).collect());
    }
}
