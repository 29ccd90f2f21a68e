//! `Condvar`.

use std::time::Duration;

use gevent_threading::sync::{Arc, Condvar, Mutex};
use gevent_threading::yield_now;

use crate::team::{everywhere, fall};

type Shared<T> = Arc<(Mutex<T>, Condvar)>;

fn shared<T>(value: T) -> Shared<T> {
    Arc::new((Mutex::new(value), Condvar::new()))
}

#[test]
fn turns_are_taken() {
    everywhere(|team| {
        let pair = shared(0);
        let play = |mine: u32| {
            let pair = pair.clone();
            team.spawn(move || {
                let (turn, changed) = &*pair;
                for _ in 0..50 {
                    let mut turn = turn.lock().expect("nobody panics");
                    while *turn % 3 != mine {
                        turn = changed.wait(turn).expect("nobody panics");
                    }
                    *turn += 1;
                    drop(turn);
                    changed.notify_all();
                }
            })
        };
        let members = [0, 1, 2].map(play);
        members.into_iter().for_each(|member| member.value());
        assert_eq!(pair.0.lock().map(|turn| *turn).ok(), Some(150));
    });
}

#[test]
fn each_notification_wakes_one() {
    everywhere(|team| {
        // Whoever is woken takes one of what is there, and nothing is there without a notification.
        let pair = shared(0);
        let members: Vec<_> = (0..5)
            .map(|_| {
                let pair = pair.clone();
                team.spawn(move || {
                    let (there, come) = &*pair;
                    let guard = come.wait_while(there.lock().expect("nobody panics"), |there| *there == 0);
                    *guard.expect("nobody panics") -= 1;
                })
            })
            .collect();
        for _ in 0..5 {
            *pair.0.lock().expect("nobody panics") += 1;
            pair.1.notify_one();
            yield_now();
        }
        members.into_iter().for_each(|member| member.value());
        assert_eq!(pair.0.lock().map(|there| *there).ok(), Some(0));
    });
}

#[test]
fn the_mutex_is_free_during_a_wait_and_held_after_it() {
    everywhere(|team| {
        let pair = shared((false, false));
        let theirs = pair.clone();
        let member = team.spawn(move || {
            let mut state = theirs.0.lock().expect("nobody panics");
            state.0 = true;
            theirs.1.notify_one();
            let state = theirs.1.wait_while(state, |state| !state.1).expect("nobody panics");
            let held = theirs.0.try_lock().is_err();
            drop(state);
            held
        });
        let mut state = (pair.1)
            .wait_while(pair.0.lock().expect("nobody panics"), |state| !state.0)
            .expect("nobody panics");
        state.1 = true;
        drop(state);
        pair.1.notify_one();
        assert!(member.value());
    });
}

#[test]
fn a_wait_ends_by_its_time() {
    everywhere(|team| {
        let ended = team.spawn(|| {
            let (mutex, condvar) = (Mutex::new(5), Condvar::new());
            let lock = || mutex.lock().expect("nobody panics");
            let mut seen = Vec::new();
            for time in [0, 2] {
                let time = Duration::from_millis(time);
                let (guard, result) = condvar.wait_timeout(lock(), time).expect("nobody panics");
                seen.push((*guard, result.timed_out()));
                drop(guard);
                let (guard, result) = condvar
                    .wait_timeout_while(lock(), time, |value| *value == 5)
                    .expect("nobody panics");
                seen.push((*guard, result.timed_out()));
            }
            let (guard, result) = condvar
                .wait_timeout_while(lock(), Duration::MAX, |value| *value != 5)
                .expect("nobody panics");
            (seen, *guard, result.timed_out())
        });
        assert_eq!(ended.value(), (vec![(5, true); 4], 5, false));
    });
}

#[test]
fn a_notification_ends_a_wait_with_a_time() {
    everywhere(|team| {
        let pair = shared(false);
        let theirs = pair.clone();
        let member = team.spawn(move || {
            let guard = theirs.0.lock().expect("nobody panics");
            let waited = theirs
                .1
                .wait_timeout_while(guard, Duration::from_secs(10_000), |is_set| !*is_set);
            waited.expect("nobody panics").1.timed_out()
        });
        *pair.0.lock().expect("nobody panics") = true;
        pair.1.notify_one();
        assert!(!member.value());
    });
}

#[test]
fn a_notification_is_not_kept() {
    everywhere(|team| {
        let timed_out = team.spawn(|| {
            let (mutex, condvar) = (Mutex::new(()), Condvar::new());
            condvar.notify_one();
            condvar.notify_all();
            let waited = condvar.wait_timeout(mutex.lock().expect("nobody panics"), Duration::from_millis(1));
            waited.expect("nobody panics").1.timed_out()
        });
        assert!(timed_out.value());
    });
}

#[test]
fn a_wait_tells_that_the_mutex_was_poisoned_meanwhile() {
    everywhere(|team| {
        let pair = shared(false);
        let theirs = pair.clone();
        let waits = team.spawn(move || {
            let guard = theirs.0.lock().unwrap_or_else(|error| error.into_inner());
            match theirs.1.wait_while(guard, |is_set| !*is_set) {
                Ok(_) => false,
                Err(error) => *error.into_inner(),
            }
        });
        let theirs = pair.clone();
        let falls = team.spawn(move || {
            let mut guard = theirs.0.lock().unwrap_or_else(|error| error.into_inner());
            *guard = true;
            theirs.1.notify_all();
            fall()
        });
        assert!(falls.join().is_err());
        // If the waiter comes late, it does not wait, and is not told.
        let _ = waits.join();
        assert!(pair.0.is_poisoned());
    });
}

#[test]
fn a_condition_that_panics_poisons_the_mutex() {
    everywhere(|team| {
        let pair = shared(());
        let theirs = pair.clone();
        let member = team.spawn(move || {
            let guard = theirs.0.lock().expect("nobody has panicked");
            drop(theirs.1.wait_while(guard, |()| fall()));
        });
        assert!(member.join().is_err());
        assert!(pair.0.is_poisoned());
    });
}
