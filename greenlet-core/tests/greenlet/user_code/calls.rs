//! Calls of users' functions: tracers, pinned functions, many calls in a row, maps that hash their keys anew.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, call_each, catch, drop_each};
use greenlet_core::{
    Event, GreenletError, GreenletExit, RawGreenlet, Slack, Tracer, Value, direct, getcurrent, getmain, is_direct,
    may_switch, pinned, settrace,
};

use super::action::Action;
use super::trap::{COUNT, CountOnDrop, SpringOnDrop, TRAP, count, each, nothing, spring_in_thread};

#[test]
fn test_tracers() {
    each(
        "greenlet_core::trace::Tracer::new | Fn",
        |trap| {
            let its = trap.clone();
            // The tracer is told of a switch and of the switch back, and may be replaced meanwhile.
            trap.is_about(
                || {
                    let other = Tracer::new(|_: Event, _: &RawGreenlet, _: &RawGreenlet| Ok(()));
                    drop(settrace(settrace(Some(other))));
                },
                (),
            );
            let me = getcurrent().id();
            let tracer = Tracer::new(move |_, _, target| {
                if target.id() == me {
                    its.spring();
                }
                Ok(())
            });
            drop(settrace(Some(tracer)));
            let g = RawGreenlet::new(|_| Ok(Value::Token(7)));
            let got = g.switch(());
            drop(settrace(None));
            assert!(g.dead());
            if let Ok(got) = got {
                assert!(matches!(got, Value::Token(7)));
            }
        },
        |_| drop(settrace(None)),
    );
}

#[test]
fn test_functions_whose_calls_are_direct() {
    each(
        "greenlet_core::direct::direct | FnOnce",
        |trap| {
            trap.is_about(|| assert!(direct(is_direct)), ());
            direct(|| trap.spring());
        },
        |_| assert!(!is_direct()),
    );
}

#[test]
fn test_pinned_functions() {
    each(
        "greenlet_core::pinned::pinned | FnOnce",
        |trap| {
            trap.refuses(GreenletError::Pinned);
            trap.is_about(|| assert_eq!(pinned(may_switch), Err(GreenletError::Pinned)), ());
            pinned(|| trap.spring());
        },
        |_| assert_eq!(may_switch(), Ok(())),
    );
}

#[test]
fn test_many_calls() {
    each(
        "greenlet_core::unwind::{call_each, catch} | FnOnce",
        |trap| {
            let functions: [&dyn Fn(); 5] = [&count, &|| trap.spring(), &count, &|| trap.spring(), &count];
            let caught = catch(|| call_each(functions));
            match caught {
                Ok(()) => {}
                Err(Caught::Panic(_)) => resume_unwind(Box::new("a trap")),
                Err(Caught::Forced(unwind)) => unwind.resume(),
            }
        },
        |_| assert_eq!(COUNT.get(), 3),
    );
    each(
        "greenlet_core::unwind::drop_each, greenlet_core::unwind::call_each | Iterator",
        |trap| {
            let all = (0..5).map(|i| {
                if i == 2 {
                    trap.spring();
                }
                CountOnDrop
            });
            drop_each(all);
        },
        |action| match action {
            // Items that the iterator has not returned yet are not dropped.
            Action::Panic | Action::Unwind => assert_eq!(COUNT.get(), 2),
            _ => assert_eq!(COUNT.get(), 5),
        },
    );
    each(
        "greenlet_core::unwind::drop_each | Drop",
        |trap| {
            let all = (0..5).map(|i| (CountOnDrop, (i == 2).then(|| SpringOnDrop(trap.clone()))));
            drop_each(all.collect::<Vec<_>>());
        },
        |_| assert_eq!(COUNT.get(), 5),
    );
}

/// A greenlet that is unwound in one of many calls cannot wait in the others. It need not swallow its unwinding for
/// them, so its stack is not given up.
#[test]
fn test_the_rest_of_many_calls_cannot_wait_once_one_is_unwound() {
    let told = Rc::new(Cell::new(0));
    let its = told.clone();
    let g = RawGreenlet::new(move |_| {
        let _on_the_stack = CountOnDrop;
        let wait = || {
            let got = getmain().switch(());
            its.set(its.get() + i32::from(got.is_err_and(|error| error.is::<GreenletExit>())));
        };
        call_each([wait, wait, wait, wait]);
        Ok(Value::None)
    });
    g.switch(()).expect("it waits");
    assert!(g.unwind());
    assert_eq!((told.get(), COUNT.get()), (3, 1));
}

/// Payloads that panic when they are dropped do not keep the other calls from being made.
#[test]
fn test_payloads_that_panic() {
    // It has no size, as the last of them is never dropped, which would be a leak.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new(Bomb));
        }
    }
    let caught = catch(|| {
        let explode = || resume_unwind(Box::new(Bomb));
        let functions: [&dyn Fn(); 4] = [&explode, &explode, &count, &explode];
        call_each(functions);
    });
    let Err(Caught::Panic(first)) = caught else {
        panic!("{caught:?}");
    };
    assert_eq!(COUNT.get(), 1);
    assert!(catch(|| drop(first)).is_ok());
}

/// Keys are hashed anew when a map gives memory back. The map is borrowed mutably then, so no other code can use it.
#[test]
fn test_keys_that_are_hashed_anew() {
    #[derive(PartialEq, Eq)]
    struct Key(u64);
    impl Hash for Key {
        fn hash<H: Hasher>(&self, state: &mut H) {
            spring_in_thread();
            self.0.hash(state);
        }
    }
    each(
        "greenlet_core::slack::Slack::give_back | Hash",
        |trap| {
            // So many are enough, although the places of keys that were taken out do not always count as free.
            let mut map: HashMap<Key, u64> = (0..400_000).map(|i| (Key(i), i)).collect();
            map.retain(|key, _| key.0 < 100);
            TRAP.set(Some(trap));
            let result = catch(|| map.give_back());
            TRAP.take();
            assert!((0..100).all(|i| map.get(&Key(i)) == Some(&i)), "items are lost");
            match result {
                Ok(()) => {}
                Err(Caught::Panic(_)) => resume_unwind(Box::new("a trap")),
                Err(Caught::Forced(unwind)) => unwind.resume(),
            }
        },
        nothing,
    );
}
