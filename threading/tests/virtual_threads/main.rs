//! A virtual thread behaves as a thread. Each test runs in a thread of its own, which carries its virtual threads.
//! `refused.rs` has what is tested where there are none.

#![cfg(virtual_threads)]

mod as_in_threads;
mod c_code;
mod c_library;
mod ends;
mod faults;
mod gevents;
mod identity;
mod locals;
mod on_carrier;
mod panics;
mod reuse;
mod scoped;
mod stack;
mod std_sync;
mod supported;
mod waits;
