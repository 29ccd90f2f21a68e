//! The tests of greenlets, in files named as greenlet's own tests.

mod common;
mod test_attached;
mod test_backtrace;
mod test_contextvars;
mod test_exception;
mod test_generator;
mod test_greenlet;
mod test_leaks;
mod test_park;
mod test_stack;
mod test_throw;
mod test_tracing;
mod test_unwind;
mod user_code;
