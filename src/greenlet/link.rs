//! Links of a greenlet: callbacks for its end.

use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, Value};
use hub::core::CallbackResult;
use hub::{Link, LinkKind, Linkable};

use super::Greenlet;

impl<T: 'static> Greenlet<T> {
    /// Has `callback` called with this greenlet in a new one, once this one has ended. An error of
    /// the callback goes to the hub's `handle_error`. A link that is added after the end is called
    /// soon.
    pub fn link<R: CallbackResult>(&self, callback: impl Fn(&Greenlet<T>) -> R + 'static) -> Link {
        self.spawned_link(LinkKind::Spawned, callback)
    }

    /// [`link`](Greenlet::link) that calls only after a good end.
    pub fn link_value<R: CallbackResult>(&self, callback: impl Fn(&Greenlet<T>) -> R + 'static) -> Link {
        self.spawned_link(LinkKind::SuccessSpawned, callback)
    }

    /// [`link`](Greenlet::link) that calls only after an end by an exception.
    pub fn link_exception<R: CallbackResult>(&self, callback: impl Fn(&Greenlet<T>) -> R + 'static) -> Link {
        self.spawned_link(LinkKind::FailureSpawned, callback)
    }

    fn spawned_link<R: CallbackResult>(&self, kind: LinkKind, callback: impl Fn(&Greenlet<T>) -> R + 'static) -> Link {
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

    /// Has `callback` called with this greenlet, in the hub, once it has ended. The callback must
    /// not wait.
    pub fn rawlink<R: CallbackResult>(&self, callback: impl Fn(&Greenlet<T>) -> R + 'static) -> Link {
        self.call_when(LinkKind::Raw, move |greenlet| callback(&greenlet).into_result())
    }

    fn call_when(&self, kind: LinkKind, callback: impl Fn(Greenlet<T>) -> Result<(), Exception> + 'static) -> Link {
        // The handle is weak, as the greenlet owns its links.
        let greenlet = self.raw().downgrade();
        let link = Link::with_kind(kind, move |_| {
            let greenlet = greenlet.upgrade().as_ref().and_then(Greenlet::of);
            greenlet.map_or(Ok(()), &callback)
        });
        Linkable::rawlink(self, link.clone());
        link
    }

    /// Takes a link away, if the link was not called yet.
    pub fn unlink(&self, link: &Link) {
        self.base().links.remove(link);
    }

    /// Takes all links away, also those of the greenlets that [join](Greenlet::join) this one.
    pub fn unlink_all(&self) {
        self.base().links.clear();
    }

    /// How many links there are, 0 if none.
    pub fn has_links(&self) -> usize {
        self.base().links.len()
    }
}
