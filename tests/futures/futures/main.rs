//! `gevent::future::block_on` with what others have written for executors: what their pages promise must hold between
//! greenlets of one thread, and between threads with a hub each.

mod actors;
mod channels;
mod driver;
mod in_tokio;
mod locks;
mod tokio_locks;
mod tokio_sync;

#[path = "../../support/mod.rs"]
mod support;
