//! Greenlets and the loop: callbacks that switch, waits without a closure, and hubs that are dropped while they run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::core_support::*;
use greenlet_core::{Exception, GreenletError, RawGreenlet, Value, getcurrent};
use hub::Context;
use hub::core::{Events, Loop};
use waiter::{Park, Resume};

/// A greenlet that runs the loop. When the run ends, it returns to its parent, which is its creator.
fn hub_for(loop_: &Loop) -> RawGreenlet {
    let loop_ = loop_.clone();
    RawGreenlet::builder().stack_size(1 << 18).build(move |_| {
        loop_.run()?;
        Ok(Value::None)
    })
}

#[test]
fn start_resume_wakes_the_greenlet_that_waits() -> TestResult {
    let loop_ = new_loop()?;
    let hub = hub_for(&loop_);
    let timer = loop_.timer(0.001)?;
    let park = Park::begin();
    let resume = park.resume();
    timer.start_resume(resume.clone())?;
    assert!(timer.has_callback());
    let found = timer.resume().expect("it was just set");
    assert_eq!(*found.greenlet(), getcurrent());
    assert!(format!("{timer:?}").contains(" callback=<resume of "), "{timer:?}");
    let value = park.enter(&hub)?;
    assert!(resume.is_mine(&value));
    // The hub is still inside the timer's callback.
    assert_eq!(loop_.depth()?, 1);
    assert!(timer.resume().is_some());
    hub.switch(())?;
    assert!(hub.dead());
    assert_eq!(loop_.depth()?, 0);
    assert!(!timer.has_callback());
    Ok(())
}

#[test]
fn a_resume_that_is_over_does_nothing() -> TestResult {
    let loop_ = new_loop()?;
    let hub = hub_for(&loop_);
    let resume = Park::begin().resume();
    loop_.timer(0.0)?.start_resume(resume.clone())?;
    loop_.run_callback_resume(resume)?;
    let value = hub.switch(())?;
    assert!(value.is_none() && hub.dead(), "nobody was woken before the loop's end");
    Ok(())
}

