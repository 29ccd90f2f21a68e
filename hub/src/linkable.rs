//! [`Linkable`]: objects that can be waited for, and their links. Source: `rawlink` and `unlink` of gevent's linkable
//! objects.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, Ticket};
use waiter::Resume;

use crate::core::CallbackResult;
use crate::iwait::Arrivals;
use crate::row::{Row, Ticketed};

/// An object that becomes ready at some time, and then calls the links that were added to it. Greenlets, events and
/// semaphores are linkable, and any type that implements this trait.
///
/// [`wait`](crate::wait) and [`iwait`](crate::iwait) take any of them.
#[diagnostic::on_unimplemented(
    message = "nobody can wait for `{Self}`",
    label = "greenlets, events, semaphores and their like can be waited for, and references to them",
    note = "a list of different ones holds `&dyn Linkable`"
)]
pub trait Linkable: fmt::Debug {
    /// Whether the object is ready, so that a wait for it returns at once.
    fn ready(&self) -> bool;

    /// Adds a link, which is called in the hub when the object becomes ready, or soon if it is ready already.
    fn rawlink(&self, link: Link);

    /// Removes a link, if it is there.
    fn unlink(&self, link: &Link);

    /// The exception that the object ended with; always `None` for objects that cannot end with one.
    fn exception(&self) -> Option<Exception> {
        None
    }

    /// The object as a value of any type, by which a link that was made for its type gets it: `Some(self)`, for a type
    /// that is a [`LinkSource`](crate::LinkSource).
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    /// Where the object is: all its handles have this address, and no other object has it while this one exists. Where
    /// a type does not say otherwise, it is the address of the value (so values without a size may share one).
    ///
    /// Source: Python's `id`.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl dyn Linkable + '_ {
    /// Whether both are the same object: tells which one of several objects it is.
    ///
    /// ```
    /// use hub::Linkable;
    /// # use hub::Link;
    /// # #[derive(Debug)]
    /// # struct Event(u8);
    /// # impl Linkable for Event {
    /// #     fn ready(&self) -> bool { true }
    /// #     fn rawlink(&self, _: Link) {}
    /// #     fn unlink(&self, _: &Link) {}
    /// # }
    ///
    /// let (first, second) = (Event(1), Event(2));
    /// let ready: &dyn Linkable = &second; // as `wait` and `iwait` return it
    /// assert!(ready.is(&second));
    /// assert!(!ready.is(&first));
    /// ```
    ///
    /// Source: `object is first` in Python.
    pub fn is(&self, object: &dyn Linkable) -> bool {
        self.address() == object.address()
    }
}

impl<L: Linkable + ?Sized> Linkable for &L {
    fn ready(&self) -> bool {
        (**self).ready()
    }

    fn rawlink(&self, link: Link) {
        (**self).rawlink(link);
    }

    fn unlink(&self, link: &Link) {
        (**self).unlink(link);
    }

    fn exception(&self) -> Option<Exception> {
        (**self).exception()
    }

    fn as_any(&self) -> Option<&dyn Any> {
        (**self).as_any()
    }

    fn address(&self) -> usize {
        (**self).address()
    }
}

impl<L: Linkable + ?Sized> Linkable for Rc<L> {
    fn ready(&self) -> bool {
        (**self).ready()
    }

    fn rawlink(&self, link: Link) {
        (**self).rawlink(link);
    }

    fn unlink(&self, link: &Link) {
        (**self).unlink(link);
    }

    fn exception(&self) -> Option<Exception> {
        (**self).exception()
    }

    fn as_any(&self) -> Option<&dyn Any> {
        (**self).as_any()
    }

    fn address(&self) -> usize {
        (**self).address()
    }
}

