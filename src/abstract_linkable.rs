//! [`AbstractLinkable`]: the links, the notifier and the wait that events, results and locks share.
//!
//! Objects of your own that greenlets wait for are made of it, too:
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
//!     move || door.wait(None)
//! });
//! door.state().0.set(true);
//! door.check_and_notify();
//! assert!(waiting.get()?);
//! # Ok::<(), Exception>(())
//! ```
//!
//! Source: gevent's `_abstract_linkable.py`. How it works:
//!
//! ```text
//!   wait(), rawlink() ──> links
//!                           │ the object is ready, and somebody says so:
//!                           │ one callback is queued, the notifier
//!                           v
//!                          due ──> current ──> called one by one, in the hub
//!                                     ^  └── left over if it is no longer ready:
//!                                     │      back to the head of links
//!   wait() while it is ready and  ──> arrived, called after those that were due
//!   the notifier is under way
//! ```
//!
//! - A burst of changes is one callback. Links are called in the order in which they were added,
//!   and are taken out before they are called; those that are added meanwhile are not called by
//!   the same round, but by another one if the object is still ready when it is over.
//! - A greenlet that comes to wait for a ready object, while others that had to wait are still to be
//!   told, does not overtake them: it waits its turn (gevent issue 1520).
//! - A function that was added several times is called once in a round.
//! - An error or a panic of one link goes to the hub and does not stop the others.
//!
//! As in gevent, a round tells all that are in line when it begins. So a greenlet is woken, too, that
//! comes after an event was set and cleared again, but before those that saw it set were woken.
//!
//! There are differences from gevent. In each of these cases gevent would forget a waiter, or wake one
//! that has to wait:
//!
//! - A greenlet that waits when an event is set during a round is woken, even if the event is cleared
//!   before the round is over.
//! - A round ends with the links that were there when it began, also when the last of them was
//!   unlinked meanwhile, or is in the list twice.
//! - The notifier is not called off by the last unlinking as long as somebody is in `arrived`.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::iter;
use std::rc::{Rc, Weak};

use greenlet_core::unwind::{Caught, call_each, catch, drop_each};
use greenlet_core::{Exception, Object};
use hub::core::{CallbackResult, Notify};
use hub::{
    Context, Hub, Link, Linkable, Links, Seconds, TimeLimit, get_hub_if_exists, try_get_hub,
};
use waiter::Park;

/// What an [`AbstractLinkable`] is about: the state whose changes are waited for.
///
/// Its `Debug` output is the part of the object's own that tells the state, such as `counter=1`.
pub trait Waitable: fmt::Debug + 'static {
    /// The name of the object's type, for its `Debug` output and for lists of waiting greenlets.
    const KIND: &'static str;

    /// Whether all who waited when the object became ready are told so, even if it is not ready
    /// any more by then; otherwise it is asked anew before each of them.
    const NOTIFY_ALL: bool = true;

    /// Whether there is nothing to wait for.
    fn ready(&self) -> bool;

    /// The exception that the object ended with, for those that can.
    fn exception(&self) -> Option<Exception> {
        None
    }

    /// The object as its users know it, if that is more than a handle of this type: what the
    /// [error handler](Context::Link) gets when a link fails.
    fn handle(object: AbstractLinkable<Self>) -> Box<dyn Object>
    where
        Self: Sized,
    {
        Box::new(object)
    }
}

/// An object that greenlets wait for and links are added to: what [`Event`], [`AsyncResult`] and
/// [`Semaphore`] are made of, and your own objects may be. Handles are cheap to clone and mean
/// the same object.
///
/// Whoever changes the state calls [`check_and_notify`](AbstractLinkable::check_and_notify).
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
/// assert!(latch.wait(None)?);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// [`Event`]: crate::event::Event
/// [`AsyncResult`]: crate::event::AsyncResult
/// [`Semaphore`]: crate::lock::Semaphore
pub struct AbstractLinkable<S>(Rc<LinkableBody<S>>);

struct LinkableBody<S> {
    /// The hub of this thread, kept since it was first needed.
    hub: RefCell<Option<Hub>>,
    links: Links,
    /// Those before `links` that a round is to call, whether the object is ready by then or not;
    /// used if all are to be notified.
    due: Links,
    /// Those that the running round will call.
    current: Links,
    /// Greenlets that came to wait while the notifier was under way.
    arrived: Links,
    notifier: Cell<Notifier>,
    /// How many notifiers in the loop's queue were called off; they come before a pending one.
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

    /// The state. Who changes it calls [`check_and_notify`](Self::check_and_notify).
    #[inline]
    pub fn state(&self) -> &S {
        &self.0.state
    }

    /// How many links and waiting greenlets are to be told.
    pub fn linkcount(&self) -> usize {
        self.0.linkcount()
    }

