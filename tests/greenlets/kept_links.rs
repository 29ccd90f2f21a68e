//! Links that are kept: added several times, to several objects, and taken away before, between and after.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{Reports, TestResult, bounded, fail};
use gevent::event::{AsyncResult, Event};
use gevent::exceptions::LinkSourceError;
use gevent::lock::{BoundedSemaphore, Semaphore};
use gevent::{AnyGreenlet, Context, Exception, Greenlet, Link, LinkKind, Linkable, get_hub, sleep, spawn, threadsafe};

/// What links are called with, in their order.
type Seen<S> = Rc<RefCell<Vec<S>>>;

fn seen<S>() -> Seen<S> {
    Rc::default()
}

/// A kept callback that notes the objects that it is called with.
fn notes<S: hub::LinkSource + Clone>(seen: &Seen<S>) -> impl Fn(&S) -> Link + Clone {
    let seen = seen.clone();
    Link::keep(move |source: &S| seen.borrow_mut().push(source.clone()))
}

/// Lets links run, also those that links add.
fn settle() {
    for _ in 0..3 {
        sleep(0).expect("nobody throws");
    }
}

fn failing() -> Greenlet<i32> {
    spawn(|| fail("on purpose"))
}

#[test]
fn a_callback_is_called_with_the_greenlet_that_it_was_linked_to() -> TestResult {
    let _bounded = bounded();
    let seen = seen();
    let note = notes(&seen);
    let (a, b) = (spawn(|| 1), spawn(|| 2));
    a.rawlink(&note);
    b.link(&note);
    b.link(&note);
    a.link_value(note.clone());
    a.link_exception(&note);
    a.join()?;
    b.join()?;
    settle();
    assert_eq!(*seen.borrow(), [a.clone(), a.clone(), b.clone(), b.clone()]);
    // Links that are added after the end are called soon.
    seen.borrow_mut().clear();
    b.rawlink(&note);
    a.rawlink(&note);
    settle();
    assert_eq!(*seen.borrow(), [b, a]);
    Ok(())
}

#[test]
fn each_kind_of_link_is_called_at_its_kinds_of_ends() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    for good in [true, false] {
        let g = if good { spawn(|| 1) } else { failing() };
        let (values, exceptions, all) = (seen(), seen(), seen());
        g.link_value(notes(&values));
        g.link_exception(notes(&exceptions));
        let note = notes(&all);
        g.any().link(&note);
        g.any().rawlink(&note);
        g.any().link_value(&note);
        g.any().link_exception(&note);
        g.join()?;
        settle();
        let called = |seen: &Seen<Greenlet<i32>>| seen.borrow().len();
        assert_eq!((called(&values), called(&exceptions)), (good.into(), (!good).into()));
        assert_eq!(*all.borrow(), [g.any(), g.any(), g.any()]);
    }
    Ok(())
}

#[test]
fn the_link_that_is_returned_can_be_added_elsewhere() -> TestResult {
    let _bounded = bounded();
    let (count, seen) = (Rc::new(Cell::new(0)), seen());
    let (a, b) = (spawn(|| 1), spawn(|| 2));
    let (counts, sees) = (count.clone(), seen.clone());
    let link = a.link(move |g| {
        counts.set(counts.get() + g.get()?);
        sees.borrow_mut().push(g.clone());
        Ok(())
    });
    assert_eq!(link.kind(), LinkKind::Spawned);
    let raw = b.rawlink(|_| &link);
    assert_eq!((raw.kind(), raw == link), (LinkKind::Raw, true));
    Linkable::rawlink(&b, link.clone());
    b.link_value(|_| link.clone());
    b.link(|_| &link);
    b.unlink(&link);
    assert_eq!((a.linkcount(), b.linkcount()), (1, 3));
    a.join()?;
    b.join()?;
    settle();
    assert_eq!(count.get(), 1 + 3 * 2);
    assert_eq!(*seen.borrow(), [a, b.clone(), b.clone(), b]);
    Ok(())
}

