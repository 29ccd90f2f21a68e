//! The loop itself. Source: gevent's test__core.py, test__core_loop_run.py, test__nondefaultloop.py.

use std::cell::{Cell, RefCell};
use std::os::fd::{FromRawFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::core_support::*;
use greenlet_core::Exception;
use hub::Context;
use hub::core::{
    Break, Error, HubDestroyed, IntoFlags, Loop, LoopDestroyed, LoopFlags, SystemError, embeddable_backends,
    get_header_version, get_version, recommended_backends, supported_backends,
};

#[test]
fn test_get_version() {
    assert_eq!(get_version(), "libev-4.33");
    assert_eq!(get_version(), get_header_version());
}

#[test]
fn test_flags_conversion() -> TestResult {
    assert_eq!(Loop::new(2, false)?.backend_int()?, 2);
    assert_eq!(Loop::new("select", false)?.backend()?, "select");
    assert_eq!(().into_flags()?.bits(), 0);
    assert_eq!(None::<&str>.into_flags()?.bits(), 0);
    assert_eq!(
        ["kqueue", "SELECT"].into_flags()?,
        LoopFlags::KQUEUE | LoopFlags::SELECT
    );
    assert_eq!((LoopFlags::PORT | LoopFlags::POLL).to_list(), ["port", "poll"]);
    let error = Loop::new(["port", "blabla"], false).unwrap_err().to_string();
    assert!(
        error.starts_with("Invalid backend or flag: \"blabla\"\nPossible values: epoll, forkcheck, "),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_backend_that_is_not_there_is_refused() {
    let error = Loop::new("port", false).unwrap_err();
    assert!(matches!(error, Error::UnsupportedBackend(_)), "{error}");
    assert_eq!(error.to_string(), "Unsupported backend: port");
    let error = Loop::new(0x10, false).unwrap_err();
    assert_eq!(error.to_string(), "Unsupported backend: 0x10");
    let error = Loop::new(0x4000, false).unwrap_err();
    assert!(matches!(error, Error::UnsupportedBackend(_)), "{error}");
}

#[test]
fn every_supported_backend_runs_a_timer_and_an_io_watcher() -> TestResult {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let mut tried = 0;
    for backend in supported_backends() {
        let loop_ = match Loop::new(backend.as_str(), false) {
            Ok(loop_) => loop_,
            // io_uring and aio may be forbidden in a container.
            Err(Error::CannotCreateLoop(_)) if backend.starts_with("linux_") => continue,
            Err(error) => return Err(error.into()),
        };
        tried += 1;
        let trace = Trace::new();
        loop_.timer(0.001)?.start(trace.adds("timer"))?;
        let (mut writer, reader) = std::os::unix::net::UnixStream::pair()?;
        let io = loop_.io(reader.as_raw_fd(), hub::core::Events::READ)?;
        io.start({
            let (io, trace) = (io.clone(), trace.clone());
            move || {
                trace.add("io");
                io.stop().unwrap();
            }
        })?;
        writer.write_all(b"x")?;
        run(&loop_)?;
        let mut events = trace.take();
        events.sort();
        assert_eq!(events, ["io", "timer"], "{backend}");
    }
    assert!(tried >= 3, "select, poll and epoll at least");
    Ok(())
}

#[test]
fn backends_are_known_by_name() {
    let supported = supported_backends();
    for name in ["epoll", "poll", "select"] {
        assert!(supported.iter().any(|known| known == name), "{supported:?}");
    }
    assert!(recommended_backends().iter().all(|name| supported.contains(name)));
    assert_eq!(recommended_backends().first().map(String::as_str), Some("epoll"));
    assert!(embeddable_backends().contains(&"epoll".to_owned()));
}

#[test]
fn noenv_and_forkcheck_are_always_added() -> TestResult {
    let loop_ = Loop::new("poll", false)?;
    assert_eq!(loop_.origflags()?, ["poll", "noenv", "forkcheck"]);
    assert_eq!(
        loop_.origflags_int()?,
        (LoopFlags::POLL | LoopFlags::NOENV | LoopFlags::FORKCHECK).bits()
    );
    Ok(())
}

#[test]
fn an_empty_loop_exits_at_once_and_can_run_again() -> TestResult {
    // test__core_loop_run.py
    let loop_ = new_loop()?;
    assert!(!loop_.run()?);
    assert!(!loop_.run()?);
    let trace = Trace::new();
    let start = Instant::now();
    loop_.update_now()?;
    loop_.timer(0.01)?.start(trace.adds("timer"))?;
    run(&loop_)?;
    assert!(start.elapsed() >= Duration::from_millis(9));
    assert_eq!(trace.take(), ["timer"]);
    Ok(())
}

#[test]
fn internal_watchers_do_not_count() -> TestResult {
    let loop_ = new_loop()?;
    assert_eq!(loop_.activecnt()?, 0);
    assert_eq!(loop_.pendingcnt()?, 0);
    assert_eq!(loop_.started_watchers(), 0);
    loop_.run()?;
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn debug_is_gevents_repr() -> TestResult {
    let loop_ = Loop::new("select", false)?;
    let text = format!("{loop_:?}");
    assert!(text.starts_with("<loop at 0x"), "{text}");
    assert!(text.ends_with(" select pending=0 ref=0>"), "{text}");
    let loop_ = Loop::new("epoll", false)?;
    let fileno = loop_.fileno().expect("epoll has a descriptor");
    assert!(
        format!("{loop_:?}").ends_with(&format!(" epoll pending=0 ref=0 fileno={fileno}>")),
        "{loop_:?}"
    );
    loop_.destroy()?;
    assert!(format!("{loop_:?}").ends_with(" destroyed>"), "{loop_:?}");
    assert_eq!(loop_.fileno(), None);
    Ok(())
}

#[test]
fn every_call_on_a_destroyed_loop_is_an_error() -> TestResult {
    let loop_ = new_loop()?;
    let timer = loop_.timer(1.0)?;
    let idle = loop_.idle()?;
    idle.start(|| ())?;
    let async_ = loop_.async_()?;
    let remote = loop_.threadsafe();
    loop_.destroy()?;
    loop_.destroy()?;
    assert!(loop_.destroyed() && !loop_.default());
    assert!(!idle.active() && !idle.has_callback());

    fn refused<T>(result: Result<T, Error>) {
        assert!(matches!(result, Err(Error::Destroyed(LoopDestroyed))));
    }
    refused(loop_.run());
    refused(loop_.run_nowait());
    refused(loop_.break_(Break::All));
    refused(loop_.ref_());
    refused(loop_.unref());
    refused(loop_.verify());
    refused(loop_.now());
    refused(loop_.update_now());
    refused(loop_.iteration());
    refused(loop_.depth());
    refused(loop_.backend());
    refused(loop_.pendingcnt());
    refused(loop_.activecnt());
    refused(loop_.sig_pending());
    refused(loop_.origflags());
    refused(loop_.sigfd());
    refused(loop_.as_ptr());
    refused(loop_.closing_fd(0));
    refused(loop_.run_callback(|| ()));
    refused(loop_.run_callback_threadsafe(|| ()));
    assert_eq!(remote.run_callback_threadsafe(|| ()).unwrap_err(), LoopDestroyed);
    refused(loop_.timer(1.0));
    refused(loop_.io(0, hub::core::Events::READ));
    refused(loop_.signal(libc::SIGUSR1));
    refused(loop_.stat("/", 0.0));
    refused(loop_.child(0, false));
    refused(timer.start(|| ()));
    refused(timer.again(|| ()));
    refused(timer.stop());
    refused(timer.close());
    refused(timer.set_ref(false));
    refused(idle.feed(hub::core::Events::IDLE, || ()));
    refused(async_.send());
    assert!(async_.sender().send().is_err());
    assert_eq!(LoopDestroyed.to_string(), "operation on destroyed loop");
    // As in gevent, reinit does nothing to a destroyed loop.
    loop_.reinit()?;
    Ok(())
}

#[test]
fn dropping_the_last_handle_stops_and_releases_everything() -> TestResult {
    let drops = Drops::default();
    let loop_ = new_loop()?;
    let fd = loop_.fileno().expect("epoll");
    for _ in 0..3 {
        let witness = drops.witness();
        loop_.timer(10.0)?.start(move || witness.touch())?;
    }
    let witness = drops.witness();
    loop_.run_callback(move || drop(witness))?;
    let witness = drops.witness();
    loop_.idle()?.feed(hub::core::Events::IDLE, move || witness.touch())?;
    assert_eq!(drops.count(), 0);
    drop(loop_);
    assert_eq!(drops.count(), 5);
    // SAFETY: F_GETFD changes nothing, and takes any number.
    let open = unsafe { libc::fcntl(fd, libc::F_GETFD) } != -1;
    // Another test may have got the number meanwhile, so an open descriptor is only a hint.
    if open {
        eprintln!("descriptor {fd} is in use again");
    }
    Ok(())
}

#[test]
fn a_watcher_handle_keeps_the_loop_alive() -> TestResult {
    let timer = new_loop()?.timer(0.0)?;
    let trace = Trace::new();
    timer.start(trace.adds("timer"))?;
    run(timer.loop_())?;
    assert_eq!(trace.take(), ["timer"]);
    Ok(())
}

#[test]
fn a_callback_may_destroy_the_loop() -> TestResult {
    let loop_ = new_loop()?;
    let (trace, drops) = (Trace::new(), Drops::default());
    loop_.cleanup()?.start(trace.adds("cleanup"))?;
    let witness = drops.witness();
    loop_.timer(0.0)?.start({
        let (loop_, trace) = (loop_.clone(), trace.clone());
        move || {
            witness.touch();
            trace.add("timer");
            loop_.destroy().unwrap();
            assert!(loop_.destroyed());
            // The run is not over yet: the loop is freed after it.
            assert_eq!(trace.take(), ["timer"]);
        }
    })?;
    loop_.idle()?.start(trace.adds("never"))?;
    assert!(!loop_.run()?);
    assert_eq!(trace.take(), ["cleanup"]);
    assert_eq!(drops.count(), 1);
    Ok(())
}

#[test]
fn a_queued_callback_may_destroy_the_loop_and_the_rest_is_dropped() -> TestResult {
    let loop_ = new_loop()?;
    let (trace, drops) = (Trace::new(), Drops::default());
    loop_.run_callback({
        let loop_ = loop_.clone();
        move || loop_.destroy().unwrap()
    })?;
    let witness = drops.witness();
    let never = trace.adds("never");
    let rest = loop_.run_callback(move || {
        never();
        drop(witness);
    })?;
    loop_.run()?;
    assert_eq!(trace.take(), [""; 0]);
    drop(rest);
    assert_eq!(drops.count(), 1);
    Ok(())
}

#[test]
fn a_nested_run_may_destroy_the_loop() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    loop_.cleanup()?.start(trace.adds("cleanup"))?;
    loop_.timer(0.0)?.start({
        let (loop_, trace) = (loop_.clone(), trace.clone());
        move || {
            loop_
                .run_callback({
                    let loop_ = loop_.clone();
                    move || loop_.destroy().unwrap()
                })
                .unwrap();
            assert_eq!(loop_.depth().unwrap(), 1);
            assert!(!loop_.run().unwrap());
            trace.add("inner run is over");
        }
    })?;
    loop_.run()?;
    assert_eq!(trace.take(), ["inner run is over", "cleanup"]);
    Ok(())
}

#[test]
fn a_callback_may_drop_the_last_handle() -> TestResult {
    let loop_ = new_loop()?;
    let (trace, drops) = (Trace::new(), Drops::default());
    loop_.cleanup()?.start(trace.adds("cleanup"))?;
    let handle = Rc::new(RefCell::new(None));
    let witness = drops.witness();
    loop_.timer(0.0)?.start({
        let (handle, trace) = (handle.clone(), trace.clone());
        move || {
            witness.touch();
            trace.add("timer");
            drop(handle.take());
        }
    })?;
    let raw = loop_.as_ptr()?;
    handle.replace(Some(loop_));
    // C runs the loop, so that no handle but the callback's own is left.
    // SAFETY: the loop is alive, because a handle is in `handle`.
    unsafe { libev_sys::ev_run(raw, 0) };
    assert_eq!(trace.take(), ["timer"]);
    assert_eq!(drops.count(), 1);
    // The next run of any loop in this thread frees it.
    new_loop()?.run()?;
    assert_eq!(trace.take(), ["cleanup"]);
    Ok(())
}

#[test]
fn break_one_ends_the_inner_run_and_break_all_both() -> TestResult {
    for (how, left) in [
        (Break::One, vec!["inner", "between", "later"]),
        (Break::All, vec!["inner", "between"]),
    ] {
        let loop_ = new_loop()?;
        let trace = Trace::new();
        loop_.run_callback({
            let (loop_, trace) = (loop_.clone(), trace.clone());
            move || {
                loop_
                    .run_callback({
                        let (loop_, trace) = (loop_.clone(), trace.clone());
                        move || {
                            trace.add("inner");
                            loop_.break_(how).unwrap();
                        }
                    })
                    .unwrap();
                loop_.run().unwrap();
                trace.add("between");
            }
        })?;
        loop_.timer(0.001)?.start(trace.adds("later"))?;
        run(&loop_)?;
        assert_eq!(trace.take(), left, "{how:?}");
    }
    Ok(())
}

#[test]
fn a_break_is_a_number_too() {
    for (number, how) in [
        (0, Break::Cancel),
        (1, Break::One),
        (2, Break::All),
        (3, Break::All),
        (-1, Break::All),
    ] {
        assert_eq!(Break::from(number), how);
    }
    assert_eq!(
        [Break::Cancel, Break::One, Break::All].map(|how| Break::from(how as i32) as i32),
        [0, 1, 2]
    );
}

#[test]
fn a_break_can_be_cancelled() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    loop_.run_callback({
        let loop_ = loop_.clone();
        move || {
            loop_.break_(Break::All).unwrap();
            loop_.break_(Break::Cancel).unwrap();
        }
    })?;
    loop_.timer(0.001)?.start(trace.adds("timer"))?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["timer"]);
    Ok(())
}

#[test]
fn run_nowait_and_run_once_end_early() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let timer = loop_.timer(30.0)?;
    timer.start(trace.adds("never"))?;
    assert!(loop_.run_nowait()?);
    assert_eq!(loop_.iteration()?, 1);
    loop_.timer(0.001)?.start(trace.adds("first"))?;
    assert!(loop_.run_once()?);
    assert_eq!(trace.take(), ["first"]);
    Ok(())
}

