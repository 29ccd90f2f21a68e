//! libev's watchers that gevent does not have: periodic, embed, cleanup.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use crate::core_support::*;
use hub::core::{Embed, Error, Events, Loop, NotEmbeddable, time};

#[test]
fn a_periodic_fires_at_its_time() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let at = time() + 0.01;
    let periodic = loop_.periodic(at, 0.0)?;
    near(periodic.offset(), at);
    near(periodic.interval(), 0.0);
    let (seen, clock) = (trace.clone(), loop_.clone());
    periodic.start_pass_events(move |events| {
        assert!(clock.now().unwrap() >= at);
        seen.add(events);
    })?;
    near(periodic.at(), at);
    run(&loop_)?;
    assert_eq!(trace.take(), ["PERIODIC"]);
    assert!(!periodic.active());
    Ok(())
}

#[test]
fn a_periodic_with_an_interval_fires_at_multiples() -> TestResult {
    let loop_ = new_loop()?;
    let periodic = loop_.periodic(0.0, 0.01)?;
    let count = Rc::new(Cell::new(0));
    periodic.start({
        let (periodic, count) = (periodic.clone(), count.clone());
        move || {
            count.set(count.get() + 1);
            if count.get() == 3 {
                periodic.stop().unwrap();
            }
        }
    })?;
    let at = periodic.at();
    assert!(((at / 0.01).round() * 0.01 - at).abs() < 1e-6, "{at}");
    run(&loop_)?;
    assert_eq!(count.get(), 3);
    Ok(())
}

#[test]
fn a_reschedule_function_decides() -> TestResult {
    let loop_ = new_loop()?;
    let asked = Rc::new(Cell::new(0));
    let periodic = loop_.periodic_reschedule({
        let asked = asked.clone();
        move |now| {
            asked.set(asked.get() + 1);
            now + 0.001
        }
    })?;
    let count = Rc::new(Cell::new(0));
    periodic.start({
        let (periodic, count) = (periodic.clone(), count.clone());
        move || {
            count.set(count.get() + 1);
            if count.get() == 3 {
                periodic.stop().unwrap();
            }
        }
    })?;
    run(&loop_)?;
    assert_eq!((count.get(), asked.get()), (3, 4));
    periodic.set(time() + 0.001, 0.0)?;
    let trace = Trace::new();
    periodic.start(trace.adds("without the function"))?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["without the function"]);
    assert_eq!(asked.get(), 4);
    periodic.set_reschedule(|now| now + 10.0)?;
    periodic.start(|| ())?;
    near(periodic.at(), loop_.now()? + 10.0);
    assert!(matches!(periodic.set(0.0, 0.0), Err(Error::WatcherInUse(_))));
    periodic.again()?;
    periodic.stop()?;
    Ok(())
}

#[test]
fn a_reschedule_function_that_returns_nonsense_does_no_harm() -> TestResult {
    let loop_ = new_loop()?;
    for nonsense in [f64::NAN, f64::INFINITY] {
        let periodic = loop_.periodic_reschedule(move |_| nonsense)?;
        periodic.start(panics("never"))?;
        assert!(periodic.at().is_infinite());
        loop_.run_nowait()?;
        loop_.verify()?;
        periodic.stop()?;
    }
    // A time in the past counts as now, so the watcher fires in each iteration.
    let count = Rc::new(Cell::new(0));
    let periodic = loop_.periodic_reschedule(|now| now - 100.0)?;
    periodic.start({
        let (periodic, count) = (periodic.clone(), count.clone());
        move || {
            count.set(count.get() + 1);
            if count.get() == 3 {
                periodic.stop().unwrap();
            }
        }
    })?;
    run(&loop_)?;
    assert_eq!(count.get(), 3);
    Ok(())
}

