//! Tests that are the same for std's locks and channels, and for those of others.

use crate::team::Team;

/// Tests of the `Mutex`, `RwLock` and `Condvar` of the module that uses this. It has a function that takes the guard
/// out of what a lock returns, and one that waits by a condition variable until something is so.
macro_rules! lock_tests {
    ($guard:ident, $wait:ident) => {
        #[test]
        fn a_mutex_lets_one_in_who_may_wait() {
            everywhere(|team| {
                let mutex = Arc::new(Mutex::new(0));
                let theirs = mutex.clone();
                team.all(12, move |_| {
                    for turn in 0..40 {
                        let mut guard = $guard(theirs.lock());
                        let old = *guard;
                        if turn % 8 == 0 {
                            thread::yield_now();
                        }
                        *guard = old + 1;
                    }
                });
                assert_eq!(*$guard(mutex.lock()), 480);
            });
        }

        #[test]
        fn condition_variables_give_turns() {
            everywhere(|team| {
                const MEMBERS: usize = 6;
                let turn = Arc::new((Mutex::new(0), Condvar::new()));
                let theirs = turn.clone();
                team.all(MEMBERS, move |number| {
                    for round in 0..30 {
                        let mine = round * MEMBERS + number;
                        let guard = $guard(theirs.0.lock());
                        let mut turn = $wait(&theirs.1, guard, |turn| turn == mine);
                        *turn += 1;
                        theirs.1.notify_all();
                    }
                });
                assert_eq!(*$guard(turn.0.lock()), MEMBERS * 30);
            });
        }

        #[test]
        fn readers_share_and_writers_do_not() {
            everywhere(|team| {
                let lock = Arc::new(RwLock::new((0, 0)));
                let theirs = lock.clone();
                team.all(9, move |number| {
                    for _ in 0..20 {
                        if number % 3 == 0 {
                            let mut pair = $guard(theirs.write());
                            pair.0 += 1;
                            thread::yield_now();
                            pair.1 += 1;
                        } else {
                            let pair = $guard(theirs.read());
                            thread::yield_now();
                            assert_eq!(pair.0, pair.1);
                        }
                    }
                });
                assert_eq!(*$guard(lock.read()), (60, 60));
            });
        }
    };
}

pub(crate) use lock_tests;

/// Four members send values into a channel, and some receive them.
pub(crate) fn brings_every_value_once<S: Clone + Send + 'static, R: IntoIterator<Item = u32> + Send + 'static>(
    team: &Team,
    send: S,
    receivers: impl IntoIterator<Item = R>,
    put: fn(&S, u32),
) {
    for number in 0..4 {
        let send = send.clone();
        drop(team.spawn(move || (0..25).for_each(|value| put(&send, number * 25 + value))));
    }
    drop(send);
    let receivers: Vec<_> = receivers
        .into_iter()
        .map(|receive| team.spawn(move || receive.into_iter().collect::<Vec<_>>()))
        .collect();
    let mut all: Vec<_> = receivers.into_iter().flat_map(|receiver| receiver.join()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
}
