//! `HubDriver::tokio`: the hub of a thread in which a tokio runtime runs.

use std::cell::Cell;
use std::future::{Future, pending};
use std::io::{Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures::future::{FutureExt, join_all};
use gevent::event::{AsyncResult, Event};
use gevent::exceptions::{ConcurrentObjectUseError, SystemExit};
use gevent::future::{Async, HubDriver};
use gevent::queue::Queue;
use gevent::server::StreamServer;
use gevent::{Exception, Kill, sleep, spawn, threadsafe};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};

use crate::actors::leaves_nothing;
use crate::support::{LONG, TestResult, bounded};

/// Runs a future in a tokio runtime of this thread, with a driver beside it as a task of its own.
fn in_tokio<T>(future: impl Future<Output = Result<T, Exception>>) -> Result<T, Exception> {
    let _bounded = bounded();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let driver = spawn_local(HubDriver::tokio()?.map(|ended| panic!("{ended:?}")));
        let value = future.await;
        end(driver).await;
        value
    })
}

async fn end<T>(task: JoinHandle<T>) {
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()));
}

/// Waits without the hub.
async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[test]
fn tasks_await_greenlets() -> TestResult {
    leaves_nothing(|| {
        let sum: u32 = in_tokio(async {
            let tasks = (0..100_u32).map(|number| {
                spawn_local(async move {
                    let greenlet = spawn(move || {
                        sleep(f64::from(number % 7) / 1000.0)?;
                        Ok(number)
                    });
                    pause(u64::from(number % 5)).await;
                    greenlet.await
                })
            });
            let mut sum = 0;
            for value in join_all(tasks).await {
                sum += value??;
            }
            Ok(sum)
        })?;
        assert_eq!(sum, 4950);
        Ok(())
    })
}

/// The driver in one task with what awaits, and in runtimes with other threads, which tell of the hub's events.
#[test]
fn it_runs_in_block_on_of_each_kind_of_runtime() -> TestResult {
    let _bounded = bounded();
    for runtime in [
        Builder::new_current_thread().enable_all().build()?,
        Builder::new_multi_thread().worker_threads(2).enable_all().build()?,
    ] {
        for _ in 0..20 {
            let value = runtime.block_on(async {
                let greenlets = (0..10).map(|number| {
                    spawn(move || {
                        sleep(0.001)?;
                        sleep(0)?;
                        Ok(number)
                    })
                });
                let future = join_all(greenlets.map(IntoFuture::into_future));
                HubDriver::tokio()?.run(future).await
            })?;
            assert_eq!(
                value.into_iter().collect::<Result<Vec<_>, _>>()?,
                (0..10).collect::<Vec<_>>()
            );
        }
    }
    Ok(())
}

#[test]
fn no_wake_up_between_tasks_and_greenlets_is_lost() -> TestResult {
    const ROUNDS: u32 = 1000;
    leaves_nothing(|| {
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
        in_tokio(async {
            for round in 0..ROUNDS {
                to.put(round)?;
                assert_eq!(back.get_async().await?, round);
            }
            greenlet.await
        })
    })
}

#[test]
fn other_threads_wake_greenlets() -> TestResult {
    const ROUNDS: u32 = 300;
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
    let last = in_tokio(
        spawn(move || {
            let mut number = 0;
            for _ in 0..ROUNDS {
                to.put(number)?;
                number = back.get()?;
            }
            Ok(number)
        })
        .into_future(),
    )?;
    assert_eq!(last, ROUNDS);
    thread.join().unwrap()
}

/// Greenlets serve tokio's clients, in the same thread.
#[test]
fn greenlets_serve_tasks() -> TestResult {
    leaves_nothing(|| {
        let over = Queue::new();
        let handler = {
            let over = over.clone();
            move |mut stream: gevent::socket::TcpStream, _| {
                let mut buf = [0; 100];
                loop {
                    match stream.read(&mut buf)? {
                        0 => break,
                        count => stream.write_all(&buf[..count])?,
                    }
                }
                drop(stream);
                over.put(())?;
                Ok(())
            }
        };
        let server = StreamServer::new("127.0.0.1:0", handler);
        server.start()?;
        let address = server.address().unwrap();
        in_tokio(async {
            let clients = (0..20_u8).map(|client| {
                spawn_local(async move {
                    let mut stream = TcpStream::connect(address).await?;
                    let mut buf = [0; 3];
                    for round in 0..20_u8 {
                        stream.write_all(&[client, round, 7]).await?;
                        stream.read_exact(&mut buf).await?;
                        assert_eq!(buf, [client, round, 7]);
                    }
                    Ok::<_, Exception>(())
                })
            });
            for client in join_all(clients).await {
                client??;
                over.get_async().await?;
            }
            Ok(())
        })?;
        server.stop()
    })
}

/// Tasks serve greenlets, in the same thread.
#[test]
fn tasks_serve_greenlets() -> TestResult {
    leaves_nothing(|| {
        in_tokio(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            let server = spawn_local(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    spawn_local(async move {
                        let (mut reader, mut writer) = stream.split();
                        tokio::io::copy(&mut reader, &mut writer).await
                    });
                }
            });
            let clients = (0..20_u8).map(|client| {
                spawn(move || {
                    let mut stream = gevent::socket::TcpStream::connect(address)?;
                    let mut buf = [0; 3];
                    for round in 0..20_u8 {
                        stream.write_all(&[client, round, 7])?;
                        stream.read_exact(&mut buf)?;
                        assert_eq!(buf, [client, round, 7]);
                    }
                    Ok(())
                })
            });
            for client in join_all(clients.map(IntoFuture::into_future)).await {
                client?;
            }
            end(server).await;
            Ok(())
        })
    })
}

