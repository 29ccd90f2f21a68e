//! The functions that have subscribed, and the delivery of events to them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use greenlet_core::unwind::{Caught, catch};

use crate::core::ForkMutex;

type Subscriber = dyn Fn(&mut dyn Any) + Send + Sync;

static SUBSCRIBERS: ForkMutex<Vec<Arc<Subscriber>>> = ForkMutex::new(Vec::new());

/// Has `function` called with each event of the type `E`, as long as the result exists. Functions are called in the
/// order in which they have subscribed.
///
/// ```
/// use std::sync::mpsc;
/// use hub::events::{notify, subscribe};
///
/// struct Deployed(u32);
///
/// let (sender, versions) = mpsc::channel();
/// let subscription = subscribe(move |event: &mut Deployed| sender.send(event.0).expect("there is a receiver"));
/// notify(&mut Deployed(7));
/// drop(subscription);
/// notify(&mut Deployed(8));
/// assert_eq!(versions.iter().collect::<Vec<_>>(), [7]);
/// ```
///
/// Source: gevent's `events.subscribers`; `zope.event.classhandler.handler`.
pub fn subscribe<E: Any>(function: impl Fn(&mut E) + Send + Sync + 'static) -> Subscription {
    let subscriber: Arc<Subscriber> = Arc::new(move |event: &mut dyn Any| {
        if let Some(event) = event.downcast_mut() {
            function(event);
        }
    });
    SUBSCRIBERS.lock().push(subscriber.clone());
    Subscription(Some(subscriber))
}

/// Calls the functions that have [subscribed](subscribe) to events of the type `E`, in this thread. A function that
/// subscribes meanwhile gets the next event; one whose subscription ends meanwhile may get this one. Nothing is locked
/// during the calls.
///
/// A panic of a function goes no further.
///
/// Source: gevent's `events.notify`.
pub fn notify<E: Any>(event: &mut E) {
    let subscribers = SUBSCRIBERS.lock().clone();
    let mut forced = None;
    for subscriber in subscribers {
        // This may drop the last reference to the function, whose destructor may panic, too.
        let called = catch(|| {
            subscriber(event);
            drop(subscriber);
        });
        match called {
            // The panic's message has been printed.
            Ok(()) | Err(Caught::Panic(_)) => {}
            Err(Caught::Forced(unwind)) => forced = Some(unwind),
        }
    }
    if let Some(unwind) = forced {
        unwind.resume();
    }
}

/// A function gets events until this is dropped.
#[must_use = "the function gets events only as long as this exists; call `forever` to have it called until the process ends"]
pub struct Subscription(Option<Arc<Subscriber>>);

impl Subscription {
    /// Has the function called until the process ends.
    pub fn forever(mut self) {
        self.0 = None;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let Some(subscriber) = self.0.take() else { return };
        let mut subscribers = SUBSCRIBERS.lock();
        let place = subscribers.iter().position(|other| Arc::ptr_eq(other, &subscriber));
        let removed = place.map(|place| subscribers.remove(place));
        // The function may own anything, whose destructor may subscribe: nothing is locked while it is dropped.
        drop(subscribers);
        drop((removed, subscriber));
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}
