//! Prints how long a hundred threads take with each crate, each of which waits for 10 ms, mostly in a real server.
//!
//! ```text
//! cargo run --manifest-path tests/crates/Cargo.toml --release --features all --bin crates-table [-- NAME...]
//! ```
//!
//! Each case runs several times, with and without the wait, in turn in threads of the operating system and in virtual
//! threads of one thread; where that is right, at the end in plain greenlets of one thread as well. The least time of
//! each counts. What takes its time beside the waits is the *set-up*: connections, handshakes, processes.

use std::error::Error;
use std::time::Duration;

use gevent_crates_tests::cases::{ENTRIES, Entry};
use gevent_crates_tests::modes::{Measured, in_greenlets, in_threads, in_virtual_threads};
use gevent_crates_tests::versions::version;
use gevent_crates_tests::{Result, Started, THREADS, WAIT, raise_fd_limit};

/// How often each runs.
const ROUNDS: usize = 5;

/// The best of several rounds.
#[derive(Debug)]
struct Best {
    setup: Duration,
    with_wait: Duration,
    longest_tick: Duration,
    parked: u64,
}

impl Best {
    const NONE: Best = Best {
        setup: Duration::MAX,
        with_wait: Duration::MAX,
        longest_tick: Duration::ZERO,
        parked: 0,
    };

    /// One more round.
    fn add(&mut self, mut run: impl FnMut(Duration) -> Result<Measured>) -> Result {
        for wait in [Duration::ZERO, WAIT] {
            let measured = run(wait)?;
            if let Some(failed) = measured.failed.first() {
                return Err(format!("{} of {THREADS} failed: {failed}", measured.failed.len()).into());
            }
            let least = if wait.is_zero() {
                &mut self.setup
            } else {
                &mut self.with_wait
            };
            *least = measured.took.min(*least);
            self.longest_tick = self.longest_tick.max(measured.longest_tick);
            self.parked = self.parked.max(measured.parked);
        }
        Ok(())
    }

    /// How many times the wait the whole has taken, without the set-up.
    fn waits(&self) -> f64 {
        (self.with_wait.as_secs_f64() - self.setup.as_secs_f64()).max(0.0) / WAIT.as_secs_f64()
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Measures a case, and prints its line. Returns whether all is as it should be.
fn measure(entry: &Entry, started: &Started) -> Result<bool> {
    let (mut threads, mut virtual_threads) = (Best::NONE, Best::NONE);
    for _ in 0..ROUNDS {
        threads.add(|wait| Ok(in_threads(&started.case, THREADS, wait)))?;
        virtual_threads.add(|wait| in_virtual_threads(&started.case, THREADS, wait))?;
    }
    started.case.end(THREADS * ROUNDS * 4)?;
    let ratio = virtual_threads.with_wait.as_secs_f64() / threads.with_wait.as_secs_f64();
    let waits = virtual_threads.waits() / f64::from(entry.waits);
    let mut missed = Vec::new();
    if waits > 3.0 {
        missed.push("more than 3 waits");
    }
    if virtual_threads.longest_tick >= Duration::from_millis(50) {
        missed.push("a late ticker");
    }
    println!(
        "{:18} {:9} {:7.1} {:7.1} {:5.1} {:8.1} {:7.1} {:5.1} {:6.2} {:6} {:8.1}  {}",
        entry.name,
        entry.package.and_then(version).unwrap_or(""),
        milliseconds(threads.setup),
        milliseconds(threads.with_wait),
        threads.waits() / f64::from(entry.waits),
        milliseconds(virtual_threads.setup),
        milliseconds(virtual_threads.with_wait),
        waits,
        ratio,
        virtual_threads.parked,
        milliseconds(virtual_threads.longest_tick),
        missed.join(", "),
    );
    Ok(missed.is_empty())
}

/// Measures a case in plain greenlets, and prints its line.
fn measure_greenlets(entry: &Entry, started: &Started) -> Result {
    let (mut threads, mut greenlets) = (Best::NONE, Best::NONE);
    for _ in 0..ROUNDS {
        threads.add(|wait| Ok(in_threads(&started.case, THREADS, wait)))?;
        greenlets.add(|wait| in_greenlets(&started.case, THREADS, wait))?;
    }
    println!(
        "{:18} {:7.1} {:7.1} {:8.1} {:7.1} {:5.1} {:6.2} {:6} {:8.1}",
        entry.name,
        milliseconds(threads.setup),
        milliseconds(threads.with_wait),
        milliseconds(greenlets.setup),
        milliseconds(greenlets.with_wait),
        greenlets.waits() / f64::from(entry.waits),
        greenlets.with_wait.as_secs_f64() / threads.with_wait.as_secs_f64(),
        greenlets.parked,
        milliseconds(greenlets.longest_tick),
    );
    Ok(())
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    raise_fd_limit()?;
    gevent_monkey::patch_all()?;
    let names: Vec<String> = std::env::args().skip(1).collect();
    let chosen: Vec<&Entry> = (ENTRIES.iter())
        .filter(|entry| names.is_empty() || names.iter().any(|name| name == entry.name))
        .collect();
    println!(
        "{THREADS} at once, a wait of {WAIT:?} each; the least of {ROUNDS} runs, in ms; waits beside the set-up\n"
    );
    println!("{:29}{:-^21} {:-^23}", "", " threads ", " virtual threads ");
    println!(
        "{:18} {:9} {:>7} {:>7} {:>5} {:>8} {:>7} {:>5} {:>6} {:>6} {:>8}",
        "crate", "version", "set-up", "all", "waits", "set-up", "all", "waits", "ratio", "parked", "tick"
    );
    let mut problems = Vec::new();
    for entry in &chosen {
        let done = (entry.start)().and_then(|started| match started {
            Some(started) => measure(entry, &started),
            None => Err("a server is missing".into()),
        });
        match done {
            Ok(true) => {}
            Ok(false) => problems.push(format!("{} has missed its bounds", entry.name)),
            Err(error) => problems.push(format!("{}: {error}", entry.name)),
        }
    }
    // SAFETY: from here on, plain greenlets run only cases that keep nothing in thread-locals over a wait.
    unsafe { gevent_monkey::greenlets::patch_all() };
    println!("\n{:18} {:-^15} {:-^23}", "", " threads ", " plain greenlets ");
    println!(
        "{:18} {:>7} {:>7} {:>8} {:>7} {:>5} {:>6} {:>6} {:>8}",
        "crate", "set-up", "all", "set-up", "all", "waits", "ratio", "parked", "tick"
    );
    for entry in chosen.iter().filter(|entry| entry.greenlets) {
        let done = (entry.start)().and_then(|started| match started {
            Some(started) => measure_greenlets(entry, &started),
            None => Err("a server is missing".into()),
        });
        if let Err(error) = done {
            problems.push(format!("{}, in plain greenlets: {error}", entry.name));
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("\n").into()),
    }
}
