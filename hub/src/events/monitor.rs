//! The events of the monitoring thread.

use crate::monitor::{BlockingGreenlet, MemoryInfo, MonitoredHub, PeriodicMonitoringThread};

/// A hub has started its monitoring thread: the moment to add functions to it. Delivered in the hub's thread.
///
/// ```
/// use std::sync::Arc;
/// use hub::events::{self, PeriodicMonitorThreadStartedEvent};
///
/// events::subscribe(|event: &mut PeriodicMonitorThreadStartedEvent| {
///     let beat = Arc::new(|hub: &_| println!("{hub:?} is watched"));
///     event.monitor.add_monitoring_function(beat, 60).expect("a minute is a period");
/// })
/// .forever();
/// ```
///
/// Source: gevent's event of that name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeriodicMonitorThreadStartedEvent {
    /// The monitoring thread.
    pub monitor: PeriodicMonitoringThread,
}

impl PeriodicMonitorThreadStartedEvent {
    pub(crate) fn new(monitor: PeriodicMonitoringThread) -> Self {
        PeriodicMonitorThreadStartedEvent { monitor }
    }
}

/// A greenlet has kept the loop from running for longer than
/// [`max_blocking_time`](crate::config::max_blocking_time). Delivered in the monitoring thread, again and again while
/// the greenlet goes on.
///
/// Source: gevent's event of that name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EventLoopBlocked {
    /// The greenlet that runs instead of the loop.
    pub greenlet: BlockingGreenlet,
    /// For how many seconds it has been seen to run: those before it was seen first do not count.
    pub blocking_time: f64,
    /// The lines of the report that will be printed. Subscribers may change them.
    pub info: Vec<String>,
    /// The hub whose loop is blocked.
    pub hub: MonitoredHub,
}

impl EventLoopBlocked {
    pub(crate) fn new(greenlet: BlockingGreenlet, blocking_time: f64, info: Vec<String>, hub: MonitoredHub) -> Self {
        EventLoopBlocked {
            greenlet,
            blocking_time,
            info,
            hub,
        }
    }
}

/// The process has more memory than [`max_memory_usage`](crate::config::max_memory_usage), and more than when this was
/// noticed last. Delivered in the monitoring thread.
///
/// Source: gevent's event of that name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MemoryUsageThresholdExceeded {
    /// The memory of the process, in bytes.
    pub mem_usage: u64,
    /// The memory that is allowed, in bytes.
    pub max_allowed: u64,
    /// All that is known of the memory.
    pub memory_info: MemoryInfo,
}

/// The process had more memory than [`max_memory_usage`](crate::config::max_memory_usage), and has no more than that
/// now. Delivered in the monitoring thread, once until the memory is exceeded again.
///
/// Source: gevent's event of that name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MemoryUsageUnderThreshold {
    /// The memory of the process, in bytes.
    pub mem_usage: u64,
    /// The memory that is allowed, in bytes.
    pub max_allowed: u64,
    /// All that is known of the memory.
    pub memory_info: MemoryInfo,
    /// The memory that the process had when it was looked at the last time, in bytes.
    pub max_memory_usage: u64,
}

impl MemoryUsageThresholdExceeded {
    pub(crate) fn new(memory_info: MemoryInfo, max_allowed: u64) -> Self {
        MemoryUsageThresholdExceeded {
            mem_usage: memory_info.rss,
            max_allowed,
            memory_info,
        }
    }
}

impl MemoryUsageUnderThreshold {
    pub(crate) fn new(memory_info: MemoryInfo, max_allowed: u64, max_memory_usage: u64) -> Self {
        MemoryUsageUnderThreshold {
            mem_usage: memory_info.rss,
            max_allowed,
            memory_info,
            max_memory_usage,
        }
    }
}
