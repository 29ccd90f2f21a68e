//! The guide: pages that tell more than one function's documentation can.
//!
//! * [`porting`]: Python code that uses gevent, line by line in Rust.
//! * [`errors`]: what becomes of a kill or a timeout, and what code of your own has to do about it.
//! * [`glossary`]: the dozen words that these pages use.
//!
//! All their examples are compiled and run, as is this one:
//!
//! ```
//! use gevent::prelude::*;
//!
//! assert_eq!(spawn(|| "it works").get()?, "it works");
//! # Ok::<(), Exception>(())
//! ```

#[doc = include_str!("../docs/porting.md")]
pub mod porting {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

#[doc = include_str!("../docs/glossary.md")]
pub mod glossary {}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
pub mod readme {}
