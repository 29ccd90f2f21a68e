//! [`BodyRef`]: a counted reference to a body, of whatever type.
//!
//! It is a thin pointer, with the count in the body, so that programs with a million watchers need less memory.

use std::any::TypeId;
use std::fmt;
use std::ops::Deref;
use std::process::abort;
use std::ptr::NonNull;

use libev_sys as ev;
use libev_sys::{ev_loop, ev_watcher};

use crate::core::error::Error;
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::{AnyBody, Body, BodyBase, Kind, KindTable};
use crate::core::watchers::handler::{Handler, Marks, OldHandler};

/// A pointer to a living body, which counts it.
pub(in crate::core) struct BodyRef(NonNull<BodyBase>);

impl BodyRef {
    /// The first reference to a new body.
    ///
    /// # Safety
    /// `body` points to a whole, leaked `Body`.
    pub(in crate::core) unsafe fn first(body: NonNull<BodyBase>) -> BodyRef {
        // SAFETY: by this function's contract.
        unsafe { BodyRef::new(body) }
    }

    /// One more reference.
    ///
    /// # Safety
    /// `body` points to a body that is alive, and was made from a pointer to the whole of it.
    #[inline]
    pub(in crate::core) unsafe fn new(body: NonNull<BodyBase>) -> BodyRef {
        // SAFETY: by this function's contract.
        let refs = unsafe { &body.as_ref().refs };
        match refs.get().checked_add(1) {
            Some(more) => refs.set(more),
            // An overflow, by references that are forgotten, would free a body in use. `Rc` aborts then, too.
            None => abort(),
        }
        BodyRef(body)
    }

    /// One more reference, unless the body is being freed.
    ///
    /// # Safety
    /// `body` points to the whole of a body whose memory has not been freed.
    pub(in crate::core) unsafe fn revive(body: NonNull<BodyBase>) -> Option<BodyRef> {
        // SAFETY: by this function's contract; while a body is being freed, it is not in use.
        unsafe { body.as_ref().is_in_use().then(|| BodyRef::new(body)) }
    }

    #[inline]
    pub(in crate::core) fn as_ptr(&self) -> NonNull<BodyBase> {
        self.0
    }

    /// libev's struct.
    #[inline]
    pub(in crate::core) fn raw(&self) -> *mut ev_watcher {
        // SAFETY: libev's struct lies right behind the base.
        unsafe { self.0.add(1).cast().as_ptr() }
    }

