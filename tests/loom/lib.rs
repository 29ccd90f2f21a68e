//! The states of a `block_on`, [`state::WakeState`], in every order in which threads can use them: loom runs each model
//! again and again, and lets each load see every value that the memory model allows. Two or three threads are enough
//! for that, and as many as it can do.
//!
//! A model that loses a wake-up never ends, which loom reports as a deadlock.

#![cfg(test)]

/// What the library has here: std's.
mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU8, Ordering};
}

#[path = "../../src/future/state.rs"]
mod state;

mod models;
