//! [`iwait`] and [`wait`]: waiting for several objects. Source: `iwait_on_objects` and `wait_on_objects` in gevent's
//! `_hub_primitives.py`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::rc::Rc;

use greenlet_core::unwind::call_each;
use greenlet_core::{Exception, Slack, Ticket};
use waiter::Waiter;

use crate::hub::Hub;
use crate::linkable::{Link, Linkable};
use crate::local::try_get_hub;
use crate::seconds::Seconds;
use crate::time_limit::limiting_timer;
use crate::timers::HubTimer;

/// Settings of [`wait_with`] and [`iwait_with`]: the keywords of gevent's `wait` and `iwait`.
///
/// ```
/// use hub::{Linkable, Wait, wait_with};
///
/// // The first of these objects that is ready, within a second.
/// fn first<'a>(objects: &'a [&'a dyn Linkable]) -> Result<Option<&'a &'a dyn Linkable>, greenlet_core::Exception> {
///     Ok(wait_with(objects, Wait::default().count(1).timeout(1))?.pop())
/// }
/// assert!(first(&[])?.is_none());
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Wait {
    /// How many seconds to wait at most. `None`, the default, is no limit.
    pub timeout: Option<f64>,
    /// How many objects to wait for. `None`, the default, means all.
    pub count: Option<usize>,
}

impl Wait {
    /// Sets [`timeout`](Wait::timeout).
    #[must_use]
    pub fn timeout(mut self, seconds: impl Seconds) -> Self {
        self.timeout = seconds.seconds();
        self
    }

    /// Sets [`count`](Wait::count).
    #[must_use]
    pub fn count(mut self, count: impl Into<Option<usize>>) -> Self {
        self.count = count.into();
        self
    }
}

/// Yields the objects as they become ready, and ends after all of them.
///
/// All objects are linked before the first wait, and unlinked when the iterator is dropped.
///
/// # Errors
/// [`HubError`](crate::exceptions::HubError) if a hub is needed and cannot be made. If an exception is thrown into the
/// greenlet while it waits for the next object, the iterator yields that exception, and ends.
pub fn iwait<L: Linkable>(objects: impl IntoIterator<Item = L>) -> Result<WaitIterator<L>, Exception> {
    iwait_with(objects, Wait::default())
}

/// [`iwait`] that ends when `timeout` seconds have passed since the first call of `next`.
///
/// # Errors
/// The same as those of `iwait`, and [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
pub fn iwait_timeout<L: Linkable>(
    objects: impl IntoIterator<Item = L>,
    timeout: impl Seconds,
) -> Result<WaitIterator<L>, Exception> {
    iwait_with(objects, Wait::default().timeout(timeout))
}

/// [`iwait`] with other settings.
///
/// # Errors
/// The same as those of [`iwait_timeout`].
pub fn iwait_with<L: Linkable>(
    objects: impl IntoIterator<Item = L>,
    settings: Wait,
) -> Result<WaitIterator<L>, Exception> {
    let hub = try_get_hub()?;
    let objects: Vec<_> = objects.into_iter().map(Some).collect();
    let left = settings.count.unwrap_or(objects.len()).min(objects.len());
    Ok(WaitIterator {
        arrivals: Rc::new(Arrivals {
            waiter: Waiter::new(hub.as_wait_hub()),
            tickets: Cell::new(0),
            queue: RefCell::default(),
            wanted: Cell::new(1),
        }),
        hub,
        objects,
        timeout: settings.timeout.checked()?,
        timer: None,
        begun: false,
        left,
    })
}

/// Waits until all objects are ready. Returns them, as they were given, in the order in which they became ready.
///
/// # Errors
/// The same as those of [`iwait`], and any exception that is thrown into the greenlet while it waits.
#[track_caller]
pub fn wait<L: Linkable>(objects: impl IntoIterator<Item = L>) -> Result<Vec<L>, Exception> {
    wait_with(objects, Wait::default())
}

/// [`wait`] for at most `timeout` seconds. Returns the objects that are ready.
///
/// # Errors
/// The same as those of `wait`, and [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
#[track_caller]
pub fn wait_timeout<L: Linkable>(
    objects: impl IntoIterator<Item = L>,
    timeout: impl Seconds,
) -> Result<Vec<L>, Exception> {
    wait_with(objects, Wait::default().timeout(timeout))
}

/// [`wait`] with other settings. Returns the objects that are ready.
///
/// # Errors
/// The same as those of [`wait_timeout`].
#[track_caller]
pub fn wait_with<L: Linkable>(objects: impl IntoIterator<Item = L>, settings: Wait) -> Result<Vec<L>, Exception> {
    let mut iterator = iwait_with(objects, settings)?;
    let mut ready = Vec::with_capacity(iterator.left);
    // The objects are returned all at once, so the greenlet need not be woken for each of them.
    while let Some(object) = iterator.next_of(iterator.left)? {
        ready.push(object);
    }
    Ok(ready)
}