/// The kind of a [`Link`], which says how it was added to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkKind {
    /// A link of `rawlink`: its function is called in the hub.
    Raw,
    /// A link of a greenlet's `link`: its function is called in a new greenlet. gevent's `SpawnedLink`.
    Spawned,
    /// A link of `link_value`: its function is called in a new greenlet, unless the linked greenlet has failed.
    /// gevent's `SuccessSpawnedLink`.
    SuccessSpawned,
    /// A link of `link_exception`: its function is called in a new greenlet, if the linked greenlet has failed.
    /// gevent's `FailureSpawnedLink`.
    FailureSpawned,
    /// A link that wakes a greenlet which waits. In gevent it is the `switch` of a waiter.
    Switch,
}

/// A function that a [`Linkable`] calls, or a greenlet that it wakes, when it is ready. Clones are the same link, and
/// equal, of whatever kind they are. A link can be added several times, to one object or to several.
#[derive(Clone)]
pub struct Link(LinkTarget);

#[derive(Clone)]
enum LinkTarget {
    Resume(Resume),
    Call(LinkKind, Rc<Called<LinkFn>>),
    /// One of several objects that are waited for at once, and its place among them.
    Arrival(Rc<Arrivals>, usize),
}

/// How many cache lines of its stack a greenlet uses, about, from the end of a wait to the next wait.
const STACK_LINES: usize = 8;

/// A function, and the ticket by which a [`Row`] finds it. The ticket is drawn when the link is first added to an
/// object.
struct Called<F: ?Sized> {
    ticket: Cell<u64>,
    callback: F,
}

type LinkFn = dyn Fn(&dyn Linkable) -> Result<(), Exception>;

impl Link {
    /// A link that calls `callback` with the object. The callback runs in the hub, so it must not wait.
    pub fn new<R: CallbackResult>(callback: impl Fn(&dyn Linkable) -> R + 'static) -> Link {
        let callback = move |object: &dyn Linkable| callback(object).into_result();
        let ticket = Cell::new(0);
        Link(LinkTarget::Call(LinkKind::Raw, Rc::new(Called { ticket, callback })))
    }

    /// The same link, to be added in another way. Does nothing to a link that wakes a greenlet.
    ///
    /// [`call`](Link::call) does the same for all kinds: an object that has links of several kinds calls each as its
    /// kind says.
    #[must_use]
    #[inline]
    pub fn with_kind(mut self, kind: LinkKind) -> Link {
        if let LinkTarget::Call(its, _) = &mut self.0 {
            *its = kind;
        }
        self
    }

    /// A link that adds the object's place to the arrivals. Allocates nothing.
    pub(crate) fn arrival(arrivals: Rc<Arrivals>, place: usize) -> Link {
        Link(LinkTarget::Arrival(arrivals, place))
    }

    /// Calls the link's function, or wakes its greenlet.
    ///
    /// # Errors
    /// Returns the callback's error, or the error of the switch to the greenlet.
    // Inlined, as everything around a switch: see `Hub::switch`.
    #[inline(always)]
    pub fn call(&self, source: &dyn Linkable) -> Result<(), Exception> {
        match &self.0 {
            LinkTarget::Resume(resume) => resume.switch(),
            LinkTarget::Call(_, called) => (called.callback)(source),
            LinkTarget::Arrival(arrivals, place) => arrivals.add(*place),
        }
    }
}

impl Link {
    /// Whether this link wakes a greenlet, which it does at most once, however often it is called.
    #[inline]
    pub fn is_resume(&self) -> bool {
        matches!(self.0, LinkTarget::Resume(_))
    }

    /// The kind of the link.
    pub fn kind(&self) -> LinkKind {
        match self.0 {
            LinkTarget::Call(kind, _) => kind,
            LinkTarget::Resume(_) | LinkTarget::Arrival(..) => LinkKind::Switch,
        }
    }

    /// The greenlet that the link wakes, if that is [all that it does](Link::is_resume).
    pub fn greenlet(&self) -> Option<&RawGreenlet> {
        match &self.0 {
            LinkTarget::Resume(resume) => Some(resume.greenlet()),
            _ => None,
        }
    }
}

