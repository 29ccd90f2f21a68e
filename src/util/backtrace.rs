//! [`Backtrace`]: the functions that a greenlet is in, with their names and places if the feature `backtrace` is on.

use std::collections::{HashMap, HashSet};
use std::fmt;

use greenlet_core::{Exception, RawGreenlet};
use hub::monitor::Frame;

use crate::threadpool::ThreadPool;

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
        self.addresses.iter().flat_map(|address| Frame::of(*address)).collect()
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

/// Names that were looked up already: many greenlets wait in the same functions.
#[derive(Default)]
pub(crate) struct Symbols(HashMap<usize, Vec<String>>);

impl Symbols {
    /// The names in the backtraces of these greenlets, looked up in another thread: the first look at the program's
    /// debug information takes long, and the other greenlets go on meanwhile. The thread is its own, as those of the
    /// hub's pool may be what somebody wants to know about.
    pub(crate) fn of(greenlets: &[RawGreenlet]) -> Result<Symbols, Exception> {
        let addresses = greenlets.iter().flat_map(|greenlet| Backtrace::of(greenlet).addresses);
        let addresses: HashSet<usize> = addresses.collect();
        let read = move || Symbols(addresses.into_iter().map(|address| (address, names(address))).collect());
        ThreadPool::new(1).apply(move || Ok::<_, Exception>(read()))
    }

    /// The lines of a backtrace without Rust's own library, at most `limit`.
    pub(crate) fn lines(&mut self, backtrace: &Backtrace, limit: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for address in &backtrace.addresses {
            if lines.len() >= limit {
                break;
            }
            let known = self.0.entry(*address).or_insert_with(|| names(*address));
            lines.extend(known.iter().take(limit - lines.len()).cloned());
        }
        lines
    }
}

/// The functions that an address is in, without those of Rust's own library.
fn names(address: usize) -> Vec<String> {
    let frames = Frame::of(address).into_iter().filter(|frame| !frame.is_of_std());
    frames.map(|frame| frame.to_string()).collect()
}
