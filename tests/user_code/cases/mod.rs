//! The cases, by the modules whose places they are about.

mod event;
mod queue;
