//! The counterpart of greenlet's test_leaks.py and test_gc.py, written anew: every value on a
//! greenlet's stack is dropped exactly once, and stacks come back.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Counted, TestResult, parked};
use greenlet_core::{GreenletExit, RawGreenlet, Value, getcurrent, greenlets, live_greenlets, unwind_all};

#[test]
fn test_dropping_the_last_handle_unwinds() -> TestResult {
    let before = live_greenlets();
    let drops = Rc::new(Cell::new(0));
    let g = parked(&drops)?;
    let clone = g.clone();
    drop(g);
    assert_eq!(drops.get(), 0);
    drop(clone);
    assert_eq!((drops.get(), live_greenlets()), (1, before));
    Ok(())
}

#[test]
fn test_greenlet_that_loses_its_last_handle_by_its_own_switch_is_unwound() -> TestResult {
    let drops = Rc::new(Cell::new(0));
    let (main, counted) = (getcurrent(), Counted(drops.clone()));
    RawGreenlet::new(move |_| {
        let _counted = counted;
        main.switch(())
    })
    .switch(())?;
    assert_eq!(drops.get(), 1);
    Ok(())
}

#[test]
fn test_many_greenlets_at_once() -> TestResult {
    let drops = Rc::new(Cell::new(0));
    // valgrind cannot keep track of so many guards.
    let count = if cfg!(feature = "valgrind") { 2000 } else { 20_000 };
    let all: Vec<_> = (0..count).map(|_| parked(&drops)).collect::<Result<_, _>>()?;
    for (i, g) in all.into_iter().enumerate() {
        match i % 3 {
            0 => drop(g.switch(())?),
            1 => drop(g.throw(GreenletExit)?),
            _ => drop(g),
        }
    }
    assert_eq!(drops.get(), count);
    Ok(())
}

/// Counts its drops, across threads.
struct Shared(Arc<AtomicUsize>);

