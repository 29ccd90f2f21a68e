//! The hook of a loop's rounds, and the callbacks around its wait.

use std::cell::Cell;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::core_support::*;
use greenlet_core::{Exception, RawGreenlet};
use hub::core::{Break, Error, Events, Loop, LoopRelease, supported_backends};

/// Calls one function before the wait, and one after it.
struct Around<R: Fn(), A: Fn()>(R, A);

impl<R: Fn(), A: Fn()> LoopRelease for Around<R, A> {
    fn release(&self) {
        (self.0)();
    }

    fn acquire(&self) {
        (self.1)();
    }
}

fn around(release: impl Fn() + 'static, acquire: impl Fn() + 'static) -> Option<Rc<dyn LoopRelease>> {
    Some(Rc::new(Around(release, acquire)))
}

fn traced(trace: &Trace) -> Option<Rc<dyn LoopRelease>> {
    around(trace.adds("release"), trace.adds("acquire"))
}

#[test]
fn the_loop_is_released_around_its_wait_only() -> TestResult {
    for backend in supported_backends() {
        let Ok(loop_) = Loop::new(&*backend, false) else {
            continue;
        };
        let trace = Trace::new();
        loop_.set_loop_release_cb(traced(&trace))?;
        let (prepare, check) = (loop_.prepare()?, loop_.check()?);
        prepare.start(trace.adds("prepare"))?;
        check.start(trace.adds("check"))?;
        loop_.run_callback(trace.adds("callback"))?;
        loop_.run_nowait()?;
        let events = trace.take();
        let inner: Vec<_> = events.iter().map(String::as_str).collect();
        // Some backends look without a system call, or need several.
        let (first, rest) = inner.split_at(2);
        assert_eq!(first, ["prepare", "callback"], "{backend}");
        let (last, waits) = rest.split_last().expect("it has ended");
        assert_eq!(*last, "check", "{backend}");
        assert!(
            waits.chunks(2).all(|pair| pair == ["release", "acquire"]),
            "{backend}: {inner:?}"
        );
        if ["select", "poll", "epoll"].contains(&&*backend) {
            assert_eq!(waits.len(), 2, "{backend}");
        }
        loop_.set_loop_release_cb(None)?;
        loop_.run_nowait()?;
        assert_eq!(trace.take(), ["prepare", "check"], "{backend}");
        loop_.destroy()?;
    }
    Ok(())
}

#[test]
fn nothing_can_be_changed_while_the_loop_is_released() -> TestResult {
    let loop_ = new_loop()?;
    let (timer, trace) = (loop_.timer(0.0)?, Trace::new());
    let refused = {
        let (loop_, timer, trace) = (loop_.clone(), timer, trace.clone());
        move || {
            let results = [
                timer.start(|| ()),
                loop_.run().map(drop),
                loop_.break_(Break::All),
                loop_.update_now(),
                loop_.destroy(),
                loop_.set_loop_release_cb(None),
                loop_.run_callback(|| ()).map(drop),
                Loop::new((), false).map(drop),
            ];
            assert!(
                results
                    .iter()
                    .all(|result| matches!(result, Err(Error::Uninterruptible(_)))),
                "{results:?}"
            );
            assert!(RawGreenlet::new(|_| Ok(().into())).switch(()).is_err());
            assert!(!loop_.destroyed() && loop_.now().is_ok());
            // This is possible at any time, and the callback does not have to wait for other events.
            loop_.run_callback_threadsafe(|| ()).unwrap();
            trace.add("refused");
        }
    };
    let refused = Rc::new(refused);
    let again = refused.clone();
    loop_.set_loop_release_cb(around(move || refused(), move || again()))?;
    loop_.ref_()?;
    loop_.run_once()?;
    loop_.set_loop_release_cb(None)?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["refused", "refused"]);
    assert_eq!((loop_.queued_callbacks(), loop_.activecnt()?), (0, 1));
    Ok(())
}

#[test]
fn a_panic_around_the_wait_goes_no_further() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let errors = collect_errors(&loop_);
    loop_.set_loop_release_cb(around(panics("released"), panics("acquired")))?;
    loop_.timer(0.0)?.start(trace.adds("timer"))?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["timer"]);
    assert_eq!(errors.take(), [""; 0]);
    Ok(())
}

/// libev looks at `errno` after the callback. If it were the callback's own, libev would report it, or stop the
/// watchers of descriptors that it takes for closed.
#[test]
fn errno_after_the_wait_is_that_of_the_wait() -> TestResult {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: the handler does nothing. No other test of this program uses the signal.
    unsafe { libc::signal(libc::SIGWINCH, nothing as *const () as libc::sighandler_t) };
    for backend in ["select", "poll", "epoll"] {
        let loop_ = Loop::new(backend, false)?;
        let errors = collect_errors(&loop_);
        let (reader, _writer) = std::io::pipe()?;
        let io = loop_.io(reader.as_raw_fd(), Events::READ)?;
        io.start(|| ())?;
        // SAFETY: no preconditions; the thread exists as long as the test.
        let here = unsafe { libc::pthread_self() } as usize;
        let (waits, over) = (Rc::new(Cell::new(0)), Arc::new(AtomicBool::new(false)));
        let interrupts = thread::spawn({
            let over = over.clone();
            move || {
                while !over.load(Ordering::Relaxed) {
                    // SAFETY: the thread joins this one. The signal has a handler that does nothing.
                    unsafe { libc::pthread_kill(here as libc::pthread_t, libc::SIGWINCH) };
                    thread::yield_now();
                }
            }
        });
        let acquired = waits.clone();
        loop_.set_loop_release_cb(around(
            || (),
            move || {
                acquired.set(acquired.get() + 1);
                // SAFETY: no such descriptor is open. The call sets errno to EBADF.
                unsafe { libc::close(-1) };
            },
        ))?;
        while waits.get() < 50 {
            loop_.run_once()?;
        }
        over.store(true, Ordering::Relaxed);
        interrupts.join().expect("no panic");
        assert!(io.active(), "{backend}");
        assert_eq!(errors.take(), [""; 0], "{backend}");
        io.stop()?;
    }
    Ok(())
}

