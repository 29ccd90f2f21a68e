//! Waits for several descriptors: poll(2) and select(2).
//!
//! A signal does not end such a wait, as the thread goes on with others.

use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use libc::{c_int, c_short, fd_set, nfds_t, pollfd, sigset_t, size_t, time_t, timespec, timeval};

use super::readiness::{Interest, after, is_usual_mask, until_ready};
use super::times::duration;
use crate::guards::never_parks;
use crate::originals::originals;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, returned};

mod original {
    use super::*;

    originals! {
        poll(fds: *mut pollfd, count: nfds_t, milliseconds: c_int) -> c_int;
        __poll_chk(fds: *mut pollfd, count: nfds_t, milliseconds: c_int, size: size_t) -> c_int;
        ppoll(fds: *mut pollfd, count: nfds_t, time: *const timespec, mask: *const sigset_t) -> c_int;
        __ppoll_chk(
            fds: *mut pollfd, count: nfds_t, time: *const timespec, mask: *const sigset_t, size: size_t,
        ) -> c_int;
        select(
            end: c_int, read: *mut fd_set, write: *mut fd_set, except: *mut fd_set, time: *mut timeval,
        ) -> c_int;
        pselect(
            end: c_int, read: *mut fd_set, write: *mut fd_set, except: *mut fd_set, time: *const timespec,
            mask: *const sigset_t,
        ) -> c_int;
    }
}

/// poll(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn poll(fds: *mut pollfd, count: nfds_t, milliseconds: c_int) -> c_int {
    if milliseconds != 0
        && let Some(place) = place(Module::Select)
    {
        let deadline = after(u64::try_from(milliseconds).ok().map(Duration::from_millis));
        // SAFETY: by the prototype's contract.
        if let Some(result) = returned(unsafe { polled(place, fds, count, deadline) }) {
            return result;
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::poll(fds, count, milliseconds) }
}

/// poll(2), by callers that know the size of their list.
#[unsafe(no_mangle)]
unsafe extern "C" fn __poll_chk(fds: *mut pollfd, count: nfds_t, milliseconds: c_int, size: size_t) -> c_int {
    // SAFETY: by the prototype's contract. The C library ends the process if the list is too long.
    unsafe {
        match fits(count, size) {
            true => poll(fds, count, milliseconds),
            false => original::__poll_chk(fds, count, milliseconds, size),
        }
    }
}

/// Whether a list has so many bytes.
fn fits(count: nfds_t, size: size_t) -> bool {
    usize::try_from(count).is_ok_and(|count| count <= size / size_of::<pollfd>())
}

/// ppoll(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn ppoll(fds: *mut pollfd, count: nfds_t, time: *const timespec, mask: *const sigset_t) -> c_int {
    if let Some(place) = place(Module::Select)
        // SAFETY: by the prototype's contract.
        && let Some(deadline) = unsafe { limit(time, mask) }
        // SAFETY: by the prototype's contract.
        && let Some(result) = returned(unsafe { polled(place, fds, count, deadline) })
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::ppoll(fds, count, time, mask) }
}

/// ppoll(2), by callers that know the size of their list.
#[unsafe(no_mangle)]
unsafe extern "C" fn __ppoll_chk(
    fds: *mut pollfd,
    count: nfds_t,
    time: *const timespec,
    mask: *const sigset_t,
    size: size_t,
) -> c_int {
    // SAFETY: by the prototype's contract. The C library ends the process if the list is too long.
    unsafe {
        match fits(count, size) {
            true => ppoll(fds, count, time, mask),
            false => original::__ppoll_chk(fds, count, time, mask, size),
        }
    }
}

/// When the time is over. None if there is nothing to wait for, or the kernel is to refuse the time.
///
/// # Safety
/// The pointer is null, or that of a time.
pub(super) unsafe fn deadline(time: *const timespec) -> Option<Option<Instant>> {
    if time.is_null() {
        return Some(None);
    }
    // SAFETY: by this function's contract.
    let time = unsafe { duration(time) }?;
    (!time.is_zero()).then(|| after(Some(time)))
}

/// As [`deadline`]; None, too, if the mask is one for the kernel.
///
/// # Safety
/// Each pointer is null, or that of a time or of a set.
pub(super) unsafe fn limit(time: *const timespec, mask: *const sigset_t) -> Option<Option<Instant>> {
    // SAFETY: by this function's contract.
    unsafe { is_usual_mask(mask).then(|| deadline(time)).flatten() }
}

/// # Safety
/// As for poll(2).
unsafe fn polled(place: Place, fds: *mut pollfd, count: nfds_t, deadline: Option<Instant>) -> Result<c_int, Failed> {
    let interests = || {
        let entry = |index| {
            // SAFETY: by this function's contract. The kernel has just read and written all entries.
            let entry = unsafe { &*fds.add(index) };
            let bits = entry.events as u16;
            // The kernel looks for nothing else.
            const KNOWN: c_short = libc::POLLIN
                | libc::POLLPRI
                | libc::POLLOUT
                | libc::POLLRDNORM
                | libc::POLLRDBAND
                | libc::POLLWRNORM
                | libc::POLLWRBAND
                | libc::POLLRDHUP
                | MSG;
            const MSG: c_short = 0x400;
            (entry.fd >= 0).then_some((entry.fd, u32::from(bits & KNOWN as u16)))
        };
        (0..count as usize).filter_map(entry)
    };
    // SAFETY: by this function's contract.
    until_ready(place, deadline, interests, || unsafe { original::poll(fds, count, 0) })
}

