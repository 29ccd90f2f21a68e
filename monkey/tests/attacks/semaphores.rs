//! Semaphores of POSIX: who posts is a virtual thread, a real one, another process, or a signal handler.

use std::io;
use std::mem::zeroed;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use gevent_monkey::{real_threads, take_exception};
use greenlet_core::GreenletExit;
use libc::{c_int, sem_t, timespec};

use crate::{in_virtual_thread, kill_victims, victim};

unsafe extern "C" {
    fn sem_clockwait(semaphore: *mut sem_t, clock: libc::clockid_t, time: *const timespec) -> c_int;
}

/// A semaphore in memory that the children of forks share.
#[derive(Clone, Copy)]
struct Semaphore(*mut sem_t);

// SAFETY: that is what semaphores are for; the memory stays.
unsafe impl Send for Semaphore {}
// SAFETY: as above.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    fn new(is_shared: bool, value: u32) -> Semaphore {
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: the memory is new.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, kind, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        let semaphore = Semaphore(memory.cast());
        // SAFETY: there is room for one.
        assert_eq!(unsafe { libc::sem_init(semaphore.0, is_shared.into(), value) }, 0);
        semaphore
    }

    fn wait(self) -> io::Result<()> {
        // SAFETY: it is one, and stays.
        told(unsafe { libc::sem_wait(self.0) })
    }

    fn wait_by_clock(self, time: timespec) -> io::Result<()> {
        // SAFETY: as above, and the time is a variable.
        told(unsafe { sem_clockwait(self.0, libc::CLOCK_MONOTONIC, &raw const time) })
    }

    fn wait_until(self, time: timespec) -> io::Result<()> {
        // SAFETY: as above.
        told(unsafe { libc::sem_timedwait(self.0, &raw const time) })
    }

    fn post(self) {
        // SAFETY: as above.
        assert_eq!(unsafe { libc::sem_post(self.0) }, 0);
    }

    fn value(self) -> c_int {
        let mut value = -1;
        // SAFETY: as above.
        unsafe { libc::sem_getvalue(self.0, &raw mut value) };
        value
    }
}

fn told(result: c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The time by a clock, and some more.
fn in_milliseconds(clock: libc::clockid_t, more: i64) -> timespec {
    // SAFETY: a time is two numbers.
    let mut time: timespec = unsafe { zeroed() };
    // SAFETY: the place is a variable's.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let nanoseconds = time.tv_nsec + more * 1_000_000;
    timespec {
        tv_sec: time.tv_sec + nanoseconds.div_euclid(1_000_000_000),
        tv_nsec: nanoseconds.rem_euclid(1_000_000_000),
    }
}

/// If a wait blocked the carrier, nobody would post.
#[test]
fn virtual_threads_of_one_carrier_post_and_wait() {
    in_virtual_thread(|| {
        let (ping, pong) = (Semaphore::new(false, 0), Semaphore::new(false, 0));
        let echo = thread::spawn(move || {
            for _ in 0..100 {
                ping.wait().unwrap();
                pong.post();
            }
        });
        for _ in 0..100 {
            ping.post();
            pong.wait().unwrap();
        }
        echo.join().unwrap();
        assert_eq!((ping.value(), pong.value()), (0, 0));
    });
}

#[test]
fn real_threads_and_virtual_ones_share_a_semaphore() {
    in_virtual_thread(|| {
        let semaphore = Semaphore::new(false, 3);
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = {
            let (inside, most) = (inside.clone(), most.clone());
            move || {
                for _ in 0..10 {
                    semaphore.wait().unwrap();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    sleep(Duration::from_micros(100));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    semaphore.post();
                }
            }
        };
        let mut threads: Vec<_> = (0..20).map(|_| thread::spawn(work.clone())).collect();
        threads.extend((0..4).map(|_| real_threads(|| thread::spawn(work.clone()))));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(most.load(Ordering::SeqCst) <= 3, "{most:?}");
        assert_eq!(semaphore.value(), 3);
    });
}

#[test]
fn another_process_posts() {
    in_virtual_thread(|| {
        let (begin, end) = (Semaphore::new(true, 0), Semaphore::new(true, 0));
        // SAFETY: the child makes calls that it may make, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above.
            unsafe {
                libc::alarm(240);
                while libc::sem_wait(begin.0) != 0 {}
                libc::sem_post(end.0);
                libc::_exit(0);
            }
        }
        let waits = thread::spawn(move || end.wait().unwrap());
        thread::yield_now();
        begin.post();
        waits.join().unwrap();
        let mut status = -1;
        // SAFETY: the place is a variable's.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
    });
}

