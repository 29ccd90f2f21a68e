//! `SharedExecutor`: whatever ends its greenlets, its futures or its hub, and in the midst of what, nothing is lost.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use gevent::event::{AsyncResult, Event};
use gevent::future::{SharedExecutor, block_on, join_all};
use gevent::hub::{Hub, set_hub};
use gevent::queue::Queue;
use gevent::{GreenletExit, Timeout, get_hub, getcurrent, sleep, spawn};
use greenlet_core::{RawGreenlet, greenlets, live_greenlets};

use crate::support::{Log, Reports, TestResult, bounded};
use crate::{Counted, Gate};

/// Calls a function when it is dropped.
struct AtDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn spawn_task(future: impl Future<Output = ()> + 'static) {
    SharedExecutor.spawn(future).expect("the hub lives");
}

/// Waits until all futures that are counted are over.
fn until_none(count: &Rc<Cell<i32>>) -> TestResult {
    while count.get() > 0 {
        sleep(0)?;
    }
    Ok(())
}

/// The greenlets that there are, but not before.
fn new_ones(before: &[RawGreenlet]) -> Vec<RawGreenlet> {
    greenlets().into_iter().filter(|one| !before.contains(one)).collect()
}

#[test]
fn a_greenlet_that_is_killed_before_it_begins_is_replaced() -> TestResult {
    let _bounded = bounded();
    sleep(0)?;
    let (over, before) = (AsyncResult::new(), greenlets());
    spawn_task({
        let over = over.clone();
        async move { over.set(1) }
    });
    // After the callback that makes the greenlet, and before the one that starts it.
    let killed = Rc::new(Cell::new(0));
    get_hub().loop_().run_callback({
        let killed = killed.clone();
        move || {
            for one in new_ones(&before).into_iter().filter(|one| !one.active()) {
                killed.set(killed.get() + 1);
                let _ = one.throw(GreenletExit);
            }
        }
    })?;
    assert_eq!(over.get()?, 1);
    assert_eq!(killed.get(), 1);
    Ok(())
}

/// A hub in whose place there is another one for a while.
#[test]
fn futures_of_a_hub_whose_thread_has_another_one_do_not_hold_its_loop() {
    let _bounded = bounded();
    let thread = thread::spawn(|| {
        let first = get_hub();
        let before = first.loop_().activecnt().expect("it lives");
        let count = Rc::default();
        let all = greenlets();
        let (counted, gate) = (Counted::new(&count), Gate::default());
        let its = gate.clone();
        spawn_task(async move {
            let _counted = counted;
            its.pass().await;
        });
        sleep(0).expect("nobody throws");
        // Nothing but the futures is left of the executor.
        for one in new_ones(&all) {
            first
                .loop_()
                .run_callback(move || one.throw(GreenletExit).map(drop))
                .expect("it lives");
        }
        sleep(0).expect("nobody throws");
        set_hub(Some(
            Hub::new(gevent::core::Loop::new("", false).expect("a loop")).expect("a hub"),
        ));
        spawn_task(async {});
        sleep(0).expect("nobody throws");
        set_hub(Some(first.clone()));
        spawn_task(async {});
        gate.open();
        for _ in 0..5 {
            sleep(0).expect("nobody throws");
        }
        assert_eq!(first.loop_().activecnt().expect("it lives"), before);
        assert_eq!(count.get(), 0);
    });
    thread.join().expect("it does not panic");
}

/// Counts itself while it exists, in any thread.
struct Alive(Arc<AtomicI32>);