/// select(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn select(
    end: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    time: *mut timeval,
) -> c_int {
    if let Some(place) = place(Module::Select)
        // SAFETY: by the prototype's contract.
        && let Some(deadline) = unsafe { select_deadline(time) }
        // SAFETY: by the prototype's contract.
        && let Some(sets) = unsafe { Sets::copy(end, [read, write, except]) }
    {
        let result = returned(sets.selected(place, deadline));
        // SAFETY: by the prototype's contract.
        if let (Some(time), Some(deadline)) = (unsafe { time.as_mut() }, deadline) {
            let left = deadline.saturating_duration_since(Instant::now());
            time.tv_sec = time_t::try_from(left.as_secs()).unwrap_or(time_t::MAX);
            time.tv_usec = left.subsec_micros().into();
        }
        if let Some(result) = result {
            return result;
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::select(end, read, write, except, time) }
}

/// As [`deadline`].
///
/// # Safety
/// The pointer is null, or that of a time.
unsafe fn select_deadline(time: *const timeval) -> Option<Option<Instant>> {
    // SAFETY: by this function's contract.
    let Some(time) = (unsafe { time.as_ref() }) else {
        return Some(None);
    };
    let (seconds, microseconds) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_usec).ok()?);
    let time = Duration::from_secs(seconds).checked_add(Duration::from_micros(microseconds))?;
    (!time.is_zero()).then(|| after(Some(time)))
}

/// pselect(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn pselect(
    end: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    time: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    if let Some(place) = place(Module::Select)
        // SAFETY: by the prototype's contract.
        && let Some(deadline) = unsafe { limit(time, mask) }
        // SAFETY: by the prototype's contract.
        && let Some(sets) = unsafe { Sets::copy(end, [read, write, except]) }
        && let Some(result) = returned(sets.selected(place, deadline))
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::pselect(end, read, write, except, time, mask) }
}

/// The sets of a select, as the caller has given them. They may be larger than an `fd_set`.
struct Sets {
    end: c_int,
    /// The caller's: for reading, for writing, for exceptional conditions. Each is null or has the words that `end`
    /// takes.
    theirs: [*mut fd_set; 3],
    /// The words of these three, one behind the other; zeros for one that is null.
    words: Vec<u64>,
}

const WORD: usize = u64::BITS as usize;

/// For how many descriptors the process has places now. A select looks at no more of its sets, whatever it is asked
/// for, and programs rely on that.
fn places() -> Option<c_int> {
    let status = never_parks(|| std::fs::read_to_string("/proc/thread-self/status")).ok()?;
    let size = status.lines().find_map(|line| line.strip_prefix("FDSize:"))?;
    size.trim().parse().ok()
}

impl Sets {
    /// None if the kernel is to refuse the size, or must be the one to know how large the sets are.
    ///
    /// # Safety
    /// As for select(2).
    unsafe fn copy(end: c_int, theirs: [*mut fd_set; 3]) -> Option<Sets> {
        let end = match usize::try_from(end).ok()? {
            // Every set is so large.
            ..=libc::FD_SETSIZE => end,
            _ => end.min(places()?),
        };
        let count = (end as usize).div_ceil(WORD);
        let mut words = Vec::with_capacity(3 * count);
        for set in theirs {
            let set = set.cast::<u64>();
            words.extend((0..count).map(|index| match set.is_null() {
                true => 0,
                // SAFETY: by this function's contract. The kernel reads whole words, too.
                false => unsafe { set.add(index).read_unaligned() },
            }));
        }
        Some(Sets { end, theirs, words })
    }

    /// Writes the caller's sets as they were.
    fn restore(&self) {
        let count = self.words.len() / 3;
        for (index, set) in self.theirs.iter().enumerate().filter(|(_, set)| !set.is_null()) {
            let words = &self.words[index * count..][..count];
            // SAFETY: by the contract of `copy`, the caller's set has so many words, none of which is ours.
            unsafe { std::ptr::copy_nonoverlapping(words.as_ptr().cast::<u8>(), set.cast(), size_of_val(words)) };
        }
    }

    fn interests(&self) -> impl Iterator<Item = Interest> {
        let count = self.words.len() / 3;
        let end = self.end as usize;
        (0..count).flat_map(move |index| {
            let [read, write, except] = [0, 1, 2].map(|set| self.words[set * count + index]);
            let mut left = read | write | except;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                let has = |set: u64, bits: c_int| if set >> bit & 1 == 1 { bits as u32 } else { 0 };
                let bits = has(read, libc::EPOLLIN) | has(write, libc::EPOLLOUT) | has(except, libc::EPOLLPRI);
                Some((index * WORD + bit as usize, bits))
            })
            .take_while(move |(fd, _)| *fd < end)
            .map(|(fd, bits)| (fd as RawFd, bits))
        })
    }

    fn selected(&self, place: Place, deadline: Option<Instant>) -> Result<c_int, Failed> {
        let attempt = || {
            self.restore();
            let [read, write, except] = self.theirs;
            let mut none = timeval { tv_sec: 0, tv_usec: 0 };
            // SAFETY: by the contract of `copy`.
            unsafe { original::select(self.end, read, write, except, &raw mut none) }
        };
        let selected = until_ready(place, deadline, || self.interests(), attempt);
        if selected.is_err() {
            self.restore();
        }
        selected
    }
}
