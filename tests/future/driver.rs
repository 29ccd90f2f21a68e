//! `HubDriver`: the hub inside of executors that are not ours, in this thread: those of `futures`.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::executor::{LocalPool, block_on};
use futures::future::{FutureExt, join_all};
use futures::task::LocalSpawnExt;
use gevent::event::{AsyncResult, Event};
use gevent::exceptions::{ConcurrentObjectUseError, HubDestroyed, LoopExit, SystemExit};
use gevent::future::HubDriver;
use gevent::hub::ExceptionStream;
use gevent::hub::core::{Events, time};
use gevent::queue::Queue;
use gevent::socket::UnixStream;
use gevent::{Exception, Kill, Timeout, get_hub, sleep, spawn, spawn_later, threadsafe};

use crate::support::{ExpectedError, LONG, Log, TestResult, bounded, fail};

/// Runs a future with a driver, in the executor of `futures`.
fn drive<F: IntoFuture>(future: F) -> Result<F::Output, Exception> {
    block_on(HubDriver::new()?.run(future))
}

/// Passes the others of the same executor by, once.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A future that counts its polls.
struct Counting<F> {
    future: F,
    polls: Rc<Cell<u32>>,
}

impl<F: Future + Unpin> Future for Counting<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.polls.set(self.polls.get() + 1);
        self.future.poll_unpin(context)
    }
}

/// Waits without the hub.
async fn sleep_in_executor(time: Duration) {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::spawn(move || {
        thread::sleep(time);
        sender.send(())
    });
    receiver.await.unwrap();
    thread.join().unwrap().unwrap();
}

#[test]
fn tasks_spawn_and_await_greenlets() -> TestResult {
    let _bounded = bounded();
    let sum = drive(async {
        let greenlets = (0..100_u32).map(|number| {
            spawn(move || {
                sleep(f64::from(number % 7) / 1000.0)?;
                sleep(0)?;
                Ok(number)
            })
        });
        let mut sum = 0;
        for value in join_all(greenlets.map(IntoFuture::into_future)).await {
            sum += value?;
        }
        Ok::<_, Exception>(sum)
    })??;
    assert_eq!(sum, 4950);
    Ok(())
}

/// The executor has other tasks beside the driver, and they await all that a thread has.
#[test]
fn tasks_beside_the_driver_await_objects() -> TestResult {
    let _bounded = bounded();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    spawner
        .spawn_local(HubDriver::new()?.map(|ended| panic!("{ended:?}")))
        .unwrap();
    let (event, result, queue) = (Event::new(), AsyncResult::new(), Queue::with_maxsize(1));
    let greenlet = spawn({
        let (event, result, queue) = (event.clone(), result.clone(), queue.clone());
        move || {
            event.wait()?;
            for number in 0..10 {
                queue.put(number)?;
            }
            result.set("done");
            Ok(())
        }
    });
    let got = pool.run_until(async {
        yield_now().await;
        event.set();
        let mut got = Vec::new();
        for _ in 0..10 {
            got.push(queue.get_async().await?);
        }
        greenlet.await?;
        Ok::<_, Exception>((got, result.await?))
    })?;
    assert_eq!(got, ((0..10).collect(), "done"));
    Ok(())
}

/// A task and a greenlet wake each other by turns, and nothing else happens.
#[test]
fn no_wake_up_between_tasks_and_greenlets_is_lost() -> TestResult {
    const ROUNDS: u32 = 1000;
    let _bounded = bounded();
    let (to, back) = (Queue::new(), Queue::new());
    let greenlet = spawn({
        let (to, back) = (to.clone(), back.clone());
        move || {
            for round in 0..ROUNDS {
                assert_eq!(to.get()?, round);
                back.put(round)?;
            }
            Ok(())
        }
    });
    drive(async {
        for round in 0..ROUNDS {
            to.put(round)?;
            assert_eq!(back.get_async().await?, round);
        }
        greenlet.await
    })?
}

