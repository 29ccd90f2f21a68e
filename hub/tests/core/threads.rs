//! Loops and other threads. Source: gevent's test__core_async.py, and run_callback_threadsafe.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use crate::core_support::*;
use hub::core::{AsyncSender, Break, Error, Loop, LoopDestroyed, ThreadsafeCallback, ThreadsafeLoop};

fn add_one(to: &AtomicUsize) {
    to.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn handles_for_other_threads_are_send_and_sync() {
    fn check<T: Send + Sync + Clone>() {}
    check::<ThreadsafeLoop>();
    check::<ThreadsafeCallback>();
    check::<AsyncSender>();
}

#[test]
fn test() -> TestResult {
    // test__core_async.py
    let loop_ = new_loop()?;
    let watcher = loop_.async_()?;
    let trace = Trace::new();
    watcher.start({
        let (watcher, trace) = (watcher.clone(), trace.clone());
        move || {
            trace.add("sent");
            watcher.stop().unwrap();
        }
    })?;
    let sender = watcher.sender();
    let thread = thread::spawn(move || sender.send());
    run(&loop_)?;
    assert_eq!(trace.take(), ["sent"]);
    thread.join().expect("no panic").expect("sent");
    Ok(())
}

#[test]
fn async_is_pending_from_the_send_on_and_sends_coalesce() -> TestResult {
    let loop_ = new_loop()?;
    let watcher = loop_.async_()?;
    let count = Rc::new(Cell::new(0));
    watcher.start({
        let count = count.clone();
        move || count.set(count.get() + 1)
    })?;
    assert!(!watcher.pending());
    watcher.send()?;
    watcher.send()?;
    assert!(watcher.pending());
    loop_.run_nowait()?;
    assert!(!watcher.pending());
    assert_eq!(count.get(), 1);
    watcher.stop()?;
    Ok(())
}

#[test]
fn a_sender_outlives_its_watcher() -> TestResult {
    let loop_ = new_loop()?;
    let watcher = loop_.async_()?;
    let sender = watcher.sender();
    sender
        .send()
        .expect("a watcher that is not started takes it, and loses it");
    watcher.close()?;
    assert!(sender.send().is_err());
    watcher.start(|| ())?;
    sender.send().expect("started again");
    watcher.stop()?;
    sender.send().expect("stopped is not closed");
    drop(watcher);
    assert!(sender.send().is_err());

    let watcher = loop_.async_()?;
    let sender = watcher.sender();
    watcher.start(|| ())?;
    drop(watcher);
    sender.send().expect("a started watcher keeps itself alive");
    loop_.destroy()?;
    assert!(sender.send().is_err());
    Ok(())
}

#[test]
fn threads_sending_while_watcher_and_loop_go_touch_nothing() -> TestResult {
    for _ in 0..50 {
        let loop_ = new_loop()?;
        let watcher = loop_.async_()?;
        watcher.start(|| ())?;
        let barrier = Arc::new(Barrier::new(3));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (sender, remote, barrier) = (watcher.sender(), loop_.threadsafe(), barrier.clone());
                thread::spawn(move || {
                    barrier.wait();
                    while sender.send().is_ok() && remote.run_callback_threadsafe(|| ()).is_ok() {}
                })
            })
            .collect();
        barrier.wait();
        loop_.run_nowait()?;
        watcher.close()?;
        drop(watcher);
        loop_.run_nowait()?;
        drop(loop_);
        for thread in threads {
            thread.join().expect("no panic");
        }
    }
    Ok(())
}

#[test]
fn a_callback_of_another_thread_runs_on_the_loops_thread() -> TestResult {
    let loop_ = new_loop()?;
    let remote = loop_.threadsafe();
    let (sender, receiver) = mpsc::channel();
    let posted = thread::spawn(move || {
        remote.run_callback_threadsafe(move || sender.send(thread::current().id()).expect("the test waits"))
    })
    .join()
    .expect("no panic")?;
    assert!(posted.pending() && posted.scheduled());
    run(&loop_)?;
    assert_eq!(receiver.recv().expect("it ran"), thread::current().id());
    assert!(!posted.pending() && !posted.scheduled());
    Ok(())
}

