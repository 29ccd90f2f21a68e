//! The end of a process, and its copies, while others are parked.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, sleep};
use std::time::Duration;

use crate::{bound, in_virtual_thread};

const EXITS: &str = "GEVENT_MONKEY_TEST_ATTACKS_EXITS";

#[test]
fn the_process_exits_while_others_are_parked() {
    if std::env::var_os(EXITS).is_some() {
        in_virtual_thread(|| {
            let mutex = Arc::new(Mutex::new(()));
            let guard = mutex.lock().unwrap();
            let (_send, receive) = mpsc::channel::<()>();
            let (mut one, _other) = UnixStream::pair().unwrap();
            let theirs = mutex.clone();
            thread::spawn(move || drop(theirs.lock()));
            thread::spawn(move || receive.recv());
            thread::spawn(move || one.read(&mut [0]));
            thread::spawn(|| sleep(Duration::from_secs(1000)));
            thread::spawn(|| Command::new("sleep").arg("2").status());
            sleep(Duration::from_millis(20));
            print!("unflushed");
            let _guard = guard;
            std::process::exit(7);
        });
    }
    let _bound = bound();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ends::the_process_exits_while_others_are_parked",
            "--nocapture",
        ])
        .env(EXITS, "1")
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stdout).contains("unflushed"));
}

/// Handlers of forks that were registered earlier lock and unlock what others wait for.
#[test]
fn handlers_of_forks_use_locks() {
    static LOCK: Mutex<u32> = Mutex::new(0);
    thread_local! {
        static HELD: std::cell::RefCell<Option<std::sync::MutexGuard<'static, u32>>> = const { std::cell::RefCell::new(None) };
    }
    extern "C" fn before() {
        HELD.set(LOCK.lock().ok());
    }
    extern "C" fn after() {
        HELD.set(None);
    }
    if std::env::var_os(EXITS).is_some() {
        let _bound = bound();
        // SAFETY: the functions stay.
        unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
        in_virtual_thread(|| {
            let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let stop = stop.clone();
                    gevent_monkey::real_threads(|| {
                        thread::spawn(move || {
                            let threads: Vec<_> = (0..5)
                                .map(|_| {
                                    let stop = stop.clone();
                                    gevent_threading::spawn(move || {
                                        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                                            let mut guard = LOCK.lock().unwrap();
                                            *guard += 1;
                                            sleep(Duration::from_micros(1));
                                            drop(guard);
                                            thread::yield_now();
                                        }
                                    })
                                })
                                .collect();
                            threads.into_iter().for_each(|thread| thread.join().unwrap());
                        })
                    })
                })
                .collect();
            for _ in 0..100 {
                // SAFETY: the child ends at once.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    // SAFETY: no conditions.
                    unsafe { libc::_exit(0) };
                }
                let mut status = -1;
                // SAFETY: the place is a variable's.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                assert_eq!(status, 0);
                thread::yield_now();
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        return;
    }
    let ended = Command::new("timeout")
        .arg("30")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "ends::handlers_of_forks_use_locks", "--nocapture"])
        .env(EXITS, "1")
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

/// The child of a fork closes what the parent waits for.
#[test]
fn a_child_closes_what_its_parent_waits_for() {
    in_virtual_thread(|| {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let fd = one.as_raw_fd();
        let reader = thread::spawn(move || {
            let mut byte = [0];
            one.read_exact(&mut byte).unwrap();
            byte[0]
        });
        thread::yield_now();
        sleep(Duration::from_millis(1));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        // Another carrier uses the same lists.
        let theirs = stop.clone();
        let busy = gevent_monkey::real_threads(|| {
            thread::spawn(move || {
                let thread = gevent_threading::spawn(move || {
                    let (mut one, mut other) = UnixStream::pair().unwrap();
                    let echo = gevent_threading::spawn(move || {
                        let mut byte = [0];
                        while other.read_exact(&mut byte).is_ok() {
                            other.write_all(&byte).unwrap();
                        }
                    });
                    while !theirs.load(std::sync::atomic::Ordering::Relaxed) {
                        one.write_all(&[1]).unwrap();
                        one.read_exact(&mut [0]).unwrap();
                    }
                    drop(one);
                    echo.join().unwrap();
                });
                thread.join().unwrap();
            })
        });
        for _ in 0..300 {
            // SAFETY: the child makes calls that it may make, and ends.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: as above.
                unsafe {
                    libc::alarm(240);
                    (3..64).for_each(|fd| _ = libc::close(fd));
                    libc::dup2(1, fd);
                    libc::_exit(0);
                }
            }
            let mut status = -1;
            // SAFETY: the place is a variable's.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        busy.join().unwrap();
        other.write_all(&[9]).unwrap();
        assert_eq!(reader.join().unwrap(), 9);
    });
}

/// A carrier ends while its virtual threads are parked for what others wait for, too.
#[test]
fn waiters_of_a_carrier_that_is_gone_take_no_turns() {
    let _bound = bound();
    gevent_monkey::patch_all().unwrap();
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.lock().unwrap();
    let theirs = mutex.clone();
    thread::spawn(move || {
        let _ = hub::run(move || {
            for _ in 0..3 {
                let mutex = theirs.clone();
                gevent_threading::spawn(move || *mutex.lock().unwrap() += 1);
            }
            gevent_threading::sleep(Duration::from_millis(2));
        });
    })
    .join()
    .unwrap();
    let theirs = mutex.clone();
    let last = thread::spawn(move || {
        gevent_threading::spawn(move || *theirs.lock().unwrap() += 10)
            .join()
            .unwrap();
    });
    sleep(Duration::from_millis(5));
    drop(guard);
    last.join().unwrap();
    assert_eq!(*mutex.lock().unwrap() / 10, 1);
}