#[test]
fn a_reschedule_function_cannot_touch_a_loop() -> TestResult {
    let (loop_, other) = (new_loop()?, new_loop()?);
    let results = Trace::new();
    let periodic = loop_.periodic_reschedule({
        let (loop_, other, results) = (loop_.clone(), other.clone(), results.clone());
        let timer = loop_.timer(1.0)?;
        move |now| {
            let refused = |result: Result<(), Error>| {
                results.add(matches!(result, Err(Error::Uninterruptible(_))));
            };
            refused(loop_.destroy());
            refused(timer.start(|| ()));
            refused(timer.stop());
            refused(loop_.run().map(drop));
            refused(other.run().map(drop));
            refused(loop_.run_callback(|| ()).map(drop));
            refused(Loop::new((), false).map(drop));
            assert!(loop_.now().is_ok(), "looking is allowed");
            now + 100.0
        }
    })?;
    periodic.start(|| ())?;
    assert_eq!(results.take(), ["true"; 7]);
    // The reschedule function has returned, and everything works again.
    loop_.update_now()?;
    periodic.stop()?;
    Ok(())
}

#[test]
fn dropping_the_last_handle_in_a_reschedule_function_takes_effect_later() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let other = Rc::new(RefCell::new(Some(new_loop()?)));
    if let Some(other) = &*other.borrow() {
        other.cleanup()?.start(trace.adds("destroyed"))?;
    }
    let periodic = loop_.periodic_reschedule({
        let other = other.clone();
        move |now| {
            drop(other.take());
            now + 100.0
        }
    })?;
    periodic.start(|| ())?;
    assert!(other.borrow().is_none());
    assert_eq!(trace.take(), [""; 0]);
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["destroyed"]);
    periodic.stop()?;
    Ok(())
}

#[test]
fn a_panic_in_a_reschedule_function_is_reported_from_the_loop() -> TestResult {
    let loop_ = new_loop()?;
    let errors = collect_errors(&loop_);
    let first = Cell::new(true);
    let periodic = loop_.periodic_reschedule(move |now| {
        if first.replace(false) {
            now
        } else {
            panic!("in reschedule")
        }
    })?;
    let trace = Trace::new();
    periodic.with_ref(false)?.start(trace.adds("fired"))?;
    loop_.timer(0.005)?.start(|| ())?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["fired"]);
    assert_eq!(errors.take(), ["periodic: panicked: in reschedule"]);
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn times_that_are_no_times_are_refused() -> TestResult {
    let loop_ = new_loop()?;
    let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for value in bad {
        assert!(matches!(loop_.periodic(value, 1.0), Err(Error::IllegalTime(_))));
        assert!(matches!(loop_.periodic(0.0, value), Err(Error::IllegalTime(_))));
    }
    assert!(matches!(loop_.periodic(0.0, -1.0), Err(Error::IllegalTime(_))));
    // libev would go from 0 to now, in steps of one second.
    assert!(matches!(loop_.periodic(1e300, 1.0), Err(Error::IllegalTime(_))));
    for (offset, interval) in [
        (1e300, 0.0),
        (1e12, 1e-9),
        (-1e12, 1.3e-7),
        (1e12, 1e-300),
        (0.0, f64::MAX),
        (-1e12, 1e308),
        (1.0, 1e-4),
    ] {
        let periodic = loop_.periodic(offset, interval)?;
        periodic.start(|| ())?;
        loop_.verify()?;
        periodic.stop()?;
    }
    Ok(())
}

#[test]
fn an_embedded_loop_runs_inside_the_other() -> TestResult {
    for automatic in [true, false] {
        let (outer, inner) = (new_loop()?, new_loop()?);
        let trace = Trace::new();
        let (writer, reader) = UnixStream::pair()?;
        let io = inner.io(reader.as_raw_fd(), Events::READ)?;
        let embed = outer.embed(&inner)?;
        assert_eq!(embed.other(), &inner);
        io.start({
            let (io, embed, trace) = (io.clone(), embed.clone(), trace.clone());
            move || {
                trace.add("inner");
                io.stop().unwrap();
                embed.stop().unwrap();
            }
        })?;
        if automatic {
            embed.start_sweep()?;
        } else {
            let (this, trace) = (embed.clone(), trace.clone());
            embed.start_pass_events(move |events| {
                trace.add(events);
                this.sweep().unwrap();
            })?;
        }
        outer.timer(0.001)?.start(move || (&writer).write_all(b"x").unwrap())?;
        run(&outer)?;
        assert_eq!(
            trace.take(),
            if automatic {
                vec!["inner"]
            } else {
                vec!["EMBED", "inner"]
            }
        );
    }
    Ok(())
}

