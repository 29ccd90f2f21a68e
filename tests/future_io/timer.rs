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
    Ok(())
}

/// The hub of the thread that has begun to wait for it stops its timer, and lets go of the waker.
#[test]
fn a_time_that_leaves_its_thread_leaves_no_timer() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let begun = || {
            let mut time = HubTimer.sleep(LONG);
            assert!(time.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            time
        };
        let held = Arc::strong_count(&count);
        for how in ["dropped", "awaited", "reset"] {
            let mut time = begun();
            assert!(Arc::strong_count(&count) > held);
            let thread = gevent::run_in_thread(move || {
                match how {
                    "dropped" => drop(time),
                    "awaited" => block_on(polled_here(time))?,
                    _ => {
                        HubTimer.reset(&mut time, Instant::now());
                        block_on(time)?;
                    }
                }
                Ok(())
            })?;
            thread.join().expect("it does not panic")?;
            // The hub is told in its next round.
            while Arc::strong_count(&count) > held {
                sleep(0)?;
            }
        }
        Ok(())
    })
}

/// Polls a time in this thread, without waiting for its end.
async fn polled_here(time: Pin<Box<dyn Sleep>>) {
    select(time, HubTimer.sleep(Duration::from_millis(1))).await;
}

/// A thread that ends can have no hub. The panic says so.
#[test]
fn a_time_in_a_thread_that_can_have_no_hub_panics() {
    use std::cell::RefCell;
    use std::sync::mpsc::{Sender, channel};

    struct AtEnd(RefCell<Option<Sender<String>>>);

    impl Drop for AtEnd {
        fn drop(&mut self) {
            let polled = std::panic::catch_unwind(|| poll(&mut HubTimer.sleep(LONG)).is_pending());
            // One that is over needs no hub.
            assert!(poll(&mut HubTimer.sleep(Duration::ZERO)).is_ready());
            let message = polled.map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default());
            let sender = self.0.take().expect("it is dropped once");
            sender.send(message.unwrap_err()).expect("the test waits");
        }
    }

    thread_local! {
        static AT_END: AtEnd = const { AtEnd(RefCell::new(None)) };
    }

    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Thread-locals are dropped in the reverse order of their first use, so the hub's are gone by then.
        AT_END.with(|end| end.0.replace(Some(sender)));
        gevent::sleep(0).expect("it has a hub");
    })
    .join()
    .expect("it does not panic");
    let message = receiver.recv().expect("the destructor has run");
    assert!(
        message.starts_with("a time can be awaited only in a thread with a hub: "),
        "{message}"
    );
}
