//! Sockets, pipes, files, times and greenlets for code that is written with futures.
//!
//! | file | contents |
//! |---|---|
//! | `polled.rs` | [`Async`]: a stream that is polled |
//! | `pollable.rs`, `pipes.rs`, `files.rs` | [`Pollable`]: what it is made of |
//! | `tokio.rs`, `futures.rs`, `hyper.rs` | the traits by which others use it |
//! | `timer.rs`, `executor.rs` | [`HubTimer`] and [`HubExecutor`]: what else hyper needs |

#[cfg(feature = "hyper")]
mod executor;
mod files;
#[cfg(feature = "futures-io")]
mod futures;
#[cfg(feature = "hyper")]
mod hyper;
mod pipes;
mod pollable;
mod polled;
#[cfg(feature = "hyper")]
mod timer;
#[cfg(feature = "tokio-io")]
mod tokio;

#[cfg(feature = "hyper")]
pub use executor::HubExecutor;
pub use pollable::{PollRead, PollWrite, Pollable};
pub use polled::Async;
#[cfg(feature = "hyper")]
pub use timer::HubTimer;
