//! The counterpart of gevent's test___monitor.py, with its names. Where gevent's tests replace the thread, these end it
//! and look themselves.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use gevent::events::{self, EventLoopBlocked};
use gevent::greenlet_core::{Tracer, settrace};
use gevent::monitor::{InvalidPeriod, MemoryInfo, MonitoringFunction};
use gevent::{get_hub, sleep, spawn};

use crate::monitored;
use crate::support::{Reports, TestResult, bounded};

#[test]
fn test_constructor() {
    let (hub, monitor) = monitored();
    assert!(monitor.should_run());
    assert_eq!(monitor.hub().minimal_ident(), hub.minimal_ident());
    assert_eq!(monitor.hub().thread_ident(), thread::current().id());
    assert!(!monitor.hub().dead());
    // There is only one.
    assert_eq!(hub.periodic_monitoring_thread(), Some(monitor.clone()));
    assert_eq!(hub.start_periodic_monitoring_thread().ok(), Some(monitor));
}

#[test]
fn test_get_process() {
    assert!(MemoryInfo::now().is_some_and(|memory| memory.rss > 0));
}

#[test]
fn test_hub_wref() {
    let monitor = thread::spawn(|| monitored().1).join().expect("it does not panic");
    assert!(!monitor.should_run());
    assert!(monitor.hub().dead());
    // Nobody looks at what is gone.
    assert!(monitor.monitor_blocking().is_none());
}

#[test]
fn test_add_monitoring_function() -> Result<(), InvalidPeriod> {
    let (hub, monitor) = monitored();
    let own = monitor.monitoring_functions().len();
    assert_eq!(own, if hub.main_hub() { 2 } else { 1 });
    let function: MonitoringFunction = Arc::new(|_| ());
    for wrong in [-1.0, 0.0, f64::NAN] {
        assert!(monitor.add_monitoring_function(function.clone(), wrong).is_err());
    }
    let added = || -> Vec<_> {
        let functions = monitor.monitoring_functions().into_iter();
        functions
            .filter_map(|entry| Some((entry.function()?.clone(), entry.period())))
            .collect()
    };
    let is_ours = |other: &MonitoringFunction| std::ptr::addr_eq(Arc::as_ptr(&function), Arc::as_ptr(other));

    // Add.
    monitor.add_monitoring_function(function.clone(), 100)?;
    assert_eq!(monitor.monitoring_functions().len(), own + 1);
    assert!(matches!(&*added(), [(added, period)] if is_ours(added) && (100.0..=100.0).contains(period)));
    // Update.
    monitor.add_monitoring_function(function.clone(), 200)?;
    assert!(matches!(&*added(), [(added, period)] if is_ours(added) && (200.0..=200.0).contains(period)));
    // Another one.
    let other: MonitoringFunction = Arc::new(|_| ());
    monitor.add_monitoring_function(other.clone(), 300)?;
    assert_eq!(added().len(), 2);
    monitor.add_monitoring_function(other, None)?;
    // Remove.
    monitor.add_monitoring_function(function.clone(), None)?;
    assert!(added().is_empty());
    assert_eq!(monitor.monitoring_functions().len(), own);
    Ok(())
}

#[test]
fn test_call_dead_hub() -> TestResult {
    let _bounded = bounded();
    thread::spawn(|| {
        let (hub, monitor) = monitored();
        sleep(0.001).expect("nothing is thrown");
        hub.destroy(true).expect("this is the main greenlet");
        assert!(!monitor.should_run() && monitor.hub().dead());
        // The next hub has a monitoring thread of its own.
        let (_, other) = monitored();
        assert!(other.should_run() && other != monitor);
    })
    .join()
    .expect("it does not panic");
    Ok(())
}

/// gevent's test of this name raises SystemExit in the function, which ends the thread.
#[test]
fn test_call_system_exit() -> Result<(), InvalidPeriod> {
    let _bounded = bounded();
    let (_, monitor) = monitored();
    let (sender, calls) = channel();
    let killed = monitor.clone();
    let function: MonitoringFunction = Arc::new(move |_| {
        killed.kill();
        sender.send(()).expect("it waits");
    });
    monitor.add_monitoring_function(function.clone(), 0.001)?;
    calls.recv().expect("it is called");
    assert!(!monitor.should_run());
    // The thread has ended, or will, and drops the function then.
    monitor.add_monitoring_function(function, None)?;
    assert_eq!(calls.iter().count(), 0);
    Ok(())
}

