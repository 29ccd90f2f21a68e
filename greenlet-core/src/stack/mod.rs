//! Stacks: slabs of address space, a guard under each stack, a pool to reuse them.

mod advice;
mod guard;
pub(crate) mod overflow;
mod pool;
mod room;
mod size;
mod slab;
#[cfg(any(
    feature = "asan",
    all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))
))]
mod thread_stack;
pub(crate) mod usage;
mod valgrind;

pub(crate) use pool::{Stack, StackPool, trim_below, trim_below_here};
pub use size::{DEFAULT_STACK_SIZE, ParseStackSizeError, StackSize};
#[cfg(any(
    feature = "asan",
    all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))
))]
pub(crate) use thread_stack::thread_stack;

use std::io;

/// The reason why a greenlet got no stack.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The kernel gave no address space for more stacks.
    #[error("cannot reserve {bytes} bytes for greenlet stacks: {source}")]
    Reserve {
        /// How many bytes were asked for.
        bytes: usize,
        /// The kernel's error.
        source: io::Error,
    },
    /// The guard could not be protected. On a kernel before 6.13 every guard takes two
    /// memory mappings, and `vm.max_map_count` bounds those.
    #[error(
        "cannot guard a greenlet stack ({source}): without MADV_GUARD_INSTALL (Linux 6.13) every \
         guard takes two memory mappings, and vm.max_map_count limits those; raise it with \
         `sysctl vm.max_map_count=...`"
    )]
    Guard {
        /// The kernel's error.
        source: io::Error,
    },
}

/// The size of a memory page, in bytes.
pub(crate) fn page_size() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    match PAGE.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: sysconf has no preconditions.
            let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let page = usize::try_from(page).expect("the page size is known");
            PAGE.store(page, Ordering::Relaxed);
            page
        }
        page => page,
    }
}
