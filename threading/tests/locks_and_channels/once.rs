//! `Once`, `OnceLock`, `LazyLock`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use gevent_threading::sync::{Arc, LazyLock, Once, OnceLock};
use gevent_threading::yield_now;

use crate::team::{everywhere, fall};

#[test]
fn a_function_is_called_once_and_all_wait_for_it() {
    everywhere(|team| {
        let (once, count) = (Arc::new(Once::new()), Arc::new(AtomicU32::new(0)));
        let members: Vec<_> = (0..6)
            .map(|_| {
                let (once, count) = (once.clone(), count.clone());
                team.spawn(move || {
                    once.call_once(|| {
                        (0..5).for_each(|_| yield_now());
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                    (once.is_completed(), count.load(Ordering::Relaxed))
                })
            })
            .collect();
        assert!(members.into_iter().all(|member| member.value() == (true, 1)));
    });
}

#[test]
fn a_panic_poisons_once() {
    everywhere(|team| {
        let once = Arc::new(Once::new());
        let call = |f: fn()| {
            let once = once.clone();
            team.spawn(move || once.call_once(f))
        };
        assert!(call(|| fall()).join().is_err());
        assert!(call(|| ()).join().is_err());
        let theirs = once.clone();
        assert!(team.spawn(move || theirs.wait()).join().is_err());
        assert!(!once.is_completed());
        let theirs = once.clone();
        let forced = team.spawn(move || {
            let mut poisoned = None;
            theirs.call_once_force(|state| poisoned = Some(state.is_poisoned()));
            poisoned
        });
        assert_eq!(forced.value(), Some(true));
        assert!(once.is_completed());
        call(|| fall()).value();
        once.wait();
        once.wait_force();
    });
}

#[test]
fn a_wait_for_once_ends_when_it_is_done() {
    everywhere(|team| {
        let (once, cell) = (Arc::new(Once::new()), Arc::new(OnceLock::new()));
        let (theirs, their_cell) = (once.clone(), cell.clone());
        let waits = team.spawn(move || {
            theirs.wait();
            theirs.wait_force();
            *their_cell.wait()
        });
        yield_now();
        once.call_once(|| ());
        cell.set(3).expect("it is empty");
        assert_eq!(waits.value(), 3);
    });
}

#[test]
fn a_cell_gets_one_value() {
    everywhere(|team| {
        let cell = Arc::new(OnceLock::new());
        let members: Vec<_> = (0..6)
            .map(|number| {
                let cell = cell.clone();
                team.spawn(move || {
                    let value = *cell.get_or_init(|| {
                        yield_now();
                        number
                    });
                    (value, cell.set(99))
                })
            })
            .collect();
        let value = *cell.wait();
        assert!(members.into_iter().all(|member| member.value() == (value, Err(99))));
        assert_eq!(cell.get(), Some(&value));
    });
}

#[test]
fn a_panic_leaves_a_cell_empty() {
    everywhere(|team| {
        let cell = Arc::new(OnceLock::new());
        let theirs = cell.clone();
        assert!(team.spawn(move || *theirs.get_or_init(|| fall())).join().is_err());
        assert_eq!(cell.get(), None);
        let theirs = cell.clone();
        assert_eq!(team.spawn(move || *theirs.get_or_init(|| 4)).value(), 4);
    });
}

#[test]
fn a_lazy_value_is_made_once() {
    everywhere(|team| {
        let count = Arc::new(AtomicU32::new(0));
        let counts = count.clone();
        let lazy = Arc::new(LazyLock::new(move || {
            yield_now();
            counts.fetch_add(1, Ordering::Relaxed) + 10
        }));
        let members: Vec<_> = (0..6)
            .map(|_| {
                let lazy = lazy.clone();
                team.spawn(move || **lazy)
            })
            .collect();
        assert!(members.into_iter().all(|member| member.value() == 10));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_lazy_value_that_panics_panics_for_all() {
    everywhere(|team| {
        let lazy = Arc::new(LazyLock::new(|| -> u32 {
            yield_now();
            fall()
        }));
        let members: Vec<_> = (0..3)
            .map(|_| {
                let lazy = lazy.clone();
                team.spawn(move || catch_unwind(AssertUnwindSafe(|| **lazy)).is_err())
            })
            .collect();
        assert!(members.into_iter().all(|member| member.value()));
    });
}