impl From<Resume> for Link {
    /// A link that wakes a parked greenlet. Allocates nothing.
    fn from(resume: Resume) -> Link {
        Link(LinkTarget::Resume(resume))
    }
}

impl PartialEq for Link {
    fn eq(&self, other: &Link) -> bool {
        match (&self.0, &other.0) {
            (LinkTarget::Resume(a), LinkTarget::Resume(b)) => a == b,
            (LinkTarget::Call(_, a), LinkTarget::Call(_, b)) => Rc::ptr_eq(a, b),
            (LinkTarget::Arrival(a, place), LinkTarget::Arrival(b, other)) => place == other && Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl Eq for Link {}

impl Hash for Link {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            LinkTarget::Resume(resume) => resume.greenlet().address().hash(state),
            LinkTarget::Call(_, callback) => Rc::as_ptr(callback).cast::<()>().hash(state),
            LinkTarget::Arrival(arrivals, place) => (Rc::as_ptr(arrivals), place).hash(state),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            LinkTarget::Resume(resume) => resume.fmt(f),
            LinkTarget::Call(_, callback) => {
                write!(f, "<link at {:p}>", Rc::as_ptr(callback).cast::<()>())
            }
            LinkTarget::Arrival(arrivals, _) => arrivals.fmt(f),
        }
    }
}

/// The links of one object, first in, first out. No borrow outlasts a call, so links may add
/// and remove others.
#[derive(Default)]
pub struct Links(RefCell<Fifo>);

/// A queue of links. Most objects have one link at a time, which is kept here without an allocation.
#[derive(Default)]
struct Fifo {
    /// A link that comes before all of `rest`.
    first: Option<Link>,
    /// The other links. The row is boxed because most objects never have one.
    rest: Option<Box<Row<Link>>>,
}

impl Ticketed for Link {
    #[inline]
    fn ticket(&self) -> u64 {
        match &self.0 {
            LinkTarget::Resume(resume) => resume.ticket(),
            LinkTarget::Call(_, called) => called.ticket.get(),
            LinkTarget::Arrival(arrivals, place) => arrivals.ticket(*place),
        }
    }
}

impl Fifo {
    #[inline]
    fn is_empty(&self) -> bool {
        self.first.is_none() && self.has_no_rest()
    }

    #[inline]
    fn has_no_rest(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.is_empty())
    }

    #[inline]
    fn push(&mut self, link: Link) {
        if self.is_empty() {
            self.first = Some(link);
        } else {
            self.push_behind(link);
        }
    }

    #[inline(never)]
    fn push_behind(&mut self, link: Link) {
        self.rest.get_or_insert_default().push(link);
    }

    #[inline]
    fn pop(&mut self) -> Option<Link> {
        if self.rest.is_none() {
            return self.first.take();
        }
        self.pop_of_many()
    }

    #[inline(never)]
    fn pop_of_many(&mut self) -> Option<Link> {
        let first = self.first.take();
        let rest = self.rest.as_mut()?;
        let first = first.or_else(|| rest.pop());
        // The next greenlets are prefetched: with many of them, their memory is not in the cache.
        let greenlet = |others| match &rest.get(others)?.0 {
            LinkTarget::Resume(resume) => Some(resume.greenlet()),
            _ => None,
        };
        if let Some(next) = greenlet(0) {
            next.prefetch_stack(STACK_LINES);
        }
        if let Some(later) = greenlet(2) {
            later.prefetch();
        }
        first
    }

    fn remove(&mut self, link: &Link) -> Option<Link> {
        if self.first.as_ref() == Some(link) {
            return self.first.take();
        }
        self.rest.as_mut()?.remove(link.ticket(), |other| other == link)
    }

    /// Moves all links of `others` to the end of this queue. The memory of both is kept, or exchanged.
    #[inline]
    fn append(&mut self, others: &mut Fifo) {
        if others.has_no_rest() {
            // This is nearly always the case.
            if self.is_empty() {
                std::mem::swap(&mut self.first, &mut others.first);
            } else if let Some(link) = others.first.take() {
                self.push_behind(link);
            }
        } else {
            self.append_some(others);
        }
    }

