//! Links of a greenlet: callbacks for its end.

use std::any::Any;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, RawGreenlet, Value};
use hub::{AsLink, Context, Link, LinkKind, LinkResult, LinkSource, Linkable};

use super::base;
use super::{AnyGreenlet, Greenlet};

impl<T: 'static> Greenlet<T> {
    /// Has `callback` called with this greenlet in a new one, once this one has ended. An error of
    /// the callback goes to the hub's `handle_error`. A link that is added after the end is called
    /// soon.
    ///
    /// A callback of [`Link::keep`] can be linked several times, also to other greenlets. It gets the
    /// greenlet that it was linked to.
    ///
    /// ```
    /// use gevent::{Greenlet, Link, spawn};
    ///
    /// let (g, h) = (spawn(|| 1), spawn(|| 2));
    /// let ended = Link::keep(|g: &Greenlet<i32>| println!("{:?}", g.value()));
    /// g.link(&ended);
    /// g.link(&ended);
    /// h.link_value(&ended);
    /// g.rawlink(&ended);
    /// // The first of the three is taken away.
    /// g.unlink(&ended);
    /// assert_eq!(g.linkcount(), 2);
    /// # gevent::joinall([g, h])?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn link<'c, R: LinkResult<'c, Greenlet<T>>>(&self, callback: impl Fn(&Greenlet<T>) -> R + 'c) -> Link {
        self.any().add_link(LinkKind::Spawned, R::link(callback, self))
    }

    /// [`link`](Greenlet::link) that calls only after a good end.
    pub fn link_value<'c, R: LinkResult<'c, Greenlet<T>>>(&self, callback: impl Fn(&Greenlet<T>) -> R + 'c) -> Link {
        self.any().add_link(LinkKind::SuccessSpawned, R::link(callback, self))
    }

    /// [`link`](Greenlet::link) that calls only after an end by an exception.
    pub fn link_exception<'c, R: LinkResult<'c, Greenlet<T>>>(
        &self,
        callback: impl Fn(&Greenlet<T>) -> R + 'c,
    ) -> Link {
        self.any().add_link(LinkKind::FailureSpawned, R::link(callback, self))
    }

    /// Has `callback` called with this greenlet, in the hub, once it has ended. The callback must
    /// not wait.
    pub fn rawlink<'c, R: LinkResult<'c, Greenlet<T>>>(&self, callback: impl Fn(&Greenlet<T>) -> R + 'c) -> Link {
        self.any().add_link(LinkKind::Raw, R::link(callback, self))
    }

    /// Takes a link away, however it was added, if it was not called yet: the first one, if it was
    /// added several times. Does nothing if the link is not there.
    pub fn unlink(&self, link: &impl AsLink<Greenlet<T>>) {
        self.base().links.remove(&link.as_link(self));
    }

    /// Takes all links away, also those of the greenlets that [join](Greenlet::join) this one.
    pub fn unlink_all(&self) {
        self.base().links.clear();
    }

    /// Whether there are links, or greenlets that join this one.
    pub fn has_links(&self) -> bool {
        !self.base().links.is_empty()
    }

    /// How many links and joining greenlets there are.
    pub fn linkcount(&self) -> usize {
        self.base().links.len()
    }
}

impl AnyGreenlet {
    /// See [`Greenlet::link`].
    pub fn link<'c, R: LinkResult<'c, AnyGreenlet>>(&self, callback: impl Fn(&AnyGreenlet) -> R + 'c) -> Link {
        self.add_link(LinkKind::Spawned, R::link(callback, self))
    }

    /// See [`Greenlet::link_value`].
    pub fn link_value<'c, R: LinkResult<'c, AnyGreenlet>>(&self, callback: impl Fn(&AnyGreenlet) -> R + 'c) -> Link {
        self.add_link(LinkKind::SuccessSpawned, R::link(callback, self))
    }

