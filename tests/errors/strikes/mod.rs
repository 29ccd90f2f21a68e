//! Throws a kill or a timeout at every place where a public function waits: the function must end with that very
//! exception, and nothing may be lost or left behind. Such a throw is called a strike.
//!
//! | file | waits |
//! |---|---|
//! | `ancillary.rs` | for descriptors that are passed |
//! | `files.rs` | for files |
//! | `greenlets.rs` | for greenlets, timers, descriptors, the hub |
//! | `list.rs` | none: it checks that no function is missing in these tables |
//! | `locks.rs` | for locks, events, results, for one thread or several |
//! | `pools.rs` | for places, tasks and values of pools |
//! | `processes.rs` | for child processes and their pipes |
//! | `queues.rs` | for items and space |
//! | `copies.rs` | of copies from one stream to another |
//! | `families.rs` | for datagrams and Unix sockets |
//! | `os.rs` | for descriptors and children, by number |
//! | `resolver.rs` | for names and addresses that are looked up |
//! | `python_sockets.rs` | by Python's face of the sockets |
//! | `selecting.rs` | for several descriptors |
//! | `servers.rs` | of servers |
//! | `sockets.rs` | for peers and names |
//! | `ssl.rs` | of TLS connections, with the feature `ssl` |
//! | `web.rs` | of handlers of HTTP servers, with the feature `pywsgi` |
//! | `strike.rs` | none: it has the strikes, and the checks afterwards |

#![allow(clippy::type_complexity, reason = "a table says once what its functions are")]

mod ancillary;
mod copies;
mod families;
mod files;
mod greenlets;
mod list;
mod locks;
mod os;
mod pools;
mod processes;
mod python_sockets;
mod queues;
mod resolver;
mod selecting;
mod servers;
mod sockets;
#[cfg(feature = "ssl")]
mod ssl;
mod strike;
#[cfg(feature = "pywsgi")]
mod web;

use strike::{Row, strike_everywhere};

/// The tables; each is a test of its own.
fn tables() -> Vec<Vec<Row>> {
    vec![
        #[cfg(feature = "pywsgi")]
        web::rows(),
        greenlets::rows(),
        locks::rows(),
        pools::rows(),
        processes::rows(),
        queues::rows(),
        ancillary::rows(),
        copies::rows(),
        families::rows(),
        files::rows(),
        python_sockets::rows(),
        selecting::rows(),
        servers::rows(),
        sockets::rows(),
        resolver::rows(),
        os::rows(),
        #[cfg(feature = "ssl")]
        ssl::rows(),
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
fn waits_for_processes_end_with_what_is_thrown() {
    strike_everywhere(processes::rows);
}

#[test]
fn waits_for_queues_end_with_what_is_thrown() {
    strike_everywhere(queues::rows);
}

#[test]
fn waits_for_other_families_end_with_what_is_thrown() {
    strike_everywhere(families::rows);
}

#[test]
fn waits_for_several_descriptors_end_with_what_is_thrown() {
    strike_everywhere(selecting::rows);
}

#[test]
fn waits_for_sockets_end_with_what_is_thrown() {
    strike_everywhere(sockets::rows);
}

#[test]
fn waits_of_pythons_sockets_end_with_what_is_thrown() {
    strike_everywhere(python_sockets::rows);
}

#[test]
fn waits_for_descriptors_that_are_passed_end_with_what_is_thrown() {
    strike_everywhere(ancillary::rows);
}

#[test]
fn look_ups_end_with_what_is_thrown() {
    strike_everywhere(resolver::rows);
}

#[test]
fn waits_of_os_end_with_what_is_thrown() {
    strike_everywhere(os::rows);
}

#[test]
fn waits_of_copies_end_with_what_is_thrown() {
    strike_everywhere(copies::rows);
}

#[test]
fn waits_of_servers_end_with_what_is_thrown() {
    strike_everywhere(servers::rows);
}

#[test]
fn waits_for_files_end_with_what_is_thrown() {
    strike_everywhere(files::rows);
}

#[cfg(feature = "ssl")]
#[test]
fn waits_of_tls_connections_end_with_what_is_thrown() {
    strike_everywhere(ssl::rows);
}

#[cfg(feature = "pywsgi")]
#[test]
fn waits_of_handlers_of_http_servers_end_with_what_is_thrown() {
    strike_everywhere(web::rows);
}
