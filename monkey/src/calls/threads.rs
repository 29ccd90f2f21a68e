//! Threads that are made, joined, and give way.

use std::cell::Cell;
use std::sync::Once;
use std::thread;

use super::futexes::parks;

thread_local! {
    /// How many calls of [`real_threads`] the thread is in.
    static REAL: Cell<u32> = const { Cell::new(0) };
}

/// Calls a function in which `std::thread::spawn` makes real threads, also in a virtual thread.
///
/// A runtime that has threads of its own (tokio, rayon) is to be built in here, or before the first virtual thread: its
/// workers are to work beside each other, and never wait for each other's turn.
///
/// ```
/// gevent_monkey::patch_thread()?;
/// let thread = gevent_threading::spawn(|| {
///     let real = gevent_monkey::real_threads(|| std::thread::spawn(gevent_threading::is_virtual));
///     real.join().unwrap()
/// });
/// assert!(!thread.join().unwrap());
/// # Ok::<(), gevent_threading::Unsupported>(())
/// ```
pub fn real_threads<R>(f: impl FnOnce() -> R) -> R {
    struct Within;
    impl Drop for Within {
        fn drop(&mut self) {
            REAL.set(REAL.get() - 1);
        }
    }
    REAL.set(REAL.get() + 1);
    let _within = Within;
    f()
}

/// Called before anything is patched: looks how std makes and parks threads.
pub(crate) fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let watched = real_threads(|| thread::Builder::new().spawn(parks::learn));
        if let Ok(watched) = watched {
            // It does not panic.
            let _ = watched.join();
        }
    });
}