/// The driver is idle each time the other thread answers.
#[test]
fn other_threads_wake_greenlets() -> TestResult {
    const ROUNDS: u32 = 300;
    let _bounded = bounded();
    let (to, back) = (threadsafe::Queue::new(), threadsafe::Queue::new());
    let thread = thread::spawn({
        let (to, back) = (to.clone(), back.clone());
        move || {
            for _ in 0..ROUNDS {
                back.put(to.get()? + 1)?;
            }
            Ok::<_, Exception>(())
        }
    });
    let last = drive(spawn(move || {
        let mut number = 0;
        for _ in 0..ROUNDS {
            to.put(number)?;
            number = back.get()?;
        }
        Ok(number)
    }))??;
    assert_eq!(last, ROUNDS);
    thread.join().unwrap()
}

/// Times come in their order. The loop's clock stands still while a task starts them.
#[test]
fn times_come_in_order() -> TestResult {
    let _bounded = bounded();
    let (log, over) = (Log::<u32>::new(), Event::new());
    let later = |millis: u32| {
        let timer = get_hub().loop_().timer(f64::from(millis) / 1000.0)?;
        let (log, over) = (log.clone(), over.clone());
        timer.start(move || {
            log.add(millis);
            if millis == 9 {
                over.set();
            }
        })?;
        Ok::<_, Exception>(timer)
    };
    drive(async {
        for _ in 0..10 {
            sleep_in_executor(Duration::from_millis(1)).await;
            let timers = [9, 1, 5, 3, 7].map(later);
            (&over).await;
            over.clear();
            assert_eq!(log.take(), [1, 3, 5, 7, 9]);
            assert!(
                timers
                    .iter()
                    .all(|timer| timer.as_ref().is_ok_and(|timer| !timer.active()))
            );
        }
        spawn_later(0.001, || 1).await
    })??;
    Ok(())
}

/// The loop's clock stands still while the executor waits, but nobody sees that.
#[test]
fn the_clock_is_right_after_a_pause() -> TestResult {
    let _bounded = bounded();
    // The loop measures the time by another clock, which may drift a little.
    const DRIFT: f64 = 0.001;
    drive(async {
        sleep_in_executor(Duration::from_millis(20)).await;
        let before = time();
        assert!(get_hub().loop_().now()? > before - DRIFT);
        sleep_in_executor(Duration::from_millis(20)).await;
        let before = time();
        let greenlet = spawn(move || Ok(get_hub().loop_().now()? - before));
        assert!(greenlet.await? > -DRIFT);
        Ok::<_, Exception>(())
    })?
}

#[test]
fn there_is_one_driver_in_a_thread() -> TestResult {
    let _bounded = bounded();
    let driver = HubDriver::new()?;
    let error = HubDriver::new().unwrap_err();
    assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
    // Another thread has its own.
    thread::spawn(|| drive(async {})).join().unwrap()?;
    drop(driver);
    drive(async {})
}

#[test]
fn without_its_driver_the_hub_is_as_before() -> TestResult {
    let _bounded = bounded();
    let (event, log) = (Event::new(), Log::<&str>::new());
    let greenlet = spawn({
        let (event, log) = (event.clone(), log.clone());
        move || {
            event.wait()?;
            log.add("woken");
            sleep(0.001)?;
            log.add("slept");
            Ok(())
        }
    });
    let mut driver = HubDriver::new()?;
    assert!((&mut driver).now_or_never().is_none());
    event.set();
    assert!((&mut driver).now_or_never().is_none());
    assert!((&mut driver).now_or_never().is_none());
    // On a slow machine the sleep may be over by now.
    let mut seen = log.take();
    assert_eq!(seen.first(), Some(&"woken"));
    drop(driver);
    greenlet.join()?;
    seen.extend(log.take());
    assert_eq!(seen, ["woken", "slept"]);
    let never = AsyncResult::<()>::new();
    assert!(never.get().unwrap_err().is::<LoopExit>());
    get_hub().join()?;
    Ok(())
}

