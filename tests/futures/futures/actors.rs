//! Futures that act at once, in greenlets of one thread and in threads with a hub each; and what must be left of them:
//! nothing.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::future::BoxFuture;
use gevent::future::{block_on, spawn_local};
use gevent::{Exception, Greenlet, get_hub, joinall, sleep};

use crate::support::{TestResult, bounded};

/// What one greenlet or thread does.
pub(crate) type Actor = BoxFuture<'static, ()>;

/// Runs a test, in a limited time, and fails if it leaves the loop with more references or waiting greenlets.
pub(crate) fn leaves_nothing(test: impl FnOnce() -> TestResult) -> TestResult {
    let _bounded = bounded();
    let hub = get_hub();
    let before = hub.loop_().activecnt()?;
    test()?;
    // What was woken last runs to its end.
    turns(3)?;
    assert_eq!(hub.loop_().activecnt()?, before, "the loop is referred to");
    let blocked = hub.blocked_greenlets();
    assert!(blocked.is_empty(), "greenlets are left: {blocked:?}");
    Ok(())
}

/// Lets the other greenlets run, so many times.
pub(crate) fn turns(count: usize) -> TestResult {
    (0..count).try_for_each(|_| sleep(0))
}

/// Who runs the actors.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    /// Greenlets of the test's thread.
    Greenlets,
    /// Threads with a hub each.
    Threads,
    /// Two threads with half of the actors each, as greenlets.
    Both,
}

pub(crate) const EACH_WAY: [By; 3] = [By::Greenlets, By::Threads, By::Both];

/// Runs the actors that `make` returns to their ends, in each way.
pub(crate) fn each_way(make: impl Fn() -> Vec<Actor>) -> TestResult {
    EACH_WAY.into_iter().try_for_each(|by| run(by, make(), || Ok(())))
}

/// Runs the actors to their ends, and `meanwhile` beside them.
pub(crate) fn run(by: By, actors: Vec<Actor>, meanwhile: impl FnOnce() -> TestResult) -> TestResult {
    leaves_nothing(|| match by {
        By::Greenlets => {
            let greenlets = start(actors);
            meanwhile()?;
            end(&greenlets)
        }
        By::Threads => in_threads(actors.into_iter().map(|actor| vec![actor]).collect(), meanwhile),
        By::Both => {
            let (mut even, mut odd) = (Vec::new(), Vec::new());
            for (i, actor) in actors.into_iter().enumerate() {
                if i % 2 == 0 { even.push(actor) } else { odd.push(actor) }
            }
            in_threads(vec![even, odd], meanwhile)
        }
    })
}

fn start(actors: impl IntoIterator<Item = Actor>) -> Vec<Greenlet<()>> {
    actors.into_iter().map(spawn_local).collect()
}

fn end(greenlets: &[Greenlet<()>]) -> TestResult {
    joinall(greenlets)?;
    greenlets.iter().try_for_each(|greenlet| greenlet.get())
}

fn in_threads(crews: Vec<Vec<Actor>>, meanwhile: impl FnOnce() -> TestResult) -> TestResult {
    let threads: Vec<_> = crews
        .into_iter()
        .map(|mut crew| {
            thread::spawn(move || match (crew.len(), crew.pop()) {
                (1, Some(only)) => leaves_nothing(|| block_on(only)),
                (_, last) => leaves_nothing(|| end(&start(crew.into_iter().chain(last)))),
            })
        })
        .collect();
    meanwhile()?;
    let join = |thread: thread::JoinHandle<TestResult>| {
        thread.join().unwrap_or_else(|panic| Err(Exception::from_panic(panic)))
    };
    threads.into_iter().try_for_each(join)
}

/// Polls each future once, in this order, so that it waits in the line of its object. What is woken meanwhile is not
/// lost, as each is polled again when it is run.
pub(crate) fn queued(futures: impl IntoIterator<Item = Actor>) -> Vec<Actor> {
    let queue = |mut future: Actor| {
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "it is to wait");
        future
    };
    futures.into_iter().map(queue).collect()
}

/// Each of the waiting futures adds its number to the log when its wait is over. They wait in a line, and `release`
/// lets the next one go. Fails unless they go in the order of the line.
pub(crate) fn go_in_order(waiting: impl Fn(&Log<usize>) -> (Vec<Actor>, Box<dyn FnMut()>)) -> TestResult {
    EACH_WAY.into_iter().try_for_each(|by| {
        let log = Log::default();
        let (actors, mut release) = waiting(&log);
        let count = actors.len();
        run(by, queued(actors), || {
            for len in 1..=count {
                release();
                block_on(log.reaches(len))?;
            }
            Ok(())
        })?;
        assert_eq!(log.take(), (0..count).collect::<Vec<_>>(), "{by:?}");
        Ok(())
    })
}

/// A list to which any thread adds, and whose length a future can wait for.
pub(crate) struct Log<T>(Arc<Mutex<(Vec<T>, Vec<Waker>)>>);

impl<T> Default for Log<T> {
    fn default() -> Self {
        Log(Arc::default())
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Log(self.0.clone())
    }
}

impl<T> Log<T> {
    fn with<R>(&self, f: impl FnOnce(&mut (Vec<T>, Vec<Waker>)) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn add(&self, value: T) {
        let wakers = self.with(|(values, wakers)| {
            values.push(value);
            std::mem::take(wakers)
        });
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until the list has so many values.
    pub(crate) async fn reaches(&self, len: usize) {
        poll_fn(|context| {
            self.with(|(values, wakers)| {
                if values.len() >= len {
                    return Poll::Ready(());
                }
                wakers.push(context.waker().clone());
                Poll::Pending
            })
        })
        .await;
    }

    pub(crate) fn len(&self) -> usize {
        self.with(|(values, _)| values.len())
    }

    pub(crate) fn take(&self) -> Vec<T> {
        self.with(|(values, _)| std::mem::take(values))
    }
}

impl Log<usize> {
    /// Fails unless the list has each of the numbers below `count` once, in any order.
    #[track_caller]
    pub(crate) fn assert_has_each_once(&self, count: usize) {
        let values = self.take();
        assert_eq!(values.len(), count);
        assert!(values.into_iter().collect::<BTreeSet<_>>().into_iter().eq(0..count));
    }
}

/// Polls a future once.
pub(crate) fn once<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
