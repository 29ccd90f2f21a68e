//! [`AbstractLinkable`]: the links, the notifier and the wait that events, results and locks share.
//!
//! It is also the base for objects of your own that greenlets wait for:
//!
//! ```
//! use std::cell::Cell;
//! use gevent::abstract_linkable::{AbstractLinkable, Waitable};
//! use gevent::prelude::*;
//!
//! #[derive(Debug)]
//! struct Door(Cell<bool>);
//!
//! impl Waitable for Door {
//!     const KIND: &'static str = "Door";
//!     fn ready(&self) -> bool {
//!         self.0.get()
//!     }
//! }
//!
//! let door = AbstractLinkable::new(Door(Cell::new(false)));
//! let waiting = spawn({
//!     let door = door.clone();
//!     move || door.wait()
//! });
//! door.state().0.set(true);
//! door.check_and_notify();
//! assert!(waiting.get()?);
//! # Ok::<(), Exception>(())
//! ```
//!
//! Source: gevent's `_abstract_linkable.py`.
//!
//! A link passes through these lists, whose names are those of the fields:
//!
//! ```text
//!   wait(), rawlink() ──> links
//!                           │ check_and_notify(), with the object ready:
//!                           │ one callback is queued, the notifier
//!                           v
//!                          due ──> current ──> called one by one, in the hub
//!                                     │  ^
//!                                     │  └─── arrived, after those that were due
//!                                     │         ^
//!                                     │       wait() while the object is ready and
//!                                     │       the notifier is under way
//!                                     └─> back to the head of links, if the object
//!                                         stops being ready during the round
//! ```
//!
//! - Several changes in a row queue one callback. Links are called in the order in which they were added, and each is
//!   taken out before it is called. A link that is added during a round is not called by that round; a new round
//!   follows if the object is still ready.
//! - Waiting for a ready object returns at once, unless other greenlets that had to wait are still to be told: the
//!   newcomer then waits until they were (gevent issue 1520).
//! - A function that was added several times is called once in a round. If it is the last in line as well, the round
//!   ends with that call, and another one calls the links that are left.
//! - An error or a panic of one link goes to the hub and does not stop the others.
//!
//! As in gevent, a round tells all waiters that are in line when it begins. So a greenlet may be woken although it came
//! after an event was set and cleared again, if the waiters that saw the event set had not been woken by then.
//!
//! There are differences from gevent. In each of these cases gevent would forget a waiter, or wake one
//! that has to wait:
//!
//! - A greenlet that waits when an event is set during a round is woken, even if the event is cleared
//!   before the round is over.
//! - A round ends with the links that were there when it began, also when the last of them was unlinked meanwhile.
//! - The links that such an end of a round has left are called also if the object has been cleared since.
//! - Removing the last link does not call the notifier off as long as a greenlet is in `arrived`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::iter;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, call_each, catch, drop_each};
use greenlet_core::{Exception, Object};
use hub::core::Notify;
use hub::{
    Context, Hub, Link, LinkKind, LinkSource, Linkable, Links, Seconds, TimeLimit, get_hub_if_exists, try_get_hub,
};
use waiter::Park;

/// The state of an [`AbstractLinkable`], whose changes greenlets wait for.
///
/// The state's `Debug` output becomes a part of the object's, such as `counter=1`.
pub trait Waitable: fmt::Debug + 'static {
    /// The name of the object's type, for its `Debug` output and for lists of waiting greenlets.
    const KIND: &'static str;

    /// Whether every waiter that was there when the object became ready is told so, even if the object has stopped
    /// being ready by then. If false, [`ready`](Waitable::ready) is asked again before each of them.
    const NOTIFY_ALL: bool = true;

    /// Whether the object is ready: there is nothing to wait for.
    fn ready(&self) -> bool;

    /// The exception that the object ended with, if it is of a kind that can end with one.
    fn exception(&self) -> Option<Exception> {
        None
    }

    /// Makes the handle that the [error handler](Context::Link) gets when a link fails. A type that wraps this one
    /// returns its own handle here, the one that its users know.
    fn handle(object: AbstractLinkable<Self>) -> Box<dyn Object>
    where
        Self: Sized,
    {
        Box::new(object)
    }
}

