//! The room of the loop: what gevent's `loop` class is, and the `ev_loop` of libev's below it.
//!
//! [`Loop`](loop_::Loop) is a counted handle of [`LoopParts`](parts::LoopParts): the loop's internal watchers, its
//! queue of callbacks, and a list of its watchers' bodies. Several `Loop`s may have one `ev_loop` in common, which
//! [`SharedLoop`](shared_loop::SharedLoop) owns and frees when its last run is over.
//!
//! Only three files of `hub` let libev run: `loop_.rs` enters `ev_run`, `shared_loop.rs` makes and destroys `ev_loop`s,
//! and `c_frames.rs` guards the way back from C, over which no panic may go. Watchers start and stop in their own room.
//! Whoever calls foreign code from here has no borrow of `LoopParts` at that moment.

pub(in crate::core) mod c_frames;
pub(in crate::core) mod flags;
pub(in crate::core) mod forking;
pub(in crate::core) mod info;
pub(in crate::core) mod loop_;
pub(in crate::core) mod parts;
pub(in crate::core) mod shared_loop;
pub(in crate::core) mod syserr;
