//! Plain greenlets and the panic hook, whose lock all threads share: whoever waits for it, or in it, blocks his thread.
//! The first greenlet of the process installs a hook, so there is one test.

use std::panic::{resume_unwind, set_hook, take_hook};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gevent_monkey::greenlets;
use hub::spawn_raw;

static IN_HOOK: Mutex<()> = Mutex::new(());
static HOOKS: AtomicBool = AtomicBool::new(false);

/// Waits until the flag is set, without a lock.
fn wait_for(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn nobody_else_runs_while_a_greenlet_waits_for_the_hook() {
    // SAFETY: the greenlets of this test use std's locks.
    unsafe { greenlets::patch_all() };
    let before = take_hook();
    set_hook(Box::new(|_| {
        HOOKS.store(true, Ordering::Release);
        drop(IN_HOOK.lock());
    }));
    let held = IN_HOOK.lock().unwrap();
    let panics = thread::spawn(|| panic!("its hook waits"));
    wait_for(&HOOKS);
    let runs = thread::spawn(|| gevent::run(greenlets_of_a_thread).unwrap());
    // Time for the first greenlet to come to the hook's lock.
    thread::sleep(Duration::from_millis(20));
    drop(held);
    panics.join().unwrap_err();
    let ran = runs.join();
    set_hook(before);
    ran.unwrap_or_else(|payload| resume_unwind(payload));
}

fn greenlets_of_a_thread() {
    // The hub is begun here.
    hub::sleep(0.001).unwrap();
    HOOKS.store(false, Ordering::Release);
    static HELD: AtomicBool = AtomicBool::new(false);
    let holder = thread::spawn(|| {
        let _held = IN_HOOK.lock().unwrap();
        HELD.store(true, Ordering::Release);
        wait_for(&HOOKS);
        thread::sleep(Duration::from_millis(5));
    });
    wait_for(&HELD);
    let panics = spawn_raw(|| -> () { panic!("its hook waits for another thread") }).unwrap();
    while !panics.dead() {
        assert!(!thread::panicking());
        hub::sleep(0).unwrap();
    }
    holder.join().unwrap();
}
