//! The monitoring thread: what it costs the thread that it watches, and whether it reports what is not blocked, on a
//! machine whose processors are all busy.
//!
//! ```sh
//! cargo run --release -p gevent-bench -- monitor          # 20 s beside six busy threads
//! cargo run --release -p gevent-bench -- monitor 600
//! ```

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gevent::events::{self, EventLoopBlocked};
use gevent::{Exception, get_hub, joinall, sleep, spawn};

use crate::Result;
use crate::stats::{median, median_ratio};

/// How many threads keep the processors busy.
const BUSY: usize = 6;
/// How many greenlets there are beside them.
const GREENLETS: usize = 100;
/// How many times each greenlet gives others their turn in a measurement.
const TURNS: usize = 5_000;
/// How many measurements there are of each kind.
const ROUNDS: usize = 15;

pub(crate) fn run(arguments: &[String]) -> Result {
    let seconds = match arguments {
        [] => 20,
        [seconds] => seconds.parse()?,
        _ => return Err("usage: monitor [SECONDS]".into()),
    };
    cost()?;
    quiet(Duration::from_secs(seconds))
}

/// Nanoseconds for a turn of a greenlet, which has two switches.
fn turn() -> std::result::Result<f64, Exception> {
    let start = Instant::now();
    let turns = || (0..TURNS).try_for_each(|_| sleep(0));
    let greenlets: Vec<_> = (0..GREENLETS).map(|_| spawn(turns)).collect();
    joinall(&greenlets)?;
    Ok(start.elapsed().as_secs_f64() * 1e9 / (GREENLETS * TURNS) as f64)
}

/// Compares turns without and with a monitoring thread, round by round.
fn cost() -> Result {
    let (mut off, mut on) = (Vec::new(), Vec::new());
    turn()?;
    for _ in 0..ROUNDS {
        off.push(turn()?);
        let monitor = get_hub().start_periodic_monitoring_thread()?;
        on.push(turn()?);
        monitor.kill();
    }
    let more = (median_ratio(&on, &off) - 1.0) * 100.0;
    println!(
        "a turn of a greenlet: {:.1} ns, monitored {:.1} ns: {more:+.1} %",
        median(&off),
        median(&on)
    );
    Ok(())
}

/// Counts the reports about greenlets that work for less than a millisecond at a time.
fn quiet(time: Duration) -> Result {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    static OVER: AtomicBool = AtomicBool::new(false);

    let _counts = events::subscribe(|_: &mut EventLoopBlocked| _ = REPORTS.fetch_add(1, Ordering::Relaxed));
    let monitor = get_hub().start_periodic_monitoring_thread()?;
    let busy: Vec<_> = (0..BUSY)
        .map(|_| {
            thread::spawn(|| {
                while !OVER.load(Ordering::Relaxed) {
                    black_box((0..1000_u64).sum::<u64>());
                }
            })
        })
        .collect();
    let end = Instant::now() + time;
    let works = move || {
        while Instant::now() < end {
            black_box((0..10_000_u64).sum::<u64>());
            sleep(0.001)?;
        }
        Ok(())
    };
    let greenlets: Vec<_> = (0..GREENLETS).map(|_| spawn(works)).collect();
    joinall(&greenlets)?;
    OVER.store(true, Ordering::Relaxed);
    for thread in busy {
        thread.join().map_err(|_| "a busy thread has panicked")?;
    }
    monitor.kill();
    let reports = REPORTS.load(Ordering::Relaxed);
    println!("{} s beside {BUSY} busy threads: {reports} reports", time.as_secs());
    if reports == 0 {
        Ok(())
    } else {
        Err("nothing was blocked".into())
    }
}
