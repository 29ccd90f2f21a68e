//! Things that all watchers have in common. Source: gevent's test__core_watcher.py, test__core.py,
//! test__refcount_core.py.

use std::cell::{Cell, RefCell};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use crate::core_support::*;
use greenlet_core::Exception;
use hub::core::{Error, Events, MAXPRI, MINPRI, Timer, Watcher};

#[test]
fn test_run() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let timer = loop_.timer(0.01)?;
    timer.start(trace.adds("first"))?;
    loop_.run()?;
    loop_.update_now()?;
    assert_eq!(trace.take(), ["first"]);
    // A started watcher lives without handles.
    timer.start(trace.adds("second"))?;
    drop(timer);
    run(&loop_)?;
    assert_eq!(trace.take(), ["second"]);
    Ok(())
}

#[test]
fn a_callback_may_replace_and_close_itself() -> TestResult {
    // gevent's `reset` in test_run.
    let loop_ = new_loop()?;
    let (trace, drops) = (Trace::new(), Drops::default());
    let timer = loop_.timer(0.0)?;
    let witness = drops.witness();
    timer.start({
        let (timer, trace, drops) = (timer.clone(), trace.clone(), drops.clone());
        move || {
            witness.touch();
            timer.set_callback(|| ());
            timer.close().unwrap();
            assert!(!timer.has_callback());
            // A callback that runs is not dropped.
            assert_eq!(drops.count(), 0);
            trace.add(25);
        }
    })?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["25"]);
    assert_eq!(drops.count(), 1);
    Ok(())
}

#[test]
fn a_callback_can_be_cleared_and_set_again() -> TestResult {
    let loop_ = new_loop()?;
    let (trace, drops) = (Trace::new(), Drops::default());
    let witness = drops.witness();
    let timer = loop_.timer_repeat(0.0, 0.0001)?;
    timer.start(move || witness.touch())?;
    timer.clear_callback();
    timer.clear_callback();
    assert!(timer.active() && !timer.has_callback());
    assert_eq!(drops.count(), 1);
    // Events without a callback go nowhere, and the watcher goes on.
    loop_.run_once()?;
    loop_.run_once()?;
    assert!(timer.active());
    timer.set_callback({
        let (timer, trace, witness) = (timer.clone(), trace.clone(), drops.witness());
        let dropped = drops.clone();
        move || {
            witness.touch();
            trace.add("set");
            timer.clear_callback();
            assert!(!timer.has_callback());
            // A callback that runs is not dropped.
            assert_eq!(dropped.count(), 1);
        }
    });
    while !trace.take().contains(&"set".to_owned()) {
        loop_.run_once()?;
    }
    assert!(timer.active() && !timer.has_callback());
    assert_eq!(drops.count(), 2);
    timer.stop()?;
    assert_eq!((loop_.activecnt()?, loop_.started_watchers()), (0, 0));
    // A cleared watcher that is over by itself is stopped as any other is, and keeps nothing.
    let once = loop_.timer(0.0)?;
    once.start(|| ())?;
    once.clear_callback();
    drop(once);
    run(&loop_)?;
    assert_eq!(loop_.started_watchers(), 0);
    Ok(())
}

#[test]
fn test_invalid_fd() -> TestResult {
    let loop_ = new_loop()?;
    assert!(matches!(loop_.io(-1, Events::READ), Err(Error::BadFd(error)) if error.fd == -1));
    // Such descriptors may be open where the kernel allows it, but libev's array cannot have so many entries.
    for fd in [1 << 25, i32::MAX] {
        let too_large = loop_.io(fd, Events::READ);
        assert!(matches!(too_large, Err(Error::BadFd(error)) if error.source.raw_os_error() == Some(libc::EOVERFLOW)));
    }
    Ok(())
}

#[test]
fn test_io() -> TestResult {
    let loop_ = new_loop()?;
    assert!(matches!(loop_.io(1, Events::TIMER), Err(Error::IllegalEvents(_))));
    let io = loop_.io(1, Events::READ)?;
    io.set_fd(2)?;
    assert_eq!(io.fd(), 2);
    io.set_events(Events::WRITE)?;
    assert_eq!(io.events_str(), "WRITE|_IOFDSET");
    assert!(io.set_fd(-1).is_err());
    assert!(io.set_events(Events::SIGNAL).is_err());
    io.start(|| ())?;
    assert!(matches!(io.set_fd(1), Err(Error::WatcherInUse(error)) if error.attribute == "fd"));
    assert!(matches!(io.set_events(Events::READ), Err(Error::WatcherInUse(_))));
    assert_eq!((io.fd(), io.events()), (2, Events::WRITE));
    io.close()?;
    Ok(())
}

