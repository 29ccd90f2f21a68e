//! The guide: pages about more than one function or module.
//!
//! * [`porting`]: how Python code that uses gevent is written in Rust.
//! * [`errors`]: what becomes of a kill or a timeout, and what code of your own has to do about it.
//! * [`glossary`]: the words that the documentation uses in a sense of its own.
//!
//! The examples on these pages are compiled and run, as is this one:
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
