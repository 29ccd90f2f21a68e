//! [`MonitoringEntry`]: the functions of a monitoring thread, and their periods.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::config;
use crate::monitor::MonitoredHub;

/// A function that a monitoring thread calls. It must not use the hub, which belongs to another thread. It should not
/// block either, as other functions wait meanwhile.
pub type MonitoringFunction = Arc<dyn Fn(&MonitoredHub) + Send + Sync>;

/// A function of a [monitoring thread](super::PeriodicMonitoringThread), and how often it is called.
#[derive(Clone)]
pub struct MonitoringEntry {
    pub(super) task: Task,
    pub(super) period: f64,
    pub(super) last_run: Option<Instant>,
}

/// What is to be done.
#[derive(Clone)]
pub(super) enum Task {
    Blocking,
    Memory,
    Function(MonitoringFunction),
}

impl MonitoringEntry {
    /// The user's function; `None` for one of the thread's own.
    pub fn function(&self) -> Option<&MonitoringFunction> {
        match &self.task {
            Task::Function(function) => Some(function),
            Task::Blocking | Task::Memory => None,
        }
    }

    /// The number of seconds, about, after which it is called again. The function that looks for blocked loops is not
    /// called if this is not positive.
    pub fn period(&self) -> f64 {
        self.period
    }

    /// Whether it is time for the function.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let waited = self
            .last_run
            .map(|last| now.saturating_duration_since(last).as_secs_f64());
        self.period > 0.0 && waited.is_none_or(|waited| waited >= self.period)
    }
}

impl fmt::Debug for MonitoringEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.task {
            Task::Blocking => "monitor_blocking",
            Task::Memory => "monitor_memory_usage",
            Task::Function(_) => "..",
        };
        write!(f, "({name}, {} s)", self.period)
    }
}

/// A period that is not positive.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a period of {0} seconds is not positive")]
pub struct InvalidPeriod(pub f64);

/// The functions of a thread. The first one looks for blocked loops.
pub(super) struct Functions(Vec<MonitoringEntry>);

impl Functions {
    pub(super) fn new() -> Functions {
        let mut functions = Functions(Vec::new());
        functions.set(Task::Blocking, config::max_blocking_time());
        functions
    }

    /// Adds a function, or changes its period.
    pub(super) fn set(&mut self, task: Task, period: f64) {
        match self.0.iter_mut().find(|entry| entry.task == task) {
            Some(entry) => entry.period = period,
            None => self.0.push(MonitoringEntry {
                task,
                period,
                last_run: None,
            }),
        }
    }

    /// Removes a function. Returns what it was, to be dropped where nothing is locked.
    pub(super) fn remove(&mut self, task: &Task) -> Option<MonitoringEntry> {
        let place = self.0.iter().position(|entry| entry.task == *task)?;
        Some(self.0.remove(place))
    }

    /// The functions, with the period of the first one as it is set now.
    pub(super) fn look(&mut self) -> &mut Vec<MonitoringEntry> {
        self.set(Task::Blocking, config::max_blocking_time());
        &mut self.0
    }

    /// The shortest of the periods; `None` if nothing is to be called.
    pub(super) fn shortest(&mut self) -> Option<f64> {
        let periods = self.look().iter().map(|entry| entry.period);
        periods.filter(|period| *period > 0.0).min_by(f64::total_cmp)
    }

    /// The functions whose time has come, which is noted.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Task> {
        let due = self.look().iter_mut().filter(|entry| entry.is_due(now));
        due.map(|entry| {
            entry.last_run = Some(now);
            entry.task.clone()
        })
        .collect()
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Task) -> bool {
        match (self, other) {
            (Task::Blocking, Task::Blocking) | (Task::Memory, Task::Memory) => true,
            // The address of the function's data, and not that of its table, of which there may be several.
            (Task::Function(one), Task::Function(other)) => std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other)),
            _ => false,
        }
    }
}