#[test]
fn it_wakes_a_waiting_loop() -> TestResult {
    let loop_ = new_loop()?;
    loop_.ref_()?;
    let remote = loop_.threadsafe();
    let (ready, go) = mpsc::channel();
    // This tells the other thread that the loop is about to wait.
    loop_.prepare()?.with_ref(false)?.start(move || {
        let _ = ready.send(());
    })?;
    let done = Arc::new(AtomicUsize::new(0));
    let thread = thread::spawn({
        let done = done.clone();
        move || {
            go.recv().expect("the loop runs");
            remote.run_callback_threadsafe(move || add_one(&done)).map(drop)
        }
    });
    // This runs after the queued callbacks, and ends the run. Without the wake-up the loop would wait for ever.
    loop_.prepare()?.with_ref(false)?.with_priority(-1)?.start({
        let (loop_, done) = (loop_.clone(), done.clone());
        move || {
            if done.load(Ordering::Relaxed) == 1 {
                loop_.break_(Break::All).unwrap();
            }
        }
    })?;
    run(&loop_)?;
    assert_eq!(done.load(Ordering::Relaxed), 1);
    thread.join().expect("no panic")?;
    // The watchers' closures own handles of the loop, so it is destroyed explicitly.
    loop_.destroy()?;
    Ok(())
}

#[test]
fn the_loop_does_not_end_before_what_was_queued_for_it() -> TestResult {
    let loop_ = new_loop()?;
    let remote = loop_.threadsafe();
    let ran = Arc::new(AtomicUsize::new(0));
    // A timer's callback is the last thing in its iteration, and nothing is active after it.
    loop_.timer(0.0)?.start({
        let ran = ran.clone();
        move || {
            let (remote, ran) = (remote.clone(), ran.clone());
            thread::spawn(move || remote.run_callback_threadsafe(move || add_one(&ran)))
                .join()
                .expect("no panic")
                .expect("the loop is there");
        }
    })?;
    run(&loop_)?;
    assert_eq!(ran.load(Ordering::Relaxed), 1);
    Ok(())
}

#[test]
fn what_another_thread_queued_before_runs_before() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let (order, received) = mpsc::channel();
    loop_.run_callback(trace.adds("first"))?;
    let remote = loop_.threadsafe();
    thread::spawn(move || remote.run_callback_threadsafe(move || order.send(()).expect("the test waits")))
        .join()
        .expect("no panic")?;
    loop_.run_callback({
        let trace = trace.clone();
        move || trace.add(format!("after the other thread's: {}", received.try_recv().is_ok()))
    })?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["first", "after the other thread's: true"]);
    Ok(())
}

#[test]
fn callbacks_of_many_threads_keep_each_threads_order() -> TestResult {
    const THREADS: usize = 4;
    const EACH: usize = 500;
    let loop_ = new_loop()?;
    loop_.ref_()?;
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (remote, sender) = (loop_.threadsafe(), sender.clone());
            thread::spawn(move || {
                for i in 0..EACH {
                    let sender = sender.clone();
                    remote
                        .run_callback_threadsafe(move || sender.send((thread, i)).expect("the test waits"))
                        .expect("the loop is there");
                }
            })
        })
        .collect();
    let seen = Rc::new(Cell::new(0));
    let next = Rc::new(std::cell::RefCell::new([0; THREADS]));
    // This runs after the queued callbacks.
    loop_.prepare()?.with_priority(-1)?.start({
        let (loop_, seen, next) = (loop_.clone(), seen.clone(), next.clone());
        move || {
            for (thread, i) in receiver.try_iter() {
                let expected = &mut next.borrow_mut()[thread];
                assert_eq!(i, *expected);
                *expected += 1;
                seen.set(seen.get() + 1);
            }
            if seen.get() == THREADS * EACH {
                loop_.break_(Break::All).unwrap();
            }
        }
    })?;
    run(&loop_)?;
    assert_eq!(seen.get(), THREADS * EACH);
    for thread in threads {
        thread.join().expect("no panic");
    }
    loop_.destroy()?;
    Ok(())
}

