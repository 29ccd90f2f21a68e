//! The node behind every watcher: libev's struct, pinned, and what we know about it.
//!
//! # What keeps a node sound
//!
//! 1. libev knows a node's address only while the watcher is active or pending.
//! 2. While it is, the node is in its loop's `started` list, which holds a strong reference.
//! 3. Whoever takes a node off that list has stopped it first ([`LoopState::forget`] is only called by
//!    [`stop`] and by the teardown of the loop), and a loop stops all its nodes before it goes.
//!
//! So a pointer that libev passes back always points to a live node, and the node's loop is alive too. libev's
//! `data` field belongs to us: it is the node's address.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::rc::{Rc, Weak};

use libev_sys as ev;
use libev_sys::{ev_loop, ev_watcher};

use super::boundary;
use super::error::Error;
use super::handler::{HandlerSlot, OldHandler};
use super::look_ahead::{AnyCallback, look_ahead};
use super::loop_::Loop;
use super::state::LoopState;

/// One of libev's 13 types of watcher.
///
/// # Safety
/// `Raw` must be a struct of libev's that begins with `EV_WATCHER`'s fields, so that a pointer to it is one to
/// an `ev_watcher`, and it must be valid when zeroed.
pub(super) unsafe trait Kind: Sized + 'static {
    /// libev's struct.
    type Raw;
    /// gevent's name of the type.
    const NAME: &'static str;
    /// Cleanup watchers stay started until the C loop has gone: that is what they are for.
    const IS_CLEANUP: bool = false;

    /// `ev_xxx_start`. Refuses what libev would assert.
    ///
    /// # Safety
    /// `loop_` is alive, and `raw` is an initialised watcher that stays where it is until it is stopped.
    unsafe fn start(&self, loop_: *mut ev_loop, raw: *mut Self::Raw) -> Result<(), Error>;

    /// `ev_xxx_stop`
    ///
    /// # Safety
    /// As for `start`, with the same loop.
    unsafe fn stop(&self, loop_: *mut ev_loop, raw: *mut Self::Raw);

    /// Called before `start`, also when the watcher is active already.
    fn before_start(&self, _loop: &Loop) -> Result<(), Error> {
        Ok(())
    }

    /// Called when the user is done with the watcher.
    fn closed(&self) {}

    /// What the user sees as "pending".
    fn pending(&self, raw: *mut Self::Raw) -> bool {
        // SAFETY: the trait's contract: an ev_watcher's fields come first; `raw` is the node's own.
        unsafe { (*raw.cast::<ev_watcher>()).pending != 0 }
    }

    /// Adds the type's own attributes to the `Debug` output, each with a space before it.
    fn format(&self, _raw: *mut Self::Raw, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// The user wants the watcher not to keep the loop running.
const UNREF_BEFORE_START: u8 = 1;
/// `ev_unref` was called for the watcher; `ev_ref` is owed.
const NEEDS_REF: u8 = 2;
/// Not in the loop's list.
const NO_SLOT: u32 = u32::MAX;

/// What is the same for all types.
pub(super) struct Base {
    pub(super) owner: Weak<LoopState>,
    /// What the watcher calls.
    pub(super) handler: HandlerSlot,
    /// The node's place in its loop's `started` list.
    slot: Cell<u32>,
    flags: Cell<u8>,
}

impl Base {
    pub(super) fn is_kept(&self) -> bool {
        self.slot.get() != NO_SLOT
    }

    /// The place in the list, if the node is on it.
    #[inline]
    pub(super) fn slot(&self) -> Option<usize> {
        match self.slot.get() {
            NO_SLOT => None,
            slot => Some(slot as usize),
        }
    }

    #[inline]
    pub(super) fn set_slot(&self, slot: usize) {
        match u32::try_from(slot) {
            Ok(slot) if slot != NO_SLOT => self.slot.set(slot),
            _ => too_many(),
        }
    }

    #[inline]
    pub(super) fn no_slot(&self) {
        self.slot.set(NO_SLOT);
    }

    pub(super) fn is_ref(&self) -> bool {
        self.flags.get() & UNREF_BEFORE_START == 0
    }

    /// gevent's `_libev_unref`: before a start or a feed.
    ///
    /// # Safety
    /// `loop_` is alive.
    pub(super) unsafe fn take_ref(&self, loop_: *mut ev_loop) {
        if self.flags.get() == UNREF_BEFORE_START {
            // SAFETY: the caller's.
            unsafe { ev::ev_unref(loop_) };
            self.flags.set(UNREF_BEFORE_START | NEEDS_REF);
        }
    }

    /// gevent's `_libev_ref`: before a stop.
    ///
    /// # Safety
    /// `loop_` is alive.
    pub(super) unsafe fn give_ref(&self, loop_: *mut ev_loop) {
        if self.flags.get() & NEEDS_REF != 0 {
            // SAFETY: the caller's.
            unsafe { ev::ev_ref(loop_) };
            self.flags.set(self.flags.get() & !NEEDS_REF);
        }
    }

    /// # Safety
    /// `loop_` is alive.
    pub(super) unsafe fn set_ref(&self, loop_: *mut ev_loop, ref_: bool, active: bool) {
        if ref_ {
            // SAFETY: the caller's.
            unsafe { self.give_ref(loop_) };
            self.flags.set(0);
        } else if self.is_ref() {
            self.flags.set(UNREF_BEFORE_START);
            if active {
                // SAFETY: the caller's.
                unsafe { self.take_ref(loop_) };
            }
        }
    }
}

/// Four thousand million watchers do not fit into any memory there is.
#[cold]
fn too_many() -> ! {
    panic!("too many watchers are started")
}

/// A watcher of one type.
#[repr(C)] // The base comes first, whatever the type.
pub(super) struct Node<K: Kind> {
    base: Base,
    raw: UnsafeCell<K::Raw>,
    pub(super) kind: K,
}

/// A watcher of any type.
pub(super) trait AnyNode: Any {
    fn base(&self) -> &Base;
    fn name(&self) -> &'static str;
    fn is_cleanup(&self) -> bool;
    fn raw(&self) -> *mut ev_watcher;
    fn is_active(&self) -> bool {
        // SAFETY: `raw` is the node's own, initialised by `new`; only this thread touches the field.
        unsafe { (*self.raw()).active != 0 }
    }
    fn is_pending(&self) -> bool {
        // SAFETY: as in `is_active`.
        unsafe { (*self.raw()).pending != 0 }
    }
    /// [`Kind::start`], after [`Kind::before_start`] if that is not `prepared`. Returns the base, for what comes
    /// next: one call that is not direct does for both.
    ///
    /// # Safety
    /// As for [`Kind::start`]; the caller sees to it that the node lives until it is stopped.
    unsafe fn ev_start(
        &self,
        loop_: &Loop,
        raw_loop: *mut ev_loop,
        prepared: bool,
    ) -> Result<&Base, Error>;
    /// Stops the watcher, gives back all that its start took, and drops its handler, which runs foreign code.
    /// `raw_loop` is what `loop_.look()` has just returned.
    fn stop(&self, loop_: &Loop, raw_loop: *mut ev_loop);
    /// `ev_xxx_stop`, no more.
    ///
    /// # Safety
    /// As for [`Kind::stop`].
    unsafe fn ev_stop(&self, loop_: *mut ev_loop);
    fn closed(&self);
    fn shown_pending(&self) -> bool;
    fn format(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl<K: Kind> AnyNode for Node<K> {
    fn base(&self) -> &Base {
        &self.base
    }

    fn name(&self) -> &'static str {
        K::NAME
    }

    fn is_cleanup(&self) -> bool {
        K::IS_CLEANUP
    }

    fn raw(&self) -> *mut ev_watcher {
        self.raw.get().cast()
    }

    #[inline]
    unsafe fn ev_start(
        &self,
        loop_: &Loop,
        raw_loop: *mut ev_loop,
        prepared: bool,
    ) -> Result<&Base, Error> {
        if !prepared {
            self.kind.before_start(loop_)?;
        }
        // SAFETY: the caller's; `raw` was initialised by `new`, and a node never moves (it is in an `Rc`).
        unsafe { self.kind.start(raw_loop, self.raw.get())? };
        Ok(&self.base)
    }

    fn stop(&self, loop_: &Loop, raw_loop: *mut ev_loop) {
        let kept = self.unlink(loop_, raw_loop);
        self.base.handler.clear();
        drop(kept);
    }

    unsafe fn ev_stop(&self, loop_: *mut ev_loop) {
        // SAFETY: the caller's; `raw` was initialised by `new`, and a node never moves (it is in an `Rc`).
        unsafe { self.kind.stop(loop_, self.raw.get()) }
    }

    fn closed(&self) {
        self.kind.closed();
    }

    fn shown_pending(&self) -> bool {
        self.kind.pending(self.raw.get())
    }

    fn format(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.format(self.raw.get(), f)
    }
}

impl dyn AnyNode {
    /// For a loop that is gone: libev has forgotten the watcher without being asked.
    pub(super) fn mark_stopped(&self) {
        // SAFETY: as in `is_active`; nothing refers to the watcher any more.
        unsafe {
            (*self.raw()).active = 0;
            (*self.raw()).pending = 0;
        }
    }

    /// Delivers an event again that [`boundary::defer`] put aside.
    pub(super) fn feed_again(&self, revents: c_int) {
        let loop_ = self.base().owner.upgrade().map(Loop::from_state);
        if let Some(Ok(raw_loop)) = loop_.as_ref().map(Loop::look)
            && self.base().is_kept()
        {
            // SAFETY: the loop is alive, and the node is on its list, so that it outlives the event.
            unsafe { ev::ev_feed_event(raw_loop, self.raw().cast(), revents) };
        }
    }
}

impl fmt::Debug for dyn AnyNode {
    /// gevent's repr: `<timer at 0x.. native=0x.. active pending callback=..>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<{} at {:p} native={:p}",
            self.name(),
            self.base(),
            self.raw()
        )?;
        self.format(f)?;
        if self.is_active() {
            f.write_str(" active")?;
        }
        if self.shown_pending() {
            f.write_str(" pending")?;
        }
        if self.base().handler.is_set() {
            write!(f, " callback={:?}", self.base().handler)?;
        }
        f.write_str(">")
    }
}

