//! Systems on which no snapshot can be taken.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::published::Published;

/// The signal by which snapshots are taken; here, there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSignal(());

impl WatchSignal {
    /// Would choose a signal.
    ///
    /// # Errors
    /// [`SnapshotError::Unsupported`].
    pub fn install(_: Option<i32>) -> Result<WatchSignal, SnapshotError> {
        Err(SnapshotError::Unsupported)
    }

    /// The number of the signal.
    pub fn number(self) -> i32 {
        0
    }
}

/// What a thread was doing at some moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The greenlet that ran.
    pub greenlet: Option<SeenGreenlet>,
    /// The addresses of the frames.
    pub addresses: Vec<usize>,
    /// Whether these are all frames of the stack.
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

/// Why there is no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// No snapshots can be taken on this system.
    #[error("no backtraces of other threads on this system")]
    Unsupported,
}

/// Nothing is needed.
#[derive(Default)]
pub(super) struct Probe;

impl Probe {
    pub(super) fn begin(&self) {}

    pub(super) fn take(&self, _: &Arc<Published>, _: WatchSignal, _: Duration) -> Result<Snapshot, SnapshotError> {
        Err(SnapshotError::Unsupported)
    }
}
