//! Tests of `gevent::fileobject` that start processes: terminals, whose settings are those of `stty`, and the standard
//! descriptors of a child.

mod shared;
mod tty;

#[path = "../support/mod.rs"]
mod support;
#[path = "../common/terminal.rs"]
mod terminal;
