//! The machine's part: memory for thread-locals, and calls with another thread pointer.
//!
//! All that knows glibc and x86-64 is here. Elsewhere every attempt to make a [`Block`] is refused.

macro_rules! with_glibc {
    ($($items:item)*) => {
        $(
            #[cfg(all(
                target_os = "linux",
                target_env = "gnu",
                target_arch = "x86_64",
                not(target_feature = "crt-static"),
                not(miri)
            ))]
            $items
        )*
    };
}

with_glibc! {
    mod block;
    mod crossing;
    mod forks;
    mod glibc;
    mod malloc_words;
    mod pool;
    mod self_test;
    mod stack_attributes;
    mod user_ids;

    pub(crate) use {block::Block, crossing::outside, self_test::supported, stack_attributes::set_stack};
}

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    not(target_feature = "crt-static"),
    not(miri)
)))]
mod elsewhere;

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    not(target_feature = "crt-static"),
    not(miri)
)))]
pub(crate) use elsewhere::{Block, outside, set_stack, supported};