/// Streams of the hub, polled by tasks; greenlets and tasks in the midst of the same connections.
#[test]
fn streams_of_the_hub_are_polled_by_tasks() -> TestResult {
    in_tokio(async {
        let (ours, theirs) = gevent::socket::UnixStream::pair()?;
        let mut ours = Async::new(ours);
        let greenlet = spawn(move || {
            let mut theirs = theirs;
            let mut buf = [0; 5];
            for _ in 0..100 {
                theirs.read_exact(&mut buf)?;
                theirs.write_all(&buf)?;
            }
            Ok(())
        });
        let mut buf = [0; 5];
        for round in 0..100_u8 {
            ours.write_all(&[round; 5]).await?;
            ours.read_exact(&mut buf).await?;
            assert_eq!(buf, [round; 5]);
        }
        greenlet.await
    })
}

/// Greenlets run inside of a poll of the runtime, so they can spawn tasks, and give them something to do.
#[test]
fn greenlets_spawn_tasks() -> TestResult {
    in_tokio(async {
        let greenlet = spawn(|| {
            let result = AsyncResult::new();
            spawn_local({
                let result = result.clone();
                async move {
                    pause(1).await;
                    result.set(7);
                }
            });
            result.get()
        });
        assert_eq!(greenlet.await?, 7);
        Ok(())
    })
}

/// A task may wait as greenlets do, which stops the runtime. What was begun meanwhile is not forgotten.
#[test]
fn tasks_may_wait_as_greenlets_do() -> TestResult {
    in_tokio(async {
        for round in 0..60_u32 {
            let greenlet = spawn(move || sleep(f64::from(round % 3) / 1000.0));
            match round % 3 {
                0 => sleep(0)?,
                1 => sleep(0.001)?,
                _ => spawn(|| sleep(0.001)).join()?,
            }
            greenlet.await?;
            pause(0).await;
        }
        Ok(())
    })
}

/// A hub that always has something to do leaves tokio its tasks, times and sockets; and a runtime that always has
/// something to do leaves the hub its turns.
#[test]
fn neither_starves_the_other() -> TestResult {
    leaves_nothing(|| {
        let stop = Rc::new(Cell::new(false));
        let busy: Vec<_> = (0..10)
            .map(|_| {
                let stop = stop.clone();
                spawn(move || {
                    while !stop.get() {
                        sleep(0)?;
                    }
                    Ok(())
                })
            })
            .collect();
        in_tokio(async {
            pause(2).await;
            let (mut ours, mut theirs) = UnixStream::pair()?;
            let echo = spawn_local(async move {
                let mut buf = [0];
                for _ in 0..10 {
                    theirs.read_exact(&mut buf).await?;
                    theirs.write_all(&buf).await?;
                }
                Ok::<_, std::io::Error>(())
            });
            for _ in 0..10 {
                ours.write_all(b"x").await?;
                ours.read_exact(&mut [0]).await?;
            }
            echo.await??;
            stop.set(true);
            for greenlet in busy {
                greenlet.await?;
            }
            let slept = spawn(|| sleep(0.002));
            while !slept.ready() {
                yield_now().await;
            }
            slept.await
        })
    })
}

/// A future that counts its polls.
struct Counting<F>(F, Rc<Cell<u32>>);

impl<F: Future + Unpin> Future for Counting<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.1.set(self.1.get() + 1);
        self.0.poll_unpin(context)
    }
}

#[test]
fn an_idle_hub_costs_nothing() -> TestResult {
    let _bounded = bounded();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let polls = Rc::new(Cell::new(0));
        let driver = spawn_local(Counting(HubDriver::tokio()?, polls.clone()).map(|ended| panic!("{ended:?}")));
        let sleeping = spawn(|| sleep(LONG));
        let event = Event::new();
        let waiting = spawn({
            let event = event.clone();
            move || event.wait()
        });
        // The driver needs some turns before it is idle.
        for _ in 0..50 {
            yield_now().await;
        }
        let before = polls.get();
        for _ in 0..10 {
            pause(1).await;
        }
        assert_eq!(polls.get(), before);
        event.set();
        waiting.await?;
        assert!(
            polls.get() > before && polls.get() < before + 10,
            "{}",
            polls.get() - before
        );
        sleeping.kill_with(Kill::default().nonblocking())?;
        assert!(sleeping.await.unwrap_err().is_exit());
        end(driver).await;
        Ok(())
    })
}

#[test]
fn what_cannot_be_driven_is_an_error() -> TestResult {
    let _bounded = bounded();
    let error = HubDriver::tokio().unwrap_err();
    assert!(error.is::<tokio::runtime::TryCurrentError>(), "{error:?}");
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut driver = HubDriver::tokio()?;
        let error = HubDriver::new().unwrap_err();
        assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
        spawn(|| Err::<(), Exception>(SystemExit(3).into()));
        let error = (&mut driver).await.unwrap_err();
        assert!(error.is::<SystemExit>(), "{error:?}");
        driver.run(spawn(|| sleep(0.001))).await?
    })?;
    // Without its runtime, the driver has nobody who waits.
    let driver = runtime.block_on(async { HubDriver::tokio() })?;
    drop(runtime);
    let waiting = async { driver.run(pending::<()>()).await };
    assert!(futures::executor::block_on(waiting).is_err());
    Ok(())
}
