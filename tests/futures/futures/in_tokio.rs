//! `InTokio`: tokio's sockets and timers in greenlets, and the context of the runtime around each poll.

use std::cell::{Cell, RefCell};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use gevent::event::{AsyncResult, Event};
use gevent::exceptions::GreenletError;
use gevent::future::{InTokio, TokioRuntime, block_on, join_all, spawn_local};
use gevent::{Exception, Timeout, sleep, spawn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::actors::{leaves_nothing, once, turns};
use crate::support::TestResult;

fn is_entered() -> bool {
    Handle::try_current().is_ok()
}

/// How an error says that the greenlet may not be left.
fn is_pinned(error: &Exception) -> bool {
    matches!(error.downcast_ref(), Some(GreenletError::Pinned))
}

#[test]
fn timers_fire_in_greenlets() -> TestResult {
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let ticks = Rc::new(Cell::new(0));
        let its = ticks.clone();
        let other = spawn(move || {
            while its.get() < 20 {
                sleep(0)?;
            }
            Ok(())
        });
        block_on(InTokio::new(runtime.handle(), async {
            let mut interval = tokio::time::interval(Duration::from_millis(1));
            for _ in 0..20 {
                interval.tick().await;
                ticks.set(ticks.get() + 1);
            }
        }))?;
        other.get()?;
        // The later one is dropped, and its timer with it.
        let first = block_on(InTokio::new(runtime.handle(), async {
            tokio::time::timeout(Duration::from_millis(1), tokio::time::sleep(Duration::from_secs(100))).await
        }))?;
        assert!(first.is_err());
        Ok(())
    })
}

/// Both ends of a hundred connections, in greenlets of one thread; what is neither `Send` nor `'static` is used.
#[test]
fn sockets_of_tokio_in_greenlets() -> TestResult {
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let handle = runtime.handle();
        let listener = block_on(InTokio::new(handle, TcpListener::bind("127.0.0.1:0")))??;
        let address = listener.local_addr()?;
        let (accepting, its) = (handle.clone(), handle.clone());
        let server = spawn(move || -> TestResult {
            let mut echoes = Vec::new();
            for _ in 0..100 {
                let (mut stream, _) = block_on(InTokio::new(&accepting, listener.accept()))??;
                let echoing = its.clone();
                echoes.push(spawn_local(async move {
                    let echo = async {
                        let (mut reader, mut writer) = stream.split();
                        tokio::io::copy(&mut reader, &mut writer).await
                    };
                    Ok(InTokio::new(&echoing, echo).await?)
                }));
            }
            for echo in &echoes {
                assert_eq!(echo.get()?, 10_000);
            }
            Ok(())
        });
        let bytes = Rc::new(Cell::new(0));
        let clients: Vec<_> = (0..100_u8)
            .map(|i| {
                let (handle, bytes) = (handle.clone(), bytes.clone());
                spawn(move || -> TestResult {
                    let mut stream = block_on(InTokio::new(&handle, TcpStream::connect(address)))??;
                    for _ in 0..10 {
                        let mut got = [0; 1000];
                        block_on(InTokio::new(&handle, async {
                            stream.write_all(&[i; 1000]).await?;
                            stream.read_exact(&mut got).await
                        }))??;
                        assert_eq!(got, [i; 1000]);
                        bytes.set(bytes.get() + got.len());
                    }
                    // The stream is dropped outside of the runtime's context.
                    assert!(!is_entered());
                    Ok(())
                })
            })
            .collect();
        clients.iter().try_for_each(|client| client.get())?;
        assert_eq!(bytes.get(), 1_000_000);
        server.get()
    })
}

/// The context is there in each poll and in the destructor, and nowhere else.
#[test]
fn the_context_is_entered_in_polls_and_the_destructor() -> TestResult {
    struct Entered(Rc<Cell<u32>>);
    impl Drop for Entered {
        fn drop(&mut self) {
            assert!(is_entered());
            self.0.set(self.0.get() + 1);
        }
    }
    leaves_nothing(|| {
        let (runtime, dropped, event) = (TokioRuntime::new()?, Rc::new(Cell::new(0)), Event::new());
        let (handle, entered, its) = (runtime.handle().clone(), Entered(dropped.clone()), event.clone());
        let waiting = spawn(move || {
            block_on(InTokio::new(&handle, async move {
                assert!(is_entered());
                its.await;
                assert!(is_entered());
                drop(entered);
            }))
        });
        turns(2)?;
        assert!(!is_entered());
        event.set();
        waiting.get()?;
        assert_eq!(dropped.get(), 1);
        // A kill drops it, before or after its first poll.
        for rounds in 0..2 {
            let (handle, entered) = (runtime.handle().clone(), Entered(dropped.clone()));
            let future = InTokio::new(&handle, async move {
                let _entered = entered;
                std::future::pending::<()>().await;
            });
            let waiting = spawn_local(future);
            turns(rounds)?;
            waiting.kill()?;
            assert_eq!((dropped.get(), is_entered()), (2 + rounds as u32, false));
        }
        // And so does a panic.
        let entered = Entered(dropped.clone());
        let panics = InTokio::new(runtime.handle(), async move {
            let _entered = entered;
            tokio::task::yield_now().await;
            std::panic::panic_any(7);
        });
        let panicked = catch_unwind(AssertUnwindSafe(|| block_on(panics)));
        assert_eq!(panicked.expect_err("it panics").downcast_ref(), Some(&7));
        assert_eq!((dropped.get(), is_entered()), (4, false));
        turns(1)
    })
}

