//! What one [`Loop`](crate::core::Loop) owns: its three internal watchers, its queue of callbacks, and the list of
//! its watchers.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

use greenlet_core::Slack;
use greenlet_core::unwind::{call_each, drop_each};
use libev_sys as ev;
use libev_sys::{ev_async, ev_loop, ev_prepare, ev_timer};

use crate::core::callbacks::callback::Entry;
use crate::core::callbacks::inbox::Link;
use crate::core::callbacks::queue::Queue;
use crate::core::callbacks::run_callbacks;
use crate::core::event_loop::c_frames as boundary;
use crate::core::event_loop::ev_loop::Backing;
use crate::core::event_loop::loop_::{ErrorHandler, Loop};
use crate::core::watchers::ev_watcher::Base;
use crate::core::watchers::ev_watcher_ref::NodeRef;
use crate::core::watchers::handler::OldHandler;
use crate::pace::Pace;

pub(in crate::core) struct LoopState {
    /// `backing`'s.
    pub(in crate::core) raw: *mut ev_loop,
    /// [`DEAD`], [`IS_DEFAULT`], and how many `run_callbacks` are on some stack, times [`ROUND`]. 0: there is nothing
    /// to mind.
    word: Cell<u32>,
    pub(in crate::core) backing: Rc<Backing>,
    pub(in crate::core) queue: RefCell<Queue>,
    /// `break_` was called during the current run.
    pub(in crate::core) broken: Cell<bool>,
    /// How long the loop has not come back to its queue, as far as those know who never have to wait.
    pub(in crate::core) turns: Pace,
    /// After so many callbacks the round that runs looks at the clock.
    pub(in crate::core) until_look: Cell<u32>,
    pub(in crate::core) error_handler: RefCell<Option<Rc<dyn ErrorHandler>>>,
    pub(in crate::core) link: Arc<Link>,
    prepare: UnsafeCell<ev_prepare>,
    timer0: UnsafeCell<ev_timer>,
    wakeup: UnsafeCell<ev_async>,
    /// All nodes, by their slots.
    nodes: RefCell<Vec<NonNull<Base>>>,
}

/// Destroyed, by whatever way: nothing of libev's may be touched through this object any more.
const DEAD: u32 = 1;
/// libev's default loop: somebody else may destroy it, as only its [`Backing`] notices.
const IS_DEFAULT: u32 = 2;
const ROUND: u32 = 4;

/// What a loop leaves behind. Dropping it runs foreign code (destructors of closures), so that comes last.
#[derive(Default)]
pub(in crate::core) struct Litter {
    handlers: Vec<OldHandler>,
    nodes: Vec<NodeRef>,
    entries: Vec<Queue>,
    remote: Vec<crate::core::callbacks::inbox::Inbox>,
}

impl LoopState {
    /// Starts the internal watchers on `backing`'s loop.
    pub(in crate::core) fn new(backing: Rc<Backing>) -> Rc<LoopState> {
        let raw_loop = backing.raw;
        let word = if backing.is_default() { IS_DEFAULT } else { 0 };
        let state = Rc::new(LoopState::idle(backing, word));
        let data = Rc::as_ptr(&state).cast_mut().cast();
        // SAFETY: the loop is alive; the watchers are inside of an `Rc`, so they stay where they are, and
        // `detach` stops them before it goes: every way in which a `LoopState` ends begins there.
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
        state.link.open(raw_loop, state.wakeup.get());
        state.backing.attach(&state);
        state
    }

    /// A loop that is destroyed from the beginning.
    pub(in crate::core) fn dead() -> Rc<LoopState> {
        Rc::new(LoopState::idle(Backing::gone(), DEAD))
    }

    /// Without internal watchers.
    fn idle(backing: Rc<Backing>, word: u32) -> LoopState {
        LoopState {
            raw: backing.raw,
            word: Cell::new(word),
            link: Arc::new(Link::new()),
            backing,
            queue: RefCell::default(),
            broken: Cell::new(false),
            turns: Pace::default(),
            until_look: Cell::new(0),
            error_handler: RefCell::new(None),
            // SAFETY: libev's structs are plain data, valid when zeroed; `new` initialises them before it starts them.
            prepare: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            // SAFETY: as above.
            timer0: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            // SAFETY: as above.
            wakeup: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            nodes: RefCell::default(),
        }
    }

    /// Whether the loop has been destroyed, as far as this object knows.
    #[inline]
    pub(in crate::core) fn is_dead(&self) -> bool {
        self.word.get() & DEAD != 0
    }

    fn die(&self) {
        self.word.set(self.word.get() | DEAD);
    }

    /// Whether the loop is alive, which needs no further look. While it runs callbacks nobody may destroy the default loop
    /// but through us.
    #[inline]
    pub(in crate::core) fn is_surely_alive(&self) -> bool {
        let word = self.word.get();
        word & DEAD == 0 && word != IS_DEFAULT
    }

