//! Code of users inside ours: a callback, a link, a hook, a `Clone`, a destructor may panic, wait, kill, use the very
//! object again, or drop it. Each case names the places and the code it is about, as docs/user-code.md does.

#[path = "../../../../greenlet-core/tests/greenlet/user_code/action.rs"]
mod action;
mod core;
mod errors;
mod hubs;
mod links;
mod trap;
mod waiters;
