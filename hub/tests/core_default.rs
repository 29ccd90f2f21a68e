//! Things that a process has only once: libev's default loop, signals, children, forks. One test runs at a time.
//! Source: gevent's test__destroy_default_loop.py, test__core_fork.py, test__nondefaultloop.py, test__core_loop_run.py.

mod core_support;

use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use core_support::*;
use greenlet_core::Exception;
use hub::core::{DefaultLoopInUse, Error, Events, Loop, LoopDestroyed, MAXPRI};

fn default_loop() -> Result<Loop, Error> {
    Loop::new((), true)
}

#[test]
fn test_destroy_gc() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = default_loop()?;
    assert!(loop_.default());
    assert!(format!("{loop_:?}").contains(" default pending=0 ref=0"), "{loop_:?}");
    drop(loop_);
    // The drop has left libev's loop in place, with no watcher of ours on it.
    // SAFETY: no preconditions.
    let raw = unsafe { libev_sys::ev_shim_default_loop_ptr() };
    assert!(!raw.is_null());
    let again = default_loop()?;
    assert_eq!(again.as_ptr()?, raw);
    assert_eq!(again.activecnt()?, 0);
    Ok(())
}

#[test]
fn test_destroy_two() -> TestResult {
    let _one = one_at_a_time();
    // Two objects of the default loop share it; destroying one destroys it for both.
    let (one, two) = (default_loop()?, default_loop()?);
    assert_ne!(one, two);
    assert_eq!(one.as_ptr()?, two.as_ptr()?);
    let trace = Trace::new();
    one.run_callback(trace.adds("one"))?;
    two.run_callback(trace.adds("two"))?;
    run(&one)?;
    let mut events = trace.take();
    events.sort();
    assert_eq!(events, ["one", "two"]);
    let timer = two.timer(10.0)?;
    timer.start(|| ())?;
    one.destroy()?;
    assert!(!one.default() && !two.default() && two.destroyed() && !timer.active());
    two.destroy()?;
    // A new one is at the same address, and the old objects do not come to life again.
    let three = default_loop()?;
    assert!(three.default() && two.destroyed());
    assert!(matches!(timer.start(|| ()), Err(Error::Destroyed(_))));
    assert_eq!(three.activecnt()?, 0);
    run(&three)?;
    three.destroy()?;
    Ok(())
}

#[test]
fn a_default_loop_made_anew_knows_nothing_of_the_last_ones_timerfd() -> TestResult {
    let _one = one_at_a_time();
    default_loop()?.destroy()?;
    for _ in 0..2 {
        let loop_ = default_loop()?;
        // libev alone would not mark its timerfd's watcher as stopped, and would stop it again in `reinit`.
        loop_.reinit()?;
        loop_.run_nowait()?;
        let periodic = loop_.periodic(0.0, 1000.0)?;
        periodic.start(|| ())?;
        loop_.run_nowait()?;
        loop_.destroy()?;
    }
    Ok(())
}

#[test]
fn dropping_one_object_stops_only_its_own_watchers() -> TestResult {
    let _one = one_at_a_time();
    let (one, two) = (default_loop()?, default_loop()?);
    let trace = Trace::new();
    one.timer(0.0)?.start(trace.adds("never"))?;
    two.timer(0.0)?.start(trace.adds("two"))?;
    drop(one);
    run(&two)?;
    assert_eq!(trace.take(), ["two"]);
    assert_eq!(two.activecnt()?, 0);
    Ok(())
}

#[test]
fn the_default_loop_has_one_thread_at_a_time() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = default_loop()?;
    let other = thread::spawn(|| default_loop().map(drop).unwrap_err().to_string());
    assert_eq!(other.join().expect("no panic"), DefaultLoopInUse.to_string());
    drop(loop_);
    thread::spawn(|| -> Result<(), Error> {
        let loop_ = default_loop()?;
        loop_.timer(0.0)?.start(|| ())?;
        loop_.run()?;
        Ok(())
    })
    .join()
    .expect("no panic")?;
    drop(default_loop()?);
    Ok(())
}

