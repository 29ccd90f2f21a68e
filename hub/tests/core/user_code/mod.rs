//! User code that our code calls: a callback, a link, a hook, a `Clone` or a destructor may panic, wait, kill, use the
//! same object again, or drop it. Each case names the function and the kind of user code, as docs/user-code.md does.

#[path = "../../../../greenlet-core/tests/greenlet/user_code/action.rs"]
mod action;
mod core;
mod errors;
mod hubs;
mod links;
mod trap;
mod waiters;
