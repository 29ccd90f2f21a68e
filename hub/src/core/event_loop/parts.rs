//! [`LoopParts`]: all that one [`Loop`](crate::core::Loop) owns: its three internal watchers, its queue of callbacks,
//! and the list of its watchers.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_void};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use greenlet_core::Slack;
use greenlet_core::unwind::{call_each, drop_each};
use libev_sys as ev;
use libev_sys::{ev_async, ev_loop, ev_prepare, ev_timer};

use crate::core::callbacks::callback::Entry;
use crate::core::callbacks::mailbox::{Inbox, Mailbox};
use crate::core::callbacks::queue::Queue;
use crate::core::callbacks::run_callbacks;
use crate::core::event_loop::c_frames;
use crate::core::event_loop::hooks::{LoopRelease, RoundHook, forget_release_cb, take_release_cb};
use crate::core::event_loop::info::WatcherCount;
use crate::core::event_loop::loop_::{ErrorHandler, Loop};
use crate::core::event_loop::shared_loop::SharedLoop;
use crate::core::watchers::body::BodyBase;
use crate::core::watchers::body_ref::BodyRef;
use crate::core::watchers::handler::OldHandler;
use crate::pace::Pace;

pub(in crate::core) struct LoopParts {
    /// `shared`'s `raw`, here for one load less.
    pub(in crate::core) raw: *mut ev_loop,
    /// [`DEAD`], [`IS_DEFAULT`], [`OUTER_WAIT`], and how many `run_callbacks` are on some stack, times [`ROUND`]. 0
    /// means that the loop may be changed without a further look.
    word: Cell<u32>,
    pub(in crate::core) shared: Rc<SharedLoop>,
    pub(in crate::core) queue: RefCell<Queue>,
    /// `break_` was called during the current run.
    pub(in crate::core) broken: Cell<bool>,
    /// Measures how long the loop has not come back to its queue, for greenlets that never have to wait.
    pub(in crate::core) turns: Pace,
    /// Set when the current round is to look at the clock after the current callback.
    pub(in crate::core) look_soon: Cell<bool>,
    pub(in crate::core) error_handler: RefCell<Option<Rc<dyn ErrorHandler>>>,
    pub(in crate::core) round_hook: RefCell<Option<RoundHook>>,
    pub(in crate::core) mailbox: Arc<Mailbox>,
    /// Where mail is on its way from the mailbox to the queue; else empty.
    collected: RefCell<Inbox>,
    prepare: UnsafeCell<ev_prepare>,
    timer0: UnsafeCell<ev_timer>,
    wakeup: UnsafeCell<ev_async>,
    /// All bodies, by their slots.
    bodies: RefCell<Vec<NonNull<BodyBase>>>,
}

/// The loop is destroyed, by whatever way: nothing of libev's may be touched through this object any more.
const DEAD: u32 = 1;
/// This is libev's default loop, which other code may destroy; only its [`SharedLoop`] notices that.
const IS_DEFAULT: u32 = 2;
/// Somebody else waits in the loop's place, and is to be told when the loop is changed.
const OUTER_WAIT: u32 = 4;
const ROUND: u32 = 8;

/// Everything that a destroyed loop leaves behind. Dropping it runs user code (destructors of closures), so it is
/// dropped last.
#[derive(Default)]
pub(in crate::core) struct Litter {
    handlers: Vec<OldHandler>,
    bodies: Vec<BodyRef>,
    entries: Vec<Queue>,
    remote: Vec<Inbox>,
    round_hooks: Vec<Option<RoundHook>>,
    released: Vec<Option<Rc<dyn LoopRelease>>>,
}

