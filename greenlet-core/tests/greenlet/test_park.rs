//! Parks: a wake-up is spent only by waking.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use greenlet_core::{
    Exception, GreenletError, GreenletExit, Park, RawGreenlet, StackError, Ticket, Tracer, Value, getcurrent, pinned,
    settrace,
};

type TestResult = Result<(), Exception>;

#[derive(Debug)]
struct Deliberate;

impl fmt::Display for Deliberate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deliberate")
    }
}

impl Error for Deliberate {}

/// The result of a greenlet's wait, if it has returned.
type Ended = Rc<RefCell<Option<Result<Value, Exception>>>>;

/// A greenlet that is in a park, the ticket, and the result when there is one.
fn parked() -> Result<(RawGreenlet, Ticket, Ended), Exception> {
    let (main, ended) = (getcurrent(), Ended::default());
    let ticket = Rc::new(Cell::new(None));
    let (its, tells) = (ended.clone(), ticket.clone());
    let greenlet = RawGreenlet::new(move |_| {
        let park = Park::begin(None);
        tells.set(Some(park.ticket()));
        its.replace(Some(park.enter(&main)));
        Ok(Value::None)
    });
    greenlet.switch(())?;
    let ticket = ticket.get().expect("it has parked");
    assert!(greenlet.is_parked(ticket));
    Ok((greenlet, ticket, ended))
}

#[track_caller]
fn assert_woken_by(ticket: Ticket, got: Result<Value, Exception>) {
    assert!(matches!(got, Ok(Value::Token(token)) if token == ticket.get()));
}

fn is<E: Error + 'static>(result: TestResult) -> bool {
    result.is_err_and(|exception| exception.is::<E>())
}

#[test]
fn test_a_wake_up_ends_its_own_park_once() -> TestResult {
    let (greenlet, ticket, ended) = parked()?;
    greenlet.wake(ticket)?;
    assert_woken_by(ticket, ended.take().expect("it was woken"));
    assert!(greenlet.dead() && !greenlet.is_parked(ticket));
    greenlet.wake(ticket)?;
    greenlet.wake_throwing(ticket, Deliberate)
}

#[test]
fn test_any_switch_ends_the_park() -> TestResult {
    let (greenlet, ticket, ended) = parked()?;
    greenlet.switch(Value::new("by hand"))?;
    assert!(!greenlet.is_parked(ticket));
    let value = ended.take().expect("it was switched to")?;
    assert_eq!(value.downcast::<&str>().unwrap(), "by hand");
    Ok(())
}

#[test]
fn test_what_is_refused_while_pinned_leaves_the_park_on() -> TestResult {
    let (greenlet, ticket, ended) = parked()?;
    assert!(is::<GreenletError>(pinned(|| greenlet.wake(ticket))));
    assert!(is::<GreenletError>(pinned(
        || greenlet.wake_throwing(ticket, Deliberate)
    )));
    assert!(is::<GreenletError>(pinned(|| greenlet.throw(Deliberate).map(drop))));
    assert!(is::<GreenletError>(pinned(|| greenlet.switch(()).map(drop))));
    assert!(greenlet.is_parked(ticket) && ended.borrow().is_none());
    greenlet.wake(ticket)?;
    assert_woken_by(ticket, ended.take().expect("it was woken"));
    Ok(())
}

