//! Tests that no wake-up is lost: one that is refused comes later, and code that runs in between does not void any.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{ExpectedError, TestResult, bounded};
use gevent::event::Event;
use gevent::exceptions::{HubDestroyed, LoopExit, TimeoutError};
use gevent::greenlet_core::{GreenletError, Value, getcurrent, pinned};
use gevent::hub::{ExceptionStream, Waiter};
use gevent::queue::{Channel, Queue};
use gevent::{Exception, Greenlet, RawGreenlet, Timeout, get_hub, sleep, spawn};

/// Calls its function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Calls `what` in the destructor of a greenlet that is being unwound, while another greenlet sleeps.
fn while_one_is_unwound(what: impl FnMut() + 'static) -> TestResult {
    let unwound = spawn(move || {
        let _on_drop = OnDrop(what);
        sleep(1000)
    });
    sleep(0)?;
    assert!(unwound.raw().unwind());
    Ok(())
}

/// A throw that is refused must not void the sleeper's wake-up.
#[test]
fn a_throw_by_a_destructor_that_cannot_switch_changes_nothing() -> TestResult {
    let _bounded = bounded();
    let sleeper = spawn(|| sleep(0.01));
    let victim = sleeper.clone();
    let refused = Rc::new(Cell::new(false));
    let its = refused.clone();
    while_one_is_unwound(move || {
        its.set(victim.throw(ExpectedError("thrown")).is_err());
    })?;
    assert!(refused.get());
    sleeper.get()
}

#[test]
fn a_throw_while_pinned_changes_nothing() -> TestResult {
    let _bounded = bounded();
    let sleeper = spawn(|| sleep(0.01));
    sleep(0)?;
    let refused = pinned(|| sleeper.throw(ExpectedError("thrown")));
    assert!(refused.unwrap_err().is::<GreenletError>());
    sleeper.get()
}

/// Calls `what` in the hub, where libev may not be interrupted.
fn in_a_reschedule_function(what: impl Fn() + 'static) -> TestResult {
    let done = Rc::new(Cell::new(false));
    let (hub, its) = (get_hub(), done.clone());
    // The function is called once by the start, and again in the hub when the watcher fires.
    let periodic = hub.loop_().periodic_reschedule(move |now| {
        if getcurrent() == *get_hub().greenlet() && !its.replace(true) {
            what();
        }
        if its.get() { now + 1000.0 } else { now }
    })?;
    periodic.start(|| ())?;
    while !done.get() {
        sleep(0.001)?;
    }
    periodic.stop()?;
    Ok(())
}

#[test]
fn a_waiter_that_is_switched_to_while_pinned_gets_its_value_soon() -> TestResult {
    let _bounded = bounded();
    let waiter = Waiter::new(get_hub());
    let its = waiter.clone();
    let getter = spawn(move || its.get());
    sleep(0)?;
    let its = waiter.clone();
    in_a_reschedule_function(move || its.switch(5).expect("it is the hub"))?;
    assert_eq!(getter.get()?, 5);
    // An exception can be stored, too.
    let its = waiter.clone();
    let getter = spawn(move || its.get());
    sleep(0)?;
    in_a_reschedule_function(move || {
        waiter.throw(ExpectedError("thrown")).expect("it is the hub");
    })?;
    getter.join()?;
    assert!(getter.exception().expect("it failed").is::<ExpectedError>());
    Ok(())
}

/// Notifications must not be lost if the loop refuses to queue them.
#[test]
fn what_is_set_put_and_ended_while_pinned_is_told() -> TestResult {
    let _bounded = bounded();
    let (event, queue, channel) = (Event::new(), Queue::new(), Channel::new());
    let waits = {
        let (event, queue, channel) = (event.clone(), queue.clone(), channel.clone());
        [
            spawn(move || event.wait().map(drop)),
            spawn(move || queue.get().map(|item: i32| assert_eq!(item, 3))),
            spawn(move || channel.put(4)),
        ]
    };
    let unstarted = Greenlet::<()>::new(|| ());
    let ends = unstarted.clone();
    let joins = spawn(move || ends.join());
    sleep(0)?;
    let got = Rc::new(Cell::new(None));
    let its = got.clone();
    in_a_reschedule_function(move || {
        event.set();
        queue.put_nowait(3).expect("there is space");
        // In the hub a get takes an item that is there.
        its.set(channel.get().ok());
        unstarted.kill().expect("it has not begun");
    })?;
    for greenlet in waits {
        greenlet.get()?;
    }
    joins.get()?;
    assert_eq!(got.get(), Some(4));
    Ok(())
}

