//! [`Backtrace`]: the functions that a greenlet is in, with their names and places if the feature `backtrace` is on.

use std::collections::HashMap;
use std::fmt;

use greenlet_core::RawGreenlet;

/// So many frames are looked at. A deeper stack is cut off at its outer end.
const FRAMES: usize = 256;

/// The functions that a greenlet is in: for one that is parked, those from which it will go on. Only addresses are
/// collected; names are looked up when it is printed, which takes much longer.
///
/// ```
/// use gevent::util::Backtrace;
///
/// let greenlet = gevent::spawn(|| gevent::sleep(1));
/// assert!(Backtrace::of(greenlet.raw()).is_empty()); // it has not begun
/// gevent::sleep(0)?;
/// println!("{}", Backtrace::of(greenlet.raw()));
/// # assert!(Backtrace::of(greenlet.raw()).addresses().len() > 2);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// When it is printed, frames of Rust's own library are left out; [`frames`](Backtrace::frames) has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backtrace {
    addresses: Vec<usize>,
}

impl Backtrace {
    /// The backtrace of a greenlet of this thread. That of the current greenlet begins with this function's caller.
    #[inline(never)]
    pub fn of(greenlet: &RawGreenlet) -> Backtrace {
        let mut addresses = vec![0; FRAMES];
        let found = greenlet.backtrace(&mut addresses);
        addresses.truncate(found);
        // This function's own frame.
        if greenlet == &greenlet_core::getcurrent() && !addresses.is_empty() {
            addresses.remove(0);
        }
        Backtrace { addresses }
    }

    /// The return addresses, the innermost first.
    pub fn addresses(&self) -> &[usize] {
        &self.addresses
    }

    /// Whether nothing is known: the greenlet has not begun, or is dead.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// All frames with their names, the innermost first. A function that was inlined is a frame, too.
    pub fn frames(&self) -> Vec<Frame> {
        self.addresses.iter().flat_map(|address| resolve(*address)).collect()
    }
}

/// Made of return addresses, the innermost first: those of another thread, for example.
impl From<Vec<usize>> for Backtrace {
    fn from(addresses: Vec<usize>) -> Self {
        Backtrace { addresses }
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = Symbols::default().lines(self, usize::MAX);
        f.write_str(&lines.join("\n"))
    }
}

/// One function of a [`Backtrace`].
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
    /// Whether the function is one of Rust's own library, whose sources have such paths.
    fn is_of_std(&self) -> bool {
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

/// Names that were looked up already: many greenlets wait in the same functions.
#[derive(Default)]
pub(super) struct Symbols(HashMap<usize, Vec<String>>);

impl Symbols {
    /// The lines of a backtrace without Rust's own library, at most `limit`.
    pub(super) fn lines(&mut self, backtrace: &Backtrace, limit: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for address in &backtrace.addresses {
            if lines.len() >= limit {
                break;
            }
            let known = self.0.entry(*address).or_insert_with(|| {
                let frames = resolve(*address).into_iter();
                frames
                    .filter(|frame| !frame.is_of_std())
                    .map(|frame| frame.to_string())
                    .collect()
            });
            lines.extend(known.iter().take(limit - lines.len()).cloned());
        }
        lines
    }
}

/// The functions that an address is in: more than one if some were inlined.
#[cfg(feature = "backtrace")]
fn resolve(address: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    backtrace::resolve(std::ptr::without_provenance_mut(address), |symbol| {
        frames.push(Frame {
            address,
            function: symbol.name().map(|name| format!("{name:#}")),
            file: symbol.filename().map(|file| file.display().to_string()),
            line: symbol.lineno(),
        });
    });
    if frames.is_empty() {
        frames.push(unknown(address));
    }
    frames
}

#[cfg(not(feature = "backtrace"))]
fn resolve(address: usize) -> Vec<Frame> {
    vec![unknown(address)]
}

fn unknown(address: usize) -> Frame {
    Frame {
        address,
        function: None,
        file: None,
        line: None,
    }
}
