//! The room of the watchers: the parts that all watchers have in common, then a file for each type.
//!
//! A [`Watcher`](watcher::Watcher), to which the types dereference, is a handle of a [`Body`](body::Body): libev's
//! struct, at an address that does not change, with our own data about it. [`BodyRef`](body_ref::BodyRef) counts the
//! handles, and starts and stops the watcher. A watcher calls its [`Handler`](handler::Handler), which
//! [`SmallFn`](small_fn::SmallFn) keeps without a box; [`Word`](handler::Word) tells in one load whether a start or a
//! stop is no more than a call of libev's.
//!
//! libev calls `trampoline.rs`, which holds no borrow while the handler runs: the handler may stop, change and drop its
//! own watcher. Only `body.rs`, `body_ref.rs`, `watcher.rs` and the types' own files call libev, and only on a loop
//! that [`Loop`](crate::core::Loop) has just found alive. `last_resort.rs` stands in the place of libev's signal
//! handler.

pub(in crate::core) mod async_;
pub(in crate::core) mod body;
pub(in crate::core) mod body_ref;
pub(in crate::core) mod child;
pub(in crate::core) mod cleanup;
pub(in crate::core) mod embed;
pub(in crate::core) mod events;
pub(in crate::core) mod handler;
pub(in crate::core) mod io;
pub(in crate::core) mod last_resort;
pub(in crate::core) mod look_ahead;
pub(in crate::core) mod periodic;
pub(in crate::core) mod phases;
pub(in crate::core) mod signal;
pub(in crate::core) mod signal_action;
pub(in crate::core) mod small_fn;
pub(in crate::core) mod stat;
pub(in crate::core) mod timer;
pub(in crate::core) mod trampoline;
pub(in crate::core) mod watcher;