#[test]
fn references_keep_the_loop_running() -> TestResult {
    let loop_ = new_loop()?;
    loop_.ref_()?;
    assert_eq!(loop_.activecnt()?, 1);
    let idle = loop_.idle()?.with_ref(false)?;
    idle.start({
        let (loop_, idle) = (loop_.clone(), idle.clone());
        move || {
            loop_.unref().unwrap();
            idle.stop().unwrap();
        }
    })?;
    assert_eq!(loop_.activecnt()?, 1);
    run(&loop_)?;
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn too_many_unrefs_are_found_before_libev_asserts() -> TestResult {
    let loop_ = new_loop()?;
    loop_.verify()?;
    loop_.unref()?;
    loop_.verify()?;
    loop_.unref()?;
    assert!(matches!(loop_.verify(), Err(Error::RefUnderflow(_))));
    loop_.ref_()?;
    loop_.ref_()?;
    loop_.verify()?;
    Ok(())
}

#[test]
fn the_clock_stands_still_until_it_is_updated() -> TestResult {
    let loop_ = new_loop()?;
    loop_.update_now()?;
    let before = loop_.now()?;
    busy_for(0.002);
    near(loop_.now()?, before);
    loop_.update_now()?;
    assert!(loop_.now()? >= before + 0.001);
    loop_.update()?;
    Ok(())
}

#[test]
fn without_a_handler_an_error_ends_the_run() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    loop_.timer(0.0)?.start(|| Err::<(), _>(Exception::new(Deliberate)))?;
    // This is called in an iteration that has nothing else to do, so not in that of the timer.
    let later = loop_.idle()?;
    later.start({
        let (later, add) = (later.clone(), trace.adds("later"));
        move || {
            add();
            later.stop().unwrap();
        }
    })?;
    assert!(loop_.run()?);
    assert_eq!(trace.take(), [""; 0]);
    run(&loop_)?;
    assert_eq!(trace.take(), ["later"]);
    Ok(())
}

