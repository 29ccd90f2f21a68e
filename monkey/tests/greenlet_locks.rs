//! Plain greenlets in std's locks and channels, which are patched for them. These tests run under AddressSanitizer,
//! too.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use gevent::threadpool::HubExt;
use greenlet_core::{Exception, RawGreenlet};
use hub::spawn_raw;

fn patch() {
    // SAFETY: the greenlets of these tests use std's locks, channels and files, parking_lot's locks, and the thread
    // pool.
    unsafe { gevent_monkey::greenlets::patch_all() };
}

/// Runs a test in a thread of its own, whose greenlets are unwound at its end.
fn in_thread(test: fn()) {
    patch();
    let thread = thread::spawn(move || gevent::run(test).unwrap());
    thread.join().unwrap();
}

fn greenlet(f: impl FnOnce() + 'static) -> RawGreenlet {
    let greenlet = spawn_raw(move || {
        f();
        Ok(())
    });
    greenlet.unwrap()
}

/// Lets the greenlets run until all have ended.
fn join(greenlets: &[RawGreenlet]) {
    while !greenlets.iter().all(RawGreenlet::dead) {
        hub::sleep(Duration::from_millis(1)).unwrap();
    }
}

#[test]
fn greenlets_wait_for_each_other_and_for_threads() {
    in_thread(|| {
        let state = Arc::new((Mutex::new(0), Condvar::new(), parking_lot::Mutex::new(0)));
        let work = |number: usize, turns: usize, state: Arc<(Mutex<usize>, Condvar, parking_lot::Mutex<usize>)>| {
            move || {
                for turn in 0..turns {
                    let mut guard = state.0.lock().unwrap();
                    let old = *guard;
                    if number.is_multiple_of(2) && turn % 8 == 0 {
                        thread::sleep(Duration::from_micros(100));
                    }
                    *guard = old + 1;
                    state.1.notify_all();
                    drop(guard);
                    *state.2.lock() += 1;
                }
            }
        };
        let real: Vec<_> = (0..2)
            .map(|number| thread::spawn(work(number, 200, state.clone())))
            .collect();
        let mut greenlets: Vec<_> = (0..10)
            .map(|number| greenlet(work(number, 40, state.clone())))
            .collect();
        let theirs = state.clone();
        greenlets.push(greenlet(move || {
            let guard = theirs
                .1
                .wait_while(theirs.0.lock().unwrap(), |count| *count < 800)
                .unwrap();
            assert!(*guard >= 800);
        }));
        join(&greenlets);
        real.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((*state.0.lock().unwrap(), *state.2.lock()), (800, 800));
    });
}

/// A channel that is empty blocks the thread with all its greenlets, which have one token of `park` in common. So the
/// values come from threads that wait for none of them.
#[test]
fn greenlets_receive_what_threads_send() {
    in_thread(|| {
        const VALUES: usize = 300;
        let sums = Arc::new(AtomicUsize::new(0));
        let (mut greenlets, mut threads) = (Vec::new(), Vec::new());
        for number in 0..6 {
            let (send, receive) = mpsc::channel();
            let (other_send, other_receive) = crossbeam_channel::unbounded();
            threads.push(thread::spawn(move || {
                for value in 0..VALUES {
                    send.send(value).unwrap();
                    other_send.send(value).unwrap();
                    if value % 32 == number {
                        thread::sleep(Duration::from_micros(300));
                    }
                }
            }));
            let theirs = sums.clone();
            greenlets.push(greenlet(move || {
                for value in receive {
                    theirs.fetch_add(value, Ordering::Relaxed);
                    if value % 50 == 0 {
                        // Some waits end by their time.
                        let (_send, never) = mpsc::channel::<()>();
                        never.recv_timeout(Duration::from_micros(200)).unwrap_err();
                    }
                }
            }));
            let theirs = sums.clone();
            greenlets.push(greenlet(move || {
                other_receive
                    .iter()
                    .for_each(|value| _ = theirs.fetch_add(value, Ordering::Relaxed));
            }));
        }
        join(&greenlets);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(sums.load(Ordering::Relaxed), 12 * VALUES * (VALUES - 1) / 2);
    });
}