impl LoopParts {
    /// Starts the internal watchers on `shared`'s loop.
    pub(in crate::core) fn new(shared: Rc<SharedLoop>) -> Rc<LoopParts> {
        let raw_loop = shared.raw;
        let word = if shared.is_default() { IS_DEFAULT } else { 0 };
        let state = Rc::new(LoopParts::idle(shared, word));
        let data: *mut c_void = Rc::as_ptr(&state).cast_mut().cast();
        // SAFETY: the loop is alive. The watchers are inside of an `Rc`, so they stay where they are, and `detach`
        // stops them before the `Rc` is freed: every way in which a `LoopParts` ends begins with `detach`.
        unsafe {
            ev::ev_shim_prepare_init(state.prepare.get(), Some(on_prepare));
            ev::ev_shim_timer_init(state.timer0.get(), Some(on_timer0), 0.0, 0.0);
            ev::ev_shim_async_init(state.wakeup.get(), Some(on_wakeup));
            (*state.prepare.get()).data = data;
            (*state.wakeup.get()).data = data;
            ev::ev_prepare_start(raw_loop, state.prepare.get());
            ev::ev_unref(raw_loop);
            ev::ev_async_start(raw_loop, state.wakeup.get());
            ev::ev_unref(raw_loop);
        }
        // SAFETY: the loop is alive, and this is its thread.
        unsafe {
            state
                .mailbox
                .facts
                .begin(data.addr(), state.shared.is_default(), raw_loop)
        };
        state.mailbox.open(raw_loop, state.wakeup.get());
        state.shared.attach(&state);
        state
    }

    /// A loop that is destroyed from the beginning.
    pub(in crate::core) fn dead() -> Rc<LoopParts> {
        let state = Rc::new(LoopParts::idle(SharedLoop::gone(), DEAD));
        state.mailbox.facts.gone(Rc::as_ptr(&state).addr());
        state
    }

    /// The parts, with the internal watchers not started.
    fn idle(shared: Rc<SharedLoop>, word: u32) -> LoopParts {
        LoopParts {
            raw: shared.raw,
            word: Cell::new(word),
            mailbox: Arc::new(Mailbox::new()),
            collected: RefCell::default(),
            shared,
            queue: RefCell::default(),
            broken: Cell::new(false),
            turns: Pace::default(),
            look_soon: Cell::new(false),
            error_handler: RefCell::new(None),
            round_hook: RefCell::new(None),
            // SAFETY: libev's structs are plain data, valid when zeroed; `new` initialises them before it starts them.
            prepare: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            // SAFETY: as above.
            timer0: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            // SAFETY: as above.
            wakeup: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            bodies: RefCell::default(),
        }
    }

    /// Whether the loop has been destroyed, as far as this object knows.
    #[inline]
    pub(in crate::core) fn is_dead(&self) -> bool {
        self.word.get() & DEAD != 0
    }

    fn die(&self) {
        self.word.set(self.word.get() & !OUTER_WAIT | DEAD);
        self.mailbox.facts.end();
    }

    /// Whether this object alone can tell that the loop is alive. For the default loop it can while callbacks run, as
    /// then nobody may destroy that loop but through us.
    #[inline]
    pub(in crate::core) fn is_surely_alive(&self) -> bool {
        let word = self.word.get();
        word & (DEAD | OUTER_WAIT) == 0 && word != IS_DEFAULT
    }

    /// Whether an outer wait is on, and was told of nothing yet.
    #[inline]
    pub(in crate::core) fn is_in_outer_wait(&self) -> bool {
        self.word.get() & OUTER_WAIT != 0
    }

    /// Begins or ends an outer wait. It is on for all `Loop`s of the same loop: see
    /// [`SharedLoop::set_outer_wait`].
    pub(in crate::core) fn set_outer_wait(&self, on: bool) {
        let word = self.word.get() & !OUTER_WAIT;
        self.word.set(if on { word | OUTER_WAIT } else { word });
        if !on {
            self.mailbox.facts.set_outside(None);
        }
    }

    /// Tells who waits in the loop's place that the loop is about to be changed.
    #[cold]
    #[inline(never)]
    pub(in crate::core) fn end_outer_wait(&self) {
        self.shared.set_outer_wait(false);
        // SAFETY: the caller has found the loop alive. No callback of libev's is under way in which it could not be
        // entered: what calls one has changed the loop before, or has run it.
        unsafe {
            if !c_frames::is_uninterruptible() {
                // Nobody has looked at the clock since the wait began.
                ev::ev_now_update(self.raw);
            }
            self.wake(self.raw);
        }
    }

