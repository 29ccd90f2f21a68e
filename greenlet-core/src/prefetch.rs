//! Having memory fetched before it is needed, for loops over a great many things.
//!
//! ```
//! use greenlet_core::prefetch;
//!
//! let boxes: Vec<Box<u64>> = (0..100).map(Box::new).collect();
//! let mut sum = 0;
//! for (index, number) in boxes.iter().enumerate() {
//!     if let Some(later) = boxes.get(index + 8) {
//!         prefetch::line((&raw const **later).cast(), 0);
//!     }
//!     sum += **number;
//! }
//! assert_eq!(sum, 4950);
//! ```

/// Has the processor fetch one cache line: the one at `address`, or the one `line` lines above it. Any address will do,
/// and nothing changes.
#[inline(always)]
pub fn line(address: *const u8, line: usize) {
    let address = address.wrapping_add(line * 64);
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing as far as the program can tell, and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: a prefetch reads nothing as far as the program can tell, and never faults.
    unsafe {
        std::arch::asm!(
            "prfm pldl1keep, [{0}]",
            in(reg) address,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}
