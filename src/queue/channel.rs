//! [`Channel`]: a queue without space, in which each put meets a get. Source: `Channel` in gevent's `queue.py`.
//!
//! ```text
//!   put ──> putters ──┐                     ┌──> getter runs, with the item
//!                     ├──> unlock (in hub) ─┤
//!   get ──> getters ──┘                     └──> putter runs
//! ```

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::rc::Rc;
use std::thread;

use greenlet_core::{Exception, getcurrent};
use hub::core::Notify;
use hub::{Hub, Seconds, Stint, get_hub};
use waiter::{Park, Resume};

use super::channel_futures::{ChannelGet, ChannelPut};
use super::errors::{Empty, PutError};
use super::iter::{Iter, UntilNone};
use super::line::{QueueLine, checked_timeout, wait};
use super::standing::Standing;

/// A queue that holds nothing: a put waits for a get, and a get for a put. Handles are cheap to
/// clone and mean the same channel.
///
/// The getter goes on first, then the putter. A rendezvous allocates nothing.
///
/// ```
/// use gevent::queue::Channel;
///
/// let channel = Channel::new();
/// let getter = gevent::spawn({
///     let channel = channel.clone();
///     move || channel.get()
/// });
/// channel.put("hello")?; // returns when the other greenlet has it
/// assert_eq!(getter.get()?, "hello");
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `Channel`.
pub struct Channel<T: 'static>(pub(super) Rc<ChannelBody<T>>);

pub(super) struct ChannelBody<T> {
    hub: Hub,
    pub(super) getters: QueueLine<Standing<Resume, ()>>,
    /// The waiting putters, with their items.
    pub(super) putters: QueueLine<Standing<(Resume, T), T>>,
    /// How many of the putters are kept for futures that were told to get.
    pub(super) promised: Cell<usize>,
    /// The item for the getter that is being woken, until the getter takes it.
    handed: RefCell<Option<T>>,
    /// Whether the callback that brings putters and getters together is queued or running.
    unlocking: Cell<bool>,
}

