//! `HubTimer`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use gevent::future::{HubTimer, block_on};
use gevent::{GreenletExit, sleep, spawn};
use hyper::rt::{Sleep, Timer};

use crate::shared::leaves_no_watcher;
use crate::support::{Log, TestResult, bounded};

const LONG: Duration = Duration::from_secs(1000);

fn after_ms(ms: u64) -> Instant {
    HubTimer.now() + Duration::from_millis(ms)
}

fn poll(sleep: &mut Pin<Box<dyn Sleep>>) -> Poll<()> {
    sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn times_come_in_their_order_and_not_early() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let log = Log::<u64>::new();
        let sleepers: Vec<_> = [30, 10, 20, 0]
            .map(|ms| {
                let log = log.clone();
                spawn(move || {
                    let deadline = after_ms(ms);
                    match ms {
                        10 => block_on(HubTimer.sleep(Duration::from_millis(ms)))?,
                        _ => block_on(HubTimer.sleep_until(deadline))?,
                    }
                    assert!(Instant::now() >= deadline);
                    log.add(ms);
                    Ok(())
                })
            })
            .into();
        for sleeper in sleepers {
            sleeper.get()?;
        }
        assert_eq!(log.take(), [0, 10, 20, 30]);
        Ok(())
    })
}

#[test]
fn a_time_that_is_over_needs_no_wait() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let mut over = HubTimer.sleep_until(Instant::now());
        assert!(poll(&mut over).is_ready() && poll(&mut over).is_ready());
        Ok(())
    })
}

#[test]
fn a_time_that_never_comes() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let first = block_on(select(
            HubTimer.sleep(Duration::MAX),
            HubTimer.sleep(Duration::from_millis(1)),
        ))?;
        assert!(matches!(first, Either::Right(_)));
        Ok(())
    })
}

#[test]
fn a_time_can_be_put_off_and_brought_forward() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let mut time = HubTimer.sleep_until(after_ms(1));
        assert!(poll(&mut time).is_pending());
        // The hub's timer is that of the first deadline still.
        let later = after_ms(20);
        HubTimer.reset(&mut time, later);
        block_on(time.as_mut())?;
        assert!(Instant::now() >= later);
        // Put off after it was over.
        let again = after_ms(5);
        HubTimer.reset(&mut time, again);
        block_on(time.as_mut())?;
        assert!(Instant::now() >= again);
        // Brought forward. If the old deadline stayed, the test would hang.
        let mut time = HubTimer.sleep(LONG);
        assert!(poll(&mut time).is_pending());
        HubTimer.reset(&mut time, after_ms(1));
        block_on(time.as_mut())?;
        // That of another kind is replaced.
        let mut other: Pin<Box<dyn Sleep>> = Box::pin(Never);
        HubTimer.reset(&mut other, after_ms(1));
        block_on(other)
    })
}

struct Never;

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Never {}

#[test]
fn a_kill_ends_the_time() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let sleeper = spawn(|| block_on(HubTimer.sleep(LONG)));
        sleep(0)?;
        sleeper.kill()?;
        assert!(sleeper.get().unwrap_err().is::<GreenletExit>());
        Ok(())
    })
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_task_that_has_polled_last_is_woken() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let mut time = HubTimer.sleep_until(after_ms(5));
        for count in [&first, &second, &second] {
            let waker = count.clone().into();
            assert!(time.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        while second.0.load(Ordering::Relaxed) == 0 {
            sleep(0.001)?;
        }
        assert_eq!(first.0.load(Ordering::Relaxed), 0);
        block_on(time.as_mut())?;
        drop(time);
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
        Ok(())
    })
}

/// hyper requires that a time may be sent to other threads.
#[test]
fn a_time_may_be_awaited_in_another_thread() -> TestResult {
    let _bounded = bounded();
    let mut time = HubTimer.sleep_until(after_ms(5));
    assert!(poll(&mut time).is_pending());
    let thread = gevent::run_in_thread(move || {
        block_on(time.as_mut())?;
        Ok(time)
    })?;
    let mut time = thread.join().expect("it does not panic")?;
    assert!(poll(&mut time).is_ready());
    // What is not over is dropped elsewhere.
    let mut time = HubTimer.sleep_until(after_ms(5));
    assert!(poll(&mut time).is_pending());
    std::thread::spawn(move || drop(time))
        .join()
        .expect("it does not panic");
    sleep(0.01)
}
