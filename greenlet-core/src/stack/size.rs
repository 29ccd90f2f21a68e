//! [`StackSize`]: how large stacks are, and where the default comes from.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The size of a greenlet's stack when nothing else is asked for, in bytes: 256 KiB of address
/// space, of which only the touched pages take memory.
pub const DEFAULT_STACK_SIZE: usize = 256 * 1024;

/// The environment variable that sets the default: bytes, or a number followed by `K` or `M`.
const VARIABLE: &str = "GREENLET_STACK_SIZE";

/// The size of a stack, rounded up to whole pages, at least two.
///
/// The default is, in this order: what [`set_default`](StackSize::set_default) was given, the
/// environment variable `GREENLET_STACK_SIZE` (bytes, or with a `K` or `M` behind the number),
/// [`DEFAULT_STACK_SIZE`].
///
/// ```
/// use greenlet_core::StackSize;
/// assert_eq!(StackSize::kib(256), StackSize::bytes(262_144));
/// assert_eq!("1M".parse(), Ok(StackSize::mib(1)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackSize(usize);

impl StackSize {
    /// Stands for the size of a main greenlet's stack, which the system gave to the thread.
    pub(crate) const THREAD: StackSize = StackSize(0);

    /// A size of so many bytes.
    pub const fn bytes(bytes: usize) -> Self {
        StackSize(bytes)
    }

    /// A size of so many units of 1024 bytes.
    pub const fn kib(kib: usize) -> Self {
        StackSize(kib.saturating_mul(1024))
    }

    /// A size of so many units of 1024 * 1024 bytes.
    pub const fn mib(mib: usize) -> Self {
        StackSize(mib.saturating_mul(1024 * 1024))
    }

    /// The size in bytes, as it was asked for.
    pub const fn get(self) -> usize {
        self.0
    }

    /// Makes this the default for all greenlets that are made from now on, in the whole process.
    pub fn set_default(self) {
        DEFAULT.store(self.0.max(1), Ordering::Relaxed);
    }
}

/// The default in bytes; 0 before anybody has asked for it.
static DEFAULT: AtomicUsize = AtomicUsize::new(0);

impl Default for StackSize {
    #[inline]
    fn default() -> Self {
        match DEFAULT.load(Ordering::Relaxed) {
            0 => first_default(),
            bytes => StackSize(bytes),
        }
    }
}

#[cold]
fn first_default() -> StackSize {
    let size = match std::env::var(VARIABLE) {
        Err(_) => StackSize(DEFAULT_STACK_SIZE),
        Ok(text) => text.parse().unwrap_or_else(|error| {
            let _ = writeln!(io::stderr(), "greenlet-core: {VARIABLE}={text}: {error}");
            StackSize(DEFAULT_STACK_SIZE)
        }),
    };
    // If another thread has just set it, that value stays.
    let bytes = size.0.max(1);
    match DEFAULT.compare_exchange(0, bytes, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => StackSize(bytes),
        Err(set) => StackSize(set),
    }
}

impl From<usize> for StackSize {
    fn from(bytes: usize) -> Self {
        StackSize(bytes)
    }
}

/// The error of parsing a text that is no stack size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a stack size: expected bytes, or a number followed by K or M")]
pub struct ParseStackSizeError;

impl std::str::FromStr for StackSize {
    type Err = ParseStackSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (digits, unit) = match text.char_indices().last() {
            Some((end, 'K' | 'k')) => (&text[..end], 1024),
            Some((end, 'M' | 'm')) => (&text[..end], 1024 * 1024),
            _ => (text, 1),
        };
        let number: usize = digits.trim().parse().map_err(|_| ParseStackSizeError)?;
        let bytes = number.checked_mul(unit).ok_or(ParseStackSizeError)?;
        Ok(StackSize(bytes))
    }
}

impl fmt::Debug for StackSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StackSize({} bytes)", self.0)
    }
}
