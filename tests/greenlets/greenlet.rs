//! The counterpart of gevent's test__greenlet, test__joinall and test__GreenletExit, written
//! anew.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gevent::{
    Exception, GreenletExit, JoinAll, Kill, Timeout, get_hub, joinall, joinall_with, mask_kill, sleep, spawn,
};
use hub::ExceptionStream;

type TestResult = Result<(), Exception>;

#[derive(Debug, thiserror::Error)]
#[error("expected")]
struct ExpectedError;

#[test]
fn test_spawn_runs_when_the_current_greenlet_blocks() -> TestResult {
    let log = Rc::new(RefCell::new(Vec::new()));
    let l = log.clone();
    let g = spawn(move || l.borrow_mut().push("greenlet"));
    log.borrow_mut().push("main");
    assert!(g.started() && !g.ready() && !g.dead());
    g.join()?;
    assert_eq!(*log.borrow(), ["main", "greenlet"]);
    assert!(!g.started() && g.ready() && g.dead() && g.successful());
    Ok(())
}

#[test]
fn test_value_and_get() -> TestResult {
    let g = spawn(|| {
        sleep(0)?;
        Ok(String::from("value"))
    });
    assert_eq!(g.value(), None);
    assert_eq!(g.get()?, "value");
    assert_eq!(g.get()?, "value");
    assert_eq!(g.take().as_deref(), Some("value"));
    assert_eq!(g.value(), None);
    Ok(())
}

