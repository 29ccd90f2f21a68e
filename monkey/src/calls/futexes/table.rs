//! The table: who waits, by the address of the word.
//!
//! It has shelves, each with a lock and a list. The lock is held for a few steps, by code that neither parks nor
//! allocates. A waiter is on the stack of who waits, and in the list from [`Queued::join`] until it is called, or
//! leaves.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

use gevent_threading::Parker;
use greenlet_core::{Direct, is_virtual_thread};
use hub::has_hub;

use crate::guards::never_parks;

/// Somebody who waits.
pub(super) struct Waiter<'a> {
    address: usize,
    bitset: u32,
    /// The operating system's thread that it runs in.
    thread: usize,
    parker: &'a Parker,
    called: AtomicBool,
    /// Its place in the list, which belongs to the holder of the shelf's lock.
    links: UnsafeCell<Links>,
}

struct Links {
    number: u64,
    is_listed: bool,
    previous: *const Waiter<'static>,
    next: *const Waiter<'static>,
}

// SAFETY: the links are used with the shelf's lock only.
unsafe impl Sync for Waiter<'_> {}

impl<'a> Waiter<'a> {
    pub(super) fn new(address: usize, bitset: u32, parker: &'a Parker, thread: usize) -> Waiter<'a> {
        Waiter {
            address,
            bitset,
            thread,
            parker,
            called: AtomicBool::new(false),
            links: UnsafeCell::new(Links {
                number: 0,
                is_listed: false,
                previous: ptr::null(),
                next: ptr::null(),
            }),
        }
    }

    /// Whether it was called, and is in the list no more.
    pub(super) fn is_called(&self) -> bool {
        self.called.load(Ordering::Acquire)
    }

    pub(super) fn parker(&self) -> &Parker {
        self.parker
    }
}

/// A waiter in the table, until this is dropped. It must not be forgotten.
pub(super) struct Queued<'a, 'p> {
    waiter: &'a Waiter<'p>,
    _here: PhantomData<*const ()>,
}

impl<'a, 'p> Queued<'a, 'p> {
    /// Gets in line, if `is_expected` says so, which is called with the shelf's lock.
    pub(super) fn join(waiter: &'a Waiter<'p>, is_expected: impl FnOnce() -> bool) -> Option<Queued<'a, 'p>> {
        let shelf = shelf(waiter.address);
        // Counted first: see `wake`.
        shelf.count.fetch_add(1, Ordering::SeqCst);
        let is_listed = shelf.enter().join(waiter, is_expected);
        if !is_listed {
            shelf.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Queued {
            waiter,
            _here: PhantomData,
        })
    }

    /// Leaves, if it is in line still. Returns whether it was called before.
    pub(super) fn leave(self) -> bool {
        self.waiter.leave()
    }
}

impl Drop for Queued<'_, '_> {
    fn drop(&mut self) {
        self.waiter.leave();
    }
}

impl Waiter<'_> {
    /// Leaves, if it is in line still. Returns whether it was called before.
    pub(super) fn leave(&self) -> bool {
        if !self.is_called() {
            shelf(self.address).enter().remove(self);
        }
        self.is_called()
    }
}

/// A part of the table.
#[repr(align(64))]
struct Shelf {
    /// How many wait here, or are about to.
    count: AtomicU32,
    /// How many carriers wait in the kernel for words of this shelf, or are about to.
    in_kernel: AtomicU32,
    is_locked: AtomicBool,
    list: UnsafeCell<List>,
}

struct List {
    first: *const Waiter<'static>,
    last: *const Waiter<'static>,
    /// The number of the one that has come last.
    number: u64,
}

// SAFETY: the list is used with the lock only.
unsafe impl Sync for Shelf {}

const SHELVES: usize = 256;

static TABLE: [Shelf; SHELVES] = [const {
    Shelf {
        count: AtomicU32::new(0),
        in_kernel: AtomicU32::new(0),
        is_locked: AtomicBool::new(false),
        list: UnsafeCell::new(List {
            first: ptr::null(),
            last: ptr::null(),
            number: 0,
        }),
    }
}; SHELVES];