#[test]
fn the_default_loop_of_a_thread_that_is_over_is_free() -> TestResult {
    let _one = one_at_a_time();
    /// What the thread leaves behind.
    struct Left<T>(T);
    // SAFETY: it is used after the thread, by one thread.
    unsafe impl<T> Send for Left<T> {}
    let left = thread::spawn(|| -> Result<_, Error> {
        let loop_ = default_loop()?;
        let (timer, signal) = (loop_.timer(1000.0)?, loop_.signal(libc::SIGUSR1)?);
        timer.start(|| ())?;
        signal.start(|| ())?;
        Ok(Left((loop_, timer, signal)))
    });
    let Left((old, timer, signal)) = left.join().expect("no panic")?;
    assert!(old.destroyed() && !old.default() && !timer.active() && !signal.active());
    let loop_ = default_loop()?;
    assert_eq!(loop_.activecnt()?, 0);
    let other = loop_.signal(libc::SIGUSR1)?;
    other.start(|| ())?;
    drop((old, timer, signal));
    assert!(loop_.default() && other.active());
    other.stop()?;
    assert_eq!(loop_.activecnt()?, 0);
    loop_.destroy()?;
    Ok(())
}

#[test]
fn a_default_loop_destroyed_in_c_is_noticed() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = default_loop()?;
    let timer = loop_.timer(10.0)?;
    // SAFETY: not inside of a callback, and none of our watchers is active.
    unsafe { libev_sys::ev_shim_loop_destroy(loop_.as_ptr()?) };
    assert!(matches!(loop_.run(), Err(Error::Destroyed(_))));
    assert!(matches!(timer.start(|| ()), Err(Error::Destroyed(_))));
    assert!(!loop_.default());
    loop_.destroy()?;
    let again = default_loop()?;
    assert_eq!(again.activecnt()?, 0);
    Ok(())
}

#[test]
fn a_signal_is_delivered_from_the_loop() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let signal = loop_.signal(libc::SIGUSR1)?;
    assert_eq!(signal.signum(), libc::SIGUSR1);
    let trace = Trace::new();
    signal.start_pass_events({
        let (signal, trace) = (signal.clone(), trace.clone());
        move |events| {
            trace.add(events);
            signal.stop().unwrap();
        }
    })?;
    // SAFETY: the signal has a handler.
    unsafe { libc::raise(libc::SIGUSR1) };
    assert_eq!(trace.take(), [""; 0]);
    run(&loop_)?;
    assert_eq!(trace.take(), ["SIGNAL"]);
    Ok(())
}

#[test]
fn two_watchers_of_one_signal_both_fire() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let signals = [loop_.signal(libc::SIGUSR2)?, loop_.signal(libc::SIGUSR2)?];
    for signal in &signals {
        let (this, trace) = (signal.clone(), trace.clone());
        signal.start(move || {
            trace.add("fired");
            this.stop().unwrap();
        })?;
    }
    // SAFETY: the signal has a handler.
    unsafe { libc::raise(libc::SIGUSR2) };
    run(&loop_)?;
    assert_eq!(trace.take(), ["fired", "fired"]);
    Ok(())
}

#[test]
fn a_signal_has_one_loop_at_a_time() -> TestResult {
    let _one = one_at_a_time();
    let (one, two) = (new_loop()?, new_loop()?);
    let (first, second) = (one.signal(libc::SIGWINCH)?, two.signal(libc::SIGWINCH)?);
    first.start(|| ())?;
    let drops = Drops::default();
    let witness = drops.witness();
    assert!(matches!(
        second.start(move || witness.touch()),
        Err(Error::SignalInUse(error)) if error.0 == libc::SIGWINCH
    ));
    assert_eq!(drops.count(), 1);
    assert!(!second.active() && !second.has_callback());
    assert_eq!((two.activecnt()?, two.started_watchers()), (0, 0));
    first.stop()?;
    second.start(|| ())?;
    drop(two);
    drop(second);
    first.start(|| ())?;
    first.stop()?;
    Ok(())
}

#[test]
fn sigchld_is_delivered_on_the_default_loop_too() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = default_loop()?;
    let trace = Trace::new();
    let signal = loop_.signal(libc::SIGCHLD)?;
    for _ in 0..2 {
        signal.start({
            let (signal, trace) = (signal.clone(), trace.clone());
            move || {
                trace.add("SIGCHLD");
                signal.stop().unwrap();
            }
        })?;
        // SAFETY: the signal is handled.
        unsafe { libc::raise(libc::SIGCHLD) };
        run(&loop_)?;
        assert_eq!(trace.take(), ["SIGCHLD"]);
    }
    loop_.destroy()?;
    Ok(())
}

