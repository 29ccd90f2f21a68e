//! Settings of the whole process. Source: gevent's `_config.py`.
//!
//! ```
//! hub::config::set_libev_backend("poll")?;
//! hub::config::set_threadpool_idle_task_timeout(30)?;
//! assert_eq!(hub::get_hub().loop_().backend()?, "poll");
//! # Ok::<(), greenlet_core::Exception>(())
//! ```
//!
//! | setting | environment | if neither is set |
//! |---|---|---|
//! | [`libev_backend`] | `GEVENT_BACKEND` | libev's choice |
//! | [`threadpool_idle_task_timeout`] | `GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT` | 5 seconds |
//! | [`track_greenlet_tree`] | `GEVENT_TRACK_GREENLET_TREE` | true |
//! | [`monitor_thread`] | `GEVENT_MONITOR_THREAD_ENABLE` | off |
//! | [`max_blocking_time`] | `GEVENT_MAX_BLOCKING_TIME` | 0.1 seconds |
//! | [`print_blocking_reports`] | `GEVENT_MONITOR_PRINT_BLOCKING_REPORTS` | on |
//! | [`memory_monitor_period`] | `GEVENT_MONITOR_MEMORY_PERIOD` | 5 seconds |
//! | [`max_memory_usage`] | `GEVENT_MONITOR_MEMORY_MAX`, with `kb`, `mb` or `gb` | none |
//! | [`monitor_signal`] | `GEVENT_MONITOR_SIGNAL` | any that is free |
//!
//! The environment is looked at when a setting is first asked for. gevent's other settings are not here: the
//! facade has that of the resolver (`gevent::resolver`), and there is only one kind of loop and thread pool. (The size
//! of stacks is set by `greenlet_core::StackSize`, or `GREENLET_STACK_SIZE`.)

mod monitoring;

use std::env;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};

pub use monitoring::{
    max_blocking_time, max_memory_usage, memory_monitor_period, monitor_signal, monitor_thread, print_blocking_reports,
    set_max_blocking_time, set_max_memory_usage, set_memory_monitor_period, set_monitor_signal, set_monitor_thread,
    set_print_blocking_reports,
};

use crate::core::{Error, ForkMutex, IntoFlags, InvalidFlag, LoopFlags};
use crate::exceptions::InvalidSeconds;
use crate::seconds::Seconds;

const BACKEND: &str = "GEVENT_BACKEND";
const IDLE_TIMEOUT: &str = "GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT";
const TRACK_TREE: &str = "GEVENT_TRACK_GREENLET_TREE";

static LIBEV_BACKEND: ForkMutex<Option<LoopFlags>> = ForkMutex::new(None);

/// The flags that hubs make their loops with; see [`set_libev_backend`].
///
/// # Errors
/// [`InvalidFlag`] if the environment has a name that is neither a backend's nor a flag's.
pub fn libev_backend() -> Result<LoopFlags, InvalidFlag> {
    let mut known = LIBEV_BACKEND.lock();
    match *known {
        Some(flags) => Ok(flags),
        None => {
            let flags = env::var(BACKEND).unwrap_or_default().into_flags()?;
            Ok(*known.insert(flags))
        }
    }
}

/// Sets the flags of the loops of hubs that are made from now on: usually a backend.
///
/// ```
/// hub::config::set_libev_backend("poll")?;
/// assert_eq!(hub::get_hub().loop_().backend()?, "poll");
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
///
/// # Errors
/// [`InvalidFlag`] if a name is neither a backend's nor a flag's;
/// [`UnsupportedBackend`](crate::core::UnsupportedBackend) if the backend is not supported here.
pub fn set_libev_backend(flags: impl IntoFlags) -> Result<(), Error> {
    let flags = flags.into_flags()?.check()?;
    *LIBEV_BACKEND.lock() = Some(flags);
    Ok(())
}

/// The outer option is `None` until the setting is asked for or set; the inner one is `None` for no limit.
static THREADPOOL_IDLE_TASK_TIMEOUT: ForkMutex<Option<Option<f64>>> = ForkMutex::new(None);

