//! Calls that a thread of a pool makes. All its threads have something else to do, until the call is to end.

use std::io;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use gevent::Exception;
use gevent::get_hub;
use gevent::threadpool::HubExt;

use crate::row::Case;

pub(crate) enum Pool {
    OfNames,
    OfHub,
}

/// A call that waits for a thread of the pool. It is made by that thread in the end, whether somebody waits for it or
/// not.
pub(crate) fn queued(pool: Pool, call: fn() -> io::Result<()>) -> Case {
    let pool = match pool {
        Pool::OfNames => get_hub().resolver_threadpool(),
        Pool::OfHub => get_hub().threadpool(),
    };
    let (release, released) = channel::<()>();
    let released = Arc::new(Mutex::new(released));
    for _ in 0..pool.maxsize() {
        let released = released.clone();
        let waits = move || {
            // The others wait for the lock.
            let _ = released.lock().map(|released| released.recv());
            Ok::<_, Exception>(())
        };
        drop(pool.spawn(waits).expect("there is a pool"));
    }
    // Dropping this ends the threads' waits.
    Case::new(call, move || drop(release))
}
