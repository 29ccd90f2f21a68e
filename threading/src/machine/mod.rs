//! The machine's part: memory for thread-locals, and calls with another thread pointer.
//!
//! All that knows glibc and x86-64 is here. Elsewhere every attempt to make a [`Block`] is refused.

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
mod block;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
mod crossing;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
mod forks;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
mod glibc;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
mod malloc_words;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
mod self_test;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
mod user_ids;

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
pub(crate) use {block::Block, crossing::outside, self_test::supported};

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri))))]
mod elsewhere;

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri))))]
pub(crate) use elsewhere::{Block, outside, supported};
