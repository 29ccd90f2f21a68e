//! The room of the loop: gevent's `loop` class, and libev's `ev_loop` below it.
//!
//! [`Loop`](loop_::Loop) is a counted handle of [`LoopParts`](parts::LoopParts): the loop's internal watchers, its
//! queue of callbacks, and a list of its watchers' bodies. Several `Loop`s may have one `ev_loop` in common, which
//! [`SharedLoop`](shared_loop::SharedLoop) owns and frees when its last run is over.
//!
//! [`Facts`](facts::Facts) are what other threads may know of a loop, and `hooks.rs` has the user's functions around
//! its rounds and waits. With an [`OuterWait`](outer_wait::OuterWait), another loop waits in this one's place.
//!
//! Only three files of `hub` let libev run: `loop_.rs` enters `ev_run`, `shared_loop.rs` makes and destroys `ev_loop`s,
//! and `c_frames.rs` guards the callbacks that C calls, out of which no panic may come. Watchers are started and
//! stopped in the room of the watchers. No borrow of `LoopParts` is held while user code is called from here.

pub(in crate::core) mod c_frames;
pub(in crate::core) mod facts;
pub(in crate::core) mod flags;
pub(in crate::core) mod forking;
pub(in crate::core) mod hooks;
pub(in crate::core) mod info;
pub(in crate::core) mod loop_;
pub(in crate::core) mod outer_wait;
pub(in crate::core) mod parts;
pub(in crate::core) mod shared_loop;
pub(in crate::core) mod syserr;