impl<T: 'static> Channel<T> {
    /// A channel without putters and getters.
    pub fn new() -> Self {
        Channel(Rc::new(ChannelBody {
            hub: get_hub(),
            getters: QueueLine::default(),
            putters: QueueLine::default(),
            promised: Cell::new(0),
            handed: RefCell::new(None),
            unlocking: Cell::new(false),
        }))
    }

    /// The number of greenlets that wait in a put, less the number of those that wait in a get.
    pub fn balance(&self) -> isize {
        self.putters().cast_signed() - self.getters().cast_signed()
    }

    /// How many greenlets wait in a get.
    pub fn getters(&self) -> usize {
        self.0.getters.len()
    }

    /// How many greenlets wait in a put.
    pub fn putters(&self) -> usize {
        self.0.putters.len()
    }

    /// Always 0: a channel holds nothing.
    pub fn qsize(&self) -> usize {
        0
    }

    /// Always true: a channel holds nothing.
    pub fn empty(&self) -> bool {
        true
    }

    /// Always true: a channel has no space.
    pub fn full(&self) -> bool {
        true
    }

    /// Whether both are handles of the same channel.
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Gives `item` to a greenlet that gets; waits until such a greenlet has it.
    ///
    /// The item is dropped if the put fails. [`put_timeout`](Channel::put_timeout) with `None` gives it back instead.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet while it waits; [`Full`](super::Full) in the hub, unless
    /// a greenlet is the first that waits in a get (a future takes its item later, and the hub cannot wait for that).
    #[track_caller]
    pub fn put(&self, item: T) -> Result<(), Exception> {
        self.put_within(item, None).map_err(Exception::from)
    }

    /// Puts an item as [`put`](Channel::put) does, but waits for at most `timeout` seconds.
    ///
    /// # Errors
    /// [`PutError::Full`] when the time is over, and otherwise the errors of `put`, all with the item.
    /// [`PutError::Thrown`] also if `timeout` is negative or NaN.
    #[track_caller]
    pub fn put_timeout(&self, item: T, timeout: impl Seconds) -> Result<(), PutError<T>> {
        match checked_timeout(timeout) {
            Ok(timeout) => self.put_within(item, timeout),
            Err(invalid) => Err(PutError::Thrown(Some(item), invalid.into())),
        }
    }

    /// Puts an item as [`put_timeout`](Channel::put_timeout) does with a timeout of 0. Greenlets that can run already
    /// may run before the put gives up, and may get the item.
    ///
    /// # Errors
    /// Fails as `put_timeout` does.
    #[track_caller]
    pub fn put_nowait(&self, item: T) -> Result<(), PutError<T>> {
        self.put_within(item, Some(0.0))
    }

    // Inlined into the few methods that use it: a return after a switch is mispredicted.
    #[track_caller]
    #[inline(always)]
    fn put_within(&self, item: T, timeout: Option<f64>) -> Result<(), PutError<T>> {
        let inner = &self.0;
        if getcurrent() == *inner.hub.greenlet() {
            return match inner.getters.pop() {
                Some(Standing::Greenlet(getter)) => inner.hand(getter, item).map_err(PutError::Full),
                // A future gets its item later, and this cannot wait.
                Some(future) => {
                    inner.getters.unpop(future);
                    Err(PutError::Full(item))
                }
                None => Err(PutError::Full(item)),
            };
        }
        let park = match Park::on(&inner.hub, "Channel", self.address()) {
            Ok(park) => park,
            Err(exception) => return Err(PutError::Thrown(Some(item), exception)),
        };
        let waiting = inner.putters.stand(&park, Standing::Greenlet((park.resume(), item)));
        if !inner.getters.is_empty() {
            inner.schedule_unlock();
        }
        let parked = wait(&park, &inner.hub, timeout, self);
        match waiting.take_turn() {
            Ok(()) => Ok(()),
            Err(waiting) => match (parked, waiting.leave()) {
                (Err(exception), entry) => Err(PutError::Thrown(entry.and_then(brought), exception)),
                // Without an item, a get in the hub or a future has taken it.
                (Ok(()), entry) => entry.and_then(brought).map_or(Ok(()), |item| Err(PutError::Full(item))),
            },
        }
    }

    /// Takes the item of a greenlet that puts; waits until there is one.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet while it waits; [`Empty`] in the hub, if no greenlet
    /// waits in a put.
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        self.get_within(None)
    }

    /// Takes an item as [`get`](Channel::get) does, but waits for at most `timeout` seconds.
    ///
    /// # Errors
    /// Fails as `get` does; with [`Empty`] when the time is over; and with
    /// [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is negative or NaN.
    #[track_caller]
    pub fn get_timeout(&self, timeout: impl Seconds) -> Result<T, Exception> {
        self.get_within(checked_timeout(timeout)?)
    }

    /// Takes an item as [`get_timeout`](Channel::get_timeout) does with a timeout of 0. Greenlets that can run already
    /// may run before the get gives up, and may put an item.
    ///
    /// # Errors
    /// Fails as `get_timeout` does.
    #[track_caller]
    pub fn get_nowait(&self) -> Result<T, Exception> {
        self.get_within(Some(0.0))
    }

    // Inlined, as `put_within`.
    #[track_caller]
    #[inline(always)]
    fn get_within(&self, timeout: Option<f64>) -> Result<T, Exception> {
        let inner = &self.0;
        if getcurrent() == *inner.hub.greenlet() {
            let putter = inner.putters.pop().ok_or(Empty)?;
            return Ok(inner.take_from(putter).ok_or(Empty)?);
        }
        let park = Park::on(&inner.hub, "Channel", self.address())?;
        let waiting = inner.getters.stand(&park, Standing::Greenlet(park.resume()));
        if !inner.putters.is_empty() {
            inner.schedule_unlock();
        }
        let parked = wait(&park, &inner.hub, timeout, self);
        match waiting.take_turn() {
            Ok(()) => {
                let handed = inner.handed.take();
                handed.ok_or_else(|| Exception::new(Empty))
            }
            Err(waiting) => {
                drop(waiting);
                parked?;
                Err(Exception::new(Empty))
            }
        }
    }

    /// [`get`](Channel::get) as a future. It has its place in line from its first poll on, and takes the item when it
    /// is polled again. If it is dropped, it has taken none.
    pub fn get_async(&self) -> ChannelGet<T> {
        ChannelGet::new(self.clone())
    }

    /// [`put`](Channel::put) as a future. It has its place in line from its first poll on. If it is dropped before
    /// its turn, the item is dropped with it.
    pub fn put_async(&self, item: T) -> ChannelPut<T> {
        ChannelPut::new(self.clone(), item)
    }

    /// Yields items as they come, and waits for them without a limit. Any error of [`get`](Channel::get) is yielded as
    /// the last element.
    pub fn iter(&self) -> Iter<'_, Self> {
        Iter::new(self)
    }

    fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }
}

impl<T: 'static> Channel<Option<T>> {
    /// Yields items as [`iter`](Channel::iter) does, but ends at the first `None`, as gevent's channels do at
    /// `StopIteration`.
    pub fn until_none(&self) -> UntilNone<'_, Self> {
        UntilNone::new(self)
    }
}

