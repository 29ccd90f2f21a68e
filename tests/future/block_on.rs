//! What a greenlet sees of `block_on`.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;

use futures::future::FutureExt;
use gevent::exceptions::{BlockingSwitchOutError, LoopExit};
use gevent::future::{block_on, spawn_local};
use gevent::{GreenletExit, Kill, Timeout, TimeoutError, get_hub, getcurrent, sleep, spawn, with_timeout};

use crate::support::{ExpectedError, TestResult, bounded, fail};
use crate::{Counted, Gate};

#[test]
fn a_ready_future_is_not_waited_for() -> TestResult {
    let other = spawn(|| 1);
    assert_eq!(block_on(ready(7))?, 7);
    assert!(!other.ready());
    // What borrows is polled as well.
    let text = String::from("borrowed");
    assert_eq!(block_on(async { &text[..] })?, "borrowed");
    other.join()
}

#[test]
fn others_go_on_meanwhile() -> TestResult {
    let _bounded = bounded();
    let gate = Gate::default();
    let opener = spawn({
        let gate = gate.clone();
        move || {
            sleep(0.002)?;
            gate.open();
            Ok(())
        }
    });
    block_on(gate.pass())?;
    assert_eq!(gate.polls(), 2);
    opener.get()
}

/// A future is polled again after each wake-up, whether it is ready by then or not, and not without one.
#[test]
fn a_poll_follows_each_wake_up() -> TestResult {
    let _bounded = bounded();
    let gate = Gate::default();
    let waiting = spawn_local({
        let gate = gate.clone();
        async move { gate.pass().await }
    });
    sleep(0)?;
    for polls in 1..5 {
        sleep(0)?;
        assert_eq!(gate.polls(), polls);
        gate.knock();
        sleep(0)?;
    }
    gate.open();
    waiting.get()?;
    assert_eq!(gate.polls(), 6);
    Ok(())
}

#[test]
fn a_future_that_wakes_itself_lets_others_run() -> TestResult {
    let _bounded = bounded();
    let stop = Rc::new(Cell::new(false));
    let its = stop.clone();
    spawn(move || {
        sleep(0.002)?;
        its.set(true);
        Ok(())
    });
    block_on(poll_fn(|context| {
        context.waker().wake_by_ref();
        if stop.get() { Poll::Ready(()) } else { Poll::Pending }
    }))?;
    // And so do many that are ready.
    stop.set(false);
    let its = stop.clone();
    spawn(move || {
        sleep(0.002)?;
        its.set(true);
        Ok(())
    });
    while !stop.get() {
        block_on(ready(()))?;
    }
    Ok(())
}

#[test]
fn a_kill_drops_the_future_once() -> TestResult {
    let _bounded = bounded();
    let count = Rc::new(Cell::new(0));
    let counted = Counted::new(&count);
    let waiting = spawn(move || {
        let error = block_on(async move {
            let _counted = counted;
            pending::<()>().await;
        });
        assert!(error.as_ref().is_err_and(|error| error.is::<GreenletExit>()));
        error
    });
    sleep(0)?;
    assert_eq!(count.get(), 1);
    waiting.kill()?;
    assert_eq!(count.get(), 0);
    // Another error comes out as it is.
    let waiting = spawn(|| block_on(pending::<()>()));
    sleep(0)?;
    waiting.kill_with(Kill::with(ExpectedError("thrown")))?;
    assert!(waiting.get().unwrap_err().is::<ExpectedError>());
    Ok(())
}

#[test]
fn a_timeout_ends_the_wait() -> TestResult {
    let _bounded = bounded();
    let count = Rc::new(Cell::new(0));
    let counted = Counted::new(&count);
    let timed = Timeout::start_new(0.002);
    let error = block_on(async move {
        let _counted = counted;
        pending::<()>().await;
    });
    assert!(timed.threw(&error.unwrap_err()));
    assert_eq!(count.get(), 0);
    assert_eq!(with_timeout(0.002, || block_on(pending::<i32>()), 9)?, 9);
    let error = gevent::event::AsyncResult::<()>::new().get_timeout(0.001).unwrap_err();
    assert!(error.is::<TimeoutError>());
    Ok(())
}

#[test]
fn a_panic_comes_out_whole() -> TestResult {
    let _bounded = bounded();
    let count = Rc::new(Cell::new(0));
    let counted = Counted::new(&count);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        block_on(async move {
            let _counted = counted;
            std::panic::panic_any(17);
        })
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&17));
    assert_eq!(count.get(), 0);
    // In a greenlet it is the greenlet's, and the next future is polled as if nothing had been.
    let panics = spawn_local(async { ready(true).map(|fails| assert!(!fails, "on purpose")).await });
    let error = panics.get().unwrap_err();
    assert!(error.to_string().contains("on purpose"));
    assert_eq!(block_on(ready(1))?, 1);
    Ok(())
}

