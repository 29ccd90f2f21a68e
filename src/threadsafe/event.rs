//! [`Event`]: the flag of gevent's `event.py`, for several threads.

use std::fmt;
use std::sync::Arc;

use greenlet_core::Exception;
use hub::core::CallbackResult;
use hub::{Link, Linkable, Seconds};
use parking_lot::Mutex;

use super::line::{Given, Lined, ThreadsafeLine, rawlink, unlink, wait};

/// A flag that greenlets and threads wait for. Handles are cheap to clone and mean the same
/// event.
///
/// [`set`](Event::set) wakes all who wait at that time, even if the flag is
/// [cleared](Event::clear) again before they run.
///
/// ```
/// use gevent::threadsafe::Event;
///
/// let event = Event::new();
/// let thread = std::thread::spawn({
///     let event = event.clone();
///     move || event.wait(None)
/// });
/// event.set();
/// assert!(thread.join().unwrap()?);
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone)]
pub struct Event(Arc<Mutex<EventState>>);

#[derive(Default)]
struct EventState {
    flag: bool,
    line: ThreadsafeLine,
}

impl Lined for EventState {
    const KIND: &'static str = "threadsafe::Event";
    type Which = ();

    fn line(&mut self, (): ()) -> &mut ThreadsafeLine {
        &mut self.line
    }

    /// Everybody has been told; there is nothing to pass on.
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

    /// Sets the flag and wakes all who wait.
    pub fn set(&self) {
        let mut state = self.0.lock();
        state.flag = true;
        let told = state.line.grant_all();
        drop(state);
        told.wake();
    }

    /// Takes the flag back: who comes from now on waits.
    pub fn clear(&self) {
        self.0.lock().flag = false;
    }

    /// Waits until the flag is set, at most `timeout` seconds. Returns whether it was set, now or
    /// during the wait; it may have been cleared again since.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; for a time that is no number.
    #[track_caller]
    pub fn wait(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        wait(&self.0, (), |state| state.flag, timeout.checked()?)
    }

    /// Calls `callback` with this event once it is set, in the hub of the thread that adds it: it
    /// must not block. If it is set already, soon.
    pub fn rawlink<R: CallbackResult>(&self, callback: impl Fn(&Event) -> R + 'static) -> Link {
        let event = self.clone();
        let link = Link::new(move |_| callback(&event).into_result());
        Linkable::rawlink(self, link.clone());
        link
    }

    /// Takes a link away that was added in this thread, if it was not called yet.
    pub fn unlink(&self, link: &Link) {
        unlink(&self.0, (), link);
    }

    /// How many wait, and links there are.
    pub fn linkcount(&self) -> usize {
        self.0.lock().line.len()
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

/// So that [`wait`](crate::wait) and [`iwait`](crate::iwait) take it.
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
}

impl PartialEq for Event {
    /// Whether both are handles of the same event.
    fn eq(&self, other: &Event) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Arc::as_ptr(&self.0).addr();
        let state = if self.is_set() { "set" } else { "clear" };
        let links = self.linkcount();
        write!(
            f,
            "<threadsafe::Event at {address:#x} {state} _links[{links}]>"
        )
    }
}