#[test]
fn the_callbacks_around_the_wait_go_with_the_loop_or_its_object() -> TestResult {
    let drops = Drops::default();
    let owner = |drops: &Drops| {
        let witness = drops.witness();
        around(move || witness.touch(), || ())
    };
    let loop_ = new_loop()?;
    loop_.set_loop_release_cb(owner(&drops))?;
    loop_.set_loop_release_cb(owner(&drops))?;
    assert_eq!(drops.count(), 1);
    loop_.set_loop_release_cb(None)?;
    assert_eq!(drops.count(), 2);
    loop_.set_loop_release_cb(owner(&drops))?;
    loop_.destroy()?;
    assert_eq!(drops.count(), 3);
    assert!(matches!(
        loop_.set_loop_release_cb(owner(&drops)),
        Err(Error::Destroyed(_))
    ));
    assert_eq!(drops.count(), 4);
    let loop_ = new_loop()?;
    loop_.set_loop_release_cb(owner(&drops))?;
    drop(loop_);
    assert_eq!(drops.count(), 5);
    // A second object of the same loop replaces the callbacks, and its end takes its own away.
    // SAFETY: the loop is destroyed below, when no object of it is left.
    let (raw, objects) = unsafe {
        let raw = libev_sys::ev_loop_new(0);
        (raw, [Loop::from_ptr(raw)?, Loop::from_ptr(raw)?])
    };
    let [one, two] = objects;
    let trace = Trace::new();
    two.set_loop_release_cb(owner(&drops))?;
    one.set_loop_release_cb(traced(&trace))?;
    assert_eq!(drops.count(), 6);
    drop(two);
    one.run_nowait()?;
    assert_eq!(trace.take(), ["release", "acquire"]);
    drop(one);
    // SAFETY: the loop is alive, and nobody else has it.
    unsafe {
        libev_sys::ev_run(raw, libev_sys::EVRUN_NOWAIT);
        libev_sys::ev_loop_destroy(raw);
    }
    assert_eq!(trace.take(), [""; 0]);
    Ok(())
}

#[test]
fn a_loop_may_be_dropped_where_it_is_released() -> TestResult {
    let loop_ = new_loop()?;
    let mine = Rc::new(Cell::new(Some(loop_.clone())));
    let remote = loop_.threadsafe();
    loop_.set_loop_release_cb(around(move || drop(mine.take()), || ()))?;
    // The run keeps the loop until it is over.
    let ran = loop_.run_nowait();
    assert!(ran.is_ok() && !remote.destroyed());
    drop(loop_);
    assert!(remote.destroyed());
    Ok(())
}

#[test]
fn a_round_begins_with_the_hook() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    loop_.set_round_hook(trace.adds("hook"))?;
    assert_eq!((loop_.activecnt()?, loop_.pendingcnt()?), (0, 0));
    loop_.prepare()?.with_ref(false)?.start(trace.adds("prepare"))?;
    loop_.run_callback(trace.adds("callback"))?;
    loop_.run_nowait()?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["prepare", "hook", "callback", "prepare", "hook"]);
    // A run inside of a callback has rounds of its own.
    loop_.run_callback({
        let (loop_, trace) = (loop_.clone(), trace.clone());
        move || {
            trace.add("callback");
            loop_.run_nowait().unwrap();
        }
    })?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["prepare", "hook", "callback", "prepare", "hook"]);
    loop_.clear_round_hook();
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["prepare"]);
    loop_.destroy()?;
    assert!(matches!(loop_.set_round_hook(|| ()), Err(Error::Destroyed(_))));
    Ok(())
}

#[test]
fn an_error_of_the_hook_has_no_context_and_the_round_goes_on() -> TestResult {
    let loop_ = new_loop()?;
    let (trace, errors) = (Trace::new(), collect_errors(&loop_));
    for panics in [false, true] {
        loop_.set_round_hook(move || -> TestResult {
            assert!(!panics, "wrong");
            Err(Exception::msg("wrong"))
        })?;
        loop_.run_callback(trace.adds("callback"))?;
        loop_.run_nowait()?;
        assert_eq!(trace.take(), ["callback"]);
        assert_eq!(
            errors.take(),
            [if panics {
                "nobody: panicked: wrong"
            } else {
                "nobody: wrong"
            }]
        );
    }
    Ok(())
}

#[test]
fn a_hook_may_replace_itself_and_end_the_loop() -> TestResult {
    let loop_ = new_loop()?;
    let (trace, drops) = (Trace::new(), Drops::default());
    loop_.set_round_hook({
        let (loop_, trace, witness, drops) = (loop_.clone(), trace.clone(), drops.witness(), drops.clone());
        move || {
            witness.touch();
            trace.add("first");
            let (other, trace) = (loop_.clone(), trace.clone());
            loop_.set_round_hook(move || {
                trace.add("second");
                other.destroy().unwrap();
            })?;
            // A hook that runs is not dropped.
            assert_eq!(drops.count(), 0);
            Ok(())
        }
    })?;
    loop_.run_callback(trace.adds("callback"))?;
    loop_.ref_()?;
    loop_.run_nowait()?;
    assert_eq!(drops.count(), 1);
    loop_.run_callback(trace.adds("never"))?;
    assert!(!loop_.run()?);
    assert_eq!(trace.take(), ["first", "callback", "second"]);
    assert!(loop_.destroyed());
    Ok(())
}
