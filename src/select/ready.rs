//! [`Ready`]: the results of [`Poll`](super::Poll) and of selectors.

use std::cell::Cell;
use std::fmt;
use std::iter::FusedIterator;
use std::ops::Deref;
use std::rc::Rc;

/// The place where the memory of a [`Ready`] is kept for the next one. Clones are the same place.
pub(crate) struct Memory<E>(Rc<Cell<Vec<E>>>);

impl<E> Memory<E> {
    /// An empty list.
    pub(crate) fn list(&self) -> Ready<E> {
        Ready {
            list: self.0.take(),
            home: self.clone(),
        }
    }
}

impl<E> Clone for Memory<E> {
    fn clone(&self) -> Self {
        Memory(self.0.clone())
    }
}

impl<E> Default for Memory<E> {
    fn default() -> Self {
        Memory(Rc::default())
    }
}

/// What is ready: a list, to be used as a slice or in a `for`. When it is dropped, its memory goes back to the object
/// that has made it, so that further waits allocate nothing.
///
/// ```
/// use gevent::select::{POLLIN, POLLOUT, Poll};
///
/// let (reader, writer) = std::io::pipe()?;
/// let poll = Poll::new();
/// poll.register(&reader, POLLIN)?;
/// poll.register(&writer, POLLOUT)?;
/// let ready = poll.poll()?;
/// assert_eq!(ready.len(), 1);
/// for (fd, events) in ready {
///     println!("{fd} has {events}");
/// }
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct Ready<E> {
    list: Vec<E>,
    home: Memory<E>,
}

impl<E> Ready<E> {
    pub(crate) fn push(&mut self, item: E) {
        self.list.push(item);
    }
}

impl<E> Deref for Ready<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.list
    }
}

impl<E> Drop for Ready<E> {
    fn drop(&mut self) {
        let mut list = std::mem::take(&mut self.list);
        // This may run user code, which may ask for the next list.
        list.clear();
        self.home.0.set(list);
    }
}

impl<E: Clone> IntoIterator for Ready<E> {
    type Item = E;
    type IntoIter = IntoIter<E>;

    fn into_iter(self) -> IntoIter<E> {
        IntoIter { ready: self, next: 0 }
    }
}

impl<'a, E> IntoIterator for &'a Ready<E> {
    type Item = &'a E;
    type IntoIter = std::slice::Iter<'a, E>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

/// So that it can be compared with lists of any kind.
impl<E: PartialEq, L: AsRef<[E]>> PartialEq<L> for Ready<E> {
    fn eq(&self, other: &L) -> bool {
        self.list == other.as_ref()
    }
}

impl<E: fmt::Debug> fmt::Debug for Ready<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

/// The iterator over a [`Ready`].
pub struct IntoIter<E> {
    ready: Ready<E>,
    next: usize,
}

impl<E: Clone> Iterator for IntoIter<E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        let item = self.ready.get(self.next)?.clone();
        self.next += 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.ready.len() - self.next;
        (left, Some(left))
    }
}

impl<E: Clone> ExactSizeIterator for IntoIter<E> {}
impl<E: Clone> FusedIterator for IntoIter<E> {}

impl<E: fmt::Debug> fmt::Debug for IntoIter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ready[self.next..].fmt(f)
    }
}
