//! [`Event`]: the flag of gevent's `event.py`, for several threads.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::sync::Arc;

use greenlet_core::Exception;
use hub::{AsLink, Link, LinkResult, LinkSource, Linkable, Seconds};
use parking_lot::Mutex;

use super::line::{Given, Lined, ThreadsafeLine, rawlink, unlink, wait};

/// A flag that greenlets and threads wait for. Handles are cheap to clone and mean the same
/// event.
///
/// [`set`](Event::set) wakes all greenlets and threads that wait at that time, even if the flag is
/// [cleared](Event::clear) again before they run.
///
/// ```
/// use gevent::threadsafe::Event;
///
/// let event = Event::new();
/// let thread = std::thread::spawn({
///     let event = event.clone();
///     move || event.wait()
/// });
/// event.set();
/// assert!(thread.join().unwrap()?);
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone)]
pub struct Event(pub(super) Arc<Mutex<EventState>>);

#[derive(Default)]
pub(super) struct EventState {
    pub(super) flag: bool,
    line: ThreadsafeLine,
}

impl Lined for EventState {
    const KIND: &'static str = "threadsafe::Event";
    type Which = ();

    fn line(&mut self, (): ()) -> &mut ThreadsafeLine {
        &mut self.line
    }

    /// Nothing is passed on, because all waiters have been told.
    fn give_back(&mut self, (): ()) -> Given {
        Given::default()
    }
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Event {
        Event(Arc::default())
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.0.lock().flag
    }

    /// The same as [`is_set`](Event::is_set).
    pub fn ready(&self) -> bool {
        self.is_set()
    }

    /// Sets the flag and wakes all greenlets and threads that wait.
    pub fn set(&self) {
        let mut state = self.0.lock();
        state.flag = true;
        let told = state.line.grant_all();
        drop(state);
        told.wake();
    }

    /// Clears the flag, so that greenlets and threads that come from now on have to wait.
    pub fn clear(&self) {
        self.0.lock().flag = false;
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
        wait(&self.0, (), |state| state.flag, timeout.checked()?)
    }

    /// Has the hub of the current thread call `callback` with this event when the event is set, or soon if it is set
    /// already. `callback` must not block.
    pub fn rawlink<'c, R: LinkResult<'c, Event>>(&self, callback: impl Fn(&Event) -> R + 'c) -> Link {
        R::rawlink(callback, self)
    }

    /// Removes a link that was added in this thread, if it was not called yet.
    pub fn unlink(&self, link: &impl AsLink<Event>) {
        unlink(&self.0, (), &link.as_link(self));
    }

    /// How many links and waiting greenlets and threads are in line.
    pub fn linkcount(&self) -> usize {
        self.0.lock().line.len()
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

/// Lets [`wait`](crate::wait) and [`iwait`](crate::iwait) take an event.
impl Linkable for Event {
    fn ready(&self) -> bool {
        self.is_set()
    }

    fn rawlink(&self, link: Link) {
        let handle = Box::new(self.clone());
        rawlink(&self.0, (), |state| state.flag, link, handle);
    }

    fn unlink(&self, link: &Link) {
        unlink(&self.0, (), link);
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl LinkSource for Event {
    fn of(source: &dyn Any) -> Option<Self> {
        source.downcast_ref().cloned()
    }
}

impl PartialEq for Event {
    /// Whether both are handles of the same event.
    fn eq(&self, other: &Event) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Event {}

impl Hash for Event {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Arc::as_ptr(&self.0), state);
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Arc::as_ptr(&self.0).addr();
        let state = if self.is_set() { "set" } else { "clear" };
        let links = self.linkcount();
        write!(f, "<threadsafe::Event at {address:#x} {state} _links[{links}]>")
    }
}
