//! [`Event`]: a flag to wait for. Source: `Event` in gevent's `event.py`.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};

use greenlet_core::{Exception, Object};
use hub::{AsLink, Link, LinkResult, LinkSource, Linkable, Seconds};

use crate::abstract_linkable::{AbstractLinkable, Waitable};

/// A flag that greenlets wait for. Handles are cheap to clone and mean the same event.
///
/// [`set`](Event::set) wakes all greenlets that wait at that time, in the order in which they came, even if the flag is
/// [cleared](Event::clear) again before they run. A greenlet that comes to wait in between is woken with them.
///
/// Waiting for a set event returns at once, unless greenlets that had to wait are still to be woken: the newcomer then
/// waits until they were.
///
/// ```
/// use gevent::event::Event;
///
/// let event = Event::new();
/// let waiter = gevent::spawn({
///     let event = event.clone();
///     move || event.wait()
/// });
/// gevent::sleep(0)?;
/// event.set();
/// event.clear();
/// assert!(waiter.get()?);
/// assert!(!event.wait_timeout(0.001)?);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `Event`.
#[derive(Clone)]
pub struct Event(AbstractLinkable<Flag>);

struct Flag(Cell<bool>);

impl Waitable for Flag {
    const KIND: &'static str = "Event";

    fn ready(&self) -> bool {
        self.0.get()
    }

    fn handle(object: AbstractLinkable<Self>) -> Box<dyn Object> {
        Box::new(Event(object))
    }
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get() { "set" } else { "clear" })
    }
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Event {
        Event(AbstractLinkable::new(Flag(Cell::new(false))))
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.0.state().0.get()
    }

    /// The same as [`is_set`](Event::is_set), under the name that it has in all objects that can be waited for.
    pub fn ready(&self) -> bool {
        self.is_set()
    }

    /// Sets the flag and wakes all greenlets that wait.
    pub fn set(&self) {
        self.0.state().0.set(true);
        self.0.check_and_notify();
    }

    /// Clears the flag, so that greenlets that come from now on have to wait.
    pub fn clear(&self) {
        self.0.state().0.set(false);
    }

    /// Waits until the flag is set, and returns true; the flag may have been cleared again since.
    ///
    /// # Errors
    /// Returns any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn wait(&self) -> Result<bool, Exception> {
        self.wait_timeout(None)
    }

    /// [`wait`](Event::wait) for at most `timeout` seconds. Returns whether the flag was set at the call or during the
    /// wait.
    ///
    /// # Errors
    /// Fails as `wait` does, and with [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        self.0.wait_timeout(timeout)
    }

    /// Has the hub call `callback` with this event when the event is set, or soon if it is set already. `callback` must
    /// not block.
    pub fn rawlink<'c, R: LinkResult<'c, Event>>(&self, callback: impl Fn(&Event) -> R + 'c) -> Link {
        R::rawlink(callback, self)
    }

    /// Removes a link, if it was not called yet.
    pub fn unlink(&self, link: &impl AsLink<Event>) {
        self.0.unlink(&link.as_link(self));
    }

    /// How many links and waiting greenlets are in line.
    pub fn linkcount(&self) -> usize {
        self.0.linkcount()
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl Linkable for Event {
    fn ready(&self) -> bool {
        self.is_set()
    }

    fn rawlink(&self, link: Link) {
        self.0.rawlink(link);
    }

    fn unlink(&self, link: &Link) {
        self.0.unlink(link);
    }

    fn address(&self) -> usize {
        self.0.address()
    }
}

impl LinkSource for Event {
    fn of(source: &dyn Any) -> Option<Self> {
        AbstractLinkable::of(source).map(Event)
    }
}

impl PartialEq for Event {
    /// Whether both are handles of the same event.
    fn eq(&self, other: &Event) -> bool {
        self.0.same(&other.0)
    }
}

impl Eq for Event {}

impl Hash for Event {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.address().hash(state);
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
