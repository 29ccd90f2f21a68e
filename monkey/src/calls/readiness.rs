//! Waits for the readiness of several descriptors, for the calls that ask for it.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use hub::core::Events;
use libc::{c_int, epoll_event};

use super::signals::{blockable, blocked};
use crate::place::Place;
use crate::wait::{Failed, errno, set_errno};

/// A descriptor, and what of it is waited for: the bits of poll(2), which are those of epoll(7), too. Errors and
/// hang-ups always are.
pub(crate) type Interest = (RawFd, u32);

/// How many watchers of the hub's loop a call takes at most.
const FEW: usize = 16;

/// How often the loop may say that something is ready, and the kernel that nothing is, before it is not asked again.
const IN_VAIN: u32 = 2;

/// Calls `attempt`, which does not block, until it returns something else than 0, or the time is over, and returns
/// that. Between, the caller is parked until something of what interests is ready. The `errno` is that of `attempt` if
/// it fails, and else stays as it was.
///
/// Fails with `EBADF` if a descriptor is closed meanwhile, and `attempt` does not tell.
pub(crate) fn until_ready<I: Iterator<Item = Interest>>(
    place: Place,
    deadline: Option<Instant>,
    interests: impl Fn() -> I,
    attempt: impl FnMut() -> c_int,
) -> Result<c_int, Failed> {
    let before = errno();
    let ended = attempts(place, deadline, interests, attempt);
    if let Ok(0..) = ended {
        set_errno(before);
    }
    ended
}

fn attempts<I: Iterator<Item = Interest>>(
    place: Place,
    deadline: Option<Instant>,
    interests: impl Fn() -> I,
    mut attempt: impl FnMut() -> c_int,
) -> Result<c_int, Failed> {
    let mut waits = 0;
    let mut epoll = None;
    loop {
        let result = attempt();
        if result != 0 || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(result);
        }
        let waited = match few(interests()).filter(|_| waits < IN_VAIN) {
            Some((few, count)) => place.wait_any(&few[..count], deadline),
            None => match &epoll {
                Some(epoll) => Epoll::wait(epoll, place, deadline),
                None => Epoll::new(interests()).and_then(|made| epoll.insert(made).wait(place, deadline)),
            },
        };
        waits += 1;
        match waited {
            Ok(_) => {}
            Err(Failed::Errno(libc::EBADF)) => {
                return match attempt() {
                    0 => Err(Failed::Errno(libc::EBADF)),
                    result => Ok(result),
                };
            }
            Err(failed) => return Err(failed),
        }
    }
}

/// What the loop's own watchers are to watch. None if they are too many, or do not know the events.
fn few(interests: impl Iterator<Item = Interest>) -> Option<([(RawFd, Events); FEW], usize)> {
    let mut few = [(-1, Events::NONE); FEW];
    let mut count = 0;
    for (fd, bits) in interests {
        *few.get_mut(count)? = (fd, events(bits)?);
        count += 1;
    }
    Some((few, count))
}

/// The events of the loop that mean just this.
fn events(bits: u32) -> Option<Events> {
    const IN: u32 = libc::EPOLLIN as u32;
    const OUT: u32 = libc::EPOLLOUT as u32;
    const ALWAYS: u32 = (libc::EPOLLERR | libc::EPOLLHUP) as u32;
    match bits & !ALWAYS {
        IN => Some(Events::READ),
        OUT => Some(Events::WRITE),
        both if both == IN | OUT => Some(Events::READWRITE),
        _ => None,
    }
}

/// Any number of descriptors, and any events: an epoll(7) of our own, which the loop watches.
///
/// It tells of changes alone. So what is always ready in its eyes, but not in those of the call, does not wake it again
/// and again: the exceptional condition of select(2) is not there because of a hang-up, for instance.
struct Epoll {
    fd: OwnedFd,
    /// The descriptors, whose end ends the wait.
    all: Vec<(RawFd, Events)>,
}

impl Epoll {
    fn new(interests: impl Iterator<Item = Interest>) -> Result<Epoll, Failed> {
        // SAFETY: the call takes any flags.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(Failed::MustBlock);
        }
        // SAFETY: the descriptor is new, and ours.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut interests: Vec<_> = interests.collect();
        interests.sort_unstable_by_key(|(fd, _)| *fd);
        // Each descriptor is in an epoll once.
        interests.dedup_by(|(fd, bits), (earlier, all)| {
            let same = fd == earlier;
            if same {
                *all |= *bits;
            }
            same
        });
        for (watched, bits) in &interests {
            let mut event = epoll_event {
                events: bits | libc::EPOLLET as u32,
                u64: 0,
            };
            // SAFETY: the event is a variable.
            let added = unsafe { libc::epoll_ctl(fd.as_raw_fd(), libc::EPOLL_CTL_ADD, *watched, &raw mut event) };
            match added {
                0 => {}
                // A file that cannot be waited for: what it is ready for, the call has told already.
                _ if errno() == libc::EPERM => {}
                _ if errno() == libc::EBADF => return Err(Failed::Errno(libc::EBADF)),
                _ => return Err(Failed::MustBlock),
            }
        }
        let all = interests.into_iter().map(|(fd, _)| (fd, Events::NONE)).collect();
        Ok(Epoll { fd, all })
    }

    fn wait(&self, place: Place, deadline: Option<Instant>) -> Result<bool, Failed> {
        let waited = place.wait_on(&[(self.fd.as_raw_fd(), Events::READ)], &self.all, deadline);
        self.forget();
        waited
    }

    /// Takes what it tells, so that it is silent until the next change.
    fn forget(&self) {
        const MANY: usize = 64;
        let mut events = [epoll_event { events: 0, u64: 0 }; MANY];
        loop {
            // SAFETY: the events are as many as is said. The call returns at once, wherever it ends up.
            let told = unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events.as_mut_ptr(), MANY as c_int, 0) };
            if told < MANY as c_int {
                return;
            }
        }
    }
}

/// When a time from now is over. None if that is never.
pub(crate) fn after(time: Option<Duration>) -> Option<Instant> {
    Instant::now().checked_add(time?)
}

/// Whether a call with this signal mask is one without: there is none, or it blocks what the thread blocks anyway.
///
/// Otherwise the call is to unblock signals exactly while it waits, and ends by them, which only the kernel can do.
///
/// # Safety
/// The pointer is null, or that of a set.
pub(crate) unsafe fn is_usual_mask(mask: *const libc::sigset_t) -> bool {
    if mask.is_null() {
        return true;
    }
    let now = blocked();
    blockable().all(|signal| {
        // SAFETY: by this function's contract.
        unsafe { libc::sigismember(mask, signal) == libc::sigismember(&raw const now, signal) }
    })
}