#[test]
fn test_an_error_is_reported_kept_and_returned_by_get() -> TestResult {
    #[derive(Clone, Default)]
    struct Sink(Rc<RefCell<Vec<u8>>>);
    impl std::io::Write for Sink {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let sink = Sink::default();
    get_hub().set_exception_stream(ExceptionStream::Write(Box::new(sink.clone())));
    let g = spawn(|| -> Result<(), Exception> { Err(ExpectedError.into()) });
    let error = g.get().unwrap_err();
    assert!(error.is::<ExpectedError>() && g.exception().unwrap().same(&error));
    assert!(!g.successful());
    let printed = String::from_utf8(sink.0.take()).unwrap();
    assert!(
        printed.contains("ExpectedError") && printed.contains("<Greenlet at 0x"),
        "{printed}"
    );
    Ok(())
}

#[test]
fn test_a_panic_ends_only_its_greenlet() -> TestResult {
    get_hub().set_exception_stream(ExceptionStream::Discard);
    let bad = spawn(|| -> i32 { panic!("on purpose") });
    let good = spawn(|| 5);
    joinall([bad.any(), good.any()])?;
    assert_eq!(bad.exception().unwrap().to_string(), "panicked: on purpose");
    assert_eq!(good.get()?, 5);
    Ok(())
}

#[test]
fn test_kill_runs_destructors_and_counts_as_success() -> TestResult {
    struct SetOnDrop(Rc<Cell<bool>>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Rc::new(Cell::new(false));
    let d = SetOnDrop(dropped.clone());
    let g = spawn(move || {
        let _d = d;
        sleep(100)
    });
    sleep(0)?;
    g.kill()?;
    assert!(dropped.get() && g.ready() && g.successful() && g.exception().is_none());
    assert!(g.get().unwrap_err().is::<GreenletExit>());
    Ok(())
}

#[test]
fn test_kill_before_start_never_runs() -> TestResult {
    let ran = Rc::new(Cell::new(false));
    let r = ran.clone();
    let g = spawn(move || r.set(true));
    g.kill()?;
    sleep(0.001)?;
    assert!(!ran.get() && g.ready() && g.successful());
    let error = g.get().unwrap_err();
    assert!(error.is::<GreenletExit>());
    Ok(())
}

#[test]
fn test_kill_with_an_exception_that_is_caught() -> TestResult {
    let g = spawn(|| match sleep(100) {
        Err(e) if e.is::<ExpectedError>() => Ok("caught"),
        other => other.map(|()| "slept"),
    });
    sleep(0)?;
    g.kill_with(Kill::with(ExpectedError))?;
    assert_eq!(g.get()?, "caught");
    Ok(())
}

#[test]
fn test_kill_of_a_sleeping_greenlet_leaves_nothing_behind() -> TestResult {
    let hub = get_hub();
    sleep(0.001)?;
    let before = hub.loop_().activecnt()?;
    let greenlets: Vec<_> = (0..10).map(|i| spawn(move || sleep(i * 100))).collect();
    sleep(0)?;
    for g in &greenlets {
        g.kill()?;
    }
    sleep(0.001)?;
    assert_eq!(hub.loop_().activecnt()?, before);
    Ok(())
}

#[test]
fn test_join_timeout() -> TestResult {
    let g = spawn(|| sleep(100));
    g.join_timeout(0.001)?;
    assert!(!g.ready());
    g.join_timeout(0)?;
    assert!(!g.ready());
    g.kill()
}

#[test]
fn test_join_itself_is_an_error() -> TestResult {
    let slot: Rc<RefCell<Option<gevent::Greenlet<bool>>>> = Rc::default();
    let s = slot.clone();
    let g = spawn(move || {
        let me = s.take().expect("stored before it runs");
        me.join().unwrap_err().is::<gevent::exceptions::JoinSelfError>()
    });
    slot.replace(Some(g.clone()));
    assert!(g.get()?);
    Ok(())
}

#[test]
fn test_links_run_in_order_and_once_and_late_ones_soon() -> TestResult {
    let log = Rc::new(RefCell::new(Vec::new()));
    let g = spawn(|| 1);
    let mut links = Vec::new();
    for i in 0..3 {
        let l = log.clone();
        links.push(g.link(move |g| {
            l.borrow_mut().push((i, g.value()));
            Ok(())
        }));
    }
    g.unlink(&links.remove(1));
    g.join()?;
    sleep(0)?;
    let l = log.clone();
    g.link(move |_| {
        l.borrow_mut().push((9, None));
        Ok(())
    });
    assert_eq!(*log.borrow(), [(0, Some(1)), (2, Some(1))]);
    sleep(0)?;
    assert_eq!(*log.borrow(), [(0, Some(1)), (2, Some(1)), (9, None)]);
    Ok(())
}

#[test]
fn test_joinall_returns_the_finished_in_their_order() -> TestResult {
    let slow = spawn(|| sleep(0.02));
    let never = spawn(|| sleep(100));
    let quick = spawn(|| ());
    let two = JoinAll::default().count(2);
    let done = joinall_with([slow.any(), never.any(), quick.any()], two)?;
    assert_eq!(done, [quick.any(), slow.any()]);
    never.kill()
}

#[test]
fn test_a_started_greenlet_goes_on_without_handles() -> TestResult {
    let done = Rc::new(Cell::new(false));
    let d = done.clone();
    drop(spawn(move || {
        sleep(0.001)?;
        d.set(true);
        Ok(())
    }));
    assert!(get_hub().join()?);
    assert!(done.get());
    Ok(())
}

#[test]
fn test_spawn_later_and_its_kill() -> TestResult {
    let g = gevent::spawn_later(0.001, || 3);
    assert_eq!(g.get()?, 3);
    let g = gevent::spawn_later(100, || 3);
    g.kill()?;
    assert!(get_hub().join()?);
    g.start()?;
    assert!(get_hub().join()?);
    assert!(g.get().unwrap_err().is::<GreenletExit>());
    Ok(())
}

#[test]
fn test_greenlets_that_wait_for_ever_give_loop_exit() -> TestResult {
    let hub = get_hub();
    let error = hub.switch().unwrap_err();
    assert!(error.is::<hub::exceptions::LoopExit>());
    // The hub can be used again after that.
    assert_eq!(spawn(|| 1).get()?, 1);
    Ok(())
}

#[test]
fn test_order_of_ten_thousand() -> TestResult {
    let log = Rc::new(RefCell::new(Vec::new()));
    let all: Vec<_> = (0..10_000)
        .map(|i| {
            let log = log.clone();
            spawn(move || {
                sleep(0)?;
                log.borrow_mut().push(i);
                Ok(())
            })
        })
        .collect();
    assert_eq!(joinall(&all)?.len(), 10_000);
    assert!(log.borrow().iter().copied().eq(0..10_000));
    Ok(())
}

#[test]
fn test_a_mask_holds_kills_back_until_the_next_wait() -> TestResult {
    let log = Rc::new(RefCell::new(Vec::new()));
    let l = log.clone();
    let g = spawn(move || {
        mask_kill(|| {
            l.borrow_mut().push(sleep(0.001).is_ok());
            // Nested masks change nothing.
            l.borrow_mut().push(mask_kill(|| sleep(0.001)).is_ok());
            l.borrow_mut().push(sleep(0.001).is_ok());
        });
        l.borrow_mut().push(sleep(100).is_ok());
    });
    sleep(0)?;
    let kill = Kill::default().timeout(0.0);
    assert!(!g.kill_with(kill)?, "it is still in its mask");
    g.join()?;
    assert_eq!(*log.borrow(), [true, true, true, false]);
    Ok(())
}

#[test]
fn test_a_mask_holds_timeouts_back_but_not_cancelled_ones() -> TestResult {
    let timeout = Timeout::start_new(0.001);
    mask_kill(|| sleep(0.005))?;
    assert!(timeout.caused(&sleep(100).unwrap_err()));
    let cancelled = Timeout::start_new(0.001);
    mask_kill(|| sleep(0.005))?;
    drop(cancelled);
    sleep(0.005)
}

#[test]
fn test_kill_tells_of_a_greenlet_that_ignores_it() -> TestResult {
    let g = spawn(|| {
        let _ = sleep(100);
        sleep(100)
    });
    sleep(0)?;
    let kill = || Kill::default().timeout(0.001);
    assert!(!g.kill_with(kill())?);
    assert!(g.kill_with(kill())?);
    Ok(())
}

#[test]
fn test_switch_out_is_called_before_each_wait() -> TestResult {
    let calls = Rc::new(Cell::new(0));
    let c = calls.clone();
    let g = gevent::Greenlet::builder()
        .switch_out(move || {
            c.set(c.get() + 1);
            Ok(())
        })
        .spawn(|| {
            sleep(0)?;
            sleep(0.001)
        });
    g.get()?;
    assert_eq!(calls.get(), 2);
    Ok(())
}

#[test]
fn test_spawn_tree_locals_are_shared_by_descendants() -> TestResult {
    let g = spawn(|| {
        let child = spawn(|| sleep(0));
        child.spawn_tree_locals().set("name", 7);
        let grandchild = spawn(|| spawn(|| ()));
        Ok((child.clone(), grandchild.get()?))
    });
    g.join()?;
    let (child, grandchild) = g.take().expect("it ended well");
    assert!(g.spawn_tree_locals().same(&child.spawn_tree_locals()));
    assert!(g.spawn_tree_locals().same(&grandchild.spawn_tree_locals()));
    assert_eq!(grandchild.spawn_tree_locals().get::<i32>("name").as_deref(), Some(&7));
    assert_eq!(child.spawning_greenlet().as_ref(), Some(g.raw()));
    let other = spawn(|| ());
    assert!(!other.spawn_tree_locals().same(&g.spawn_tree_locals()));
    other.join()
}

#[test]
fn test_names_and_idents() -> TestResult {
    let g = spawn(|| ());
    let ident = g.minimal_ident();
    assert_eq!(*g.name(), format!("Greenlet-{ident}"));
    g.set_name("renamed");
    assert!(format!("{g:?}").starts_with("<Greenlet \"renamed\" at 0x"), "{g:?}");
    g.join()?;
    drop(g);
    // The hub drops its handle when it has called all links.
    sleep(0)?;
    let next = spawn(|| ());
    assert_eq!(
        next.minimal_ident(),
        ident,
        "the ident of one that is gone is free again"
    );
    next.join()
}

#[test]
fn test_iwait_yields_in_order_of_readiness_and_unlinks() -> TestResult {
    let slow = spawn(|| sleep(0.01));
    let quick = spawn(|| ());
    let never = spawn(|| sleep(100));
    let mut ready = gevent::iwait_with([slow.any(), quick.any(), never.any()], gevent::Wait::default().count(2))?;
    assert_eq!(ready.next().transpose()?, Some(quick.any()));
    assert_eq!(ready.next().transpose()?, Some(slow.any()));
    assert!(ready.next().is_none());
    assert_eq!(never.linkcount(), 0);
    assert_eq!(gevent::wait_timeout([&never], 0.001)?, [] as [&gevent::Greenlet<()>; 0]);
    assert_eq!(never.linkcount(), 0);
    never.kill()
}
