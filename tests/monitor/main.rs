//! The monitoring thread: a loop that is blocked is reported wherever its greenlet is; gevent's test___monitor and the
//! part of test__hub that is about it. A program of its own, with a short `max_blocking_time`.

mod blocked;
mod driven;
mod hub;
mod monitor;

#[path = "../support/mod.rs"]
mod support;

use std::sync::Once;

use gevent::hub::Hub;
use gevent::monitor::PeriodicMonitoringThread;
use gevent::{config, get_hub};

/// The `max_blocking_time` of these tests, in seconds.
const SHORT: f64 = 0.01;

/// The hub of this thread, whose monitoring thread will notice what blocks for a short time.
fn monitored() -> (Hub, PeriodicMonitoringThread) {
    static SHORTEN: Once = Once::new();
    SHORTEN.call_once(|| config::set_max_blocking_time(SHORT).expect("it is a number"));
    let hub = get_hub();
    let monitor = hub
        .start_periodic_monitoring_thread()
        .expect("the system starts threads");
    (hub, monitor)
}