#[test]
fn the_error_handler_gets_errors_and_panics_with_their_context() -> TestResult {
    let loop_ = new_loop()?;
    let errors = collect_errors(&loop_);
    loop_.timer(0.0)?.start(|| Err::<(), _>(Exception::new(Deliberate)))?;
    run(&loop_)?;
    loop_.idle()?.feed(hub::core::Events::IDLE, panics("in idle"))?;
    run(&loop_)?;
    loop_.run_callback(panics("in callback"))?;
    loop_.run_callback_threadsafe(|| Err::<(), _>(Exception::msg("remote")))?;
    run(&loop_)?;
    assert_eq!(
        errors.take(),
        [
            "timer: deliberate",
            "idle: panicked: in idle",
            "callback: panicked: in callback",
            "threadsafe_callback: remote"
        ]
    );
    Ok(())
}

#[test]
fn a_panic_in_the_error_handler_goes_no_further() -> TestResult {
    let loop_ = new_loop()?;
    let called = Rc::new(Cell::new(0));
    loop_.set_error_handler(Some(Rc::new({
        let called = called.clone();
        move |_: Context<'_>, _: Exception| {
            called.set(called.get() + 1);
            panic!("in the handler");
        }
    })));
    loop_.run_callback(panics("first"))?;
    loop_.timer(0.0)?.start(panics("second"))?;
    run(&loop_)?;
    assert_eq!(called.get(), 2);
    Ok(())
}

