//! The hub: the greenlet that runs the loop. Source: gevent's `hub.py`.
//!
//! | file | what |
//! |---|---|
//! | `handle.rs` | [`Hub`] itself: what it has |
//! | `life.rs` | how it begins and ends, and what its greenlet runs |
//! | `waits.rs` | how greenlets wait in it, and it for the end of all of them |
//!
//! What is waited for are the files around: watchers in `wait.rs` and `wait_fd.rs`, times in `sleep.rs`, objects in `iwait.rs`.

mod handle;
mod life;
mod waits;

pub use handle::Hub;
pub(crate) use handle::WeakHub;