/// The number of seconds without a task after which a thread of a hub's own pool ends; `None` means never.
pub fn threadpool_idle_task_timeout() -> Option<f64> {
    let known = *THREADPOOL_IDLE_TASK_TIMEOUT.lock();
    known.unwrap_or_else(|| {
        // This is done without the lock, because it may print to stderr, which may keep this thread waiting.
        let timeout = idle_timeout_of_environment();
        *THREADPOOL_IDLE_TASK_TIMEOUT.lock().get_or_insert(timeout)
    })
}

fn idle_timeout_of_environment() -> Option<f64> {
    let default = Some(5.0);
    match env::var(IDLE_TIMEOUT) {
        Err(_) => default,
        Ok(text) => match text.trim().parse() {
            Ok(seconds) if !f64::is_nan(seconds) => unless_negative(seconds),
            _ => {
                complain(IDLE_TIMEOUT, &text, "not a number");
                default
            }
        },
    }
}

/// Says that a variable of the environment is of no use.
fn complain(variable: &str, text: &str, why: &str) {
    let _ = writeln!(io::stderr(), "gevent: {variable}={text}: {why}");
}

/// Sets the [`threadpool_idle_task_timeout`] of pools that are made from now on. A negative time and `None` mean never.
///
/// # Errors
/// [`InvalidSeconds`] if the time is NaN.
pub fn set_threadpool_idle_task_timeout(seconds: impl Seconds) -> Result<(), InvalidSeconds> {
    let seconds = seconds.checked()?.and_then(unless_negative);
    *THREADPOOL_IDLE_TASK_TIMEOUT.lock() = Some(seconds);
    Ok(())
}

fn unless_negative(seconds: f64) -> Option<f64> {
    (seconds >= 0.0).then_some(seconds)
}

/// A setting that is on or off, and that is asked for often: reading it takes one load.
struct Switch {
    state: AtomicU8,
    variable: &'static str,
    default: bool,
}

const UNKNOWN: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

impl Switch {
    const fn new(variable: &'static str, default: bool) -> Self {
        Switch {
            state: AtomicU8::new(UNKNOWN),
            variable,
            default,
        }
    }

    #[inline]
    fn is_on(&self) -> bool {
        match self.state.load(Ordering::Relaxed) {
            UNKNOWN => self.first(),
            state => state == ON,
        }
    }

    fn set(&self, on: bool) {
        self.state.store(if on { ON } else { OFF }, Ordering::Relaxed);
    }

    /// Looks at the environment. If another thread has set the setting meanwhile, that holds.
    #[cold]
    fn first(&self) -> bool {
        let on = match env::var(self.variable) {
            Err(_) => self.default,
            // gevent knows these words.
            Ok(text) => match text.trim().to_ascii_lowercase().as_str() {
                "1" | "on" | "yes" | "true" => true,
                "0" | "off" | "no" | "false" | "" => false,
                _ => {
                    let variable = self.variable;
                    let _ = writeln!(io::stderr(), "gevent: {variable}={text}: neither true nor false");
                    self.default
                }
            },
        };
        let state = if on { ON } else { OFF };
        let known = self
            .state
            .compare_exchange(UNKNOWN, state, Ordering::Relaxed, Ordering::Relaxed);
        known.map_or_else(|set| set == ON, |_| on)
    }
}

static TRACK_GREENLET_TREE: Switch = Switch::new(TRACK_TREE, true);

/// Whether greenlets know who has spawned them, in which tree they are, and when they were made: the facade's
/// `spawning_greenlet`, `spawn_tree_locals` and `age`, which `gevent::util` prints.
#[inline]
pub fn track_greenlet_tree() -> bool {
    TRACK_GREENLET_TREE.is_on()
}

/// Sets [`track_greenlet_tree`], for greenlets that are spawned from now on.
///
/// ```
/// hub::config::set_track_greenlet_tree(false);
/// assert!(!hub::config::track_greenlet_tree());
/// ```
pub fn set_track_greenlet_tree(track: bool) {
    TRACK_GREENLET_TREE.set(track);
}
