//! The counterpart of gevent's test__pool.py, with its names: groups and pools.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::{ExpectedError, LONG, Log, Reports, TestResult, bounded, fail};
use gevent::event::Event;
use gevent::pool::{Group, Pool, PoolFull};
use gevent::{Exception, Greenlet, GreenletExit, Kill, Timeout, getcurrent, joinall, sleep, spawn};

#[test]
fn test_apply_async() -> TestResult {
    let done = Event::new();
    let set = done.clone();
    Pool::new(2).apply_async(move || set.set())?;
    assert!(done.wait_timeout(LONG)?);
    Ok(())
}

#[test]
fn test_apply() -> TestResult {
    let value = Pool::new(2).apply(|| Ok((1, 2, 3)))?;
    assert_eq!(value, (1, 2, 3));
    let _reports = Reports::new();
    let error = Pool::new(2).apply(|| fail::<()>("apply")).unwrap_err();
    assert!(error.is::<ExpectedError>());
    Ok(())
}

#[test]
fn test_reentrant() -> TestResult {
    // `apply` in a greenlet of a full pool calls the function in that greenlet.
    let _bounded = bounded();
    let pool = Pool::new(1);
    let its = pool.clone();
    let outer = pool.apply(move || its.apply(|| Ok(getcurrent().id())))?;
    assert_ne!(outer, getcurrent().id());
    Ok(())
}

#[test]
fn a_pool_is_iterated_as_a_group_is() -> TestResult {
    let _bounded = bounded();
    let pool = Pool::new(2);
    let members = [pool.spawn(|| sleep(LONG))?.any(), pool.spawn(|| sleep(LONG))?.any()];
    let mut seen = Vec::new();
    for greenlet in &pool {
        greenlet.kill()?; // after which it leaves the pool
        pool.discard(&greenlet);
        seen.push(greenlet);
    }
    assert!(seen.len() == 2 && members.iter().all(|member| seen.contains(member)));
    assert!(pool.is_empty());
    Ok(())
}

#[test]
fn a_greenlet_that_several_add_takes_one_place() -> TestResult {
    let _bounded = bounded();
    for adders in 2..5 {
        let (pool, stop, stop_it) = (Pool::new(2), Event::new(), Event::new());
        for _ in 0..2 {
            let stop = stop.clone();
            pool.spawn(move || stop.wait_timeout(LONG).map(drop))?;
        }
        let waits = stop_it.clone();
        let it = spawn(move || waits.wait_timeout(LONG).map(drop));
        let adders: Vec<_> = (0..adders)
            .map(|i| {
                let (pool, it) = (pool.clone(), it.clone());
                // The greenlets add with and without a time limit.
                spawn(move || pool.add_timeout(&it, (i % 2 == 0).then_some(LONG)))
            })
            .collect();
        sleep(0)?;
        stop.set();
        for adder in &adders {
            adder.get()?;
        }
        assert_eq!((pool.len(), pool.free_count()), (1, 1));
        assert_eq!(pool.wait_available_timeout(LONG)?, 1);
        stop_it.set();
        pool.join_timeout(LONG)?;
        for _ in 0..2 {
            pool.try_add(spawn(|| ()))?;
        }
        assert!(pool.full() && pool.try_add(spawn(|| ())).is_err());
        pool.join_timeout(LONG)?;
    }
    Ok(())
}

#[test]
fn who_waits_for_a_place_of_a_greenlet_that_got_one_has_added_it() -> TestResult {
    let _bounded = bounded();
    let pool = Pool::new(1);
    let first = pool.spawn(|| sleep(0))?;
    let it = Greenlet::new(|| ());
    let adders: Vec<_> = (0..2)
        .map(|_| {
            let (pool, it) = (pool.clone(), it.clone());
            spawn(move || pool.add_timeout(&it, 0.01))
        })
        .collect();
    first.join_timeout(LONG)?;
    for adder in &adders {
        adder.get()?;
    }
    assert!(pool.contains(&it));
    it.start()?;
    pool.join_timeout(LONG)?;
    assert_eq!(pool.free_count(), 1);
    assert_eq!(pool.wait_available_timeout(LONG)?, 1);
    Ok(())
}

#[test]
fn test_multiple_coros() -> TestResult {
    let evt = Event::new();
    let results: Log<&str> = Log::new();
    let pool = Pool::new(2);
    let (log, waits) = (results.clone(), evt.clone());
    let done = pool.spawn(move || {
        log.add("cons1");
        waits.wait()?;
        log.add("cons2");
        Ok(())
    })?;
    let (log, sets) = (results.clone(), evt.clone());
    pool.apply_async(move || {
        log.add("prod");
        sets.set();
    })?;
    done.get()?;
    assert_eq!(results.take(), ["cons1", "prod", "cons2"]);
    Ok(())
}

