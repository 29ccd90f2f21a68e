//! [`Embed`]: one loop inside another. Source: ev.pod, `ev_embed`; gevent has no such watcher.

use std::cell::OnceCell;
use std::fmt;
use std::rc::{Rc, Weak};

use libev_sys as ev;
use libev_sys::{ev_embed, ev_loop, ev_watcher};

use super::error::{Error, NotEmbeddable};
use super::flags::LoopFlags;
use super::loop_::Loop;
use super::node::{Kind, Node, Remains};
use super::watcher::watcher_type;

pub(super) type EmbedNode = Node<EmbedKind>;

pub(super) struct EmbedKind {
    /// Alive as long as the watcher, and so as long as libev has a pointer to it.
    other: Loop,
    host: Weak<super::state::LoopState>,
    /// The node this is in.
    me: OnceCell<Weak<EmbedNode>>,
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
}

// SAFETY: ev_embed begins with EV_WATCHER and is plain data.
unsafe impl Kind for EmbedKind {
    type Raw = ev_embed;
    const NAME: &'static str = "embed";

    unsafe fn start(&self, loop_: *mut ev_loop, raw: *mut ev_embed) -> Result<(), Error> {
        // SAFETY: the caller's, by the trait's contract.
        if unsafe { (*raw.cast::<ev_watcher>()).active } != 0 {
            return Ok(());
        }
        self.check()?;
        let me = self.me.get().cloned().unwrap_or_default();
        // If the other loop is destroyed, it stops this watcher first.
        self.other.state().backing.embedded(me);
        // SAFETY: the caller's; the other loop is alive and embeddable, as checked.
        unsafe { ev::ev_embed_start(loop_, raw) };
        Ok(())
    }

    unsafe fn stop(&self, loop_: *mut ev_loop, raw: *mut ev_embed) {
        // SAFETY: the caller's, by the trait's contract.
        unsafe { ev::ev_embed_stop(loop_, raw) };
        if let Some(me) = self.me.get() {
            self.other.state().backing.no_longer_embedded(me);
        }
    }

    fn format(&self, _: *mut ev_embed, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " other={:?}", self.other)
    }
}

impl EmbedNode {
    /// The loop in which the other one is embedded.
    pub(super) fn host(&self) -> Option<Loop> {
        self.kind.host.upgrade().map(Loop::from_state)
    }

    /// The other loop is about to go.
    #[must_use]
    pub(super) fn stop_embedding(self: Rc<Self>) -> Option<Remains> {
        let host = self.host()?;
        let raw_loop = host.look().ok()?;
        Some(self.stop_for_now(&host, raw_loop))
    }
}

watcher_type! {
    /// Runs another loop from within this one. Made by [`Loop::embed`].
    ///
    /// Calls back when the other loop has something to do; the callback then calls [`sweep`](Embed::sweep).
    /// [`start_sweep`](Embed::start_sweep) does that by itself.
    ///
    /// While started, it keeps the other loop alive; destroying the other loop stops it.
    ///
    /// ```
    /// use hub::core::{Loop, NotEmbeddable};
    ///
    /// let outer = Loop::new("", false)?;
    /// let inner = Loop::new("", false)?;
    /// if let Ok(embed) = outer.embed(&inner) {
    ///     embed.start_sweep()?;
    ///     inner.timer(0.0, 0.0)?.start(|| println!("inner"))?;
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
    /// The backend of `other` cannot be embedded (see [`embeddable_backends`](super::embeddable_backends)); it is
    /// this very loop, or has it embedded already (also found by start); either is destroyed.
    pub fn embed(&self, other: &Loop) -> Result<Embed, Error> {
        let raw_other = other.look()?;
        let kind = EmbedKind {
            other: other.clone(),
            host: Rc::downgrade(self.state()),
            me: OnceCell::new(),
        };
        kind.check()?;
        self.look()?;
        let node = Node::new(self, kind, |_, raw, callback| {
            // SAFETY: `raw` is the new node's own; the node keeps the other loop.
            unsafe { ev::ev_shim_embed_init(raw, Some(callback), raw_other) }
        });
        let _ = node.kind.me.set(Rc::downgrade(&node));
        Ok(Embed(super::watcher::Watcher::new(self, node)))
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
    /// The other loop is destroyed.
    pub fn sweep(&self) -> Result<(), Error> {
        self.other().run_nowait()?;
        Ok(())
    }

    /// Starts with a callback that sweeps.
    ///
    /// # Errors
    /// As for [`start`](super::Watcher::start).
    pub fn start_sweep(&self) -> Result<(), Error> {
        let other = self.other().clone();
        self.start(move || {
            other.run_nowait()?;
            Ok(())
        })
    }
}

fn check_backend(other: &Loop) -> Result<(), Error> {
    let backend = other.backend_int()?;
    // SAFETY: no preconditions.
    if backend & unsafe { ev::ev_embeddable_backends() } != 0 {
        Ok(())
    } else {
        Err(NotEmbeddable::Backend(LoopFlags::from_bits(backend)).into())
    }
}

/// Whether `inner` is `outer` or embedded in it, at whatever depth.
fn is_within(inner: &Loop, outer: &Loop) -> bool {
    let backing = &inner.state().backing;
    Rc::ptr_eq(backing, &outer.state().backing)
        || backing.hosts().iter().any(|host| is_within(host, outer))
}
