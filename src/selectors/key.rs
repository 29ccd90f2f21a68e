//! [`SelectorKey`]. Source: the class of that name in Python's `selectors`.

use std::fmt;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use hub::core::Events;

/// What is registered in a selector: a descriptor, the events that are waited for, and the data that go with it.
///
/// A key stands for its descriptor: `selector.unregister(&key)`.
pub struct SelectorKey<T> {
    /// The descriptor.
    pub fd: RawFd,
    /// The events that are waited for: [`EVENT_READ`](super::EVENT_READ), [`EVENT_WRITE`](super::EVENT_WRITE) or both.
    pub events: Events,
    /// The data that were given. All keys of the registration have the same.
    pub data: Rc<T>,
}

impl<T> Clone for SelectorKey<T> {
    fn clone(&self) -> Self {
        SelectorKey {
            data: self.data.clone(),
            ..*self
        }
    }
}

/// Two are equal if descriptor and events are, and the data are the same ones.
impl<T> PartialEq for SelectorKey<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.fd, self.events) == (other.fd, other.events) && Rc::ptr_eq(&self.data, &other.data)
    }
}

impl<T> Eq for SelectorKey<T> {}

impl<T> AsRawFd for SelectorKey<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.fd
    }
}

impl<T> fmt::Debug for SelectorKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<SelectorKey fd={} events={}>", self.fd, self.events)
    }
}