#[inline]
fn shelf(address: usize) -> &'static Shelf {
    let mixed = (address as u64 >> 2).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    &TABLE[(mixed >> 56) as usize]
}

impl Shelf {
    fn enter(&'static self) -> Entered {
        let direct = Direct::begin();
        self.lock();
        Entered {
            shelf: self,
            _direct: direct,
        }
    }

    fn lock(&self) {
        let mut tries = 0_u32;
        while self.is_locked.swap(true, Ordering::Acquire) {
            while self.is_locked.load(Ordering::Relaxed) {
                tries += 1;
                match tries % 64 {
                    // Its holder may have been preempted.
                    0 => give_way(),
                    _ => std::hint::spin_loop(),
                }
            }
        }
    }

    fn unlock(&self) {
        self.is_locked.store(false, Ordering::Release);
    }
}

/// sched_yield(2), which never parks.
fn give_way() {
    // SAFETY: the call has no arguments, and always succeeds.
    unsafe { super::original::syscall(libc::SYS_sched_yield, 0, 0, 0, 0, 0, 0) };
}

/// The lock of a shelf.
struct Entered {
    shelf: &'static Shelf,
    _direct: Direct,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.shelf.unlock();
    }
}

impl Entered {
    fn list(&mut self) -> &mut List {
        // SAFETY: this has the lock.
        unsafe { &mut *self.shelf.list.get() }
    }

    fn join(&mut self, waiter: &Waiter<'_>, is_expected: impl FnOnce() -> bool) -> bool {
        if !is_expected() {
            return false;
        }
        let list = self.list();
        list.number += 1;
        let this = ptr::from_ref(waiter).cast::<Waiter<'static>>();
        // SAFETY: this has the lock. Who is in the list stays where it is until it has left, as it leaves before it
        // returns, and before its stack is given up.
        unsafe {
            *waiter.links.get() = Links {
                number: list.number,
                is_listed: true,
                previous: list.last,
                next: ptr::null(),
            };
            match list.last.as_ref() {
                None => list.first = this,
                Some(last) => (*last.links.get()).next = this,
            }
        }
        list.last = this;
        true
    }

