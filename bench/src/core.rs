//! `core`: compares `hub::core` with the same program in C on the same libev, to see what safety, closures and gevent's
//! rules cost.
//!
//! Rounds of C and of ours take turns, so that a slow moment of the machine affects both. Figures are medians of CPU
//! time; the ratio is the median of the rounds' ratios.

use std::cell::Cell;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Duration;

use gevent::hub::core::{Events, Loop, LoopFlags};
// The C programs need libev to be linked.
use libev_sys as _;

use crate::Result;
use crate::stats::{median, median_ratio};

mod c {
    unsafe extern "C" {
        pub(super) safe fn core_cpu_time() -> f64;
        pub(super) safe fn core_timer_start_stop(n: i64) -> f64;
        pub(super) safe fn core_io_start_stop(n: i64) -> f64;
        pub(super) safe fn core_io_start_stop_told(n: i64) -> f64;
        pub(super) safe fn core_callback_round_trip(n: i64) -> f64;
        pub(super) safe fn core_callback_batch(n: i64, batch: i64) -> f64;
        pub(super) fn core_timers_start(n: i64, delays: *const f64) -> f64;
        pub(super) fn core_timers_fire(n: i64, delays: *const f64) -> f64;
        pub(super) safe fn core_ready_pipes(n: i64, pipes: i64) -> f64;
    }
}

/// One thing to measure on both sides, which is done `times` times.
struct Case {
    name: &'static str,
    /// The name of a single one of the `times`.
    unit: &'static str,
    times: i64,
    /// The largest ratio that is good enough; without one, the ratio is only reported.
    target: Option<f64>,
    c: fn(i64) -> f64,
    ours: fn(i64) -> Result<Duration>,
}

const CASES: [Case; 8] = [
    Case {
        name: "timer start and stop",
        unit: "pair",
        times: 1_000_000,
        target: Some(1.10),
        c: |n| c::core_timer_start_stop(n),
        ours: timer_start_stop,
    },
    Case {
        name: "io start and stop",
        unit: "pair",
        times: 1_000_000,
        target: Some(1.10),
        c: |n| c::core_io_start_stop(n),
        ours: |n| io_start_stop(n, false),
    },
    Case {
        name: "the same, the kernel told",
        unit: "pair",
        times: 50_000,
        target: Some(1.10),
        c: |n| c::core_io_start_stop_told(n),
        ours: |n| io_start_stop(n, true),
    },
    Case {
        name: "run_callback round trip",
        unit: "callback",
        times: 200_000,
        target: None,
        c: |n| c::core_callback_round_trip(n),
        ours: |n| callbacks(n, 1),
    },
    Case {
        name: "run_callback, 40 in each",
        unit: "callback",
        times: 1_000_000,
        target: None,
        c: |n| c::core_callback_batch(n, 40),
        ours: |n| callbacks(n, 40),
    },
    Case {
        name: "1,000,000 timers, start",
        unit: "timer",
        times: MILLION,
        target: Some(1.10),
        c: |n| c_timers(n, c::core_timers_start),
        ours: |n| Ok(timers(n)?.0),
    },
    Case {
        name: "1,000,000 timers, fire",
        unit: "timer",
        times: MILLION,
        target: Some(1.10),
        c: |n| c_timers(n, c::core_timers_fire),
        ours: |n| Ok(timers(n)?.1),
    },
    Case {
        name: "1,000 ready pipes",
        unit: "iteration",
        times: 500,
        target: Some(1.10),
        c: |n| c::core_ready_pipes(n, PIPES),
        ours: ready_pipes,
    },
];

const MILLION: i64 = 1_000_000;
const PIPES: i64 = 1_000;

/// `core [ROUNDS [PART OF A NAME]]`
pub(crate) fn run(options: &[String]) -> Result {
    let rounds: usize = match options.first() {
        Some(rounds) => rounds.parse()?,
        None => 11,
    };
    println!("medians of {rounds} rounds each, CPU time, C on libev and hub::core in turns\n");
    println!("{:28} {:>12} {:>12} {:>8}  {:>7}", "", "C", "ours", "ratio", "target");
    let wanted = options.get(1).map_or("", String::as_str);
    for case in CASES.iter().filter(|case| case.name.contains(wanted)) {
        let (mut in_c, mut ours) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            // The sides take turns in being first, too.
            if round % 2 == 0 {
                in_c.push(case.time_c()?);
                ours.push(case.time_ours()?);
            } else {
                ours.push(case.time_ours()?);
                in_c.push(case.time_c()?);
            }
        }
        let ratio = median_ratio(&ours, &in_c);
        let target = case
            .target
            .map_or_else(|| "-".to_owned(), |target| format!("{target:.2}"));
        println!(
            "{:28} {:>9.1} ns {:>9.1} ns {ratio:>7.2}x  {target:>6}  per {}",
            case.name,
            median(&in_c),
            median(&ours),
            case.unit
        );
        io::stdout().flush()?;
    }
    Ok(())
}

