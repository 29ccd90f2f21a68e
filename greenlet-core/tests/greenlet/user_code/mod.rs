//! User code that this crate calls: functions, destructors, tracers and errors may panic, wait, be killed or unwound,
//! use the very object again, or drop it. Each case names the places and the code it is about, as docs/user-code.md
//! does.

mod action;
mod calls;
mod errors;
mod greenlets;
mod thread_end;
mod trap;