/// What a future calls may wait: that parks the greenlet in the middle of the poll.
#[test]
fn a_poll_may_wait() -> TestResult {
    let _bounded = bounded();
    let value = block_on(async {
        sleep(0.001)?;
        let inner = block_on(async {
            sleep(0)?;
            Ok::<_, gevent::Exception>(20)
        })??;
        sleep(0).map(|()| inner + 1)
    })?;
    assert_eq!(value?, 21);
    // Polls of several greenlets overlap, and each greenlet waits for its own.
    let gates: Vec<_> = (0..10).map(|_| Gate::default()).collect();
    let waiting: Vec<_> = gates
        .iter()
        .map(|gate| {
            let gate = gate.clone();
            spawn(move || {
                block_on(async {
                    sleep(0)?;
                    gate.pass().await;
                    sleep(0)
                })?
            })
        })
        .collect();
    for _ in 0..3 {
        sleep(0)?;
    }
    gates.iter().rev().for_each(Gate::open);
    waiting.iter().try_for_each(|greenlet| greenlet.get())
}

#[test]
fn what_only_this_thread_could_wake_is_named_by_loop_exit() -> TestResult {
    let _bounded = bounded();
    // Nobody has a waker.
    let waiting = spawn(|| block_on(pending::<()>()));
    let exit = get_hub().switch().unwrap_err();
    assert!(exit.is::<LoopExit>());
    let blocked = get_hub().blocked_greenlets();
    assert_eq!(blocked.len(), 1);
    assert_eq!(blocked[0].waiting_on.map(|what| what.kind), Some("future"));
    waiting.kill()?;
    // An event of this thread has it.
    let event = gevent::event::Event::new();
    let error = block_on(&event).unwrap_err();
    assert!(error.is::<LoopExit>());
    assert_eq!(event.linkcount(), 0);
    Ok(())
}

/// A waker that another thread may use keeps the loop running.
#[test]
fn a_pending_future_keeps_the_loop_alive() -> TestResult {
    let _bounded = bounded();
    let (sender, receiver) = futures::channel::oneshot::channel();
    let (parked, go) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        go.recv().expect("it parks");
        sender.send(5).expect("it waits");
    });
    let told = spawn(move || {
        sleep(0)?;
        parked.send(()).expect("the thread lives");
        Ok(())
    });
    assert_eq!(block_on(receiver)?, Ok(5));
    thread.join().expect("it does not panic");
    told.get()
}

#[test]
fn it_cannot_wait_in_the_hub() -> TestResult {
    let _bounded = bounded();
    let seen = Rc::new(Cell::new(None));
    let its = seen.clone();
    get_hub().loop_().run_callback(move || {
        // What is ready needs no wait.
        let now = block_on(ready(3)).is_ok_and(|value| value == 3);
        let later = block_on(pending::<()>()).is_err_and(|error| error.is::<BlockingSwitchOutError>());
        its.set(Some((now, later)));
    })?;
    sleep(0)?;
    assert_eq!(seen.get(), Some((true, true)));
    Ok(())
}

#[test]
fn spawned_futures_are_greenlets() -> TestResult {
    let _bounded = bounded();
    let gate = Gate::default();
    let counted = Rc::new(Cell::new(0));
    let in_it = Counted::new(&counted);
    let waiting = spawn_local({
        let gate = gate.clone();
        async move {
            let _in_it = in_it;
            gate.pass().await;
            // A greenlet whose value is itself would never be dropped.
            Ok(getcurrent().id())
        }
    });
    sleep(0)?;
    gate.open();
    assert_eq!(waiting.get()?, waiting.raw().id());
    assert_eq!(counted.get(), 0);
    let failed = spawn_local(async { fail::<()>("in the future") });
    assert!(failed.get().unwrap_err().is::<ExpectedError>());
    // A future that is not begun is dropped by a kill, too.
    let in_it = Counted::new(&counted);
    let never = spawn_local(async move { drop(in_it) });
    never.kill()?;
    assert_eq!(counted.get(), 0);
    Ok(())
}

/// The future is dropped before its greenlet goes on, and may wait in its destructor.
#[test]
fn a_destructor_may_wait() -> TestResult {
    struct Waits(Rc<Cell<bool>>);
    impl Future for Waits {
        type Output = ();
        fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    impl Drop for Waits {
        fn drop(&mut self) {
            let slept = sleep(0.001).is_ok() && block_on(ready(1)).is_ok();
            self.0.set(slept);
        }
    }
    let _bounded = bounded();
    let slept = Rc::new(Cell::new(false));
    block_on(Waits(slept.clone()))?;
    assert!(slept.get());
    Ok(())
}
