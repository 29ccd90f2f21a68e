//! What other threads may know of this thread's greenlets: which of them runs, and where it is in its code.
//!
//! | file | job |
//! |---|---|
//! | `published.rs` | [`ThreadWatch`]: whether greenlets switch, read by other threads from one atomic number |
//! | `seen.rs` | [`Snapshot`]: where the running greenlet is |
//! | `snapshot.rs` | taking one, by a signal |
//! | `signal.rs` | [`WatchSignal`]: the signal, and its handler |
//! | `machine.rs` | what is different on each processor |
//! | `walk.rs` | finding the frames in a copy of a stack |
//! | `elsewhere.rs` | systems without snapshots |
//!
//! # The number
//!
//! Each switch stores the id of the greenlet that runs from then on: one store into memory that the thread has for
//! itself nearly always. It is not made conditional, because a test would cost as much. Whoever watches marks the
//! number. If the mark is still there later, nothing has switched in between, however often greenlets have switched
//! before. So nobody counts, and nobody reads a clock.
//!
//! # The snapshot
//!
//! Only the thread itself can say where it is in its code, and it does so in a signal handler, at any point: inside of
//! `malloc`, with locks held, near the end of its stack. So the handler runs on the alternate stack, takes no lock,
//! allocates nothing and calls nothing. It copies the registers and the upper part of the stack into memory that was
//! made ready before, and returns. The thread that wants to know then looks for the frames in that copy, with the
//! unwind tables of the program and its libraries, and has all the time and the locks that it needs for that.
//!
//! An unwinder inside of the handler would be shorter code, but the system's may take the loader's lock, or allocate
//! when it is used for the first time. Following frame pointers would be safe, but neither the C library nor Rust's
//! standard library is built with them.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod machine;
mod published;
mod seen;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod signal;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod snapshot;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod walk;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod elsewhere;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
use elsewhere as signal;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
use elsewhere as snapshot;

pub(crate) use published::Published;
pub use published::{Running, ThreadWatch, ignore_running, watch_running};
pub use seen::{SeenGreenlet, Snapshot, SnapshotError};
pub use signal::WatchSignal;
