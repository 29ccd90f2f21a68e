//! What one [`Loop`](super::Loop) owns: its three internal watchers, its queue of callbacks, and the list of
//! watchers that are started.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::rc::Rc;
use std::sync::Arc;

use libev_sys as ev;
use libev_sys::{ev_async, ev_loop, ev_prepare, ev_timer};

use super::backing::Backing;
use super::boundary;
use super::callback::Entry;
use super::handler::OldHandler;
use super::link::Link;
use super::loop_::{ErrorHandler, Loop};
use super::node::{AnyNode, Base};
use super::queue::Queue;
use super::run_callbacks;

pub(super) struct LoopState {
    pub(super) backing: Rc<Backing>,
    /// Destroyed, by whatever way: nothing of libev's may be touched through this object any more.
    pub(super) dead: Cell<bool>,
    pub(super) queue: RefCell<Queue>,
    /// How many `run_callbacks` are on some stack.
    pub(super) running_callbacks: Cell<u32>,
    /// `break_` was called during the current run.
    pub(super) broken: Cell<bool>,
    pub(super) error_handler: RefCell<Option<Rc<dyn ErrorHandler>>>,
    pub(super) link: Arc<Link>,
    prepare: UnsafeCell<ev_prepare>,
    timer0: UnsafeCell<ev_timer>,
    wakeup: UnsafeCell<ev_async>,
    started: RefCell<Vec<Rc<dyn AnyNode>>>,
}

/// What a loop leaves behind. Dropping it runs foreign code (destructors of closures), so that comes last.
#[derive(Default)]
pub(super) struct Litter {
    handlers: Vec<OldHandler>,
    nodes: Vec<Rc<dyn AnyNode>>,
    entries: Vec<Queue>,
    remote: Vec<super::link::Inbox>,
}

impl LoopState {
    /// Starts the internal watchers on `backing`'s loop.
    pub(super) fn new(backing: Rc<Backing>) -> Rc<LoopState> {
        let raw_loop = backing.raw;
        let state = Rc::new(LoopState {
            link: Arc::new(Link::new()),
            backing,
            dead: Cell::new(false),
            queue: RefCell::default(),
            running_callbacks: Cell::new(0),
            broken: Cell::new(false),
            error_handler: RefCell::new(None),
            // SAFETY: libev's structs are plain data, valid when zeroed; the init functions below fill them.
            prepare: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            // SAFETY: as above.
            timer0: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            // SAFETY: as above.
            wakeup: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            started: RefCell::default(),
        });
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

    /// Puts a node on the list of started ones, which keeps it alive.
    #[inline]
    pub(super) fn keep(&self, base: &Base, node: &Rc<dyn AnyNode>) {
        if base.slot().is_none() {
            let mut started = self.started.borrow_mut();
            base.set_slot(started.len());
            started.push(node.clone());
        }
    }

    /// Takes a node off the list. The caller has stopped it, and drops the result when it holds no borrow.
    #[must_use]
    #[inline]
    pub(super) fn forget(&self, base: &Base) -> Option<Rc<dyn AnyNode>> {
        let slot = base.slot()?;
        let mut started = self.started.borrow_mut();
        let node = started.swap_remove(slot);
        if let Some(moved) = started.get(slot) {
            moved.base().set_slot(slot);
        }
        base.no_slot();
        Some(node)
    }

    /// How many watchers are started or fed.
    pub(super) fn started_count(&self) -> usize {
        self.started.borrow().len()
    }

    /// Stops `timer0`, which kept the loop from sleeping because callbacks were left.
    ///
    /// # Safety
    /// The loop is alive.
    pub(super) unsafe fn stop_timer0(&self, raw_loop: *mut ev_loop) {
        // SAFETY: the caller's; the timer was initialised by `new`.
        unsafe { ev::ev_timer_stop(raw_loop, self.timer0.get()) }
    }

    /// Starts `timer0`, so that the loop does not sleep.
    ///
    /// # Safety
    /// The loop is alive.
    pub(super) unsafe fn start_timer0(&self, raw_loop: *mut ev_loop) {
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
    pub(super) unsafe fn wake(&self, raw_loop: *mut ev_loop) {
        // SAFETY: the caller's; `wakeup` is started from `new` until `detach`.
        unsafe { ev::ev_async_send(raw_loop, self.wakeup.get()) }
    }

    /// Queues an entry; it keeps the loop running.
    ///
    /// # Safety
    /// The loop is alive.
    #[inline(always)]
    pub(super) unsafe fn enqueue(&self, raw_loop: *mut ev_loop, entry: impl Into<Entry>) {
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
    pub(super) unsafe fn collect_mail(&self, raw_loop: *mut ev_loop) -> bool {
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
    pub(super) unsafe fn clear_queue(&self, raw_loop: *mut ev_loop) {
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
    pub(super) unsafe fn detach(
        &self,
        raw_loop: *mut ev_loop,
        keep_cleanups: bool,
        litter: &mut Litter,
    ) {
        self.dead.set(true);
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
        for node in self.started.take() {
            if keep_cleanups && node.is_cleanup() {
                node.base().no_slot();
                self.keep(node.base(), &node);
                continue;
            }
            // SAFETY: the caller's; the node was started (or fed) on this loop.
            unsafe {
                node.base().give_ref(raw_loop);
                node.ev_stop(raw_loop);
            }
            litter.release(node);
        }
    }

    /// Forgets everything without touching libev: the loop is gone.
    pub(super) fn abandon(&self, litter: &mut Litter) {
        self.dead.set(true);
        litter.remote.push(self.link.close());
        litter.entries.push(self.queue.take());
        for node in self.started.take() {
            node.mark_stopped();
            litter.release(node);
        }
    }
}

impl Drop for LoopState {
    /// Usually nothing is left to do. What is left: the cleanup watchers of a doomed loop that nobody has freed.
    fn drop(&mut self) {
        debug_assert!(
            self.dead.get() || !self.backing.exists(),
            "a loop's last handle takes it down"
        );
        for node in self.started.take() {
            if self.backing.exists() {
                // SAFETY: the loop has not been freed, and the node was started on it.
                unsafe { node.ev_stop(self.backing.raw) };
            }
            node.base().no_slot();
        }
    }
}

impl Litter {
    fn release(&mut self, node: Rc<dyn AnyNode>) {
        node.base().no_slot();
        self.handlers.push(node.base().handler.set(None));
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
