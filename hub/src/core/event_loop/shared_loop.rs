//! [`SharedLoop`]: the `ev_loop` behind one or more [`Loop`](crate::core::Loop) objects, its owner and its end.
//!
//! A thread's `Loop`s for one `ev_loop` share a [`SharedLoop`], found in the thread's registry. So when the `ev_loop`
//! is destroyed through one of them, all of them know, even if libev later makes a new default loop at the same
//! address.
//!
//! A loop is never freed while a run of it is on some stack (a callback may destroy the loop, and a greenlet may be
//! parked inside a callback). The loop is marked [`Phase::Doomed`] instead, all its watchers are stopped, all its runs
//! are told to end, and it is freed after the last of them.

use std::cell::{Cell, RefCell};
use std::io;
use std::iter;
use std::mem::ManuallyDrop;
use std::rc::{Rc, Weak};

use greenlet_core::unwind::{call_each, drop_each};
use greenlet_core::{at_thread_end, thread_is_over};
use libev_sys as ev;
use libev_sys::ev_loop;

use crate::core::error::{CannotCreateLoop, DefaultLoopInUse, Error, SignalInUse};
use crate::core::event_loop::c_frames;
use crate::core::event_loop::flags::LoopFlags;
use crate::core::event_loop::forking::{ForkMutex, ThreadToken};
use crate::core::event_loop::loop_::Loop;
use crate::core::event_loop::parts::{Litter, LoopParts};
use crate::core::event_loop::syserr;
use crate::core::watchers::embed::{EmbedBody, WeakEmbed};
use crate::core::watchers::signal::SIGNAL_TABLE;
use crate::weak_list::WeakList;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Alive,
    /// Destroyed, and to be freed when its last run has ended.
    Doomed,
    /// Freed, by us or by other code.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Made by us: the last `Loop` destroys it.
    Us,
    /// libev's own: one per process, left in place.
    Default,
    /// Somebody else's, as in [`Loop::from_ptr`]: only an explicit `destroy` destroys it.
    Other,
}

pub(in crate::core) struct SharedLoop {
    pub(in crate::core) raw: *mut ev_loop,
    owner: Owner,
    phase: Cell<Phase>,
    loops: RefCell<WeakList<LoopParts>>,
    /// The started embed watchers, of other loops, that embed this one.
    embedded_by: RefCell<Vec<WeakEmbed>>,
    lease: Cell<Option<Lease>>,
}

/// A loop, with the `Loop`s that are kept until it can be freed.
type KeptLoop = (Rc<SharedLoop>, Vec<Loop>);