#[test]
fn unlink_takes_the_first_of_several_away_however_it_was_linked() -> TestResult {
    let _bounded = bounded();
    let log = Rc::new(RefCell::new(Vec::new()));
    let says = |name: &'static str| {
        let log = log.clone();
        Link::keep(move |_: &Greenlet<i32>| log.borrow_mut().push(name))
    };
    let (one, two, never) = (says("one"), says("two"), says("never"));
    let (g, h) = (spawn(|| 1), spawn(|| 2));
    // Nothing is there yet.
    g.unlink(&one);
    g.unlink(&never(&g));
    g.any().unlink(&Link::new(|_| ()));
    assert!(!g.has_links());
    for link in [&one, &two, &one, &one, &two] {
        g.rawlink(link);
    }
    h.link(&one);
    h.unlink(&two);
    g.unlink(&one);
    g.unlink(&two);
    g.unlink(&never);
    assert_eq!((g.linkcount(), h.linkcount()), (3, 1));
    g.join()?;
    h.unlink(&one);
    h.join()?;
    settle();
    // It was called already.
    g.unlink(&two);
    assert_eq!(*log.borrow(), ["one", "one", "two"]);
    assert!(!g.has_links() && !h.any().has_links());
    Ok(())
}

/// More links than are found one by one, each added several times.
#[test]
fn many_links_each_added_several_times_leave_in_any_order() -> TestResult {
    let _bounded = bounded();
    let g = spawn(|| 1);
    let log = Rc::new(RefCell::new(Vec::new()));
    let links: Vec<_> = (0..100)
        .map(|n| {
            let log = log.clone();
            Link::of(move |_: &Greenlet<i32>| log.borrow_mut().push(n))
        })
        .collect();
    let mut expected = Vec::new();
    for step in 0..300 {
        let n = step * 7 % 100;
        g.rawlink(|_| &links[n]);
        expected.push(n);
    }
    for step in 0..150 {
        let n = step * 13 % 100;
        g.unlink(&links[n]);
        let first = expected
            .iter()
            .position(|other| *other == n)
            .expect("added three times");
        expected.remove(first);
        assert_eq!(g.linkcount(), expected.len());
    }
    g.join()?;
    settle();
    assert_eq!(*log.borrow(), expected);
    Ok(())
}

/// Links a callback twice to each of two objects, and makes both ready.
macro_rules! two_objects {
    ($make:expr, $end:expr) => {{
        let (a, b, seen) = ($make, $make, seen());
        let note = notes(&seen);
        for source in [&b, &a] {
            source.unlink(&note);
            source.rawlink(&note);
            source.rawlink(&note);
            assert_eq!(source.linkcount(), 2);
            source.unlink(&note);
            assert_eq!(source.linkcount(), 1);
        }
        // The link is the same one, whatever object it is of.
        assert_eq!(note(&a), note(&b));
        let ends = $end;
        ends(&a);
        ends(&b);
        settle();
        assert_eq!(*seen.borrow(), [a, b]);
    }};
}

#[test]
fn events_results_and_semaphores_call_a_kept_link_with_themselves() {
    let _bounded = bounded();
    two_objects!(Event::new(), Event::set);
    two_objects!(AsyncResult::new(), |result: &AsyncResult<i32>| result.set(1));
    two_objects!(Semaphore::new(0), |semaphore: &Semaphore| semaphore.release());
    let empty = || {
        let semaphore = BoundedSemaphore::new(1);
        assert!(semaphore.try_acquire());
        semaphore
    };
    two_objects!(empty(), |semaphore: &BoundedSemaphore| semaphore
        .release()
        .expect("acquired"));
}

#[test]
fn threadsafe_objects_call_a_kept_link_with_themselves() {
    let _bounded = bounded();
    two_objects!(threadsafe::Event::new(), threadsafe::Event::set);
    two_objects!(threadsafe::AsyncResult::new(), |r: &threadsafe::AsyncResult<i32>| r
        .set(1));
    two_objects!(threadsafe::Semaphore::new(0), |s: &threadsafe::Semaphore| s.release());
    let empty = || {
        let semaphore = threadsafe::BoundedSemaphore::new(1);
        assert!(semaphore.try_acquire());
        semaphore
    };
    two_objects!(empty(), |s: &threadsafe::BoundedSemaphore| s
        .release()
        .expect("acquired"));
}

#[test]
fn one_callback_for_objects_of_any_type_sees_each() -> TestResult {
    let _bounded = bounded();
    let shown = Rc::new(RefCell::new(Vec::new()));
    let shows = shown.clone();
    let link = Link::new(move |source| shows.borrow_mut().push((format!("{source:?}"), source.ready())));
    let (g, event, shared) = (spawn(|| 1), Event::new(), threadsafe::Event::new());
    g.link(|_| &link);
    event.rawlink(|_| &link);
    shared.rawlink(|_| &link);
    event.set();
    shared.set();
    g.join()?;
    settle();
    let mut shown = shown.take();
    shown.sort();
    let kinds: Vec<_> = shown.iter().map(|(text, _)| text.split(' ').next()).collect();
    assert_eq!(kinds, [Some("<Event"), Some("<Greenlet"), Some("<threadsafe::Event")]);
    assert!(shown.iter().all(|(_, ready)| *ready));
    Ok(())
}