    #[inline]
    pub(in crate::core) fn table(&self) -> &'static KindTable {
        // SAFETY: `Body::make` has put the table's address into `data`, and nobody changes it.
        unsafe { &*(*self.raw()).data.cast_const().cast() }
    }

    #[inline]
    fn any(&self) -> &dyn AnyBody {
        // SAFETY: the table is that of the body's type, and `self` keeps the body.
        unsafe { &*(self.table().any)(self.0) }
    }

    /// The part of the body that is the type's own, if the body is of this type.
    pub(in crate::core) fn kind<K: Kind>(&self) -> Option<&K> {
        // SAFETY: the body is of the type that its table says, and `self` keeps it.
        ((self.table().type_id)() == TypeId::of::<K>()).then(|| unsafe { &self.0.cast::<Body<K>>().as_ref().kind })
    }

    #[inline]
    pub(in crate::core) fn is_active(&self) -> bool {
        // SAFETY: `raw` is the body's own, initialised when it was made; only this thread touches the field.
        unsafe { (*self.raw()).active != 0 }
    }

    #[inline]
    pub(in crate::core) fn is_pending(&self) -> bool {
        // SAFETY: as in `is_active`.
        unsafe { (*self.raw()).pending != 0 }
    }

    #[inline]
    pub(in crate::core) fn is_known_to_libev(&self) -> bool {
        self.is_active() || self.is_pending()
    }

    pub(in crate::core) fn shown_pending(&self) -> bool {
        self.any().shown_pending()
    }

    pub(in crate::core) fn feed_priority(&self, given: i32) -> i32 {
        self.any().feed_priority(given)
    }

    pub(in crate::core) fn closed(&self) {
        self.any().closed();
    }

    /// See [`AnyBody::ev_start`].
    ///
    /// # Safety
    /// `raw_loop` is the body's loop, and alive; the caller keeps the body until it is stopped.
    pub(in crate::core) unsafe fn ev_start(
        &self,
        loop_: &Loop,
        raw_loop: *mut ev_loop,
        prepared: bool,
    ) -> Result<(), Error> {
        // SAFETY: by this function's contract.
        unsafe { self.any().ev_start(loop_, raw_loop, prepared) }
    }

    /// Starts the watcher if that takes no more than a call of libev's. Gives the handler back otherwise.
    ///
    /// # Safety
    /// `raw_loop` is the body's loop, and alive. No queued callbacks run.
    #[inline(always)]
    pub(in crate::core) unsafe fn start_if_plain(
        &self,
        raw_loop: *mut ev_loop,
        handler: Handler,
    ) -> Result<(), Handler> {
        match self.table().plain {
            Some([start, _]) if self.handler.word.is_only(Marks::NONE) => {
                self.handler.overwrite(Marks::KEPT, Some(handler));
                // SAFETY: by this function's contract; the body is kept until it is stopped.
                unsafe { start(raw_loop, self.raw()) };
                Ok(())
            }
            _ => Err(handler),
        }
    }

    /// Stops the watcher if that takes no more than a call of libev's. Returns whether it did.
    ///
    /// # Safety
    /// `raw_loop` is the body's loop, and alive.
    #[inline(always)]
    pub(in crate::core) unsafe fn stop_if_plain(&self, raw_loop: *mut ev_loop) -> bool {
        match self.table().plain {
            Some([_, stop]) if self.handler.word.is_only(Marks::KEPT) => {
                self.handler.overwrite(Marks::NONE, None);
                // SAFETY: by this function's contract.
                unsafe { stop(raw_loop, self.raw()) };
                true
            }
            _ => false,
        }
    }

    /// Stops the watcher, and undoes all that its start did, except that the handler stays.
    ///
    /// # Safety
    /// `raw_loop` is the body's loop, and alive.
    #[inline]
    pub(in crate::core) unsafe fn unlink(&self, raw_loop: *mut ev_loop) {
        // SAFETY: by this function's contract.
        unsafe {
            self.give_ref(raw_loop);
            match self.table().plain {
                Some([_, stop]) => stop(raw_loop, self.raw()),
                None => self.any().ev_stop(raw_loop),
            }
        }
        self.unkeep();
    }

    /// Stops the watcher, undoes all that its start did, and drops its handler, which runs user code.
    ///
    /// # Safety
    /// `raw_loop` is the body's loop, and alive.
    #[inline]
    pub(in crate::core) unsafe fn stop(&self, raw_loop: *mut ev_loop) {
        // SAFETY: by this function's contract.
        unsafe { self.unlink(raw_loop) };
        self.handler.clear();
    }

    /// [`stop`](Self::stop) for callers with more to do before user code may run: they drop the result when they are
    /// done.
    ///
    /// # Safety
    /// `raw_loop` is the body's loop, and alive.
    pub(in crate::core) unsafe fn stop_for_now(self, raw_loop: *mut ev_loop) -> Remains {
        let handler = self.handler.set(None);
        // SAFETY: by this function's contract.
        unsafe { self.unlink(raw_loop) };
        Remains {
            _handler: handler,
            _body: self,
        }
    }

    /// Marks the watcher of a loop that was freed as stopped.
    pub(in crate::core) fn mark_stopped(&self) {
        // SAFETY: as in `is_active`; nothing refers to the watcher any more.
        unsafe {
            (*self.raw()).active = 0;
            (*self.raw()).pending = 0;
        }
    }
}

impl BodyBase {
    /// Whether the body is referred to, by a `BodyRef` or by libev.
    #[inline]
    fn is_in_use(&self) -> bool {
        self.refs.get() > 0 || self.is_kept()
    }

    #[inline]
    pub(in crate::core) fn is_kept(&self) -> bool {
        self.handler.word.has(Marks::KEPT)
    }

    #[inline]
    pub(in crate::core) fn keep(&self) {
        self.handler.word.add(Marks::KEPT);
    }

