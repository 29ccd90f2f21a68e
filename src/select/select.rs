//! [`select()`] and [`Select`]. Source: `select` in gevent's `select.py`.

use std::fmt;
use std::iter::FusedIterator;
use std::os::fd::AsRawFd;
use std::slice;

use greenlet_core::Exception;
use hub::core::Events;
use hub::{Seconds, sleep};

use super::now::{List, Now};
use super::watching::Watchers;
use crate::exceptions::InvalidSeconds;

/// The items that are ready: of `rlist`, `wlist` and `xlist`.
pub type Selected<F> = (Vec<F>, Vec<F>, Vec<F>);

/// Waits until any item of `rlist` can be read or any of `wlist` can be written without blocking. Returns the items
/// that can be, by their lists.
///
/// Those that are ready at the call come in the order of their lists; if none is, others in the order in which they
/// become ready. An item that was given twice is returned twice. With three empty lists it waits for ever. An item of
/// `xlist` is returned if there are urgent data for it at the call; it is not waited for.
///
/// ```
/// use gevent::select::select;
/// use gevent::socket::UnixStream;
///
/// let (here, there) = UnixStream::pair()?;
/// let (readable, writable, _) = select([here.clone()], [here.clone(), there], [])?;
/// assert!(readable.is_empty());
/// assert_eq!(writable.len(), 2);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `select`.
///
/// # Errors
/// [`BadFd`](crate::core::BadFd) for a descriptor that is not open, in any list; any exception that is thrown into the
/// current greenlet meanwhile.
#[track_caller]
pub fn select<F: AsRawFd>(
    rlist: impl IntoIterator<Item = F>,
    wlist: impl IntoIterator<Item = F>,
    xlist: impl IntoIterator<Item = F>,
) -> Result<Selected<F>, Exception> {
    select_timeout(rlist, wlist, xlist, None)
}

/// [`select()`] for at most `timeout` seconds. If nothing is ready by then, the lists are empty.
///
/// With 0 it does not wait, but others get a turn all the same.
///
/// ```
/// use std::os::fd::RawFd;
/// use gevent::select::select_timeout;
///
/// // Without lists, or items that are ready, this is a `sleep`.
/// let (readable, ..) = select_timeout::<RawFd>([], [], [], 0.01)?;
/// assert!(readable.is_empty());
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// As for `select`; [`InvalidSeconds`] if the time is negative or NaN.
#[track_caller]
pub fn select_timeout<F: AsRawFd>(
    rlist: impl IntoIterator<Item = F>,
    wlist: impl IntoIterator<Item = F>,
    xlist: impl IntoIterator<Item = F>,
    timeout: impl Seconds,
) -> Result<Selected<F>, Exception> {
    let timeout = not_negative(timeout)?;
    let mut set = Select::new(rlist, wlist, xlist);
    set.wait(timeout)?;
    let Select { items, ready, .. } = set;
    let mut items = items.map(|items| items.into_iter().map(Some).collect::<Vec<_>>());
    // Each place is in its list once.
    let mut take = |list: usize| {
        let items = &mut items[list];
        ready[list].iter().filter_map(|place| items[*place].take()).collect()
    };
    Ok((take(0), take(1), take(2)))
}

/// Three lists of items to [`select`](Select::select) from again and again. Only the first waits allocate memory: for
/// the watchers, and for the results.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::fd::AsFd;
/// use gevent::prelude::*;
/// use gevent::select::Select;
///
/// let ((mut a, mut to_a), (b, _to_b)) = (std::io::pipe()?, std::io::pipe()?);
/// spawn(move || gevent::io(|| to_a.write_all(b"one").and_then(|()| to_a.write_all(b"two"))));
/// let read = a.try_clone()?;
/// let mut set = Select::new([read.as_fd(), b.as_fd()], [], []);
/// let mut text = [0; 3];
/// while &text != b"two" {
///     let [mut readable, _, _] = set.select()?;
///     assert!(readable.next().is_some());
///     a.read_exact(&mut text)?;
/// }
/// # Ok::<(), Exception>(())
/// ```
pub struct Select<F> {
    items: [Vec<F>; 3],
    /// The places of the items that are ready, by their lists.
    ready: [Vec<usize>; 3],
    now: Now,
    watchers: Watchers,
}

