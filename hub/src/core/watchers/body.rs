//! The body behind every watcher: libev's struct, at a fixed address, and our own data about it.
//!
//! # What keeps a body sound
//!
//! 1. libev knows a body's address only while the watcher is active or pending.
//! 2. While the watcher is either, the body is *kept*: a flag, which stands for a reference that the loop holds.
//! 3. The flag is taken away only after the watcher was stopped ([`BodyRef::unkeep`] is only called by stops and by the
//!    teardown of the loop), by code that holds a [`BodyRef`] of its own.
//! 4. Every body is on its loop's list from its making to its end, and a loop stops all its kept bodies before it ends.
//!
//! So a pointer that libev passes back always points to a live body, and the body's loop is alive too. libev's
//! `data` field belongs to us: it points to the body's [`KindTable`].

use std::any::TypeId;
use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::offset_of;
use std::os::raw::c_int;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

use libev_sys as ev;
use libev_sys::{ev_loop, ev_watcher};

use crate::core::error::Error;
use crate::core::event_loop::loop_::Loop;
use crate::core::event_loop::parts::LoopParts;
use crate::core::watchers::body_ref::BodyRef;
use crate::core::watchers::handler::HandlerSlot;
use crate::core::watchers::look_ahead::look_ahead;
use crate::core::watchers::trampoline::dispatch;