/// An object that greenlets wait for and links are added to.
///
/// [`Event`], [`AsyncResult`] and [`Semaphore`] are made of it, and your own objects may be. Handles are cheap to
/// clone and mean the same object.
///
/// Code that changes the state calls [`check_and_notify`](AbstractLinkable::check_and_notify) afterwards.
///
/// ```
/// use std::cell::Cell;
/// use gevent::abstract_linkable::{AbstractLinkable, Waitable};
///
/// #[derive(Debug)]
/// struct Latch(Cell<u32>);
///
/// impl Waitable for Latch {
///     const KIND: &'static str = "Latch";
///     fn ready(&self) -> bool {
///         self.0.get() == 0
///     }
/// }
///
/// let latch = AbstractLinkable::new(Latch(Cell::new(2)));
/// for _ in 0..2 {
///     let latch = latch.clone();
///     gevent::spawn(move || {
///         latch.state().0.update(|left| left - 1);
///         latch.check_and_notify();
///     });
/// }
/// assert!(latch.wait()?);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// [`Event`]: crate::event::Event
/// [`AsyncResult`]: crate::event::AsyncResult
/// [`Semaphore`]: crate::lock::Semaphore
pub struct AbstractLinkable<S>(Rc<LinkableBody<S>>);

struct LinkableBody<S> {
    /// The hub of this thread, kept from its first use on.
    hub: RefCell<Option<Hub>>,
    links: Links,
    /// The links that a round is to call, whether the object is ready by then or not. They come before `links`. Used
    /// only with [`Waitable::NOTIFY_ALL`].
    due: Links,
    /// The links that the running round will call.
    current: Links,
    /// The links of greenlets that came to wait for the ready object while the notifier was under way.
    arrived: Links,
    notifier: Cell<Notifier>,
    /// How many notifiers in the loop's queue were called off. They come before a pending one.
    stopped: Cell<usize>,
    state: S,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notifier {
    None,
    Pending,
    Running,
}

impl<S: Waitable> AbstractLinkable<S> {
    /// An object with this state.
    pub fn new(state: S) -> Self {
        AbstractLinkable(Rc::new(LinkableBody {
            hub: RefCell::default(),
            links: Links::default(),
            due: Links::default(),
            current: Links::default(),
            arrived: Links::default(),
            notifier: Cell::new(Notifier::None),
            stopped: Cell::new(0),
            state,
        }))
    }

    /// The state. Call [`check_and_notify`](Self::check_and_notify) after changing it.
    #[inline]
    pub fn state(&self) -> &S {
        &self.0.state
    }

    /// How many links and waiting greenlets are in line.
    pub fn linkcount(&self) -> usize {
        self.0.linkcount()
    }

    /// The object's address in memory, which tells it from other objects.
    pub fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }

    /// Whether both are handles of the same object.
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Has the links called and the waiting greenlets woken, if the object is ready. That takes place in the hub, soon;
    /// in a thread without a hub at once. No second callback is queued while one is under way.
    pub fn check_and_notify(&self) {
        self.0.check_and_notify();
    }

    /// Parks the current greenlet until it is told that the object is ready, and returns true.
    ///
    /// Returns at once if the object is ready, unless greenlets that had to wait are just being told: the current one
    /// then waits until they were. Allocates nothing once the lists have grown to their usual size.
    ///
    /// # Errors
    /// Returns any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn wait(&self) -> Result<bool, Exception> {
        self.wait_timeout(None)
    }

    /// [`wait`](AbstractLinkable::wait) for at most `timeout` seconds. Returns whether the greenlet was told.
    ///
    /// # Errors
    /// Fails as `wait` does, and with [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        let timeout = timeout.checked()?;
        let inner = &*self.0;
        if !inner.state.ready() {
            self.park(&inner.links, timeout, |inner| inner.state.ready())
        } else if inner.notifier() == Notifier::None {
            Ok(true)
        } else {
            // With `NOTIFY_ALL` the round under way tells this greenlet for certain, so no limit is needed.
            let timeout = timeout.filter(|_| !S::NOTIFY_ALL);
            self.park(&inner.arrived, timeout, |inner| inner.notifier() == Notifier::None)
        }
    }

    /// [`wait`](Self::wait) for the object to become ready the next time, whether it is ready now or not. Returns at
    /// once if `is_over` says, after the wait was prepared, that this has happened: the preparation may run user code.
    #[track_caller]
    pub(crate) fn wait_for_next(&self, timeout: Option<f64>, is_over: impl Fn(&S) -> bool) -> Result<bool, Exception> {
        self.park(&self.0.links, timeout, |inner| is_over(&inner.state))
    }

    // Inlined, as everything around a switch: see `Hub::switch`.
    #[track_caller]
    #[inline(always)]
    fn park(
        &self,
        list: &Links,
        timeout: Option<f64>,
        is_over: impl Fn(&LinkableBody<S>) -> bool,
    ) -> Result<bool, Exception> {
        let hub = match self.0.capture_hub() {
            Some(hub) => hub,
            None => self.0.make_hub()?,
        };
        let park = Park::on(&hub, S::KIND, self.address())?;
        if is_over(&self.0) {
            // The hook that `Park::on` has called may have made the object ready.
            return Ok(true);
        }
        // The time limit and the link get the same right to end the park; the first of them uses it up.
        let limit = TimeLimit::start(&hub, &park, timeout)?;
        list.push(Link::from(park.resume()));
        let waiting = UnlinkOnDrop(&self.0, &park);
        let got = park.wait(&hub, self);
        let in_time = !limit.is_reached();
        drop(limit);
        got?;
        if in_time {
            // The link was taken out when it was called, so there is nothing to unlink.
            std::mem::forget(waiting);
        }
        Ok(in_time)
    }
}

