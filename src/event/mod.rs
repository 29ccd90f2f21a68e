//! [`Event`], a flag that greenlets wait for, and [`AsyncResult`], a value that they wait for. Source: gevent's
//! `event.py`.
//!
//! ```
//! use gevent::event::AsyncResult;
//! use gevent::prelude::*;
//!
//! let answer = AsyncResult::new();
//! let waiting = spawn({
//!     let answer = answer.clone();
//!     move || answer.get()
//! });
//! answer.set(42);
//! assert_eq!(waiting.get()?, 42);
//! # Ok::<(), Exception>(())
//! ```
//!
//! Both belong to one thread. [`threadsafe::Event`](crate::threadsafe::Event) and
//! [`threadsafe::AsyncResult`](crate::threadsafe::AsyncResult) are for several threads.

mod async_result;
#[allow(clippy::module_inception, reason = "the file of the type of that name")]
mod event;
mod shown;

pub use async_result::AsyncResult;
pub use event::Event;