    /// See [`Greenlet::link_exception`].
    pub fn link_exception<'c, R: LinkResult<'c, AnyGreenlet>>(
        &self,
        callback: impl Fn(&AnyGreenlet) -> R + 'c,
    ) -> Link {
        self.add_link(LinkKind::FailureSpawned, R::link(callback, self))
    }

    /// See [`Greenlet::rawlink`].
    pub fn rawlink<'c, R: LinkResult<'c, AnyGreenlet>>(&self, callback: impl Fn(&AnyGreenlet) -> R + 'c) -> Link {
        self.add_link(LinkKind::Raw, R::link(callback, self))
    }

    /// See [`Greenlet::unlink`].
    pub fn unlink(&self, link: &impl AsLink<AnyGreenlet>) {
        self.base().links.remove(&link.as_link(self));
    }

    /// See [`Greenlet::unlink_all`].
    pub fn unlink_all(&self) {
        self.base().links.clear();
    }

    /// See [`Greenlet::has_links`].
    pub fn has_links(&self) -> bool {
        !self.base().links.is_empty()
    }

    /// See [`Greenlet::linkcount`].
    pub fn linkcount(&self) -> usize {
        self.base().links.len()
    }

    fn add_link(&self, kind: LinkKind, link: Link) -> Link {
        let link = link.with_kind(kind);
        self.base().links.push(link.clone());
        base::notify_soon(self.erased(), self.raw());
        link
    }

    /// Calls one of the links as its kind says. Runs in the hub.
    // Inlined, as everything around a switch: see `Hub::switch`.
    #[inline(always)]
    pub(super) fn call_link(&self, link: &Link) {
        let wanted = match link.kind() {
            LinkKind::SuccessSpawned => self.successful(),
            LinkKind::FailureSpawned => !self.successful(),
            _ => true,
        };
        if !wanted {
            return;
        }
        let called = catch(|| match link.kind() {
            LinkKind::Raw | LinkKind::Switch => link.call(self),
            _ => self.call_in_greenlet(link.clone()),
        });
        match called {
            Ok(Ok(())) => {}
            Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
                let source = self;
                self.hub().report_error(Context::Link { link, source }, exception);
            }
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }

    fn call_in_greenlet(&self, link: Link) -> Result<(), Exception> {
        let source = self.clone();
        let greenlet = RawGreenlet::builder()
            .parent(self.hub().greenlet())
            .build(move |_| link.call(&source).map(|()| Value::None));
        greenlet.switch(()).map(drop)
    }
}

impl Linkable for AnyGreenlet {
    fn ready(&self) -> bool {
        self.base().ended()
    }

    fn rawlink(&self, link: Link) {
        self.base().links.push(link.with_kind(LinkKind::Raw));
        base::notify_soon(self.erased(), self.raw());
    }

    fn unlink(&self, link: &Link) {
        self.base().links.remove(link);
    }

    fn exception(&self) -> Option<Exception> {
        AnyGreenlet::exception(self)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self.base()).addr()
    }
}

impl<T: 'static> Linkable for Greenlet<T> {
    fn ready(&self) -> bool {
        self.base().ended()
    }

    fn rawlink(&self, link: Link) {
        Linkable::rawlink(&self.any(), link);
    }

    fn unlink(&self, link: &Link) {
        self.base().links.remove(link);
    }

    fn exception(&self) -> Option<Exception> {
        Greenlet::exception(self)
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self.base()).addr()
    }
}

impl LinkSource for AnyGreenlet {
    fn of(source: &dyn Any) -> Option<Self> {
        source.downcast_ref().cloned()
    }
}

impl<T: 'static> LinkSource for Greenlet<T> {
    /// Greenlets call their links with their [`AnyGreenlet`].
    fn of(source: &dyn Any) -> Option<Self> {
        Greenlet::of(source.downcast_ref::<AnyGreenlet>()?.raw())
    }
}
