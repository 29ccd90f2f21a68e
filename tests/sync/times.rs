//! Tests times at their limits, in all functions that take one: none may panic, fail an assertion of libev, or wait for
//! ever when it should not.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use gevent::event::{AsyncResult, Event};
use gevent::exceptions::InvalidSeconds;
use gevent::lock::{Barrier, BoundedSemaphore, Condition, DummySemaphore, RLock, Semaphore};
use gevent::pool::{Group, Pool};
use gevent::queue::{Channel, Queue};
use gevent::server::StreamServer;
use gevent::socket::{TcpListener, TcpStream};
use gevent::threadpool::ThreadPool;
use gevent::{Exception, Greenlet, GreenletExit, JoinAll, Kill, Timeout, get_hub, spawn, threadsafe};

use crate::support::{LONG, Reports, TestResult, bounded};

/// A call with a time.
type Call = fn(f64) -> TestResult;

/// Makes a table of calls that wait until their time is over.
macro_rules! calls {
    ($($time:ident => $call:expr;)*) => {
        vec![$((stringify!($call), (|$time: f64| $call.map(drop).map_err(Exception::from)) as Call)),*]
    };
}

fn sleeper() -> Greenlet<()> {
    gevent::spawn_later(None, || ())
}

fn held() -> RLock {
    let lock = RLock::new();
    let its = lock.clone();
    let holder = spawn(move || its.acquire());
    holder.join().expect("nobody kills it");
    lock
}

fn full() -> Pool {
    let pool = Pool::new(1);
    pool.add(sleeper()).expect("there is a place");
    pool
}

fn calls() -> Vec<(&'static str, Call)> {
    calls![
        t => gevent::sleep(t);
        t => gevent::sleep_with_ref(t, true);
        t => sleeper().join_timeout(t);
        t => sleeper().get_timeout(t);
        t => gevent::joinall_timeout([sleeper()], t);
        t => gevent::joinall_with([sleeper()], JoinAll::default().timeout(t));
        t => gevent::wait_timeout([Event::new()], t);
        t => gevent::iwait_timeout([Event::new()], t)?.next().transpose();
        t => gevent::spawn_later(t, || ()).get();
        t => Event::new().wait_timeout(t);
        t => AsyncResult::<i32>::new().wait_timeout(t);
        t => AsyncResult::<i32>::new().get_timeout(t);
        t => AsyncResult::<i32>::new().result_timeout(t);
        t => Semaphore::new(0).wait_timeout(t);
        t => Semaphore::new(0).acquire_timeout(t);
        t => Semaphore::new(0).acquire_guard_timeout(t);
        t => BoundedSemaphore::new(0).acquire_timeout(t);
        t => held().acquire_timeout(t);
        t => held().acquire_guard_timeout(t);
        t => { let c = Condition::new(); let _held = c.acquire_guard()?; c.wait_timeout(t) };
        t => { let c = Condition::new(); let _held = c.acquire_guard()?; c.wait_for_timeout(|| false, t) };
        t => Barrier::new(2).wait_timeout(t);
        t => Barrier::new(2).with_timeout(t).wait();
        t => Queue::<i32>::new().get_timeout(t);
        t => Queue::<i32>::new().peek_timeout(t);
        t => Queue::with_items(1, [1]).put_timeout(2, t);
        t => Queue::with_items(1, [1]).join_timeout(t);
        t => Channel::<i32>::new().get_timeout(t);
        t => Channel::new().put_timeout(1, t);
        t => full().join_timeout(t);
        t => full().join_raise_error_timeout(t);
        t => full().wait_available_timeout(t);
        t => full().add_timeout(sleeper(), t);
        t => threadsafe::Event::new().wait_timeout(t);
        t => threadsafe::Semaphore::new(0).acquire_timeout(t);
        t => threadsafe::Semaphore::new(0).wait_timeout(t);
        t => threadsafe::BoundedSemaphore::new(0).acquire_timeout(t);
        t => threadsafe::AsyncResult::<i32>::new().get_timeout(t);
        t => threadsafe::AsyncResult::<i32>::new().result_timeout(t);
        t => threadsafe::AsyncResult::<i32>::new().wait_timeout(t);
        t => threadsafe::Queue::<i32>::new().get_timeout(t);
        t => threadsafe::Queue::<i32>::new().peek_timeout(t);
        t => { let q = threadsafe::Queue::with_maxsize(1); q.put(1)?; q.put_timeout(1, t) };
        t => { let q = threadsafe::Queue::new(); q.put(1)?; q.join_timeout(t) };
        t => Timeout::new(t).with(|| gevent::sleep(None));
        t => Timeout::new(t).silent(|| gevent::sleep(None));
        t => gevent::with_timeout(t, || gevent::sleep(None), ());
        t => { let (one, _other) = UnixStream::pair()?; gevent::hub::wait_read(one.as_raw_fd(), t) };
        t => { let listener = TcpListener::bind("127.0.0.1:0")?; listener.set_timeout(t)?; listener.accept() };
        t => { let hub = get_hub(); let timer = hub.loop_().timer(t)?; hub.wait(&timer) };
        t => { let hub = get_hub(); let idle = hub.loop_().async_()?; hub.wait_timeout(&idle, t) };
    ]
}

