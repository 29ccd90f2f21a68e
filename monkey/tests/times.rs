//! Sleeps in virtual threads.

use std::thread;
use std::time::{Duration, Instant};

use gevent_threading::spawn;

/// Sleepers sleep at the same time; none returns before its time.
#[test]
fn sleeps_overlap() {
    gevent_monkey::patch_time().unwrap();
    let parked = gevent_monkey::stats().parked;
    let sleepers: Vec<_> = (0..100)
        .map(|_| {
            spawn(|| {
                let started = Instant::now();
                thread::sleep(Duration::from_millis(30));
                started.elapsed()
            })
        })
        .collect();
    let started = Instant::now();
    for sleeper in sleepers {
        assert!(sleeper.join().unwrap() >= Duration::from_millis(30));
    }
    assert!(gevent_monkey::stats().parked >= parked + 100);
    assert!(started.elapsed() < Duration::from_millis(30 * 100));
}
