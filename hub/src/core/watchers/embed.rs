//! [`Embed`]: one loop inside another. Source: ev.pod, `ev_embed`; gevent has no such watcher.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::{MaybeUninit, offset_of};
use std::os::raw::c_int;
use std::ptr::{self, NonNull};
use std::rc::{Rc, Weak};

use libev_sys as ev;
use libev_sys::{ev_embed, ev_fork, ev_loop, ev_watcher};

use crate::core::error::{Error, NotEmbeddable};
use crate::core::event_loop::c_frames;
use crate::core::event_loop::flags::LoopFlags;
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::{Body, BodyBase, Kind, body_of};
use crate::core::watchers::body_ref::{BodyRef, Remains};
use crate::core::watchers::watcher::watcher_type;

pub(in crate::core) struct EmbedKind {
    /// The embedded loop. This handle keeps it alive as long as the watcher, and so as long as libev has a pointer to
    /// it.
    other: Loop,
    host: Weak<crate::core::event_loop::parts::LoopParts>,
    me: Rc<Me>,
    /// Whether the user has started the watcher, and not stopped it since. It may be inactive all the same for a moment
    /// after a fork.
    wanted: Cell<bool>,
    /// A fork watcher on the other loop, active while this watcher is wanted.
    other_forks: UnsafeCell<ev_fork>,
}

impl EmbedKind {
    fn check(&self) -> Result<(), Error> {
        self.other.look()?;
        check_backend(&self.other)?;
        match self.host.upgrade().map(Loop::from_state) {
            Some(host) if is_within(&host, &self.other) => Err(NotEmbeddable::Cycle.into()),
            _ => Ok(()),
        }
    }

    fn me(&self) -> WeakEmbed {
        WeakEmbed(Rc::downgrade(&self.me))
    }

    /// Starts libev's watcher, with our callback for forks.
    ///
    /// # Safety
    /// The same as for [`Kind::start`]; and the other loop is alive and embeddable.
    unsafe fn start_now(&self, loop_: *mut ev_loop, raw: *mut ev_embed) {
        // SAFETY: by this function's contract. libev has just started the watcher `fork`, whose callback may be changed
        // at any time.
        unsafe {
            ev::ev_embed_start(loop_, raw);
            (*raw).fork.cb = Some(on_fork);
        }
    }

    /// Starts the fork watcher on the other loop.
    ///
    /// # Safety
    /// The other loop is alive. The body lives until [`no_longer_follow`](Self::no_longer_follow).
    unsafe fn follow(&self) {
        let raw_other = self.other.state().raw;
        let fork = self.other_forks.get();
        // SAFETY: by this function's contract; the watcher is the body's own.
        unsafe {
            if (*fork).active != 0 {
                // The user has started the watcher while `on_fork` had it stopped.
                return;
            }
            ev::ev_shim_fork_init(fork, Some(on_other_fork));
            (*fork).data = self.me.get().map_or(ptr::null_mut(), |me| me.as_ptr().cast());
            ev::ev_fork_start(raw_other, fork);
            ev::ev_unref(raw_other);
        }
    }

    /// Stops the fork watcher on the other loop.
    fn no_longer_follow(&self) {
        let shared = &self.other.state().shared;
        let fork = self.other_forks.get();
        // SAFETY: the watcher is the body's own, and can only be active on the other loop, which has not been freed.
        unsafe {
            if shared.exists() && (*fork).active != 0 {
                ev::ev_ref(shared.raw);
                ev::ev_fork_stop(shared.raw, fork);
            }
        }
    }
}

impl Drop for EmbedKind {
    /// Usually nothing is left to do, except if the loop was destroyed by other code, without stopping its watchers.
    fn drop(&mut self) {
        self.no_longer_follow();
    }
}

// SAFETY: ev_embed begins with EV_WATCHER and is plain data.
unsafe impl Kind for EmbedKind {
    type Raw = ev_embed;
    const NAME: &'static str = "embed";

    unsafe fn start(&self, loop_: *mut ev_loop, raw: *mut ev_embed) -> Result<(), Error> {
        // SAFETY: by the contract of this function and of the trait.
        if unsafe { (*raw.cast::<ev_watcher>()).active } != 0 {
            return Ok(());
        }
        self.check()?;
        // The other loop is told, so that its destruction stops this watcher first.
        self.other.state().shared.embedded(self.me());
        self.wanted.set(true);
        // SAFETY: by this function's contract; the other loop is alive and embeddable, as checked.
        unsafe {
            self.start_now(loop_, raw);
            self.follow();
        }
        Ok(())
    }

