//! Events of the process that one can subscribe to. Source: gevent's `events.py`, and `zope.event`, on which it is
//! built.
//!
//! When something happens that may interest the operator of a program, the library makes an event, a value of one of
//! the types here, and calls the functions that have [subscribed](subscribe) to that type.
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use hub::events::{self, EventLoopBlocked};
//!
//! static BLOCKED: AtomicU32 = AtomicU32::new(0);
//! let _counts = events::subscribe(|event: &mut EventLoopBlocked| {
//!     BLOCKED.fetch_add(1, Ordering::Relaxed);
//!     event.info.push("Please call the operator.".into());
//! });
//! # assert_eq!(BLOCKED.load(Ordering::Relaxed), 0);
//! ```
//!
//! | event | when | thread |
//! |---|---|---|
//! | [`PeriodicMonitorThreadStartedEvent`] | a hub has started its monitoring thread | the hub's |
//! | [`EventLoopBlocked`] | a greenlet has kept the loop from running for too long | the monitoring thread |
//! | [`MemoryUsageThresholdExceeded`] | the process has more memory than allowed, and takes still more | the monitoring thread |
//! | [`MemoryUsageUnderThreshold`] | it has less again | the monitoring thread |
//!
//! Programs may have events of their own: any type will do, and [`notify`] delivers it.
//!
//! # In which thread
//!
//! Subscribers are called by the thread in which the event happens, before it goes on, as in gevent. A loop that is
//! blocked cannot tell anybody, so most events come from the monitoring thread: a function that subscribes is `Send`
//! and `Sync`. To have something done in the thread of a loop, it calls
//! [`run_callback_threadsafe`](crate::core::ThreadsafeLoop::run_callback_threadsafe) (of
//! [`MonitoredHub::loop_`](crate::monitor::MonitoredHub::loop_), for example). If it waits, the monitoring waits.
//!
//! # What is different from gevent
//!
//! - A subscriber names the type of its events. gevent's get all of them, or use `zope.event.classhandler`.
//! - A panic of a subscriber is printed, as any panic, and the other subscribers are called all the same. In gevent, an
//!   exception keeps the event from the others, and ends the monitoring thread.
//! - There are no events about patching, as nothing is patched.

mod monitor;
mod subscribers;

pub use monitor::{
    EventLoopBlocked, MemoryUsageThresholdExceeded, MemoryUsageUnderThreshold, PeriodicMonitorThreadStartedEvent,
};
pub use subscribers::{Subscription, notify, subscribe};
