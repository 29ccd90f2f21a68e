//! Helpers of the fuzzers: random choices, and the seeds of the programs to run.
//!
//! For a fuzzer named `NAME`, the variable `NAME_SEED` is the first seed and `NAME_PROGRAMS` the number of programs. If
//! `NAME_SECONDS` is set, programs run for that time instead.

#![allow(dead_code, reason = "not every fuzzer uses all of it")]

use std::cell::Cell;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Random choices, which depend only on a seed.
#[derive(Default)]
pub(crate) struct Random(Cell<u64>);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(Cell::new(seed))
    }

    pub(crate) fn set_seed(&self, seed: u64) {
        self.0.set(seed);
    }

    pub(crate) fn below(&self, n: u64) -> u64 {
        self.0.set(
            self.0
                .get()
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        );
        (self.0.get() >> 33) % n
    }

    /// True once in `n` times, on average.
    pub(crate) fn once_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn one_of<T: Copy>(&self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }
}

/// The value of a variable, if it is set.
pub(crate) fn variable<T: FromStr>(fuzzer: &str, name: &str) -> Option<T> {
    let value = std::env::var(format!("{fuzzer}_{name}")).ok()?;
    match value.parse() {
        Ok(value) => Some(value),
        Err(_) => panic!("{fuzzer}_{name}={value} is no number"),
    }
}

/// The seeds of the programs to run, one after the other.
pub(crate) struct Seeds {
    next: u64,
    left: u64,
    until: Option<Instant>,
}

impl Seeds {
    /// The seeds that the variables tell; without variables, those of `programs` programs.
    pub(crate) fn of(fuzzer: &str, programs: u64) -> Seeds {
        let until = variable(fuzzer, "SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
        Seeds {
            next: variable(fuzzer, "SEED").unwrap_or(1),
            left: match until {
                Some(_) => u64::MAX,
                None => variable(fuzzer, "PROGRAMS").unwrap_or(programs),
            },
            until,
        }
    }

    /// Takes at most `n` of the seeds that are left. Returns the first and the number of them.
    pub(crate) fn batch(&mut self, n: u64) -> Option<(u64, u64)> {
        let count = n.min(self.left);
        if count == 0 || self.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        let first = self.next;
        self.next += count;
        self.left -= count;
        Some((first, count))
    }
}

impl Iterator for Seeds {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.batch(1).map(|(seed, _)| seed)
    }
}
