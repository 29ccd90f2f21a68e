//! Functions that subscribe to events, and those of a monitoring thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::trap::Case;
use gevent::events::{notify, subscribe};
use gevent::monitor::{MonitoringFunction, PeriodicMonitoringThread};
use gevent::{get_hub, sleep};

/// The event of these tests, and how often it was delivered.
struct Counted(Arc<AtomicU32>);

fn deliver(count: &Arc<AtomicU32>) {
    notify(&mut Counted(count.clone()));
}

#[test]
fn every_subscriber_gets_the_event() {
    Case {
        names: &["hub::events::subscribe | Fn"],
        make: |_| Arc::new(AtomicU32::new(0)),
        calls: vec![|count, trap| {
            let first = subscribe(move |_: &mut Counted| trap.spring());
            let second = subscribe(|event: &mut Counted| _ = event.0.fetch_add(1, Ordering::Relaxed));
            deliver(count);
            drop((first, second));
            Ok(())
        }],
        others: deliver,
        waits: None,
        after: |count| {
            // The second subscriber, whatever became of the first; perhaps again for the trap's own event. Other tests
            // of this process deliver none to it.
            assert!((1..=2).contains(&count.load(Ordering::Relaxed)));
            let before = count.load(Ordering::Relaxed);
            deliver(count);
            assert_eq!(count.load(Ordering::Relaxed), before, "nobody is subscribed any more");
        },
    }
    .run();
}

#[test]
fn the_monitoring_goes_on_whatever_a_function_does() {
    fn looks(monitor: &PeriodicMonitoringThread) {
        let calls = Arc::new(AtomicU32::new(0));
        let counts = calls.clone();
        let function: MonitoringFunction = Arc::new(move |_| _ = counts.fetch_add(1, Ordering::Relaxed));
        monitor
            .add_monitoring_function(function.clone(), 0.001)
            .expect("it is positive");
        while calls.load(Ordering::Relaxed) == 0 {
            sleep(0.001).expect("nothing is thrown");
        }
        monitor
            .add_monitoring_function(function, None)
            .expect("there is no period");
    }

    Case {
        names: &["hub::monitor::PeriodicMonitoringThread::add_monitoring_function | Fn"],
        make: |_| {
            get_hub()
                .start_periodic_monitoring_thread()
                .expect("the system starts threads")
        },
        calls: vec![|monitor, trap| {
            let function: MonitoringFunction = Arc::new(move |_| trap.spring());
            monitor.add_monitoring_function(function, 0.001)?;
            Ok(())
        }],
        others: |_| (),
        waits: None,
        after: looks,
    }
    .run();
}
