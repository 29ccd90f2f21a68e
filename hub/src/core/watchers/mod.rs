//! The room of the watchers: what all have in common, then a file for each type.
//!
//! A [`Watcher`](watcher::Watcher), to which the types dereference, is a handle of a [`Body`](body::Body): libev's
//! struct, at an address that does not change, with what we know about it. [`BodyRef`](body_ref::BodyRef) counts
//! handles, and starts and stops. What it calls is a [`Handler`](handler::Handler), kept in place by
//! [`SmallFn`](small_fn::SmallFn); [`Word`](handler::Word) says in one load whether a start or a stop is all there is
//! to do.
//!
//! libev calls `trampoline.rs`, which borrows nothing while the handler runs: the handler may stop, change and drop its
//! own watcher. Only `body.rs`, `body_ref.rs` and the types' own files call libev, each for its own kind of watcher,
//! and only on a loop that has said that it is alive.

pub(in crate::core) mod async_;
pub(in crate::core) mod body;
pub(in crate::core) mod body_ref;
pub(in crate::core) mod child;
pub(in crate::core) mod cleanup;
pub(in crate::core) mod embed;
pub(in crate::core) mod events;
pub(in crate::core) mod handler;
pub(in crate::core) mod io;
pub(in crate::core) mod look_ahead;
pub(in crate::core) mod periodic;
pub(in crate::core) mod phases;
pub(in crate::core) mod signal;
pub(in crate::core) mod small_fn;
pub(in crate::core) mod stat;
pub(in crate::core) mod timer;
pub(in crate::core) mod trampoline;
pub(in crate::core) mod watcher;