/// What libev calls, as a type of watcher declares it.
pub(super) type RawCallback<R> = unsafe extern "C" fn(*mut ev_loop, *mut R, c_int);

impl<K: Kind> Node<K> {
    /// [`AnyNode::stop`] without the end of the handler. The result may be the node's last reference.
    #[inline]
    fn unlink(&self, loop_: &Loop, raw_loop: *mut ev_loop) -> Option<Rc<dyn AnyNode>> {
        // SAFETY: the callers': the loop is alive; it is the node's own.
        unsafe {
            self.base.give_ref(raw_loop);
            self.ev_stop(raw_loop);
        }
        loop_.state().forget(&self.base)
    }

    /// [`AnyNode::stop`] for who has still something to do before foreign code runs.
    pub(super) fn stop_for_now(&self, loop_: &Loop, raw_loop: *mut ev_loop) -> Remains {
        Remains {
            _handler: self.base.handler.set(None),
            _kept: self.unlink(loop_, raw_loop),
        }
    }

    /// Makes a node. `init` is the shim's `ev_xxx_init` for this type: it gets the zeroed struct and the
    /// callback to put into it.
    pub(super) fn new(
        loop_: &Loop,
        kind: K,
        init: impl FnOnce(&K, *mut K::Raw, RawCallback<K::Raw>),
    ) -> Rc<Node<K>> {
        let node = Rc::new(Node {
            // SAFETY: `Kind`'s contract: `Raw` is valid when zeroed.
            raw: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            base: Base {
                owner: Rc::downgrade(loop_.state()),
                slot: Cell::new(NO_SLOT),
                flags: Cell::new(0),
                handler: HandlerSlot::default(),
            },
            kind,
        });
        init(&node.kind, node.raw.get(), fire::<K>);
        // SAFETY: `raw` is the node's own and its first fields are an ev_watcher's.
        unsafe {
            (*node.raw.get().cast::<ev_watcher>()).data = Rc::as_ptr(&node).cast_mut().cast()
        };
        node
    }
}