/// A guard that removes the link of a wait which ends otherwise than by that link, also when the waiting greenlet is
/// unwound.
struct UnlinkOnDrop<'a, S: Waitable>(&'a LinkableBody<S>, &'a Park);

impl<S: Waitable> Drop for UnlinkOnDrop<'_, S> {
    fn drop(&mut self) {
        self.0.unlink(&Link::from(self.1.resume()));
    }
}

impl<S: Waitable> LinkableBody<S> {
    /// The hub of this thread, if there is one. A destroyed hub is forgotten, along with the notifier that was to run
    /// in it.
    fn capture_hub(&self) -> Option<Hub> {
        let known = self.hub.borrow().clone();
        // `destroyed` may call hooks, so nothing is borrowed here.
        if let Some(hub) = known
            && !hub.destroyed()
        {
            return Some(hub);
        }
        let dead = self.hub.replace(get_hub_if_exists());
        if dead.is_some() && self.notifier.get() == Notifier::Pending {
            self.notifier.set(Notifier::None);
            self.stopped.set(0);
        }
        self.hub.borrow().clone()
    }

    #[cold]
    fn make_hub(&self) -> Result<Hub, Exception> {
        let hub = try_get_hub()?;
        self.hub.replace(Some(hub.clone()));
        Ok(hub)
    }

    fn notifier(&self) -> Notifier {
        if self.notifier.get() == Notifier::Pending {
            self.capture_hub();
        }
        self.notifier.get()
    }

    fn linkcount(&self) -> usize {
        self.links.len() + self.due.len() + self.current.len()
    }

    /// Whether a round is to be begun. With `NOTIFY_ALL`, moves the links to `due`, which settles that they are called.
    fn to_notify(&self) -> bool {
        if self.state.ready() {
            if S::NOTIFY_ALL {
                self.due.append(&self.links);
            } else if !self.links.is_empty() {
                return self.notifier() == Notifier::None;
            }
        }
        !self.due.is_empty() && self.notifier() == Notifier::None
    }

    fn check_and_notify(self: &Rc<Self>) {
        if !self.to_notify() {
            return;
        }
        let Some(hub) = self.capture_hub() else {
            self.notify_here();
            return;
        };
        // This fails if the loop is destroyed; no greenlet can wait in the hub then.
        if hub.loop_().run_callback_notify(self.clone()).is_ok() {
            self.notifier.set(Notifier::Pending);
        }
    }

    /// Calls the links at once, in a thread without a hub, where no greenlet can wait.
    #[cold]
    fn notify_here(self: &Rc<Self>) {
        call_each(iter::from_fn(|| self.to_notify().then_some(|| self.notify_links())));
    }

    fn unlink(&self, link: &Link) {
        let _ = [&self.current, &self.due, &self.links, &self.arrived]
            .into_iter()
            .any(|links| links.remove(link));
        if self.notifier.get() == Notifier::Pending
            && self.due.is_empty()
            && self.links.is_empty()
            && self.arrived.is_empty()
        {
            self.notifier.set(Notifier::None);
            self.stopped.set(self.stopped.get() + 1);
        }
    }

    /// Runs one round: calls the links that are in line, then those that have arrived meanwhile.
    // Inlined, with the functions that it calls, as everything around a switch: see `Hub::switch`.
    #[inline(always)]
    fn notify_links(self: &Rc<Self>) {
        let _round = Round::begin(self);
        self.current.append(&self.due);
        self.current.append(&self.links);
        self.notify_current();
        self.left_over().prepend(&self.current);
        if !self.arrived.is_empty() {
            self.notify_arrived();
        }
    }

