//! Sleeps in virtual threads.

mod team;

use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gevent_monkey::stats;
use gevent_threading::spawn;
use libc::{c_int, clockid_t, timespec};
use team::{as_in_thread, dropped, killed, test};

/// Sleepers sleep at the same time; none returns before its time.
#[test]
fn sleeps_overlap() {
    test(|| {
        let parked = stats().parked;
        let sleeps: [fn(); 5] = [
            || thread::sleep(Duration::from_millis(30)),
            // SAFETY: the function has no conditions.
            || assert_eq!(unsafe { libc::usleep(30_000) }, 0),
            || assert_eq!(clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &milliseconds(30)), 0),
            || {
                assert_eq!(
                    clock_nanosleep(libc::CLOCK_REALTIME, libc::TIMER_ABSTIME, &soon(libc::CLOCK_REALTIME)),
                    0
                )
            },
            || {
                assert_eq!(
                    clock_nanosleep(libc::CLOCK_BOOTTIME, libc::TIMER_ABSTIME, &soon(libc::CLOCK_BOOTTIME)),
                    0
                )
            },
        ];
        static ASLEEP: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let sleepers: Vec<_> = (0..100)
            .map(|number| {
                spawn(move || {
                    let started = Instant::now();
                    let asleep = ASLEEP.fetch_add(1, Ordering::Relaxed) + 1;
                    MOST.fetch_max(asleep, Ordering::Relaxed);
                    sleeps[number % sleeps.len()]();
                    ASLEEP.fetch_sub(1, Ordering::Relaxed);
                    started.elapsed()
                })
            })
            .collect();
        for sleeper in sleepers {
            assert!(sleeper.join().unwrap() >= Duration::from_millis(29));
        }
        assert!(stats().parked >= parked + 100);
        // Not one after the other.
        assert!(MOST.load(Ordering::Relaxed) > 1);
    });
}

fn milliseconds(count: i64) -> timespec {
    timespec {
        tv_sec: 0,
        tv_nsec: count * 1_000_000,
    }
}

/// 30 milliseconds from now.
fn soon(clock: clockid_t) -> timespec {
    let mut time = milliseconds(0);
    // SAFETY: the time is a variable.
    assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut time) }, 0);
    time.tv_nsec += 30_000_000;
    time.tv_sec += time.tv_nsec / 1_000_000_000;
    time.tv_nsec %= 1_000_000_000;
    time
}

fn clock_nanosleep(clock: clockid_t, flags: c_int, time: &timespec) -> c_int {
    // SAFETY: the time is a variable, and there is no place for what is left.
    unsafe { libc::clock_nanosleep(clock, flags, time, null_mut()) }
}

#[test]
fn what_the_kernel_refuses_is_refused() {
    test(|| {
        for nanoseconds in [-1, 1_000_000_000] {
            let time = timespec {
                tv_sec: 0,
                tv_nsec: nanoseconds,
            };
            let refused = spawn(move || {
                // SAFETY: the time is a variable.
                let slept = unsafe { libc::nanosleep(&raw const time, null_mut()) };
                let errno = std::io::Error::last_os_error().raw_os_error();
                (slept, errno, clock_nanosleep(libc::CLOCK_REALTIME, 0, &time))
            });
            assert_eq!(refused.join().unwrap(), (-1, Some(libc::EINVAL), libc::EINVAL));
        }
        as_in_thread(|| clock_nanosleep(12345, 0, &milliseconds(1)));
        as_in_thread(|| clock_nanosleep(libc::CLOCK_THREAD_CPUTIME_ID, 0, &milliseconds(1)));
        as_in_thread(|| clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &milliseconds(0)));
        // SAFETY: the kernel refuses a time that is nowhere.
        as_in_thread(|| unsafe { libc::nanosleep(null(), null_mut()) });
    });
}

/// Who sleeps does not reckon with a failure: the sleep is over.
#[test]
fn a_kill_ends_each_sleep() {
    test(|| {
        killed(|| thread::sleep(Duration::from_secs(100)));
        killed(|| thread::sleep(Duration::from_secs(100)));
        // SAFETY: the function has no conditions.
        assert_eq!(killed(|| unsafe { libc::sleep(100) }).0, 0);
        // SAFETY: as above.
        assert_eq!(killed(|| unsafe { libc::usleep(100_000_000) }).0, 0);
        let late = timespec {
            tv_sec: i64::MAX / 2,
            tv_nsec: 0,
        };
        let sleeps = move || clock_nanosleep(libc::CLOCK_REALTIME, libc::TIMER_ABSTIME, &late);
        assert_eq!(killed(sleeps).0, 0);
        dropped(|| thread::sleep(Duration::from_secs(100)));
    });
}
