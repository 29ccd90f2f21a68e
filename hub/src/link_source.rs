//! The ways in which links are made for objects of one type: of a closure, or of a link that was kept. Source: the
//! callbacks of gevent's `link` and `rawlink`.

use std::any::{Any, type_name};

use crate::core::CallbackResult;
use crate::exceptions::LinkSourceError;
use crate::linkable::{Link, LinkKind, Linkable};

/// A type of objects whose links are called with the object: a greenlet, an event, a semaphore.
pub trait LinkSource: Sized + 'static {
    /// The object that calls a link, if it is of this type.
    fn of(source: &dyn Any) -> Option<Self>;
}

/// The result of a callback that is linked to an `S`. It decides which link is added:
///
/// * A callback that returns nothing, a value or a `Result` is itself what is linked, and is called when the object is
///   ready.
/// * A callback that returns a [`Link`] names a link that was kept. It is called at once, and its link is added: after
///   `let link = g.link(..)`, `h.link(|_| &link)` adds the same link to `h`.
#[diagnostic::on_unimplemented(
    message = "a link cannot return `{Self}`",
    label = "it returns a plain value, `Result<(), gevent::Exception>`, or a `Link` that was kept",
    note = "if a call has a value: drop it by `.map(drop)`, or end with `Ok(())`",
    note = "if a function has another error: `|g| Ok(function(g)?)`"
)]
pub trait LinkResult<'c, S>: Sized {
    /// The link that is to be added to `source`.
    fn link(callback: impl Fn(&S) -> Self + 'c, source: &S) -> Link;

    /// Adds that link to `source`, to be called in the hub.
    fn rawlink(callback: impl Fn(&S) -> Self + 'c, source: &S) -> Link
    where
        S: Linkable,
    {
        let link = Self::link(callback, source).with_kind(LinkKind::Raw);
        source.rawlink(link.clone());
        link
    }
}

// A callback that is called later must own its data, so this is for `'static` only.
impl<S: LinkSource, R: CallbackResult> LinkResult<'static, S> for R {
    fn link(callback: impl Fn(&S) -> R + 'static, _: &S) -> Link {
        Link::of(callback)
    }
}

impl<'c, S> LinkResult<'c, S> for Link {
    fn link(callback: impl Fn(&S) -> Link + 'c, source: &S) -> Link {
        callback(source)
    }
}

impl<'c, S> LinkResult<'c, S> for &Link {
    fn link(callback: impl Fn(&S) -> Self + 'c, source: &S) -> Link {
        callback(source).clone()
    }
}

/// A link that can be taken away from an `S`: a [`Link`], a reference to one, or what [`Link::keep`] returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a link of `{S}`",
    label = "links are what `link` and `rawlink` return, and what `Link::keep` makes of a callback"
)]
pub trait AsLink<S> {
    /// The link.
    fn as_link(&self, source: &S) -> Link;
}

impl<S> AsLink<S> for Link {
    fn as_link(&self, _: &S) -> Link {
        self.clone()
    }
}

impl<S> AsLink<S> for &Link {
    fn as_link(&self, _: &S) -> Link {
        (*self).clone()
    }
}

impl<S, F: Fn(&S) -> Link> AsLink<S> for F {
    fn as_link(&self, source: &S) -> Link {
        self(source)
    }
}

impl Link {
    /// A link that calls `callback` with the object, for objects of one type.
    ///
    /// If an object of another type calls the link, `callback` is not called, and the call fails with
    /// [`LinkSourceError`].
    pub fn of<S: LinkSource, R: CallbackResult>(callback: impl Fn(&S) -> R + 'static) -> Link {
        Link::new(move |source| match source.as_any().and_then(S::of) {
            Some(source) => callback(&source).into_result(),
            None => Err(LinkSourceError {
                expected: type_name::<S>(),
                object: format!("{source:?}"),
            }
            .into()),
        })
    }

    /// A callback that can be linked several times, to one object or to several, and taken away again: a function as
    /// Python's, which is the same one each time.
    ///
    /// `g.link(&kept)` adds it, and `g.unlink(&kept)` takes it away.
    ///
    /// In a struct it is a `Box<dyn Fn(&Greenlet<i32>) -> Link>`, or the [`Link`] itself, which is added by
    /// `g.link(|_| &link)`.
    pub fn keep<S: LinkSource, R: CallbackResult>(
        callback: impl Fn(&S) -> R + 'static,
    ) -> impl Fn(&S) -> Link + Clone + 'static {
        let link = Link::of(callback);
        move |_: &S| link.clone()
    }
}
