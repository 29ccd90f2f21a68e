//! Tests every place where an object of `event`, `lock` or `threadsafe` parks a greenlet, with every way in which such
//! a wait ends early. Nothing may be left behind, and the object for which the greenlet has waited must go to another
//! one.

use std::rc::Rc;

use crate::support::{ExpectedError, TestResult, bounded};
use gevent::event::{AsyncResult, Event};
use gevent::exceptions::LoopExit;
use gevent::lock::{Barrier, BoundedSemaphore, Condition, RLock, Semaphore};
use gevent::{Exception, Greenlet, Kill, Timeout, get_hub, sleep, spawn, threadsafe};

/// A place where a greenlet parks.
struct Place {
    name: &'static str,
    /// Waits there, with this time limit.
    park: Rc<dyn Fn(Option<f64>) -> TestResult>,
    /// Ends the wait of one greenlet in the regular way.
    give: Rc<dyn Fn()>,
    /// Takes back the permit or item that was given, if no greenlet has taken it.
    take_back: Rc<dyn Fn()>,
    /// The number of greenlets that wait.
    waiting: Rc<dyn Fn() -> usize>,
}

fn place(
    name: &'static str,
    park: impl Fn(Option<f64>) -> TestResult + 'static,
    give: impl Fn() + 'static,
    take_back: impl Fn() + 'static,
    waiting: impl Fn() -> usize + 'static,
) -> Place {
    Place {
        name,
        park: Rc::new(park),
        give: Rc::new(give),
        take_back: Rc::new(take_back),
        waiting: Rc::new(waiting),
    }
}

/// A greenlet that holds the lock, at places where others wait for it.
fn hold(lock: &RLock) -> Greenlet<()> {
    let lock = lock.clone();
    let holder = spawn(move || {
        lock.acquire()?;
        sleep(crate::support::LONG)
    });
    sleep(0).expect("main yields");
    holder
}

fn places() -> Vec<Place> {
    let mut places = Vec::new();
    {
        let e = Event::new();
        let (park, give, back, waiting) = (e.clone(), e.clone(), e.clone(), e);
        places.push(place(
            "Event::wait",
            move |timeout| park.wait_timeout(timeout).map(drop),
            move || give.set(),
            move || back.clear(),
            move || waiting.linkcount(),
        ));
    }
    {
        let r = AsyncResult::new();
        let (park, give, waiting) = (r.clone(), r.clone(), r);
        places.push(place(
            "AsyncResult::get",
            move |timeout| park.get_timeout(timeout),
            move || give.set(()),
            || (),
            move || waiting.linkcount(),
        ));
    }
    {
        let r = AsyncResult::<()>::new();
        let (park, give, waiting) = (r.clone(), r.clone(), r);
        places.push(place(
            "AsyncResult::wait",
            move |timeout| park.wait_timeout(timeout).map(drop),
            move || give.set(()),
            || (),
            move || waiting.linkcount(),
        ));
    }
    {
        let s = Semaphore::new(0);
        let (park, give, back, waiting) = (s.clone(), s.clone(), s.clone(), s);
        places.push(place(
            "Semaphore::acquire",
            move |timeout| park.acquire_timeout(timeout).map(drop),
            move || assert!(give.release() < 2),
            move || assert!(back.try_acquire()),
            move || waiting.linkcount(),
        ));
    }
    {
        let s = Semaphore::new(0);
        let (park, give, back, waiting) = (s.clone(), s.clone(), s.clone(), s);
        places.push(place(
            "Semaphore::wait",
            move |timeout| park.wait_timeout(timeout).map(drop),
            move || assert!(give.release() < 2),
            move || assert!(back.try_acquire()),
            move || waiting.linkcount(),
        ));
    }
    {
        let s = BoundedSemaphore::new(1);
        assert!(s.try_acquire());
        let (park, give, back, waiting) = (s.clone(), s.clone(), s.clone(), s);
        places.push(place(
            "BoundedSemaphore::acquire_guard",
            move |timeout| {
                let guard = park.acquire_guard_timeout(timeout)?;
                guard.into_iter().for_each(|guard| guard.forget());
                Ok(())
            },
            move || assert!(give.release().is_ok()),
            move || assert!(back.try_acquire()),
            move || waiting.linkcount(),
        ));
    }
    {
        let c = Condition::new();
        let (park, give, waiting) = (c.clone(), c.clone(), c);
        places.push(place(
            "Condition::wait",
            move |timeout| {
                let _held = park.acquire_guard()?;
                park.wait_timeout(timeout).map(drop)
            },
            move || {
                let held = give.lock().try_acquire_guard().expect("is free");
                give.notify(1).expect("is held");
                drop(held);
            },
            || (),
            move || waiting.waiting(),
        ));
    }
    {
        let s = threadsafe::Semaphore::new(0);
        let (park, give, back, waiting) = (s.clone(), s.clone(), s.clone(), s);
        places.push(place(
            "threadsafe::Semaphore::acquire",
            move |timeout| park.acquire_timeout(timeout).map(drop),
            move || assert!(give.release() < 2),
            move || assert!(back.try_acquire()),
            move || waiting.linkcount(),
        ));
    }
    {
        let e = threadsafe::Event::new();
        let (park, give, back, waiting) = (e.clone(), e.clone(), e.clone(), e);
        places.push(place(
            "threadsafe::Event::wait",
            move |timeout| park.wait_timeout(timeout).map(drop),
            move || give.set(),
            move || back.clear(),
            move || waiting.linkcount(),
        ));
    }
    {
        let r = threadsafe::AsyncResult::new();
        let (park, give, waiting) = (r.clone(), r.clone(), r);
        places.push(place(
            "threadsafe::AsyncResult::get",
            move |timeout| park.get_timeout(timeout),
            move || give.set(()),
            || (),
            move || waiting.linkcount(),
        ));
    }
    {
        let q = threadsafe::Queue::new();
        let (park, give, back, waiting) = (q.clone(), q.clone(), q.clone(), q);
        places.push(place(
            "threadsafe::Queue::get",
            move |timeout| park.get_timeout(timeout),
            move || give.put(()).expect("has no limit"),
            move || back.get_nowait().expect("nobody took it"),
            move || waiting.getters(),
        ));
    }
    {
        let q = threadsafe::Queue::with_maxsize(1);
        q.put(()).expect("has space");
        let (park, give, back, waiting) = (q.clone(), q.clone(), q.clone(), q);
        places.push(place(
            "threadsafe::Queue::put",
            move |timeout| Ok(park.put_timeout((), timeout)?),
            move || give.get_nowait().expect("there is one"),
            move || back.put_nowait(()).expect("nobody took the space"),
            move || waiting.putters(),
        ));
    }
    places
}

