//! The machine's stack switch: one small file per way of doing it, all with the same four items.
//!
//! | item | meaning |
//! |---|---|
//! | `Suspended` | a stack that is not running: where to continue it, one non-null word |
//! | `prepare` | makes a fresh stack ready to run an entry function at the first jump to it |
//! | `jump` | leaves the current stack for another one, with three words for the other side |
//! | `call_below` | calls a function in a frame above which an unwinder finds a stack that is not running |
//!
//! A greenlet's stack as a whole, of which these files touch only what is next to the top and what a
//! jump leaves lowest:
//!
//! ```text
//!   high ┌──────────────────────┐ the end
//!        │ left out             │ up to 1,920 bytes, so that neighbours' first frames differ in place
//!        ├──────────────────────┤ the top, which `prepare` is given
//!        │ words of `prepare`   │ see the machine's file
//!        │ `Entry::enter`       │ root.rs: every panic is caught here
//!        │ the greenlet's       │
//!        │ function, and what   │
//!        │ it calls             │
//!        │ words of `jump`      │ while another one runs: `Suspended` is their address
//!        ├──────────────────────┤
//!        │ free                 │ no memory where it was never touched
//!        ├──────────────────────┤ the low end
//!        │ guard                │ at least 64 KiB that fault: stack/overflow.rs reports whose stack it was
//!   low  └──────────────────────┘
//! ```
//!
//! On x86-64 and aarch64 Unix the switch is ours. Elsewhere, and with the feature
//! `context-switch`, it is the `context` crate's: Boost.Context, assembly files of their own.
//!
//! All of them keep these promises, on which `switch.rs` relies:
//!
//! * A jump keeps what the platform's C ABI calls callee-saved registers. Floating-point control
//!   words are kept by `context` on x86 only; Rust code may not change them anyway.
//! * The place where the left stack continues is in its slot before anything else runs on the other
//!   one.
//! * The three words arrive unchanged.
//! * A backtrace on a prepared stack ends below its entry.

use std::mem::MaybeUninit;

#[cfg(all(unix, target_arch = "aarch64", not(feature = "context-switch")))]
mod aarch64;
#[cfg(any(
    feature = "context-switch",
    not(all(unix, any(target_arch = "aarch64", target_arch = "x86_64")))
))]
mod context;
#[cfg(all(unix, target_arch = "x86_64", not(feature = "context-switch")))]
mod x86_64;

#[cfg(all(unix, target_arch = "aarch64", not(feature = "context-switch")))]
pub(crate) use aarch64::{Suspended, call_below, jump, prepare};
#[cfg(any(
    feature = "context-switch",
    not(all(unix, any(target_arch = "aarch64", target_arch = "x86_64")))
))]
pub(crate) use context::{Suspended, call_below, jump, prepare};
#[cfg(all(unix, target_arch = "x86_64", not(feature = "context-switch")))]
pub(crate) use x86_64::{Suspended, call_below, jump, prepare};

/// One word that a jump carries: a pointer, an integer, or nothing at all.
pub(crate) type Word = MaybeUninit<*mut ()>;

/// All words that a jump carries: as many as fit into argument registers everywhere.
pub(crate) type Words = [Word; 3];

/// The function that runs first on a prepared stack. It is a type, known at compile time, because
/// `context` has no room for a pointer to it.
pub(crate) trait Entry {
    /// Gets the words of the first jump to the stack. Neither returns nor unwinds.
    extern "C" fn enter(a: Word, b: Word, c: Word) -> !;
}