    fn append_some(&mut self, others: &mut Fifo) {
        if self.is_empty() {
            std::mem::swap(self, others);
            return;
        }
        let rest = self.rest.get_or_insert_default();
        if let Some(first) = others.first.take() {
            rest.push(first);
        }
        if let Some(others) = &mut others.rest {
            rest.append(others);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Link> {
        let rest = self.rest.iter().flat_map(|rest| rest.iter());
        self.first.iter().chain(rest)
    }
}

impl Links {
    /// Adds a link at the end.
    #[inline]
    pub fn push(&self, link: Link) {
        if let LinkTarget::Call(_, called) = &link.0
            && called.ticket.get() == 0
        {
            called.ticket.set(Ticket::draw().get());
        }
        self.0.borrow_mut().push(link);
    }

    /// Takes the first link.
    #[inline]
    pub fn pop(&self) -> Option<Link> {
        self.0.borrow_mut().pop()
    }

    /// Whether the last link equals `link`.
    pub fn ends_with(&self, link: &Link) -> bool {
        let links = self.0.borrow();
        let last = links.rest.as_ref().and_then(|rest| rest.back());
        last.or(links.first.as_ref()) == Some(link)
    }

    /// Removes the first link that equals `link`. Returns whether there was one.
    pub fn remove(&self, link: &Link) -> bool {
        let removed = self.0.borrow_mut().remove(link);
        removed.is_some()
    }

    /// Moves all links of `others` to the end of these.
    #[inline]
    pub fn append(&self, others: &Links) {
        if !others.is_empty() {
            self.0.borrow_mut().append(&mut others.0.borrow_mut());
        }
    }

    /// Moves all links of `others` before these.
    #[inline]
    pub fn prepend(&self, others: &Links) {
        if !others.is_empty() {
            self.prepend_some(others);
        }
    }

    fn prepend_some(&self, others: &Links) {
        let (mut own, mut others) = (self.0.borrow_mut(), others.0.borrow_mut());
        others.append(&mut own);
        std::mem::swap(&mut *own, &mut *others);
    }

    /// Removes all links.
    pub fn clear(&self) {
        let links = self.0.take();
        drop(links);
    }

    /// The number of links.
    pub fn len(&self) -> usize {
        let links = self.0.borrow();
        usize::from(links.first.is_some()) + links.rest.as_ref().map_or(0, |rest| rest.len())
    }

    /// Whether there are no links.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Writing may run user code, so the links are cloned first, and none is borrowed meanwhile.
        let links: Vec<_> = self.0.borrow().iter().cloned().collect();
        f.debug_list().entries(links).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Link, Links};

    #[test]
    fn links_stand_in_order_wherever_they_are_moved() {
        let n = 1_000;
        // The links are not added in the order in which they were made.
        let all: Vec<_> = (0..n).map(|_| Link::new(|_| Ok(()))).rev().collect();
        let (links, others) = (Links::default(), Links::default());
        for link in &all {
            links.push(link.clone());
            // The same link is added to another object, too.
            others.push(link.clone());
        }
        let in_order = |links: &Links| {
            let links = links.0.borrow();
            links.rest.as_ref().is_none_or(|rest| rest.is_in_order())
        };
        assert!(in_order(&links) && in_order(&others));
        assert!(all.iter().rev().step_by(2).all(|link| links.remove(link)));
        assert_eq!((links.len(), others.len()), (n / 2, n));
        let more = Links::default();
        (0..n).for_each(|_| more.push(Link::new(|_| Ok(()))));
        links.append(&more);
        more.push(Link::new(|_| Ok(())));
        more.prepend(&links);
        assert!(in_order(&more) && more.len() == n + n / 2 + 1);
    }
}