#[test]
fn test_timer_constructor() -> TestResult {
    let loop_ = new_loop()?;
    assert!(matches!(loop_.timer_repeat(1.0, -1.0), Err(Error::IllegalTime(_))));
    Ok(())
}

#[test]
fn test_signal_constructor() -> TestResult {
    let loop_ = new_loop()?;
    for signum in [1000, 0, -1, 65, libc::SIGKILL, libc::SIGSTOP] {
        assert!(matches!(loop_.signal(signum), Err(Error::IllegalSignal(error)) if error.0 == signum));
    }
    Ok(())
}

#[test]
fn test_events_conversion() {
    assert_eq!((Events::READ | Events::WRITE).to_string(), "READ|WRITE");
    assert_eq!(Events::from_bits(0x40).to_string(), "0x40");
    assert_eq!((Events::ERROR | Events::READ).to_string(), "READ|ERROR");
    assert_eq!(Events::NONE.to_string(), "");
}

#[test]
fn starting_again_replaces_the_callback() -> TestResult {
    let loop_ = new_loop()?;
    let (trace, drops) = (Trace::new(), Drops::default());
    let timer = loop_.timer(0.0)?;
    let witness = drops.witness();
    timer.start(move || witness.touch())?;
    timer.start(trace.adds("second"))?;
    assert_eq!(drops.count(), 1);
    assert_eq!(loop_.activecnt()?, 1);
    run(&loop_)?;
    assert_eq!(trace.take(), ["second"]);
    Ok(())
}

#[test]
fn stop_prevents_a_pending_event() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let (high, low) = (loop_.timer(0.0)?.with_priority(1)?, loop_.timer(0.0)?);
    low.start(trace.adds("low"))?;
    high.start({
        let (low, trace) = (low.clone(), trace.clone());
        move || {
            assert!(low.pending());
            low.stop().unwrap();
            assert!(!low.pending());
            trace.add("high");
        }
    })?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["high"]);
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn what_is_over_is_released() -> TestResult {
    let loop_ = new_loop()?;
    let drops = Drops::default();
    let timer = loop_.timer(0.0)?;
    let witness = drops.witness();
    timer.start(move || witness.touch())?;
    assert_eq!(loop_.started_watchers(), 1);
    run(&loop_)?;
    assert_eq!(drops.count(), 1);
    assert_eq!(loop_.started_watchers(), 0);
    assert!(!timer.active() && !timer.has_callback());
    Ok(())
}

#[test]
fn a_watcher_restarted_in_its_callback_stays() -> TestResult {
    let loop_ = new_loop()?;
    let count = Rc::new(Cell::new(0));
    fn go(timer: &hub::core::Timer, count: &Rc<Cell<i32>>) {
        let captured = (timer.clone(), count.clone());
        timer
            .start(move || {
                captured.1.set(captured.1.get() + 1);
                if captured.1.get() < 3 {
                    captured.0.set(0.0, 0.0).unwrap();
                    go(&captured.0, &captured.1);
                }
            })
            .unwrap();
    }
    go(&loop_.timer(0.0)?, &count);
    run(&loop_)?;
    assert_eq!(count.get(), 3);
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn a_watcher_fed_in_its_callback_fires_again() -> TestResult {
    let loop_ = new_loop()?;
    let (idle, trace) = (loop_.idle()?, Trace::new());
    idle.feed_pass_events(Events::CUSTOM, {
        let (idle, trace) = (idle.clone(), trace.clone());
        move |events| {
            trace.add(events);
            idle.feed(Events::IDLE, trace.adds("again")).unwrap();
        }
    })?;
    assert!(idle.pending() && !idle.active());
    run(&loop_)?;
    assert_eq!(trace.take(), ["CUSTOM", "again"]);
    assert!(!idle.has_callback());
    assert_eq!(loop_.started_watchers(), 0);
    Ok(())
}

#[test]
fn dropping_the_handle_of_a_fed_watcher_does_not_lose_the_event() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    loop_.prepare()?.feed(Events::PREPARE, trace.adds("fed"))?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["fed"]);
    Ok(())
}