impl Alive {
    fn new(count: &Arc<AtomicI32>) -> Alive {
        count.fetch_add(1, Ordering::SeqCst);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs `body` in a thread, or in its hub, and fails if anything is left of what it counts.
fn leaves_nothing(body: impl Fn(&Arc<AtomicI32>) -> TestResult + Send + Copy + 'static) {
    leaves_nothing_in(&[false, true], body);
}

fn leaves_nothing_in(how: &[bool], body: impl Fn(&Arc<AtomicI32>) -> TestResult + Send + Copy + 'static) {
    let _bounded = bounded();
    for &in_run in how {
        let count = Arc::default();
        let counted = Arc::clone(&count);
        let thread = thread::spawn(move || match in_run {
            true => gevent::run(move || body(&counted)).expect("nothing fails"),
            false => body(&counted).expect("nothing fails"),
        });
        thread.join().expect("it does not panic");
        assert_eq!(count.load(Ordering::SeqCst), 0, "in run: {in_run}");
    }
}

/// A future that is ready at once, or never, and spawns others when it is dropped.
fn spawning(count: &Arc<AtomicI32>, ready: bool, depth: usize) {
    let (count, alive) = (count.clone(), Alive::new(count));
    let at_drop = AtDrop(move || {
        if depth > 0 {
            spawning(&count, ready, depth - 1);
        }
    });
    // It is refused at the end.
    let _ = SharedExecutor.spawn(async move {
        let _alive = (alive, at_drop);
        if !ready {
            pending().await
        }
    });
}

#[test]
fn what_is_spawned_by_drops_is_dropped_with_the_hub() {
    leaves_nothing(|count| {
        (0..3).for_each(|_| spawning(count, false, 3));
        sleep(0)?;
        (0..3).for_each(|_| spawning(count, true, 3));
        sleep(0)?;
        (0..3).for_each(|_| spawning(count, true, 100));
        Ok(())
    });
}

#[test]
fn a_drop_may_wake_others_and_wait() {
    leaves_nothing(|count| {
        let gates: Vec<_> = (0..6).map(|_| Gate::default()).collect();
        for n in 0..6 {
            let (alive, all, own) = (Alive::new(count), gates.clone(), gates[n].clone());
            let waits = AtDrop(move || {
                all.iter().for_each(Gate::knock);
                // It fails at the end.
                let _ = sleep(0.001);
                all.iter().for_each(Gate::open);
            });
            spawn_task(async move {
                let _alive = (alive, waits);
                own.pass().await;
            });
        }
        sleep(0)?;
        gates[5].open();
        sleep(0)
    });
}

#[test]
fn a_panic_of_a_drop_ends_no_other_future() {
    leaves_nothing(|count| {
        let reports = Reports::new();
        let over = Queue::new();
        for n in 0..9 {
            let (alive, over) = (Alive::new(count), over.clone());
            let panics = AtDrop(move || {
                if n % 3 == 1 {
                    panic!("on purpose")
                }
            });
            spawn_task(async move {
                let _alive = (alive, panics);
                over.put_async(n).await.expect("it has place");
            });
        }
        let mut all = (0..9).map(|_| over.get()).collect::<Result<Vec<_>, _>>()?;
        all.sort_unstable();
        assert_eq!(all, (0..9).collect::<Vec<_>>());
        sleep(0)?;
        sleep(0)?;
        assert_eq!(reports.take().matches("on purpose").count(), 3);
        assert_eq!(count.load(Ordering::SeqCst), 0);
        Ok(())
    });
}

#[test]
fn a_panic_of_a_drop_at_the_end_keeps_no_other_future() {
    let _bounded = bounded();
    for in_run in [false, true] {
        let count = Arc::default();
        let counted = Arc::clone(&count);
        let thread = thread::spawn(move || {
            let body = move || -> TestResult {
                for n in 0..6 {
                    let alive = Alive::new(&counted);
                    let panics = AtDrop(move || assert!(n != 3, "on purpose"));
                    spawn_task(async move {
                        let _alive = (alive, panics);
                        pending().await
                    });
                }
                sleep(0)
            };
            match in_run {
                true => gevent::run(body),
                false => body(),
            }
        });
        // It is told by whoever ends the hub, or lost with the thread.
        let _ = thread.join();
        assert_eq!(count.load(Ordering::SeqCst), 0, "in run: {in_run}");
    }
}

/// How a future ends the greenlet that polls it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    Panic,
    KillInWait,
    TimeoutInWait,
    /// It hits whoever is polled then, or nobody.
    TimeoutLater,
    KillLater,
}

impl Ends {
    /// Timeouts that are started and not awaited go to `started`.
    fn end(self, started: &Log<Timeout>) {
        let me = getcurrent();
        let kill = move || {
            let kill = move || me.throw(GreenletExit).map(drop);
            get_hub().loop_().run_callback(kill).expect("it lives");
        };
        match self {
            Ends::Panic => {
                let error = getcurrent().throw(GreenletExit).expect_err("it is thrown here");
                assert!(error.is::<GreenletExit>());
                panic!("on purpose");
            }
            Ends::KillInWait => {
                kill();
                sleep(100).expect_err("it is killed");
            }
            Ends::TimeoutInWait => {
                let timeout = Timeout::start_new(0.0001);
                let error = Event::new().wait().expect_err("it is over");
                assert!(timeout.caused(&error));
            }
            Ends::TimeoutLater => started.add(Timeout::start_new(0)),
            Ends::KillLater => kill(),
        }
    }
}

#[test]
fn a_future_may_end_the_greenlet_that_polls_it() -> TestResult {
    let _bounded = bounded();
    sleep(0)?;
    let reports = Reports::new();
    for how in [
        Ends::Panic,
        Ends::KillInWait,
        Ends::TimeoutInWait,
        Ends::TimeoutLater,
        Ends::KillLater,
    ] {
        let live = live_greenlets();
        let (count, over, started) = (Rc::default(), Log::new(), Log::new());
        let gates: Vec<_> = (0..6).map(|_| Gate::default()).collect();
        for (n, gate) in gates.iter().enumerate() {
            let (counted, over, gate) = (Counted::new(&count), over.clone(), gate.clone());
            let started = started.clone();
            spawn_task(async move {
                let _counted = counted;
                if n % 2 == 0 {
                    gate.pass().await;
                }
                if n == 3 {
                    how.end(&started);
                }
                over.add(n);
            });
        }
        sleep(0.002)?;
        gates.iter().for_each(Gate::open);
        until_none(&count)?;
        while live_greenlets() > live {
            sleep(0)?;
        }
        let mut found: Vec<usize> = over.take();
        found.sort_unstable();
        let expected: Vec<_> = (0..6).filter(|&n| how != Ends::Panic || n != 3).collect();
        assert_eq!(found, expected, "{how:?}");
        let panicked = usize::from(how == Ends::Panic);
        assert_eq!(reports.take().matches("on purpose").count(), panicked);
    }
    Ok(())
}

#[test]
fn futures_that_wait_in_a_poll_are_killed_and_dropped_with_their_greenlets() -> TestResult {
    let _bounded = bounded();
    sleep(0)?;
    let (before, live) = (greenlets(), live_greenlets());
    let (count, results) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
    let (gate, begun) = (Gate::default(), Rc::new(Cell::new(0)));
    for n in 0..4 {
        let (counted, results, gate) = (Counted::new(&count), results.clone(), gate.clone());
        let begun = begun.clone();
        spawn_task(async move {
            let _counted = counted;
            begun.set(begun.get() + 1);
            match n {
                0 | 2 => _ = Event::new().wait(),
                1 => {
                    let error = sleep(100).expect_err("it is killed");
                    results.borrow_mut().push(error.is::<GreenletExit>());
                }
                _ => gate.pass().await,
            }
        });
    }
    while begun.get() < 4 {
        sleep(0)?;
    }
    for one in new_ones(&before) {
        get_hub()
            .loop_()
            .run_callback(move || one.throw(GreenletExit).map(drop))?;
    }
    sleep(0)?;
    gate.open();
    until_none(&count)?;
    while live_greenlets() > live {
        sleep(0)?;
    }
    assert_eq!(*results.borrow(), [true]);
    Ok(())
}

#[test]
fn the_end_comes_while_futures_wait_in_the_midst_of_a_poll() {
    // A thread without `run` leaves the stacks of its greenlets as they are.
    leaves_nothing_in(&[true], |count| {
        for n in 0..6 {
            let alive = Alive::new(count);
            spawn_task(async move {
                let _alive = alive;
                match n {
                    0 => _ = sleep(100),
                    1 => _ = Event::new().wait(),
                    2 => _ = block_on(pending::<()>()),
                    3 => _ = block_on(join_all([pending::<()>()])),
                    4 => {
                        let _ = sleep(100);
                        pending().await
                    }
                    _ => {
                        let waits = AtDrop(|| _ = sleep(100));
                        let _ = sleep(100);
                        drop(waits);
                        // It is refused.
                        let _ = SharedExecutor.spawn(pending::<()>());
                        let _ = spawn(|| ());
                    }
                }
            });
        }
        sleep(0)?;
        sleep(0)
    });
}

#[test]
fn the_next_hub_drops_the_futures_of_a_destroyed_one() {
    let _bounded = bounded();
    for with_loop in [false, true] {
        let count = Arc::default();
        let counted = Arc::clone(&count);
        let thread = thread::spawn(move || {
            let gates: Vec<_> = (0..3).map(|_| Gate::default()).collect();
            for gate in &gates {
                let (alive, gate) = (Alive::new(&counted), gate.clone());
                spawn_task(async move {
                    let _alive = alive;
                    gate.pass().await;
                });
            }
            // The greenlet that has polled them rests.
            while !gates.iter().all(|gate| gate.polls() == 1) {
                sleep(0).expect("nobody throws");
            }
            sleep(0).expect("nobody throws");
            get_hub().destroy(with_loop).expect("it is the main greenlet");
            gates[0].open();
            sleep(0).expect("there is another hub");
            let over = AsyncResult::new();
            let its = over.clone();
            spawn_task(async move { its.set(5) });
            gates[1].open();
            assert_eq!(over.get().expect("it is set"), 5);
            assert_eq!(counted.load(Ordering::SeqCst), 0, "with the loop: {with_loop}");
        });
        thread.join().expect("it does not panic");
        assert_eq!(count.load(Ordering::SeqCst), 0, "with the loop: {with_loop}");
    }
}
