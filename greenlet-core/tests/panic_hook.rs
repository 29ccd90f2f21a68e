//! The hook that notes where panics begin calls the hook that was there before it, and leaves a later one in place.

use std::panic;
use std::sync::atomic::{AtomicU32, Ordering};

use greenlet_core::{Exception, RawGreenlet, Value};

static BEFORE: AtomicU32 = AtomicU32::new(0);
static LATER: AtomicU32 = AtomicU32::new(0);

fn panicked() -> Exception {
    let panics = |_: Value| -> Result<Value, Exception> { panic!("oh") };
    RawGreenlet::new(panics).switch(()).unwrap_err()
}

fn counts() -> (u32, u32) {
    (BEFORE.load(Ordering::Relaxed), LATER.load(Ordering::Relaxed))
}

#[test]
fn test_hooks_are_chained_and_never_replaced() {
    panic::set_hook(Box::new(|_| {
        BEFORE.fetch_add(1, Ordering::Relaxed);
    }));
    assert!(panicked().place().is_some());
    assert_eq!(counts(), (1, 0));

    let ours = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        LATER.fetch_add(1, Ordering::Relaxed);
        ours(info);
    }));
    assert!(panicked().place().is_some());
    assert_eq!(counts(), (2, 1));

    // A hook that does not call ours has no places noted.
    panic::set_hook(Box::new(|_| {
        LATER.fetch_add(1, Ordering::Relaxed);
    }));
    assert!(panicked().place().is_none());
    assert_eq!(counts(), (2, 2));
}
