//! [`Deadline`]: when a wait is over.

use std::time::Duration;

use libc::{clockid_t, timespec};

/// A time by a clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    clock: clockid_t,
    /// The clock's time.
    at: Duration,
}

impl Deadline {
    /// The deadline that a caller of futex(2) has given. None if it is no time, which the kernel is to refuse.
    pub(crate) fn new(time: &timespec, is_absolute: bool, is_real_time: bool) -> Option<Deadline> {
        let time = duration(time)?;
        let clock = match is_absolute && is_real_time {
            true => libc::CLOCK_REALTIME,
            false => libc::CLOCK_MONOTONIC,
        };
        let at = match is_absolute {
            true => time,
            false => now(clock).saturating_add(time),
        };
        Some(Deadline { clock, at })
    }

    /// A time by a clock. None if it is no time, or the hub's time does not go as that clock's.
    pub(crate) fn by_clock(clock: clockid_t, time: &timespec) -> Option<Deadline> {
        let is_known = matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_MONOTONIC);
        let at = duration(time).filter(|_| is_known)?;
        Some(Deadline { clock, at })
    }

    /// How long it is until then: zero once it is over.
    pub(crate) fn left(self) -> Duration {
        self.at.saturating_sub(now(self.clock))
    }
}

fn duration(time: &timespec) -> Option<Duration> {
    let nanoseconds = u32::try_from(time.tv_nsec).ok().filter(|n| *n < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, nanoseconds))
}

fn now(clock: clockid_t) -> Duration {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is that of a variable, and the clock is one that every system has.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    duration(&now).unwrap_or_default()
}