#[test]
fn a_link_for_another_type_is_reported_and_not_called() {
    let _bounded = bounded();
    let errors = Rc::new(RefCell::new(Vec::new()));
    let added = errors.clone();
    get_hub().set_error_handler(Some(Rc::new(move |context: Context<'_>, exception: Exception| {
        let Context::Link { link, .. } = context else {
            panic!("{context:?}");
        };
        added.borrow_mut().push((link.clone(), exception));
    })));
    let (event, seen) = (Event::new(), seen::<AnyGreenlet>());
    let link = notes(&seen)(&spawn(|| ()).any());
    event.rawlink(|_| &link);
    event.set();
    settle();
    get_hub().set_error_handler(None);
    assert!(seen.borrow().is_empty());
    let errors = errors.take();
    let [(failed, error)] = &errors[..] else {
        panic!("{errors:?}");
    };
    let error = error.downcast_ref::<LinkSourceError>().expect("it is one");
    assert_eq!(
        (failed == &link, error.expected),
        (true, std::any::type_name::<AnyGreenlet>())
    );
    assert!(error.object.starts_with("<Event"), "{error}");
}

/// The greenlet owns its links, and no link owns a greenlet.
#[test]
fn links_keep_no_greenlet_alive() -> TestResult {
    let _bounded = bounded();
    let alive = Rc::new(());
    let owned = alive.clone();
    let note = Link::keep(|_: &Greenlet<()>| ());
    let g = Greenlet::new(move || drop(owned));
    g.link(&note);
    let its = g.link(|_| ());
    g.rawlink(|_| &its);
    drop(g);
    assert_eq!(Rc::strong_count(&alive), 1);
    // The kept ones are of use.
    let g = spawn(|| ());
    g.link(note);
    g.rawlink(|_| &its);
    g.join()
}

/// A link that waits has its source as long as it runs, also when nobody else has a handle of it.
#[test]
fn a_link_that_waits_keeps_its_source() -> TestResult {
    let _bounded = bounded();
    let seen = seen();
    let sees = seen.clone();
    let waits = Link::keep(move |g: &Greenlet<i32>| {
        sleep(0)?;
        sees.borrow_mut().push(g.get()?);
        Ok(())
    });
    for value in [1, 2] {
        let g = spawn(move || value);
        g.link(&waits);
        g.link(&waits);
    }
    while seen.borrow().len() < 4 {
        sleep(0)?;
    }
    assert_eq!(*seen.borrow(), [1, 1, 2, 2]);
    Ok(())
}

/// A round of an event ends with the first call of the function that is last in line, and another round calls the rest,
/// also if the event is cleared by then.
#[test]
fn no_link_is_lost_when_a_round_ends_early() {
    let _bounded = bounded();
    let log = Rc::new(RefCell::new(Vec::new()));
    let says = |name: &'static str| {
        let log = log.clone();
        Link::new(move |_| log.borrow_mut().push(name))
    };
    let (one, two) = (says("one"), says("two"));
    let clears = Link::keep(|event: &Event| event.clear());
    let event = Event::new();
    event.rawlink(clears);
    for link in [&one, &two, &one] {
        event.rawlink(|_| link);
    }
    event.set();
    settle();
    assert_eq!(*log.borrow(), ["one", "two", "one"]);
    assert!(event.linkcount() == 0 && !event.is_set());
    // A semaphore tells only as long as it can be acquired.
    log.borrow_mut().clear();
    let semaphore = Semaphore::new(0);
    for link in [&one, &two, &one] {
        semaphore.rawlink(|_| link);
    }
    semaphore.release();
    sleep(0).expect("nobody throws");
    assert!(semaphore.try_acquire());
    settle();
    let first = log.borrow().len();
    assert!(first == 1 || first == 3, "{first}");
    semaphore.release();
    settle();
    assert_eq!(*log.borrow(), ["one", "two", "one"]);
    assert_eq!(semaphore.linkcount(), 0);
}
