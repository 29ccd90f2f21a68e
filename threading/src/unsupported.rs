//! [`Unsupported`]: why there are no virtual threads here.

use std::{fmt, io};

/// Why there can be no virtual threads in this process. What they need of the C library is looked for and tried out
/// when the first one is made.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// They are made for Linux with glibc, on x86-64 and aarch64.
    #[error("there are virtual threads only on Linux with glibc, on x86-64 and aarch64")]
    Platform,
    /// The C library is linked statically (`crt-static`). What is needed of it can be found in a shared one only.
    #[error("there are virtual threads only with a C library that is linked dynamically")]
    Static,
    /// The processor, or the kernel, does not let programs change their thread pointer. On x86-64 it takes `FSGSBASE`,
    /// and Linux 5.9; on aarch64 all programs may.
    #[error("the system does not let programs change their thread pointer (FSGSBASE)")]
    ThreadPointer,
    /// The C library does not have a function or a table of this name: it is too old.
    #[error("the C library has no {0}")]
    Symbol(&'static str),
    /// Something in the C library's data is not where it was expected.
    #[error("the C library's threads are not as expected: {0}")]
    Layout(&'static str),
    /// A first virtual thread did not behave as a thread.
    #[error("a virtual thread is not as a thread here: {0}")]
    SelfTest(&'static str),
    /// Another part of the program, as a sanitizer, keeps what it knows of threads by the thread pointer.
    #[error("virtual threads cannot be used under {0}")]
    Tool(&'static str),
}

/// Says it in words, too: `main` prints the error that it returns in this way.
impl fmt::Debug for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsupported({self})")
    }
}

impl From<Unsupported> for io::Error {
    fn from(unsupported: Unsupported) -> io::Error {
        io::Error::new(io::ErrorKind::Unsupported, unsupported)
    }
}
