//! Sleeps.

use std::time::Duration;

use libc::{c_int, c_uint, clockid_t, timespec};

use crate::originals::originals;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::Failed;

mod original {
    use super::*;

    originals! {
        nanosleep(time: *const timespec, left: *mut timespec) -> c_int;
        clock_nanosleep(clock: clockid_t, flags: c_int, time: *const timespec, left: *mut timespec) -> c_int;
        usleep(microseconds: c_uint) -> c_int;
        sleep(seconds: c_uint) -> c_uint;
    }
}

/// The time that the caller of a sleep has given; None for one that the kernel is to refuse.
///
/// # Safety
/// The pointer is null, or that of a time.
pub(super) unsafe fn duration(time: *const timespec) -> Option<Duration> {
    // SAFETY: by this function's contract.
    let time = unsafe { time.as_ref() }?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok().filter(|n| *n < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, nanoseconds))
}

/// nanosleep(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn nanosleep(time: *const timespec, left: *mut timespec) -> c_int {
    if let Some(place) = place(Module::Time)
        // SAFETY: by the prototype's contract.
        && let Some(duration) = unsafe { duration(time) }
        && slept(place.sleep(duration))
    {
        return 0;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::nanosleep(time, left) }
}

/// clock_nanosleep(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    time: *const timespec,
    left: *mut timespec,
) -> c_int {
    if let Some(place) = place(Module::Time)
        // SAFETY: by the prototype's contract.
        && let Some(time) = unsafe { duration(time) }
        && slept_by(place, clock, flags, time)
    {
        return 0;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::clock_nanosleep(clock, flags, time, left) }
}

/// Whether it was slept so long by a clock, or until that time of it, which may be set meanwhile.
fn slept_by(place: Place, clock: clockid_t, flags: c_int, time: Duration) -> bool {
    loop {
        let Some(left) = from_now(clock, flags, time) else {
            return false;
        };
        match place.sleep(left) {
            Ok(()) if flags & libc::TIMER_ABSTIME != 0 && !left.is_zero() => {}
            ended => return slept(ended),
        }
    }
}

/// How long to sleep by a clock. None for a clock that does not go as the hub's does, as that of a thread's work.
fn from_now(clock: clockid_t, flags: c_int, time: Duration) -> Option<Duration> {
    match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_MONOTONIC | libc::CLOCK_BOOTTIME | libc::CLOCK_TAI => {}
        _ => return None,
    }
    if flags & libc::TIMER_ABSTIME == 0 {
        return Some(time);
    }
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is that of a variable.
    let got = unsafe { libc::clock_gettime(clock, &raw mut now) };
    // SAFETY: as above.
    let now = unsafe { duration(&raw const now) }.filter(|_| got == 0)?;
    Some(time.saturating_sub(now))
}

/// usleep(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn usleep(microseconds: c_uint) -> c_int {
    if let Some(place) = place(Module::Time)
        && slept(place.sleep(Duration::from_micros(microseconds.into())))
    {
        return 0;
    }
    // SAFETY: the function has no conditions.
    unsafe { original::usleep(microseconds) }
}

/// sleep(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn sleep(seconds: c_uint) -> c_uint {
    if let Some(place) = place(Module::Time)
        && slept(place.sleep(Duration::from_secs(seconds.into())))
    {
        return 0;
    }
    // SAFETY: the function has no conditions.
    unsafe { original::sleep(seconds) }
}

/// Whether a sleep is over. Callers do not reckon with its failure: if something was thrown into the caller, it ends
/// early.
fn slept(slept: Result<(), Failed>) -> bool {
    slept != Err(Failed::MustBlock)
}
