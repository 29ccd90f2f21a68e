//! futex(2), and what the tests share.

use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gevent_threading::{Builder, JoinHandle, spawn};

/// Only one test runs at a time, as they count who waits. Patches what they need.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    gevent_monkey::patch_all().unwrap();
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test in a virtual thread. Afterwards nobody waits who has not before.
pub(crate) fn in_virtual_thread(test: impl FnOnce() + Send + 'static) {
    let _alone = alone();
    let before = gevent_monkey::stats().waiting;
    spawn(test).join().unwrap();
    assert_eq!(gevent_monkey::stats().waiting, before);
}

/// A virtual thread that [`kill`] finds.
pub(crate) fn victim<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name("victim".into()).spawn(f).unwrap()
}

/// Throws a `GreenletExit` into the victim of this carrier. To be called in a virtual thread of it.
pub(crate) fn kill() {
    gevent_threading::on_carrier(|| {
        let all = greenlet_core::greenlets().into_iter();
        let victim = all
            .filter(|greenlet| greenlet.name().as_deref() == Some("victim"))
            .last();
        hub::kill(&victim.unwrap(), greenlet_core::GreenletExit).unwrap();
    });
    std::thread::yield_now();
    std::thread::yield_now();
}

/// Waits until that is so, while the others run.
pub(crate) fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

fn answer(answer: libc::c_long) -> io::Result<u32> {
    match answer {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer as u32),
    }
}

/// A call of futex(2) with all its arguments.
pub(crate) fn futex(
    word: &AtomicU32,
    operation: libc::c_int,
    value: u32,
    time: Option<&libc::timespec>,
    second: Option<&AtomicU32>,
    third: u32,
) -> io::Result<u32> {
    let time = time.map_or(std::ptr::null(), std::ptr::from_ref);
    let second = second.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the words are there, and the time is, if there is one.
    answer(unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, time, second, third) })
}

pub(crate) const PRIVATE: libc::c_int = libc::FUTEX_PRIVATE_FLAG;

pub(crate) fn wait(word: &AtomicU32, value: u32) -> io::Result<u32> {
    futex(word, libc::FUTEX_WAIT | PRIVATE, value, None, None, 0)
}

pub(crate) fn wake(word: &AtomicU32, count: u32) -> u32 {
    futex(word, libc::FUTEX_WAKE | PRIVATE, count, None, None, 0).unwrap()
}

pub(crate) fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: time.subsec_nanos().into(),
    }
}

pub(crate) fn now(clock: libc::clockid_t) -> Duration {
    let mut now = timespec(Duration::ZERO);
    // SAFETY: the call writes the time.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Wakes one after the other, until so many have been woken.
pub(crate) fn wake_all_of(word: &AtomicU32, mut count: u32) {
    while count > 0 {
        let woken = wake(word, 1);
        assert!(woken <= 1);
        count -= woken;
        std::thread::yield_now();
    }
}