#[test]
fn run_callback_resume_keeps_its_place_in_the_queue() -> TestResult {
    let loop_ = new_loop()?;
    let hub = hub_for(&loop_);
    let trace = Trace::new();
    loop_.run_callback(trace.adds("before"))?;
    let park = Park::begin();
    let resume = park.resume();
    loop_.run_callback_resume(resume.clone())?;
    loop_.run_callback(trace.adds("after"))?;
    assert_eq!(loop_.activecnt()?, 3);
    assert!(resume.is_mine(&park.enter(&hub)?));
    trace.add("resumed");
    hub.switch(())?;
    assert_eq!(trace.take(), ["before", "resumed", "after"]);
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn an_error_that_comes_back_by_a_switch_is_reported() -> TestResult {
    let loop_ = new_loop()?;
    let errors = collect_errors(&loop_);
    let resume = Rc::new(RefCell::new(None));
    let hub = hub_for(&loop_);
    let failing = RawGreenlet::builder().parent(&hub).build({
        let (resume, hub) = (resume.clone(), hub.clone());
        move |_| {
            let park = Park::begin();
            resume.replace(Some(park.resume()));
            park.enter(&hub.parent().expect("main"))?;
            Err(Exception::new(Deliberate))
        }
    });
    failing.switch(())?;
    let wake: Resume = resume.take().expect("it has parked");
    loop_.timer(0.0)?.start_resume(wake)?;
    hub.switch(())?;
    assert_eq!(errors.take(), ["switch: deliberate"]);
    assert!(failing.dead() && hub.dead());
    Ok(())
}

#[test]
fn a_greenlet_may_run_the_loop_while_the_hub_is_in_a_callback() -> TestResult {
    let loop_ = new_loop()?;
    let hub = hub_for(&loop_);
    let trace = Trace::new();
    let park = Park::begin();
    loop_.run_callback_resume(park.resume())?;
    loop_.run_callback(trace.adds("second"))?;
    park.enter(&hub)?;
    // The hub's round is suspended in its first callback; the nested run calls the second.
    assert_eq!(loop_.depth()?, 1);
    loop_.timer(0.001)?.start(trace.adds("timer"))?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["second", "timer"]);
    hub.switch(())?;
    assert!(hub.dead());
    assert!(!loop_.starting_timer_may_update_loop_time());
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

fn panic_if_reached() {
    panics("should have been unwound")();
}

/// Drops a hub that is suspended inside of a callback, and returns the loop.
fn drop_hub_in(start: impl FnOnce(&Loop, Resume) -> TestResult) -> Result<(Loop, Drops), Exception> {
    let loop_ = new_loop()?;
    let drops = Drops::default();
    let (inside, witness) = (loop_.clone(), drops.witness());
    let hub = RawGreenlet::new(move |_| {
        witness.touch();
        inside.run()?;
        unreachable!("the run does not return, it is unwound");
    });
    let park = Park::begin();
    start(&loop_, park.resume())?;
    park.enter(&hub)?;
    assert_eq!(loop_.depth()?, 1);
    drop(hub);
    assert_eq!(drops.count(), 1, "the hub's stack was unwound");
    assert_eq!(loop_.depth()?, 0, "C's frames were left properly");
    Ok((loop_, drops))
}

#[test]
fn a_hub_dropped_inside_a_watchers_callback_leaves_the_loop_usable() -> TestResult {
    let trace = Trace::new();
    let (loop_, _) = drop_hub_in(|loop_, resume| {
        loop_.timer(0.0)?.with_priority(1)?.start_resume(resume)?;
        // This timer fires in the same iteration, when the hub is leaving the loop already.
        loop_.timer(0.0)?.start(trace.adds("one-shot timer"))?;
        Ok(())
    })?;
    assert_eq!(trace.take(), [""; 0], "not from a dying hub");
    run(&loop_)?;
    assert_eq!(trace.take(), ["one-shot timer"], "and not lost either");
    assert_eq!((loop_.activecnt()?, loop_.started_watchers()), (0, 0));
    Ok(())
}

#[test]
fn a_hub_dropped_inside_a_queued_callback_leaves_the_rest_queued() -> TestResult {
    let trace = Trace::new();
    let (loop_, _) = drop_hub_in(|loop_, resume| {
        loop_.run_callback_resume(resume)?;
        loop_.run_callback(trace.adds("rest"))?;
        Ok(())
    })?;
    assert_eq!(trace.take(), [""; 0]);
    assert_eq!(loop_.queued_callbacks(), 1);
    assert!(!loop_.starting_timer_may_update_loop_time());
    run(&loop_)?;
    assert_eq!(trace.take(), ["rest"]);
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn a_hub_dropped_inside_a_closure_unwinds_the_closure() -> TestResult {
    let drops = Drops::default();
    let main = getcurrent();
    let (loop_, _) = drop_hub_in(|loop_, _| {
        let drops = drops.clone();
        loop_.idle()?.feed(Events::IDLE, move || {
            let _on_the_stack = drops.witness();
            main.switch(())?;
            panic_if_reached();
            Ok(())
        })?;
        Ok(())
    })?;
    assert_eq!(drops.count(), 1);
    run(&loop_)?;
    Ok(())
}

#[test]
fn a_hub_dropped_inside_the_error_handler_unwinds_too() -> TestResult {
    let main = getcurrent();
    let (loop_, _) = drop_hub_in(|loop_, _| {
        loop_.set_error_handler(Some(Rc::new(move |_: Context<'_>, _: Exception| {
            let _ = main.switch(());
        })));
        loop_.run_callback(|| Err(Exception::new(Deliberate)))?;
        Ok(())
    })?;
    loop_.set_error_handler(None);
    run(&loop_)?;
    Ok(())
}

#[test]
fn a_hub_dropped_inside_an_embedded_loop_leaves_both_usable() -> TestResult {
    let inner = new_loop()?;
    let trace = Trace::new();
    let (outer, _) = drop_hub_in(|outer, resume| {
        let embed = outer.embed(&inner)?;
        embed.start_sweep()?;
        // The inner loop is run by libev's own embedding, with no Rust frame in between.
        let prepare = inner.prepare()?;
        prepare.start_resume(resume)?;
        outer.timer(0.001)?.start(trace.adds("outer"))?;
        Ok(())
    })?;
    assert_eq!(inner.depth()?, 0);
    inner.destroy()?;
    run(&outer)?;
    assert_eq!(trace.take(), ["outer"]);
    Ok(())
}

#[test]
fn a_hub_dropped_after_its_loop_was_destroyed_frees_the_loop() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    loop_.cleanup()?.start(trace.adds("cleanup"))?;
    let hub = hub_for(&loop_);
    let park = Park::begin();
    loop_.timer(0.0)?.start_resume(park.resume())?;
    park.enter(&hub)?;
    loop_.destroy()?;
    assert!(loop_.destroyed());
    assert_eq!(trace.take(), [""; 0], "it still runs, on the hub's stack");
    drop(hub);
    assert_eq!(trace.take(), ["cleanup"]);
    Ok(())
}

