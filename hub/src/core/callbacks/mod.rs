//! TODO

pub(in crate::core) mod callback;
pub(in crate::core) mod mailbox;
pub(in crate::core) mod outcome;
pub(in crate::core) mod queue;
pub(in crate::core) mod run_callbacks;
pub(in crate::core) mod start;
pub(in crate::core) mod threadsafe;