    /// Takes a waiter out, if it is in the list.
    fn remove(&mut self, waiter: &Waiter<'_>) {
        let list = self.list();
        // SAFETY: as in `join`.
        unsafe {
            let links = &mut *waiter.links.get();
            if !links.is_listed {
                return;
            }
            links.is_listed = false;
            match links.previous.as_ref() {
                None => list.first = links.next,
                Some(previous) => (*previous.links.get()).next = links.next,
            }
            match links.next.as_ref() {
                None => list.last = links.previous,
                Some(next) => (*next.links.get()).previous = links.previous,
            }
        }
        self.shelf.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Calls the first `count` of those who are meant, and have come as number `last` or before. They leave the list by
    /// that, and their parkers are put into `batch`. Ends when it is full. Returns how many were called.
    fn call(&mut self, batch: &mut Batch, count: u32, last: u64, is_meant: impl Fn(&Waiter<'_>) -> bool) -> u32 {
        let mut called = 0;
        let mut next = self.list().first;
        while called < count && !batch.is_full() {
            // SAFETY: as in `join`.
            let Some(waiter) = (unsafe { next.as_ref() }) else {
                break;
            };
            // SAFETY: as in `join`.
            let number = unsafe {
                let links = &*waiter.links.get();
                next = links.next;
                links.number
            };
            if number > last {
                break;
            }
            if is_meant(waiter) {
                self.remove(waiter);
                batch.push(waiter.parker.clone());
                called += 1;
                // From now on the waiter may be gone.
                waiter.called.store(true, Ordering::Release);
            }
        }
        called
    }
}

/// Parkers of some who were called, to be woken without the lock.
struct Batch {
    parkers: [Option<Parker>; Batch::SIZE],
    len: usize,
}

impl Batch {
    const SIZE: usize = 16;

    fn new() -> Batch {
        Batch {
            parkers: [const { None }; Batch::SIZE],
            len: 0,
        }
    }

    /// There is room for one more.
    fn push(&mut self, parker: Parker) {
        self.parkers[self.len] = Some(parker);
        self.len += 1;
    }

    /// Wakes them. Returns how many will never run again: their carriers have ended.
    fn wake(&mut self) -> u32 {
        let parkers = self.parkers[..self.len].iter_mut();
        let dead = parkers
            .filter_map(Option::take)
            .filter(|parker| !parker.unpark())
            .count();
        self.len = 0;
        dead as u32
    }

    fn is_full(&self) -> bool {
        self.len == Batch::SIZE
    }
}

/// Whether somebody may wait for the word, which has changed before this. Who waits counts himself before he looks at
/// it.
#[inline]
pub(super) fn may_have(address: usize) -> bool {
    fence(Ordering::SeqCst);
    shelf(address).count.load(Ordering::Relaxed) > 0
}

/// Has the kernel wait, which may be for the word.
pub(super) fn wait_in_kernel<R>(address: usize, wait: impl FnOnce() -> R) -> R {
    if !is_virtual_thread() && !has_hub() {
        return wait();
    }
    let in_kernel = &shelf(address).in_kernel;
    in_kernel.fetch_add(1, Ordering::SeqCst);
    let waited = wait();
    in_kernel.fetch_sub(1, Ordering::Relaxed);
    waited
}

/// Whether a carrier may wait for the word in the kernel. To be asked after [`may_have`].
pub(super) fn kernel_may_have_carrier(address: usize) -> bool {
    shelf(address).in_kernel.load(Ordering::Relaxed) > 0
}

/// Wakes those that wait for the word, with a bit in common, in the order in which they have come. Returns how many.
#[inline]
pub(super) fn wake(address: usize, count: u32, bitset: u32) -> u32 {
    match may_have(address) {
        true => never_parks(|| wake_some(shelf(address), address, count, bitset)),
        false => 0,
    }
}

#[cold]
#[inline(never)]
fn wake_some(shelf: &'static Shelf, address: usize, count: u32, bitset: u32) -> u32 {
    let errno = crate::wait::errno();
    let mut woken = 0;
    let mut batch = Batch::new();
    // Those that come again while this runs are not meant.
    let mut last = None;
    loop {
        {
            let mut entered = shelf.enter();
            let last = *last.get_or_insert(entered.list().number);
            woken += entered.call(&mut batch, count - woken, last, |waiter| {
                waiter.address == address && waiter.bitset & bitset != 0
            });
        }
        let is_full = batch.is_full();
        let dead = batch.wake();
        // The next ones get what was for them.
        woken -= dead.min(woken);
        if !is_full && dead == 0 {
            break;
        }
    }
    crate::wait::set_errno(errno);
    woken
}

/// Has the table right in the child of a fork, where only the thread lives that has forked.
///
/// The locks are held over the fork. Handlers of forks that were registered later run without them, before and after
/// it, and may wait and wake. So these here are registered first: when the program is loaded, and before those of the
/// hub, which wait for code that may be about to wake somebody.
#[used]
#[unsafe(link_section = ".init_array.101")]
static REGISTER: extern "C" fn() = register;

extern "C" fn register() {
    // SAFETY: the functions stay, as the program does not unload itself.
    unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child)) };
}

unsafe extern "C" fn before_fork() {
    TABLE.iter().for_each(Shelf::lock);
}

unsafe extern "C" fn after_fork() {
    TABLE.iter().for_each(Shelf::unlock);
}

unsafe extern "C" fn in_child() {
    let here = gevent_threading::os_thread();
    for shelf in &TABLE {
        let mut entered = Entered {
            shelf,
            _direct: Direct::begin(),
        };
        let mut next = entered.list().first;
        shelf.count.store(0, Ordering::Relaxed);
        // The only thread that is left does not wait.
        shelf.in_kernel.store(0, Ordering::Relaxed);
        // SAFETY: the lock was taken before the fork; the stacks of the other threads are there still.
        while let Some(waiter) = unsafe { next.as_ref() } {
            shelf.count.fetch_add(1, Ordering::Relaxed);
            // SAFETY: as above.
            next = unsafe { (*waiter.links.get()).next };
            if waiter.thread != here {
                entered.remove(waiter);
            }
        }
    }
}
