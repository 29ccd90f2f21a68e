//! Tests of streams, times and greenlets for code that is written with futures.

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