/// The ways in which a wait ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// The wait's own time is over.
    OwnTimeout,
    OuterTimeout,
    Kill,
    /// An exception is thrown by hand, from the main greenlet.
    Throw,
    /// The greenlet is unwound, as when its last handle is dropped.
    Unwind,
}

const ENDS: [End; 5] = [End::OwnTimeout, End::OuterTimeout, End::Kill, End::Throw, End::Unwind];

fn parked(place: &Place, end: End) -> Greenlet<()> {
    let park = place.park.clone();
    let greenlet = spawn(move || match end {
        End::OwnTimeout => park(Some(0.0)).or(Ok(())),
        End::OuterTimeout => Timeout::new(0.0).silent(|| park(None)).map(drop),
        _ => park(Some(crate::support::LONG)),
    });
    // The switch goes to the greenlet at once; the hub comes back here before any timer.
    let main = gevent::getcurrent();
    let back = get_hub().loop_().run_callback(move || main.switch(()).map(drop));
    back.expect("the loop is there");
    get_hub().switch().expect("comes back");
    greenlet
}

fn finish(greenlet: &Greenlet<()>, end: End) -> TestResult {
    match end {
        End::OwnTimeout | End::OuterTimeout => {}
        End::Kill => {
            greenlet.kill_with(Kill::default().nonblocking())?;
        }
        End::Throw => {
            let thrown = greenlet.clone();
            get_hub()
                .loop_()
                .run_callback(move || thrown.throw(ExpectedError("by hand")).map(drop))?;
        }
        End::Unwind => assert!(greenlet.raw().unwind()),
    }
    Ok(())
}

#[test]
fn test_nothing_is_left_behind() -> TestResult {
    let _bounded = bounded();
    get_hub().set_exception_stream(hub::ExceptionStream::Discard);
    for end in ENDS {
        for place in places() {
            let name = place.name;
            let first = parked(&place, end);
            assert_eq!((place.waiting)(), 1, "{name}, {end:?}");
            finish(&first, end)?;
            first.join()?;
            assert_eq!((place.waiting)(), 0, "{name}, {end:?}");
            // The next greenlet is served as usual.
            let second = parked(&place, End::Kill);
            assert_eq!((place.waiting)(), 1, "{name}, {end:?}");
            (place.give)();
            second.get()?;
            assert_eq!((place.waiting)(), 0, "{name}, {end:?}");
        }
    }
    Ok(())
}