    /// Takes the mark away. The caller has stopped the watcher, and holds a reference.
    #[inline]
    pub(in crate::core) fn unkeep(&self) {
        self.handler.word.remove(Marks::KEPT);
    }

    pub(in crate::core) fn is_ref(&self) -> bool {
        !self.handler.word.has(Marks::UNREF_BEFORE_START)
    }

    /// Takes the loop's reference by the watcher away, if the user wants that. Called at every start and feed; gevent's
    /// `_libev_unref`.
    ///
    /// # Safety
    /// `loop_` is alive.
    #[inline]
    pub(in crate::core) unsafe fn take_ref(&self, loop_: *mut ev_loop) {
        if self.handler.word.has(Marks::UNREF_BEFORE_START) && !self.handler.word.has(Marks::NEEDS_REF) {
            // SAFETY: by this function's contract.
            unsafe { ev::ev_unref(loop_) };
            self.handler.word.add(Marks::NEEDS_REF);
        }
    }

    /// Gives back the reference that [`take_ref`](Self::take_ref) took. Called before every stop; gevent's
    /// `_libev_ref`.
    ///
    /// # Safety
    /// `loop_` is alive.
    #[inline]
    pub(in crate::core) unsafe fn give_ref(&self, loop_: *mut ev_loop) {
        if self.handler.word.has(Marks::NEEDS_REF) {
            // SAFETY: by this function's contract.
            unsafe { ev::ev_ref(loop_) };
            self.handler.word.remove(Marks::NEEDS_REF);
        }
    }

    /// Sets whether the watcher, while active, keeps the loop running.
    ///
    /// # Safety
    /// `loop_` is alive.
    pub(in crate::core) unsafe fn set_ref(&self, loop_: *mut ev_loop, ref_: bool, active: bool) {
        if ref_ {
            // SAFETY: by this function's contract.
            unsafe { self.give_ref(loop_) };
            self.handler.word.remove(Marks::UNREF_BEFORE_START);
        } else if self.is_ref() {
            self.handler.word.add(Marks::UNREF_BEFORE_START);
            if active {
                // SAFETY: by this function's contract.
                unsafe { self.take_ref(loop_) };
            }
        }
    }
}

impl Deref for BodyRef {
    type Target = BodyBase;

    #[inline]
    fn deref(&self) -> &BodyBase {
        // SAFETY: the type's invariant.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for BodyRef {
    #[inline]
    fn clone(&self) -> BodyRef {
        // SAFETY: the type's invariant.
        unsafe { BodyRef::new(self.0) }
    }
}

impl Drop for BodyRef {
    #[inline]
    fn drop(&mut self) {
        self.refs.set(self.refs.get() - 1);
        if !self.is_in_use() {
            // SAFETY: this was the last reference, and libev does not know the watcher.
            unsafe { free(self.0) };
        }
    }
}

/// Frees a body.
///
/// # Safety
/// The body is neither referred to nor kept.
#[inline(never)]
unsafe fn free(body: NonNull<BodyBase>) {
    // SAFETY: by this function's contract.
    unsafe {
        let base = body.as_ref();
        if let Some(state) = base.owner.upgrade() {
            state.unlist(base);
        }
        let raw: *mut ev_watcher = body.add(1).cast().as_ptr();
        let table: &'static KindTable = &*(*raw).data.cast_const().cast();
        (table.free)(body);
    }
}

impl PartialEq for BodyRef {
    fn eq(&self, other: &BodyRef) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for BodyRef {
    /// gevent's repr: `<timer at 0x.. native=0x.. active pending callback=..>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} at {:p} native={:p}", self.table().name, self.0, self.raw())?;
        self.any().format(f)?;
        if self.is_active() {
            f.write_str(" active")?;
        }
        if self.shown_pending() {
            f.write_str(" pending")?;
        }
        if self.handler.is_set() {
            write!(f, " callback={:?}", self.handler)?;
        }
        f.write_str(">")
    }
}

/// The handler and the reference of a stopped body. Dropping them runs user code, so they are dropped last.
#[must_use = "to be dropped when nothing is half-done"]
pub(in crate::core) struct Remains {
    _handler: OldHandler,
    _body: BodyRef,
}