#[test]
fn a_cancelled_timeout_does_not_come() -> TestResult {
    // A timeout that was cancelled in a pool's greenlet does not come later.
    let pool = Pool::new(2);
    let value = pool.apply(|| {
        let timeout = Timeout::start_new(0.01);
        timeout.cancel();
        sleep(0.02)?;
        Ok("fine")
    })?;
    assert_eq!(value, "fine");
    Ok(())
}

#[test]
fn test_apply_raises() -> TestResult {
    let _reports = Reports::new();
    let pool = Pool::new(1);
    for _ in 0..2 {
        let error = pool.apply(|| fail::<()>("again")).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&ExpectedError("again")));
    }
    assert_eq!(pool.free_count(), 1);
    Ok(())
}

fn square(x: i32, wait: f64) -> Result<i32, Exception> {
    sleep(wait)?;
    Ok(x * x)
}

#[test]
fn test_map() -> TestResult {
    for pool in [Pool::new(1), Pool::new(5), Pool::new(None)] {
        let squares: Vec<i32> = (0..10).map(|x| x * x).collect();
        assert_eq!(pool.map(|x| square(x, 0.0), 0..10)?, squares);
        assert_eq!(pool.map(|x| square(x, 0.0), 0..100)?.len(), 100);
        assert!(pool.is_empty());
    }
    Ok(())
}

#[test]
fn test_async() -> TestResult {
    let res = Pool::new(3).apply_async(|| square(7, 0.01))?;
    assert_eq!(res.get()?, 49);
    Ok(())
}

#[test]
fn test_async_callback() -> TestResult {
    let result = Rc::new(Cell::new(0));
    let its = result.clone();
    let pool = Pool::new(1);
    let res = pool.apply_async_cb(|| square(7, 0.01), move |value| its.set(*value))?;
    assert_eq!(res.get()?, 49);
    sleep(0.01)?;
    assert_eq!(result.get(), 49);
    Ok(())
}

#[test]
fn test_async_timeout() -> TestResult {
    let res = Pool::new(1).apply_async(|| square(6, LONG))?;
    let error = res.get_timeout(0.01).unwrap_err();
    assert!(error.is::<gevent::TimeoutError>());
    res.kill()
}