#[test]
fn ref_false_takes_a_watcher_out_of_the_count() -> TestResult {
    let loop_ = new_loop()?;
    let timer = loop_.timer(30.0)?;
    assert!(timer.ref_());
    timer.start(|| ())?;
    assert_eq!(loop_.activecnt()?, 1);
    for _ in 0..2 {
        timer.set_ref(false)?;
        assert!(!timer.ref_());
        assert_eq!(loop_.activecnt()?, 0, "exactly once");
    }
    run(&loop_)?;
    for _ in 0..2 {
        timer.set_ref(true)?;
        assert!(timer.ref_());
        assert_eq!(loop_.activecnt()?, 1, "exactly once");
    }
    timer.set_ref(false)?;
    timer.start(|| ())?;
    assert_eq!(loop_.activecnt()?, 0);
    timer.stop()?;
    timer.stop()?;
    assert_eq!(loop_.activecnt()?, 0);
    timer.set_ref(true)?;
    assert_eq!(loop_.activecnt()?, 0, "not active");
    Ok(())
}

#[test]
fn an_unref_watcher_that_ends_gives_its_reference_back() -> TestResult {
    let loop_ = new_loop()?;
    loop_.timer(0.0)?.with_ref(false)?.start(|| ())?;
    loop_.timer(0.005)?.start(|| ())?;
    run(&loop_)?;
    assert_eq!(loop_.activecnt()?, 0);
    let idle = loop_.idle()?.with_ref(false)?;
    idle.feed(Events::IDLE, || ())?;
    assert_eq!(loop_.activecnt()?, -1, "as in gevent, until it is delivered");
    loop_.run_nowait()?;
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn priority_orders_events_of_one_iteration() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    for priority in [0, 2, -2, 1, -1] {
        loop_.timer(0.0)?.with_priority(priority)?.start(trace.adds(priority))?;
    }
    loop_.run_once()?;
    assert_eq!(trace.take(), ["2", "1", "0", "-1", "-2"]);
    Ok(())
}

#[test]
fn priority_is_read_back_as_given_and_brought_into_range_by_start() -> TestResult {
    assert_eq!((MINPRI, MAXPRI), (-2, 2));
    let loop_ = new_loop()?;
    let timer = loop_.timer(10.0)?.with_priority(100)?;
    assert_eq!(timer.priority(), 100);
    timer.start(|| ())?;
    assert_eq!(timer.priority(), 2);
    assert!(matches!(timer.set_priority(1), Err(Error::WatcherInUse(_))));
    timer.stop()?;
    timer.set_priority(-100)?;
    assert_eq!(timer.priority(), -100);
    Ok(())
}

#[test]
fn feeding_a_watcher_with_a_wild_priority_is_safe() -> TestResult {
    // libev uses the priority as an index here, so an illegal one corrupts memory in gevent.
    let loop_ = new_loop()?;
    let trace = Trace::new();
    for priority in [i32::MAX, i32::MIN, 1000] {
        let idle = loop_.idle()?.with_priority(priority)?;
        idle.feed(Events::IDLE, trace.adds("fed"))?;
        assert!(matches!(idle.set_priority(0), Err(Error::WatcherInUse(_))), "pending");
    }
    loop_.run_nowait()?;
    assert_eq!(trace.take().len(), 3);
    Ok(())
}

#[test]
fn idle_watchers_keep_lower_ones_from_being_called() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let (high, low) = (loop_.idle()?.with_priority(1)?, loop_.idle()?);
    low.start(trace.adds("low"))?;
    high.start(trace.adds("high"))?;
    loop_.run_nowait()?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["high", "high"]);
    high.stop()?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["low"]);
    low.stop()?;
    Ok(())
}

#[test]
fn an_active_idle_watcher_keeps_the_loop_from_sleeping() -> TestResult {
    let loop_ = new_loop()?;
    let idle = loop_.idle()?;
    let count = Rc::new(Cell::new(0));
    idle.start({
        let (idle, count) = (idle.clone(), count.clone());
        move || {
            count.set(count.get() + 1);
            if count.get() == 100 {
                idle.stop().unwrap();
            }
        }
    })?;
    run(&loop_)?;
    assert_eq!(count.get(), 100);
    Ok(())
}

