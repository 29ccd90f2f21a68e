//! Waiting for several objects. Source: `iwait_on_objects` and `wait_on_objects` in gevent's
//! `_hub_primitives.py`.

use std::rc::Rc;

use greenlet_core::Exception;
use waiter::MultipleWaiter;

use crate::hub::Hub;
use crate::linkable::{Link, Linkable};
use crate::local::get_hub;
use crate::seconds::Seconds;
use crate::timers::HubTimer;

/// Yields the objects as they become ready, until all are (or `count` of them), or until
/// `timeout` seconds have passed since the first was asked for.
///
/// All objects are linked before the first wait, and unlinked when the iterator is dropped.
///
/// # Errors
/// For a time that is no number. The iterator yields what is thrown into the greenlet that asks
/// for the next object, and ends then.
pub fn iwait<L: Linkable>(
    objects: impl IntoIterator<Item = L>,
    timeout: impl Seconds,
    count: impl Into<Option<usize>>,
) -> Result<WaitIterator<L>, Exception> {
    let hub = get_hub();
    let objects: Vec<_> = objects.into_iter().map(|o| (Some(o), None)).collect();
    let left = count.into().unwrap_or(objects.len()).min(objects.len());
    Ok(WaitIterator {
        waiter: MultipleWaiter::new(hub.as_wait_hub()),
        hub,
        objects,
        timeout: timeout.checked()?,
        timer: None,
        begun: false,
        left,
    })
}

/// Waits until all objects are ready (or `count` of them), at most `timeout` seconds. Returns
/// the ready ones, in the order in which they became so.
///
/// # Errors
/// As for [`iwait`].
#[track_caller]
pub fn wait<L: Linkable>(
    objects: impl IntoIterator<Item = L>,
    timeout: impl Seconds,
    count: impl Into<Option<usize>>,
) -> Result<Vec<L>, Exception> {
    iwait(objects, timeout, count)?.collect()
}

/// What is waited for: an object, by its place, or the end of the time.
#[derive(Debug, Clone, Copy)]
enum Arrival {
    Object(usize),
    Timeout,
}

/// The objects of an [`iwait`], as they become ready.
#[derive(Debug)]
pub struct WaitIterator<L: Linkable> {
    hub: Hub,
    waiter: MultipleWaiter<Arrival>,
    objects: Vec<(Option<L>, Option<Link>)>,
    timeout: Option<f64>,
    timer: Option<Rc<HubTimer>>,
    begun: bool,
    left: usize,
}

impl<L: Linkable> WaitIterator<L> {
    fn begin(&mut self) -> Result<(), Exception> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        for (index, (object, link)) in self.objects.iter_mut().enumerate() {
            let waiter = self.waiter.clone();
            let new = Link::new(move |_| Ok(waiter.switch(Arrival::Object(index))?));
            *link = Some(new.clone());
            if let Some(object) = object {
                object.rawlink(new);
            }
        }
        if let Some(seconds) = self.timeout {
            let timer = self.hub.timer(seconds)?;
            // Objects that are ready in the same iteration come first.
            timer.set_priority(-1)?;
            let waiter = self.waiter.clone();
            timer.start(move || Ok(waiter.switch(Arrival::Timeout)?))?;
            self.timer = Some(Rc::new(timer));
        }
        Ok(())
    }

    fn arrival(&mut self) -> Result<Option<L>, Exception> {
        self.begin()?;
        loop {
            if self.left == 0 {
                return Ok(None);
            }
            match self.waiter.get()? {
                Arrival::Timeout => return Ok(None),
                Arrival::Object(index) => {
                    let (object, link) = &mut self.objects[index];
                    link.take();
                    // An object may tell more than once; it is ready only once.
                    if let Some(object) = object.take() {
                        self.left -= 1;
                        return Ok(Some(object));
                    }
                }
            }
        }
    }

    fn clean_up(&mut self) {
        self.left = 0;
        self.timer = None;
        for (object, link) in self.objects.drain(..) {
            if let (Some(object), Some(link)) = (object, link) {
                object.unlink(&link);
            }
        }
    }
}

impl<L: Linkable> Iterator for WaitIterator<L> {
    type Item = Result<L, Exception>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        let arrival = self.arrival();
        if !matches!(arrival, Ok(Some(_))) {
            self.clean_up();
        }
        arrival.transpose()
    }
}

impl<L: Linkable> Drop for WaitIterator<L> {
    fn drop(&mut self) {
        self.clean_up();
    }
}
