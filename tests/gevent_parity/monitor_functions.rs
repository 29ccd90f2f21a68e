//! Functions of the monitoring thread are added, given another period, and removed.

use std::sync::Arc;

use gevent::monitor::{MonitoringFunction, PeriodicMonitoringThread};
use gevent::{Seconds, config, get_hub};

use super::common::TestResult;

fn show(monitor: &PeriodicMonitoringThread, own: usize) {
    let functions = monitor.monitoring_functions();
    let periods: Vec<_> = functions[own..].iter().map(|entry| entry.period()).collect();
    println!("{periods:?} first: {:?}", functions[0].period());
}

pub(crate) fn main() -> TestResult {
    config::set_monitor_thread(true);
    config::set_max_blocking_time(100)?;
    let hub = get_hub();
    let monitor = hub.start_periodic_monitoring_thread()?;
    println!(
        "{} {}",
        hub.start_periodic_monitoring_thread()? == monitor,
        monitor.should_run()
    );
    let own = monitor.monitoring_functions().len();

    let one: MonitoringFunction = Arc::new(|_| ());
    let other: MonitoringFunction = Arc::new(|_| ());

    let show = || show(&monitor, own);

    let add = |function: &MonitoringFunction, period: Option<f64>| {
        if monitor.add_monitoring_function(function.clone(), period).is_err() {
            println!("not added: ValueError");
        }
        show();
    };

    show();
    add(&one, 200.5.seconds());
    add(&other, 300.5.seconds());
    add(&one, 400.5.seconds());
    add(&other, (-1).seconds());
    add(&other, 0.seconds());
    add(&one, None);
    add(&one, None);
    add(&one, (0.5 + 500.0).seconds());
    add(&other, None);
    config::set_max_blocking_time(50.5)?;
    show();
    monitor.kill();
    monitor.kill();
    println!("{}", monitor.should_run());
    Ok(())
}