// These variables need no destructor, so they can be used while the thread ends, too.
thread_local! {
    /// All loops of this thread that are not freed.
    static REGISTRY: RefCell<ManuallyDrop<Vec<Weak<SharedLoop>>>> =
        const { RefCell::new(ManuallyDrop::new(Vec::new())) };
    /// Work to be done when a run has ended: the doomed loops that still run, with their `Loop`s, kept for their
    /// cleanup watchers; and `Loop`s that were dropped when libev could not be called.
    static DOOMED: RefCell<ManuallyDrop<Vec<KeptLoop>>> = const { RefCell::new(ManuallyDrop::new(Vec::new())) };
    /// Whether [`end_of_thread`] will be called.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// Ends all loops of the thread, at its end: see [`SharedLoop::end`].
fn end_of_thread() {
    let forget = || {
        // Loops that are left behind may still be in the registry.
        let registry = REGISTRY.with_borrow_mut(|registry| std::mem::take(&mut **registry));
        drop(registry);
    };
    let end_all = || call_each(registry().into_iter().map(|shared| move || shared.end()));
    let steps: [&dyn Fn(); 3] = [&end_all, &free_doomed, &forget];
    call_each(steps);
}

/// The thread that may use the default loop.
static DEFAULT_LOOP: ForkMutex<Option<ThreadToken>> = ForkMutex::new(None);

/// The right of this thread to use the default loop.
struct Lease;

impl Lease {
    /// In the child of a fork, a thread that stayed in the parent leaves its lease, and a default loop that it may have
    /// been changing just then. Its watchers belong to that thread, too. So libev forgets that loop.
    fn take() -> Result<Lease, DefaultLoopInUse> {
        let mut owner = DEFAULT_LOOP.lock();
        if let Some(thread) = *owner {
            // SAFETY: the thread that has the lease does not exist in this process, so nobody uses the loop; nobody
            // else is in libev's table of signals, which is locked.
            let forget = || unsafe {
                let _table = SIGNAL_TABLE.lock();
                ev::ev_shim_forget_default_loop() == 0
            };
            if !thread.stayed_in_parent() || !forget() {
                return Err(DefaultLoopInUse);
            }
        }
        *owner = Some(ThreadToken::here());
        Ok(Lease)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A loop that is left in place keeps SIGCHLD, for the next thread that takes the lease.
        SIGNAL_TABLE.lock().disown(libc::SIGCHLD);
        *DEFAULT_LOOP.lock() = None;
    }
}

impl SharedLoop {
    /// libev's default loop, which is made if there is none.
    pub(in crate::core) fn default(flags: LoopFlags) -> Result<Rc<SharedLoop>, Error> {
        if let Some(shared) = registered(|shared| shared.owner == Owner::Default) {
            return Ok(shared);
        }
        let lease = Lease::take()?;
        let raw = {
            // libev attaches SIGCHLD to the default loop, and asserts that no other loop has it.
            let mut table = SIGNAL_TABLE.lock();
            let taken = table.loop_of(libc::SIGCHLD);
            // SAFETY: no preconditions; the lease keeps other threads from making the default loop.
            if !taken.is_null() && taken != unsafe { ev::ev_shim_default_loop_ptr() } {
                return Err(SignalInUse(libc::SIGCHLD).into());
            }
            // SAFETY: we hold the lease and the table of signals, and no other loop has SIGCHLD, as just checked.
            let raw = unsafe { ev::ev_shim_default_loop(flags.bits()) };
            if !raw.is_null() {
                table.taken(libc::SIGCHLD);
            }
            raw
        };
        let shared = SharedLoop::new(raw, flags, Owner::Default)?;
        shared.lease.set(Some(lease));
        Ok(shared)
    }

    /// A new loop.
    pub(in crate::core) fn create(flags: LoopFlags) -> Result<Rc<SharedLoop>, Error> {
        // SAFETY: no preconditions.
        let raw = unsafe { ev::ev_shim_loop_new(flags.bits()) };
        SharedLoop::new(raw, flags, Owner::Us)
    }

    /// The `SharedLoop` of a loop that other code made.
    ///
    /// # Safety
    /// See [`Loop::from_ptr`].
    pub(in crate::core) unsafe fn adopt(raw: *mut ev_loop) -> Result<Rc<SharedLoop>, Error> {
        if let Some(shared) = registered(|shared| shared.raw == raw) {
            return Ok(shared);
        }
        // SAFETY: by this function's contract: the loop is alive.
        let (is_default, flags) = unsafe { (ev::ev_shim_is_default_loop(raw) != 0, ev::ev_backend(raw)) };
        let flags = LoopFlags::from_bits(flags);
        let lease = if is_default { Some(Lease::take()?) } else { None };
        // SAFETY: no preconditions.
        if is_default && unsafe { ev::ev_shim_is_default_loop(raw) } == 0 {
            // It was the loop of a thread that stayed in the parent of a fork.
            return Err(DefaultLoopInUse.into());
        }
        // SAFETY: by this function's contract: the loop is alive.
        if unsafe { ev::ev_shim_make_wakeup(raw) } != 0 {
            return Err(last_os_error(flags));
        }
        let owner = if is_default { Owner::Default } else { Owner::Other };
        let shared = SharedLoop::new(raw, flags, owner)?;
        shared.lease.set(lease);
        Ok(shared)
    }

    fn new(raw: *mut ev_loop, flags: LoopFlags, owner: Owner) -> Result<Rc<SharedLoop>, Error> {
        if raw.is_null() {
            return Err(last_os_error(flags));
        }
        // The userdata of a living loop is not null: that is how `is_still_default` knows it. Any value will do.
        // SAFETY: the loop is alive.
        unsafe {
            if ev::ev_userdata(raw).is_null() {
                ev::ev_set_userdata(raw, raw.cast());
            }
        }
        syserr::install();
        let shared = Rc::new(SharedLoop {
            raw,
            owner,
            phase: Cell::new(Phase::Alive),
            loops: RefCell::default(),
            embedded_by: RefCell::default(),
            lease: Cell::new(None),
        });
        REGISTRY.with_borrow_mut(|registry| registry.push(Rc::downgrade(&shared)));
        if !ENDS.replace(true) {
            at_thread_end(end_of_thread);
        }
        Ok(shared)
    }

    /// A `SharedLoop` without a loop.
    pub(in crate::core) fn gone() -> Rc<SharedLoop> {
        Rc::new(SharedLoop {
            raw: std::ptr::null_mut(),
            owner: Owner::Other,
            phase: Cell::new(Phase::Gone),
            loops: RefCell::default(),
            embedded_by: RefCell::default(),
            lease: Cell::new(None),
        })
    }

    pub(in crate::core) fn attach(&self, state: &Rc<LoopParts>) {
        self.loops.borrow_mut().push(Rc::downgrade(state));
        // The outer wait, if one is on, does not know of the new `Loop`.
        let first = self.loops.borrow().iter().find_map(Weak::upgrade);
        if let Some(first) = first.filter(|first| first.is_in_outer_wait()) {
            first.end_outer_wait();
        }
    }

    /// Begins or ends an outer wait, for all `Loop`s of this loop.
    pub(in crate::core) fn set_outer_wait(&self, on: bool) {
        let loops = self.loops.borrow();
        loops
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|state| state.set_outer_wait(on));
    }

    /// Whether a callback is queued, in whichever `Loop` of this loop.
    pub(in crate::core) fn has_queued(&self) -> bool {
        let loops = self.loops.borrow();
        loops.iter().filter_map(Weak::upgrade).any(|state| state.has_queued())
    }

    pub(in crate::core) fn is_default(&self) -> bool {
        self.owner == Owner::Default
    }

    /// The `Loop` objects of this loop.
    fn loops(&self) -> Vec<Loop> {
        self.loops
            .borrow()
            .iter()
            .filter_map(Weak::upgrade)
            .map(Loop::from_state)
            .collect()
    }

    /// Whether libev's loop has not been freed, so that watchers may be stopped.
    pub(in crate::core) fn exists(&self) -> bool {
        self.phase.get() != Phase::Gone
    }

    /// Whether the loop is alive; notices when other code has destroyed the default loop.
    #[inline(always)]
    pub(in crate::core) fn is_alive(&self) -> bool {
        if self.phase.get() != Phase::Alive {
            return false;
        }
        if self.owner == Owner::Default && !self.is_still_default() {
            self.vanished();
            return false;
        }
        true
    }

    #[inline]
    fn is_still_default(&self) -> bool {
        // SAFETY: no preconditions; the default loop's memory is static.
        unsafe { ev::ev_shim_is_default_with_userdata(self.raw) != 0 }
    }

    #[cold]
    fn vanished(&self) {
        self.phase.set(Phase::Gone);
        let mut litter = Litter::default();
        for loop_ in self.loops() {
            loop_.state().abandon(&mut litter);
        }
        drop(self.lease.take());
        drop(litter);
    }

    /// Whether a run of the loop is on some stack, and will go on. None will when the thread is over: no greenlet is
    /// switched to any more, and a callback that called `exit` does not return.
    fn is_running(&self) -> bool {
        self.has_runs() && !thread_is_over()
    }

    /// Whether a run of the loop is on some stack.
    fn has_runs(&self) -> bool {
        // SAFETY: the loop has not been freed.
        self.exists() && unsafe { ev::ev_depth(self.raw) > 0 }
    }

    /// `ev_break` for the loop and those that embed it, if they run.
    pub(in crate::core) fn break_run(&self, how: i32) {
        if self.has_runs() {
            // SAFETY: it runs, so the loop has not been freed.
            unsafe { ev::ev_break(self.raw, how) };
            for host in self.hosts() {
                host.state().shared.break_run(how);
            }
        }
    }

    /// Takes back a break that was meant for runs which have ended since.
    pub(in crate::core) fn cancel_break(&self) {
        if self.phase.get() == Phase::Alive {
            self.break_run(ev::EVBREAK_CANCEL);
        }
    }

    /// The loops that embed this one.
    pub(in crate::core) fn hosts(&self) -> Vec<Loop> {
        let embedders = self.embedded_by.borrow();
        embedders.iter().filter_map(|body| body.upgrade()?.host()).collect()
    }

    pub(in crate::core) fn embedded(&self, by: WeakEmbed) {
        self.embedded_by.borrow_mut().push(by);
    }

    pub(in crate::core) fn no_longer_embedded(&self, by: &WeakEmbed) {
        self.embedded_by.borrow_mut().retain(|body| body != by);
    }

    /// Takes down the `Loop` of `state`, whose last handle is being dropped: destroys the loop if we own it, else takes
    /// that `Loop` off it.
    pub(in crate::core) fn release(self: &Rc<Self>, state: &LoopParts) {
        if self.owner == Owner::Us {
            self.destroy(|| ());
        } else if self.is_alive() {
            let mut litter = Litter::default();
            // SAFETY: `is_alive` has just said so.
            unsafe { state.detach(self.raw, false, &mut litter) };
            drop(litter);
        }
    }

    /// Destroys the loop: stops all that libev could call, then calls `end_runs`, and frees the loop unless it still
    /// runs; then it is freed when its last run has ended.
    pub(in crate::core) fn destroy(self: &Rc<Self>, end_runs: impl FnOnce()) {
        if !self.is_alive() {
            return;
        }
        self.phase.set(Phase::Doomed);
        let mut litter = Litter::default();
        let embedders: Vec<_> = self
            .embedded_by
            .borrow()
            .iter()
            .filter_map(WeakEmbed::upgrade)
            .collect();
        let remains: Vec<_> = embedders.into_iter().map(EmbedBody::stop_embedding).collect();
        let loops = self.loops();
        for loop_ in &loops {
            // SAFETY: the loop is alive, as checked above; only `free`, called below, frees it.
            unsafe { loop_.state().detach(self.raw, true, &mut litter) };
        }
        self.break_run(ev::EVBREAK_ALL);
        let free = || {
            if self.is_running() {
                postpone((self.clone(), loops));
            } else {
                self.free();
            }
        };
        let steps: [Box<dyn FnOnce() + '_>; 4] = [
            Box::new(end_runs),
            Box::new(free),
            Box::new(|| drop(litter)),
            Box::new(|| drop_each(remains)),
        ];
        call_each(steps);
    }

    /// Ends the loop with its thread: after that, all that is left of its `Loop`s and watchers is memory. Loops that
    /// are not ours are left in place, unless a run of theirs will never go on, because the greenlet that runs it is
    /// left behind.
    fn end(self: &Rc<Self>) {
        if !self.is_alive() {
            return;
        }
        if self.owner == Owner::Us || self.has_runs() {
            return self.destroy(|| ());
        }
        let mut litter = Litter::default();
        for loop_ in self.loops() {
            // SAFETY: the loop is alive, as checked above.
            unsafe { loop_.state().detach(self.raw, false, &mut litter) };
        }
        self.phase.set(Phase::Gone);
        drop(self.lease.take());
        drop(litter);
    }

    /// Frees a doomed loop that does not run. Its cleanup watchers are called.
    fn free(&self) {
        self.phase.set(Phase::Gone);
        if self.is_default() {
            // The table is unlocked again before the loop is destroyed: cleanup watchers may start a signal watcher of
            // another loop.
            let _table = SIGNAL_TABLE.lock();
            // SAFETY: the loop has not been freed, and the table of signals is ours.
            unsafe { ev::ev_shim_release_sigchld(self.raw) };
        }
        // SAFETY: nobody has freed the loop, no run of it is left, and all our watchers but the cleanup ones are
        // stopped. The cleanup watchers are on their loops' lists, and so alive until they are abandoned below.
        unsafe {
            ev::ev_set_userdata(self.raw, std::ptr::null_mut());
            ev::ev_shim_loop_destroy(self.raw);
        }
        let mut litter = Litter::default();
        for loop_ in self.loops() {
            loop_.state().abandon(&mut litter);
        }
        drop(self.lease.take());
        drop(litter);
    }
}