#[test]
fn hub_destroyed_forgets_the_queue_and_ends_the_run() -> TestResult {
    let loop_ = new_loop()?;
    let (errors, trace) = (collect_errors(&loop_), Trace::new());
    loop_.run_callback(|| Err::<(), _>(Exception::new(HubDestroyed)))?;
    loop_.run_callback(trace.adds("never"))?;
    loop_.timer(0.0)?.start(trace.adds("timer"))?;
    run(&loop_)?;
    assert_eq!(trace.take(), [""; 0]);
    assert_eq!(errors.take(), [""; 0]);
    assert_eq!(
        loop_.activecnt()?,
        1,
        "the timer; the queued callbacks have given their references back"
    );
    assert_eq!(loop_.queued_callbacks(), 0);
    run(&loop_)?;
    assert_eq!(trace.take(), ["timer"]);
    Ok(())
}

#[test]
fn a_failing_system_call_reaches_the_error_handler() -> TestResult {
    let loop_ = Loop::new("epoll", false)?;
    let seen = Rc::new(Cell::new(0));
    loop_.set_error_handler(Some(Rc::new({
        let (seen, weak) = (seen.clone(), loop_.clone());
        move |context: Context<'_>, error: Exception| {
            assert!(context.is_none());
            assert!(error.is::<SystemError>(), "{error}");
            assert!(error.to_string().starts_with("(libev) epoll_wait: "), "{error}");
            seen.set(seen.get() + 1);
            weak.break_(Break::All).unwrap();
        }
    })));
    // This run registers the loop's own descriptors.
    loop_.run_nowait()?;
    // A pipe's end takes the place of the epoll descriptor, so that epoll_wait fails with EINVAL.
    let mut pipe = [0; 2];
    // SAFETY: `pipe` has room for two. The descriptor that is replaced is the loop's, and no other thread uses it.
    unsafe {
        assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
        libc::dup2(pipe[0], loop_.fileno().expect("epoll"));
    }
    // SAFETY: made just now.
    let _close = unsafe { pipe.map(|fd| OwnedFd::from_raw_fd(fd)) };
    loop_.ref_()?;
    run(&loop_)?;
    assert_eq!(seen.get(), 1);
    loop_.set_error_handler(None);
    Ok(())
}