#[test]
fn a_threadsafe_callback_can_be_stopped_from_anywhere() -> TestResult {
    let loop_ = new_loop()?;
    let remote = loop_.threadsafe();
    let callback = remote.run_callback_threadsafe(panics("never"))?;
    assert!(
        format!("{callback:?}").starts_with("<threadsafe_callback at 0x"),
        "{callback:?}"
    );
    let stopped = thread::spawn({
        let callback = callback.clone();
        move || callback.stop()
    });
    assert!(stopped.join().expect("no panic"));
    assert!(!callback.scheduled() && !callback.stop());
    let errors = collect_errors(&loop_);
    run(&loop_)?;
    assert_eq!(errors.take(), [""; 0]);
    Ok(())
}

#[test]
fn posting_to_a_dropped_loop_is_an_error_and_drops_the_callback() -> TestResult {
    let remote = new_loop()?.threadsafe();
    let counted = Arc::new(());
    let captured = counted.clone();
    let result = remote.run_callback_threadsafe(move || drop(captured));
    assert_eq!(result.unwrap_err(), LoopDestroyed);
    assert_eq!(Arc::strong_count(&counted), 1);
    // A callback that is queued already is dropped with the loop.
    let loop_ = new_loop()?;
    let captured = counted.clone();
    loop_.threadsafe().run_callback_threadsafe(move || drop(captured))?;
    assert_eq!(Arc::strong_count(&counted), 2);
    drop(loop_);
    assert_eq!(Arc::strong_count(&counted), 1);
    Ok(())
}

#[test]
fn loops_of_several_threads_run_at_once() -> TestResult {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| -> Result<i32, hub::core::Error> {
                let loop_ = Loop::new((), false)?;
                let count = Rc::new(Cell::new(0));
                let timer = loop_.timer_repeat(0.0, 0.0001)?;
                timer.start({
                    let (timer, count) = (timer.clone(), count.clone());
                    move || {
                        count.set(count.get() + 1);
                        if count.get() == 50 {
                            timer.stop().unwrap();
                        }
                    }
                })?;
                loop_.run()?;
                Ok(count.get())
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("no panic")?, 50);
    }
    Ok(())
}

#[test]
fn a_loop_tells_other_threads_of_itself() -> TestResult {
    let loop_ = new_loop()?;
    let remote = loop_.threadsafe();
    let elsewhere = |remote: &ThreadsafeLoop| thread::scope(|scope| scope.spawn(|| format!("{remote:?}")).join());
    assert_eq!(elsewhere(&remote).expect("no panic"), format!("{loop_:?}"));
    // What is told is what held in the last round, before the loop waited.
    let timer = loop_.timer_repeat(0.0, 1000.0)?;
    timer.start(|| ())?;
    assert_eq!(remote.activecnt()?, 0);
    loop_.run_nowait()?;
    assert_eq!(remote.activecnt()?, 1);
    assert_eq!(remote.iteration()?, loop_.iteration()?);
    assert_eq!(remote.pendingcnt()?, 0);
    assert_eq!(
        (remote.backend()?, remote.backend_int()?),
        (loop_.backend()?, loop_.backend_int()?)
    );
    assert_eq!(remote.fileno(), loop_.fileno());
    assert!(!remote.default() && !remote.destroyed());
    assert_eq!(elsewhere(&remote).expect("no panic"), format!("{loop_:?}"));
    loop_.destroy()?;
    assert!(remote.destroyed());
    assert!(elsewhere(&remote).expect("no panic").ends_with(" destroyed>"));
    assert_eq!(format!("{remote:?}"), format!("{loop_:?}"));
    assert_eq!(remote.iteration(), Err(LoopDestroyed));
    assert_eq!(remote.fileno(), None);
    assert!(matches!(remote.activecnt(), Err(Error::Destroyed(_))));
    Ok(())
}

/// ThreadSanitizer reports if anything but atomics is read.
#[test]
fn a_loop_tells_of_itself_while_it_runs_and_ends() -> TestResult {
    let loop_ = new_loop()?;
    let remote = loop_.threadsafe();
    let begun = Arc::new(Barrier::new(2));
    let watching = thread::spawn({
        let begun = begun.clone();
        move || {
            let mut last = 0;
            begun.wait();
            // Several looks at the least, also when this thread is late.
            while let Ok(iteration) = remote.iteration() {
                assert!(iteration >= last, "{iteration} after {last}");
                last = iteration;
                let text = format!("{remote:?}");
                assert!(text.starts_with("<loop at 0x"), "{text}");
                let _ = (
                    remote.pendingcnt(),
                    remote.activecnt(),
                    remote.fileno(),
                    remote.default(),
                );
            }
            (remote.destroyed(), last)
        }
    });
    begun.wait();
    let rounds = Rc::new(Cell::new(0));
    loop_.set_round_hook({
        let (rounds, loop_) = (rounds.clone(), loop_.clone());
        move || {
            rounds.set(rounds.get() + 1);
            if rounds.get() == 1000 {
                loop_.destroy().unwrap();
            }
        }
    })?;
    // The loop does not wait.
    loop_.idle()?.start(|| ())?;
    run(&loop_)?;
    assert_eq!(rounds.get(), 1000);
    let (destroyed, last) = watching.join().expect("no panic");
    assert!(destroyed && last < 1000, "{last}");
    Ok(())
}