    /// Whether the loop is alive and runs no queued callbacks, which needs no further look.
    #[inline]
    pub(in crate::core) fn is_plain(&self) -> bool {
        self.word.get() == 0
    }

    /// The same for the default loop, if it is alive.
    #[inline]
    pub(in crate::core) fn is_plain_default(&self) -> bool {
        self.word.get() == IS_DEFAULT
    }

    #[inline]
    pub(in crate::core) fn is_running_callbacks(&self) -> bool {
        self.word.get() >= ROUND
    }

    /// A counter, not a flag: rounds of callbacks may nest, and those on different greenlets end in any order.
    #[inline]
    pub(in crate::core) fn begin_round(&self) {
        self.word.set(self.word.get() + ROUND);
        self.turns.begin();
    }

    #[inline]
    pub(in crate::core) fn end_round(&self) {
        self.word.set(self.word.get() - ROUND);
    }

    /// Puts a new node on the list.
    pub(in crate::core) fn list(&self, node: &NodeRef) {
        let mut nodes = self.nodes.borrow_mut();
        let slot = u32::try_from(nodes.len());
        node.slot.set(slot.expect("no memory has room for so many"));
        nodes.push(node.as_ptr());
    }

    /// Takes a node off the list that is about to be freed.
    pub(in crate::core) fn unlist(&self, base: &Base) {
        let slot = base.slot.get();
        let mut nodes = self.nodes.borrow_mut();
        nodes.swap_remove(slot as usize);
        nodes.give_back();
        if let Some(moved) = nodes.get(slot as usize) {
            // SAFETY: nodes are on the list while they are alive.
            unsafe { moved.as_ref() }.slot.set(slot);
        }
    }

    fn kept_nodes(&self) -> Vec<NodeRef> {
        let nodes = self.nodes.borrow();
        let kept = nodes.iter().filter(|node| is_kept(node));
        // SAFETY: nodes are on the list while they are alive.
        kept.map(|node| unsafe { NodeRef::new(*node) }).collect()
    }

    /// How many watchers are started or fed.
    pub(in crate::core) fn started_count(&self) -> usize {
        let nodes = self.nodes.borrow();
        nodes.iter().filter(|node| is_kept(node)).count()
    }

    /// Stops `timer0`, which kept the loop from sleeping because callbacks were left.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn stop_timer0(&self, raw_loop: *mut ev_loop) {
        // SAFETY: the caller's; the timer was initialised by `new`.
        unsafe { ev::ev_timer_stop(raw_loop, self.timer0.get()) }
    }

    /// Starts `timer0`, so that the loop does not sleep.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn start_timer0(&self, raw_loop: *mut ev_loop) {
        // SAFETY: the caller's; the timer was initialised by `new`, and is not active when it is set.
        unsafe {
            ev::ev_timer_stop(raw_loop, self.timer0.get());
            ev::ev_shim_timer_set(self.timer0.get(), 0.0, 0.0);
            ev::ev_timer_start(raw_loop, self.timer0.get());
        }
    }

    /// Makes the loop's next (or current) wait end at once.
    ///
    /// # Safety
    /// The loop is alive. Allowed where libev may not be entered otherwise: `ev_async_send` only sets a flag
    /// and writes to a descriptor.
    pub(in crate::core) unsafe fn wake(&self, raw_loop: *mut ev_loop) {
        // SAFETY: the caller's; `wakeup` is started from `new` until `detach`.
        unsafe { ev::ev_async_send(raw_loop, self.wakeup.get()) }
    }

    /// Queues an entry; it keeps the loop running.
    ///
    /// # Safety
    /// The loop is alive.
    #[inline(always)]
    pub(in crate::core) unsafe fn enqueue(&self, raw_loop: *mut ev_loop, entry: impl Into<Entry>) {
        if self.link.has_mail() {
            // SAFETY: the caller's. What other threads queued before goes before.
            unsafe { self.collect_mail(raw_loop) };
        }
        let mut queue = self.queue.borrow_mut();
        // Made an entry only here, where it is written straight into its place.
        queue.push(entry.into());
        drop(queue);
        // SAFETY: the caller's.
        unsafe { ev::ev_ref(raw_loop) };
    }

    /// Moves what other threads have queued into our own queue. Says whether there was anything.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn collect_mail(&self, raw_loop: *mut ev_loop) -> bool {
        let mail = self.link.take_mail();
        let any = !mail.is_empty();
        let mut queue = self.queue.borrow_mut();
        for task in mail {
            queue.push(Entry::Remote(task));
            // SAFETY: the caller's.
            unsafe { ev::ev_ref(raw_loop) };
        }
        any
    }

    /// Forgets all queued callbacks and gives their references back.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn clear_queue(&self, raw_loop: *mut ev_loop) {
        // SAFETY: the caller's.
        unsafe { self.collect_mail(raw_loop) };
        let queue = self.queue.take();
        for _ in 0..queue.len() {
            // SAFETY: the caller's; each entry took one reference in `enqueue` or `collect_mail`.
            unsafe { ev::ev_unref(raw_loop) };
        }
        drop(queue);
    }

    /// Takes this object off the loop, which lives: stops all its watchers and empties its queue. With
    /// `keep_cleanups` the cleanup watchers stay, for `ev_loop_destroy` to call.
    ///
    /// # Safety
    /// The loop is alive.
    pub(in crate::core) unsafe fn detach(
        &self,
        raw_loop: *mut ev_loop,
        keep_cleanups: bool,
        litter: &mut Litter,
    ) {
        self.die();
        litter.remote.push(self.link.close());
        let queue = self.queue.take();
        // SAFETY: the caller's; the three watchers were initialised by `new`, and two were unref'd there.
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
        for node in self.kept_nodes() {
            if keep_cleanups && node.table().is_cleanup {
                continue;
            }
            // SAFETY: the caller's; this is the node's loop.
            unsafe { litter.stop(node, raw_loop) };
        }
    }

    /// Forgets everything without touching libev: the loop is gone.
    pub(in crate::core) fn abandon(&self, litter: &mut Litter) {
        self.die();
        litter.remote.push(self.link.close());
        litter.entries.push(self.queue.take());
        for node in self.kept_nodes() {
            node.mark_stopped();
            litter.release(node);
        }
    }
}

