//! A thousand reports about a blocked loop leave nothing behind. In a program of its own, which counts what all threads
//! allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

use gevent::monitor::PeriodicMonitoringThread;
use gevent::{Exception, config, get_hub, sleep, spawn};

struct Counting;

/// How many bytes are allocated and not freed.
static IN_USE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call is passed on to the system's allocator, which keeps the trait's contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Has a greenlet reported so many times. Returns how much memory is in use afterwards.
fn report(monitor: &PeriodicMonitoringThread, times: usize) -> Result<isize, Exception> {
    let monitor = monitor.clone();
    let greenlet = spawn(move || {
        // The first look only marks.
        assert!(monitor.monitor_blocking().is_none());
        for _ in 0..times {
            let event = monitor.monitor_blocking().expect("it has not switched");
            assert!(!event.greenlet.backtrace.is_empty());
        }
    });
    greenlet.join()?;
    drop(greenlet);
    sleep(0)?;
    Ok(IN_USE.load(Ordering::Relaxed))
}

#[test]
fn a_thousand_reports_leave_nothing_behind() -> Result<(), Exception> {
    config::set_print_blocking_reports(false);
    let monitor = get_hub().start_periodic_monitoring_thread()?;
    monitor.kill();
    // The debug information of the program is read once, and parts of it when they are first needed.
    report(&monitor, 100)?;
    let before = report(&monitor, 100)?;
    let after = report(&monitor, 1000)?;
    // The thread that was told to end may have freed something meanwhile.
    assert!(after <= before, "{after} bytes, and {before} before");
    Ok(())
}
