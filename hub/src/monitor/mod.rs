//! A thread that watches a hub: which greenlet keeps its loop from running, and how much memory the process has.
//! Source: gevent's `_monitor.py` and `_tracer.py`.
//!
//! Nothing preempts a greenlet, so one that computes, or that calls something that blocks the thread, keeps all others
//! waiting. The loop cannot say so, as it does not run. So a thread of its own looks at the hub from time to time, and
//! reports a greenlet that has run for longer than [`max_blocking_time`](crate::config::max_blocking_time) without a
//! switch: which greenlet it is, where it was made, and where it is in its code. A hub that waits for events is not
//! blocked; nor is one in whose place another event loop of its thread waits, by an
//! [`OuterWait`](crate::core::OuterWait), until there is something to do for the hub.
//!
//! ```
//! use std::sync::mpsc;
//! use hub::{config, events, get_hub, sleep, spawn_raw};
//!
//! config::set_print_blocking_reports(false);
//! let (sender, reports) = mpsc::channel();
//! let _reports = events::subscribe(move |event: &mut events::EventLoopBlocked| {
//!     let _ = sender.send(event.clone());
//! });
//!
//! let monitor = get_hub().start_periodic_monitoring_thread()?;
//! let culprit = spawn_raw(move || {
//!     let report = reports.recv().expect("the monitor is there"); // This blocks the thread.
//!     println!("{}", report.info.join("\n"));
//!     report.greenlet.id
//! })?;
//! let id = culprit.id();
//! sleep(0.001)?;
//! monitor.kill();
//! # let _ = id;
//! # Ok::<(), greenlet_core::Exception>(())
//! ```
//!
//! A program turns it on for all hubs by [`set_monitor_thread`](crate::config::set_monitor_thread), or by
//! `GEVENT_MONITOR_THREAD_ENABLE=1` in the environment.
//!
//! # How it is done
//!
//! - The loop's thread stores the running greenlet's number at each switch; see
//!   [`ThreadWatch`](greenlet_core::ThreadWatch). It does so in any case, so watching a thread costs it nothing more.
//! - The backtrace of a thread that is blocked is taken by a signal to that thread: a free real-time signal, or
//!   [`monitor_signal`](crate::config::monitor_signal). The handler only copies registers and stack; the rest is done
//!   in the monitoring thread. As any signal, it ends `nanosleep`, `poll` or `epoll_wait` with `EINTR`, although the
//!   handler has `SA_RESTART`: the standard library repeats them, C code may not. It is sent only to a thread that has
//!   been blocked for too long.
//! - The names in a backtrace come from the debug information and the symbols of the program, which are read when they
//!   are first needed. A program that was stripped has addresses only.
//!
//! # What is different from gevent
//!
//! - The monitoring thread cannot look into the hub, which belongs to its thread. A monitoring function gets a
//!   [`MonitoredHub`], which knows what any thread may know.
//! - A report has the time for which the greenlet was seen, and no tree of the other greenlets.
//! - If a monitoring function panics, the monitoring goes on.
//! - The monitoring thread is started by
//!   [`start_periodic_monitoring_thread`](crate::Hub::start_periodic_monitoring_thread) also if
//!   [`monitor_thread`](crate::config::monitor_thread) is off, as gevent's documentation says.
//!
//! # Rooms
//!
//! | file | job |
//! |---|---|
//! | `thread.rs` | [`PeriodicMonitoringThread`]: the thread and its functions |
//! | `functions.rs` | [`MonitoringEntry`]: what is to be called, and when |
//! | `blocking.rs` | noticing a blocked loop, and the report |
//! | `frames.rs` | [`Frame`]: the name and the place of an address |
//! | `memory.rs` | the memory of the process |
//! | `hub.rs` | [`MonitoredHub`]; starting and ending the thread with its hub |

mod blocking;
mod frames;
mod functions;
mod hub;
mod memory;
mod thread;

pub use blocking::BlockingGreenlet;
pub use frames::Frame;
pub use functions::{InvalidPeriod, MonitoringEntry, MonitoringFunction};
pub use hub::MonitoredHub;
pub(crate) use hub::{MonitorSlot, Stream};
pub use memory::MemoryInfo;
pub use thread::PeriodicMonitoringThread;
pub(crate) use thread::is_monitoring_thread;