    /// Whether the loop is alive and runs no queued callbacks, so that nothing else need be checked. False for the
    /// default loop.
    #[inline]
    pub(in crate::core) fn is_plain(&self) -> bool {
        self.word.get() == 0
    }

    /// Whether this is the default loop, and runs no queued callbacks. The caller checks that it is alive.
    #[inline]
    pub(in crate::core) fn is_plain_default(&self) -> bool {
        self.word.get() == IS_DEFAULT
    }

    #[inline]
    pub(in crate::core) fn is_running_callbacks(&self) -> bool {
        self.word.get() >= ROUND
    }

    /// Counts a round of callbacks. A flag would not do: rounds may nest, and those on different greenlets end in any
    /// order.
    #[inline]
    pub(in crate::core) fn begin_round(&self) {
        self.word.set(self.word.get() + ROUND);
        self.turns.begin();
        // A flag that was set outside of any round would cut this round short.
        self.look_soon.set(false);
    }

    #[inline]
    pub(in crate::core) fn end_round(&self) {
        self.word.set(self.word.get() - ROUND);
    }

    /// Puts a new body on the list.
    pub(in crate::core) fn list(&self, body: &BodyRef) {
        let mut bodies = self.bodies.borrow_mut();
        let slot = u32::try_from(bodies.len());
        body.slot.set(slot.expect("no memory has room for so many"));
        bodies.push(body.as_ptr());
    }

    /// Takes a body that is about to be freed off the list.
    pub(in crate::core) fn unlist(&self, base: &BodyBase) {
        let slot = base.slot.get();
        let mut bodies = self.bodies.borrow_mut();
        bodies.swap_remove(slot as usize);
        bodies.give_back();
        if let Some(moved) = bodies.get(slot as usize) {
            // SAFETY: bodies are on the list while they are alive.
            unsafe { moved.as_ref() }.slot.set(slot);
        }
    }

    fn kept_bodies(&self) -> Vec<BodyRef> {
        let bodies = self.bodies.borrow();
        let kept = bodies.iter().filter(|body| is_kept(body));
        // SAFETY: bodies are on the list while they are alive.
        kept.map(|body| unsafe { BodyRef::new(*body) }).collect()
    }

    /// How many watchers are started or fed.
    pub(in crate::core) fn started_count(&self) -> usize {
        let bodies = self.bodies.borrow();
        bodies.iter().filter(|body| is_kept(body)).count()
    }