/// Greenlets of one thread use two runtimes in turns, one future inside of another.
#[test]
fn contexts_are_nested() -> TestResult {
    leaves_nothing(|| {
        let (one, two) = (TokioRuntime::new()?, TokioRuntime::new()?);
        let (a, b) = (one.handle().id(), two.handle().id());
        assert_ne!(a, b);
        let all = join_all((0..10).map(|_| {
            InTokio::new(one.handle(), async {
                for _ in 0..10 {
                    assert_eq!(Handle::current().id(), a);
                    let inner = InTokio::new(two.handle(), async {
                        tokio::time::sleep(Duration::from_micros(100)).await;
                        Handle::current().id()
                    });
                    assert_eq!(inner.await, b);
                    tokio::task::yield_now().await;
                }
            })
        }));
        assert_eq!(block_on(all)?.len(), 10);
        assert!(!is_entered());
        Ok(())
    })
}

/// A greenlet that would be left inside of the context is told so, and the context stays what it is.
#[test]
fn nothing_waits_inside() -> TestResult {
    struct Waits(Rc<Cell<bool>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.set(sleep(0.001).is_err_and(|error| is_pinned(&error)));
        }
    }
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let refused = Rc::new(Cell::new(false));
        let waits = Waits(refused.clone());
        let (event, result, other) = (Event::new(), AsyncResult::<i32>::new(), spawn(|| sleep(0).map(|()| 4)));
        let its = (event.clone(), result.clone(), other.clone());
        let waiting = spawn_local(InTokio::new(runtime.handle(), async move {
            let (event, result, other) = its;
            assert!(is_pinned(&sleep(0).unwrap_err()));
            assert!(is_pinned(&event.wait().unwrap_err()));
            assert!(is_pinned(&result.get().unwrap_err()));
            assert!(is_pinned(&block_on(std::future::pending::<()>()).unwrap_err()));
            // What needs no wait is done.
            assert_eq!(block_on(std::future::ready(1))?, 1);
            // What is awaited may take its time.
            event.await;
            let sum = result.await? + other.await?;
            drop(waits);
            Ok(sum)
        }));
        turns(2)?;
        event.set();
        result.set(3);
        assert_eq!(waiting.get()?, 7);
        assert!(refused.get());
        sleep(0)
    })
}

/// A timeout of gevent ends a wait for tokio.
#[test]
fn a_timeout_ends_the_wait() -> TestResult {
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let timed = Timeout::start_new(0.002);
        let error = block_on(InTokio::new(runtime.handle(), async {
            tokio::time::sleep(Duration::from_secs(100)).await;
        }));
        assert!(timed.threw(&error.unwrap_err()));
        Ok(())
    })
}

/// Tasks run in the runtime's thread. A greenlet waits for their ends without a context.
#[test]
fn tasks_are_spawned_and_waited_for() -> TestResult {
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let (here, handle) = (thread::current().id(), runtime.handle());
        let spawned = InTokio::new(handle, async { Some(tokio::spawn(async { thread::current().id() })) });
        assert_ne!(block_on(block_on(spawned)?.expect("it is spawned"))??, here);
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                handle.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    i
                })
            })
            .collect();
        let ends: Result<Vec<_>, _> = block_on(join_all(tasks))?.into_iter().collect();
        assert_eq!(ends?, (0..100).collect::<Vec<_>>());
        let blocking = handle.spawn_blocking(|| thread::current().id());
        assert_ne!(block_on(blocking)??, here);
        let error = block_on(handle.spawn(async { panic!("on purpose") }))?;
        assert!(error.is_err_and(|error| error.is_panic()));
        Ok(())
    })
}