/// One of libev's 13 types of watcher.
///
/// # Safety
/// `Raw` must be a struct of libev's that begins with `EV_WATCHER`'s fields, so that a pointer to it is one to
/// an `ev_watcher`, and it must be valid when zeroed. `PLAIN`, if set, may be called in the place of `start` and
/// `stop`.
pub(in crate::core) unsafe trait Kind: Sized + 'static {
    /// libev's struct.
    type Raw;
    /// gevent's name of the type.
    const NAME: &'static str;
    /// True for cleanup watchers, which stay started until `ev_loop_destroy` has called them.
    const IS_CLEANUP: bool = false;
    /// libev's own functions, if `start` and `stop` only call these. `before_start` is then called only while queued
    /// callbacks run.
    const PLAIN: Option<[RawChange<Self::Raw>; 2]> = None;

    /// `ev_xxx_start`. Returns an error where libev would fail an assertion.
    ///
    /// # Safety
    /// `loop_` is alive, and `raw` is an initialised watcher that stays where it is until it is stopped.
    unsafe fn start(&self, loop_: *mut ev_loop, raw: *mut Self::Raw) -> Result<(), Error>;

    /// `ev_xxx_stop`
    ///
    /// # Safety
    /// The same as for `start`, with the same loop.
    unsafe fn stop(&self, loop_: *mut ev_loop, raw: *mut Self::Raw);

    /// Called before `start`, also when the watcher is active already.
    fn before_start(&self, _loop: &Loop) -> Result<(), Error> {
        Ok(())
    }

    /// Called when the user is done with the watcher.
    fn closed(&self) {}

    /// The priority of an event that is fed, for a watcher whose user has set the priority `given`. libev brings the
    /// priority into range when it starts a watcher, but uses that of a fed watcher as an index, unchecked.
    fn feed_priority(given: c_int) -> c_int {
        given.clamp(ev::EV_MINPRI, ev::EV_MAXPRI)
    }

    /// What [`Watcher::pending`](crate::core::Watcher::pending) tells the user.
    fn pending(&self, raw: *mut Self::Raw) -> bool {
        // SAFETY: by the trait's contract an ev_watcher's fields come first; `raw` is the body's own.
        unsafe { (*raw.cast::<ev_watcher>()).pending != 0 }
    }

    /// Adds the type's own attributes to the `Debug` output, each with a space before it.
    fn format(&self, _raw: *mut Self::Raw, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// `ev_xxx_start` or `ev_xxx_stop`.
pub(in crate::core) type RawChange<R> = unsafe extern "C" fn(*mut ev_loop, *mut R);

/// The callback in a watcher's struct, with the type that the struct declares.
pub(in crate::core) type RawCallback<R> = unsafe extern "C" fn(*mut ev_loop, *mut R, c_int);

/// The part of a body that is the same for all types of watcher.
#[repr(C)]
pub(in crate::core) struct BodyBase {
    /// How many [`BodyRef`]s there are.
    pub(in crate::core) refs: Cell<u32>,
    /// The body's place in its loop's list.
    pub(in crate::core) slot: Cell<u32>,
    pub(in crate::core) owner: Weak<LoopParts>,
    /// The handler that the watcher calls.
    pub(in crate::core) handler: HandlerSlot,
}

/// The body of a watcher of one type.
#[repr(C)] // The base comes first and libev's struct right after it, whatever the type.
pub(in crate::core) struct Body<K: Kind> {
    pub(in crate::core) base: BodyBase,
    raw: UnsafeCell<K::Raw>,
    pub(in crate::core) kind: K,
}

/// The data and functions that all bodies of one type have in common.
pub(in crate::core) struct KindTable {
    pub(in crate::core) name: &'static str,
    pub(in crate::core) is_cleanup: bool,
    pub(in crate::core) plain: Option<[RawChange<ev_watcher>; 2]>,
    pub(in crate::core) type_id: fn() -> TypeId,
    /// The body as a trait object.
    ///
    /// # Safety
    /// The pointer is to a body of the table's type, which lives as long as the result is used.
    pub(in crate::core) any: unsafe fn(NonNull<BodyBase>) -> *const dyn AnyBody,
    /// Frees the body.
    ///
    /// # Safety
    /// The pointer is to a body of the table's type, which is not used again.
    pub(in crate::core) free: unsafe fn(NonNull<BodyBase>),
}

/// The one table of each type.
trait HasKindTable {
    const TABLE: &'static KindTable;
}

impl<K: Kind> HasKindTable for Body<K> {
    const TABLE: &'static KindTable = &KindTable {
        name: K::NAME,
        is_cleanup: K::IS_CLEANUP,
        plain: match K::PLAIN {
            // SAFETY: the function types differ only in the type that their argument points to, and `Kind` says that a
            // pointer to a `Raw` is one to an `ev_watcher`.
            Some([start, stop]) => unsafe {
                Some([
                    std::mem::transmute::<RawChange<K::Raw>, RawChange<ev_watcher>>(start),
                    std::mem::transmute::<RawChange<K::Raw>, RawChange<ev_watcher>>(stop),
                ])
            },
            None => None,
        },
        type_id: TypeId::of::<K>,
        any: |body| {
            let body: *const Body<K> = body.cast().as_ptr();
            body
        },
        // SAFETY: by this function's contract; `Body::make` has boxed the body.
        free: |body| unsafe { drop(Box::from_raw(body.cast::<Body<K>>().as_ptr())) },
    };
}

