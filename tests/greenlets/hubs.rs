//! Tests several hubs of one thread, one after the other or in turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use gevent::hub::core::Loop;
use gevent::hub::set_hub;
use gevent::{Hub, get_hub, sleep, spawn};

use crate::support::TestResult;

/// A thread may have several hubs, one after the other or in turn: each has a loop of its own.
#[test]
fn hubs_of_ones_own_take_turns() -> TestResult {
    std::thread::spawn(|| -> TestResult {
        let first = get_hub();
        sleep(0.001)?;
        let second = Hub::new(Loop::new((), false)?)?;
        let waits = spawn(|| sleep(0.001).map(|()| "first"));
        set_hub(Some(second.clone()));
        assert_eq!(get_hub(), second);
        assert_ne!(get_hub().loop_(), first.loop_());
        assert_ne!(second.minimal_ident(), first.minimal_ident());
        assert_eq!(second.thread_ident(), std::thread::current().id());
        assert_eq!(spawn(|| sleep(0.001).map(|()| "second")).get()?, "second");
        // A greenlet stays with the hub it was made in.
        assert!(!waits.ready());
        set_hub(Some(first));
        assert_eq!(waits.get()?, "first");
        Ok(())
    })
    .join()
    .expect("it does not panic")
}

/// Hubs were replaced while greenlets wait in them. When the thread ends, these greenlets are unwound.
#[test]
fn replaced_hubs_end_with_their_thread() -> TestResult {
    static UNWOUND: AtomicUsize = AtomicUsize::new(0);
    struct Unwound;
    impl Drop for Unwound {
        fn drop(&mut self) {
            UNWOUND.fetch_add(1, Ordering::Relaxed);
        }
    }
    gevent::run_in_thread(|| -> TestResult {
        for hub in 0..3 {
            if hub > 0 {
                set_hub(Some(Hub::new(Loop::new((), false)?)?));
            }
            spawn(|| {
                let _unwound = Unwound;
                sleep(100)
            });
            sleep(0.001)?;
        }
        // One hub is dropped, with only the loop's handle left, and one is destroyed.
        get_hub().destroy(None)?;
        set_hub(None);
        sleep(0.001)
    })?
    .join()
    .expect("it does not panic")?;
    assert_eq!(UNWOUND.load(Ordering::Relaxed), 3);
    Ok(())
}
