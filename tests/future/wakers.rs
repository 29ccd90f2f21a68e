//! Wakers: in any thread, before, twice, late, after the end.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use gevent::future::{block_on, spawn_local};
use gevent::{Exception, Kill, get_hub, sleep, spawn};

use crate::Gate;
use crate::support::{ExpectedError, TestResult, bounded};

/// A count and the waker of who waits for it, for any thread.
#[derive(Default)]
struct Shared {
    state: Mutex<(u64, Option<Waker>)>,
    /// Is told when somebody begins to wait.
    waits: Condvar,
}

impl Shared {
    /// Adds one, and wakes who waits.
    fn add(&self) {
        let waker = {
            let mut state = self.state.lock().expect("nobody panics");
            state.0 += 1;
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Adds one as soon as somebody waits, and wakes it, unless it is `most` already. Returns whether it has done so.
    fn add_to_waiter(&self, most: u64) -> bool {
        let state = self.state.lock().expect("nobody panics");
        let waits = |state: &mut (u64, Option<Waker>)| state.0 < most && state.1.is_none();
        let mut state = self.waits.wait_while(state, waits).expect("nobody panics");
        if state.0 == most {
            return false;
        }
        state.0 += 1;
        let (waker, is_last) = (state.1.take(), state.0 == most);
        drop(state);
        if is_last {
            self.waits.notify_all();
        }
        waker.into_iter().for_each(Waker::wake);
        true
    }

    /// Waits until more than `seen` were added, and returns how many.
    async fn more_than(&self, seen: u64) -> u64 {
        poll_fn(|context| {
            let mut state = self.state.lock().expect("nobody panics");
            if state.0 > seen {
                return Poll::Ready(state.0);
            }
            state.1 = Some(context.waker().clone());
            self.waits.notify_one();
            Poll::Pending
        })
        .await
    }
}

/// So many times a thread finds a waker, and uses it, maybe before the greenlet has parked;
/// `WAKES=10000000 cargo test --release --test future wakes_of_four` tries more of them.
#[test]
fn wakes_of_four_threads_are_not_lost() -> TestResult {
    let _bounded = std::env::var("WAKES").is_err().then(bounded);
    let wakes = std::env::var("WAKES").map_or(20_000, |n| n.parse().expect("a number"));
    let shared = Arc::new(Shared::default());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || while shared.add_to_waiter(wakes) {})
        })
        .collect();
    // Others of the thread go on meanwhile.
    let rounds = Rc::new(Cell::new(0_u64));
    let (its, over) = (rounds.clone(), Rc::new(Cell::new(false)));
    let stop = over.clone();
    let other = spawn(move || {
        while !stop.get() {
            its.set(its.get() + 1);
            sleep(0)?;
        }
        Ok(())
    });
    let mut seen = 0;
    while seen < wakes {
        seen = block_on(shared.more_than(seen))?;
    }
    over.set(true);
    other.get()?;
    assert!(rounds.get() > 0);
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it does not panic"));
    Ok(())
}

/// Each wake-up is answered, so none may be lost: a lost one hangs.
#[test]
fn threads_and_greenlets_wake_each_other_in_turns() -> TestResult {
    let _bounded = bounded();
    let greenlets: Vec<_> = (0..4)
        .map(|_| {
            let (there, back) = (Arc::new(Shared::default()), Arc::new(Shared::default()));
            let (t, b) = (there.clone(), back.clone());
            let thread = thread::spawn(move || -> Result<(), Exception> {
                for round in 0..1000 {
                    block_on(t.more_than(round))?;
                    b.add();
                }
                Ok(())
            });
            spawn(move || -> Result<(), Exception> {
                for round in 0..1000 {
                    there.add();
                    block_on(back.more_than(round))?;
                }
                thread.join().expect("it does not panic")
            })
        })
        .collect();
    greenlets.iter().try_for_each(|greenlet| greenlet.get())
}

/// Keeps the waker of the last poll.
fn keep(wakers: &Rc<RefCell<Vec<Waker>>>) -> impl Future<Output = ()> + use<> {
    let (wakers, mut polled) = (wakers.clone(), false);
    poll_fn(move |context| {
        wakers.borrow_mut().push(context.waker().clone());
        match std::mem::replace(&mut polled, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
}

#[test]
fn a_waker_is_used_twice_late_and_after_the_end() -> TestResult {
    let _bounded = bounded();
    let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
    let waiting = spawn_local(keep(&wakers));
    sleep(0)?;
    let waker = wakers.borrow()[0].clone();
    waker.wake_by_ref();
    waker.wake_by_ref();
    waiting.get()?;
    // It is over: the wakers do nothing, whatever the greenlet does next, and in any thread.
    let gate = Gate::default();
    let next = spawn_local({
        let gate = gate.clone();
        async move { gate.pass().await }
    });
    sleep(0)?;
    wakers.borrow().iter().for_each(Waker::wake_by_ref);
    let kept = wakers.take();
    thread::spawn(move || kept.into_iter().for_each(Waker::wake))
        .join()
        .expect("it does not panic");
    waker.wake();
    sleep(0.002)?;
    assert_eq!(gate.polls(), 1);
    gate.open();
    next.get()
}

/// A greenlet that was killed waits for something else when the wake-up arrives.
#[test]
fn a_late_wake_up_disturbs_no_other_wait() -> TestResult {
    let _bounded = bounded();
    let (polled, wakers) = mpsc::channel::<Waker>();
    let waiting = spawn(move || {
        let ended = block_on(poll_fn::<(), _>(|context| {
            polled.send(context.waker().clone()).expect("the test waits");
            Poll::Pending
        }));
        assert!(ended.is_err());
        // Another future, and another wait.
        let gate = Gate::default();
        let error = block_on(async {
            sleep(0.005)?;
            gate.pass().await;
            Ok::<(), Exception>(())
        });
        assert_eq!(gate.polls(), 1);
        error?
    });
    sleep(0)?;
    let waker = wakers.recv().expect("it was polled");
    // The wake-up is on its way when the greenlet is killed.
    thread::spawn(move || waker.wake()).join().expect("it does not panic");
    waiting.kill_with(Kill::with(ExpectedError("thrown")).nonblocking())?;
    sleep(0.02)?;
    waiting.kill()?;
    Ok(())
}

#[test]
fn a_waker_outlives_its_thread() {
    let _bounded = bounded();
    let (polled, wakers) = mpsc::channel::<Waker>();
    thread::spawn(move || -> Result<(), Exception> {
        gevent::run(|| {
            spawn(move || {
                block_on(poll_fn::<(), _>(|context| {
                    polled.send(context.waker().clone()).expect("the test waits");
                    Poll::Pending
                }))
            });
            sleep(0)
        })
    })
    .join()
    .expect("it does not panic")
    .expect("it ends");
    let waker = wakers.recv().expect("it was polled");
    waker.wake_by_ref();
    let copy = waker.clone();
    copy.wake();
    drop(waker);
}

#[test]
fn nothing_is_left_on_the_loop() -> TestResult {
    let _bounded = bounded();
    let loop_ = get_hub().loop_().clone();
    let before = loop_.activecnt()?;
    let gate = Gate::default();
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let gate = gate.clone();
            spawn(move || block_on(async { gate.pass().await }))
        })
        .collect();
    sleep(0)?;
    // The gate keeps one waker, the last.
    gate.knock();
    sleep(0)?;
    gevent::killall(&waiting)?;
    sleep(0)?;
    assert_eq!(loop_.activecnt()?, before);
    Ok(())
}
