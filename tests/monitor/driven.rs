//! A hub that a `HubDriver` drives: its executor may be idle for as long as there is nothing to do for the hub.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use gevent::events::EventLoopBlocked;
use gevent::future::HubDriver;
use gevent::monitor::PeriodicMonitoringThread;
use gevent::{sleep, spawn};

use crate::support::{LONG, Reports, TestResult, bounded};
use crate::{SHORT, monitored};

/// Whether it was used.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Drives the hub until it has nothing to do.
fn drive(driver: &mut HubDriver) {
    loop {
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(flag.clone());
        if let Poll::Ready(Err(error)) = Pin::new(&mut *driver).poll(&mut Context::from_waker(&waker)) {
            panic!("{error:?}");
        }
        // A driver that is to be polled again has said so.
        if !flag.0.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// What another thread sees while this one does not drive the hub.
struct Looks {
    ask: Sender<bool>,
    answers: Receiver<Option<EventLoopBlocked>>,
}

impl Looks {
    fn of(monitor: PeriodicMonitoringThread) -> Looks {
        let ((ask, asked), (answer, answers)) = (channel(), channel());
        thread::spawn(move || {
            while let Ok(until_reported) = asked.recv() {
                let mut seen = None;
                for _ in 0..if until_reported { usize::MAX } else { 10 } {
                    seen = monitor.monitor_blocking();
                    if seen.is_some() {
                        break;
                    }
                    thread::sleep(Duration::from_secs_f64(SHORT / 10.0));
                }
                if answer.send(seen).is_err() {
                    return;
                }
            }
        });
        Looks { ask, answers }
    }

    /// Blocks this thread while the other one looks for a while, or until there is a report.
    fn block(&self, until_reported: bool) -> Option<EventLoopBlocked> {
        self.ask.send(until_reported).expect("it is there");
        self.answers.recv().expect("it is there")
    }
}

#[test]
fn an_idle_executor_does_not_block_the_hub() -> TestResult {
    let _bounded = bounded();
    let (_hub, monitor) = monitored();
    let _printed = Reports::new();
    let looks = Looks::of(monitor.clone());
    let mut driver = HubDriver::new()?;
    drive(&mut driver);
    assert!(looks.block(false).is_none());
    // A time that is far away.
    let sleeping = spawn(|| sleep(LONG));
    drive(&mut driver);
    assert!(looks.block(false).is_none());
    sleeping.kill()?;
    monitor.kill();
    Ok(())
}

/// A task that blocks the thread while there is something to do for the hub: another thread has called, the loop was
/// changed, a time is over.
#[test]
fn a_hub_that_has_something_to_do_is_blocked() -> TestResult {
    let _bounded = bounded();
    let (hub, monitor) = monitored();
    let _printed = Reports::new();
    let looks = Looks::of(monitor.clone());
    let mut driver = HubDriver::new()?;
    let remote = hub.loop_().threadsafe();
    type Begin<'a> = &'a dyn Fn() -> TestResult;
    let begins: [Begin<'_>; 3] = [
        &|| {
            let remote = remote.clone();
            thread::spawn(move || remote.run_callback_threadsafe(|| ()))
                .join()
                .expect("it does not panic")?;
            Ok(())
        },
        &|| {
            hub.loop_().run_callback(|| ())?;
            Ok(())
        },
        &|| Ok(()),
    ];
    for (number, begin) in begins.into_iter().enumerate() {
        let sleeping = spawn(move || sleep(if number == 2 { 0.02 } else { LONG }));
        drive(&mut driver);
        begin()?;
        let report = looks.block(true).expect("the hub is blocked");
        assert_eq!(report.greenlet.id, 0, "{:#?}", report.info);
        // It goes on afterwards.
        drive(&mut driver);
        sleeping.kill()?;
    }
    monitor.kill();
    Ok(())
}

/// The hub's own turns are as ever: a greenlet that blocks is reported.
#[test]
fn a_greenlet_of_a_driven_hub_is_reported() -> TestResult {
    let _bounded = bounded();
    let (_hub, monitor) = monitored();
    let _printed = Reports::new();
    let looks = Looks::of(monitor.clone());
    let (over, its_end) = oneshot::channel::<()>();
    let report = futures::executor::block_on(HubDriver::new()?.run(async move {
        let greenlet = spawn(move || {
            let report = looks.block(true).expect("the hub is blocked");
            drop(over);
            Ok(report)
        });
        let id = greenlet.raw().id();
        its_end.await.expect_err("it was dropped");
        let report = greenlet.await?;
        assert_eq!(report.greenlet.id, id);
        Ok::<_, gevent::Exception>(report)
    }))??;
    assert!(report.info.iter().any(|line| line.contains("appears to be blocked")));
    monitor.kill();
    Ok(())
}