impl Drop for Shared {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn test_parked_greenlets_are_unwound_at_the_threads_explicit_end() {
    let drops = Arc::new(AtomicUsize::new(0));
    let d = drops.clone();
    std::thread::spawn(move || {
        for _ in 0..10 {
            let (main, shared) = (getcurrent(), Shared(d.clone()));
            let g = RawGreenlet::new(move |_| {
                let _shared = shared;
                // A handle on its own stack: nobody outside could drop the last one.
                let _own = getcurrent();
                main.switch(())
            });
            g.switch(()).expect("parks");
        }
        assert_eq!((live_greenlets(), d.load(Ordering::Relaxed)), (10, 0));
        unwind_all();
        assert_eq!((live_greenlets(), d.load(Ordering::Relaxed)), (0, 10));
    })
    .join()
    .expect("the thread ends well");
}

#[test]
fn test_a_thread_that_just_returns_leaves_its_parked_greenlets_as_they_are() {
    let drops = Arc::new(AtomicUsize::new(0));
    let d = drops.clone();
    std::thread::spawn(move || {
        let (main, shared) = (getcurrent(), Shared(d));
        let g = RawGreenlet::new(move |_| {
            let _shared = shared;
            main.switch(())
        });
        g.switch(()).expect("parks");
        // Neither the thread's end nor the drop of the last handle after it may unwind the stack. Without sentinels,
        // the drop of this thread-local comes before the end.
        if cfg!(all(target_os = "linux", target_env = "gnu")) {
            HELD.set(Some(g));
        } else {
            std::mem::forget(g);
        }
        getcurrent().switch(()).expect("it is the current one");
    })
    .join()
    .expect("the thread ends well");
    assert_eq!(drops.load(Ordering::Relaxed), 0);
}

thread_local! {
    static HELD: Cell<Option<RawGreenlet>> = const { Cell::new(None) };
}

#[test]
fn test_handles_that_outlive_the_threads_greenlets_are_harmless() {
    thread_local! {
        static LATE: Cell<Option<RawGreenlet>> = const { Cell::new(None) };
    }
    std::thread::spawn(|| {
        // `LATE` is made before the greenlets' own thread-local, and so dropped after it.
        LATE.set(None);
        let main = getcurrent();
        let g = RawGreenlet::new(move |_| main.switch(()));
        g.switch(()).expect("parks");
        LATE.set(Some(g));
    })
    .join()
    .expect("the thread ends well");
}

#[test]
fn test_cycle_through_a_stack_is_not_freed_before_it_ends() -> TestResult {
    let drops = Rc::new(Cell::new(0));
    let (main, d) = (getcurrent(), Counted(drops.clone()));
    let g = RawGreenlet::new(move |_| {
        let _d = d;
        let _own = getcurrent();
        main.switch(())
    });
    g.switch(())?;
    drop(g);
    assert_eq!(drops.get(), 0);
    // The greenlet can still be found, and ended.
    let g = greenlets().into_iter().next().expect("it is listed");
    g.throw(GreenletExit)?;
    assert_eq!(drops.get(), 1);
    Ok(())
}

#[test]
fn test_dropping_one_greenlet_drops_those_that_only_it_kept() -> TestResult {
    let drops = Rc::new(Cell::new(0));
    let inner = parked(&drops)?;
    let (main, d) = (getcurrent(), Counted(drops.clone()));
    let outer = RawGreenlet::new(move |_| {
        let _held = (d, inner);
        main.switch(())
    });
    outer.switch(())?;
    drop(outer);
    assert_eq!((drops.get(), live_greenlets()), (2, 0));
    Ok(())
}

#[test]
fn test_values_on_their_way_are_dropped_with_the_greenlet_that_never_took_them() {
    let drops = Rc::new(Cell::new(0));
    let d = Counted(drops.clone());
    let g = RawGreenlet::new(move |_| {
        drop(d);
        Ok(Value::None)
    });
    drop(g);
    assert_eq!(drops.get(), 1);
    let dead = RawGreenlet::new(|_| Ok(Value::None));
    let _ = dead.throw(GreenletExit);
    drop(dead.switch(Value::new(Counted(drops.clone()))));
    assert_eq!(drops.get(), 2);
}

/// Destructors on a stack that is unwound at the thread's end may use greenlets.
#[test]
fn test_destructors_at_the_threads_end_can_ask_for_greenlets() {
    struct Asks(RawGreenlet, Arc<AtomicUsize>);
    impl Drop for Asks {
        fn drop(&mut self) {
            assert_eq!(greenlet_core::getmain(), self.0);
            assert_ne!(getcurrent(), self.0);
            // The destructor cannot wait any more, but it can make, drop and end other greenlets.
            let g = RawGreenlet::new(Ok);
            assert!(g.switch(()).is_err() && g.discard());
            assert_eq!(greenlets().len(), 2);
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let a = asked.clone();
    std::thread::spawn(move || {
        let (main, asks) = (getcurrent(), Asks(getcurrent(), a));
        let g = RawGreenlet::new(move |_| {
            let _own = getcurrent();
            let _asks = asks;
            main.switch(())
        });
        g.switch(()).expect("parks");
        drop(g);
        unwind_all();
    })
    .join()
    .expect("the thread ends well");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

/// A greenlet that runs may drop its own last handle, and a weak reference finds it while it runs.
#[test]
fn test_greenlet_that_drops_its_own_last_handle() -> TestResult {
    let drops = Rc::new(Cell::new(0));
    let own: Rc<Cell<Option<RawGreenlet>>> = Rc::default();
    let (main, mine, d) = (getcurrent(), own.clone(), Counted(drops.clone()));
    let g = RawGreenlet::new(move |_| {
        let _d = d;
        let weak = getcurrent().downgrade();
        drop(mine.take());
        assert!(weak.upgrade().is_some_and(|own| own == getcurrent()));
        // Nobody could continue it after this.
        main.switch(Value::Token(8))
    });
    let weak = g.downgrade();
    own.set(Some(g.clone()));
    let run = move || {
        let pointer = g.clone();
        drop(g);
        pointer.switch(())
    };
    assert!(matches!(run()?, Value::Token(8)));
    assert_eq!((drops.get(), live_greenlets()), (1, 0));
    assert!(weak.upgrade().is_none());
    Ok(())
}

/// Values attached to greenlets drop other greenlets, make others and switch, while they are freed.
#[test]
fn test_attached_values_that_switch_when_they_are_dropped() -> TestResult {
    struct Busy(Option<RawGreenlet>, Rc<Cell<usize>>);
    impl Drop for Busy {
        fn drop(&mut self) {
            let other = RawGreenlet::new(Ok);
            assert!(matches!(other.switch(Value::Token(2)), Ok(Value::Token(2))));
            drop(self.0.take());
            self.1.set(self.1.get() + 1);
        }
    }
    let (drops, busy) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    for with_weak in [false, true] {
        let attached = Busy(Some(crate::common::parked(&drops)?), busy.clone());
        let g = crate::common::parked(&drops)?;
        g.set_local(attached);
        let weak = with_weak.then(|| g.downgrade());
        drop(g);
        assert!(weak.is_none_or(|weak| weak.upgrade().is_none()));
    }
    assert_eq!((drops.get(), busy.get(), live_greenlets()), (4, 2, 0));
    Ok(())
}