impl Case {
    /// Runs the C side, and returns the nanoseconds for one.
    fn time_c(&self) -> Result<f64> {
        match (self.c)(self.times) {
            seconds if seconds > 0.0 => Ok(seconds * 1e9 / self.times as f64),
            _ => Err(format!("{} in C failed", self.name).into()),
        }
    }

    fn time_ours(&self) -> Result<f64> {
        Ok((self.ours)(self.times)?.as_secs_f64() * 1e9 / self.times as f64)
    }
}

/// A moment of this thread's CPU time. That is measured because nothing here waits, and other work of the machine shall
/// not count.
struct CpuTime(f64);

impl CpuTime {
    fn now() -> CpuTime {
        CpuTime(c::core_cpu_time())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(c::core_cpu_time() - self.0)
    }
}

fn new_loop() -> Result<Loop> {
    Ok(Loop::new(LoopFlags::EPOLL, false)?)
}

fn timer_start_stop(n: i64) -> Result<Duration> {
    let loop_ = new_loop()?;
    let timer = loop_.timer(1000.0)?;
    let start = CpuTime::now();
    for _ in 0..n {
        timer.start(|| ())?;
        timer.stop()?;
    }
    Ok(start.elapsed())
}

fn io_start_stop(n: i64, told: bool) -> Result<Duration> {
    let (reader, _writer) = io::pipe()?;
    let loop_ = new_loop()?;
    let io = loop_.io(reader.as_raw_fd(), Events::READ)?;
    let start = CpuTime::now();
    for _ in 0..n {
        io.start(|| ())?;
        if told {
            loop_.run_nowait()?;
        }
        io.stop()?;
        if told {
            loop_.run_nowait()?;
        }
    }
    Ok(start.elapsed())
}

fn callbacks(n: i64, batch: i64) -> Result<Duration> {
    let loop_ = new_loop()?;
    let counter = Rc::new(Cell::new(0));
    let start = CpuTime::now();
    for _ in 0..n / batch {
        for _ in 0..batch {
            let counter = counter.clone();
            loop_.run_callback(move || counter.set(counter.get() + 1))?;
        }
        loop_.run_nowait()?;
    }
    let elapsed = start.elapsed();
    all(counter.get() == n / batch * batch)?;
    Ok(elapsed)
}

/// `n` delays in no order, the same for both sides. All are in the past.
fn delays(n: i64) -> Vec<f64> {
    let mut seed = 1_u64;
    let next = |_| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        -((seed >> 40) as f64) * 1e-3 - 1.0
    };
    (0..n).map(next).collect()
}

fn c_timers(n: i64, measure: unsafe extern "C" fn(i64, *const f64) -> f64) -> f64 {
    let delays = delays(n);
    // SAFETY: `delays` has `n` entries.
    unsafe { measure(n, delays.as_ptr()) }
}

/// Makes and starts `n` timers and lets them fire. Returns the time of the first two, and that of the firing.
fn timers(n: i64) -> Result<(Duration, Duration)> {
    let delays = delays(n);
    let loop_ = new_loop()?;
    let fired = Rc::new(Cell::new(0));
    let start = CpuTime::now();
    let mut timers = Vec::with_capacity(delays.len());
    for delay in delays {
        let timer = loop_.timer(delay)?;
        let fired = fired.clone();
        timer.start(move || fired.set(fired.get() + 1))?;
        timers.push(timer);
    }
    let started = start.elapsed();
    loop_.run()?;
    let done = start.elapsed();
    all(fired.get() == n)?;
    Ok((started, done - started))
}

fn ready_pipes(n: i64) -> Result<Duration> {
    let loop_ = new_loop()?;
    let fired = Rc::new(Cell::new(0));
    let mut pipes = Vec::new();
    for _ in 0..PIPES {
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(b"x")?;
        let io = loop_.io(reader.as_raw_fd(), Events::READ)?;
        let fired = fired.clone();
        io.start(move || fired.set(fired.get() + 1))?;
        pipes.push((reader, writer, io));
    }
    // libev enlarges its buffer for events when it turns out too small, so a few runs come before the measurement.
    for _ in 0..10 {
        loop_.run_nowait()?;
    }
    fired.set(0);
    let start = CpuTime::now();
    for _ in 0..n {
        loop_.run_nowait()?;
    }
    let elapsed = start.elapsed();
    all(fired.get() == n * PIPES)?;
    for (_, _, io) in &pipes {
        io.stop()?;
    }
    Ok(elapsed)
}

fn all(were_called: bool) -> Result {
    match were_called {
        true => Ok(()),
        false => Err("some callbacks were not called".into()),
    }
}