/// A loop that ran there would deliver wake-ups that have no effect.
#[test]
fn a_loop_does_not_run_where_nobody_can_be_switched_to() -> TestResult {
    let _bounded = bounded();
    let sleeper = spawn(|| sleep(0));
    let refused = pinned(|| get_hub().loop_().run_nowait());
    assert!(refused.is_err());
    sleeper.get()?;
    let sleeper = spawn(|| sleep(0));
    let results = Rc::new(RefCell::new(Vec::new()));
    let its = results.clone();
    while_one_is_unwound(move || {
        let ran = get_hub().loop_().run();
        its.borrow_mut().push(ran.is_err());
    })?;
    assert_eq!(*results.borrow(), [true]);
    sleeper.get()
}

/// The start of a wait replaces a callback whose destructor waits. The wake-up of the outer wait must still be valid
/// afterwards.
#[test]
fn a_callback_that_a_wait_replaces_may_wait_as_it_is_dropped() -> TestResult {
    let _bounded = bounded();
    // The second time is longer than the timer, so the outer wait is over meanwhile.
    for seconds in [0.001, 0.05] {
        let waits = spawn(move || {
            let timer = get_hub().loop_().timer(0.01)?;
            let waits = OnDrop(move || sleep(seconds).expect("nobody throws"));
            timer.start(move || {
                let _ = &waits;
            })?;
            get_hub().wait(&timer)
        });
        waits.get()?;
        let times_out = spawn(move || {
            let timer = get_hub().loop_().timer(1000.0)?;
            let waits = OnDrop(move || sleep(seconds).expect("nobody throws"));
            timer.start(move || {
                let _ = &waits;
            })?;
            get_hub().wait_timeout(&timer, 0.01)
        });
        assert!(!times_out.get()?);
    }
    Ok(())
}

#[test]
fn a_hook_may_wait_before_the_wait_that_it_is_called_for() -> TestResult {
    let _bounded = bounded();
    let (event, queue) = (Event::new(), Queue::new());
    let (sets, puts) = (event.clone(), queue.clone());
    let left = Rc::new(Cell::new(2));
    let hooked = Greenlet::builder()
        .switch_out(move || {
            if left.replace(0) > 0 {
                sleep(0.001)?;
                sets.set();
                puts.put(7)?;
            }
            Ok(())
        })
        .spawn(move || {
            event.wait()?;
            queue.get()
        });
    assert_eq!(hooked.get()?, 7);
    // The put comes only when the get is about to wait.
    let queue = Queue::new();
    let (puts, left) = (queue.clone(), Cell::new(true));
    let hooked = Greenlet::builder()
        .switch_out(move || -> TestResult {
            if left.replace(false) {
                puts.put(8)?;
            }
            Ok(())
        })
        .spawn(move || queue.get());
    assert_eq!(hooked.get()?, 8);
    Ok(())
}

#[test]
fn a_forged_token_is_not_a_wake_up() -> TestResult {
    let _bounded = bounded();
    let waiter = Waiter::<i32>::new(get_hub());
    let getter = spawn(move || waiter.get());
    sleep(0)?;
    let raw = getter.raw().clone();
    let forge = move || -> TestResult {
        for token in 0..1000 {
            raw.switch(Value::Token(token)).map(drop)?;
        }
        Ok(())
    };
    get_hub().loop_().run_callback(forge)?;
    getter.join()?;
    assert!(getter.exception().is_some());
    Ok(())
}