impl<T: 'static> ChannelBody<T> {
    /// Wakes a getter that was taken from the line, and gives it the item. Returns the item if the getter has not taken
    /// it. Runs in the hub.
    #[inline(always)]
    fn hand(&self, getter: Resume, item: T) -> Result<(), T> {
        drop(self.handed.replace(Some(item)));
        if !self.getters.wake(&self.hub, &getter) {
            self.getters.unpop(Standing::Greenlet(getter));
        }
        // A getter that was woken has taken the item.
        self.handed.take().map_or(Ok(()), Err)
    }

    /// Brings a getter that was taken from the line and a putter together. Returns false if that cannot be now. Runs in
    /// the hub.
    #[inline(always)]
    fn serve(&self, getter: Standing<Resume, ()>) -> bool {
        let getter = match getter {
            Standing::Greenlet(getter) => getter,
            Standing::Future(place) => {
                self.promised.update(|promised| promised + 1);
                drop(place.tell());
                return true;
            }
        };
        match self.putters.pop() {
            Some(Standing::Greenlet((putter, item))) => match self.hand(getter, item) {
                // The putter's item is taken. If the putter cannot be switched to now, it is woken soon.
                Ok(()) => {
                    if !self.putters.wake(&self.hub, &putter) {
                        let _ = self.hub.loop_().run_callback_resume(putter);
                    }
                    true
                }
                Err(item) => {
                    self.putters.unpop(Standing::Greenlet((putter, item)));
                    false
                }
            },
            Some(Standing::Future(place)) => match place.take().map_or(Ok(()), |item| self.hand(getter, item)) {
                Ok(()) => {
                    drop(place.tell());
                    true
                }
                Err(item) => {
                    place.bring(item);
                    self.putters.unpop(Standing::Future(place));
                    false
                }
            },
            None => {
                self.getters.unpop(Standing::Greenlet(getter));
                false
            }
        }
    }

    /// The item of a putter that was taken from the line. The putter goes on soon.
    pub(super) fn take_from(&self, putter: Standing<(Resume, T), T>) -> Option<T> {
        match putter {
            Standing::Greenlet((putter, item)) => {
                // This fails only if the loop is destroyed; the greenlet does not wait then.
                let _ = self.hub.loop_().run_callback_resume(putter);
                Some(item)
            }
            Standing::Future(place) => {
                let _told = place.tell();
                place.take()
            }
        }
    }

    #[inline]
    pub(super) fn schedule_unlock(self: &Rc<Self>) {
        if !self.unlocking.replace(true) {
            let queued = self.hub.loop_().run_callback_notify(self.clone());
            // This fails if the loop is destroyed; no greenlet waits then.
            self.unlocking.set(queued.is_ok());
        }
    }
}

/// The item of a greenlet that has left the line of putters.
fn brought<T>(entry: Standing<(Resume, T), T>) -> Option<T> {
    match entry {
        Standing::Greenlet((_, item)) => Some(item),
        Standing::Future(_) => None,
    }
}

/// Brings putters and getters together while there are both.
impl<T: 'static> Notify for ChannelBody<T> {
    fn notify(self: Rc<Self>) -> Result<(), Exception> {
        struct Over<'a, T: 'static> {
            channel: &'a Rc<ChannelBody<T>>,
            goes_on: bool,
        }
        impl<T: 'static> Drop for Over<'_, T> {
            fn drop(&mut self) {
                self.channel.unlocking.set(false);
                // After a panic in a destructor the other greenlets are served by another callback.
                if self.goes_on || thread::panicking() {
                    self.channel.schedule_unlock();
                }
            }
        }
        let mut over = Over {
            channel: &self,
            goes_on: false,
        };
        let stint = Stint::default();
        while self.putters.len() > self.promised.get()
            && let Some(getter) = self.getters.pop()
        {
            if !self.serve(getter) {
                break;
            }
            if stint.is_over(&self.hub) {
                over.goes_on = true;
                break;
            }
        }
        Ok(())
    }
}

impl<T: 'static> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Channel(self.0.clone())
    }
}

impl<T: 'static> Default for Channel<T> {
    fn default() -> Self {
        Channel::new()
    }
}

impl<T> fmt::Debug for ChannelBody<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Channel at {:#x}", (&raw const *self).addr())?;
        if !self.getters.is_empty() {
            write!(f, " getters[{}]", self.getters.len())?;
        }
        if !self.putters.is_empty() {
            write!(f, " putters[{}]", self.putters.len())?;
        }
        f.write_str(">")
    }
}

/// Two are equal if they are handles of the same channel.
impl<T: 'static> PartialEq for Channel<T> {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl<T: 'static> Eq for Channel<T> {}

impl<T: 'static> Hash for Channel<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl<T: 'static> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
