//! [`Frame`]: the name and the place of an address in the program.

use std::fmt;

/// One function of a backtrace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The return address into the function, or into the one that it is a part of by inlining.
    pub address: usize,
    /// The name, if it is known.
    pub function: Option<String>,
    /// The file, if it is known.
    pub file: Option<String>,
    /// The line in the file, if it is known.
    pub line: Option<u32>,
}

impl Frame {
    /// The functions that a return address is in: more than one if some were inlined, the innermost first. They have
    /// names with the feature `backtrace`, if the program was not stripped.
    #[cfg_attr(not(feature = "backtrace"), allow(unused_mut, reason = "nothing is found"))]
    pub fn of(address: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        #[cfg(feature = "backtrace")]
        reading::read(address, &mut frames);
        if frames.is_empty() {
            frames.push(Frame {
                address,
                function: None,
                file: None,
                line: None,
            });
        }
        frames
    }

    /// Whether the function is one of Rust's own library, whose sources have such paths.
    pub fn is_of_std(&self) -> bool {
        self.file
            .as_ref()
            .is_some_and(|file| file.starts_with("/rustc/") || file.contains("/rustlib/src/rust/"))
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => f.write_str(function)?,
            None => write!(f, "{:#x}", self.address)?,
        }
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " at {file}:{line}"),
            (Some(file), None) => write!(f, " at {file}"),
            (None, _) => Ok(()),
        }
    }
}

/// Reading symbols, one thread at a time.
#[cfg(feature = "backtrace")]
mod reading {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
    use std::thread;
    use std::time::Duration;

    use greenlet_core::direct;

    use super::Frame;

    /// The process in which a thread reads symbols; 0 if none does.
    static READER: AtomicU32 = AtomicU32::new(0);

    /// Says that a thread reads symbols.
    struct Reads;

    impl Reads {
        /// Waits until no other thread of this process does.
        ///
        /// The crate `backtrace` reads symbols under a lock of its own. If another thread had it when this process was
        /// forked, it is locked for ever in the child: then nobody reads symbols there.
        fn begin() -> Option<Reads> {
            let process = std::process::id();
            loop {
                match READER.compare_exchange(0, process, Acquire, Relaxed) {
                    Ok(_) => return Some(Reads),
                    Err(reader) if reader == process => direct(|| thread::sleep(Duration::from_millis(1))),
                    Err(_) => return None,
                }
            }
        }
    }

    impl Drop for Reads {
        fn drop(&mut self) {
            READER.store(0, Release);
        }
    }

    /// Adds what is known of an address to `frames`.
    pub(super) fn read(address: usize, frames: &mut Vec<Frame>) {
        let Some(_reads) = Reads::begin() else { return };
        backtrace::resolve(std::ptr::without_provenance_mut(address), |symbol| {
            frames.push(Frame {
                address,
                function: symbol.name().map(|name| format!("{name:#}")),
                file: symbol.filename().map(|file| file.display().to_string()),
                line: symbol.lineno(),
            });
        });
    }
}