    /// The list of the links that a round has not called. With `NOTIFY_ALL` they have seen the object ready, so they
    /// stay due.
    #[inline]
    fn left_over(&self) -> &Links {
        if S::NOTIFY_ALL { &self.due } else { &self.links }
    }

    #[cold]
    fn notify_arrived(self: &Rc<Self>) {
        self.current.prepend(&self.arrived);
        self.notify_current();
    }

    #[inline(always)]
    fn notify_current(self: &Rc<Self>) {
        let object = AbstractLinkable(self.clone());
        let mut done = None::<HashSet<Link>>;
        while S::NOTIFY_ALL || self.state.ready() {
            let Some(link) = self.current.pop() else {
                break;
            };
            if !link.is_resume() && !done.get_or_insert_default().insert(link.clone()) {
                continue;
            }
            let ends = !link.is_resume() && self.current.ends_with(&link);
            match catch(|| link.call(&object)) {
                Ok(Ok(())) => {}
                Ok(Err(exception)) | Err(Caught::Panic(exception)) => match self.capture_hub() {
                    Some(hub) => {
                        let (link, source) = (&link, &*S::handle(object.clone()));
                        hub.report_error(Context::Link { link, source }, exception);
                    }
                    None => {
                        // `Debug` may be user code, so it runs before stderr is locked.
                        let text = format!("{exception:?}\n{link:?} of {object:?} failed");
                        eprintln!("{text}");
                    }
                },
                Err(Caught::Forced(unwind)) => unwind.resume(),
            }
            if ends {
                break;
            }
        }
        if let Some(done) = done {
            drop_each(done);
        }
    }
}

/// A running round. Its drop, which a panic runs too, puts the links that were not called back into their list.
struct Round<'a, S: Waitable>(&'a LinkableBody<S>);

impl<'a, S: Waitable> Round<'a, S> {
    fn begin(inner: &'a LinkableBody<S>) -> Self {
        inner.notifier.set(Notifier::Running);
        Round(inner)
    }
}

impl<S: Waitable> Drop for Round<'_, S> {
    fn drop(&mut self) {
        let left = self.0.left_over();
        left.prepend(&self.0.current);
        left.append(&self.0.arrived);
        self.0.notifier.set(Notifier::None);
    }
}

/// A guard that begins another round when it is dropped after this one, if there are links to call. A round may end by
/// a panic, because the destructor of a link may panic.
struct NextRound<'a, S: Waitable>(&'a Rc<LinkableBody<S>>);

impl<S: Waitable> NextRound<'_, S> {
    #[cold]
    fn begin_in_panic(&self) {
        if let Err(Caught::Forced(unwind)) = catch(|| self.0.check_and_notify()) {
            unwind.resume();
        }
    }
}

impl<S: Waitable> Drop for NextRound<'_, S> {
    #[inline(always)]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.begin_in_panic();
        } else {
            self.0.check_and_notify();
        }
    }
}

impl<S: Waitable> Notify for LinkableBody<S> {
    fn notify(self: Rc<Self>) -> Result<(), Exception> {
        match self.stopped.get() {
            0 if self.notifier.get() == Notifier::Pending => {
                let _next = NextRound(&self);
                self.notify_links();
            }
            0 => {}
            stopped => self.stopped.set(stopped - 1),
        }
        Ok(())
    }
}

impl<S: Waitable> Linkable for AbstractLinkable<S> {
    fn ready(&self) -> bool {
        self.0.state.ready()
    }

    fn rawlink(&self, link: Link) {
        self.0.links.push(link.with_kind(LinkKind::Raw));
        // A running round checks this itself when it is over, as the object may have changed by then.
        if self.0.notifier.get() != Notifier::Running {
            self.0.check_and_notify();
        }
    }

    fn unlink(&self, link: &Link) {
        self.0.unlink(link);
    }

    fn exception(&self) -> Option<Exception> {
        self.0.state.exception()
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn address(&self) -> usize {
        self.address()
    }
}

impl<S: Waitable> LinkSource for AbstractLinkable<S> {
    fn of(source: &dyn Any) -> Option<Self> {
        source.downcast_ref().cloned()
    }
}

impl<S> Clone for AbstractLinkable<S> {
    fn clone(&self) -> Self {
        AbstractLinkable(self.0.clone())
    }
}

impl<S: Waitable> fmt::Debug for LinkableBody<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = (&raw const *self).addr();
        let links = self.linkcount();
        write!(f, "<{} at {address:#x} {:?} _links[{links}]>", S::KIND, self.state)
    }
}

impl<S: Waitable> fmt::Debug for AbstractLinkable<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
