//! Where nobody parks: each guard stands against a park, and no longer than it has to.

mod allocator;
mod ends;
mod linker;
mod mutexes;
mod signals;
mod standard_error;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use gevent_threading::spawn;

#[global_allocator]
static ALLOCATOR: gevent_monkey::Allocator<allocator::Sleepy> = gevent_monkey::Allocator(allocator::Sleepy);

/// Calls `f` in a virtual thread, with patches for all.
fn in_virtual_thread<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    gevent_monkey::patch_all().expect("there are virtual threads here");
    spawn(f).join().expect("the test has not failed")
}

/// Whether another virtual thread of the caller's carrier runs while `f` does.
fn others_run_in(f: impl FnOnce()) -> bool {
    let ran = Arc::new(AtomicBool::new(false));
    let other = spawn({
        let ran = ran.clone();
        move || ran.store(true, Ordering::Relaxed)
    });
    f();
    let has_run = ran.load(Ordering::Relaxed);
    other.join().expect("it does not panic");
    has_run
}

/// A patched call, which parks where that is right.
fn pause() {
    sleep(Duration::from_millis(1));
}

/// Checks that a patched call parks here.
#[track_caller]
fn assert_parks() {
    assert!(others_run_in(pause));
}

#[test]
fn elsewhere_calls_park() {
    in_virtual_thread(assert_parks);
}
