//! [`Descriptor`]: what a file object can be made of.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Stderr, Stdin, Stdout};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::Arc;

/// What a file object can be made of.
///
/// | type | when the file object is closed |
/// |---|---|
/// | `OwnedFd`, and std's types that own a descriptor: `File`, `PipeReader`, `ChildStdout`, `UnixStream` and so on | the descriptor is closed |
/// | `Arc<OwnedFd>`, `Arc<File>` | nothing is closed while there are other handles: gevent's `closefd=False` |
/// | `BorrowedFd<'static>`, `Stdin`, `Stdout`, `Stderr` | nothing is closed |
pub trait Descriptor: sealed::Sealed {}

/// A descriptor that stays open as long as this exists.
pub(super) type Source = Arc<dyn sealed::Owner>;

/// The descriptor that is closed when this handle is dropped, if any.
pub(super) fn closes(source: &Source) -> Option<RawFd> {
    let closes = source.closes() && Arc::strong_count(source) == 1;
    closes.then(|| source.as_fd().as_raw_fd())
}

pub(super) mod sealed {
    pub trait Sealed {
        #[doc(hidden)]
        fn into_source(self) -> super::Source;
    }

    /// What the descriptor belongs to.
    pub trait Owner: std::os::fd::AsFd + Send + Sync {
        /// Whether the descriptor is closed when this is dropped.
        fn closes(&self) -> bool;
    }
}

macro_rules! descriptor {
    ($closes:literal: $($type:ty)*) => {$(
        impl sealed::Owner for $type {
            fn closes(&self) -> bool {
                $closes
            }
        }

        impl Descriptor for $type {}

        impl sealed::Sealed for $type {
            fn into_source(self) -> Source {
                Arc::new(self)
            }
        }
    )*};
}
descriptor!(true: OwnedFd File PipeReader PipeWriter ChildStdin ChildStdout ChildStderr TcpStream UnixStream);
descriptor!(false: BorrowedFd<'static> Stdin Stdout Stderr);

impl Descriptor for Arc<OwnedFd> {}

impl sealed::Sealed for Arc<OwnedFd> {
    fn into_source(self) -> Source {
        self
    }
}

impl Descriptor for Arc<File> {}

impl sealed::Sealed for Arc<File> {
    fn into_source(self) -> Source {
        self
    }
}
