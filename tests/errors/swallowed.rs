//! Tests that functions which go on after an error, or replace it, do not do so with an exception that was thrown.

use std::cell::Cell;
use std::iter::FusedIterator;
use std::rc::Rc;

use crate::support::{ExpectedError, LONG, Reports, TestResult, bounded};
use crate::thrown::{each_ends, ends_with, kills};
use gevent::event::Event;
use gevent::exceptions::{Empty, ShutDown};
use gevent::lock::Condition;
use gevent::pool::{Group, Pool};
use gevent::queue::{Channel, Queue, SimpleQueue};
use gevent::server::StreamServer;
use gevent::socket::{TcpListener, TcpStream};
use gevent::threadpool::ThreadPool;
use gevent::{Exception, GreenletExit, Kill, Timeout, get_hub, iwait, sleep, spawn, threadsafe, with_timeout};

/// Runs a loop that ignores errors, which must end with the iterator. Returns the last error.
fn ignores_errors<T>(items: impl FusedIterator<Item = Result<T, impl Into<Exception>>>) -> TestResult {
    let mut last = Ok(());
    for item in items {
        if let Err(error) = item {
            last = Err(error.into());
        }
    }
    last
}

#[test]
fn loops_that_ignore_errors_end() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    each_ends(move || ignores_errors(listener.incoming()))?;
    let queue = Queue::<Option<i32>>::new();
    let its = queue.clone();
    each_ends(move || ignores_errors(its.iter()))?;
    let its = queue.clone();
    each_ends(move || ignores_errors(its.until_none()))?;
    each_ends(|| ignores_errors(SimpleQueue::<i32>::new().iter()))?;
    each_ends(|| ignores_errors(Channel::<i32>::new().iter()))?;
    each_ends(|| ignores_errors(Channel::<Option<i32>>::new().until_none()))?;
    each_ends(|| ignores_errors(threadsafe::Queue::<i32>::new().iter()))?;
    each_ends(|| ignores_errors(iwait([Event::new(), Event::new()])?))?;
    let group = Group::new();
    let its = group.clone();
    each_ends(move || ignores_errors(its.imap(|_| sleep(LONG), [1, 2])))?;
    let its = group.clone();
    each_ends(move || ignores_errors(its.imap_unordered(|_| sleep(LONG), [1, 2])))?;
    let its = group.clone();
    each_ends(move || ignores_errors(its.imap_maxsize(|_| sleep(LONG), 0.., 2)))?;
    group.kill()?;
    // A new iterator goes on.
    queue.put(Some(7))?;
    queue.put(None)?;
    assert_eq!(queue.until_none().collect::<Result<Vec<_>, _>>()?, [7]);
    Ok(())
}

#[test]
fn an_iterator_of_a_thread_pools_values_ends() -> TestResult {
    let _bounded = bounded();
    for kill in kills() {
        let pool = ThreadPool::new(1);
        let (tell, told) = std::sync::mpsc::channel::<()>();
        let told = std::sync::Arc::new(std::sync::Mutex::new(told));
        let its = pool.clone();
        ends_with(kill, move || {
            let wait = move |_| told.lock().expect("nobody panics").recv().is_err();
            ignores_errors(its.imap(wait, [1]))
        })?;
        drop(tell);
        pool.join()?;
        pool.kill()?;
    }
    Ok(())
}

#[test]
fn incoming_ends_when_the_listener_is_closed() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let its = listener.clone();
    let accepting = spawn(move || {
        let mut incoming = its.incoming();
        let error = incoming.next().expect("an error").unwrap_err();
        assert!(incoming.next().is_none() && incoming.next().is_none());
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        assert_eq!(its.incoming().count(), 1, "the same error, for a new one");
        Ok(())
    });
    sleep(0)?;
    listener.close();
    accepting.get()
}

#[test]
fn incoming_goes_on_after_its_own_timeout() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    for seconds in [0.001, 0.0] {
        listener.set_timeout(seconds)?;
        let mut incoming = listener.incoming();
        for _ in 0..3 {
            incoming.next().expect("it goes on").expect_err("nobody connects");
        }
        let client = spawn(move || Ok(TcpStream::connect(address).map(drop)?));
        // The client has its turn also if the listener's timeout is 0.
        let connected = |stream: std::io::Result<TcpStream>| stream.is_ok();
        assert!(incoming.by_ref().any(connected));
        client.get()?;
    }
    Ok(())
}

#[test]
fn an_accept_loop_without_time_can_be_killed() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_timeout(0)?;
    each_ends(move || ignores_errors(listener.incoming()))
}

#[test]
fn a_thrown_shut_down_is_not_the_queues() -> TestResult {
    let _bounded = bounded();
    for exception in [Exception::new(ShutDown), Exception::new(Empty)] {
        let queue = Queue::<Option<i32>>::new();
        let its = queue.clone();
        ends_with(exception.clone(), move || ignores_errors(its.iter()))?;
        ends_with(exception.clone(), move || ignores_errors(queue.until_none()))?;
        let queue = threadsafe::Queue::<i32>::new();
        let its = queue.clone();
        ends_with(exception.clone(), move || ignores_errors(its.iter()))?;
        ends_with(exception, move || queue.peek_timeout(LONG).map(drop))?;
    }
    // The queue's own `ShutDown` ends the iterator without an error.
    let queue = Queue::<i32>::new();
    let its = queue.clone();
    let getting = spawn(move || ignores_errors(its.iter()));
    sleep(0)?;
    queue.shutdown(false);
    getting.get()
}