#[test]
fn another_thread_has_a_loop_destroyed() -> TestResult {
    // While the loop waits; between its runs; during a callback; and once more than needed.
    let loop_ = new_loop()?;
    loop_.ref_()?;
    let remote = loop_.threadsafe();
    let (ready, go) = mpsc::channel();
    loop_.set_round_hook(move || {
        let _ = ready.send(());
    })?;
    let other = thread::spawn(move || {
        go.recv().expect("the loop runs");
        remote.destroy();
        remote.destroy();
        remote
    });
    assert!(!loop_.run()?);
    assert!(loop_.destroyed());
    let remote = other.join().expect("no panic");
    assert!(remote.destroyed());
    remote.destroy();

    let between = new_loop()?;
    let timer = between.timer(1000.0)?;
    timer.start(|| ())?;
    between.threadsafe().destroy();
    assert!(!between.destroyed(), "the thread has not been asked");
    assert!(!between.run()?);
    assert!(between.destroyed() && !timer.active());

    let last = new_loop()?;
    let remote = last.threadsafe();
    last.timer(0.0)?.start(move || remote.destroy())?;
    assert!(!last.run()?);
    assert!(last.destroyed());
    Ok(())
}

/// A handle that `unsafe` code may give to another thread, as its thread is over.
struct Anywhere<T>(T);

// SAFETY: it is used after its thread, by one thread.
unsafe impl<T> Send for Anywhere<T> {}

#[test]
fn the_loops_of_a_thread_are_destroyed_at_its_end() -> TestResult {
    let ended = Arc::new(AtomicUsize::new(0));
    let handles = thread::spawn({
        let ended = ended.clone();
        move || -> Result<_, Error> {
            let loop_ = Loop::new((), false)?;
            let timer = loop_.timer(1000.0)?;
            let async_ = loop_.async_()?;
            let owned = Owned(ended);
            timer.start(move || owned.touch())?;
            async_.start(|| ())?;
            let callback = loop_.run_callback(|| ())?;
            let (remote, sender) = (loop_.threadsafe(), async_.sender());
            Ok((Anywhere((loop_, timer, async_, callback)), remote, sender))
        }
    });
    let (Anywhere((loop_, timer, async_, callback)), remote, sender) = handles.join().expect("no panic")?;
    assert!(remote.destroyed() && loop_.destroyed());
    assert_eq!(remote.run_callback_threadsafe(|| ()).map(drop), Err(LoopDestroyed));
    assert!(sender.send().is_err());
    // The functions of its watchers were dropped by its own thread.
    assert_eq!(ended.load(Ordering::Relaxed), 1);
    assert!(!timer.active() && !async_.active() && !timer.has_callback());
    assert!(matches!(timer.start(|| ()), Err(Error::Destroyed(_))));
    assert!(matches!(loop_.run(), Err(Error::Destroyed(_))));
    remote.destroy();
    loop_.destroy()?;
    drop((loop_, timer, async_, callback));
    Ok(())
}

/// Counts its end.
struct Owned(Arc<AtomicUsize>);

impl Owned {
    fn touch(&self) {}
}

impl Drop for Owned {
    fn drop(&mut self) {
        add_one(&self.0);
    }
}

#[test]
fn a_callback_queued_by_the_loops_own_thread_counts_at_once() -> TestResult {
    let loop_ = new_loop()?;
    loop_.run_callback_threadsafe(|| ())?;
    assert_eq!((loop_.activecnt()?, loop_.queued_callbacks()), (1, 1));
    run(&loop_)?;
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}