impl Drop for SharedLoop {
    fn drop(&mut self) {
        REGISTRY.with_borrow_mut(|registry| {
            registry.retain(|weak| weak.strong_count() > 0);
            if registry.is_empty() {
                **registry = Vec::new();
            }
        });
    }
}

/// The reason why libev has made no loop.
fn last_os_error(flags: LoopFlags) -> Error {
    let source = io::Error::last_os_error();
    CannotCreateLoop { flags, source }.into()
}

/// Keeps the last handle of a loop, to drop it when libev can be called again.
pub(in crate::core) fn drop_later(loop_: Loop) {
    postpone((loop_.state().shared.clone(), vec![loop_]));
}

/// Keeps a loop for [`free_doomed`], until it no longer runs: at the latest, until the thread ends.
fn postpone(kept: KeptLoop) {
    DOOMED.with_borrow_mut(|doomed| doomed.push(kept));
}

/// Whether [`free_doomed`] may have something to do.
#[inline]
pub(in crate::core) fn any_doomed() -> bool {
    DOOMED.with_borrow(|doomed| !doomed.is_empty())
}

/// Frees the doomed loops of this thread that have stopped running, and stops early when a forced unwinding is
/// stashed. Called whenever a run has ended.
#[cold]
pub(in crate::core) fn free_doomed() {
    let next = || (!c_frames::is_unwinding()).then(take_ready).flatten();
    call_each(iter::from_fn(next).map(|(shared, loops)| {
        move || {
            if shared.phase.get() == Phase::Doomed {
                shared.free();
            }
            drop(loops);
        }
    }));
}

fn take_ready() -> Option<KeptLoop> {
    DOOMED.with_borrow_mut(|doomed| {
        let at = doomed.iter().position(|(shared, _)| !shared.is_running())?;
        let ready = doomed.remove(at);
        if doomed.is_empty() {
            **doomed = Vec::new();
        }
        Some(ready)
    })
}

fn registry() -> Vec<Rc<SharedLoop>> {
    REGISTRY.with_borrow(|registry| registry.iter().filter_map(Weak::upgrade).collect())
}

/// The first of this thread's living loops that fits.
fn registered(fits: impl Fn(&SharedLoop) -> bool) -> Option<Rc<SharedLoop>> {
    registry().into_iter().find(|shared| fits(shared) && shared.is_alive())
}

/// A `Loop` of this thread: one that runs, if any does, else the youngest.
pub(in crate::core) fn any_loop() -> Option<Loop> {
    let backings = registry();
    let alive = || {
        backings
            .iter()
            .rev()
            .filter(|shared| shared.phase.get() == Phase::Alive)
    };
    alive()
        .find(|shared| shared.is_running())
        .or_else(|| alive().next())?
        .loops()
        .pop()
}