/// In gevent, an error ends the thread.
#[test]
fn test_call_other_error() -> Result<(), InvalidPeriod> {
    let _bounded = bounded();
    let (_, monitor) = monitored();
    let (sender, calls) = channel();
    let function: MonitoringFunction = Arc::new(move |hub| {
        let _ = sender.send(hub.minimal_ident());
        panic!("in a monitoring function, on purpose");
    });
    monitor.add_monitoring_function(function.clone(), 0.001)?;
    for _ in 0..3 {
        assert_eq!(calls.recv().expect("it goes on"), get_hub().minimal_ident());
    }
    monitor.add_monitoring_function(function, None)?;
    monitor.kill();
    Ok(())
}

#[test]
fn test_previous_trace() -> TestResult {
    let _bounded = bounded();
    let _printed = Reports::new();
    let count = Rc::new(Cell::new(0));
    let counts = count.clone();
    settrace(Some(Tracer::new(move |_, _, _| {
        counts.set(counts.get() + 1);
        Ok(())
    })));
    let (_, monitor) = monitored();
    monitor.kill();
    sleep(0)?;
    // Both are told of switches.
    assert!(count.get() > 0);
    assert!(monitor.monitor_blocking().is_none());
    assert!(monitor.monitor_blocking().is_some());
    let told = count.get();
    sleep(0)?;
    assert!(count.get() > told);
    settrace(None);
    Ok(())
}

#[test]
fn test_monitor_blocking() -> TestResult {
    let _bounded = bounded();
    let (hub, monitor) = monitored();
    monitor.kill();
    let printed = Reports::new();
    let ident = hub.minimal_ident();
    let events = Arc::new(AtomicUsize::new(0));
    let counted = events.clone();
    let _subscription = events::subscribe(move |event: &mut EventLoopBlocked| {
        if event.hub.minimal_ident() == ident {
            counted.fetch_add(1, Ordering::Relaxed);
            event.info.push("a line of the subscriber's".into());
        }
    });
    let told = || events.swap(0, Ordering::Relaxed);

    // Nothing has switched, so nothing is blocked.
    assert!(monitor.monitor_blocking().is_none());
    let look = {
        let monitor = monitor.clone();
        move || monitor.monitor_blocking()
    };
    let greenlet = spawn({
        let monitor = monitor.clone();
        move || {
            // It has just been switched to.
            assert!(look().is_none());
            // Without a switch since then, it is blocked.
            let event = look().expect("it is blocked");
            // That can be ordered to be no problem, and one again.
            monitor.ignore_current_greenlet_blocking();
            assert!(look().is_none() && look().is_none());
            monitor.monitor_current_greenlet_blocking();
            assert!(look().is_none());
            let again = look().expect("it is blocked");
            assert!(look().expect("it goes on").blocking_time >= again.blocking_time);
            sleep(0)?;
            assert!(look().is_none());
            Ok(event)
        }
    });
    let id = greenlet.raw().id();
    let event = greenlet.get()?;
    assert_eq!(event.greenlet.id, id);
    assert!(event.blocking_time >= 0.0);
    let named =
        |part| move |frame: &gevent::monitor::Frame| frame.function.as_ref().is_some_and(|name| name.contains(part));
    assert!(
        event.greenlet.backtrace.iter().any(named("test_monitor_blocking")),
        "{:#?}",
        event.info
    );
    assert_eq!(told(), 3);
    // The lines are printed when the loop runs, as the stream is the program's own.
    sleep(0)?;
    let printed = printed.take();
    assert_eq!(printed.matches("appears to be blocked").count(), 3, "{printed}");
    assert_eq!(printed.matches("a line of the subscriber's").count(), 3);
    assert!(printed.contains("Reported by <PeriodicMonitoringThread"));

    // The hub itself may run for as long as it likes: it waits, or gevent could not know.
    let looked = Rc::new(Cell::new(false));
    let done = looked.clone();
    hub.loop_().run_callback(move || {
        assert!(monitor.monitor_blocking().is_none() && monitor.monitor_blocking().is_none());
        done.set(true);
    })?;
    sleep(0)?;
    assert!(looked.get());
    Ok(())
}

#[test]
fn test_can_monitor_and_install() {
    let (_, monitor) = monitored();
    assert!(monitor.can_monitor_memory_usage());
    assert!(monitor.install_monitor_memory_usage());
    // Once and for all.
    assert!(monitor.install_monitor_memory_usage());
    assert_eq!(monitor.monitoring_functions().len(), 2);
}
