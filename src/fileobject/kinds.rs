//! The kinds of file objects: by the loop, by threads, or by what the descriptor is.

/// How a file object makes its calls: [`Posix`], [`Thread`] or [`ByKind`].
pub trait Kind: sealed::Sealed {}

/// A kind whose files may be polled, as the hub's loop waits for them: [`Posix`] and [`ByKind`]. See
/// [`Async`](crate::future::Async#files).
pub trait PolledKind: Kind {}

pub(super) mod sealed {
    pub trait Sealed: 'static {
        const NAME: &'static str;

        /// Whether threads make the calls; `None` if that depends on the descriptor.
        const THREADS: Option<bool>;
    }
}

/// The hub's loop waits for the descriptor. See [`FileObjectPosix`](super::FileObjectPosix).
#[derive(Debug, Clone, Copy)]
pub enum Posix {}

/// The threads of the hub's pool make the calls. See [`FileObjectThread`](super::FileObjectThread).
#[derive(Debug, Clone, Copy)]
pub enum Thread {}

/// Threads for regular files, block devices and directories, and the loop for all others. See
/// [`FileObject`](super::FileObject).
#[derive(Debug, Clone, Copy)]
pub enum ByKind {}

impl Kind for Posix {}

impl PolledKind for Posix {}

impl sealed::Sealed for Posix {
    const NAME: &'static str = "FileObjectPosix";
    const THREADS: Option<bool> = Some(false);
}

impl Kind for Thread {}

impl sealed::Sealed for Thread {
    const NAME: &'static str = "FileObjectThread";
    const THREADS: Option<bool> = Some(true);
}

impl Kind for ByKind {}

impl PolledKind for ByKind {}

impl sealed::Sealed for ByKind {
    const NAME: &'static str = "FileObject";
    const THREADS: Option<bool> = None;
}