/// For one that is on a list.
fn is_kept(node: &NonNull<Base>) -> bool {
    // SAFETY: nodes are on the list while they are alive.
    unsafe { node.as_ref() }.is_kept()
}

impl Drop for LoopState {
    /// Usually nothing is left to do. What is left: the cleanup watchers of a doomed loop that nobody has freed.
    fn drop(&mut self) {
        debug_assert!(
            self.is_dead() || !self.backing.exists(),
            "a loop's last handle takes it down"
        );
        for node in self.kept_nodes() {
            if self.backing.exists() {
                // SAFETY: the loop has not been freed, and it is the node's.
                unsafe { node.unlink(self.raw) };
            } else {
                node.unkeep();
            }
        }
    }
}

impl Drop for Litter {
    fn drop(&mut self) {
        let drops: [&mut dyn FnMut(); 4] = [
            &mut || drop_each(self.handlers.drain(..)),
            &mut || drop_each(self.nodes.drain(..)),
            &mut || drop_each(self.entries.drain(..)),
            &mut || drop_each(self.remote.drain(..).flatten()),
        ];
        call_each(drops);
    }
}

impl Litter {
    /// # Safety
    /// `raw_loop` is the node's loop, and alive.
    unsafe fn stop(&mut self, node: NodeRef, raw_loop: *mut ev_loop) {
        // SAFETY: the caller's.
        unsafe { node.unlink(raw_loop) };
        self.release(node);
    }

    /// Takes what keeps a stopped node.
    fn release(&mut self, node: NodeRef) {
        node.unkeep();
        self.handlers.push(node.handler.set(None));
        self.nodes.push(node);
    }
}

/// The [`Loop`] behind the `data` of one of its internal watchers.
///
/// # Safety
/// `data` was set by [`LoopState::new`], and the watcher is started.
unsafe fn loop_of(data: *mut std::os::raw::c_void) -> Loop {
    let state = data.cast_const().cast::<LoopState>();
    // SAFETY: a state stops its watchers before it goes, so it is alive: its strong count is at least one.
    Loop::from_state(unsafe {
        Rc::increment_strong_count(state);
        Rc::from_raw(state)
    })
}

unsafe extern "C" fn on_prepare(_: *mut ev_loop, prepare: *mut ev_prepare, _: c_int) {
    // SAFETY: libev calls this for the prepare watcher that `LoopState::new` started.
    let loop_ = unsafe { loop_of((*prepare).data) };
    boundary::enter(loop_, run_callbacks::run_callbacks);
}

unsafe extern "C" fn on_wakeup(_: *mut ev_loop, wakeup: *mut ev_async, _: c_int) {
    // SAFETY: libev calls this for the async watcher that `LoopState::new` started.
    let loop_ = unsafe { loop_of((*wakeup).data) };
    boundary::enter(loop_, |loop_| {
        if let Ok(raw_loop) = loop_.look() {
            // SAFETY: `look` says that the loop is alive. The references taken keep it running.
            unsafe { loop_.state().collect_mail(raw_loop) };
        }
    });
}

unsafe extern "C" fn on_timer0(_: *mut ev_loop, _: *mut ev_timer, _: c_int) {}