#[test]
fn test_imap_list_small() -> TestResult {
    let it = Pool::new(3).imap(|x| square(x, 0.0), 0..10);
    let values: Vec<i32> = it.collect::<Result<_, _>>()?;
    assert_eq!(values, (0..10).map(|x| x * x).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn test_imap_it_small() -> TestResult {
    let mut it = Pool::new(3).imap(|x| square(x, 0.0), 0..10);
    for i in 0..10 {
        assert_eq!(it.next().unwrap()?, i * i);
    }
    assert!(it.next().is_none() && it.next().is_none());
    Ok(())
}

#[test]
fn no_task_begins_after_an_imap_is_dropped() -> TestResult {
    let _bounded = bounded();
    for (unordered, maxsize, taken) in [
        (false, None, 3),
        (true, None, 3),
        (false, Some(2), 3),
        (true, Some(2), 3),
        (false, None, 0),
        (true, Some(1), 0),
    ] {
        let pool = Pool::new(2);
        let (begun, ended) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (begins, ends) = (begun.clone(), ended.clone());
        let task = move |i: u64| {
            begins.set(begins.get() + 1);
            sleep(0)?;
            ends.set(ends.get() + 1);
            Ok(i)
        };
        let starter = if unordered {
            let mut it = pool.imap_unordered_maxsize(task, 0u64.., maxsize);
            assert_eq!(it.by_ref().take(taken).count(), taken);
            it.greenlet().clone()
        } else {
            let mut it = pool.imap_maxsize(task, 0u64.., maxsize);
            assert_eq!(it.by_ref().take(taken).count(), taken);
            it.greenlet().clone()
        };
        let before = begun.get();
        starter.join_timeout(LONG)?;
        assert!(starter.ready() && pool.join_timeout(LONG)?);
        // The tasks that were running have gone on to their ends.
        assert_eq!((begun.get(), ended.get()), (before, before));
        assert_eq!(pool.wait_available_timeout(LONG)?, 2);
    }
    Ok(())
}

#[test]
fn test_imap_unordered_random() -> TestResult {
    let it = Pool::new(3).imap_unordered(|x| square(x, f64::from(x % 3) / 1000.0), 0..10);
    let mut values: Vec<i32> = it.collect::<Result<_, _>>()?;
    values.sort_unstable();
    assert_eq!(values, (0..10).map(|x| x * x).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn test_empty_imap_unordered() -> TestResult {
    let it = Pool::new(3).imap_unordered(|x: i32| x, []);
    assert_eq!(it.count(), 0);
    Ok(())
}

#[test]
fn errors_of_tasks_come_in_their_places() -> TestResult {
    let _reports = Reports::new();
    let pool = Pool::new(2);
    let odd = |x: i32| if x % 2 == 0 { Ok(x) } else { fail("odd") };
    let good =
        |values: Vec<Result<i32, Exception>>| -> Vec<i32> { values.into_iter().filter_map(Result::ok).collect() };
    assert_eq!(good(pool.imap(odd, 0..5).collect()), [0, 2, 4]);
    assert_eq!(good(pool.imap_unordered(odd, 0..5).collect()), [0, 2, 4]);
    assert!(pool.map(odd, 0..5).unwrap_err().is::<ExpectedError>());
    Ok(())
}

#[test]
fn a_failing_iterable_ends_imap() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    let bad = || (0..3).inspect(|i| assert!(*i < 2, "no more"));
    let pool = Pool::new(2);
    for mut values in [
        Box::new(pool.imap(|x| x, bad())) as Box<dyn Iterator<Item = Result<i32, Exception>>>,
        Box::new(pool.imap_unordered(|x| x, bad())),
    ] {
        let mut good = Vec::new();
        let error = loop {
            match values.next().unwrap() {
                Ok(value) => good.push(value),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("no more"), "{error}");
        assert!(values.next().is_none());
        assert!(good.len() <= 2);
    }
    Ok(())
}

/// No more tasks are started than the iterator was asked for.
#[test]
fn test_imap_unordered_bounded_queue() -> TestResult {
    let _bounded = bounded();
    let started = Rc::new(Cell::new(0));
    for ordered in [true, false] {
        started.set(0);
        let its = started.clone();
        let task = move |x: i32| {
            its.set(its.get() + 1);
            x
        };
        let pool = Pool::new(10);
        let mut values: Box<dyn Iterator<Item = Result<i32, Exception>>> = if ordered {
            Box::new(pool.imap_maxsize(task, 0..20, 3))
        } else {
            Box::new(pool.imap_unordered_maxsize(task, 0..20, 3))
        };
        sleep(0.005)?;
        assert_eq!(started.get(), 3);
        values.next().unwrap()?;
        sleep(0.005)?;
        assert_eq!(started.get(), 4);
        drop(values);
        sleep(0.005)?;
        assert_eq!(started.get(), 4);
        assert!(pool.is_empty());
    }
    Ok(())
}

#[test]
fn test_terminate() -> TestResult {
    let pool = Pool::new(3);
    let result = pool.map_async(|x| sleep(x), [0.1; 20]);
    let its = pool.clone();
    let killer = spawn(move || its.kill());
    killer.get()?;
    result.kill()?;
    assert!(pool.join()?);
    Ok(())
}

#[test]
fn spawn_and_wait() -> TestResult {
    let pool = Pool::new(1);
    for _ in 0..3 {
        pool.spawn(|| sleep(0.001))?;
    }
    assert_eq!(pool.len(), 1);
    assert!(pool.join()?);
    Ok(())
}

#[test]
fn test_wait_full() -> TestResult {
    let pool = Pool::new(0);
    assert!(pool.full());
    let error = Timeout::new(0.001).silent(|| pool.spawn(|| ()))?;
    assert!(error.is_none());
    assert_eq!(pool.try_add(Greenlet::new(|| ())), Err(PoolFull));
    let late = pool.add_timeout(Greenlet::new(|| ()), 0.001);
    assert!(late.unwrap_err().is::<PoolFull>());
    Ok(())
}

/// A spawn that is killed while it waits for its place takes none with it.
#[test]
fn a_killed_spawn_leaves_no_trace() -> TestResult {
    let _bounded = bounded();
    for moment in 0..3 {
        let pool = Pool::new(1);
        let first = pool.spawn(|| sleep(LONG))?;
        let (its, ran) = (pool.clone(), Rc::new(Cell::new(false)));
        let runs = ran.clone();
        let spawner = spawn(move || its.spawn(move || runs.set(true)).map(drop));
        let dont_block = Kill::default().nonblocking();
        sleep(0)?;
        match moment {
            0 => drop(spawner.kill_with(dont_block.clone())?),
            1 => {
                first.kill_with(dont_block.clone())?;
                spawner.kill_with(dont_block)?;
            }
            _ => drop(spawner.raw().unwind()),
        }
        first.kill()?;
        sleep(0)?;
        assert!(spawner.ready());
        assert_eq!(
            (pool.len(), pool.free_count(), pool.wait_available_timeout(0.1)?),
            (0, 1, 1)
        );
        assert!(!ran.get());
    }
    Ok(())
}

#[test]
fn test_stderr_raising() -> TestResult {
    // In gevent the hub's report fails here. The pool must be in order nevertheless.
    let pool = Pool::new(1);
    let _reports = Reports::new();
    let group = pool.group().clone();
    pool.spawn(|| fail::<()>("reported"))?;
    let error = group.join_raise_error().unwrap_err();
    assert!(error.is::<ExpectedError>());
    assert_eq!(pool.free_count(), 1);
    Ok(())
}

#[test]
fn killone_kills_members_only() -> TestResult {
    let group = Group::new();
    let g = group.spawn(|| sleep(LONG))?;
    sleep(0)?;
    assert!(group.contains(&g));
    group.killone(&g)?;
    assert!(g.dead() && group.is_empty());
    // A greenlet that is no member is not killed.
    let other = spawn(|| sleep(LONG));
    sleep(0)?;
    group.killone(&other)?;
    assert!(!other.dead());
    other.kill()
}

/// Kills a group whose greenlets are not started, or end by themselves.
#[test]
fn kill_ends_also_who_never_began_or_kills_itself() -> TestResult {
    let _bounded = bounded();
    let group = Group::new();
    let g = group.spawn(|| sleep(LONG))?;
    group.kill()?;
    assert!(group.is_empty() && g.get().unwrap_err().is::<GreenletExit>());
    let its = Group::new();
    let inside = its.clone();
    its.spawn(move || {
        // The greenlet kills itself, among others.
        inside.kill_with(Kill::default().nonblocking())?;
        sleep(LONG)
    })?;
    assert!(its.join()?);
    let (unkillable, end) = (Group::new(), Event::new());
    let its = end.clone();
    unkillable.spawn(move || {
        let _ = sleep(LONG);
        its.wait().map(drop)
    })?;
    sleep(0)?;
    unkillable.kill_with(Kill::default().timeout(0.001))?;
    assert_eq!(unkillable.len(), 1);
    end.set();
    unkillable.join().map(drop)
}

/// Greenlets that are added while others are killed are killed, too.
#[test]
fn kill_ends_also_those_added_meanwhile() -> TestResult {
    let _bounded = bounded();
    let group = Group::new();
    let its = group.clone();
    group.spawn(move || {
        let slept = sleep(LONG);
        its.spawn(|| sleep(LONG))?;
        slept
    })?;
    sleep(0)?;
    group.kill()?;
    assert!(group.is_empty());
    Ok(())
}

/// A pool without a limit never waits, so a timeout has no effect.
#[test]
fn a_pool_without_a_limit_is_joined_in_no_time() -> TestResult {
    let pool = Pool::new(None);
    pool.spawn(|| ())?;
    sleep(0)?;
    assert!(pool.join_timeout(0)?);
    Ok(())
}

#[test]
fn members_are_owned_until_they_end() -> TestResult {
    let group = Group::of([spawn(|| sleep(0.001)), spawn(|| sleep(0.002))]);
    assert_eq!(group.len(), 2);
    let members: Vec<_> = group.iter().collect();
    assert_eq!(members, group.greenlets());
    group.add(&members[0])?; // again: nothing new
    assert_eq!(group.len(), 2);
    joinall(&group)?;
    sleep(0)?;
    assert!(group.is_empty());
    assert!(format!("{group:?}").ends_with("[]>"));
    Ok(())
}

/// imap must get the results of greenlets of which there are no other handles.
#[test]
fn a_link_is_called_when_nobody_has_the_greenlet() -> TestResult {
    let called = Rc::new(Cell::new(false));
    let its = called.clone();
    spawn(|| sleep(0)).rawlink(move |_| its.set(true));
    // The rounds are for its begin, its end, and its links.
    for _ in 0..3 {
        sleep(0)?;
    }
    assert!(called.get());
    Ok(())
}

/// A join must not check again and again for members that never leave because their links were taken away.
#[test]
fn kill_ends_though_the_members_links_are_gone() -> TestResult {
    let _bounded = bounded();
    let group = Group::new();
    let greenlets = [group.spawn(|| sleep(LONG))?, group.spawn(|| sleep(0))?];
    sleep(0)?;
    greenlets.iter().for_each(Greenlet::unlink_all);
    group.kill()?;
    assert!(group.is_empty() && greenlets.iter().all(Greenlet::ready));
    Ok(())
}