#[test]
fn a_loop_cannot_be_embedded_where_it_cannot() -> TestResult {
    let (a, b, c) = (new_loop()?, new_loop()?, new_loop()?);
    assert!(matches!(a.embed(&a), Err(Error::NotEmbeddable(NotEmbeddable::Cycle))));
    let poll = Loop::new("poll", false)?;
    assert!(matches!(
        a.embed(&poll),
        Err(Error::NotEmbeddable(NotEmbeddable::Backend(_)))
    ));
    // libev says that such a loop can be embedded, but would watch descriptor -1.
    if let Ok(uring) = Loop::new("linux_iouring", false) {
        assert!(matches!(
            a.embed(&uring),
            Err(Error::NotEmbeddable(NotEmbeddable::Backend(_)))
        ));
    }
    let b_in_a = a.embed(&b)?;
    let c_in_b = b.embed(&c)?;
    let a_in_c = c.embed(&a)?;
    b_in_a.start_sweep()?;
    c_in_b.start_sweep()?;
    assert!(matches!(
        a_in_c.start_sweep(),
        Err(Error::NotEmbeddable(NotEmbeddable::Cycle))
    ));
    assert!(matches!(c.embed(&a), Err(Error::NotEmbeddable(NotEmbeddable::Cycle))));
    b_in_a.stop()?;
    a_in_c.start_sweep()?;
    a.destroy()?;
    assert!(!a_in_c.active(), "destroying the embedded loop has stopped it");
    assert!(matches!(a_in_c.start_sweep(), Err(Error::Destroyed(_))));
    assert_eq!(c.activecnt()?, 0);
    run(&c)?;
    Ok(())
}

#[test]
fn an_embedded_loop_may_be_destroyed_by_its_own_callback() -> TestResult {
    let (outer, inner) = (new_loop()?, new_loop()?);
    let trace = Trace::new();
    inner.cleanup()?.start(trace.adds("cleanup"))?;
    let embed = outer.embed(&inner)?;
    embed.start_sweep()?;
    // No sweep runs the embedded loop here: libev runs it by itself when its descriptors have changed.
    inner.prepare()?.start({
        let (inner, trace) = (inner.clone(), trace.clone());
        move || {
            if !inner.destroyed() {
                trace.add("destroys");
                inner.destroy().unwrap();
            }
        }
    })?;
    drop(inner);
    run(&outer)?;
    assert_eq!(trace.take(), ["destroys", "cleanup"]);
    assert!(!embed.active() && embed.other().destroyed());
    Ok(())
}

#[test]
fn an_embed_may_be_stopped_while_it_follows_a_fork() -> TestResult {
    // libev alone would stop the watcher, run the embedded loop and start the watcher again, whatever has happened
    // meanwhile.
    let ends: [fn(&Loop, &Embed); 6] = [
        |_, _| (),
        |_, embed| embed.stop().unwrap(),
        |outer, _| outer.destroy().unwrap(),
        |_, embed| embed.other().destroy().unwrap(),
        |_, embed| {
            embed.stop().unwrap();
            embed.start_sweep().unwrap();
        },
        // The watcher must not be freed while the inner loop still knows it.
        |_, embed| embed.start_sweep().unwrap(),
    ];
    let goes_on = [true, false, false, false, true, true];
    for (end, goes_on) in ends.into_iter().zip(goes_on) {
        let (outer, inner) = (new_loop()?, new_loop()?);
        let embed = outer.embed(&inner)?;
        embed.start_sweep()?;
        let trace = Trace::new();
        inner.run_callback({
            let (outer, embed, trace) = (outer.clone(), embed.clone(), trace.clone());
            move || {
                trace.add("after the fork");
                end(&outer, &embed);
            }
        })?;
        outer.reinit()?;
        outer.run_nowait()?;
        assert_eq!(trace.take(), ["after the fork"]);
        assert_eq!(embed.active(), goes_on);
        let started = embed.active().then(|| embed.clone());
        drop(embed);
        if !outer.destroyed() {
            outer.verify()?;
            outer.reinit()?;
            outer.run_nowait()?;
        }
        if let Some(embed) = started {
            embed.stop()?;
            drop(embed);
            inner.verify()?;
            inner.reinit()?;
            inner.run_nowait()?;
        }
        outer.destroy()?;
    }
    Ok(())
}

