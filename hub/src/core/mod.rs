//! gevent's `core` module: libev's event loop and its watchers, safe to use.
//!
//! A [`Loop`] waits for events; a [`Watcher`] says for which, and what to call. Everything has gevent's name and
//! meaning (corecext.pyx, callbacks.c), and libev's where gevent has none ([`Periodic`], [`Embed`], [`Cleanup`]).
//!
//! ```
//! use hub::core::Loop;
//!
//! let loop_ = Loop::new((), false)?;
//! let timer = loop_.timer(0.001)?;
//! timer.start(|| println!("timer"))?;
//! loop_.run_callback(|| println!("first"))?;
//! loop_.run()?;
//! # Ok::<(), hub::core::Error>(())
//! ```
//!
//! # What is different from gevent
//!
//! - Keyword arguments are methods: `timer(0.1, ref=False)` is `timer(0.1)?.with_ref(false)?`.
//! - Watchers are not subclasses but dereference to [`Watcher`].
//! - Callbacks take no arguments: they are closures.
//! - No call reaches an assertion or an abort in libev: it returns an [`Error`] instead.
//! - [`OwnChild`] is a watcher of one child that reaps no other, on any loop. gevent has libev's [`Child`] only.
//! - A loop may be destroyed from inside a callback, and other threads may hold handles to it that outlive it.
//!
//! # What a callback may do
//!
//! A callback may do anything: see [`Watcher`]. In particular it may switch to another greenlet, which is how a hub
//! wakes a waiter; the run stays suspended until somebody switches back. Only the functions given to
//! [`Loop::periodic_reschedule`], [`Loop::set_loop_release_cb`] and [`set_syserr_cb`] are restricted.
//!
//! # Rooms
//!
//! | folder | what lives there |
//! |---|---|
//! | `event_loop/` | [`Loop`]: making, running and ending it, and libev's loop below it |
//! | `callbacks/` | `run_callback`: the queue of callbacks, the rounds that run it, callbacks of other threads |
//! | `children/` | [`OwnChild`]: children that are reaped one by one; [`waitpid`] and [`AnyChild`] beside it |
//! | `watchers/` | the parts that all watchers have in common, then a file per type |
//!
//! `error.rs` has the errors of all of them. Each room's `mod.rs` says which of its files may call libev.

mod callbacks;
mod children;
mod error;
mod event_loop;
mod watchers;

pub(crate) use event_loop::c_frames::complain;
#[doc(hidden)]
pub use event_loop::forking::ForkMutex;
pub(crate) use watchers::last_resort::{LastResort, end_process_by};

pub use callbacks::callback::{Callback, GreenletFn, Notify, NotifyThreadsafe, ThreadsafeCallback};
pub use callbacks::outcome::{CallbackResult, Outcome, Plain};
pub use callbacks::run_callbacks::{getswitchinterval, setswitchinterval};
pub use callbacks::threadsafe::ThreadsafeLoop;
pub use children::{AnyChild, OwnChild, waitpid};
#[doc(hidden)]
pub use children::{wait4, waitid};
pub use error::{
    BadFd, CannotCreateLoop, CannotWatchChild, DefaultLoopInUse, Error, HubDestroyed, IllegalEvents, IllegalPath,
    IllegalSignal, IllegalTime, InvalidFlag, LoopDestroyed, NoInternals, NotDefaultLoop, NotEmbeddable, RefUnderflow,
    SignalInUse, StatusUnknown, Uninterruptible, UnsupportedBackend, WatcherInUse,
};
pub use event_loop::flags::{IntoFlags, LoopFlags};
pub use event_loop::hooks::LoopRelease;
pub use event_loop::info::{
    WatcherCount, embeddable_backends, get_header_version, get_version, recommended_backends, supported_backends, time,
};
pub use event_loop::loop_::{Break, ErrorHandler, Loop, Run};
pub use event_loop::outer_wait::OuterWait;
pub use event_loop::syserr::{SyserrCallback, SystemError, set_syserr_cb};
pub use watchers::async_::{Async, AsyncClosed, AsyncSender};
pub use watchers::child::Child;
pub use watchers::cleanup::Cleanup;
pub use watchers::embed::Embed;
pub use watchers::events::Events;
pub use watchers::io::Io;
pub use watchers::periodic::Periodic;
pub use watchers::phases::{Check, Fork, Idle, Prepare};
pub use watchers::signal::Signal;
pub use watchers::signal_action::{SignalAction, set_signal_action, signal_action};
pub use watchers::stat::Stat;
pub use watchers::timer::Timer;
pub use watchers::watcher::Watcher;

/// The lowest priority of a watcher.
pub const MINPRI: i32 = libev_sys::EV_MINPRI;
/// The highest priority of a watcher.
pub const MAXPRI: i32 = libev_sys::EV_MAXPRI;