#[test]
fn threads_that_want_one_signal_get_it_one_after_the_other() {
    let _one = one_at_a_time();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| -> Result<usize, Error> {
                let loop_ = Loop::new((), false)?;
                let signal = loop_.signal(libc::SIGURG)?;
                let mut got = 0;
                for _ in 0..500 {
                    match signal.start(|| ()) {
                        Ok(()) => {
                            got += 1;
                            signal.stop()?;
                        }
                        Err(Error::SignalInUse(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(got)
            })
        })
        .collect();
    let got: usize = threads
        .into_iter()
        .map(|t| t.join().expect("no panic").expect("no other error"))
        .sum();
    assert!(got > 0);
}

/// AddressSanitizer reports if libev's handler reads a loop that was freed.
#[test]
fn a_loop_is_freed_when_no_other_thread_is_in_the_handler_of_its_signal() -> TestResult {
    /// More threads than processors, so that some are interrupted in the handler.
    const THREADS: usize = 16;
    const LOOPS: usize = 2000;
    let _one = one_at_a_time();
    let over = AtomicBool::new(false);
    let raised = AtomicUsize::new(0);
    let signals = || {
        while !over.load(Ordering::Relaxed) {
            // SAFETY: no preconditions. A watcher handles the signal, or it is ignored, which is its default action.
            unsafe { libc::raise(libc::SIGURG) };
            raised.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| -> TestResult {
        (0..THREADS).for_each(|_| drop(scope.spawn(signals)));
        let result = (|| {
            for _ in 0..LOOPS {
                let loop_ = Loop::new((), false)?;
                let signal = loop_.signal(libc::SIGURG)?;
                signal.start(|| ())?;
                let before = raised.load(Ordering::Relaxed);
                while raised.load(Ordering::Relaxed) < before + 2 {
                    loop_.run_nowait()?;
                }
                loop_.destroy()?;
            }
            Ok(())
        })();
        over.store(true, Ordering::Relaxed);
        result
    })
}

#[test]
fn a_default_loop_is_refused_while_another_loop_has_sigchld() -> TestResult {
    let _one = one_at_a_time();
    default_loop()?.destroy()?;
    let loop_ = new_loop()?;
    let signal = loop_.signal(libc::SIGCHLD)?;
    signal.start(|| ())?;
    assert!(matches!(default_loop(), Err(Error::SignalInUse(error)) if error.0 == libc::SIGCHLD));
    signal.stop()?;
    let default = default_loop()?;
    assert!(matches!(signal.start(|| ()), Err(Error::SignalInUse(_))));
    drop(default);
    Ok(())
}

/// The end of the default loop must not take away a handler that another loop has just put in place.
#[test]
fn sigchld_is_handed_from_the_default_loop_to_another_threads() -> TestResult {
    let _one = one_at_a_time();
    let over = Arc::new(AtomicBool::new(false));
    let other = thread::spawn({
        let over = over.clone();
        move || -> Result<u32, Error> {
            let mut got = 0;
            let loop_ = Loop::new((), false)?;
            let signal = loop_.signal(libc::SIGCHLD)?;
            while !over.load(Ordering::Relaxed) {
                match signal.start(|| ()) {
                    Ok(()) => {
                        got += 1;
                        for _ in 0..100 {
                            assert_ne!(handler_of_sigchld(), libc::SIG_DFL);
                            thread::yield_now();
                        }
                        signal.stop()?;
                    }
                    Err(Error::SignalInUse(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(got)
        }
    });
    for _ in 0..2000 {
        match default_loop() {
            Ok(loop_) => loop_.destroy()?,
            Err(Error::SignalInUse(_)) => thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
    }
    over.store(true, Ordering::Relaxed);
    other.join().expect("it has its handler")?;
    Ok(())
}

fn handler_of_sigchld() -> libc::sighandler_t {
    // SAFETY: the call changes no handler, and writes into a struct that lives here.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGCHLD, std::ptr::null(), &raw mut action);
        action.sa_sigaction
    }
}

/// Without our changes, libev reaps every child as soon as its handler is in place.
#[test]
fn whoever_watches_sigchld_alone_reaps_nobody() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = default_loop()?;
    let signal = loop_.signal(libc::SIGCHLD)?;
    // Starts a child, and returns when it has ended and the loop has got the signal.
    let ended = || -> Result<std::process::Child, Exception> {
        signal.start({
            let signal = signal.clone();
            move || signal.stop().unwrap()
        })?;
        let child = Command::new("sh").args(["-c", "exit 7"]).spawn()?;
        run(&loop_)?;
        // This delivers events that were fed to the loop, too.
        loop_.run_nowait()?;
        Ok(child)
    };
    let code = |mut child: std::process::Child| -> Result<Option<i32>, Exception> { Ok(child.wait()?.code()) };
    assert_eq!(code(ended()?)?, Some(7));
    // No child is reaped after a child watcher was stopped either.
    let mut other = Command::new("sleep").arg("100").spawn()?;
    let watcher = loop_.child(other.id() as i32, false)?;
    watcher.start(|| ())?;
    watcher.stop()?;
    assert_eq!(code(ended()?)?, Some(7));
    other.kill()?;
    other.wait()?;
    // A child watcher for a child that has ended meanwhile fires.
    let child = ended()?;
    let watcher = loop_.child(child.id() as i32, false)?;
    watcher.start({
        let watcher = watcher.clone();
        move || watcher.stop().unwrap()
    })?;
    run(&loop_)?;
    assert_eq!(ExitStatus::from_raw(watcher.rstatus()).code(), Some(7));
    loop_.destroy()?;
    Ok(())
}

#[test]
fn child_watchers_need_the_default_loop() -> TestResult {
    let _one = one_at_a_time();
    assert!(matches!(new_loop()?.child(1, false), Err(Error::NotDefaultLoop(_))));
    Ok(())
}

#[test]
fn a_child_is_reaped() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = default_loop()?;
    for (script, code, signal) in [("exit 7", Some(7), None), ("kill -TERM $$", None, Some(libc::SIGTERM))] {
        let process = Command::new("/bin/sh").args(["-c", script]).spawn()?;
        let pid = i32::try_from(process.id())?;
        let child = loop_.child(pid, false)?;
        assert_eq!(child.pid(), pid);
        let fired = Rc::new(Cell::new(0));
        child.start_pass_events({
            let (child, fired) = (child.clone(), fired.clone());
            move |events| {
                assert_eq!(events, Events::CHILD);
                assert_eq!(child.rpid(), child.pid());
                fired.set(fired.get() + 1);
                child.stop().unwrap();
            }
        })?;
        run(&loop_)?;
        assert_eq!(fired.get(), 1);
        let status = ExitStatus::from_raw(child.rstatus());
        assert_eq!((status.code(), status.signal()), (code, signal));
        assert!(
            format!("{child:?}").ends_with(&format!(" pid={pid} rstatus={}>", child.rstatus())),
            "{child:?}"
        );
        child.set_rpid(1);
        child.set_rstatus(0);
        assert_eq!((child.rpid(), child.rstatus()), (1, 0));
    }
    assert_eq!(loop_.activecnt()?, 0);
    loop_.destroy()?;
    Ok(())
}

/// Returns when the child has ended, without reaping it.
fn wait_for_end(pid: u32) {
    // SAFETY: the information is not looked at.
    let ended = unsafe {
        let mut info = std::mem::zeroed();
        libc::waitid(libc::P_PID, pid, &raw mut info, libc::WEXITED | libc::WNOWAIT)
    };
    assert_eq!(ended, 0);
}

#[test]
fn a_child_that_ended_before_the_handler_was_in_place_is_reaped() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = default_loop()?;
    let process = Command::new("/bin/true").spawn()?;
    let pid = i32::try_from(process.id())?;
    wait_for_end(process.id());
    let child = loop_.child(pid, false)?;
    child.start({
        let child = child.clone();
        move || child.stop().unwrap()
    })?;
    run(&loop_)?;
    assert_eq!((child.rpid(), child.rstatus()), (pid, 0));
    loop_.destroy()?;
    Ok(())
}

/// If the fed event had the watcher's own priority, libev would look for it among those of the highest priority, beyond
/// their end, and overwrite the memory there.
#[test]
fn a_child_watcher_that_is_fed_may_be_reaped() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = default_loop()?;
    let trace = Trace::new();
    let process = Command::new("/bin/true").spawn()?;
    let child = loop_.child(i32::try_from(process.id())?, false)?;
    child.start(|| ())?;
    // There are many events before the fed one, more than the array for the highest priority has room for.
    let others: Vec<_> = (0..500).map(|_| loop_.prepare()).collect::<Result<_, _>>()?;
    // This runs when the loop has seen the signal, but libev has not yet looked which child has ended.
    let between = loop_.check()?.with_priority(MAXPRI)?;
    between.start({
        let (between, child, trace) = (between.clone(), child.clone(), trace.clone());
        move || -> TestResult {
            between.stop()?;
            for other in &others {
                other.feed(Events::CUSTOM, || ())?;
            }
            let seen = trace.clone();
            child.feed_pass_events(Events::CUSTOM, move |events| seen.add(events))?;
            Ok(())
        }
    })?;
    wait_for_end(process.id());
    loop_.run_once()?;
    assert_eq!(trace.take(), ["CUSTOM", "CHILD"]);
    assert_eq!(child.priority(), MAXPRI);
    child.stop()?;
    loop_.verify()?;
    loop_.destroy()?;
    Ok(())
}

#[test]
fn a_watcher_for_pid_0_gets_every_child() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = default_loop()?;
    let any = loop_.child(0, false)?;
    let pids: Vec<i32> = (0..3)
        .map(|_| Ok(i32::try_from(Command::new("/bin/true").spawn()?.id())?))
        .collect::<Result<_, greenlet_core::Exception>>()?;
    let seen = Rc::new(std::cell::RefCell::new(Vec::new()));
    any.start({
        let (any, seen, expected) = (any.clone(), seen.clone(), pids.len());
        move || {
            seen.borrow_mut().push(any.rpid());
            if seen.borrow().len() == expected {
                any.stop().unwrap();
            }
        }
    })?;
    run(&loop_)?;
    let mut seen = seen.take();
    seen.sort_unstable();
    let mut pids = pids;
    pids.sort_unstable();
    assert_eq!(seen, pids);
    loop_.destroy()?;
    Ok(())
}

/// Runs `in_child` in the child of a fork, and returns the child's exit status: 0 if `in_child` returned true.
fn fork(in_child: impl FnOnce() -> bool) -> std::io::Result<ExitStatus> {
    // SAFETY: the child has only this thread, uses only things of this thread, and ends by `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == -1 {
        return Err(std::io::Error::last_os_error());
    }
    if pid == 0 {
        let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(in_child)).unwrap_or(false);
        // SAFETY: no preconditions.
        unsafe { libc::_exit(if fine { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: `status` is writable.
    if unsafe { libc::waitpid(pid, &raw mut status, 0) } != pid {
        return Err(std::io::Error::last_os_error());
    }
    Ok(ExitStatus::from_raw(status))
}

#[test]
fn a_fork_watcher_fires_in_the_child_only() -> TestResult {
    // test__core_fork.py
    let _one = one_at_a_time();
    for explicit in [false, true] {
        let loop_ = new_loop()?;
        let count = Rc::new(Cell::new(0));
        let watcher = loop_.fork()?.with_ref(false)?;
        watcher.start({
            let count = count.clone();
            move || count.set(count.get() + 1)
        })?;
        loop_.run_nowait()?;
        let status = fork(|| {
            if explicit {
                loop_.reinit().unwrap();
            }
            // The loop works as before: timers, and its own wake-ups.
            let trace = Trace::new();
            loop_.timer(0.001).unwrap().start(trace.adds("timer")).unwrap();
            loop_.run_callback_threadsafe(|| ()).unwrap();
            loop_.run().unwrap();
            count.get() == 1 && trace.take() == ["timer"]
        })?;
        assert!(status.success(), "{status}");
        loop_.run_nowait()?;
        assert_eq!(count.get(), 0, "not in the parent");
    }
    Ok(())
}

/// The child has only the thread that forked: nobody has there what the parent's other threads have.
#[test]
fn in_the_child_nothing_belongs_to_a_thread_that_stayed_in_the_parent() -> TestResult {
    let _one = one_at_a_time();
    let (default, own) = (default_loop()?, new_loop()?);
    let timer = default.timer_repeat(0.0, 0.001)?;
    let here = std::process::id();
    timer.start(move || assert_eq!(std::process::id(), here))?;
    for signum in [libc::SIGUSR1, libc::SIGUSR2] {
        let of = if signum == libc::SIGUSR1 { &default } else { &own };
        of.signal(signum)?.start(|| ())?;
    }
    let (remote, others) = (own.threadsafe(), default.threadsafe());
    let forked = thread::spawn(move || -> std::io::Result<ExitStatus> {
        let before = Loop::new((), false).expect("there are descriptors");
        assert!(matches!(default_loop(), Err(Error::DefaultLoopInUse(_))));
        fork(|| {
            // SAFETY: no preconditions. The alarm ends the child if it hangs.
            unsafe { libc::alarm(60) };
            let _default = child_has_all(&before).expect("nobody else has it");
            // The thread of these loops will never look.
            let sent = [&remote, &others].map(|to| to.run_callback_threadsafe(|| ()).map(drop));
            assert_eq!(sent, [Err(LoopDestroyed), Err(LoopDestroyed)]);
            let refused = thread::scope(|scope| {
                scope
                    .spawn(|| matches!(default_loop(), Err(Error::DefaultLoopInUse(_))))
                    .join()
            });
            refused.expect("no panic")
        })
    });
    let status = forked.join().expect("no panic")?;
    assert!(status.success(), "{status}");
    // In the parent, nothing has changed.
    assert!(default.default() && !default.destroyed());
    default.destroy()?;
    own.destroy()?;
    Ok(())
}

/// In the child: a loop of its own gets signals, a new default loop gets children, and a second fork changes nothing.
fn child_has_all(own: &Loop) -> Result<Loop, Exception> {
    let trace = Trace::new();
    for signum in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGCHLD] {
        let signal = own.signal(signum)?;
        signal.start({
            let (signal, trace) = (signal.clone(), trace.clone());
            move || {
                trace.add(signum);
                signal.stop().unwrap();
            }
        })?;
        // SAFETY: the signal has a handler.
        unsafe { libc::raise(signum) };
        run(own)?;
    }
    let expected = [libc::SIGUSR1, libc::SIGUSR2, libc::SIGCHLD].map(|signum| signum.to_string());
    assert_eq!(trace.take(), expected);
    let default = default_loop()?;
    assert_eq!((default.iteration()?, default.activecnt()?), (0, 0));
    reaped(&default)?;
    // A thread that has the default loop keeps it when it forks.
    let again = fork(|| {
        reaped(&default).is_ok() && default_loop().is_ok_and(|same| same.as_ptr().ok() == default.as_ptr().ok())
    })?;
    assert!(again.success(), "{again}");
    Ok(default)
}

/// A child is reaped by the loop.
fn reaped(default: &Loop) -> TestResult {
    let process = Command::new("/bin/sh").args(["-c", "exit 7"]).spawn()?;
    let child = default.child(i32::try_from(process.id())?, false)?;
    child.start({
        let child = child.clone();
        move || child.stop().unwrap()
    })?;
    run(default)?;
    assert_eq!(ExitStatus::from_raw(child.rstatus()).code(), Some(7));
    Ok(())
}

/// A default loop that nobody has is left in place as it is, with its handler of SIGCHLD.
#[test]
fn in_the_child_a_default_loop_that_nobody_had_is_as_it_was() -> TestResult {
    let _one = one_at_a_time();
    drop(default_loop()?);
    let forked = thread::spawn(|| {
        fork(|| {
            // SAFETY: no preconditions. The alarm ends the child if it hangs.
            unsafe { libc::alarm(60) };
            let default = default_loop().expect("nobody has it");
            reaped(&default).is_ok()
        })
    });
    let status = forked.join().expect("no panic")?;
    assert!(status.success(), "{status}");
    Ok(())
}
