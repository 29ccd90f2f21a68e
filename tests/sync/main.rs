//! Tests of objects that the greenlets of one thread share: events, locks, queues, pools.

mod destructors;
mod event;
mod identity;
mod limits;
mod lock;
mod pool;
mod printed;
mod queue;
mod queue_programs;
mod queue_waits;
mod semaphore;
mod switch_outs;
mod sync_parks;
mod sync_programs;
mod times;
mod turns;

#[path = "../support/mod.rs"]
mod support;