    /// Where the object is in memory: what tells it from others.
    pub fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }

    /// Whether both are handles of the same object.
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Begins to tell those who wait, if the object is ready, somebody waits, and it has not
    /// begun already. They are called in the hub, soon; in a thread without a hub at once.
    pub fn check_and_notify(&self) {
        self.0.check_and_notify();
    }

    /// Adds a link that calls `callback` with the handle that `wrap` makes of this one.
    pub(crate) fn link_calling<H: 'static, R: CallbackResult>(
        &self,
        wrap: fn(Self) -> H,
        callback: impl Fn(&H) -> R + 'static,
    ) -> Link {
        // Weak, for the object owns its links.
        let object = Rc::downgrade(&self.0);
        let link = Link::new(move |_| match Weak::upgrade(&object) {
            Some(object) => callback(&wrap(AbstractLinkable(object))).into_result(),
            None => Ok(()),
        });
        self.rawlink(link.clone());
        link
    }

    /// Parks the current greenlet until it is told that the object is ready, at most `timeout`
    /// seconds; says whether it was told. Returns at once if the object is ready, unless others
    /// that had to wait are just being told: then it waits its turn.
    ///
    /// Allocates nothing once the lists have grown to their usual size.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; for a time that is no number.
    #[track_caller]
    pub fn wait(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        let timeout = timeout.checked()?;
        let inner = &*self.0;
        if !inner.state.ready() {
            self.park(&inner.links, timeout, |inner| inner.state.ready())
        } else if inner.notifier() == Notifier::None {
            Ok(true)
        } else {
            // Its turn comes for certain if all are to be notified.
            let timeout = timeout.filter(|_| !S::NOTIFY_ALL);
            self.park(&inner.arrived, timeout, |inner| {
                inner.notifier() == Notifier::None
            })
        }
    }

    /// [`wait`](Self::wait) for the next time, whether the object is ready or not, unless `is_over` says, when the hook was
    /// called, that it has come already.
    #[track_caller]
    pub(crate) fn wait_for_next(
        &self,
        timeout: Option<f64>,
        is_over: impl Fn(&S) -> bool,
    ) -> Result<bool, Exception> {
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
            // The hook that was just called has seen to that.
            return Ok(true);
        }
        // The same right to wake goes to both: whoever comes first uses it up.
        let limit = TimeLimit::start(&hub, &park, timeout)?;
        list.push(Link::from(park.resume()));
        let waiting = UnlinkOnDrop(&self.0, &park);
        let got = park.wait(&hub, self);
        let in_time = !limit.is_reached();
        drop(limit);
        got?;
        if in_time {
            // The link was taken out when it was called.
            std::mem::forget(waiting);
        }
        Ok(in_time)
    }
}

/// Leaves no link behind when a wait ends otherwise than by it, also when the waiting greenlet
/// is unwound.
struct UnlinkOnDrop<'a, S: Waitable>(&'a LinkableBody<S>, &'a Park);

impl<S: Waitable> Drop for UnlinkOnDrop<'_, S> {
    fn drop(&mut self) {
        self.0.unlink(&Link::from(self.1.resume()));
    }
}

impl<S: Waitable> LinkableBody<S> {
    /// The hub of this thread, if there is one; a destroyed one is forgotten, and with it the
    /// notifier that was to run there.
    fn capture_hub(&self) -> Option<Hub> {
        let known = self.hub.borrow().clone();
        // Asking that may call hooks.
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

    /// Whether a round is to be begun. From here on it is settled who is to be told.
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
        // With the loop destroyed there is no hub left in which anybody could wait.
        if hub.loop_().run_callback_notify(self.clone()).is_ok() {
            self.notifier.set(Notifier::Pending);
        }
    }

    /// Without a hub nobody can wait, so the links may as well be called here.
    #[cold]
    fn notify_here(self: &Rc<Self>) {
        call_each(iter::from_fn(|| {
            self.to_notify().then_some(|| self.notify_links())
        }));
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

    /// One round: calls those that are in line, then those that arrived meanwhile.
    // Inlined, with what it calls, as everything around a switch: see `Hub::switch`.
    #[inline(always)]
    fn notify_links(self: &Rc<Self>) {
        let _round = Round::begin(self);
        self.current.append(&self.due);
        self.current.append(&self.links);
        self.notify_current();
        self.links.prepend(&self.current);
        if !self.arrived.is_empty() {
            self.notify_arrived();
        }
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
            match catch(|| link.call(&object)) {
                Ok(Ok(())) => {}
                Ok(Err(exception)) | Err(Caught::Panic(exception)) => match self.capture_hub() {
                    Some(hub) => {
                        let (link, source) = (&link, &*S::handle(object.clone()));
                        hub.report_error(Context::Link { link, source }, exception);
                    }
                    None => {
                        // Writing is foreign code: nothing is locked meanwhile.
                        let text = format!("{exception:?}\n{link:?} of {object:?} failed");
                        eprintln!("{text}");
                    }
                },
                Err(Caught::Forced(unwind)) => unwind.resume(),
            }
        }
        if let Some(done) = done {
            drop_each(done);
        }
    }
}

/// Ends the round, however it ends: who was not called goes back to the list.
struct Round<'a, S: Waitable>(&'a LinkableBody<S>);

impl<'a, S: Waitable> Round<'a, S> {
    fn begin(inner: &'a LinkableBody<S>) -> Self {
        inner.notifier.set(Notifier::Running);
        Round(inner)
    }
}

impl<S: Waitable> Drop for Round<'_, S> {
    fn drop(&mut self) {
        let LinkableBody { links, due, .. } = self.0;
        // Who is left over of those that all are to be told saw the object ready.
        let left = if S::NOTIFY_ALL { due } else { links };
        left.prepend(&self.0.current);
        left.append(&self.0.arrived);
        self.0.notifier.set(Notifier::None);
    }
}

/// After a round, however it ends (the destructor of a link may have panicked), those who are still, or again, to be told
/// are not forgotten.
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
        self.0.links.push(link);
        // After a round it is asked anew whether the object is ready: it may not be any more.
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
        write!(
            f,
            "<{} at {address:#x} {:?} _links[{links}]>",
            S::KIND,
            self.state
        )
    }
}

impl<S: Waitable> fmt::Debug for AbstractLinkable<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
