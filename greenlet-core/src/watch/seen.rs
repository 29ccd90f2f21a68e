//! [`Snapshot`]: where a thread is, as another thread has seen it.

use std::panic::Location;

/// What a thread was doing at some moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The greenlet that ran; `None` if the thread was [asked to look away](super::ignore_running) from it.
    pub greenlet: Option<SeenGreenlet>,
    /// The addresses of the frames, the innermost first, as return addresses: each is that of the instruction after
    /// the one that is meant.
    pub addresses: Vec<usize>,
    /// Whether these are all frames of the stack. They are not if more than 128 KiB of it are in use, if the thread is
    /// on a stack that nobody knows, such as that of a signal handler, or if the unwind tables do not tell more.
    pub complete: bool,
}

/// A greenlet that other threads have seen at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenGreenlet {
    /// See [`RawGreenlet::id`](crate::RawGreenlet::id).
    pub id: u64,
    /// See [`RawGreenlet::made_at`](crate::RawGreenlet::made_at).
    pub made_at: &'static Location<'static>,
    /// See [`RawGreenlet::parked_at`](crate::RawGreenlet::parked_at).
    pub parked_at: &'static Location<'static>,
}

/// Why there is no [`Snapshot`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The thread has not answered in time: it has blocked the signal, got no processor, or has ended.
    #[error("the thread does not answer")]
    NoAnswer,
    /// Another thread takes a snapshot just now.
    #[error("another snapshot of this thread is being taken")]
    Busy,
    /// The signal is not ours, and is left alone.
    #[error("the program has signal {signal} for itself, or there is no such signal")]
    SignalTaken {
        /// The signal's number.
        signal: i32,
    },
    /// No snapshots can be taken on this system.
    #[error("no backtraces of other threads on this system")]
    Unsupported,
}
