//! A virtual thread behaves as a thread. Each test runs in a thread of its own, which carries its virtual threads.

mod c_library;
mod ends;
mod gevents;
mod identity;
mod locals;
mod panics;
mod scoped;
mod std_sync;
mod waits;
