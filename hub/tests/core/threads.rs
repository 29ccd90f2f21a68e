//! Loops and other threads. Source: gevent's test__core_async.py, and run_callback_threadsafe.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use crate::core_support::*;
use hub::core::{AsyncSender, Break, Loop, LoopDestroyed, ThreadsafeCallback, ThreadsafeLoop};

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
