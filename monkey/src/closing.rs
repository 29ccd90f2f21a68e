//! Descriptors that are closed while somebody waits for them: he gets an `EBADF`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use greenlet_core::{Exception, ThreadSlot};
use hub::core::{Events, ThreadsafeLoop};
use hub::{Context, Hub, Park, Resume, get_hub_if_exists};
use parking_lot::Mutex;

use crate::guards::never_parks;

/// Who waits for a descriptor, in the shelf of its number. The locks are held for a few instructions, by nobody who
/// parks meanwhile.
static WAITING: [Mutex<Vec<Waiting>>; SHELVES] = [const { Mutex::new(Vec::new()) }; SHELVES];
const SHELVES: usize = 64;
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

fn shelf(fd: RawFd) -> &'static Mutex<Vec<Waiting>> {
    &WAITING[fd as usize % SHELVES]
}

/// A wait in the list, until this is dropped.
pub(crate) struct Listed<'a> {
    wait: u64,
    fds: &'a [(RawFd, Events)],
}

impl<'a> Listed<'a> {
    pub(crate) fn new(hub: &Hub, park: &Park, fds: &'a [(RawFd, Events)]) -> Result<Self, Exception> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let wait = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let old = WAITS.with(|slot| slot.with(|waits| waits.borrow_mut().insert(wait, park.resume())));
        drop(old);
        let listed = Listed { wait, fds };
        COUNT.fetch_add(1, Ordering::SeqCst);
        for (fd, _) in fds {
            let loop_ = hub.loop_().threadsafe();
            shelf(*fd).lock().push(Waiting { fd: *fd, wait, loop_ });
        }
        Ok(listed)
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        for (fd, _) in self.fds {
            let left = {
                let mut waiting = shelf(*fd).lock();
                let place = waiting.iter().position(|waiting| waiting.wait == self.wait);
                place.map(|place| waiting.swap_remove(place))
            };
            drop(left);
        }
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

/// Whether anybody waits for any descriptor.
#[inline]
pub(crate) fn anybody_waits() -> bool {
    COUNT.load(Ordering::SeqCst) > 0
}

#[cold]
fn wake(fds: RangeInclusive<RawFd>) {
    let (first, last) = (*fds.start(), *fds.end());
    let shelves = match (last - first) as usize {
        few if few < SHELVES => first..=last,
        _ => 0..=SHELVES as RawFd - 1,
    };
    let woken: Vec<_> = shelves
        .flat_map(|fd| {
            let mut waiting = shelf(fd).lock();
            let woken: Vec<_> = waiting.extract_if(.., |waiting| fds.contains(&waiting.fd)).collect();
            woken
        })
        .collect();
    for Waiting { wait, loop_, .. } in woken {
        // If the loop is destroyed, nobody waits.
        let _ = loop_.run_callback_threadsafe(move || throw_closed(wait));
    }
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