    unsafe fn stop(&self, loop_: *mut ev_loop, raw: *mut ev_embed) {
        self.wanted.set(false);
        // SAFETY: by the contract of this function and of the trait.
        unsafe { ev::ev_embed_stop(loop_, raw) };
        self.no_longer_follow();
        self.other.state().shared.no_longer_embedded(&self.me());
    }

    fn format(&self, _: *mut ev_embed, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " other={:?}", self.other)
    }
}

/// The body that an [`EmbedKind`] is in.
type Me = Cell<Option<NonNull<BodyBase>>>;

/// A weak reference to the body of an embed watcher.
pub(in crate::core) struct WeakEmbed(Weak<Me>);

impl WeakEmbed {
    pub(in crate::core) fn upgrade(&self) -> Option<EmbedBody> {
        // SAFETY: the `Me` is alive, so its owner, the `EmbedKind`, was not dropped, and the memory of the body around
        // that was not freed.
        let body = unsafe { BodyRef::revive(self.0.upgrade()?.get()?) }?;
        Some(EmbedBody(body))
    }
}

impl PartialEq for WeakEmbed {
    fn eq(&self, other: &WeakEmbed) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// A body of an embed watcher.
pub(in crate::core) struct EmbedBody(BodyRef);

impl EmbedBody {
    /// The loop in which the other one is embedded.
    pub(in crate::core) fn host(&self) -> Option<Loop> {
        self.0.owner.upgrade().map(Loop::from_state)
    }