#[test]
fn kills_errors_and_panics_of_greenlets_go_their_way() -> TestResult {
    let _bounded = bounded();
    get_hub().set_exception_stream(ExceptionStream::Discard);
    drive(async {
        let began = Event::new();
        let victim = spawn({
            let began = began.clone();
            move || {
                began.set();
                sleep(LONG)
            }
        });
        began.await;
        victim.kill_with(Kill::default().nonblocking())?;
        assert!(victim.await.unwrap_err().is_exit());
        let failed = spawn(|| fail::<()>("on purpose")).await;
        assert!(failed.unwrap_err().is::<ExpectedError>());
        let panicked = spawn(|| -> TestResult { panic!("on purpose") }).await;
        assert!(panicked.unwrap_err().to_string().contains("on purpose"));
        assert_eq!(spawn(|| Ok(1)).await?, 1);
        Ok::<_, Exception>(())
    })?
}

/// What is thrown into the greenlet that runs the executor is the driver's output, and the driver can go on.
#[test]
fn errors_for_the_main_greenlet_end_the_poll() -> TestResult {
    let _bounded = bounded();
    let mut driver = HubDriver::new()?;
    let greenlet = spawn(|| {
        spawn(|| Err::<(), Exception>(SystemExit(3).into()));
        sleep(0.001)?;
        Ok(1)
    });
    let error = block_on(&mut driver).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(SystemExit(3))), "{error:?}");
    assert_eq!(block_on(driver.run(greenlet))??, 1);
    // So it is with a timeout of the greenlet.
    let limit = Timeout::start_new(0.001);
    let error = drive(pending::<()>()).unwrap_err();
    assert!(limit.threw(&error), "{error:?}");
    Ok(())
}

#[test]
fn the_hubs_end_is_the_drivers_error() -> TestResult {
    let _bounded = bounded();
    let mut driver = HubDriver::new()?;
    assert!((&mut driver).now_or_never().is_none());
    let error = block_on(driver.run(async {
        sleep_in_executor(Duration::from_millis(1)).await;
        get_hub().destroy(true).unwrap();
        pending::<()>().await;
    }));
    let error = error.unwrap_err();
    assert!(error.is::<HubDestroyed>(), "{error:?}");
    // The next hub has another driver.
    drive(spawn(|| sleep(0.001)))??;
    Ok(())
}

/// A task may wait as greenlets do. The hub runs then, without the driver, which must see afterwards what was begun.
#[test]
fn tasks_may_wait_as_greenlets_do() -> TestResult {
    let _bounded = bounded();
    let (mut ours, theirs) = UnixStream::pair()?;
    drive(async {
        for round in 0..100_u32 {
            let greenlet = spawn(move || sleep(f64::from(round % 3) / 1000.0));
            match round % 4 {
                0 => sleep(0)?,
                1 => sleep(0.001)?,
                // The greenlet that writes goes on after this one has been resumed by the socket's event.
                2 => {
                    let writer = spawn({
                        let mut theirs = theirs.try_clone()?;
                        move || {
                            sleep(0)?;
                            theirs.write_all(b"x")?;
                            sleep(0.001)
                        }
                    });
                    ours.read_exact(&mut [0])?;
                    writer.await?;
                }
                _ => spawn(|| sleep(0.001)).join()?,
            }
            greenlet.await?;
        }
        let never = AsyncResult::<()>::new();
        assert!(never.get().unwrap_err().is::<LoopExit>());
        spawn(|| sleep(0.001)).await
    })??;
    Ok(())
}

/// The executor may run in a greenlet. Then the others go on while it is parked, but not while it waits by itself.
#[test]
fn the_executor_may_run_in_a_greenlet() -> TestResult {
    let _bounded = bounded();
    let greenlet = spawn(|| {
        drive(async {
            sleep(0.001)?;
            spawn(|| sleep(0.001)).await?;
            Ok::<_, Exception>(7)
        })?
    });
    assert_eq!(greenlet.get()?, 7);
    // In a greenlet of ours, a driver is of no use, but does no harm.
    let driver = HubDriver::new()?;
    gevent::future::block_on(driver.run(spawn(|| sleep(0.001))))???;
    Ok(())
}

