//! [`PeriodicMonitoringThread`]: the thread, and the functions that it calls.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use greenlet_core::unwind::catch;
use greenlet_core::{ignore_running, watch_running};

use super::blocking::{Seen, report};
use super::functions::{Functions, InvalidPeriod, MonitoringEntry, MonitoringFunction, Task};
use super::memory::{self, MemoryInfo};
use crate::config;
use crate::core::{ForkMutex, complain};
use crate::events::{EventLoopBlocked, notify};
use crate::monitor::MonitoredHub;
use crate::seconds::Seconds;

/// The thread sleeps for so long if there is nothing to do.
const INACTIVE_SLEEP_TIME: f64 = 2.0;
/// It sleeps for no less than that.
const MIN_SLEEP_TIME: f64 = 0.005;
/// The memory is looked at no more often than that.
const MIN_MEMORY_MONITOR_PERIOD: f64 = 2.0;

/// A thread that watches a hub, from the [start](crate::Hub::start_periodic_monitoring_thread) to
/// [`kill`](PeriodicMonitoringThread::kill) or the hub's end. This is a handle, for any thread.
///
/// Source: gevent's `PeriodicMonitoringThread`, and its interface `IPeriodicMonitorThread`.
#[derive(Clone)]
pub struct PeriodicMonitoringThread(Arc<Shared>);

struct Shared {
    hub: MonitoredHub,
    should_run: AtomicBool,
    /// The process in which the thread runs.
    pid: AtomicU32,
    functions: ForkMutex<Functions>,
    seen: ForkMutex<Seen>,
    memory_exceeded: ForkMutex<u64>,
    /// How the thread is told to stop. In the child of a fork there is a new one, as the thread that stayed in the
    /// parent may have had it locked.
    stop: ForkMutex<Arc<Stop>>,
}

#[derive(Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Sleeps until the time is over or the thread is to stop; returns whether it is to go on.
    fn sleep(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let slept = self.changed.wait_timeout_while(stopped, time, |stopped| !*stopped);
        !*slept.unwrap_or_else(PoisonError::into_inner).0
    }

    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

