//! Tests that both processes go on to use their thread pools after a fork. This program has no other test, because a
//! fork copies the locks of other tests, and stops their threads.

#[path = "support/mod.rs"]
mod support;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "common/this_program.rs"]
mod this_program;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use gevent::threadpool::{LostInForkError, ThreadPool};
use gevent::{get_hub, sleep, spawn};
use support::{LONG, TestResult, bounded};

/// Runs `in_child` in a fork. Returns the child's exit status, which is 0 on success.
fn fork(in_child: impl FnOnce() -> TestResult) -> i32 {
    // SAFETY: the child takes only locks that its own thread uses, and ends by `_exit`.
    let pid = unsafe { libc::fork() };
    assert_ne!(pid, -1);
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(in_child));
        if !matches!(outcome, Ok(Ok(()))) {
            eprintln!("in the child: {outcome:?}");
        }
        // SAFETY: no preconditions.
        unsafe { libc::_exit(i32::from(!matches!(outcome, Ok(Ok(()))))) };
    }
    let mut status = 0;
    // SAFETY: `status` is writable.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

#[test]
fn both_sides_of_a_fork_go_on() -> TestResult {
    if std::env::var(this_program::RUNNER).is_ok() {
        eprintln!("SKIPPED: an emulator of another processor does not survive the fork of a process with threads");
        return Ok(());
    }
    let _bounded = bounded();
    get_hub().set_exception_stream(gevent::hub::ExceptionStream::Discard);
    let pool = ThreadPool::new(2);
    let (release, released) = channel::<()>();
    let lost = pool.spawn(move || released.recv().is_ok())?;
    assert_eq!(pool.apply(|| 1)?, 1);
    let its = lost.clone();
    let waiter = spawn(move || its.get());
    sleep(0)?;

    // The pool notices the fork when the loop is made anew.
    let status = fork(|| {
        get_hub().reinit()?;
        assert!(waiter.get_timeout(LONG).unwrap_err().is::<LostInForkError>());
        assert_eq!((pool.len(), pool.size()), (0, 0));
        assert_eq!(pool.map(|x: i32| x + 1, 0..8)?.len(), 8);
        pool.kill()
    });
    assert_eq!(status, 0);

    // The pool notices the fork when it is used.
    let status = fork(|| {
        get_hub().reinit()?;
        assert_eq!(pool.apply(|| 2)?, 2);
        assert!(lost.get().unwrap_err().is::<LostInForkError>());
        pool.join()
    });
    assert_eq!(status, 0);

    // The fork comes while other threads send to the loop. The loop's lock is free in the child.
    let told = get_hub().loop_().async_()?;
    told.start(|| ())?;
    let (sender, over) = (told.sender(), Arc::new(AtomicBool::new(false)));
    let tells = thread::spawn({
        let over = over.clone();
        move || {
            while !over.load(Ordering::Relaxed) {
                sender.send().expect("the watcher is there");
            }
        }
    });
    for _ in 0..30 {
        sleep(0)?;
        let status = fork(|| {
            get_hub().loop_().async_()?;
            Ok(())
        });
        assert_eq!(status, 0);
    }
    over.store(true, Ordering::Relaxed);
    tells.join().expect("it does not panic");
    told.stop()?;

    // The parent's pool goes on undisturbed.
    release.send(()).unwrap();
    assert!(waiter.get()? && lost.get()?);
    assert_eq!(pool.map(|x: i32| x + 1, 0..8)?.len(), 8);
    pool.kill()
}
