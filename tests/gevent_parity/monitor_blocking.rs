//! A greenlet is found to be blocking if nothing has switched since the last look; the hub never is.

use gevent::monitor::PeriodicMonitoringThread;
use gevent::{config, get_hub, sleep, spawn};

use super::common::TestResult;

fn look(monitor: &PeriodicMonitoringThread, when: &str) {
    println!("{when}: {}", monitor.monitor_blocking().is_some());
}

fn greenlet(monitor: &PeriodicMonitoringThread) -> TestResult {
    look(monitor, "switched to");
    look(monitor, "since then");
    look(monitor, "still");
    monitor.ignore_current_greenlet_blocking();
    look(monitor, "ignored");
    look(monitor, "ignored");
    sleep(0)?;
    look(monitor, "switched to again");
    look(monitor, "since then");
    Ok(())
}

fn callback(monitor: &PeriodicMonitoringThread) {
    look(monitor, "in the hub");
    look(monitor, "in the hub");
}

pub(crate) fn main() -> TestResult {
    config::set_monitor_thread(true);
    config::set_print_blocking_reports(false);
    config::set_max_blocking_time(100)?; // the thread itself does not look
    let hub = get_hub();
    let monitor = hub.start_periodic_monitoring_thread()?;
    let (first, second) = (monitor.clone(), monitor.clone());

    look(&monitor, "nothing has switched");
    look(&monitor, "nothing has switched");
    spawn(move || greenlet(&first)).join()?;
    look(&monitor, "in main");
    look(&monitor, "since then");
    hub.loop_().run_callback(move || callback(&second))?;
    sleep(0)?;
    look(&monitor, "in main again");
    look(&monitor, "since then");
    monitor.kill();
    Ok(())
}