/// The body of a watcher of any type.
pub(in crate::core) trait AnyBody {
    /// [`Kind::start`], after [`Kind::before_start`] unless `prepared` says that this is done.
    ///
    /// # Safety
    /// The same as for [`Kind::start`]; and the caller keeps the body alive until the watcher is stopped.
    unsafe fn ev_start(&self, loop_: &Loop, raw_loop: *mut ev_loop, prepared: bool) -> Result<(), Error>;
    /// `ev_xxx_stop`, and nothing more.
    ///
    /// # Safety
    /// The same as for [`Kind::stop`].
    unsafe fn ev_stop(&self, loop_: *mut ev_loop);
    fn closed(&self);
    fn feed_priority(&self, given: c_int) -> c_int;
    fn shown_pending(&self) -> bool;
    fn format(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl<K: Kind> AnyBody for Body<K> {
    unsafe fn ev_start(&self, loop_: &Loop, raw_loop: *mut ev_loop, prepared: bool) -> Result<(), Error> {
        if !prepared {
            self.kind.before_start(loop_)?;
        }
        // SAFETY: by this function's contract. `make` has initialised `raw`, and a body never moves (it is in a box).
        unsafe { self.kind.start(raw_loop, self.raw.get()) }
    }

    unsafe fn ev_stop(&self, loop_: *mut ev_loop) {
        // SAFETY: by this function's contract; as in `ev_start`.
        unsafe { self.kind.stop(loop_, self.raw.get()) }
    }

    fn closed(&self) {
        self.kind.closed();
    }

    fn feed_priority(&self, given: c_int) -> c_int {
        K::feed_priority(given)
    }

    fn shown_pending(&self) -> bool {
        self.kind.pending(self.raw.get())
    }

    fn format(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.format(self.raw.get(), f)
    }
}

impl<K: Kind> Body<K> {
    /// Makes a body. `init` is the shim's `ev_xxx_init` for this type: it gets the zeroed struct and the
    /// callback to put into it.
    pub(in crate::core) fn make(
        loop_: &Loop,
        kind: K,
        init: impl FnOnce(&K, *mut K::Raw, RawCallback<K::Raw>),
    ) -> BodyRef {
        const { assert!(offset_of!(Body<K>, raw) == size_of::<BodyBase>()) };
        let body = Box::leak(Box::<Body<K>>::new_uninit());
        let body: NonNull<Body<K>> = NonNull::from(body).cast();
        let base = BodyBase {
            refs: Cell::new(0),
            slot: Cell::new(0),
            owner: Rc::downgrade(loop_.state()),
            handler: HandlerSlot::default(),
        };
        // The body is filled in its place, because moving it there would take time.
        // SAFETY: the box was leaked just now; from here on the references own it. By `Kind`'s contract `Raw` is valid
        // when zeroed, and is a watcher's struct, to which `fire` takes a pointer.
        unsafe {
            let place = body.as_ptr();
            (&raw mut (*place).base).write(base);
            (&raw mut (*place).raw).write_bytes(0, 1);
            (&raw mut (*place).kind).write(kind);
            let body_ref = BodyRef::first(body.cast());
            let raw = body_ref.raw();
            init(
                &body.as_ref().kind,
                raw.cast(),
                std::mem::transmute::<RawCallback<ev_watcher>, RawCallback<K::Raw>>(fire),
            );
            (*raw).data = (&raw const *Self::TABLE).cast_mut().cast();
            loop_.state().list(&body_ref);
            body_ref
        }
    }
}

/// The body around a watcher of libev's.
///
/// # Safety
/// The watcher is in one of our bodies, and the pointer was made from a pointer to that body.
#[inline]
pub(in crate::core) unsafe fn body_of(raw: *mut ev_watcher) -> NonNull<BodyBase> {
    // SAFETY: by this function's contract; the base lies right before the watcher.
    unsafe { NonNull::new_unchecked(raw.cast::<BodyBase>().sub(1)) }
}

/// The callback of every watcher.
///
/// # Safety
/// Only libev calls this: `raw` is a watcher in one of our bodies, and the thread is the loop's.
pub(in crate::core) unsafe extern "C" fn fire(raw_loop: *mut ev_loop, raw: *mut ev_watcher, revents: c_int) {
    // SAFETY: libev calls this on a living loop.
    unsafe { look_ahead(raw_loop) };
    // SAFETY: only `Body::make` installs this function, so a body is around `raw`. It is alive by invariants 1 and 2 of
    // this module.
    let body = unsafe { BodyRef::new(body_of(raw)) };
    let Some(state) = body.owner.upgrade() else {
        return;
    };
    dispatch(Loop::from_state(state), body, revents);
}

/// Feeds libev an event that [`defer`](crate::core::event_loop::c_frames::defer) has put aside.
pub(in crate::core) fn feed_again(body: &BodyRef, revents: c_int) {
    let loop_ = body.owner.upgrade().map(Loop::from_state);
    if let Some(Ok(raw_loop)) = loop_.as_ref().map(Loop::look)
        && body.is_kept()
    {
        // SAFETY: the loop is alive, and the body is kept, so that it outlives the event.
        unsafe { ev::ev_feed_event(raw_loop, body.raw().cast(), revents) };
    }
}
