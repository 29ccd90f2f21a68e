//! Descriptors that are closed while somebody waits for them: he gets an `EBADF`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

use greenlet_core::{Exception, ThreadSlot};
use hub::core::{Events, ForkMutex, ThreadsafeLoop};
use hub::{Context, Hub, Park, Resume, get_hub_if_exists};

use crate::guards::{in_handler, never_parks};

/// Who waits for a descriptor, in the shelf of its number. The locks are held for a few instructions, by nobody who
/// parks meanwhile.
static WAITING: [ForkMutex<Vec<Waiting>>; SHELVES] = [const { ForkMutex::new(Vec::new()) }; SHELVES];
const SHELVES: usize = 1024;
/// How many are there, in all.
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Waiting {
    fd: RawFd,
    /// The number of the wait, which is never used twice.
    wait: u64,
    loop_: ThreadsafeLoop,
}

/// The descriptor was closed: what is thrown into the waits for it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the descriptor was closed")]
pub(crate) struct Closed;

thread_local! {
    /// The waits of this thread, by number. They cannot be sent to the threads that end them.
    static WAITS: ThreadSlot<BTreeMap<u64, Resume>> =
        const { ThreadSlot::new(BTreeMap::new(), || WAITS.with(ThreadSlot::clear)) };
}

fn shelf(fd: RawFd) -> &'static ForkMutex<Vec<Waiting>> {
    &WAITING[fd as usize % SHELVES]
}

/// A wait in the list, until this is dropped.
pub(crate) struct Listed<'a> {
    wait: u64,
    fds: &'a [(RawFd, Events)],
    /// Of how many of the descriptors it is still in the list.
    left: usize,
}

impl<'a> Listed<'a> {
    pub(crate) fn new(hub: &Hub, park: &Park, fds: &'a [(RawFd, Events)]) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let wait = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let old = WAITS.with(|slot| slot.with(|waits| waits.borrow_mut().insert(wait, park.resume())));
        drop(old);
        know_process();
        COUNT.fetch_add(1, Ordering::SeqCst);
        for (fd, _) in fds {
            let loop_ = hub.loop_().threadsafe();
            shelf(*fd).lock().push(Waiting { fd: *fd, wait, loop_ });
        }
        let left = fds.len();
        Listed { wait, fds, left }
    }

    /// Takes the wait out of the list. Fails if a descriptor was closed meanwhile: its number may be that of another
    /// file by now, whatever has ended the wait.
    pub(crate) fn end(mut self) -> Result<(), Closed> {
        match self.take_out() {
            true => Ok(()),
            false => Err(Closed),
        }
    }

    /// Whether it was there for each descriptor.
    fn take_out(&mut self) -> bool {
        let fds = &self.fds[..std::mem::take(&mut self.left)];
        let mut all = true;
        for (fd, _) in fds {
            let taken = {
                let mut waiting = shelf(*fd).lock();
                let place = (waiting.iter()).position(|waiting| (waiting.wait, waiting.fd) == (self.wait, *fd));
                place.map(|place| waiting.swap_remove(place))
            };
            all &= taken.is_some();
        }
        all
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.take_out();
        COUNT.fetch_sub(1, Ordering::SeqCst);
        let resume = WAITS.with(|slot| slot.with(|waits| waits.borrow_mut().remove(&self.wait)));
        drop(resume);
    }
}

/// To be called before a descriptor is closed: whoever waits for it is woken.
#[inline]
pub(crate) fn closing(fd: RawFd) {
    if fd >= 0 && anybody_waits() {
        never_parks(|| wake(fd..=fd));
    }
}

/// [`closing`] for all descriptors of a range.
pub(crate) fn closing_all(fds: RangeInclusive<RawFd>) {
    if anybody_waits() {
        never_parks(|| wake(fds));
    }
}

/// Whether anybody waits for any descriptor who can be woken. In a signal handler nobody can: it may have interrupted
/// code that has the lock, or the allocator.
#[inline]
pub(crate) fn anybody_waits() -> bool {
    COUNT.load(Ordering::SeqCst) > 0 && !in_handler()
}

#[cold]
fn wake(fds: RangeInclusive<RawFd>) {
    let (first, last) = (*fds.start(), *fds.end());
    // Those of a few descriptors, or all.
    let last = last.min(first.saturating_add(SHELVES as RawFd - 1));
    for fd in first..=last {
        let woken: Vec<_> = {
            let mut waiting = shelf(fd).lock();
            if waiting.iter().any(|waiting| fds.contains(&waiting.fd)) && !is_own_process() {
                return;
            }
            waiting.extract_if(.., |waiting| fds.contains(&waiting.fd)).collect()
        };
        for Waiting { wait, loop_, .. } in woken {
            // If the loop is destroyed, nobody waits.
            let _ = loop_.run_callback_threadsafe(move || throw_closed(wait));
        }
    }
}

/// The process whose memory this is; 0 before anybody waits.
static PROCESS: AtomicI32 = AtomicI32::new(0);

#[inline]
fn know_process() {
    if PROCESS.load(Ordering::Relaxed) == 0 {
        extern "C" fn set() {
            // SAFETY: no conditions.
            PROCESS.store(unsafe { libc::getpid() }, Ordering::Relaxed);
        }
        // SAFETY: the function stores a number, which the child of a fork may do. Twice is as good as once.
        unsafe { libc::pthread_atfork(None, None, Some(set)) };
        set();
    }
}

/// Whether descriptors that are closed here are those of the threads that wait. The child of a `vfork` has the memory
/// of its parent, but descriptors of its own.
fn is_own_process() -> bool {
    // SAFETY: no conditions.
    PROCESS.load(Ordering::Relaxed) == unsafe { libc::getpid() }
}

/// Ends a wait of this thread's hub, in which this runs.
fn throw_closed(wait: u64) {
    let resume = WAITS.with(|slot| slot.with(|waits| waits.borrow().get(&wait).cloned()));
    let (Some(resume), Some(hub)) = (resume.flatten(), get_hub_if_exists()) else {
        return;
    };
    if let Err(exception) = resume.throw(Exception::new(Closed)) {
        hub.report_error(Context::Throw(resume.greenlet()), exception);
    }
}