#[test]
fn a_loop_made_in_c_is_left_alone() -> TestResult {
    // SAFETY: no preconditions.
    let raw = unsafe { libev_sys::ev_loop_new(0) };
    let trace = Trace::new();
    {
        // SAFETY: just made, and destroyed below, after all handles are gone.
        let loop_ = unsafe { Loop::from_ptr(raw)? };
        // SAFETY: as above.
        let other = unsafe { Loop::from_ptr(raw)? };
        assert_ne!(loop_, other);
        loop_.run_callback(trace.adds("one"))?;
        other.run_callback(trace.adds("other"))?;
        other.timer(10.0)?.start(trace.adds("never"))?;
        drop(other);
        // The drop of the other `Loop` took its watchers and callbacks along.
        run(&loop_)?;
        assert_eq!(trace.take(), ["one"]);
    }
    // SAFETY: the loop is alive, and we are its only user.
    unsafe {
        assert_eq!(libev_sys::ev_shim_loop_activecnt(raw), 0);
        assert_eq!(libev_sys::ev_run(raw, 0), 0);
        libev_sys::ev_loop_destroy(raw);
    }
    Ok(())
}

#[test]
fn destroying_one_of_two_objects_destroys_both() -> TestResult {
    // SAFETY: no preconditions.
    let raw = unsafe { libev_sys::ev_loop_new(0) };
    // SAFETY: just made, and destroyed by `destroy`.
    let (one, other) = unsafe { (Loop::from_ptr(raw)?, Loop::from_ptr(raw)?) };
    let timer = other.timer(1.0)?;
    let drops = Drops::default();
    let witness = drops.witness();
    timer.start(move || witness.touch())?;
    one.destroy()?;
    assert!(other.destroyed() && !timer.active());
    assert_eq!(drops.count(), 1);
    assert!(matches!(other.run(), Err(Error::Destroyed(_))));
    Ok(())
}
