//! The hub: the greenlet that runs the loop. Source: gevent's `hub.py`.
//!
//! | file | what |
//! |---|---|
//! | `handle.rs` | [`Hub`] itself, and its fields |
//! | `life.rs` | its beginning, the function of its greenlet, and its end |
//! | `waits.rs` | the switch to it, by which greenlets wait, and `join`, which waits for all of them |
//!
//! The waits for certain things are in the files around this folder: for watchers in `wait.rs` and `wait_fd.rs`, for
//! times in `sleep.rs`, for objects in `iwait.rs`.

mod handle;
mod life;
mod waits;

pub use handle::Hub;
pub(crate) use handle::WeakHub;