thread_local! {
    static IS_MONITOR: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is a monitoring thread. If a function that it calls waits, it gets a hub, which is not monitored: a
/// thread for that hub would call the function, too, and so on.
pub(crate) fn is_monitoring_thread() -> bool {
    IS_MONITOR.get()
}

impl PeriodicMonitoringThread {
    pub(super) fn start(hub: MonitoredHub) -> io::Result<PeriodicMonitoringThread> {
        let monitor = PeriodicMonitoringThread(Arc::new(Shared {
            hub,
            should_run: AtomicBool::new(true),
            pid: AtomicU32::new(0),
            functions: ForkMutex::new(Functions::new()),
            seen: ForkMutex::default(),
            memory_exceeded: ForkMutex::default(),
            stop: ForkMutex::default(),
        }));
        monitor.start_thread()?;
        Ok(monitor)
    }

    fn start_thread(&self) -> io::Result<()> {
        let stop = Arc::new(Stop::default());
        let old = std::mem::replace(&mut *self.0.stop.lock(), stop.clone());
        drop(old);
        self.0.pid.store(std::process::id(), Ordering::Relaxed);
        let monitor = self.clone();
        let thread = thread::Builder::new().name("gevent monitor".into());
        thread.spawn(move || monitor.run(&stop))?;
        Ok(())
    }

    /// Starts the thread anew in the child of a fork. Called in the hub's thread.
    pub(super) fn on_fork(&self) {
        if !self.should_run() || self.0.pid.load(Ordering::Relaxed) == std::process::id() {
            return;
        }
        // The thread has another number here.
        let _ = greenlet_core::ThreadWatch::here();
        if let Err(error) = self.start_thread() {
            complain(format_args!(
                "gevent: the hub is not monitored in the child of the fork: {error}"
            ));
        }
    }

    /// The hub that is monitored.
    pub fn hub(&self) -> &MonitoredHub {
        &self.0.hub
    }

    /// Whether the thread is to go on: false after [`kill`](Self::kill), or once the hub is gone.
    pub fn should_run(&self) -> bool {
        self.0.should_run.load(Ordering::Relaxed)
    }

    /// Ends the thread, soon. It may still call a function that it is about to call.
    pub fn kill(&self) {
        self.0.should_run.store(false, Ordering::Relaxed);
        if self.0.pid.load(Ordering::Relaxed) != std::process::id() {
            // The thread has stayed in the parent of a fork, and may have locked what stops it.
            return;
        }
        let stop = self.0.stop.lock().clone();
        stop.stop();
    }

    /// Has `function` called in the monitoring thread every `period` seconds, about. If it was added before, this
    /// changes its period; with `None`, it is not called any more.
    ///
    /// ```
    /// use std::sync::{Arc, mpsc};
    /// use hub::get_hub;
    /// use hub::monitor::MonitoringFunction;
    ///
    /// let (sender, beats) = mpsc::channel();
    /// let beat: MonitoringFunction = Arc::new(move |hub| _ = sender.send(hub.minimal_ident()));
    /// let monitor = get_hub().start_periodic_monitoring_thread()?;
    /// monitor.add_monitoring_function(beat.clone(), 0.01)?;
    /// assert_eq!(beats.recv()?, get_hub().minimal_ident());
    /// monitor.add_monitoring_function(beat, None)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidPeriod`] if the period is not positive.
    pub fn add_monitoring_function(
        &self,
        function: MonitoringFunction,
        period: impl Seconds,
    ) -> Result<(), InvalidPeriod> {
        let task = Task::Function(function);
        match period.seconds() {
            None => {
                let removed = self.0.functions.lock().remove(&task);
                drop(removed);
            }
            Some(period) if period > 0.0 => self.0.functions.lock().set(task, period),
            Some(period) => return Err(InvalidPeriod(period)),
        }
        Ok(())
    }

    /// The functions that the thread calls. The first one looks for a loop that is blocked.
    pub fn monitoring_functions(&self) -> Vec<MonitoringEntry> {
        self.0.functions.lock().look().clone()
    }

    /// For how many seconds the thread sleeps before it looks which functions it is to call: the shortest of the
    /// periods, but no less than 0.005; or 2, if nothing is to be called.
    pub fn calculate_sleep_time(&self) -> f64 {
        let shortest = self.0.functions.lock().shortest();
        shortest.map_or(INACTIVE_SLEEP_TIME, |shortest| shortest.max(MIN_SLEEP_TIME))
    }

    /// Whether the system tells how much memory the process has.
    pub fn can_monitor_memory_usage(&self) -> bool {
        MemoryInfo::now().is_some()
    }

    /// Has the memory of the process looked at every [`memory_monitor_period`](config::memory_monitor_period) seconds,
    /// if the system tells how much there is. Returns whether it does. The hub of the process's first thread does this
    /// by itself.
    ///
    /// Nothing happens before [`max_memory_usage`](config::max_memory_usage) is set.
    pub fn install_monitor_memory_usage(&self) -> bool {
        let can = self.can_monitor_memory_usage();
        if can {
            let period = config::memory_monitor_period().max(MIN_MEMORY_MONITOR_PERIOD);
            self.0.functions.lock().set(Task::Memory, period);
        }
        can
    }

    /// Looks at the memory of the process, and delivers an event if it is too much, or no more too much.
    pub fn monitor_memory_usage(&self) {
        let mut exceeded = *self.0.memory_exceeded.lock();
        memory::look(&mut exceeded);
        *self.0.memory_exceeded.lock() = exceeded;
    }

    /// Looks whether a greenlet keeps the loop from running: whether the same one runs as at the last look, without a
    /// switch since then. If so, this delivers an [`EventLoopBlocked`], prints its lines, and returns it.
    ///
    /// The monitoring thread calls this; so one that is called besides sees the marks of the other.
    pub fn monitor_blocking(&self) -> Option<EventLoopBlocked> {
        let hub = &self.0.hub;
        let running = hub.watch().look();
        let blocking = self.0.seen.lock().note(running, hub, Instant::now());
        let (id, blocking_time) = blocking?;
        let (greenlet, info) = report(hub, &format!("{self:?}"), id, blocking_time)?;
        let mut event = EventLoopBlocked::new(greenlet, blocking_time, info, hub.clone());
        notify(&mut event);
        if config::print_blocking_reports() {
            hub.print(event.info.join("\n") + "\n");
        }
        Some(event)
    }

    /// Has the greenlet that runs in this thread not reported until the next switch, however long it blocks. To be
    /// called in the hub's thread, before something that may block.
    pub fn ignore_current_greenlet_blocking(&self) {
        ignore_running();
    }

    /// Undoes [`ignore_current_greenlet_blocking`](Self::ignore_current_greenlet_blocking).
    pub fn monitor_current_greenlet_blocking(&self) {
        watch_running();
    }

    /// The function of the thread.
    fn run(&self, stop: &Stop) {
        IS_MONITOR.set(true);
        loop {
            let sleep = Duration::try_from_secs_f64(self.calculate_sleep_time()).unwrap_or(Duration::MAX);
            if !stop.sleep(sleep) {
                return;
            }
            if self.0.hub.dead() {
                return self.kill();
            }
            let due = self.0.functions.lock().due(Instant::now());
            for task in due {
                if !self.should_run() {
                    return;
                }
                // The message of a panic has been printed.
                let _ = catch(|| self.call(task));
            }
        }
    }

    fn call(&self, task: Task) {
        match task {
            Task::Blocking => drop(self.monitor_blocking()),
            Task::Memory => self.monitor_memory_usage(),
            Task::Function(function) => function(&self.0.hub),
        }
    }
}

impl fmt::Debug for PeriodicMonitoringThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<PeriodicMonitoringThread for {:?}>", self.0.hub)
    }
}

impl PartialEq for PeriodicMonitoringThread {
    fn eq(&self, other: &PeriodicMonitoringThread) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for PeriodicMonitoringThread {}