/// The wait ends after the permit or item was given, and before the greenlet could take it.
#[test]
fn test_what_was_given_goes_to_the_next() -> TestResult {
    let _bounded = bounded();
    get_hub().set_exception_stream(hub::ExceptionStream::Discard);
    for end in [End::Kill, End::Throw, End::Unwind] {
        for place in places() {
            let name = place.name;
            let (first, second) = (parked(&place, end), parked(&place, End::Kill));
            assert_eq!((place.waiting)(), 2, "{name}, {end:?}");
            finish(&first, end)?;
            (place.give)();
            second.get()?;
            first.join()?;
            assert_eq!((place.waiting)(), 0, "{name}, {end:?}");
        }
    }
    Ok(())
}

/// The same when no other greenlet waits: the permit or item is still there, or lost, depending on the object.
#[test]
fn test_what_was_given_to_nobody_is_still_there() -> TestResult {
    let _bounded = bounded();
    get_hub().set_exception_stream(hub::ExceptionStream::Discard);
    for end in [End::Kill, End::Throw, End::Unwind] {
        for place in places() {
            let name = place.name;
            let first = parked(&place, end);
            finish(&first, end)?;
            (place.give)();
            first.join()?;
            sleep(0)?;
            (place.take_back)();
            assert_eq!((place.waiting)(), 0, "{name}, {end:?}");
        }
    }
    Ok(())
}

/// RLock, and Condition::wait when it takes its lock again, park in an inner semaphore.
#[test]
fn test_waiting_for_a_lock() -> TestResult {
    let _bounded = bounded();
    get_hub().set_exception_stream(hub::ExceptionStream::Discard);
    for end in ENDS {
        let lock = RLock::new();
        let holder = hold(&lock);
        let l = lock.clone();
        let place = place(
            "RLock::acquire",
            move |timeout| {
                if l.acquire_timeout(timeout)? {
                    l.release()?;
                }
                Ok(())
            },
            || (),
            || (),
            || 0,
        );
        let (first, second) = (parked(&place, end), parked(&place, End::Kill));
        finish(&first, end)?;
        holder.kill()?;
        // The greenlet still holds the lock.
        assert!(lock.locked() && !lock.try_acquire());
        drop(lock);
        first.join_timeout(0.01)?;
        assert!(first.ready() && !second.ready(), "{end:?}");
        second.kill()?;
    }
    Ok(())
}

#[test]
fn test_waiting_for_others_at_a_barrier() -> TestResult {
    let _bounded = bounded();
    get_hub().set_exception_stream(hub::ExceptionStream::Discard);
    for end in ENDS {
        let barrier = Barrier::new(2);
        let (b, n) = (barrier.clone(), barrier.clone());
        let place = place(
            "Barrier::wait",
            move |timeout| b.wait_timeout(timeout).map(drop),
            || (),
            || (),
            move || n.n_waiting(),
        );
        let first = parked(&place, end);
        finish(&first, end)?;
        first.join()?;
        assert_eq!((place.waiting)(), 0, "{end:?}");
        assert_eq!(barrier.broken(), end == End::OwnTimeout);
        barrier.reset();
        let (one, two) = (parked(&place, End::Kill), parked(&place, End::Kill));
        one.get()?;
        two.get()?;
    }
    Ok(())
}

/// A wait that is over does not keep the loop running, so LoopExit comes, and names the waits of the others.
#[test]
fn test_loop_exit_names_what_is_waited_for() {
    let _bounded = bounded();
    let waiting: Vec<_> = places()
        .into_iter()
        .filter(|place| !place.name.starts_with("threadsafe"))
        .map(|place| {
            let park = place.park.clone();
            (spawn(move || park(None)), place)
        })
        .collect();
    let error: Exception = get_hub().switch().expect_err("nobody wakes anybody");
    let error = error.downcast_ref::<LoopExit>().expect("a LoopExit");
    assert_eq!(error.blocked.len(), waiting.len());
    for kind in ["Event", "AsyncResult", "Semaphore", "Condition"] {
        let named = error.blocked.iter().filter(|greenlet| {
            greenlet.waiting_on.is_some_and(|on| on.kind == kind)
                && greenlet.parked_at.file().ends_with("sync_parks.rs")
        });
        assert!(named.count() > 0, "{kind}: {error}");
    }
    for (greenlet, _) in waiting {
        greenlet.kill().expect("ends");
    }
}