/// The greenlet must not go on, with its unwinding left to the next run of a loop.
#[test]
fn a_greenlet_dropped_inside_a_cleanup_callback_is_unwound() -> TestResult {
    let (trace, drops) = (Trace::new(), Drops::default());
    let loops = [new_loop()?, new_loop()?];
    let main = getcurrent();
    loops[0].cleanup()?.start({
        let (trace, main) = (trace.clone(), main.clone());
        move || {
            trace.add("first");
            main.switch(()).map(drop)
        }
    })?;
    loops[1].cleanup()?.start(trace.adds("second"))?;
    let greenlet = RawGreenlet::new({
        let witness = drops.witness();
        move |_| {
            witness.touch();
            // Both loops are freed when their runs are over.
            let [outer, inner] = &loops;
            outer.run_callback({
                let (outer, inner) = (outer.clone(), inner.clone());
                move || -> TestResult {
                    inner.run_callback({
                        let inner = inner.clone();
                        move || -> TestResult {
                            outer.destroy()?;
                            inner.destroy()?;
                            // This does not free them yet, because it is inside both runs.
                            new_loop()?.run()?;
                            Ok(())
                        }
                    })?;
                    // libev runs the loop directly, so the end of this run frees nothing.
                    // SAFETY: the loop is alive, and is not freed while it runs.
                    unsafe { libev_sys::ev_run(inner.as_ptr()?, 0) };
                    Ok(())
                }
            })?;
            outer.run()?;
            unreachable!("it does not come here")
        }
    });
    greenlet.switch(())?;
    assert_eq!(trace.take(), ["first"]);
    drop(greenlet);
    assert_eq!(drops.count(), 1);
    // Nothing is left that would affect other loops.
    let other = new_loop()?;
    other.timer(0.0)?.start(trace.adds("timer"))?;
    run(&other)?;
    assert_eq!(trace.take(), ["second", "timer"]);
    Ok(())
}

/// The list of such loops must still exist when the greenlets are unwound.
#[test]
fn a_destroyed_loop_that_runs_until_its_thread_ends_is_freed_then() -> TestResult {
    // Thread-locals end in the reverse order of their first use.
    for loop_first in [false, true] {
        let freed = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let freed = freed.clone();
            move || -> Result<(), hub::core::Error> {
                let loop_ = Loop::new((), false)?;
                if loop_first {
                    loop_.run()?;
                }
                loop_.cleanup()?.start(move || freed.store(true, Ordering::Relaxed))?;
                let main = getcurrent();
                loop_.run_callback(move || {
                    // The greenlet's stack holds a handle of itself, so only the thread's end unwinds it.
                    let _keeps_itself = getcurrent();
                    main.switch(()).map(drop)
                })?;
                hub_for(&loop_).switch(()).expect("it parks");
                loop_.destroy()
            }
        });
        thread.join().expect("it does not panic")?;
        assert!(freed.load(Ordering::Relaxed), "loop first: {loop_first}");
    }
    Ok(())
}

#[test]
fn two_hubs_on_two_loops_interleave() -> TestResult {
    let trace = Trace::new();
    let loops = [new_loop()?, new_loop()?];
    let hubs = loops.each_ref().map(hub_for);
    for (i, loop_) in loops.iter().enumerate() {
        let (trace, main) = (trace.clone(), getcurrent());
        let timer = loop_.timer_repeat(0.0, 0.0001)?;
        let count = Cell::new(0);
        let this = timer.clone();
        timer.start(move || {
            trace.add(i);
            count.set(count.get() + 1);
            if count.get() == 3 {
                this.stop()?;
            }
            main.switch(())?;
            Ok(())
        })?;
    }
    for _ in 0..3 {
        for hub in &hubs {
            hub.switch(())?;
        }
    }
    assert_eq!(trace.take(), ["0", "1", "0", "1", "0", "1"]);
    for hub in &hubs {
        hub.switch(())?;
        assert!(hub.dead());
    }
    Ok(())
}

