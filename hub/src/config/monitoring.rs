//! The settings of the monitoring thread. Source: "Monitoring settings" in gevent's `_config.py`.

use std::env;

use super::complain;
use crate::core::ForkMutex;
use crate::exceptions::InvalidSeconds;
use crate::seconds::Seconds;

/// A setting that is taken from the environment when it is first asked for.
struct Setting<T: 'static> {
    value: ForkMutex<Option<T>>,
    environment: &'static str,
    default: T,
    parse: fn(&str) -> Option<T>,
}

impl<T: Copy> Setting<T> {
    const fn new(environment: &'static str, default: T, parse: fn(&str) -> Option<T>) -> Self {
        Setting {
            value: ForkMutex::new(None),
            environment,
            default,
            parse,
        }
    }

    fn get(&self) -> T {
        let known = *self.value.lock();
        known.unwrap_or_else(|| {
            // This is done without the lock, because it may print to stderr, which may keep this thread waiting.
            let found = self.of_environment();
            *self.value.lock().get_or_insert(found)
        })
    }

    fn of_environment(&self) -> T {
        let Ok(text) = env::var(self.environment) else {
            return self.default;
        };
        (self.parse)(text.trim()).unwrap_or_else(|| {
            complain(self.environment, &text, "not a valid value");
            self.default
        })
    }

    fn set(&self, value: T) {
        *self.value.lock() = Some(value);
    }
}

static MONITOR_THREAD: Setting<bool> = Setting::new("GEVENT_MONITOR_THREAD_ENABLE", false, parse_bool);
static MAX_BLOCKING_TIME: Setting<f64> = Setting::new("GEVENT_MAX_BLOCKING_TIME", 0.1, parse_seconds);
static PRINT_REPORTS: Setting<bool> = Setting::new("GEVENT_MONITOR_PRINT_BLOCKING_REPORTS", true, parse_bool);
static MEMORY_PERIOD: Setting<f64> = Setting::new("GEVENT_MONITOR_MEMORY_PERIOD", 5.0, parse_seconds);
static MEMORY_MAX: Setting<Option<u64>> = Setting::new("GEVENT_MONITOR_MEMORY_MAX", None, parse_bytes);
static SIGNAL: Setting<Option<i32>> = Setting::new("GEVENT_MONITOR_SIGNAL", None, |text| text.parse().ok().map(Some));

fn parse_bool(text: &str) -> Option<bool> {
    match &*text.to_ascii_lowercase() {
        "1" | "true" | "on" | "yes" => Some(true),
        "0" | "false" | "off" | "no" | "" => Some(false),
        _ => None,
    }
}

fn parse_seconds(text: &str) -> Option<f64> {
    text.parse().ok().filter(|seconds: &f64| !seconds.is_nan())
}

fn parse_bytes(text: &str) -> Option<Option<u64>> {
    let text = text.to_ascii_lowercase();
    if text.is_empty() {
        return Some(None);
    }
    let units = [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30)];
    let found = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = found.unwrap_or((&text, 1));
    let bytes = number.trim().parse::<u64>().ok()?.checked_mul(factor)?;
    Some(Some(bytes))
}

/// Whether each hub starts a [monitoring thread](crate::monitor) when it runs for the first time.
///
/// Source: gevent's setting of that name.
pub fn monitor_thread() -> bool {
    MONITOR_THREAD.get()
}

/// Sets [`monitor_thread`].
///
/// ```
/// use hub::{config, get_hub, sleep};
///
/// config::set_monitor_thread(true);
/// sleep(0.001)?;
/// assert!(get_hub().periodic_monitoring_thread().is_some());
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
pub fn set_monitor_thread(enabled: bool) {
    MONITOR_THREAD.set(enabled);
}

/// For how many seconds, about, a greenlet may keep the loop from running before the monitoring thread reports it. Zero
/// and less mean that it never does.
///
/// Source: gevent's setting of that name.
pub fn max_blocking_time() -> f64 {
    MAX_BLOCKING_TIME.get()
}

/// Sets [`max_blocking_time`], for all hubs. With `None`, nothing is reported.
///
/// # Errors
/// [`InvalidSeconds`] if the time is NaN.
pub fn set_max_blocking_time(seconds: impl Seconds) -> Result<(), InvalidSeconds> {
    MAX_BLOCKING_TIME.set(seconds.checked()?.unwrap_or(0.0));
    Ok(())
}

/// Whether the monitoring thread prints a report about a loop that is blocked. The
/// [event](crate::events::EventLoopBlocked) is delivered in any case.
///
/// Source: gevent's setting of that name.
pub fn print_blocking_reports() -> bool {
    PRINT_REPORTS.get()
}

/// Sets [`print_blocking_reports`].
pub fn set_print_blocking_reports(enabled: bool) {
    PRINT_REPORTS.set(enabled);
}

/// The number of seconds, about, after which the memory of the process is looked at again; at least 2.
///
/// Source: gevent's setting of that name.
pub fn memory_monitor_period() -> f64 {
    MEMORY_PERIOD.get()
}

/// Sets [`memory_monitor_period`], for monitoring threads that are started from now on. With `None` it is 5.
///
/// # Errors
/// [`InvalidSeconds`] if the time is NaN.
pub fn set_memory_monitor_period(seconds: impl Seconds) -> Result<(), InvalidSeconds> {
    MEMORY_PERIOD.set(seconds.checked()?.unwrap_or(MEMORY_PERIOD.default));
    Ok(())
}

/// How many bytes of memory the process may have before the monitoring thread says so; `None` for no limit.
///
/// Source: gevent's setting of that name.
pub fn max_memory_usage() -> Option<u64> {
    MEMORY_MAX.get()
}

/// Sets [`max_memory_usage`].
pub fn set_max_memory_usage(bytes: impl Into<Option<u64>>) {
    MEMORY_MAX.set(bytes.into());
}

/// The signal by which the monitoring thread finds out where a blocked thread is; `None` for any real-time signal that
/// the program does not use. gevent needs none: in Python, all threads can see each other's frames.
pub fn monitor_signal() -> Option<i32> {
    SIGNAL.get()
}

/// Sets [`monitor_signal`]. A signal for which the program has a handler, or which it ignores, is left alone: reports
/// have no backtraces then.
pub fn set_monitor_signal(signal: impl Into<Option<i32>>) {
    SIGNAL.set(signal.into());
}
