//! For how long the monitoring thread sleeps: the shortest period, but not too short.

use std::sync::Arc;

use gevent::monitor::MonitoringFunction;
use gevent::threadpool::HubExt;
use gevent::{config, get_hub};

use super::common::TestResult;

fn look() -> TestResult {
    // The hub of a thread, which has no memory to look after.
    let monitor = get_hub().start_periodic_monitoring_thread()?;

    let function: MonitoringFunction = Arc::new(|_| ());

    for seconds in [100.0, 50.5, 0.5, 0.005, 0.001] {
        config::set_max_blocking_time(seconds)?;
        monitor.monitoring_functions();
        println!("{seconds:.3}: {:.3}", monitor.calculate_sleep_time());
    }
    config::set_max_blocking_time(100)?;
    monitor.monitoring_functions();
    for period in [Some(200.0), Some(7.0), Some(0.001), None] {
        monitor.add_monitoring_function(function.clone(), period)?;
        println!("{:.3}", monitor.calculate_sleep_time());
    }
    monitor.kill();
    Ok(())
}

pub(crate) fn main() -> TestResult {
    config::set_monitor_thread(true);
    config::set_max_blocking_time(100)?;
    get_hub().threadpool().apply(look)
}
