//! Callbacks for a greenlet's end.

use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, Value};
use hub::core::CallbackResult;
use hub::{Link, LinkKind, Linkable};

use super::Greenlet;

impl<T: 'static> Greenlet<T> {
    /// Calls `callback` with this greenlet once it has ended, in a new greenlet. An error of it
    /// goes to the hub's `handle_error`. A link added after the end is called soon.
    pub fn link<R: CallbackResult>(&self, callback: impl Fn(&Greenlet<T>) -> R + 'static) -> Link {
        self.spawned_link(LinkKind::Spawned, callback)
    }

    /// [`link`](Greenlet::link), for a good end only.
    pub fn link_value<R: CallbackResult>(
        &self,
        callback: impl Fn(&Greenlet<T>) -> R + 'static,
    ) -> Link {
        self.spawned_link(LinkKind::SuccessSpawned, callback)
    }

    /// [`link`](Greenlet::link), for the end by an exception only.
    pub fn link_exception<R: CallbackResult>(
        &self,
        callback: impl Fn(&Greenlet<T>) -> R + 'static,
    ) -> Link {
        self.spawned_link(LinkKind::FailureSpawned, callback)
    }

    fn spawned_link<R: CallbackResult>(
        &self,
        kind: LinkKind,
        callback: impl Fn(&Greenlet<T>) -> R + 'static,
    ) -> Link {
        let callback = Rc::new(callback);
        self.call_when(kind, move |greenlet| {
            let wanted = match kind {
                LinkKind::SuccessSpawned => greenlet.successful(),
                LinkKind::FailureSpawned => !greenlet.successful(),
                _ => true,
            };
            if !wanted {
                return Ok(());
            }
            let callback = callback.clone();
            let linked = RawGreenlet::builder()
                .parent(greenlet.base().hub.greenlet())
                .build(move |_| callback(&greenlet).into_result().map(|()| Value::None));
            linked.switch(()).map(drop)
        })
    }

    /// Calls `callback` with this greenlet once it has ended, in the hub: it must not block.
    pub fn rawlink<R: CallbackResult>(
        &self,
        callback: impl Fn(&Greenlet<T>) -> R + 'static,
    ) -> Link {
        self.call_when(LinkKind::Raw, move |greenlet| {
            callback(&greenlet).into_result()
        })
    }

    fn call_when(
        &self,
        kind: LinkKind,
        callback: impl Fn(Greenlet<T>) -> Result<(), Exception> + 'static,
    ) -> Link {
        // Weak, for the greenlet owns its links.
        let greenlet = self.raw().downgrade();
        let link = Link::with_kind(kind, move |_| {
            let greenlet = greenlet.upgrade().as_ref().and_then(Greenlet::of);
            greenlet.map_or(Ok(()), &callback)
        });
        Linkable::rawlink(self, link.clone());
        link
    }

    /// Takes a link away, if it was not called yet.
    pub fn unlink(&self, link: &Link) {
        self.base().links.remove(link);
    }

    /// Takes all links away, those of greenlets that [join](Greenlet::join) it among them.
    pub fn unlink_all(&self) {
        self.base().links.clear();
    }

    /// How many links there are.
    pub fn has_links(&self) -> usize {
        self.base().links.len()
    }
}