/// The outer loop must not go on watching the descriptor that the embedded loop has closed.
#[test]
fn an_embedded_loop_may_follow_a_fork_by_itself() -> TestResult {
    let (outer, trace) = (new_loop()?, Trace::new());
    let (reader, mut writer) = UnixStream::pair()?;
    let lower = reader.try_clone()?;
    let inner = new_loop()?;
    let embed = outer.embed(&inner)?;
    embed.start_sweep()?;
    assert_eq!(inner.activecnt()?, 0);
    let io = inner.io(reader.as_raw_fd(), Events::READ)?;
    io.start({
        let (io, embed, trace) = (io.clone(), embed.clone(), trace.clone());
        move || {
            trace.add("inner");
            io.stop().unwrap();
            embed.stop().unwrap();
        }
    })?;
    outer.run_nowait()?;
    // A lower number is free now, so the descriptor that is made anew may have another number.
    drop(lower);
    inner.reinit()?;
    inner.run_nowait()?;
    assert!(embed.active());
    for loop_ in [&outer, &inner] {
        loop_.verify()?;
    }
    writer.write_all(b"x")?;
    run(&outer)?;
    assert_eq!(trace.take(), ["inner"]);
    assert_eq!((outer.activecnt()?, inner.activecnt()?), (0, 0));
    Ok(())
}

#[test]
fn a_started_embed_keeps_the_other_loop() -> TestResult {
    let outer = new_loop()?;
    let inner = new_loop()?;
    let trace = Trace::new();
    inner.cleanup()?.start(trace.adds("inner destroyed"))?;
    let embed = outer.embed(&inner)?;
    embed.start_sweep()?;
    drop(inner);
    drop(embed);
    outer.run_nowait()?;
    assert_eq!(trace.take(), [""; 0]);
    drop(outer);
    assert_eq!(trace.take(), ["inner destroyed"]);
    Ok(())
}

#[test]
fn cleanup_watchers_are_called_when_the_loop_is_destroyed_or_dropped() -> TestResult {
    for dropped in [false, true] {
        let loop_ = new_loop()?;
        let trace = Trace::new();
        let cleanup = loop_.cleanup()?;
        let seen = trace.clone();
        cleanup.start_pass_events(move |events| seen.add(events))?;
        assert_eq!(loop_.activecnt()?, 0, "it does not count");
        loop_.timer(10.0)?.with_ref(false)?.start(|| ())?;
        run(&loop_)?;
        assert_eq!(trace.take(), [""; 0]);
        if dropped {
            drop(cleanup);
        } else {
            loop_.destroy()?;
            assert!(!cleanup.active() && !cleanup.has_callback());
        }
        drop(loop_);
        assert_eq!(trace.take(), ["CLEANUP"]);
    }
    Ok(())
}

#[test]
fn a_stopped_cleanup_watcher_is_not_called() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let cleanup = loop_.cleanup()?;
    cleanup.start(trace.adds("never"))?;
    cleanup.stop()?;
    loop_.destroy()?;
    assert_eq!(trace.take(), [""; 0]);
    Ok(())
}

#[test]
fn a_cleanup_callback_sees_a_destroyed_loop_and_its_error_is_reported() -> TestResult {
    let loop_ = new_loop()?;
    let errors = collect_errors(&loop_);
    let trace = Trace::new();
    loop_.cleanup()?.start({
        let (loop_, trace) = (loop_.clone(), trace.clone());
        move || {
            trace.add(loop_.destroyed());
            trace.add(loop_.timer(0.0).is_err());
            loop_.destroy().unwrap();
            panics("in cleanup")();
        }
    })?;
    loop_.destroy()?;
    assert_eq!(trace.take(), ["true", "true"]);
    assert_eq!(errors.take(), ["cleanup: panicked: in cleanup"]);
    Ok(())
}
