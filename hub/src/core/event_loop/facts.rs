//! [`Facts`]: what a loop tells other threads about itself, for their `Debug` output and their questions.
//!
//! Other threads read nothing of a loop but these numbers, and whether somebody else waits in its place. The loop's own
//! thread writes them where it works on the loop anyway: when it makes the loop, in each round of callbacks right
//! before the wait, at the end of each run, and when it destroys the loop. Each number is an atomic of its own, and
//! nothing is reached through it (a descriptor may be closed and another one by the time somebody uses it), so they are
//! written and read without any order: what a thread reads is what held in some recent round, and two numbers need not
//! be of the same round.

use std::fmt;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize};

use libev_sys as ev;
use libev_sys::ev_loop;

use crate::core::event_loop::flags::LoopFlags;
use crate::core::event_loop::forking::ForkMutex;
use crate::core::event_loop::outer_wait::Outside;

#[derive(Default)]
pub(in crate::core) struct Facts {
    /// The address that the loop's `Debug` output shows.
    at: AtomicUsize,
    alive: AtomicBool,
    is_default: AtomicBool,
    backend: AtomicU32,
    iteration: AtomicU32,
    pendingcnt: AtomicU32,
    activecnt: AtomicI32,
    fileno: AtomicI32,
    outside: ForkMutex<Option<Outside>>,
}

impl Facts {
    /// Says that there is a loop.
    ///
    /// # Safety
    /// The loop is alive, and this is its thread.
    pub(in crate::core) unsafe fn begin(&self, at: usize, is_default: bool, raw_loop: *mut ev_loop) {
        self.at.store(at, Relaxed);
        self.is_default.store(is_default, Relaxed);
        // SAFETY: by this function's contract.
        unsafe {
            self.backend.store(ev::ev_backend(raw_loop), Relaxed);
            self.publish(raw_loop);
        }
        self.alive.store(true, Relaxed);
    }

    /// Says that there is a `Loop`, and no loop.
    pub(in crate::core) fn gone(&self, at: usize) {
        self.at.store(at, Relaxed);
    }

    /// Says that the loop is destroyed.
    pub(in crate::core) fn end(&self) {
        self.alive.store(false, Relaxed);
    }

    /// Says how the loop is.
    ///
    /// # Safety
    /// The loop is alive, and this is its thread.
    #[inline]
    pub(in crate::core) unsafe fn publish(&self, raw_loop: *mut ev_loop) {
        // SAFETY: by this function's contract; the functions only read.
        unsafe {
            self.iteration.store(ev::ev_iteration(raw_loop), Relaxed);
            self.pendingcnt.store(ev::ev_pending_count(raw_loop), Relaxed);
            self.activecnt.store(ev::ev_shim_loop_activecnt(raw_loop), Relaxed);
            self.fileno.store(ev::ev_shim_loop_backend_fd(raw_loop), Relaxed);
        }
    }

    /// Says that somebody waits in the loop's place from now on, or not any more.
    pub(in crate::core) fn set_outside(&self, outside: Option<Outside>) {
        let before = std::mem::replace(&mut *self.outside.lock(), outside);
        drop(before);
    }

    /// The wait of somebody in the loop's place, if it goes on.
    pub(in crate::core) fn outside(&self) -> Option<Outside> {
        self.outside.lock().clone()
    }

    pub(in crate::core) fn is_alive(&self) -> bool {
        self.alive.load(Relaxed)
    }

    pub(in crate::core) fn is_default(&self) -> bool {
        self.is_default.load(Relaxed)
    }

    pub(in crate::core) fn backend(&self) -> LoopFlags {
        LoopFlags::from_bits(self.backend.load(Relaxed))
    }

    pub(in crate::core) fn iteration(&self) -> u32 {
        self.iteration.load(Relaxed)
    }

    pub(in crate::core) fn pendingcnt(&self) -> u32 {
        self.pendingcnt.load(Relaxed)
    }

    /// `None` if the linked libev does not tell.
    pub(in crate::core) fn activecnt(&self) -> Option<i32> {
        Some(self.activecnt.load(Relaxed)).filter(|count| *count != ev::EV_SHIM_UNAVAILABLE)
    }

    pub(in crate::core) fn fileno(&self) -> Option<RawFd> {
        Some(self.fileno.load(Relaxed)).filter(|fd| *fd >= 0)
    }
}

impl fmt::Debug for Facts {
    /// gevent's repr: `<loop at 0x.. epoll default pending=0 ref=0 fileno=3>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<loop at {:#x}", self.at.load(Relaxed))?;
        if !self.is_alive() {
            return f.write_str(" destroyed>");
        }
        write!(f, " {}", self.backend().to_name())?;
        if self.is_default() {
            f.write_str(" default")?;
        }
        write!(f, " pending={}", self.pendingcnt())?;
        if let Some(count) = self.activecnt() {
            write!(f, " ref={count}")?;
        }
        if let Some(fd) = self.fileno() {
            write!(f, " fileno={fd}")?;
        }
        f.write_str(">")
    }
}
