//! Code of users inside ours: a `Clone`, an `Ord`, a destructor, an iterator, a function may panic, wait, kill, use the
//! very object again, or drop it. Each case names the places and the code it is about, as docs/user-code.md does.

#[path = "../../greenlet-core/tests/greenlet/user_code/action.rs"]
mod action;
mod cases;
#[path = "../support/mod.rs"]
mod support;
mod trap;
