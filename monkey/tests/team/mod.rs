//! How the tests of patched calls run: bounded, and the same program in real threads and in virtual ones; and victims.

#![allow(dead_code, reason = "each program uses some of it")]

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::ptr::null;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gevent_monkey::{stats, take_exception};
use gevent_threading::{Builder, JoinHandle, yield_now};
use greenlet_core::{GreenletExit, greenlets};
use libc::{c_int, ssize_t};

/// No test hangs for longer.
const LONGEST: Duration = Duration::from_secs(240);

/// Who runs a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Team {
    /// Threads of the operating system's, whose calls block in the kernel.
    Real,
    /// Virtual threads, all of one thread.
    Virtual,
}

pub(crate) enum Job<T> {
    Real(thread::JoinHandle<T>),
    Virtual(JoinHandle<T>),
}

impl Team {
    pub(crate) fn spawn<T: Send + 'static>(self, f: impl FnOnce() -> T + Send + 'static) -> Job<T> {
        match self {
            Team::Real => Job::Real(thread::spawn(f)),
            Team::Virtual => Job::Virtual(gevent_threading::spawn(f)),
        }
    }
}

impl<T> Job<T> {
    pub(crate) fn join(self) -> T {
        let ended = match self {
            Job::Real(thread) => thread.join(),
            Job::Virtual(thread) => thread.join(),
        };
        ended.unwrap_or_else(|payload: Box<dyn Any + Send>| resume_unwind(payload))
    }
}

/// Runs a test while no other one runs, in a thread that carries virtual threads, with everything patched.
pub(crate) fn test(f: impl FnOnce() + Send + 'static) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    gevent_monkey::patch_sys().unwrap();
    bounded(f);
}

/// What a function returns in a thread of its own, while calls are patched. Ends the process if that takes for ever.
pub(crate) fn bounded<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    gevent_monkey::patch_all().unwrap();
    let (end, ended) = channel::<()>();
    let thread = thread::spawn(move || {
        let _ends = end;
        f()
    });
    if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LONGEST) {
        eprintln!("a test hangs: {:?}", thread::current().name());
        std::process::abort();
    }
    thread.join().unwrap_or_else(|payload| resume_unwind(payload))
}

/// Runs a program in real threads, and in virtual ones. What it returns has to be the same.
#[track_caller]
pub(crate) fn as_in_threads<T: PartialEq + Debug + Send + 'static>(
    program: impl Fn(Team) -> T + Copy + Send + 'static,
) -> T {
    let real = bounded(move || program(Team::Real));
    let virtually = bounded(move || Team::Virtual.spawn(move || program(Team::Virtual)).join());
    assert_eq!(virtually, real, "virtual threads are on the left");
    real
}

/// Runs a function in a real thread, and in a virtual one. What it returns has to be the same.
#[track_caller]
pub(crate) fn as_in_thread<T: PartialEq + Debug + Send + 'static>(f: fn() -> T) -> T {
    as_in_threads(move |_| f())
}

/// What a system call has returned: a number, or the number of an error.
pub(crate) fn result(returned: ssize_t) -> Result<usize, c_int> {
    usize::try_from(returned).map_err(|_| io::Error::last_os_error().raw_os_error().unwrap())
}

/// Lets the virtual threads run until it is so.
pub(crate) fn until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LONGEST / 2, "it never is");
        yield_now();
        thread::yield_now();
    }
}

/// How many descriptors the process has.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Begins a virtual thread, and returns when it is parked in a patched call.
pub(crate) fn parked<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let before = stats();
    let thread = Builder::new().name("victim".into()).spawn(f).unwrap();
    until(|| stats().waiting > before.waiting);
    thread
}

/// Kills the virtual thread that was [parked] last.
pub(crate) fn kill() {
    let all = greenlets().into_iter();
    let victim = all
        .filter(|greenlet| greenlet.name().as_deref() == Some("victim"))
        .last();
    hub::kill(&victim.unwrap(), GreenletExit).unwrap();
}

/// What a call returns whose caller is killed while it is parked, and the `errno`. Nothing is left of it.
pub(crate) fn killed<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> (T, Option<i32>) {
    // The hub is made, and what it keeps.
    gevent_threading::spawn(|| thread::sleep(Duration::from_millis(1)))
        .join()
        .unwrap();
    let (waiting, open) = (stats().waiting, descriptors());
    let victim = parked(|| {
        let value = call();
        let errno = std::io::Error::last_os_error().raw_os_error();
        let thrown = take_exception().expect("it was thrown");
        assert!(thrown.is_exit());
        // The next calls are as usual.
        thread::sleep(Duration::from_millis(1));
        (value, errno)
    });
    kill();
    let result = victim.join().unwrap();
    until(|| stats().waiting == waiting && descriptors() <= open);
    result
}

/// Has a thread end by `hub::run` while a virtual thread of its is parked in a call. Nothing is left of it.
pub(crate) fn dropped<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) {
    let (waiting, open) = (stats().waiting, descriptors());
    bounded(move || {
        let ended = hub::run(move || {
            let _detached = parked(call);
        });
        ended.unwrap();
    });
    until(|| stats().waiting == waiting && descriptors() <= open);
}

pub(crate) fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// The signal mask of this thread, with these signals.
pub(crate) fn mask(blocked: &[c_int]) -> libc::sigset_t {
    // SAFETY: the calls write the set; which signals there are is known.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, null(), &raw mut set);
        for signal in blocked {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}

pub(crate) fn milliseconds(count: i64) -> libc::timespec {
    libc::timespec {
        tv_sec: 0,
        tv_nsec: count * 1_000_000,
    }
}