/// As the crate ctrlc does: a thread waits for what the handler of a signal posts.
#[test]
fn a_signal_handler_posts() {
    static POSTED: std::sync::OnceLock<Semaphore> = std::sync::OnceLock::new();
    extern "C" fn post(_: c_int) {
        if let Some(semaphore) = POSTED.get() {
            semaphore.post();
        }
    }
    in_virtual_thread(|| {
        let semaphore = *POSTED.get_or_init(|| Semaphore::new(false, 0));
        // Without SA_RESTART, so that it would end a wait of the kernel's.
        // SAFETY: an action is numbers, and a function that stays.
        unsafe {
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = post as *const () as usize;
            assert_eq!(
                libc::sigaction(libc::SIGXFSZ, &raw const action, std::ptr::null_mut()),
                0
            );
        }
        for _ in 0..20 {
            let waits = thread::spawn(move || semaphore.wait());
            thread::yield_now();
            // SAFETY: the signal has a handler.
            unsafe { libc::kill(libc::getpid(), libc::SIGXFSZ) };
            waits.join().unwrap().unwrap();
        }
        assert_eq!(semaphore.value(), 0);
    });
}

#[test]
fn waits_with_a_time_end() {
    in_virtual_thread(|| {
        let semaphore = Semaphore::new(false, 1);
        let timed = move |more| {
            let ended = semaphore.wait_until(in_milliseconds(libc::CLOCK_REALTIME, more));
            ended.map_err(|error| error.raw_os_error())
        };
        // A free one is taken whatever the time.
        assert_eq!(timed(-1000), Ok(()));
        assert_eq!(timed(-1000), Err(Some(libc::ETIMEDOUT)));
        let waits = thread::spawn(move || timed(5));
        assert_eq!(waits.join().unwrap(), Err(Some(libc::ETIMEDOUT)));
        let waits = thread::spawn(move || semaphore.wait_by_clock(in_milliseconds(libc::CLOCK_MONOTONIC, 60_000)));
        thread::yield_now();
        semaphore.post();
        waits.join().unwrap().unwrap();
        let time = in_milliseconds(libc::CLOCK_REALTIME, 0);
        let bad = timespec { tv_nsec: -1, ..time };
        let refused = semaphore.wait_until(bad).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
    });
}

/// What is thrown into a wait is kept, and no post is lost.
#[test]
fn a_killed_wait_goes_on() {
    in_virtual_thread(|| {
        static STEP: AtomicI32 = AtomicI32::new(0);
        let semaphore = Semaphore::new(false, 0);
        let waits = victim(move || {
            STEP.store(1, Ordering::SeqCst);
            semaphore.wait().unwrap();
            STEP.store(2, Ordering::SeqCst);
            take_exception().is_some_and(|exception| exception.is::<GreenletExit>())
        });
        while STEP.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        gevent_threading::on_carrier(|| kill_victims(|| GreenletExit));
        sleep(Duration::from_millis(2));
        assert_eq!(STEP.load(Ordering::SeqCst), 1);
        semaphore.post();
        assert!(waits.join().unwrap());
        assert_eq!(semaphore.value(), 0);
    });
}
