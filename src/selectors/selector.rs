//! [`GeventSelector`]. Source: gevent's class of that name, and `_BaseSelectorImpl` in Python's `selectors`.

use std::fmt;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use greenlet_core::Exception;
use hub::core::{BadFd, Events, IllegalEvents};
use hub::{Hub, Seconds, hub_to_wait_in};

use super::error::AlreadyRegistered;
use super::key::SelectorKey;
use super::keys::{Keys, SelectorMap};
use super::watched::Watched;
use crate::select::{Memory, NotRegistered, Ready};

/// Descriptors that are registered once and waited for again and again, each with data. Clones are handles of the same
/// selector, which is closed when the last one is dropped.
///
/// Descriptors are watched from the first [`select`](GeventSelector::select) on, also while no greenlet is in `select`:
/// an event that comes in between is returned by the next one. A descriptor whose event was returned is watched again
/// from the next `select` on, and so is one that is registered while a greenlet is in `select`. As long as descriptors
/// are watched, the loop has something to wait for.
///
/// Unregister a descriptor before you close it. Further waits allocate no memory. An example is [above](super).
///
/// Source: gevent's `GeventSelector`.
pub struct GeventSelector<T = ()>(Rc<Inner<T>>);

struct Inner<T> {
    keys: Rc<Keys<T>>,
    watched: Rc<Watched>,
    results: Memory<(SelectorKey<T>, Events)>,
}

impl<T> GeventSelector<T> {
    /// A selector without descriptors.
    pub fn new() -> Self {
        GeventSelector(Rc::new(Inner {
            keys: Rc::new(Keys::new()),
            watched: Rc::default(),
            results: Memory::default(),
        }))
    }

    /// Adds a descriptor, to wait for these events: [`EVENT_READ`](super::EVENT_READ),
    /// [`EVENT_WRITE`](super::EVENT_WRITE) or both. The data are for the caller.
    ///
    /// # Errors
    /// [`IllegalEvents`] for other events, or none; [`BadFd`] for a descriptor that is not open; [`AlreadyRegistered`];
    /// [`SelectorClosed`](super::SelectorClosed).
    pub fn register(&self, fd: &impl AsRawFd, events: Events, data: T) -> Result<SelectorKey<T>, Exception> {
        let fd = checked(fd.as_raw_fd(), events)?;
        let hub = hub_to_wait_in()?;
        if self.0.keys.get(fd)?.is_some() {
            return Err(AlreadyRegistered(fd).into());
        }
        self.add(&hub, fd, events, Rc::new(data))
    }

    fn add(&self, hub: &Hub, fd: RawFd, events: Events, data: Rc<T>) -> Result<SelectorKey<T>, Exception> {
        self.0.watched.add(hub.loop_(), fd, events)?;
        let key = SelectorKey { fd, events, data };
        self.0.keys.add(key.clone())?;
        Ok(key)
    }

    /// Removes a descriptor, and returns its key. Events that have come are forgotten.
    ///
    /// # Errors
    /// [`NotRegistered`]; [`BadFd`] for a negative number, as a closed socket has;
    /// [`SelectorClosed`](super::SelectorClosed).
    pub fn unregister(&self, fd: &impl AsRawFd) -> Result<SelectorKey<T>, Exception> {
        let fd = not_negative(fd.as_raw_fd())?;
        let key = self.0.keys.remove(fd)?.ok_or(NotRegistered(fd))?;
        self.0.watched.remove(fd);
        Ok(key)
    }