    /// The numbers of watchers by the names of their types.
    pub(in crate::core) fn count_by_type(&self) -> BTreeMap<&'static str, WatcherCount> {
        let mut counts: BTreeMap<_, WatcherCount> = BTreeMap::new();
        for body in self.bodies.borrow().iter() {
            // SAFETY: bodies are on the list until their memory is freed.
            let Some(known) = (unsafe { BodyRef::revive(*body) }) else {
                continue;
            };
            let count = counts.entry(known.table().name).or_default();
            count.all += 1;
            count.started += usize::from(is_kept(body));
        }
        counts
    }

    /// Stops `timer0`, which kept the loop from sleeping because callbacks were left.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn stop_timer0(&self, raw_loop: *mut ev_loop) {
        // SAFETY: by this function's contract; the timer was initialised by `new`.
        unsafe { ev::ev_timer_stop(raw_loop, self.timer0.get()) }
    }

    /// Keeps the loop's next wait from lasting.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn do_not_wait(&self, raw_loop: *mut ev_loop) {
        // SAFETY: by this function's contract. All loops have been through `ev_shim_make_wakeup`.
        unsafe {
            if ev::ev_shim_do_not_wait(raw_loop) == 0 {
                ev::ev_async_send(raw_loop, self.wakeup.get());
            }
        }
    }

    /// Starts `timer0`, so that the loop does not sleep.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn start_timer0(&self, raw_loop: *mut ev_loop) {
        // SAFETY: by this function's contract; the timer was initialised by `new`, and is not active when it is set.
        unsafe {
            ev::ev_timer_stop(raw_loop, self.timer0.get());
            ev::ev_shim_timer_set(self.timer0.get(), 0.0, 0.0);
            ev::ev_timer_start(raw_loop, self.timer0.get());
        }
    }

    /// Makes the loop's next (or current) wait end at once. This is allowed even where libev may not be entered
    /// otherwise: `ev_async_send` only sets a flag and writes to a descriptor.
    ///
    /// # Safety
    /// The loop must be alive.
    pub(in crate::core) unsafe fn wake(&self, raw_loop: *mut ev_loop) {
        // SAFETY: by this function's contract; `wakeup` is started from `new` until `detach`.
        unsafe { ev::ev_async_send(raw_loop, self.wakeup.get()) }
    }

    /// Whether a callback is queued, by this or another thread.
    pub(in crate::core) fn has_queued(&self) -> bool {
        !self.queue.borrow().is_empty() || self.mailbox.has_mail() || self.mailbox.is_unwanted()
    }

    /// Queues an entry, which keeps the loop running.
    ///
    /// # Safety
    /// The loop is alive.
    #[inline(always)]
    pub(in crate::core) unsafe fn enqueue(&self, raw_loop: *mut ev_loop, entry: impl Into<Entry>) {
        if self.mailbox.has_mail() {
            // Callbacks that other threads queued earlier are called earlier.
            // SAFETY: by this function's contract.
            unsafe { self.collect_mail(raw_loop) };
        }
        let mut queue = self.queue.borrow_mut();
        // The entry is made only here, so that it is written straight into its place.
        queue.push(entry.into());
        drop(queue);
        // SAFETY: by this function's contract.
        unsafe { ev::ev_ref(raw_loop) };
    }

    /// Moves the callbacks of other threads from the mailbox into the queue. Says whether there were any.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn collect_mail(&self, raw_loop: *mut ev_loop) -> bool {
        let mut collected = self.collected.borrow_mut();
        self.mailbox.take_mail(&mut collected);
        let any = !collected.is_empty();
        let mut queue = self.queue.borrow_mut();
        for mail in collected.drain(..) {
            queue.push(Entry::Remote(mail));
            // SAFETY: by this function's contract.
            unsafe { ev::ev_ref(raw_loop) };
        }
        collected.give_back();
        any
    }

    /// Forgets all queued callbacks and gives their references back.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn clear_queue(&self, raw_loop: *mut ev_loop) {
        // SAFETY: by this function's contract.
        unsafe { self.collect_mail(raw_loop) };
        let queue = self.queue.take();
        for _ in 0..queue.len() {
            // SAFETY: by this function's contract; each entry took one reference in `enqueue` or `collect_mail`.
            unsafe { ev::ev_unref(raw_loop) };
        }
        drop(queue);
    }

    /// Takes this object off the living loop: stops all its watchers and empties its queue. With `keep_cleanups` the
    /// cleanup watchers stay started, so that `ev_loop_destroy` calls them.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn detach(&self, raw_loop: *mut ev_loop, keep_cleanups: bool, litter: &mut Litter) {
        self.die();
        litter.remote.push(self.mailbox.close());
        litter.round_hooks.push(self.round_hook.take());
        // SAFETY: by this function's contract; nobody takes a loop down during its wait.
        litter.released.push(unsafe { take_release_cb(self, raw_loop) });
        let queue = self.queue.take();
        // SAFETY: by this function's contract. `new` has initialised the three watchers, and has unref'd two of them.
        unsafe {
            for _ in 0..queue.len() {
                ev::ev_unref(raw_loop);
            }
            ev::ev_ref(raw_loop);
            ev::ev_prepare_stop(raw_loop, self.prepare.get());
            ev::ev_ref(raw_loop);
            ev::ev_async_stop(raw_loop, self.wakeup.get());
            ev::ev_timer_stop(raw_loop, self.timer0.get());
        }
        litter.entries.push(queue);
        for body in self.kept_bodies() {
            if keep_cleanups && body.table().is_cleanup {
                continue;
            }
            // SAFETY: by this function's contract; this is the body's loop.
            unsafe { litter.stop(body, raw_loop) };
        }
    }

    /// Forgets everything without touching libev, for a loop that has been freed.
    pub(in crate::core) fn abandon(&self, litter: &mut Litter) {
        self.die();
        litter.remote.push(self.mailbox.close());
        litter.round_hooks.push(self.round_hook.take());
        litter.released.push(forget_release_cb(self));
        litter.entries.push(self.queue.take());
        for body in self.kept_bodies() {
            body.mark_stopped();
            litter.release(body);
        }
    }
}