/// A hub that always has something to do leaves the executor its turns, and the other way round.
#[test]
fn neither_starves_the_other() -> TestResult {
    let _bounded = bounded();
    let (stop, turns) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
    let busy: Vec<_> = (0..10)
        .map(|_| {
            let (stop, turns) = (stop.clone(), turns.clone());
            spawn(move || {
                while !stop.get() {
                    turns.set(turns.get() + 1);
                    sleep(0)?;
                }
                Ok(())
            })
        })
        .collect();
    drive(async {
        for _ in 0..20 {
            yield_now().await;
        }
        assert!(turns.get() > 0);
        // The executor is never idle, and yet a time comes.
        let slept = spawn(|| sleep(0.001));
        while !slept.ready() {
            yield_now().await;
        }
        stop.set(true);
        for greenlet in busy {
            greenlet.await?;
        }
        let slept = spawn(|| sleep(0.001));
        while !slept.ready() {
            yield_now().await;
        }
        slept.await
    })??;
    Ok(())
}

/// While there is nothing to do, the driver is not polled.
#[test]
fn an_idle_hub_costs_nothing() -> TestResult {
    let _bounded = bounded();
    let polls = Rc::new(Cell::new(0));
    let mut pool = LocalPool::new();
    let driver = Counting {
        future: HubDriver::new()?,
        polls: polls.clone(),
    };
    let spawner = pool.spawner();
    spawner.spawn_local(driver.map(|ended| panic!("{ended:?}"))).unwrap();
    let sleeping = spawn(|| sleep(LONG));
    let (mut ours, theirs) = UnixStream::pair()?;
    let reading = spawn(move || Ok(ours.read(&mut [0])?));
    pool.run_until(async {
        // The driver needs some turns before it is idle.
        for _ in 0..50 {
            yield_now().await;
        }
        let before = polls.get();
        for _ in 0..10 {
            sleep_in_executor(Duration::from_millis(1)).await;
        }
        assert_eq!(polls.get(), before);
        drop(theirs);
        assert_eq!(reading.await?, 0);
        assert!(
            polls.get() > before && polls.get() < before + 10,
            "{}",
            polls.get() - before
        );
        sleeping.kill_with(Kill::default().nonblocking())?;
        assert!(sleeping.await.unwrap_err().is_exit());
        Ok(())
    })
}

/// Each way in which a task can give an idle hub something to do.
#[test]
fn an_idle_hub_sees_whatever_a_task_does() -> TestResult {
    let _bounded = bounded();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    spawner
        .spawn_local(HubDriver::new()?.map(|ended| panic!("{ended:?}")))
        .unwrap();
    pool.run_until(async {
        let idle = || sleep_in_executor(Duration::from_millis(2));
        let loop_ = get_hub().loop_().clone();
        let told = || {
            let event = Event::new();
            let other = event.clone();
            (event, move || other.set())
        };
        idle().await;
        let (event, tell) = told();
        loop_.run_callback(tell)?;
        event.await;
        idle().await;
        let (event, tell) = told();
        let timer = loop_.timer(0.001)?;
        timer.start(tell)?;
        event.await;
        idle().await;
        let (event, tell) = told();
        let idle_watcher = loop_.idle()?;
        idle_watcher.start(tell)?;
        event.await;
        idle_watcher.stop()?;
        idle().await;
        let (event, tell) = told();
        let periodic = loop_.periodic(time() + 0.002, 0.0)?;
        periodic.start(tell)?;
        event.await;
        idle().await;
        let (event, tell) = told();
        let async_ = loop_.async_()?;
        async_.start(tell)?;
        idle().await;
        async_.send()?;
        event.await;
        idle().await;
        let (event, tell) = told();
        timer.stop()?;
        timer.start(tell.clone())?;
        timer.feed(Events::TIMER, tell)?;
        event.await;
        idle().await;
        // A descriptor that can be read before it is watched.
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair()?;
        theirs.write_all(b"x")?;
        let (event, tell) = told();
        let io = loop_.io(ours.as_raw_fd(), Events::READ)?;
        io.start(tell)?;
        event.await;
        io.stop()?;
        idle().await;
        // A signal of another thread.
        let (event, tell) = told();
        let signal = loop_.signal(rustix::process::Signal::URG.as_raw())?;
        signal.start(tell)?;
        idle().await;
        thread::spawn(|| rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::URG))
            .join()
            .unwrap()
            .unwrap();
        event.await;
        Ok(())
    })
}
