//! gevent for Rust: plain blocking code, a million greenlets of it on one thread, on libev.
//!
//! A greenlet is a function with a stack of its own. Whenever it would block, it is parked, and
//! the [hub], a greenlet that runs a libev loop, continues the others. Names and meaning are
//! those of Python's gevent; every module is the counterpart of the gevent module of its name.
//!
//! ```
//! let greenlets: Vec<_> = (0..3)
//!     .map(|i| {
//!         gevent::spawn(move || {
//!             gevent::sleep(0.01 * f64::from(3 - i))?;
//!             Ok(i * i)
//!         })
//!     })
//!     .collect();
//! gevent::joinall(&greenlets, None)?;
//! let squares: Result<Vec<_>, _> = greenlets.iter().map(|g| g.get()).collect();
//! assert_eq!(squares?, [0, 1, 4]);
//! # Ok::<(), gevent::Exception>(())
//! ```

#![deny(unsafe_code)]

pub mod abstract_linkable;
mod baseserver;
pub mod event;
pub mod exceptions;
pub mod greenlet;
pub mod guide;
pub mod local;
pub mod lock;
mod outcome;
pub mod pool;
pub mod prelude;
pub mod queue;
mod resolver;
mod run;
mod scope;
pub mod server;
pub mod socket;
mod thread_bound;
pub mod threadpool;
pub mod threadsafe;
pub mod timeout;

pub use greenlet_core;
pub use greenlet_core::{
    ExcInfo, Exception, GreenletExit, Object, Raised, RawGreenlet, Value, getcurrent,
};
pub use hub;
pub use hub::config;
pub use hub::core;
pub use hub::core::{getswitchinterval, setswitchinterval};
pub use hub::signal as signal_handler;
pub use hub::{
    Context, Hub, Link, LinkKind, Linkable, Seconds, SignalHandler, get_hub, idle, iwait,
    mask_kill, reinit, signal, sleep, sleep_with_ref, wait,
};

pub use greenlet::{
    AnyGreenlet, AsGreenlet, Greenlet, JoinAll, Kill, Killable, joinall, joinall_with, kill,
    killall, killall_with, spawn, spawn_later, spawn_raw,
};
pub use outcome::{Outcome, Plain, io};
pub use run::{run, run_in_thread};
pub use scope::{Scope, ScopeCancelled, ScopedGreenlet, scope};
pub use thread_bound::{IntoInnerError, ThreadBound};
pub use timeout::{Timeout, TimeoutError, with_timeout};