#[test]
fn silent_swallows_its_own_timeout_only() -> TestResult {
    let _bounded = bounded();
    each_ends(|| {
        let value = with_timeout(LONG, || sleep(LONG).map(|()| 1), 2)?;
        panic!("{value}");
    })?;
    each_ends(|| {
        let value = Timeout::new(LONG).silent(|| sleep(LONG))?;
        panic!("{value:?}");
    })?;
    assert!(Timeout::new(0.001).silent(|| sleep(LONG))?.is_none());
    assert_eq!(with_timeout(0.001, || sleep(LONG).map(|()| 1), 2)?, 2);
    Ok(())
}

#[test]
fn killing_a_group_in_time_passes_on_what_is_thrown() -> TestResult {
    let _bounded = bounded();
    let (group, told) = (Group::new(), Event::new());
    let its = told.clone();
    group.spawn(move || gevent::mask_kill(|| its.wait()).map(drop))?;
    sleep(0)?;
    let killed = group.clone();
    each_ends(move || {
        let timeout = Some(LONG);
        killed.kill_with(Kill {
            timeout,
            ..Kill::default()
        })
    })?;
    // That its own time is over is no error.
    let timeout = Some(0.001);
    group.kill_with(Kill {
        timeout,
        ..Kill::default()
    })?;
    assert_eq!(group.len(), 1);
    told.set();
    assert!(group.join()?);
    Ok(())
}

#[test]
fn map_ends_with_what_is_thrown_and_not_with_an_items_error() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    let group = Group::new();
    let its = group.clone();
    each_ends(move || its.map(|_| sleep(LONG), [1, 2]).map(drop))?;
    group.kill()?;
    // An exception that is thrown into the greenlet that maps becomes the result.
    for kill in kills() {
        let mapping = group.map_async(|_| sleep(LONG), [1, 2]);
        sleep(0)?;
        sleep(0)?;
        let exception = kill.clone();
        mapping.kill_with(Kill {
            exception,
            ..Kill::default()
        })?;
        assert!(mapping.get().unwrap_err().same(&kill));
        group.kill()?;
    }
    let failed = group.map(|i| -> TestResult { Err(ExpectedError(["a", "b"][i]).into()) }, [0, 1]);
    assert_eq!(failed.unwrap_err().downcast_ref(), Some(&ExpectedError("a")));
    Ok(())
}

#[test]
fn imap_ends_with_what_is_thrown_into_its_starter() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    for kill in kills() {
        let pool = Pool::new(1);
        let mut values = pool.imap_maxsize(|i: i32| i, 0.., 1);
        assert_eq!(values.next().expect("a value")?, 0);
        let exception = kill.clone();
        values.greenlet().kill_with(Kill {
            exception,
            ..Kill::default()
        })?;
        let error = values.find_map(Result::err).expect("an error");
        assert!(error.same(&kill), "{error:?}");
        assert!(values.next().is_none());
        assert!(pool.join()?);
        assert_eq!(pool.free_count(), 1);
    }
    Ok(())
}

#[test]
fn serve_forever_stops_the_server_and_ends_with_what_is_thrown() -> TestResult {
    let _bounded = bounded();
    each_ends(|| {
        let server = StreamServer::new("127.0.0.1:0", |_, _| ());
        let ended = server.serve_forever();
        assert!(!server.started());
        ended
    })
}

#[test]
fn a_kill_that_a_library_wraps_ends_quietly() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let greenlet = spawn(|| {
        let wrapped = sleep(LONG).map_err(std::io::Error::other);
        Ok(wrapped.map_err(std::io::Error::other)?)
    });
    sleep(0)?;
    greenlet.kill()?;
    assert!(greenlet.successful());
    assert!(greenlet.get().unwrap_err().error().is::<GreenletExit>());
    assert_eq!(reports.take(), "");
    Ok(())
}

#[test]
fn a_notification_goes_on_if_the_lock_is_not_had_again() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    let condition = Condition::new();
    let told = Rc::new(Cell::new(0));
    let wait = |condition: &Condition, told: &Rc<Cell<i32>>| {
        let (condition, told) = (condition.clone(), told.clone());
        spawn(move || {
            let _held = condition.acquire_guard()?;
            condition.wait()?;
            told.set(told.get() + 1);
            Ok(())
        })
    };
    let (first, second) = (wait(&condition, &told), wait(&condition, &told));
    sleep(0)?;
    assert_eq!(condition.waiting(), 2);
    condition.acquire()?;
    condition.notify(1)?;
    sleep(0)?;
    sleep(0)?;
    assert_eq!(condition.waiting(), 1, "the first wants the lock");
    // The exception is thrown by hand, as a kill would be held back until the greenlet has the lock.
    let (raw, exception) = (first.raw().clone(), Exception::new(ExpectedError("by hand")));
    get_hub().loop_().run_callback(move || raw.throw(exception).map(drop))?;
    sleep(0)?;
    condition.release()?;
    second.join_timeout(LONG)?;
    assert!(first.exception().is_some_and(|error| error.is::<ExpectedError>()));
    assert_eq!((told.get(), condition.waiting()), (1, 0));
    assert!(!condition.lock().locked());
    Ok(())
}

#[test]
fn joining_the_hub_ends_with_what_is_thrown() -> TestResult {
    let _bounded = bounded();
    let main = gevent::greenlet_core::getmain();
    assert!(main.is_current());
    for exception in kills() {
        let its = exception.clone();
        gevent::kill(&main, its)?;
        let error = get_hub().join_timeout(LONG).unwrap_err();
        assert!(error.same(&exception), "{error:?}");
    }
    let timeout = Timeout::start_new(0.001);
    assert!(timeout.caused(&get_hub().join_timeout(LONG).unwrap_err()));
    // Neither the end of its own time nor that of the loop is an error.
    let sleeper = spawn(|| sleep(LONG));
    assert!(!get_hub().join_timeout(0.001)?);
    sleeper.kill()?;
    assert!(get_hub().join_timeout(LONG)?);
    Ok(())
}
