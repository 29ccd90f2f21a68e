//! Systems on which no snapshot can be taken.

use std::time::Duration;

use super::published::Published;
use super::seen::{Snapshot, SnapshotError};

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

/// Nothing is needed.
#[derive(Default)]
pub(super) struct Probe;

impl Probe {
    pub(super) fn begin(&self) {}

    pub(super) fn take(&self, _: &Published, _: WatchSignal, _: Duration) -> Result<Snapshot, SnapshotError> {
        Err(SnapshotError::Unsupported)
    }
}