/// Hubs of several threads share a runtime.
#[test]
fn threads_share_a_runtime() -> TestResult {
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let handle = runtime.handle().clone();
                thread::spawn(move || -> TestResult {
                    leaves_nothing(|| {
                        let greenlets: Vec<_> = (0..20)
                            .map(|_| {
                                let handle = handle.clone();
                                spawn(move || pair(&handle))
                            })
                            .collect();
                        greenlets.iter().try_for_each(|greenlet| greenlet.get())
                    })
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("it does not panic"))
    })
}

/// Sends some there and back between two sockets.
fn pair(handle: &Handle) -> TestResult {
    let got: io::Result<Vec<u8>> = block_on(InTokio::new(handle, async {
        let (mut near, mut far) = UnixStream::pair()?;
        let mut got = Vec::new();
        for round in 0..20 {
            near.write_u8(round).await?;
            let byte = far.read_u8().await?;
            far.write_u8(byte).await?;
            got.push(near.read_u8().await?);
        }
        Ok(got)
    }))?;
    assert_eq!(got?, (0..20).collect::<Vec<_>>());
    Ok(())
}

/// The runtime ends when it is dropped: its tasks are dropped, and who waits for them is told.
#[test]
fn a_runtime_that_is_dropped_ends_its_tasks() -> TestResult {
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let (alive, ended) = oneshot::channel::<()>();
        let task = runtime.handle().spawn(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        let waiting = spawn_local(async move { task.await.is_err_and(|error| error.is_cancelled()) });
        turns(1)?;
        drop(runtime);
        assert!(waiting.get()?);
        assert!(block_on(ended)?.is_err());
        Ok(())
    })
}

/// Says that it was dropped.
struct Told(mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

fn sleeps(handle: &Handle, told: &mpsc::Sender<()>) -> Sleeps {
    let told = Told(told.clone());
    Box::pin(InTokio::new(handle, async move {
        let _told = told;
        tokio::time::sleep(Duration::from_secs(1000)).await;
    }))
}

type Sleeps = Pin<Box<dyn Future<Output = ()>>>;

#[test]
fn a_thread_that_ends_drops_what_its_greenlets_wait_for() -> TestResult {
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let (tell, told) = mpsc::channel();
        let handle = runtime.handle().clone();
        let thread = gevent::run_in_thread(move || {
            for _ in 0..3 {
                spawn_local(sleeps(&handle, &tell));
            }
            sleep(0)
        })?;
        thread.join().expect("it does not panic")?;
        assert_eq!(told.iter().count(), 3);
        Ok(())
    })
}

/// The context belongs to the thread, and is gone when the thread's last variables are dropped.
#[test]
fn a_future_outlives_the_context_of_its_thread() -> TestResult {
    thread_local! {
        static BEFORE: RefCell<Option<Sleeps>> = const { RefCell::new(None) };
        static AFTER: RefCell<Option<Sleeps>> = const { RefCell::new(None) };
    }
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let (tell, told) = mpsc::channel();
        let handle = runtime.handle().clone();
        let thread = thread::spawn(move || {
            // Who was made first is dropped last.
            BEFORE.with(|before| drop(before.take()));
            assert!(!is_entered());
            AFTER.with(|after| drop(after.take()));
            for kept in [&BEFORE, &AFTER] {
                let mut future = sleeps(&handle, &tell);
                assert!(once(future.as_mut()).is_pending());
                kept.set(Some(future));
            }
        });
        thread.join().expect("it does not panic");
        assert_eq!(told.iter().count(), 2);
        Ok(())
    })
}

/// A future that is polled by another one, and moved to another greenlet in between.
#[test]
fn it_is_a_future_as_any_other() -> TestResult {
    /// Polls what it has, and gives it back if it is pending.
    struct Polls<F>(Option<Pin<Box<InTokio<F>>>>);
    impl<F: Future> Future for Polls<F> {
        type Output = Result<F::Output, Pin<Box<InTokio<F>>>>;
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            let mut future = self.0.take().expect("it is polled once");
            match future.as_mut().poll(context) {
                Poll::Ready(value) => Poll::Ready(Ok(value)),
                Poll::Pending => Poll::Ready(Err(future)),
            }
        }
    }
    leaves_nothing(|| {
        let runtime = TokioRuntime::new()?;
        let (go, gone) = oneshot::channel();
        let future = InTokio::new(runtime.handle(), async {
            let value = gone.await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            value
        });
        assert!(format!("{future:?}").starts_with("InTokio"));
        let future = block_on(Polls(Some(Box::pin(future))))?.expect_err("nothing is sent");
        let waiting = spawn_local(async move { Ok(future.await?) });
        turns(1)?;
        assert_eq!(go.send(5), Ok(()));
        assert_eq!(waiting.get()?, 5);
        Ok(())
    })
}
