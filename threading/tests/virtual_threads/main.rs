//! A virtual thread behaves as a thread. Each test runs in a thread of its own, which carries its virtual threads.
//! `refused.rs` has what is tested where there are none.

#![cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    not(target_feature = "crt-static")
))]

mod as_in_threads;
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
