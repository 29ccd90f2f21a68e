//! What belongs to the process, counted before and after a fault.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::Instant;

use gevent::greenlet_core::greenlets;
use gevent::{get_hub, sleep, spawn};

use crate::common::SOON;
use crate::{Fault, TestResult};

pub(crate) const TESTS: &[Fault] = &[("what_is_left_is_counted", what_is_left_is_counted)];

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
/// How often the rounds that count are run at most.
const SERIES: usize = 10;

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
    // A buffer may still grow now and then, but not each time.
    for _ in 0..SERIES {
        let before = Counts::now()?;
        for _ in 0..rounds {
            round()?;
        }
        let after = settled(&before)?;
        if after.bytes <= before.bytes {
            return Ok(());
        }
        eprintln!("{before:?} became {after:?}");
    }
    panic!("more and more bytes are in use");
}

/// The counts when what has begun to end has ended, down to those of before, but for the bytes.
fn settled(before: &Counts) -> Result<Counts, gevent::Exception> {
    let (begin, but_for_bytes) = (
        Instant::now(),
        Counts {
            bytes: isize::MAX,
            ..*before
        },
    );
    loop {
        let now = Counts::now()?;
        if now.at_most(&but_for_bytes) {
            return Ok(now);
        }
        assert!(begin.elapsed() < SOON, "{before:?} became {now:?}");
        sleep(0.001)?;
    }
}

/// One more of each thing is found.
fn what_is_left_is_counted() -> TestResult {
    // What is made once is there.
    sleep(0)?;
    Counts::now()?;
    let file = fs::File::open("/dev/null")?;
    let before = Counts::now()?;
    assert!(Counts::now()?.at_most(&before));
    let more = [
        Box::new(file.try_clone()?) as Box<dyn std::any::Any>,
        Box::new(spawn(|| sleep(1000))),
    ];
    sleep(0)?;
    let now = Counts::now()?;
    assert_eq!(now.descriptors, before.descriptors + 1);
    assert_eq!(now.greenlets, before.greenlets + 1);
    assert_eq!(now.watchers, before.watchers + 1);
    assert!(now.bytes > before.bytes);
    drop(more);
    Ok(())
}
