//! A hundred at once, in each way.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use gevent::Exception;

use crate::{Case, Result};

/// What has come of it.
#[derive(Debug, Default)]
pub struct Measured {
    /// How long it took until the last was done.
    pub took: Duration,
    /// What went wrong in those that have failed.
    pub failed: Vec<String>,
    /// How many were parked in patched calls, at most, when one of them was done.
    pub parked: u64,
    /// How often a greenlet of the same thread, which sleeps for 1 ms again and again, has been woken. Beside threads,
    /// it is one more thread.
    pub ticks: u64,
    /// The longest time between two of these.
    pub longest_tick: Duration,
}

/// What one does. The error is made a text, which can go from thread to thread.
fn run_one(case: &dyn Case, i: usize, wait: Duration, parked: &AtomicU64) -> std::result::Result<(), String> {
    let done = case.run(i, wait).map_err(|error| format!("{i}: {error} ({error:?})"));
    parked.fetch_max(gevent_monkey::stats().waiting, Ordering::Relaxed);
    done
}

/// In threads of the operating system.
pub fn in_threads(case: &Arc<dyn Case>, n: usize, wait: Duration) -> Measured {
    let (over, is_over) = channel::<()>();
    let ticker = thread::spawn(move || {
        let mut ticks = Ticks::new();
        while is_over.try_recv() == Err(TryRecvError::Empty) {
            thread::sleep(TICK);
            ticks.add();
        }
        ticks
    });
    let started = Instant::now();
    let threads: Vec<_> = (0..n)
        .map(|i| {
            let case = case.clone();
            thread::spawn(move || run_one(&*case, i, wait, &AtomicU64::new(0)))
        })
        .collect();
    let ended: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
    let took = started.elapsed();
    drop(over);
    let ticks = ticker.join().expect("it does not panic");
    Measured {
        took,
        failed: ended.into_iter().filter_map(failure).collect(),
        parked: 0,
        ticks: ticks.count,
        longest_tick: ticks.longest,
    }
}

/// In virtual threads of this thread.
pub fn in_virtual_threads(case: &Arc<dyn Case>, n: usize, wait: Duration) -> Result<Measured> {
    let parked = Arc::new(AtomicU64::new(0));
    let ticker = Ticker::start();
    let started = Instant::now();
    let threads: Vec<_> = (0..n)
        .map(|i| {
            let (case, parked) = (case.clone(), parked.clone());
            gevent_threading::spawn(move || run_one(&*case, i, wait, &parked))
        })
        .collect();
    let ended: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
    let took = started.elapsed();
    let ticks = ticker.stop()?;
    Ok(Measured {
        took,
        failed: ended.into_iter().filter_map(failure).collect(),
        parked: parked.load(Ordering::Relaxed),
        ticks: ticks.count,
        longest_tick: ticks.longest,
    })
}

/// In virtual threads of this thread, with the crate's own threads among them. None if it has none.
pub fn in_virtual_threads_of_its_own(case: &Arc<dyn Case>, n: usize, wait: Duration) -> Result<Option<Measured>> {
    let its = case.clone();
    let made = gevent_threading::spawn(move || its.with_threads_made_here().map_err(|error| error.to_string()));
    let Some(anew) = made.join().expect("it does not panic")? else {
        return Ok(None);
    };
    let measured = in_virtual_threads(&anew, n, wait)?;
    gevent_threading::spawn(move || drop(anew))
        .join()
        .expect("it does not panic");
    Ok(Some(measured))
}

/// In plain greenlets of this thread.
pub fn in_greenlets(case: &Arc<dyn Case>, n: usize, wait: Duration) -> Result<Measured> {
    let parked = Arc::new(AtomicU64::new(0));
    let ticker = Ticker::start();
    let started = Instant::now();
    let greenlets: Vec<_> = (0..n)
        .map(|i| {
            let (case, parked) = (case.clone(), parked.clone());
            gevent::spawn(move || Ok::<_, Exception>(run_one(&*case, i, wait, &parked)))
        })
        .collect();
    gevent::joinall(&greenlets)?;
    let took = started.elapsed();
    let ticks = ticker.stop()?;
    let failed = greenlets.iter().filter_map(|greenlet| match greenlet.get() {
        Ok(done) => done.err(),
        Err(exception) => Some(exception.to_string()),
    });
    Ok(Measured {
        took,
        failed: failed.collect(),
        parked: parked.load(Ordering::Relaxed),
        ticks: ticks.count,
        longest_tick: ticks.longest,
    })
}

/// What a thread has failed with.
fn failure(ended: thread::Result<std::result::Result<(), String>>) -> Option<String> {
    match ended {
        Ok(done) => done.err(),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
            Some(format!("a panic: {}", text.unwrap_or("of another kind")))
        }
    }
}

/// The time for which tickers sleep, again and again.
const TICK: Duration = Duration::from_millis(1);

/// What a ticker sees.
#[derive(Clone, Copy)]
struct Ticks {
    count: u64,
    last: Instant,
    longest: Duration,
}

impl Ticks {
    fn new() -> Ticks {
        Ticks {
            count: 0,
            last: Instant::now(),
            longest: Duration::ZERO,
        }
    }

    fn add(&mut self) {
        let now = Instant::now();
        self.count += 1;
        self.longest = self.longest.max(now - self.last);
        self.last = now;
    }
}

/// A greenlet of this thread that ticks.
struct Ticker {
    greenlet: gevent::Greenlet<()>,
    ticks: Rc<Cell<Ticks>>,
}

impl Ticker {
    fn start() -> Ticker {
        let ticks = Rc::new(Cell::new(Ticks::new()));
        let its = ticks.clone();
        let greenlet = gevent::spawn(move || -> std::result::Result<(), Exception> {
            loop {
                gevent::sleep(TICK)?;
                let mut ticks = its.get();
                ticks.add();
                its.set(ticks);
            }
        });
        Ticker { greenlet, ticks }
    }

    fn stop(self) -> Result<Ticks> {
        self.greenlet.kill()?;
        Ok(self.ticks.get())
    }
}
