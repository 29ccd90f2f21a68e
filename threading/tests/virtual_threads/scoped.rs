//! `scope`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gevent_threading::{Builder, Scope, ScopedJoinHandle, park, scope, sleep, spawn, yield_now};
use greenlet_core::{Exception, GreenletExit};

#[test]
fn threads_borrow_and_are_waited_for() {
    let count = AtomicU32::new(0);
    let mut list = vec![0; 10];
    scope(|s| {
        for item in &mut list {
            s.spawn(|| {
                sleep(Duration::from_millis(1));
                *item = count.fetch_add(1, Ordering::Relaxed) + 1;
            });
        }
    });
    assert_eq!(list.iter().sum::<u32>(), 55);
}

#[test]
fn values_are_returned_and_threads_make_others() {
    let numbers = [1, 2, 3];
    let sum = scope(|s| {
        let inner = s.spawn(|| {
            let more = s.spawn(|| numbers[2]);
            yield_now();
            more.join().expect("it does not panic") + numbers[0]
        });
        inner.join().expect("it does not panic")
    });
    assert_eq!(sum, 4);
    // In a virtual thread, too.
    let inside = spawn(|| {
        let words = ["a", "b"];
        scope(|s| s.spawn(|| words.concat()).join().expect("it does not panic"))
    });
    assert_eq!(inside.join().ok().as_deref(), Some("ab"));
}

#[test]
fn a_panic_that_is_not_joined_is_the_scopes() {
    let done = AtomicU32::new(0);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        scope(|s| {
            s.spawn(|| resume_unwind(Box::new(1)));
            s.spawn(|| {
                sleep(Duration::from_millis(1));
                done.fetch_add(1, Ordering::Relaxed);
            });
        })
    }));
    assert!(caught.is_err());
    assert_eq!(done.load(Ordering::Relaxed), 1);
    let joined = scope(|s| s.spawn(|| resume_unwind(Box::new(1))).join().is_err());
    assert!(joined);
}

/// The join of a thread that was killed before it began fails, too, but nobody has got the panic of the other one.
#[test]
fn another_threads_failed_join_hides_no_panic() {
    let caught = catch_unwind(|| {
        scope(|s| {
            s.spawn(|| resume_unwind(Box::new(1)));
            yield_now();
            yield_now();
            let unborn = Builder::new().name("unborn".into()).spawn_scoped(s, || ());
            let unborn = unborn.expect("it is made");
            let greenlet = greenlet_core::greenlets()
                .into_iter()
                .find(|greenlet| greenlet.name().as_deref() == Some("unborn"));
            let killed = greenlet.expect("it is there").throw(GreenletExit);
            assert!(unborn.join().is_err(), "{killed:?}");
        });
    });
    assert!(caught.is_err());
}

#[test]
fn a_panic_of_the_caller_waits_for_the_threads() {
    let done = AtomicU32::new(0);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        scope(|s| {
            let count = || {
                sleep(Duration::from_millis(1));
                done.fetch_add(1, Ordering::Relaxed)
            };
            s.spawn(count);
            Builder::new().spawn_scoped(s, count).expect("it begins");
            resume_unwind(Box::new(2_u8))
        })
    }));
    assert!(caught.is_err_and(|payload| payload.is::<u8>()));
    assert_eq!(done.load(Ordering::Relaxed), 2);
}

#[test]
fn a_kill_of_the_caller_is_held_back() {
    let done = std::sync::Arc::new(AtomicU32::new(0));
    let theirs = done.clone();
    let owner = Builder::new().name("owner".into()).spawn(move || {
        let mine = AtomicU32::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                s.spawn(|| {
                    sleep(Duration::from_millis(5));
                    mine.fetch_add(1, Ordering::Relaxed);
                });
            })
        }));
        theirs.store(mine.into_inner(), Ordering::Relaxed);
        caught.is_err_and(|payload| payload.is::<Exception>())
    });
    let owner = owner.expect("it begins");
    yield_now();
    yield_now();
    let greenlet = greenlet_core::greenlets()
        .into_iter()
        .find(|greenlet| greenlet.name().as_deref() == Some("owner"));
    hub::kill(&greenlet.expect("it is parked"), GreenletExit).expect("there is a hub");
    assert_eq!(owner.join().ok(), Some(true));
    assert_eq!(done.load(Ordering::Relaxed), 1);
}

#[test]
fn a_handle_may_be_forgotten() {
    let word = String::from("word");
    scope(|s| {
        std::mem::forget(s.spawn(|| word.len()));
        drop(s.spawn(yield_now));
    });
    // Even where the thread parks until the very end.
    scope(|s| {
        let parked = s.spawn(park);
        s.spawn(move || parked.thread().unpark());
    });
}

/// Its function has not run, and the caller of the scope must not go on as if it had.
#[test]
fn a_thread_that_cannot_begin_is_told_by_its_scope() {
    fn begin<'scope>(s: &'scope Scope<'scope, '_>) -> std::io::Result<ScopedJoinHandle<'scope, ()>> {
        Builder::new().stack_size(usize::MAX).spawn_scoped(s, || unreachable!())
    }
    let caught = catch_unwind(AssertUnwindSafe(|| scope(|s| _ = begin(s).map(drop))));
    assert!(caught.is_err());
    scope(|s| {
        if let Ok(thread) = begin(s) {
            assert!(thread.join().is_err());
        }
    });
}
