//! Futexes and semaphores. Their callers have no place for an error, so that a wait goes on, whatever is thrown.

use std::cell::RefCell;
use std::ptr::{null, with_exposed_provenance_mut};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::thread;

use libc::{c_int, clockid_t, sem_t, timespec};

use crate::row::{Case, Row, Thrown, done};

/// A call that waits until something is given.
fn waits(call: impl FnOnce() + Send + 'static, give: impl FnOnce() + 'static) -> Case {
    let call = || {
        call();
        Ok(())
    };
    Case::new(call, give)
}

/// The carrier holds a guard, and drops it.
fn mutex() -> Case {
    let mutex: &'static Mutex<u32> = Box::leak(Box::default());
    let guard = mutex.lock().unwrap();
    waits(|| *mutex.lock().unwrap() += 1, move || drop(guard))
}

fn rw_lock() -> Case {
    let lock: &'static RwLock<u32> = Box::leak(Box::default());
    let guard = lock.read().unwrap();
    waits(|| *lock.write().unwrap() += 1, move || drop(guard))
}

fn condvar() -> Case {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = shared.clone();
    waits(
        move || {
            let flag = theirs.0.lock().unwrap();
            drop(theirs.1.wait_while(flag, |flag| !*flag).unwrap());
        },
        move || {
            *shared.0.lock().unwrap() = true;
            shared.1.notify_one();
        },
    )
}

/// Somebody else comes to the barrier.
fn barrier() -> Case {
    let barrier = Arc::new(Barrier::new(2));
    let theirs = barrier.clone();
    waits(move || _ = theirs.wait(), move || _ = barrier.wait())
}

fn channel() -> Case {
    let (sender, receiver) = sync_channel(1);
    waits(
        move || assert_eq!(receiver.recv(), Ok(7)),
        move || sender.send(7).unwrap(),
    )
}

fn full_channel() -> Case {
    let (sender, receiver) = sync_channel(1);
    sender.send(1).unwrap();
    let receiver = Rc::new(receiver);
    let kept = receiver.clone();
    let case = waits(
        move || sender.send(2).unwrap(),
        move || assert_eq!(receiver.recv(), Ok(1)),
    );
    case.checked(move |_| assert_eq!(kept.try_recv(), Ok(2)))
}

fn park() -> Case {
    let (sender, receiver) = std::sync::mpsc::channel();
    waits(
        move || {
            sender.send(thread::current()).unwrap();
            thread::park();
        },
        move || receiver.recv().unwrap().unpark(),
    )
}

/// A word for which the kernel is asked, by a real thread.
fn shared_word() -> Case {
    let word: &'static AtomicU32 = Box::leak(Box::default());
    let futex = move |operation: i32, value: u32| {
        // SAFETY: the word stays, and there is no time.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, null::<()>()) }
    };
    waits(
        move || {
            while word.load(Ordering::SeqCst) == 0 {
                futex(libc::FUTEX_WAIT, 0);
            }
        },
        move || {
            word.store(1, Ordering::SeqCst);
            futex(libc::FUTEX_WAKE, 1);
        },
    )
}

/// A real thread is in the function.
fn once() -> Case {
    let once = Arc::new(Once::new());
    let (enter, entered) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let first = once.clone();
    let thread = thread::spawn(move || {
        first.call_once(|| {
            enter.send(()).unwrap();
            _ = left.recv();
        });
    });
    entered.recv().unwrap();
    let thread = RefCell::new(Some(thread));
    waits(
        move || once.call_once(|| unreachable!("it was called")),
        move || {
            drop(leave);
            thread.take().expect("once").join().unwrap();
        },
    )
}

/// A semaphore, for which the C library is asked, by a real thread.
fn semaphore(wait: fn(*mut sem_t) -> c_int) -> Case {
    // SAFETY: zeros are a place for one.
    let semaphore: &'static mut sem_t = Box::leak(Box::new(unsafe { std::mem::zeroed() }));
    let address = (&raw mut *semaphore).expose_provenance();
    let semaphore = move || with_exposed_provenance_mut::<sem_t>(address);
    // SAFETY: the place stays, and nobody has begun to use it.
    assert_eq!(unsafe { libc::sem_init(semaphore(), 0, 0) }, 0);
    let case = Case::new(
        move || done(wait(semaphore())).map(drop),
        // SAFETY: it is a semaphore.
        move || assert_eq!(unsafe { libc::sem_post(semaphore()) }, 0),
    );
    case.checked(move |succeeded| {
        // What was posted was taken by the call, or by nobody.
        // SAFETY: it is a semaphore.
        let is_left = unsafe { libc::sem_trywait(semaphore()) } == 0;
        assert_eq!(is_left, !succeeded);
    })
}

/// The end of time.
static NEVER: timespec = timespec {
    tv_sec: i32::MAX as i64,
    tv_nsec: 0,
};

unsafe extern "C" {
    fn sem_clockwait(semaphore: *mut sem_t, clock: clockid_t, time: *const timespec) -> c_int;
}

fn sem_wait() -> Case {
    // SAFETY: it is a semaphore.
    semaphore(|semaphore| unsafe { libc::sem_wait(semaphore) })
}

fn sem_timedwait() -> Case {
    // SAFETY: it is a semaphore, and a time.
    semaphore(|semaphore| unsafe { libc::sem_timedwait(semaphore, &raw const NEVER) })
}

fn sem_clockwait_() -> Case {
    // SAFETY: it is a semaphore, and a time.
    semaphore(|semaphore| unsafe { sem_clockwait(semaphore, libc::CLOCK_MONOTONIC, &raw const NEVER) })
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |what, make| Row::new("syscall", make).with(what).thrown(Thrown::GoesOn);
    vec![
        row("Mutex", mutex),
        row("RwLock", rw_lock),
        row("Condvar", condvar),
        row("Barrier", barrier),
        row("recv of a channel", channel).blocks_greenlets(),
        row("send to a full channel", full_channel).blocks_greenlets(),
        row("thread::park", park).blocks_greenlets(),
        row("Once", once),
        row("a word that processes share", shared_word),
        Row::new("sem_wait", sem_wait).thrown(Thrown::GoesOn),
        Row::new("sem_timedwait", sem_timedwait).thrown(Thrown::GoesOn),
        Row::new("sem_clockwait", sem_clockwait_).thrown(Thrown::GoesOn),
    ]
}
