//! `std::thread::park` of plain greenlets.
//!
//! It waits for a word that belongs to the operating system's thread, and takes it that this parks once at a time. All
//! greenlets of the thread have the same. So each wake-up is for all of them, as none knows which is meant, and those
//! that are not meant park again: whoever calls `park` has to reckon with wake-ups for no reason. (std's and crossbeam's
//! channels are built on it.)
//!
//! Where the word is, and what std writes into it, is found by watching a thread of std's that parks.

use std::cell::Cell;
use std::mem::{size_of, transmute_copy};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use gevent_threading::os_thread;

use super::table::{self, Waiter};
use super::waits::{Spare, wait_as};
use crate::deadline::Deadline;
use crate::guards::never_parks;
use crate::wait::Failed;

/// The word of a thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Park {
    /// How far it is from where the thread's handle points.
    offset: usize,
    parked: u32,
    notified: u32,
}

/// What was learnt of std; None if it parks in another way.
static KNOWN: OnceLock<Option<Park>> = OnceLock::new();

thread_local! {
    /// The word that this thread has waited for, while it is watched, and the value it expects.
    static WATCHED: Cell<Option<(usize, u32)>> = const { Cell::new(None) };
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Told of each wait that is the kernel's.
#[inline]
pub(super) fn watch(address: usize, expected: u32) {
    if IS_WATCHED.get() {
        WATCHED.set(Some((address, expected)));
    }
}

/// Learns how std parks. To be called in a fresh thread of std's.
pub(crate) fn learn() {
    KNOWN.get_or_init(look);
}

fn look() -> Option<Park> {
    let handle = handle(&thread::current())?;
    IS_WATCHED.set(true);
    thread::park_timeout(Duration::from_nanos(1));
    IS_WATCHED.set(false);
    let (address, parked) = WATCHED.take()?;
    let offset = address.checked_sub(handle).filter(|offset| *offset < 1 << 10)?;
    // SAFETY: the thread has waited for this word, which is its own, and is there while the thread is.
    let word = unsafe { AtomicU32::from_ptr(address as *mut u32) };
    thread::current().unpark();
    let notified = word.load(Ordering::Relaxed);
    thread::park();
    let empty = word.load(Ordering::Relaxed);
    let differ = parked != notified && notified != empty && empty != parked;
    differ.then_some(Park {
        offset,
        parked,
        notified,
    })
}

/// Where the handle of a thread points.
fn handle(thread: &Thread) -> Option<usize> {
    // SAFETY: a handle of this size is a pointer, or at least plain bytes of which nothing is asked but an address.
    (size_of::<Thread>() == size_of::<usize>()).then(|| unsafe { transmute_copy::<Thread, usize>(thread) })
}

/// How std parks the calling thread, if it does so by this word.
pub(super) fn own(address: usize) -> Option<Park> {
    let known = (*KNOWN.get()?)?;
    let handle = handle(&thread::current())?;
    (handle + known.offset == address).then_some(known)
}

impl Park {
    /// Parks the greenlet until somebody unparks the thread. The word may be as another greenlet has left it.
    pub(super) fn wait(self, address: usize, word: &AtomicU32, deadline: Option<Deadline>) -> Result<(), Failed> {
        let spare = Spare::take();
        let waiter = Waiter::new(address, u32::MAX, spare.parker(), os_thread()).shared();
        let parks = |value| (value != self.notified).then_some(self.parked);
        let begins = || word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, parks).is_ok();
        let waited = wait_as(&waiter, deadline, begins);
        match waited {
            // This was notified, and the others may be meant.
            Err(Failed::Errno(libc::EAGAIN)) => _ = table::wake(address, 1, u32::MAX),
            // std is to find its notice, whoever has taken it before.
            Ok(()) => word.store(self.notified, Ordering::SeqCst),
            Err(_) => {}
        }
        if table::has(address) {
            self.rearm_soon(address);
        }
        waited
    }

    /// std sets the word back when this greenlet goes on, as if nobody else waited. The hub puts that right as soon as
    /// the greenlet waits for anything.
    fn rearm_soon(self, address: usize) {
        let hub = never_parks(hub::get_hub_if_exists);
        if let Some(hub) = hub {
            // It fails if the loop is destroyed, and nobody waits then.
            let _ = hub.loop_().run_callback(move || self.rearm(address));
        }
    }

    /// Called in the hub, where no greenlet of the thread is in the middle of a park.
    fn rearm(self, address: usize) {
        if !table::has(address) {
            return;
        }
        // SAFETY: somebody waits for the word, so that it is there.
        let word = unsafe { AtomicU32::from_ptr(address as *mut u32) };
        let parks = |value| (value != self.notified).then_some(self.parked);
        if word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, parks).is_err() {
            table::wake(address, 1, u32::MAX);
        }
    }
}
