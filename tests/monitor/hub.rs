//! The counterpart of `TestPeriodicMonitoringThread` in gevent's test__hub.py, with its names.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gevent::hub::ExceptionStream;
use gevent::monitor::{MonitoringFunction, PeriodicMonitoringThread};
use gevent::threadpool::ThreadPool;
use gevent::{get_hub, sleep};

use crate::support::{Reports, TestResult, bounded};
use crate::{SHORT, monitored};

/// Waits until the thread has called all its functions after this moment.
fn run_monitoring_thread(monitor: &PeriodicMonitoringThread) {
    assert!(monitor.should_run());
    let (sender, calls) = channel();
    let function: MonitoringFunction = Arc::new(move |_| _ = sender.send(()));
    monitor
        .add_monitoring_function(function.clone(), SHORT)
        .expect("it is positive");
    // The second call comes after the others' of the first round.
    for _ in 0..2 {
        calls.recv().expect("it is called");
    }
    monitor
        .add_monitoring_function(function, None)
        .expect("there is no period");
}

#[test]
fn test_kill_removes_trace() {
    let (hub, monitor) = monitored();
    assert!(hub.periodic_monitoring_thread().is_some());
    monitor.kill();
    assert!(hub.periodic_monitoring_thread().is_none());
    // Another one may be started.
    assert!(monitored().1 != monitor);
}

#[test]
fn test_blocking_this_thread() -> TestResult {
    let _bounded = bounded();
    let stream = Reports::new();
    let (hub, monitor) = monitored();
    // Nothing is known before the first switch.
    sleep(0)?;
    let mut data = String::new();
    while !data.contains("appears to be blocked") {
        thread::sleep(Duration::from_secs_f64(3.0 * SHORT));
        run_monitoring_thread(&monitor);
        // The loop prints the report, because the stream belongs to its thread.
        sleep(0)?;
        data += &stream.take();
    }
    assert!(data.contains("PeriodicMonitoringThread"), "{data}");
    assert!(data.contains("Greenlet #0 "), "{data}");
    assert!(data.contains("test_blocking_this_thread"), "{data}");
    monitor.kill();
    hub.set_exception_stream(ExceptionStream::Stderr);
    Ok(())
}

/// A stream that sends what is written to the test.
struct Stream(Sender<Vec<u8>>);

impl io::Write for Stream {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(text.into());
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pool's thread with a hub that has run, and its monitoring thread; what its hub prints is sent.
fn prep_worker_thread(
    pool: &ThreadPool,
    sender: Sender<Vec<u8>>,
) -> Result<(u64, PeriodicMonitoringThread), gevent::Exception> {
    pool.apply(move || {
        let (hub, monitor) = monitored();
        hub.set_exception_stream(ExceptionStream::Write(Box::new(Stream(sender))));
        sleep(0.001)?;
        Ok((hub.minimal_ident(), monitor))
    })
}

/// Has the hubs that a thread monitors noted.
fn note_hubs(monitor: &PeriodicMonitoringThread) -> Arc<Mutex<HashSet<u64>>> {
    let hubs = Arc::new(Mutex::new(HashSet::new()));
    let noted = hubs.clone();
    let function: MonitoringFunction =
        Arc::new(move |hub| _ = noted.lock().expect("nothing panics").insert(hub.minimal_ident()));
    monitor
        .add_monitoring_function(function, SHORT)
        .expect("it is positive");
    hubs
}

#[test]
fn test_blocking_threadpool_thread_task_queue() -> TestResult {
    let _bounded = bounded();
    let pool = ThreadPool::new(1);
    let (sender, printed) = channel();
    let (ident, monitor) = prep_worker_thread(&pool, sender)?;
    assert_ne!(ident, get_hub().minimal_ident());
    let hubs = note_hubs(&monitor);
    // The thread waits for its next task, which does not count as blocking.
    for _ in 0..5 {
        run_monitoring_thread(&monitor);
    }
    monitor.kill();
    // Whatever was to be printed is printed now.
    pool.apply(|| sleep(0.001))?;
    assert!(hubs.lock().expect("nothing panics").contains(&ident));
    assert_eq!(printed.try_iter().count(), 0);
    Ok(())
}

#[test]
fn test_blocking_threadpool_thread_one_greenlet() -> TestResult {
    let _bounded = bounded();
    let pool = ThreadPool::new(1);
    let (sender, printed) = channel();
    let (ident, monitor) = prep_worker_thread(&pool, sender)?;
    let hubs = note_hubs(&monitor);
    // A task that never switches may block: that is what the threads are for.
    let (done, wait) = channel::<()>();
    let task = pool.spawn(move || _ = wait.recv())?;
    for _ in 0..5 {
        run_monitoring_thread(&monitor);
    }
    drop(done);
    task.get()?;
    monitor.kill();
    pool.apply(|| sleep(0.001))?;
    assert!(hubs.lock().expect("nothing panics").contains(&ident));
    assert_eq!(printed.try_iter().count(), 0);
    Ok(())
}