/// Runs the test in a thread of its own, whose first hub dies.
fn in_a_thread(test: impl FnOnce() -> TestResult + Send + 'static) -> TestResult {
    let thread = std::thread::spawn(move || {
        get_hub().set_exception_stream(ExceptionStream::Discard);
        test()
    });
    match thread.join() {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

#[test]
fn a_hub_that_was_unwound_is_replaced_and_nobody_waits_for_ever() -> TestResult {
    let _bounded = bounded();
    in_a_thread(|| {
        let old = get_hub();
        let slept = Rc::new(Cell::new(false));
        let its = slept.clone();
        let sleeper = spawn(move || {
            sleep(0.02)?;
            sleep(0.001)?;
            its.set(true);
            Ok(())
        });
        let unwinds = spawn(|| assert!(get_hub().greenlet().unwind()));
        // The error of the dead hub goes to the main greenlet.
        assert!(sleep(0.01).unwrap_err().is::<HubDestroyed>());
        assert!(unwinds.ready() && old.destroyed());
        assert!(old.switch().unwrap_err().is::<HubDestroyed>());
        assert!(sleeper.join().unwrap_err().is::<HubDestroyed>());
        let new = get_hub();
        assert!(new != old && !new.destroyed());
        // The new hub runs the same loop, so the sleeper goes on, and ends without disturbing others.
        while !slept.get() {
            sleep(0.001)?;
        }
        sleep(0.001)?;
        assert!(sleeper.dead());
        spawn(|| sleep(0)).get()
    })
}

#[test]
fn a_hub_that_ends_by_an_error_is_replaced() -> TestResult {
    let _bounded = bounded();
    in_a_thread(|| {
        let old = get_hub();
        // The old hub waits for work, in its parent.
        assert!(old.switch().unwrap_err().is::<LoopExit>());
        let thrown = old.greenlet().throw(ExpectedError("into the hub"));
        assert!(thrown.unwrap_err().is::<ExpectedError>());
        assert!(old.destroyed() && get_hub() != old);
        sleep(0.001)
    })?;
    // The hub has never run.
    in_a_thread(|| {
        let old = get_hub();
        let thrown = old.greenlet().throw(ExpectedError("into the hub"));
        assert!(thrown.unwrap_err().is::<ExpectedError>());
        assert!(old.destroyed() && get_hub() != old);
        sleep(0.001)
    })
}

/// A scope must not try again and again to wait for its greenlets.
#[test]
fn a_scope_whose_hub_dies_ends() -> TestResult {
    let _bounded = bounded();
    in_a_thread(|| {
        let ran = Cell::new(0);
        let ended = gevent::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    ran.set(ran.get() + 1);
                    sleep(1000)
                });
            }
            s.spawn(|| {
                get_hub().greenlet().unwind();
            });
            sleep(0.01)
        });
        assert!(ended.unwrap_err().is::<HubDestroyed>());
        assert_eq!(ran.get(), 3);
        sleep(0.001)
    })
}

#[test]
fn a_scope_while_pinned_or_in_an_unwinding_destructor_ends() -> TestResult {
    let _bounded = bounded();
    let ended = pinned(|| {
        gevent::scope(|s| {
            s.spawn(|| sleep(1000));
            Ok(())
        })
    });
    assert!(ended.is_err());
    let ended = Rc::new(Cell::new(0));
    let its = ended.clone();
    while_one_is_unwound(move || {
        let scope = gevent::scope(|s| {
            s.spawn(|| sleep(1000));
            Ok(())
        });
        its.set(its.get() + i32::from(scope.is_err()));
    })?;
    assert_eq!(ended.get(), 1);
    sleep(0)
}

#[test]
fn a_timeout_that_comes_while_an_inner_wait_is_on_ends_that() -> TestResult {
    let _bounded = bounded();
    let told = Rc::new(RefCell::new(None::<Exception>));
    let its = told.clone();
    let waits = spawn(move || {
        let timer = get_hub().loop_().timer(0.02)?;
        let inner = OnDrop(move || drop(its.replace(sleep(1000).err())));
        timer.start(move || {
            let _ = &inner;
        })?;
        let timeout = Timeout::start_new(0.005);
        let waited = get_hub().wait(&timer);
        timeout.close();
        waited
    });
    waits.get()?;
    assert!(told.take().expect("it was ended").is::<TimeoutError>());
    Ok(())
}

/// A raw greenlet that is parked in its own switch is not woken by the ticket of a wait that it is only preparing.
#[test]
fn a_wake_up_does_not_go_to_a_switch_inside_the_preparations() -> TestResult {
    let _bounded = bounded();
    let waits = spawn(move || {
        let timer = get_hub().loop_().timer(0.0)?;
        let got = Rc::new(RefCell::new(None));
        let (its, me) = (got.clone(), getcurrent());
        let back = RawGreenlet::new(move |_| {
            // The timer fires meanwhile.
            sleep(0.01)?;
            me.switch(Value::new("by the inner switch"))
        });
        let inner = OnDrop(move || drop(its.replace(back.switch(()).ok())));
        timer.start(move || {
            let _ = &inner;
        })?;
        get_hub().wait(&timer)?;
        let got = got.take().expect("it was switched back to");
        Ok(got.downcast::<&str>().unwrap())
    });
    assert_eq!(waits.get()?, "by the inner switch");
    Ok(())
}
