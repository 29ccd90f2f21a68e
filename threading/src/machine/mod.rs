//! The machine's part: memory for thread-locals, and calls with another thread pointer.
//!
//! All that knows glibc and processors is here. Elsewhere every attempt to make a [`Block`] is refused. `build.rs` says
//! where there are virtual threads.

macro_rules! with_glibc {
    ($($items:item)*) => {
        $(
            #[cfg(virtual_threads)]
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
    #[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
    #[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
    mod processor;
    mod self_test;
    mod stack_attributes;
    mod user_ids;

    pub(crate) use {block::Block, block::SharedBlock, crossing::outside, self_test::supported, stack_attributes::set_stack};
}

#[cfg(not(virtual_threads))]
mod elsewhere;

#[cfg(not(virtual_threads))]
pub(crate) use elsewhere::{Block, SharedBlock, outside, set_stack, supported};