#[test]
fn prepare_and_check_enclose_the_wait() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    loop_.prepare()?.start(trace.adds("prepare"))?;
    loop_.check()?.start(trace.adds("check"))?;
    loop_.run_callback(trace.adds("callback"))?;
    loop_.timer(0.0)?.start(trace.adds("timer"))?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["prepare", "callback", "check", "timer"]);
    Ok(())
}

#[test]
fn a_failing_io_watcher_is_stopped_and_a_failing_timer_is_not() -> TestResult {
    let loop_ = new_loop()?;
    let errors = collect_errors(&loop_);
    let (reader, _writer) = UnixStream::pair()?;
    let io = loop_.io(reader.as_raw_fd(), Events::WRITE)?;
    io.start(|| Err::<(), _>(Exception::new(Deliberate)))?;
    let timer = loop_.timer_repeat(0.001, 0.001)?;
    let count = Rc::new(Cell::new(0));
    timer.start({
        let (timer, count) = (timer.clone(), count.clone());
        move || {
            count.set(count.get() + 1);
            if count.get() == 3 {
                timer.stop().unwrap();
            }
            Err::<(), _>(Exception::new(Deliberate))
        }
    })?;
    run(&loop_)?;
    assert!(!io.active() && !io.has_callback());
    let errors = errors.take();
    assert_eq!(
        errors.iter().filter(|error| error.as_str() == "io: deliberate").count(),
        1
    );
    assert_eq!(
        errors
            .iter()
            .filter(|error| error.as_str() == "timer: deliberate")
            .count(),
        3
    );
    Ok(())
}

#[test]
fn io_reports_what_is_ready_and_only_that() -> TestResult {
    use std::io::Write;
    let loop_ = new_loop()?;
    let (reader, mut writer) = UnixStream::pair()?;
    let trace = Trace::new();
    let io = loop_.io(reader.as_raw_fd(), Events::READWRITE)?;
    let seen = trace.clone();
    io.start_pass_events(move |events| seen.add(events))?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["WRITE"]);
    writer.write_all(b"x")?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["READ|WRITE"]);
    io.stop()?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), [""; 0]);
    Ok(())
}

#[test]
fn a_run_inside_a_callback_gets_the_events_of_its_own() -> TestResult {
    // gevent calls the callback with the outer call's events.
    use std::io::Write;
    let loop_ = new_loop()?;
    let (reader, writer) = UnixStream::pair()?;
    let trace = Trace::new();
    let io = loop_.io(reader.as_raw_fd(), Events::READWRITE)?;
    let (its, seen, first) = (io.clone(), trace.clone(), Cell::new(true));
    io.start_pass_events(move |events| {
        seen.add(events);
        if first.replace(false) {
            (&writer).write_all(b"x").unwrap();
            its.loop_().run_nowait().unwrap();
            seen.add("inner run is over");
        }
        its.stop().unwrap();
    })?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["WRITE", "READ|WRITE", "inner run is over"]);
    Ok(())
}

#[test]
fn another_descriptor_or_other_events_leave_the_priority_as_it_was() -> TestResult {
    // In gevent both put it back to 0.
    let loop_ = new_loop()?;
    let (one, two) = UnixStream::pair()?;
    let io = loop_.io(one.as_raw_fd(), Events::READ)?.with_priority(2)?;
    io.set_events(Events::WRITE)?;
    assert_eq!(io.priority(), 2);
    io.set_fd(two.as_raw_fd())?;
    assert_eq!(io.priority(), 2);
    Ok(())
}

#[test]
fn closing_fd_wakes_all_watchers_of_it() -> TestResult {
    let loop_ = new_loop()?;
    let (reader, other) = UnixStream::pair()?;
    let trace = Trace::new();
    let fd = reader.as_raw_fd();
    let (first, second) = (loop_.io(fd, Events::READ)?, loop_.io(fd, Events::READ)?);
    assert!(!loop_.closing_fd(fd)?);
    assert!(!loop_.closing_fd(-1)?);
    assert!(!loop_.closing_fd(i32::MAX)?);
    for io in [&first, &second] {
        let (this, trace) = (io.clone(), trace.clone());
        io.start_pass_events(move |events| {
            trace.add(events);
            this.stop().unwrap();
        })?;
    }
    let elsewhere = loop_.io(other.as_raw_fd(), Events::READ)?;
    elsewhere.start(trace.adds("never"))?;
    assert!(loop_.closing_fd(fd)?);
    assert_eq!(loop_.pendingcnt()?, 2);
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["READ", "READ"]);
    elsewhere.stop()?;
    Ok(())
}

