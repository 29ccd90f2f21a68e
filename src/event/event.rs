//! [`Event`]: a flag to wait for. Source: `Event` in gevent's `event.py`.

use std::cell::Cell;
use std::fmt;

use greenlet_core::{Exception, Object};
use hub::core::CallbackResult;
use hub::{Link, Linkable, Seconds};

use crate::abstract_linkable::{AbstractLinkable, Waitable};

/// A flag that greenlets wait for. Handles are cheap to clone and mean the same event.
///
/// [`set`](Event::set) wakes all who wait at that time, in the order in which they came, even if
/// the flag is [cleared](Event::clear) again before they run; who comes in between is woken with
/// them. Who comes to a set event does not wait, except for those who had to and are still to be
/// woken.
///
/// ```
/// use gevent::event::Event;
///
/// let event = Event::new();
/// let waiter = gevent::spawn({
///     let event = event.clone();
///     move || event.wait(None)
/// });
/// gevent::sleep(0)?;
/// event.set();
/// event.clear();
/// assert!(waiter.get()?);
/// assert!(!event.wait(0.001)?);
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

    /// The same as [`is_set`](Event::is_set), as other objects that can be waited for have it.
    pub fn ready(&self) -> bool {
        self.is_set()
    }

    /// Sets the flag and wakes all who wait.
    pub fn set(&self) {
        self.0.state().0.set(true);
        self.0.check_and_notify();
    }

    /// Takes the flag back: who comes from now on waits.
    pub fn clear(&self) {
        self.0.state().0.set(false);
    }

    /// Waits until the flag is set, at most `timeout` seconds. Returns whether it was set, now or
    /// during the wait; it may have been cleared again since.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; for a time that is no number.
    #[track_caller]
    pub fn wait(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        self.0.wait(timeout)
    }

    /// Calls `callback` with this event once it is set, in the hub: it must not block. If it is
    /// set already, soon.
    pub fn rawlink<R: CallbackResult>(&self, callback: impl Fn(&Event) -> R + 'static) -> Link {
        self.0.link_calling(Event, callback)
    }

    /// Takes a link away, if it was not called yet.
    pub fn unlink(&self, link: &Link) {
        self.0.unlink(link);
    }

    /// How many links and waiting greenlets are to be told.
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
}

impl PartialEq for Event {
    /// Whether both are handles of the same event.
    fn eq(&self, other: &Event) -> bool {
        self.0.same(&other.0)
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