/// The callback of every watcher.
///
/// # Safety
/// Only for libev: `raw` is a watcher that one of our nodes holds, on the loop's thread.
unsafe extern "C" fn fire<K: Kind>(raw_loop: *mut ev_loop, raw: *mut K::Raw, revents: c_int) {
    // SAFETY: libev calls on a living loop. Only `Node::new` uses this function, for watchers of nodes.
    unsafe {
        let this: RawCallback<K::Raw> = fire::<K>;
        look_ahead(
            raw_loop,
            std::mem::transmute::<RawCallback<K::Raw>, AnyCallback>(this),
        );
    }
    // SAFETY: invariant 1 and 2 of this module: the node is alive, and on its loop's list, so that its strong
    // count is at least one. `data` was set by `Node::new` to the address inside of the `Rc`.
    let node: Rc<Node<K>> = unsafe {
        let node = (*raw.cast::<ev_watcher>())
            .data
            .cast_const()
            .cast::<Node<K>>();
        Rc::increment_strong_count(node);
        Rc::from_raw(node)
    };
    let Some(state) = node.base.owner.upgrade() else {
        return;
    };
    boundary::enter(Loop::from_state(state), move |loop_| {
        super::trampoline::dispatch(loop_, node, revents)
    });
}

/// What is left of a stopped node. Dropping it runs foreign code, so that comes last.
#[must_use = "to be dropped when nothing is half-done"]
pub(super) struct Remains {
    _handler: OldHandler,
    _kept: Option<Rc<dyn AnyNode>>,
}