/// Times that are over at once.
const OVER: [f64; 8] = [
    0.0,
    -0.0,
    f64::MIN_POSITIVE,
    1e-300,
    -1e-9,
    -1.0,
    f64::MIN,
    f64::NEG_INFINITY,
];

/// Times that are never over.
const FOR_EVER: [f64; 6] = [1e10, i64::MAX as f64, u64::MAX as f64, 1e300, f64::MAX, f64::INFINITY];

#[test]
fn a_time_that_is_over_ends_every_wait() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    for (name, call) in calls() {
        for time in OVER {
            // Its result is tested elsewhere.
            spawn(move || call(time))
                .join_timeout(LONG)
                .unwrap_or_else(|error| panic!("{name}, {time}: {error}"));
        }
    }
    Ok(())
}

#[test]
fn no_time_is_too_long_for_a_wait() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    for (name, call) in calls() {
        for time in FOR_EVER {
            let waiter = spawn(move || call(time));
            (0..5).try_for_each(|_| gevent::sleep(0))?;
            if waiter.ready() {
                // The time may be refused, but must not be over.
                let error = waiter.exception().unwrap_or_else(|| panic!("{name}, {time}"));
                assert!(!error.is::<gevent::TimeoutError>(), "{name}, {time}: {error}");
                continue;
            }
            waiter.kill()?;
            let ended = waiter.get();
            assert!(ended.is_err_and(|error| error.is::<GreenletExit>()), "{name}, {time}");
        }
    }
    // The loop's clock still works.
    gevent::sleep(0.001)
}

#[test]
fn what_is_no_number_is_no_time() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    for (name, call) in calls() {
        for time in [f64::NAN, -f64::NAN] {
            let error = spawn(move || call(time)).get().unwrap_err();
            assert!(is_refused(&error), "{name}: {error:?}");
        }
    }
    Ok(())
}

/// Whether the exception, or one of its sources, refuses a number.
fn is_refused(error: &Exception) -> bool {
    let said = |error: &(dyn std::error::Error + 'static)| {
        error.is::<InvalidSeconds>()
            || error.is::<gevent::core::Error>()
            || error
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidInput)
    };
    error.chain().any(said)
}

/// Tests times that are settings, or limits of calls that do not wait.
#[test]
fn of_settings() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    for time in OVER.into_iter().chain(FOR_EVER).chain([f64::NAN]) {
        if let Ok(pool) = ThreadPool::with_idle_timeout(1, time) {
            assert_eq!(pool.apply(|| 7)?, 7);
            pool.kill()?;
        }
        let _ = DummySemaphore::new().acquire_timeout(time);
        let kill = Kill::default().timeout(time);
        let _ = sleeper().kill_with(kill.clone());
        let group = Group::new();
        group.add(spawn(|| gevent::sleep(None)))?;
        let _ = group.kill_with(kill);
        group.kill()?;
        let server = StreamServer::builder()
            .min_delay(time)
            .max_delay(time)
            .stop_timeout(time)
            .build("127.0.0.1:0", |_, _| ());
        server.start()?;
        let address = server.address().expect("it listens");
        if let Ok(stream) = TcpStream::connect_timeout(address, time) {
            let _ = stream.set_timeout(time);
            assert!(stream.timeout().is_none_or(|time| time >= 0.0));
        }
        let _ = server.stop_timeout(time);
        server.stop_timeout(LONG)?;
        let loop_ = get_hub().loop_().clone();
        for repeat in [0.0, time] {
            if let Ok(timer) = loop_.timer_repeat(time, repeat) {
                let _ = timer.start(|| ());
                let _ = timer.again(|| ());
                timer.stop()?;
            }
            if let Ok(periodic) = loop_.periodic(time, repeat) {
                let _ = periodic.start(|| ());
                periodic.stop()?;
            }
        }
        let _ = loop_.stat("/", time);
    }
    gevent::sleep(0.001)
}
