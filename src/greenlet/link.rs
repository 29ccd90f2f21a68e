//! Callbacks for a greenlet's end.

use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, Value};
use hub::core::CallbackResult;
use hub::{Link, Linkable};

use super::Greenlet;

/// Of which ends a link wants to know.
#[derive(Debug, Clone, Copy)]
enum Ends {
    All,
    Good,
    Bad,
}

impl<T: 'static> Greenlet<T> {
    /// Calls `callback` with this greenlet once it has ended, in a new greenlet. An error of it
    /// goes to the hub's `handle_error`. A link added after the end is called soon.
    pub fn link<R: CallbackResult>(&self, callback: impl Fn(&Greenlet<T>) -> R + 'static) -> Link {
        self.spawned_link(Ends::All, callback)
    }

    /// [`link`](Greenlet::link), for a good end only.
    pub fn link_value<R: CallbackResult>(
        &self,
        callback: impl Fn(&Greenlet<T>) -> R + 'static,
    ) -> Link {
        self.spawned_link(Ends::Good, callback)
    }

    /// [`link`](Greenlet::link), for the end by an exception only.
    pub fn link_exception<R: CallbackResult>(
        &self,
        callback: impl Fn(&Greenlet<T>) -> R + 'static,
    ) -> Link {
        self.spawned_link(Ends::Bad, callback)
    }

    fn spawned_link<R: CallbackResult>(
        &self,
        ends: Ends,
        callback: impl Fn(&Greenlet<T>) -> R + 'static,
    ) -> Link {
        let callback = Rc::new(callback);
        self.call_when(move |greenlet| {
            let wanted = match ends {
                Ends::All => true,
                Ends::Good => greenlet.successful(),
                Ends::Bad => !greenlet.successful(),
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
        self.call_when(move |greenlet| callback(&greenlet).into_result())
    }

    fn call_when(&self, callback: impl Fn(Greenlet<T>) -> Result<(), Exception> + 'static) -> Link {
        // Weak, for the greenlet owns its links.
        let greenlet = self.raw().downgrade();
        let link = Link::new(move |_| {
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