#[test]
fn test_what_is_refused_in_a_greenlet_that_unwinds_leaves_the_park_on() -> TestResult {
    /// Wakes the greenlet, and throws into it, when it is dropped.
    struct Meddles(RawGreenlet, Ticket, Rc<Cell<u32>>);

    impl Drop for Meddles {
        fn drop(&mut self) {
            let Meddles(greenlet, ticket, refused) = self;
            for result in [
                greenlet.wake(*ticket),
                greenlet.wake_throwing(*ticket, Deliberate),
                greenlet.throw(Deliberate).map(drop),
                greenlet.switch(()).map(drop),
            ] {
                refused.set(refused.get() + u32::from(is::<GreenletExit>(result)));
            }
        }
    }

    let (greenlet, ticket, ended) = parked()?;
    let (main, refused) = (getcurrent(), Rc::new(Cell::new(0)));
    let meddles = Meddles(greenlet.clone(), ticket, refused.clone());
    let dropped = RawGreenlet::new(move |_| {
        let _meddles = meddles;
        main.switch(())
    });
    dropped.switch(())?;
    drop(dropped);
    assert_eq!(refused.get(), 4);
    assert!(greenlet.is_parked(ticket) && ended.borrow().is_none());
    greenlet.wake_throwing(ticket, Deliberate)?;
    let thrown = ended.take().expect("it was woken").unwrap_err();
    assert!(thrown.is::<Deliberate>());
    Ok(())
}

#[test]
fn test_a_park_that_is_woken_before_it_is_entered_is_over() -> TestResult {
    let me = getcurrent();
    let nobody = RawGreenlet::new(|_| unreachable!("nobody switches here"));
    let park = Park::begin(None);
    let ticket = park.ticket();
    me.wake(ticket)?;
    assert!(!me.is_parked(ticket));
    assert_woken_by(ticket, park.enter(&nobody));

    let park = Park::begin(None);
    me.wake_throwing(park.ticket(), Deliberate)?;
    assert!(park.enter(&nobody).unwrap_err().is::<Deliberate>());
    assert!(!nobody.started());
    // A park that is dropped without being entered is over, and the exception thrown into it is forgotten.
    let park = Park::begin(None);
    let ticket = park.ticket();
    me.wake_throwing(ticket, Deliberate)?;
    drop(park);
    assert!(!me.is_parked(ticket));
    Ok(())
}

/// A greenlet that wakes the parks of another one with these tickets, when it is switched to.
fn waker(of: &RawGreenlet, tickets: impl IntoIterator<Item = Ticket> + 'static) -> RawGreenlet {
    let of = of.clone();
    RawGreenlet::new(move |_| {
        for ticket in tickets {
            of.wake(ticket)?;
        }
        Ok(Value::None)
    })
}

#[test]
fn test_a_park_inside_the_preparations_of_another_leaves_that_on() -> TestResult {
    let me = getcurrent();
    let outer = Park::begin(None);
    let outer_ticket = outer.ticket();
    {
        let inner = Park::begin(None);
        let ticket = inner.ticket();
        assert!(me.is_parked(outer_ticket) && me.is_parked(ticket));
        assert_woken_by(ticket, inner.enter(&waker(&me, [ticket])));
    }
    {
        // An inner park whose switch was refused works like any other.
        let inner = Park::begin(None);
        assert!(pinned(|| inner.enter(&me)).is_err());
    }
    assert!(me.is_parked(outer_ticket));
    assert_woken_by(outer_ticket, outer.enter(&waker(&me, [outer_ticket])));
    assert!(!me.is_parked(outer_ticket));
    Ok(())
}

#[test]
fn test_an_outer_park_can_be_woken_while_an_inner_one_is_on() -> TestResult {
    let me = getcurrent();
    let nobody = RawGreenlet::new(|_| unreachable!("nobody switches here"));
    for throws in [false, true] {
        let [outer, middle, inner] = [(); 3].map(|()| Park::begin(None));
        let [first, second, third] = [&outer, &middle, &inner].map(Park::ticket);
        let all = [first, third, second];
        let greenlet = RawGreenlet::new({
            let me = me.clone();
            move |_| {
                if throws {
                    me.wake_throwing(first, Deliberate)?;
                }
                for ticket in all {
                    me.wake(ticket)?;
                }
                Ok(Value::None)
            }
        });
        assert_woken_by(third, inner.enter(&greenlet));
        greenlet.switch(())?;
        assert_woken_by(second, middle.enter(&nobody));
        match outer.enter(&nobody) {
            Err(exception) if throws => assert!(exception.is::<Deliberate>()),
            got => assert_woken_by(first, got),
        }
        assert!(all.iter().all(|ticket| !me.is_parked(*ticket)));
    }
    Ok(())
}