#[test]
fn debug_is_gevents_repr() -> TestResult {
    let loop_ = new_loop()?;
    let io = loop_.io(1, Events::READ)?;
    let text = format!("{io:?}");
    assert!(text.starts_with("<io at 0x") && text.contains(" native=0x"), "{text}");
    assert!(text.ends_with(" fd=1 events=READ|_IOFDSET>"), "{text}");
    let plain: [Watcher; 4] = [
        loop_.timer(1.0)?.into(),
        loop_.signal(libc::SIGUSR1)?.into(),
        loop_.stat("/", 0.0)?.into(),
        loop_.async_()?.into(),
    ];
    for watcher in plain {
        let text = format!("{watcher:?}");
        let address = watcher.address();
        assert!(text.starts_with(&format!("<{} at 0x", watcher.type_name())));
        assert!(text.ends_with(&format!(" native={address:#x}>")), "{text}");
    }
    let timer = loop_.timer(1.0)?;
    timer.start(|| ())?;
    let text = format!("{timer:?}");
    assert!(text.contains(" active callback=<function at 0x"), "{text}");
    let idle = loop_.idle()?;
    idle.feed(Events::IDLE, || ())?;
    assert!(format!("{idle:?}").contains(" pending callback="), "{idle:?}");
    Ok(())
}

#[test]
fn any_watcher_is_a_watcher() -> TestResult {
    let loop_ = new_loop()?;
    let all: Vec<Watcher> = vec![
        loop_.io(0, Events::READ)?.into(),
        loop_.timer(1.0)?.into(),
        loop_.signal(libc::SIGUSR2)?.into(),
        loop_.idle()?.into(),
        loop_.prepare()?.into(),
        loop_.check()?.into(),
        loop_.fork()?.into(),
        loop_.async_()?.into(),
        loop_.stat("/", 0.0)?.into(),
        loop_.periodic(0.0, 1.0)?.into(),
        loop_.cleanup()?.into(),
    ];
    fn common(watcher: &Watcher) -> TestResult {
        assert!(!watcher.active() && !watcher.pending() && watcher.ref_() && !watcher.has_callback());
        assert!(watcher.resume().is_none());
        watcher.start(|| ())?;
        assert!(watcher.active() && watcher.has_callback(), "{watcher:?}");
        watcher.loop_().verify()?;
        watcher.stop()?;
        assert!(!watcher.active() && !watcher.has_callback(), "{watcher:?}");
        watcher.close()?;
        Ok(())
    }
    for watcher in &all {
        common(watcher)?;
    }
    assert_eq!(loop_.activecnt()?, 0);
    assert_eq!(loop_.started_watchers(), 0);
    let timer = loop_.timer(1.0)?;
    common(&timer)?;
    assert_eq!(timer, timer.clone());
    assert_ne!(timer, loop_.timer(1.0)?);
    assert_eq!(timer.loop_(), &loop_);
    Ok(())
}

#[test]
fn many_watchers_start_and_stop_in_any_order() -> TestResult {
    let loop_ = new_loop()?;
    let timers: Vec<_> = (0..100)
        .map(|i| loop_.timer(10.0 + f64::from(i)))
        .collect::<Result<_, _>>()?;
    // A linear congruential generator: any order will do, as long as it is the same each time.
    let mut x = 12345_usize;
    for _ in 0..2000 {
        x = (x * 1_103_515_245 + 12345) % (1 << 31);
        let timer = &timers[(x >> 8) % timers.len()];
        if timer.active() {
            timer.stop()?
        } else {
            timer.start(|| ())?
        }
        let active = timers.iter().filter(|timer| timer.active()).count();
        assert_eq!(loop_.started_watchers(), active);
        assert_eq!(loop_.activecnt()? as usize, active);
    }
    loop_.verify()?;
    Ok(())
}

