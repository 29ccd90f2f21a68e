//! [`Poll`]. Source: `poll` in gevent's `select.py`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use greenlet_core::Exception;
use hub::Seconds;
use hub::core::{BadFd, Error, Events};

use super::constants::{POLLIN, POLLNVAL, POLLOUT};
use super::error::NotRegistered;
use super::ready::{Memory, Ready};
use super::watching::Watchers;

/// Descriptors that are waited for again and again, each with a mask of the events that count: Python's `poll` object.
/// Clones are the same object.
///
/// ```
/// use std::io::Write;
/// use std::os::fd::AsRawFd;
/// use gevent::select::{POLLIN, POLLOUT, Poll};
///
/// let (reader, mut writer) = std::io::pipe()?;
/// let poll = Poll::new();
/// poll.register(&reader, POLLIN)?;
/// assert_eq!(poll.poll_timeout(0.001)?, []);
/// writer.write_all(b"x")?;
/// assert_eq!(poll.poll()?, [(reader.as_raw_fd(), POLLIN)]);
/// poll.unregister(&reader)?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Further waits allocate no memory. Several greenlets may wait at a time.
///
/// Source: gevent's `poll`.
#[derive(Clone)]
pub struct Poll(Rc<Inner>);

#[derive(Default)]
struct Inner {
    masks: RefCell<BTreeMap<RawFd, i16>>,
    watchers: Watchers,
    results: Memory<(RawFd, i16)>,
}

impl Poll {
    /// An object without descriptors.
    pub fn new() -> Poll {
        Poll(Rc::default())
    }

    /// Adds a descriptor, or sets the mask of one that is registered. Of the mask, [`POLLIN`] and [`POLLOUT`] count.
    ///
    /// The descriptor is not looked at before the next wait, which reports one that is not open with [`POLLNVAL`].
    ///
    /// # Errors
    /// [`BadFd`] for a negative number, as a closed socket has.
    pub fn register(&self, fd: &impl AsRawFd, eventmask: i16) -> Result<(), BadFd> {
        let fd = fd.as_raw_fd();
        if fd < 0 {
            return Err(BadFd::not_open(fd));
        }
        self.0.masks.borrow_mut().insert(fd, eventmask);
        Ok(())
    }

    /// The same as [`register`](Poll::register), as in gevent.
    ///
    /// # Errors
    /// As for `register`.
    pub fn modify(&self, fd: &impl AsRawFd, eventmask: i16) -> Result<(), BadFd> {
        self.register(fd, eventmask)
    }

    /// Removes a descriptor.
    ///
    /// # Errors
    /// [`NotRegistered`] if it was not there.
    pub fn unregister(&self, fd: &impl AsRawFd) -> Result<(), NotRegistered> {
        let fd = fd.as_raw_fd();
        let removed = self.0.masks.borrow_mut().remove(&fd);
        removed.map(drop).ok_or(NotRegistered(fd))
    }

    /// Waits until a descriptor is ready, or is not open. Returns those that are, each with the events that it has: of
    /// [`POLLIN`] and [`POLLOUT`] those in its mask, or [`POLLNVAL`]. If hundreds are ready, it returns as many of them
    /// as the loop finds at a time, and the next call others.
    ///
    /// # Errors
    /// Returns any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn poll(&self) -> Result<Ready<(RawFd, i16)>, Exception> {
        self.poll_timeout(None)
    }

    /// [`poll`](Poll::poll) for at most `timeout` **seconds** (Python has milliseconds here). If nothing is ready by
    /// then, the list is empty. As in Python, a negative time is no limit. With 0 it does not wait, but others get a
    /// turn all the same.
    ///
    /// # Errors
    /// As for `poll`; [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if the time is NaN.
    #[track_caller]
    pub fn poll_timeout(&self, timeout: impl Seconds) -> Result<Ready<(RawFd, i16)>, Exception> {
        let mut timeout = timeout.checked()?.filter(|seconds| *seconds >= 0.0);
        let mut ready = self.0.results.list();
        let mut watching = self.0.watchers.begin()?;
        for (fd, mask) in &*self.0.masks.borrow() {
            match watching.watch(*fd, events_of(*mask)) {
                Ok(()) => {}
                Err(Error::BadFd(bad)) if bad.source.raw_os_error() == Some(libc::EBADF) => {
                    ready.push((*fd, POLLNVAL));
                    // Others may be ready as well.
                    timeout = Some(0.0);
                }
                Err(error) => return Err(error.into()),
            }
        }
        watching.wait(timeout)?;
        watching.fired(|fired| ready.push((fired.fd, mask_of(fired.events))));
        Ok(ready)
    }
}

fn events_of(mask: i16) -> Events {
    let bit = |bit, event| if mask & bit != 0 { event } else { Events::NONE };
    bit(POLLIN, Events::READ) | bit(POLLOUT, Events::WRITE)
}

fn mask_of(events: Events) -> i16 {
    if events.contains(Events::ERROR) {
        return POLLNVAL;
    }
    let bit = |event, bit| if events.contains(event) { bit } else { 0 };
    bit(Events::READ, POLLIN) | bit(Events::WRITE, POLLOUT)
}

impl Default for Poll {
    fn default() -> Self {
        Poll::new()
    }
}

impl fmt::Debug for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masks = self.0.masks.borrow().clone();
        write!(f, "<Poll of {masks:?}>")
    }
}
