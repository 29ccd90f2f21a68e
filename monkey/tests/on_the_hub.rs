//! Where plain greenlets are patched, nobody parks who must not: the hub itself, a greenlet that cannot be left, and
//! gevent's own calls of the system.

use std::cell::Cell;
use std::rc::Rc;
use std::thread::sleep;
use std::time::Duration;

use gevent::{get_hub, spawn};

fn patch() {
    // SAFETY: the greenlets here keep nothing in thread-locals over calls that block.
    unsafe { gevent_monkey::greenlets::patch_all() };
}

/// Whether another greenlet of the thread runs while `f` does.
fn others_run_in(f: impl FnOnce()) -> bool {
    let ran = Rc::new(Cell::new(false));
    let other = ran.clone();
    let other = spawn(move || other.set(true));
    f();
    let has_run = ran.get();
    other.kill().expect("there is a hub");
    has_run
}

fn pause() {
    sleep(Duration::from_millis(1));
}

#[test]
fn greenlets_park() {
    patch();
    get_hub();
    assert!(others_run_in(pause));
    let inside = spawn(|| others_run_in(pause));
    assert!(inside.get().unwrap());
}

/// A callback of the loop has nobody to wait for it.
#[test]
fn the_hub_does_not_park() {
    patch();
    let called = Rc::new(Cell::new(false));
    let its = called.clone();
    let callback = get_hub().loop_().run_callback(move || {
        assert!(get_hub().greenlet().is_current());
        assert!(!others_run_in_hub(pause));
        its.set(true);
    });
    gevent::sleep(0.002).unwrap();
    assert!(called.get());
    drop(callback);
}

/// As `others_run_in`, which waits for the other one, for the hub.
fn others_run_in_hub(f: impl FnOnce()) -> bool {
    let ran = Rc::new(Cell::new(false));
    let other = ran.clone();
    spawn(move || other.set(true));
    f();
    ran.get()
}

#[test]
fn a_greenlet_that_cannot_be_left_does_not_park() {
    patch();
    get_hub();
    assert!(!others_run_in(|| greenlet_core::pinned(pause)));
    assert!(others_run_in(pause));
}

#[test]
fn who_says_that_calls_are_to_be_made_as_they_stand_does_not_park() {
    patch();
    get_hub();
    assert!(!others_run_in(|| greenlet_core::direct(pause)));
    assert!(others_run_in(pause));
}
