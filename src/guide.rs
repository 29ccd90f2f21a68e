//! The pages of `docs/`, so that their examples are compiled and run.

#[doc = include_str!("../docs/porting.md")]
pub mod porting {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
pub mod readme {}