    /// Sets other events, or other data, and returns the new key. With other events the descriptor is as one that is
    /// registered now.
    ///
    /// # Errors
    /// As for [`register`](GeventSelector::register) and [`unregister`](GeventSelector::unregister).
    pub fn modify(&self, fd: &impl AsRawFd, events: Events, data: T) -> Result<SelectorKey<T>, Exception> {
        let fd = checked(fd.as_raw_fd(), events)?;
        let hub = hub_to_wait_in()?;
        let old_events = self.0.keys.get(fd)?.ok_or(NotRegistered(fd))?.events;
        let data = Rc::new(data);
        let (old, key) = if old_events == events {
            let key = SelectorKey { fd, events, data };
            (self.0.keys.replace(key.clone())?, key)
        } else {
            let old = self.unregister(&fd)?;
            (Some(old), self.add(&hub, fd, events, data)?)
        };
        // The destructor of the old data may panic, so it runs before `key` is on its way to the caller.
        drop(old);
        Ok(key)
    }

    /// Waits until a descriptor is ready. Returns those that are, each with those of its events that have come, in the
    /// order in which they came. If hundreds are ready, it returns as many of them as the loop finds at a time, and the
    /// next call others.
    ///
    /// The list is also empty if another greenlet that waited as well has got the events, and if a descriptor was
    /// closed.
    ///
    /// # Errors
    /// [`SelectorClosed`](super::SelectorClosed), also if the selector is closed meanwhile; any exception that is
    /// thrown into the current greenlet.
    #[track_caller]
    pub fn select(&self) -> Result<Ready<(SelectorKey<T>, Events)>, Exception> {
        self.select_timeout(None)
    }

    /// [`select`](GeventSelector::select) for at most `timeout` seconds. If nothing is ready by then, the list is
    /// empty. With 0 or less it does not wait, but others get a turn all the same.
    ///
    /// # Errors
    /// As for `select`; [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if the time is NaN.
    #[track_caller]
    pub fn select_timeout(&self, timeout: impl Seconds) -> Result<Ready<(SelectorKey<T>, Events)>, Exception> {
        let timeout = timeout.checked()?.map(|seconds| seconds.max(0.0));
        self.0.watched.wait(timeout)?;
        let mut ready = self.0.results.list();
        self.0.watched.collect(|fd, events| {
            if let Ok(Some(key)) = self.0.keys.get(fd) {
                ready.push((key, events));
            }
        });
        Ok(ready)
    }

    /// The key of a descriptor.
    ///
    /// # Errors
    /// As for [`unregister`](GeventSelector::unregister).
    pub fn get_key(&self, fd: &impl AsRawFd) -> Result<SelectorKey<T>, Exception> {
        let fd = not_negative(fd.as_raw_fd())?;
        Ok(self.0.keys.get(fd)?.ok_or(NotRegistered(fd))?)
    }

    /// All keys, by their descriptors. `None` once the selector is closed.
    pub fn get_map(&self) -> Option<SelectorMap<T>> {
        (!self.0.watched.is_closed()).then(|| SelectorMap(self.0.keys.clone()))
    }

    /// Removes all descriptors. Greenlets in [`select`](GeventSelector::select) get a
    /// [`SelectorClosed`](super::SelectorClosed). Closing twice
    /// has no further effect.
    pub fn close(&self) {
        self.0.close();
    }
}

impl<T> Inner<T> {
    fn close(&self) {
        self.watched.close();
        self.keys.close();
    }
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        self.close();
    }
}

fn not_negative(fd: RawFd) -> Result<RawFd, BadFd> {
    if fd < 0 { Err(BadFd::not_open(fd)) } else { Ok(fd) }
}

fn checked(fd: RawFd, events: Events) -> Result<RawFd, Exception> {
    if events.is_empty() || !Events::READWRITE.contains(events) {
        return Err(IllegalEvents(events).into());
    }
    Ok(not_negative(fd)?)
}

impl<T> Clone for GeventSelector<T> {
    fn clone(&self) -> Self {
        GeventSelector(self.0.clone())
    }
}

impl<T> Default for GeventSelector<T> {
    fn default() -> Self {
        GeventSelector::new()
    }
}

impl<T> fmt::Debug for GeventSelector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get_map() {
            Some(map) => write!(f, "<GeventSelector of {} descriptors>", map.len()),
            None => f.write_str("<GeventSelector closed>"),
        }
    }
}