impl<F: AsRawFd> Select<F> {
    /// The lists of [`select()`].
    pub fn new(
        rlist: impl IntoIterator<Item = F>,
        wlist: impl IntoIterator<Item = F>,
        xlist: impl IntoIterator<Item = F>,
    ) -> Self {
        Select {
            items: [
                rlist.into_iter().collect(),
                wlist.into_iter().collect(),
                xlist.into_iter().collect(),
            ],
            ready: Default::default(),
            now: Now::default(),
            watchers: Watchers::default(),
        }
    }

    /// [`select()`] from these lists. Returns the items that are ready, by their lists.
    ///
    /// # Errors
    /// As for the function.
    #[track_caller]
    pub fn select(&mut self) -> Result<[Chosen<'_, F>; 3], Exception> {
        self.select_timeout(None)
    }

    /// [`select`](Select::select) for at most `timeout` seconds. If nothing is ready by then, the lists are empty.
    ///
    /// # Errors
    /// As for the function [`select_timeout`].
    #[track_caller]
    pub fn select_timeout(&mut self, timeout: impl Seconds) -> Result<[Chosen<'_, F>; 3], Exception> {
        self.wait(not_negative(timeout)?)?;
        Ok([0, 1, 2].map(|list| Chosen {
            items: &self.items[list],
            places: self.ready[list].iter(),
        }))
    }

    #[track_caller]
    fn wait(&mut self, timeout: Option<f64>) -> Result<(), Exception> {
        self.ready.iter_mut().for_each(Vec::clear);
        self.now.clear();
        for (items, list) in self.items.iter().zip([List::Read, List::Write, List::Exceptional]) {
            for item in items {
                self.now.add(item.as_raw_fd(), list)?;
            }
        }
        let [readers, writers, _] = self.items.each_ref().map(Vec::len);
        if self.now.ask()? || timeout == Some(0.0) {
            for place in (0..self.now.len()).filter(|place| self.now.is_ready(*place)) {
                add(&mut self.ready, [readers, writers], place);
            }
            // Whoever always finds something ready must not keep others from running.
            return sleep(0);
        }
        let mut watching = self.watchers.begin()?;
        for place in 0..readers + writers {
            let events = if place < readers { Events::READ } else { Events::WRITE };
            watching.watch(self.now.fd(place), events)?;
        }
        watching.wait(timeout)?;
        watching.fired(|fired| add(&mut self.ready, [readers, writers], fired.place));
        Ok(())
    }
}

/// Adds the item at this place of all lists, one after the other, to those that are ready.
fn add(ready: &mut [Vec<usize>; 3], [readers, writers]: [usize; 2], place: usize) {
    let (list, place) = match place {
        _ if place < readers => (0, place),
        _ if place < readers + writers => (1, place - readers),
        _ => (2, place - readers - writers),
    };
    ready[list].push(place);
}

fn not_negative(timeout: impl Seconds) -> Result<Option<f64>, InvalidSeconds> {
    match timeout.checked()? {
        Some(seconds) if seconds < 0.0 => Err(InvalidSeconds(seconds)),
        timeout => Ok(timeout),
    }
}

impl<F> fmt::Debug for Select<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, w, x] = self.items.each_ref().map(Vec::len);
        write!(f, "<Select of {r}, {w} and {x} items>")
    }
}

/// The items of one list that are ready.
pub struct Chosen<'a, F> {
    items: &'a [F],
    places: slice::Iter<'a, usize>,
}

impl<'a, F> Iterator for Chosen<'a, F> {
    type Item = &'a F;

    fn next(&mut self) -> Option<&'a F> {
        self.places.next().map(|place| &self.items[*place])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl<F> ExactSizeIterator for Chosen<'_, F> {}
impl<F> FusedIterator for Chosen<'_, F> {}

impl<F> fmt::Debug for Chosen<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} items>", self.len())
    }
}