#[test]
fn dropping_a_handler_may_unwind_a_greenlet() -> TestResult {
    // The last handle of a parked greenlet is in a watcher's resume.
    let loop_ = new_loop()?;
    let drops = Drops::default();
    let timer = loop_.timer(10.0)?;
    let parked = RawGreenlet::new({
        let (timer, drops, main) = (timer.clone(), drops.clone(), getcurrent());
        move |_| {
            let _on_the_stack = drops.witness();
            timer.start_resume(Park::begin().resume())?;
            main.switch(())?;
            unreachable!("unwound");
        }
    });
    parked.switch(())?;
    drop(parked);
    assert_eq!(drops.count(), 0);
    timer.stop()?;
    assert_eq!(drops.count(), 1);
    assert_eq!((loop_.activecnt()?, loop_.started_watchers()), (0, 0));
    Ok(())
}

/// If two of them could end in another order than they began, libev would stay forbidden for ever.
#[test]
fn a_reschedule_function_cannot_switch() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let main = getcurrent();
    let periodic = loop_.periodic_reschedule({
        let trace = trace.clone();
        move |now| {
            let error = main.switch(()).and(main.throw(GreenletError::CyclicParent));
            let other = RawGreenlet::new(|_| Ok(Value::None));
            for error in [error, other.switch(())] {
                let pinned = |e: &Exception| matches!(e.downcast_ref(), Some(GreenletError::Pinned));
                trace.add(error.is_err_and(|error| pinned(&error)));
            }
            now + 100.0
        }
    })?;
    let starter = RawGreenlet::new(move |_| {
        periodic.start(|| ())?;
        periodic.stop()?;
        Ok(Value::None)
    });
    starter.switch(())?;
    assert_eq!(trace.take(), ["true"; 2]);
    // After the reschedule function, switching is allowed again.
    RawGreenlet::new(|_| Ok(Value::None)).switch(())?;
    Ok(())
}

/// Two greenlets run the loop, each parked in a callback, and the one that began first ends first.
#[test]
fn rounds_in_two_greenlets_end_in_any_order() -> TestResult {
    let loop_ = new_loop()?;
    let main = getcurrent();
    let runs = || {
        let inside = loop_.clone();
        RawGreenlet::new(move |_| {
            inside.run()?;
            Ok(Value::None)
        })
    };
    let park = || {
        let main = main.clone();
        loop_.run_callback(move || main.switch(()).map(drop))
    };
    let (first, second) = (runs(), runs());
    park()?;
    first.switch(())?;
    park()?;
    second.switch(())?;
    first.switch(())?;
    assert!(first.dead());
    let called = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let called = called.clone();
        loop_.run_callback(move || called.set(called.get() + 1))?;
    }
    // A loop that forgets its queued callbacks would sleep until this alarm.
    let overslept = Rc::new(Cell::new(false));
    let alarm = loop_.timer(50.0)?.with_ref(false)?;
    alarm.start({
        let overslept = overslept.clone();
        move || overslept.set(true)
    })?;
    second.switch(())?;
    assert!(second.dead());
    assert_eq!((called.get(), overslept.get()), (3, false));
    Ok(())
}

/// gevent stops a timer that is not active when its call returns, and so forgets that it has expired again meanwhile.
#[test]
fn a_timer_that_is_started_again_while_its_call_is_parked_fires_again() -> TestResult {
    let loop_ = new_loop()?;
    let (main, calls) = (getcurrent(), Rc::new(Cell::new(0)));
    let timer = loop_.timer(0.0)?;
    let start = |timer: &hub::core::Timer| {
        let (main, calls) = (main.clone(), calls.clone());
        timer.start(move || {
            calls.set(calls.get() + 1);
            if calls.get() == 1 {
                main.switch(()).map(drop)
            } else {
                Ok(())
            }
        })
    };
    start(&timer)?;
    let hub = hub_for(&loop_);
    hub.switch(())?;
    assert_eq!(calls.get(), 1);
    // The call is parked. This one's event is delivered before the timer's, which is not active any more, and lets the
    // call return just then.
    start(&timer)?;
    let first = loop_.timer(0.0)?.with_priority(2)?;
    first.start({
        let (timer, hub) = (timer.clone(), hub.clone());
        move || {
            assert!(timer.pending() && !timer.active());
            hub.set_parent(&getcurrent())?;
            hub.switch(()).map(drop)
        }
    })?;
    loop_.run_once()?;
    loop_.run_nowait()?;
    assert_eq!(calls.get(), 2);
    assert!(hub.dead() && !timer.has_callback());
    Ok(())
}