/// The objects that have become ready and were not asked for yet, by their places in the iterator.
pub(crate) struct Arrivals {
    waiter: Waiter<()>,
    /// The ticket of the first object's link, by which a [`Row`](crate::Row) finds that link. The other objects have
    /// the tickets after it.
    tickets: Cell<u64>,
    queue: RefCell<VecDeque<usize>>,
    /// How many objects must be in the queue for the waiter to be woken.
    wanted: Cell<usize>,
}

/// The entry of the queue that means that the time is over.
const TIMEOUT: usize = usize::MAX;

impl Arrivals {
    /// The ticket of the link of the object at this place.
    pub(crate) fn ticket(&self, place: usize) -> u64 {
        self.tickets.get() + place as u64
    }

    /// Notes that the object at this place is ready. Called in the hub.
    pub(crate) fn add(&self, place: usize) -> Result<(), Exception> {
        let mut queue = self.queue.borrow_mut();
        queue.push_back(place);
        let enough = queue.len() >= self.wanted.get() || place == TIMEOUT;
        drop(queue);
        if enough {
            self.waiter.switch(())?;
        }
        Ok(())
    }

    /// Takes the next entry. Parks the current greenlet until there are `wanted` entries, or the time is over.
    #[track_caller]
    fn next(&self, wanted: usize) -> Result<usize, Exception> {
        self.wanted.set(wanted);
        loop {
            let mut queue = self.queue.borrow_mut();
            if let Some(place) = queue.pop_front() {
                queue.give_back();
                return Ok(place);
            }
            drop(queue);
            self.waiter.clear();
            self.waiter.get()?;
        }
    }
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queued = self.queue.borrow().len();
        write!(f, "<arrivals queued={queued} {:?}>", self.waiter)
    }
}

/// The objects of an [`iwait`], as they become ready.
#[derive(Debug)]
pub struct WaitIterator<L: Linkable> {
    hub: Hub,
    arrivals: Rc<Arrivals>,
    /// The objects that are not ready yet; `None` in the places of the others.
    objects: Vec<Option<L>>,
    timeout: Option<f64>,
    timer: Option<HubTimer>,
    begun: bool,
    left: usize,
}

impl<L: Linkable> WaitIterator<L> {
    fn begin(&mut self) -> Result<(), Exception> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let tickets = Ticket::draw_many(self.objects.len());
        self.arrivals.tickets.set(tickets.get());
        for (place, object) in self.objects.iter().enumerate() {
            if let Some(object) = object {
                object.rawlink(Link::arrival(self.arrivals.clone(), place));
            }
        }
        if let Some(seconds) = self.timeout {
            self.hub.check_alive()?;
            // The timer limits many parks, so it ends none of them, but adds one more arrival.
            let timer = limiting_timer(&self.hub, seconds)?;
            let arrivals = self.arrivals.clone();
            timer.start(move || arrivals.add(TIMEOUT))?;
            self.timer = Some(timer);
        }
        Ok(())
    }

    /// The next object. If it has to wait, the greenlet is woken when there are `wanted` objects, the time is over, or
    /// an exception is thrown.
    #[track_caller]
    fn next_of(&mut self, wanted: usize) -> Result<Option<L>, Exception> {
        let arrival = self.arrival(wanted);
        if !matches!(arrival, Ok(Some(_))) {
            self.clean_up();
        }
        arrival
    }

    #[track_caller]
    fn arrival(&mut self, wanted: usize) -> Result<Option<L>, Exception> {
        self.begin()?;
        while self.left > 0 {
            let place = self.arrivals.next(wanted)?;
            if place == TIMEOUT {
                return Ok(None);
            }
            // An object may notify more than once, but is yielded only once.
            if let Some(object) = self.objects[place].take() {
                self.left -= 1;
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    fn clean_up(&mut self) {
        self.left = 0;
        self.timer = None;
        let begun = self.begun;
        let arrivals = &self.arrivals;
        let left = self.objects.drain(..).enumerate();
        call_each(left.map(|(place, object)| {
            move || {
                if let (Some(object), true) = (object, begun) {
                    object.unlink(&Link::arrival(arrivals.clone(), place));
                }
            }
        }));
    }
}

impl<L: Linkable> Iterator for WaitIterator<L> {
    type Item = Result<L, Exception>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_of(1).transpose()
    }
}

impl<L: Linkable> FusedIterator for WaitIterator<L> {}

impl<L: Linkable> Drop for WaitIterator<L> {
    fn drop(&mut self) {
        self.clean_up();
    }
}