    /// Stops the watcher, because the other loop is being destroyed.
    #[must_use]
    pub(in crate::core) fn stop_embedding(self) -> Option<Remains> {
        let host = self.host()?;
        let raw_loop = host.look().ok()?;
        // SAFETY: `look` says that the host, which is the body's loop, is alive.
        Some(unsafe { self.0.stop_for_now(raw_loop) })
    }
}

/// Called in the child after a fork, in the place of libev's `embed_fork_cb`. Both stop the watcher, run the other loop
/// and start the watcher again; libev's does so even if the other loop's callbacks have stopped the watcher or
/// destroyed a loop.
///
/// # Safety
/// Only libev calls this: `fork` is inside of the `ev_embed` of an active body, whose loop is `raw_host`.
unsafe extern "C" fn on_fork(raw_host: *mut ev_loop, fork: *mut ev_fork, _: c_int) {
    // SAFETY: by this function's contract; the body is active, and so alive, as in `body::fire`.
    let (raw, body) = unsafe {
        let raw = fork.byte_sub(offset_of!(ev_embed, fork)).cast::<ev_embed>();
        (raw, EmbedBody(BodyRef::new(body_of(raw.cast()))))
    };
    let Some(host) = body.host() else { return };
    c_frames::enter(host, move |host| {
        let Some(kind) = body.0.kind::<EmbedKind>() else {
            return;
        };
        let Ok(raw_other) = kind.other.look() else {
            return;
        };
        if c_frames::is_unwinding() {
            // No callback may run now, so have libev call this again.
            // SAFETY: libev calls this from a run of the loop, so it has not been freed.
            unsafe { ev::ev_loop_fork(raw_host) };
            return;
        }
        // SAFETY: both loops are alive. A loop that is destroyed during the run is freed later, because it runs.
        unsafe {
            ev::ev_embed_stop(raw_host, raw);
            ev::ev_loop_fork(raw_other);
            ev::ev_run(raw_other, ev::EVRUN_NOWAIT);
        }
        if kind.wanted.get() && !body.0.is_active() && host.look().is_ok() && kind.other.look().is_ok() {
            // SAFETY: both loops are alive, and a wanted body is kept.
            unsafe { kind.start_now(raw_host, raw) };
        }
    });
}

/// Called when the other loop notices a fork and is about to make its descriptors anew. The outer loop watches one of
/// these descriptors. libev does not follow the change: unless the outer loop notices the same fork, it would go on
/// watching a number that is closed, or is another file's.
///
/// # Safety
/// Only libev calls this: `fork` is the `other_forks` of a wanted body, to which its `data` points, and whose other
/// loop is `raw_other`.
unsafe extern "C" fn on_other_fork(raw_other: *mut ev_loop, fork: *mut ev_fork, _: c_int) {
    // SAFETY: by this function's contract; a wanted body is kept, and so alive. Nothing here runs user code.
    unsafe {
        let Some(body) = NonNull::new((*fork).data.cast::<BodyBase>()) else {
            return;
        };
        let body = EmbedBody(BodyRef::new(body));
        let (Some(Ok(raw_host)), Some(kind)) = (body.host().as_ref().map(Loop::look), body.0.kind::<EmbedKind>())
        else {
            return;
        };
        // If the watcher is not active, `on_fork` is running and will start it.
        if body.0.is_active() && ev::ev_shim_has_internals() != 0 {
            let raw = body.0.raw().cast();
            ev::ev_embed_stop(raw_host, raw);
            ev::ev_shim_loop_fork_now(raw_other);
            kind.start_now(raw_host, raw);
        }
    }
}

watcher_type! {
    /// Runs another loop from within this one. Made by [`Loop::embed`].
    ///
    /// Calls back when the other loop has something to do; the callback should then call [`sweep`](Embed::sweep).
    /// [`start_sweep`](Embed::start_sweep) sets such a callback.
    ///
    /// While started, the watcher keeps the other loop alive; destroying the other loop stops the watcher.
    ///
    /// ```
    /// use hub::core::{Loop, NotEmbeddable};
    ///
    /// let outer = Loop::new("", false)?;
    /// let inner = Loop::new("", false)?;
    /// if let Ok(embed) = outer.embed(&inner) {
    ///     embed.start_sweep()?;
    ///     inner.timer(0.0)?.start(|| println!("inner"))?;
    ///     outer.run_nowait()?;
    /// }
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    Embed(EmbedKind)
}

impl Loop {
    /// A watcher that embeds `other` into this loop.
    ///
    /// # Errors
    /// [`NotEmbeddable`] if the backend of `other` cannot be embedded (see
    /// [`embeddable_backends`](crate::core::embeddable_backends)), or if `other` is this loop or one in which this loop
    /// is embedded; the start of the watcher checks this again. Fails also if either loop is destroyed.
    pub fn embed(&self, other: &Loop) -> Result<Embed, Error> {
        let raw_other = other.look()?;
        let kind = EmbedKind {
            other: other.clone(),
            host: Rc::downgrade(self.state()),
            me: Rc::default(),
            wanted: Cell::new(false),
            // SAFETY: an `ev_fork` is plain data, valid when zeroed; `follow` initialises it before it is started.
            other_forks: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
        };
        kind.check()?;
        self.look()?;
        let body = Body::make(self, kind, |_, raw, callback| {
            // SAFETY: `raw` is the new body's own; the body keeps the other loop.
            unsafe { ev::ev_shim_embed_init(raw, Some(callback), raw_other) }
        });
        if let Some(kind) = body.kind::<EmbedKind>() {
            kind.me.set(Some(body.as_ptr()));
        }
        Ok(Embed(crate::core::watchers::watcher::Watcher::new(self, body)))
    }
}

impl Embed {
    /// The embedded loop.
    pub fn other(&self) -> &Loop {
        &self.kind().other
    }

    /// Runs the other loop, without waiting.
    ///
    /// # Errors
    /// Fails if the other loop is destroyed.
    pub fn sweep(&self) -> Result<(), Error> {
        self.other().run_nowait()?;
        Ok(())
    }

    /// [`start`](crate::core::Watcher::start) with a callback that [sweeps](Self::sweep).
    ///
    /// # Errors
    /// The same as those of [`start`](crate::core::Watcher::start).
    pub fn start_sweep(&self) -> Result<(), Error> {
        let other = self.other().clone();
        self.start(move || {
            other.run_nowait()?;
            Ok(())
        })
    }
}

pub(in crate::core) fn check_backend(other: &Loop) -> Result<(), Error> {
    let backend = other.backend_int()?;
    // SAFETY: no preconditions.
    let embeddable = unsafe { ev::ev_embeddable_backends() };
    // libev says that io_uring is embeddable, but would watch the descriptor in a field that is -1 there.
    if backend & embeddable & !ev::EVBACKEND_IOURING != 0 {
        Ok(())
    } else {
        Err(NotEmbeddable::Backend(LoopFlags::from_bits(backend)).into())
    }
}

/// Whether `inner` is `outer` or embedded in it, at whatever depth.
fn is_within(inner: &Loop, outer: &Loop) -> bool {
    let shared = &inner.state().shared;
    Rc::ptr_eq(shared, &outer.state().shared) || shared.hosts().iter().any(|host| is_within(host, outer))
}