#[test]
fn test_parks_may_be_dropped_in_any_order_and_kept() -> TestResult {
    let me = getcurrent();
    let [first, second, third] = [(); 3].map(|()| Park::begin(None));
    drop(second);
    let kept = Park::begin(None);
    let ticket = kept.ticket();
    drop(third);
    let first_ticket = first.ticket();
    assert!(me.is_parked(first_ticket));
    assert_woken_by(first_ticket, first.enter(&waker(&me, [first_ticket])));
    me.wake(ticket)?;
    assert!(!me.is_parked(ticket));
    drop(kept);
    // A new park works as ever.
    let park = Park::begin(None);
    let ticket = park.ticket();
    assert_woken_by(ticket, park.enter(&waker(&me, [ticket])));
    Ok(())
}

#[test]
fn test_a_tracer_may_park_when_a_park_has_ended() -> TestResult {
    let (greenlet, ticket, ended) = parked()?;
    let parks = Rc::new(Cell::new(0));
    let (its, count) = (greenlet.clone(), parks.clone());
    let old = settrace(Some(Tracer::new(move |_, _, target| {
        if *target == its {
            let park = Park::begin(None);
            let ticket = park.ticket();
            assert_woken_by(ticket, park.enter(&waker(&its, [ticket])));
            count.set(count.get() + 1);
        }
        Ok(())
    })));
    greenlet.wake(ticket)?;
    settrace(old);
    assert_eq!(parks.get(), 1);
    assert_woken_by(ticket, ended.take().expect("it was woken"));
    Ok(())
}

#[test]
fn test_a_start_ticket_is_used_up_by_any_start() -> TestResult {
    let runs = Rc::new(Cell::new(0));
    let make = || {
        let runs = runs.clone();
        RawGreenlet::new(move |_| {
            runs.set(runs.get() + 1);
            Ok(Value::None)
        })
    };
    let greenlet = make();
    let ticket = greenlet.start_ticket();
    assert_eq!(greenlet.start_ticket(), ticket, "nobody takes it from another");
    assert!(is::<GreenletError>(pinned(|| greenlet.wake(ticket))));
    assert!(greenlet.is_parked(ticket) && !greenlet.started());
    greenlet.wake(ticket)?;
    greenlet.wake(ticket)?;
    assert_eq!(runs.get(), 1);
    let other = greenlet.start_ticket();
    assert!(other != ticket && !greenlet.is_parked(other));
    // The greenlet is started by hand, or will never be started.
    let greenlet = make();
    let ticket = greenlet.start_ticket();
    greenlet.switch(())?;
    greenlet.wake(ticket)?;
    assert_eq!(runs.get(), 2);
    let greenlet = make();
    let ticket = greenlet.start_ticket();
    assert!(greenlet.discard());
    greenlet.wake(ticket)?;
    assert_eq!(runs.get(), 2);
    Ok(())
}

#[test]
fn test_a_switch_without_a_stack_loses_nothing_of_the_function() -> TestResult {
    let owned = Rc::new(());
    let kept = owned.clone();
    let greenlet = RawGreenlet::builder()
        .stack_size(usize::MAX / 4096)
        .build(move |_| Ok(Value::new(kept)));
    let ticket = greenlet.start_ticket();
    assert!(is::<StackError>(greenlet.switch(()).map(drop)));
    assert!(is::<StackError>(greenlet.wake(ticket)));
    assert!(greenlet.is_parked(ticket) && !greenlet.started());
    assert_eq!(Rc::strong_count(&owned), 2);
    assert!(greenlet.fail(Exception::new(Deliberate)).is_err());
    assert!(greenlet.dead() && Rc::strong_count(&owned) == 1);
    Ok(())
}