#[test]
fn destructors_of_callbacks_may_use_the_loop() -> TestResult {
    struct Restart(RefCell<Option<hub::core::Timer>>, Trace);
    impl Drop for Restart {
        fn drop(&mut self) {
            if let Some(timer) = self.0.take() {
                timer.start(self.1.adds("restarted by a destructor")).unwrap();
            }
        }
    }
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let timer = loop_.timer(0.0)?;
    let restart = Restart(RefCell::new(Some(timer.clone())), trace.clone());
    timer.start(move || {
        let _keep = &restart;
    })?;
    timer.stop()?;
    assert!(timer.active());
    run(&loop_)?;
    assert_eq!(trace.take(), ["restarted by a destructor"]);
    Ok(())
}

/// The destructor of a callback may do anything to its own watcher, in any state. Each callback is dropped once, and
/// none while it is called; the watcher is left as the last call has set it.
#[test]
fn destructors_of_callbacks_may_use_their_own_watcher() -> TestResult {
    #[derive(Clone)]
    struct World {
        timer: Timer,
        /// What the next destructor does.
        then: Rc<Cell<Option<usize>>>,
        calls: Rc<Cell<u32>>,
        made: Rc<Cell<u32>>,
        dropped: Rc<Cell<u32>>,
    }

    /// A value that gives the closure which owns it a destructor, and makes the closure large if `N` is.
    struct Owned<const N: usize>(World, Cell<u32>, [u8; N]);

    impl World {
        fn owned<const N: usize>(&self) -> Owned<N> {
            self.made.set(self.made.get() + 1);
            Owned(self.clone(), Cell::new(0), [1; N])
        }

        fn act(&self, what: usize) -> TestResult {
            match what {
                0 => {
                    let owned = self.owned::<0>();
                    self.timer.start(move || owned.call())?;
                }
                1 => {
                    let owned = self.owned::<100>();
                    self.timer.set_callback(move || owned.call());
                }
                2 => {
                    let owned = self.owned::<0>();
                    self.timer.feed(Events::CUSTOM, move || owned.call())?;
                }
                3 => self.timer.start(|| ())?,
                4 => self.timer.stop()?,
                5 => self.timer.close()?,
                6 => {
                    self.timer.set_ref(false)?;
                    self.timer.set_ref(true)?;
                    drop(format!("{:?}", self.timer));
                }
                _ => {
                    self.timer.loop_().run_nowait()?;
                }
            }
            Ok(())
        }
    }

    impl<const N: usize> Owned<N> {
        fn call(&self) {
            self.1.set(self.1.get() + 1);
            self.0.calls.set(self.0.calls.get() + 1);
            // Replaces the closure that is called here, more than once.
            if let Some(what) = self.0.then.take() {
                for what in [what, (what + 1) % ACTIONS, what] {
                    self.0.act(what).expect("the loop lives");
                }
                self.0.then.set(Some(what));
            }
            assert!(self.2.iter().all(|byte| *byte == 1));
            self.1.set(self.1.get() - 1);
        }
    }

    impl<const N: usize> Drop for Owned<N> {
        fn drop(&mut self) {
            assert_eq!(self.1.get(), 0, "dropped while it is called");
            self.2.fill(0);
            self.0.dropped.set(self.0.dropped.get() + 1);
            if let Some(what) = self.0.then.take() {
                self.0.act(what).expect("the loop lives");
            }
        }
    }

    const ACTIONS: usize = 8;
    let mut calls = 0;
    let loop_ = new_loop()?;
    for program in 0..ACTIONS.pow(4) {
        let world = World {
            timer: loop_.timer(0.0)?,
            then: Rc::default(),
            calls: Rc::default(),
            made: Rc::default(),
            dropped: Rc::default(),
        };
        for digit in 0..4 {
            world.then.set(Some(program / ACTIONS.pow(digit) % ACTIONS));
            world.act(program / ACTIONS.pow(3 - digit) % ACTIONS)?;
        }
        world.then.set(None);
        run(&loop_)?;
        world.timer.start(|| ())?;
        assert_eq!(loop_.started_watchers(), 1);
        world.timer.stop()?;
        assert_eq!(loop_.started_watchers(), 0);
        assert_eq!(world.made, world.dropped, "program {program}");
        assert!(!world.timer.active() && !world.timer.has_callback());
        calls += world.calls.get();
    }
    assert!(calls > 1000);
    Ok(())
}
