//! What belongs to the process, counted before and after a fault.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::Instant;

use gevent::greenlet_core::greenlets;
use gevent::{get_hub, sleep};

use crate::TestResult;
use crate::common::SOON;

struct Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call is passed on to the system's allocator, which keeps the trait's contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How much there is of each thing.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counts {
    descriptors: usize,
    greenlets: usize,
    watchers: i32,
    threads: usize,
    bytes: isize,
}

impl Counts {
    fn now() -> Result<Counts, gevent::Exception> {
        Ok(Counts {
            descriptors: entries("fd"),
            greenlets: greenlets().len(),
            watchers: get_hub().loop_().activecnt()?,
            threads: entries("task"),
            bytes: IN_USE.load(Relaxed),
        })
    }

    fn at_most(&self, other: &Counts) -> bool {
        self.descriptors <= other.descriptors
            && self.greenlets <= other.greenlets
            && self.watchers <= other.watchers
            && self.threads <= other.threads
            && self.bytes <= other.bytes
    }
}

fn entries(folder: &str) -> usize {
    fs::read_dir(format!("/proc/self/{folder}")).expect("Linux").count()
}

/// Rounds in which pools fill and buffers grow, and those that count.
const WARM_UP: usize = 2;
const ROUNDS: usize = 2;

/// Runs a round some times, and fails unless afterwards there is no more of anything than before.
pub(crate) fn steady(round: fn() -> TestResult) -> TestResult {
    steady_rounds(WARM_UP, ROUNDS, round)
}

/// The same with so many rounds.
pub(crate) fn steady_rounds(warm_up: usize, rounds: usize, round: fn() -> TestResult) -> TestResult {
    for _ in 0..warm_up {
        round()?;
        // What has begun to end, ends.
        sleep(0.01)?;
    }
    let before = Counts::now()?;
    for _ in 0..rounds {
        round()?;
    }
    let (begin, mut now) = (Instant::now(), Counts::now()?);
    while !now.at_most(&before) {
        assert!(begin.elapsed() < SOON, "{before:?} became {now:?}");
        sleep(0.001)?;
        now = Counts::now()?;
    }
    Ok(())
}
