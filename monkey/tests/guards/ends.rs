//! Exit handlers, and children of virtual threads.

use std::process::Command;

use gevent_monkey::stats;

use crate::{assert_parks, in_virtual_thread, pause};

/// A child has one thread, which does not park. It goes on in the virtual thread that has forked.
#[test]
fn the_child_of_a_virtual_thread_does_not_park() {
    in_virtual_thread(|| {
        // SAFETY: the child makes a call of the system and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let before = stats().parked;
            pause();
            let failed = stats().parked != before;
            // SAFETY: the function has no conditions.
            unsafe { libc::_exit(failed.into()) };
        }
        let mut status = -1;
        // SAFETY: the place is a variable's.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        assert_parks();
    });
}

/// The test calls itself for this.
const EXITS: &str = "GEVENT_MONKEY_TEST_EXITS";

#[test]
fn exit_handlers_do_not_park() {
    extern "C" fn handler() {
        let before = stats().parked;
        pause();
        println!("parked in a handler: {}", stats().parked != before);
    }
    if std::env::var_os(EXITS).is_some() {
        in_virtual_thread(|| {
            // SAFETY: the handler stays.
            unsafe { libc::atexit(handler) };
            std::process::exit(7);
        });
    }
    let this = std::env::current_exe().unwrap();
    let ended = Command::new(this)
        .args(["--exact", "ends::exit_handlers_do_not_park", "--nocapture"])
        .env(EXITS, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(text.contains("parked in a handler: false"), "{ended:?}");
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
}

const OVERFLOWS: &str = "GEVENT_MONKEY_TEST_OVERFLOWS";

/// The handler of greenlet-core is called by way of the trampoline.
#[test]
fn an_overflow_is_still_told() {
    #[inline(never)]
    #[allow(unconditional_recursion, reason = "it is what overflows")]
    fn deeper(depth: u64) -> u64 {
        let place = std::hint::black_box([depth; 100]);
        deeper(depth + 1) + place[50]
    }
    if std::env::var_os(OVERFLOWS).is_some() {
        in_virtual_thread(|| deeper(0));
    }
    let this = std::env::current_exe().unwrap();
    let ended = Command::new(this)
        .args(["--exact", "ends::an_overflow_is_still_told", "--nocapture"])
        .env(OVERFLOWS, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ended.stderr);
    assert!(text.contains("overflowed its stack"), "{ended:?}");
    assert!(!ended.status.success());
}
