//! TODO

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