/// Whether a body on the list is kept.
fn is_kept(body: &NonNull<BodyBase>) -> bool {
    // SAFETY: bodies are on the list while they are alive.
    unsafe { body.as_ref() }.is_kept()
}

impl Drop for LoopParts {
    /// Unlinks the bodies that are still kept. Usually there are none; the cleanup watchers of a doomed loop that was
    /// never freed are.
    fn drop(&mut self) {
        debug_assert!(
            self.is_dead() || !self.shared.exists(),
            "a loop's last handle takes it down"
        );
        for body in self.kept_bodies() {
            if self.shared.exists() {
                // SAFETY: the loop has not been freed, and it is the body's.
                unsafe { body.unlink(self.raw) };
            } else {
                body.unkeep();
            }
        }
    }
}

impl Drop for Litter {
    fn drop(&mut self) {
        let drops: [&mut dyn FnMut(); 6] = [
            &mut || drop_each(self.handlers.drain(..)),
            &mut || drop_each(self.bodies.drain(..)),
            &mut || drop_each(self.entries.drain(..)),
            &mut || drop_each(self.remote.drain(..).flatten()),
            &mut || drop_each(self.round_hooks.drain(..)),
            &mut || drop_each(self.released.drain(..)),
        ];
        call_each(drops);
    }
}

impl Litter {
    /// Stops a kept body, and takes it.
    ///
    /// # Safety
    /// `raw_loop` is the body's loop, and alive.
    unsafe fn stop(&mut self, body: BodyRef, raw_loop: *mut ev_loop) {
        // SAFETY: by this function's contract.
        unsafe { body.unlink(raw_loop) };
        self.release(body);
    }

    /// Takes a stopped body: its handler, and the reference that kept it.
    fn release(&mut self, body: BodyRef) {
        body.unkeep();
        self.handlers.push(body.handler.set(None));
        self.bodies.push(body);
    }
}

/// The [`Loop`] behind the `data` of one of its internal watchers.
///
/// # Safety
/// `data` was set by [`LoopParts::new`], and the watcher is started.
unsafe fn loop_of(data: *mut c_void) -> Loop {
    let state = data.cast_const().cast::<LoopParts>();
    // SAFETY: a `LoopParts` stops its watchers before it is freed. This watcher is started, so the `LoopParts` is
    // alive: its strong count is at least one.
    Loop::from_state(unsafe {
        Rc::increment_strong_count(state);
        Rc::from_raw(state)
    })
}

unsafe extern "C" fn on_prepare(_: *mut ev_loop, prepare: *mut ev_prepare, _: c_int) {
    // SAFETY: libev calls this for the prepare watcher that `LoopParts::new` started.
    let loop_ = unsafe { loop_of((*prepare).data) };
    c_frames::enter(loop_, run_callbacks::run_callbacks);
}

unsafe extern "C" fn on_wakeup(_: *mut ev_loop, wakeup: *mut ev_async, _: c_int) {
    // SAFETY: libev calls this for the async watcher that `LoopParts::new` started.
    let loop_ = unsafe { loop_of((*wakeup).data) };
    c_frames::enter(loop_, |loop_| {
        if let Ok(raw_loop) = loop_.look() {
            // The references that this takes keep the loop running.
            // SAFETY: `look` says that the loop is alive.
            unsafe { loop_.state().collect_mail(raw_loop) };
        }
    });
}

unsafe extern "C" fn on_timer0(_: *mut ev_loop, _: *mut ev_timer, _: c_int) {}
