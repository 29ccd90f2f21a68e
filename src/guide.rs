//! The guide: pages about more than one function or module.
//!
//! * [`porting`]: how Python code that uses gevent is written in Rust. Its other pages are [`porting_exceptions`],
//!   [`porting_programs`] (state, workers, forks and what else surrounds the calls of gevent), and
//!   [`porting_differences`] from gevent.
//! * [`errors`]: what becomes of a kill or a timeout, and what code of your own has to do about it.
//! * [`several_cores`]: servers of several processes or threads.
//! * [`futures`]: async code, the same in greenlets, and both mixed; what waits for ever, and what it costs.
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

#[doc = include_str!("../docs/porting-exceptions.md")]
pub mod porting_exceptions {}

#[doc = include_str!("../docs/porting-programs.md")]
pub mod porting_programs {}

#[doc = include_str!("../docs/porting-differences.md")]
pub mod porting_differences {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

#[doc = include_str!("../docs/several-cores.md")]
pub mod several_cores {}

#[doc = include_str!("../docs/futures.md")]
pub mod futures {}

#[doc = include_str!("../docs/glossary.md")]
pub mod glossary {}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
pub mod readme {}
