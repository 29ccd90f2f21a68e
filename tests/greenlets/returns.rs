//! Tests the types that functions of greenlets and callbacks may return. gevent has no counterpart, as functions in
//! Python return anything.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use gevent::event::Event;
use gevent::lock::Barrier;
use gevent::pool::Pool;
use gevent::queue::Queue;
use gevent::threadpool::ThreadPool;
use gevent::{Context, Exception, Timeout, TimeoutError, get_hub, sleep, spawn, spawn_raw};

use crate::support::TestResult;

/// The errors that reach this thread's hub from now on.
fn errors_of_the_hub() -> Rc<RefCell<Vec<Exception>>> {
    let errors = Rc::new(RefCell::new(Vec::new()));
    let its = errors.clone();
    let handler = move |_: Context<'_>, error| its.borrow_mut().push(error);
    get_hub().set_error_handler(Some(Rc::new(handler)));
    errors
}

fn refused() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

fn is_refused(exception: &Exception) -> bool {
    let error = exception.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[test]
fn test_io_errors_are_exceptions_in_greenlets() -> TestResult {
    assert_eq!(spawn(|| gevent::io(|| Ok(7))).get()?, 7);
    let failed = spawn(|| {
        gevent::io(|| {
            Err(refused())?;
            Ok(())
        })
    });
    assert!(is_refused(&failed.get().unwrap_err()));
    Ok(())
}

#[test]
fn test_io_errors_are_exceptions_in_pools() -> TestResult {
    let odd = |n: i32| {
        gevent::io(|| match n % 2 {
            0 => Err(refused()),
            _ => Ok(n),
        })
    };
    let pool = Pool::new(2);
    assert_eq!(pool.map(odd, [1, 3, 5])?, [1, 3, 5]);
    assert!(is_refused(&pool.map(odd, [1, 2]).unwrap_err()));
    assert_eq!(pool.apply(move || odd(1))?, 1);
    assert!(is_refused(&pool.spawn(move || odd(2))?.get().unwrap_err()));
    let threads = ThreadPool::new(1);
    assert!(is_refused(&threads.apply(move || odd(2)).unwrap_err()));
    Ok(())
}

#[test]
fn test_io_errors_are_exceptions_under_timeouts() {
    let timeout = Timeout::new(0.001);
    let late = timeout.with(|| gevent::io(|| Ok(sleep(100)?)));
    // An error that was made of an exception becomes the same exception again.
    assert!(late.unwrap_err().is::<TimeoutError>());
}

#[test]
fn test_io_errors_are_exceptions_in_callbacks() -> TestResult {
    let errors = errors_of_the_hub();
    let timer = get_hub().loop_().timer(0.0)?;
    timer.start(|| gevent::io(|| Err(refused())))?;
    get_hub().join()?;
    assert!(is_refused(&errors.take()[0]));
    Ok(())
}

#[test]
fn test_the_place_of_an_io_error_is_that_of_the_call() {
    let here = std::panic::Location::caller().line() + 1;
    let error = gevent::io(|| Err::<(), _>(refused())).unwrap_err();
    assert_eq!(error.place().map(|place| place.line), Some(here));
}

/// Plain values, which every callback may return.
#[test]
fn test_callbacks_return_plain_values() -> TestResult {
    let errors = errors_of_the_hub();
    let calls = Rc::new(RefCell::new(Vec::new()));
    let call = |name| {
        let calls = calls.clone();
        move || calls.borrow_mut().push(name)
    };
    let loop_ = get_hub().loop_().clone();
    let (number, text) = (call("number"), call("text"));
    loop_.run_callback(move || {
        number();
        7
    })?;
    let timer = loop_.timer(0.0)?;
    timer.start(move || {
        text();
        "text".to_owned()
    })?;
    let other = loop_.timer(0.0)?;
    other.start_pass_events(Some)?;
    let (greenlet, event, raw) = (call("greenlet"), call("event"), call("raw"));
    let greenlet = Rc::new(greenlet);
    loop_.run_callback(move || spawn(move || greenlet()))?;
    let linked = Event::new();
    linked.rawlink(move |event_| {
        event();
        event_.ready()
    });
    linked.set();
    spawn_raw(move || {
        raw();
        vec![1]
    })?;
    let barrier = Barrier::new(1).with_action(|| 7);
    barrier.wait()?;
    get_hub().join()?;
    let mut calls = calls.take();
    calls.sort_unstable();
    assert_eq!(calls, ["event", "greenlet", "number", "raw", "text"]);
    assert!(errors.take().is_empty());
    Ok(())
}

struct Answer(i32);
impl gevent::Plain for Answer {}

#[test]
fn test_types_of_ones_own() -> TestResult {
    let answer = spawn(|| Answer(42));
    answer.join()?;
    assert_eq!(answer.take().map(|answer| answer.0), Some(42));
    let timer = get_hub().loop_().timer(0.0)?;
    timer.start(|| Answer(42))?;
    get_hub().join()?;
    Ok(())
}

/// Tests that all of these compile without type annotations.
#[test]
fn test_nothing_needs_an_annotation() -> TestResult {
    let errors = errors_of_the_hub();
    let queue = Queue::new();
    let its = queue.clone();
    let producer = spawn(move || {
        for n in 0..3 {
            its.put(n)?;
        }
        Ok(())
    });
    let its = queue.clone();
    let parser = spawn(move || {
        its.get()?;
        Ok("7".parse::<i32>()?)
    });
    let loop_ = get_hub().loop_().clone();
    loop_.run_callback(|| Err(Exception::msg("of a callback")))?;
    loop_.run_callback(|| {
        spawn(|| ());
        Ok(())
    })?;
    assert_eq!((producer.get()?, parser.get()?), ((), 7));
    get_hub().join()?;
    let errors: Vec<_> = errors.take().iter().map(Exception::to_string).collect();
    assert_eq!(errors, ["of a callback"]);
    Ok(())
}
