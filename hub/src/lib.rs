//! gevent.core and gevent.hub: a libev loop, and the greenlet that runs it.
//!
//! A [`Hub`] runs a [`Loop`](core::Loop) in a greenlet of its own. A greenlet that waits switches to it, and it
//! switches to those that can go on.
//!
//! ```
//! use hub::{get_hub, sleep, spawn_raw};
//!
//! let hub = get_hub();
//! spawn_raw(|| {
//!     sleep(0.001)?; // parks this greenlet; the hub runs whatever else there is
//!     println!("second");
//!     Ok(())
//! })?;
//! println!("first");
//! hub.join()?; // until nothing is left to wait for
//! # Ok::<(), greenlet_core::Exception>(())
//! ```
//!
//! # Rooms
//!
//! | here | gevent | job |
//! |---|---|---|
//! | [`core`] | `gevent.core`, `libev/corecext.pyx` | the loop and its watchers |
//! | `hub/` | `hub.py` | [`Hub`]: runs the loop, switch, join, destroy |
//! | `errors.rs` | `hub.py` | [`Hub::handle_error`]: errors that nothing else handles |
//! | `exception_stream.rs` | `hub.py` | [`ExceptionStream`]: where such errors are printed |
//! | `context.rs` | `hub.py` | [`Context`]: the thing that has failed |
//! | `wait.rs`, `wait_fd.rs` | `_hub_primitives.py` | waiting for watchers and descriptors |
//! | `linkable.rs`, `iwait.rs` | `_hub_primitives.py` | [`Linkable`] objects, their links, and waiting for several |
//! | `sleep.rs` | `hub.py` | [`sleep`], [`idle`], [`kill`], [`spawn_raw`] |
//! | `local.rs` | `_hub_local.py` | the hub of this thread |
//! | `signal.rs` | `hub.py` | [`watch_signal`], [`keyboard_interrupt`] |
//! | `run.rs`, `run_main.rs` | | [`run`]: ends a thread's greenlets; [`run_main`]: and the process |
//! | [`monitor`] | `_monitor.py`, `_tracer.py` | a thread that notices a blocked loop and too much memory |
//! | [`events`] | `events.py` | events that one can subscribe to |
//! | [`config`] | `_config.py` | settings of the process |
//! | `exceptions.rs` | `exceptions.py` | the hub's exceptions |
//! | `row.rs` | | [`Row`]: the waiters of an object, in order, from which any can leave in few steps |
//! | `seconds.rs`, `timers.rs`, `time_limit.rs` | | arguments that are times; timers to sleep with; limits of waits |
//! | `turn.rs`, `mask.rs` | | turns for other greenlets; kills that are held back |

pub mod config;
mod context;
pub mod core;
mod errors;
pub mod events;
mod exception_stream;
pub mod exceptions;
#[allow(clippy::module_inception)]
mod hub;
mod index;
mod iwait;
mod link_source;
mod linkable;
mod local;
mod mask;
pub mod monitor;
mod pace;
mod row;
mod run;
mod run_main;
mod seconds;
mod signal;
mod sleep;
mod switch_out;
mod time_limit;
mod timers;
mod turn;
mod wait;
mod wait_fd;
mod weak_list;

pub use context::Context;
pub use exception_stream::ExceptionStream;
pub use greenlet_core::{Object, Slack};
pub use hub::Hub;
pub use iwait::{Wait, WaitIterator, iwait, iwait_timeout, iwait_with, wait, wait_timeout, wait_with};
pub use link_source::{AsLink, LinkResult, LinkSource};
pub use linkable::{Link, LinkKind, Linkable, Links};
pub use local::{
    NewHubHook, get_hub, get_hub_if_exists, has_hub, hub_to_wait_in, reinit, set_hub, set_new_hub_hook, try_get_hub,
};
pub use mask::{mask_kill, throw_unless_masked};
pub use row::{Row, Ticketed};
pub use run::run;
pub use run_main::run_main;
pub use seconds::Seconds;
pub use signal::{SignalHandler, keyboard_interrupt, raise_in_main, watch_signal};
pub use sleep::{idle, kill, sleep, sleep_with_ref, spawn_raw, spawn_raw_with};
pub use switch_out::set_switch_out;
pub use time_limit::TimeLimit;
pub use timers::HubTimer;
pub use turn::Stint;
pub use wait_fd::{TimedOut, WaitTimeout, wait_on_watcher, wait_read, wait_readwrite, wait_write};
pub use waiter::{MultipleWaiter, Park, Resume, Source, WaitHub, Waiter};
pub use weak_list::WeakList;

/// The example of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
