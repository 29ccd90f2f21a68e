//! Tests of streams, times and greenlets for code that is written with futures.

mod files;
mod files_random;
mod futures_io;
mod http1;
mod http2;
mod polled;
mod shared;
mod timer;
mod tokio_io;
mod turns;
mod wakers;

#[path = "../support/mod.rs"]
mod support;

#[path = "../common/conversation.rs"]
mod conversation;
#[path = "../common/terminal.rs"]
mod terminal;