#[test]
fn a_hundred_thousand_jobs_of_the_thread_pool() {
    in_thread(|| {
        let jobs = std::env::var("MONKEY_JOBS").map_or(20_000, |jobs| jobs.parse::<usize>().unwrap());
        let done = Arc::new(AtomicUsize::new(0));
        let greenlets: Vec<_> = (0..50)
            .map(|number| {
                let done = done.clone();
                greenlet(move || {
                    let hub = gevent::get_hub();
                    for job in 0..jobs / 50 {
                        let done = done.clone();
                        let work = move || {
                            done.fetch_add(1, Ordering::Relaxed);
                            Ok::<_, Exception>(number + job)
                        };
                        assert_eq!(hub.threadpool().apply(work).unwrap(), number + job);
                    }
                })
            })
            .collect();
        join(&greenlets);
        assert_eq!(done.load(Ordering::Relaxed), jobs / 50 * 50);
    });
}

/// A log that all greenlets and threads write, one line at a time.
#[test]
fn a_log_has_whole_lines() {
    in_thread(|| {
        let (read, write) = std::io::pipe().unwrap();
        let log = Arc::new(Mutex::new(std::io::BufWriter::with_capacity(64, write)));
        let writer = |number: usize| {
            let log = log.clone();
            move || {
                for line in 0..200 {
                    let mut log = log.lock().unwrap();
                    write!(log, "{number} says ").unwrap();
                    writeln!(log, "{line} once more, so that the pipe is full now and then {line}").unwrap();
                }
            }
        };
        let threads: Vec<_> = (0..2).map(|number| thread::spawn(writer(number))).collect();
        let greenlets: Vec<_> = (2..10).map(|number| greenlet(writer(number))).collect();
        drop(log);
        let reader = thread::spawn(move || {
            let text = std::io::read_to_string(read).unwrap();
            let well = text
                .lines()
                .filter(|line| line.contains(" says ") && line.matches("once").count() == 1);
            well.count()
        });
        join(&greenlets);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(reader.join().unwrap(), 2000);
    });
}

/// A kill is kept until the lock is there; a greenlet whose handles are dropped goes on.
#[test]
fn kills_and_drops_lose_no_wake_up() {
    in_thread(|| {
        let mutex = Arc::new(Mutex::new(0));
        let locks = |told: fn() -> bool| {
            let mutex = mutex.clone();
            greenlet(move || {
                *mutex.lock().unwrap() += 1;
                assert!(told());
            })
        };
        let guard = mutex.lock().unwrap();
        let killed = locks(|| gevent_monkey::take_exception().is_some_and(|exception| exception.is_exit()));
        let dropped = locks(|| true);
        let next = locks(|| gevent_monkey::take_exception().is_none());
        hub::sleep(0).unwrap();
        hub::kill(&killed, greenlet_core::GreenletExit).unwrap();
        hub::sleep(0).unwrap();
        drop(dropped);
        hub::sleep(0).unwrap();
        assert!(!killed.dead());
        drop(guard);
        join(&[killed, next]);
        assert_eq!(*mutex.lock().unwrap(), 3);
    });
}

/// What waits when its hub ends cannot be unwound, and stays for ever; the next one in line is woken.
#[test]
fn who_ends_with_his_hub_takes_no_wake_up() {
    static PAIR: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());
    in_thread(|| {
        let waiter = greenlet(|| drop(PAIR.1.wait_while(PAIR.0.lock().unwrap(), |_| true)));
        hub::sleep(0).unwrap();
        assert!(!waiter.dead());
    });
    in_thread(|| {
        let next = greenlet(|| {
            let mut guard = PAIR.0.lock().unwrap();
            while *guard == 0 {
                guard = PAIR.1.wait(guard).unwrap();
            }
        });
        hub::sleep(0).unwrap();
        *PAIR.0.lock().unwrap() = 1;
        PAIR.1.notify_one();
        join(&[next]);
    });
}
