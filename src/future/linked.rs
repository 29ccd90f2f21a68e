//! [`Linked`]: an object of this thread as a future: a greenlet, an event, a result, a semaphore, a child process.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use greenlet_core::Exception;
use hub::{Link, LinkSource, Linkable};

use super::task::LocalWaker;
use crate::Greenlet;
use crate::event::{AsyncResult, Event};
use crate::lock::{BoundedSemaphore, Semaphore, SemaphoreGuard};
use crate::subprocess::Popen;

/// An object that futures can wait for, which tells them by a link: a [`Greenlet`], an [`AsyncResult`], an [`Event`], a
/// [`Semaphore`], a [`BoundedSemaphore`], a [`Popen`].
pub trait Awaitable: Linkable + LinkSource + Clone + sealed::Sealed {
    /// The value of the future.
    type Output: 'static;

    /// The value, if there is no need to wait.
    fn now(&self) -> Option<Self::Output>;

    /// Called in the hub, when the object has become ready and it is this future's turn. What this returns is the
    /// future's value; if it returns none, the future asks for it [now](Awaitable::now) when it is polled.
    fn told(&self) -> Option<Self::Output> {
        None
    }
}

mod sealed {
    /// A type that can be awaited by a [`Linked`](super::Linked).
    pub trait Sealed {}
}

impl<T> sealed::Sealed for Greenlet<T> {}
impl<T> sealed::Sealed for AsyncResult<T> {}
impl sealed::Sealed for Event {}
impl sealed::Sealed for Semaphore {}
impl sealed::Sealed for BoundedSemaphore {}
impl sealed::Sealed for Popen {}

impl<T: Clone + 'static> Awaitable for Greenlet<T> {
    type Output = Result<T, Exception>;

    fn now(&self) -> Option<Self::Output> {
        self.ready().then(|| self.get())
    }
}

impl<T: Clone + 'static> Awaitable for AsyncResult<T> {
    type Output = Result<T, Exception>;

    fn now(&self) -> Option<Self::Output> {
        self.ready().then(|| self.get_nowait())
    }
}

impl Awaitable for Event {
    type Output = ();

    fn now(&self) -> Option<()> {
        self.is_set().then_some(())
    }

    fn told(&self) -> Option<()> {
        // As for a greenlet that waits, it does not matter if the event is cleared before the future is polled.
        Some(())
    }
}

impl Awaitable for Semaphore {
    type Output = SemaphoreGuard;

    fn now(&self) -> Option<SemaphoreGuard> {
        self.try_acquire_guard()
    }

    fn told(&self) -> Option<SemaphoreGuard> {
        // It is acquired at once, as a greenlet that is woken does it, so that nobody takes this future's turn. If the
        // future is dropped, the guard releases the semaphore.
        self.try_acquire_guard()
    }
}

impl Awaitable for BoundedSemaphore {
    type Output = SemaphoreGuard;

    fn now(&self) -> Option<SemaphoreGuard> {
        self.try_acquire_guard()
    }

    fn told(&self) -> Option<SemaphoreGuard> {
        // As for a semaphore without a bound.
        self.try_acquire_guard()
    }
}

impl Awaitable for Popen {
    type Output = Result<i32, Exception>;

    fn now(&self) -> Option<Self::Output> {
        self.poll().transpose().map(|code| Ok(code?))
    }
}

/// The future of an object of this thread: of a [`Greenlet`], an [`AsyncResult`], an [`Event`], a [`Semaphore`], a
/// [`BoundedSemaphore`] or a [`Popen`]. Dropping it leaves no link behind.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Linked<A: Awaitable> {
    object: A,
    link: Option<LinkedOnce<A>>,
}

/// The link of a future that has had to wait.
struct LinkedOnce<A: Awaitable> {
    link: Link,
    shared: Rc<Shared<A>>,
}

/// What the link and the future share.
struct Shared<A: Awaitable> {
    /// Whether the link is in the object's line.
    linked: Cell<bool>,
    value: Cell<Option<A::Output>>,
    waker: RefCell<Option<LocalWaker>>,
}

impl<A: Awaitable> Linked<A> {
    pub(crate) fn new(object: A) -> Linked<A> {
        Linked { object, link: None }
    }
}

impl<A: Awaitable> Unpin for Linked<A> {}

impl<A: Awaitable> Future for Linked<A> {
    type Output = A::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A::Output> {
        let this = self.get_mut();
        if let Some(value) = this.link.as_ref().and_then(|link| link.shared.value.take()) {
            return Poll::Ready(value);
        }
        let linked = this.link.as_ref().is_some_and(|link| link.shared.linked.get());
        if !linked && let Some(value) = this.object.now() {
            return Poll::Ready(value);
        }
        let link = this.link.get_or_insert_with(LinkedOnce::new);
        link.wake_by(context);
        if !linked {
            link.shared.linked.set(true);
            this.object.rawlink(link.link.clone());
        }
        Poll::Pending
    }
}

impl<A: Awaitable> LinkedOnce<A> {
    fn new() -> LinkedOnce<A> {
        let shared = Rc::new(Shared {
            linked: Cell::new(false),
            value: Cell::new(None),
            waker: RefCell::new(None),
        });
        let told = shared.clone();
        let link = Link::of(move |object: &A| told.tell(object));
        LinkedOnce { link, shared }
    }

    fn wake_by(&self, context: &Context<'_>) {
        LocalWaker::note(&self.shared.waker, context);
    }
}

impl<A: Awaitable> Shared<A> {
    /// Called by the link.
    fn tell(&self, object: &A) {
        self.linked.set(false);
        if let Some(value) = object.told() {
            let old = self.value.replace(Some(value));
            drop(old);
        }
        let waker = self.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<A: Awaitable> Drop for Linked<A> {
    fn drop(&mut self) {
        if let Some(link) = &self.link
            && link.shared.linked.replace(false)
        {
            Linkable::unlink(&self.object, &link.link);
        }
    }
}

impl<A: Awaitable> fmt::Debug for Linked<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Linked").field(&self.object).finish()
    }
}

macro_rules! into_future {
    ($($(#[$doc:meta])+ $({$($parameter:tt)*})? $object:ty;)*) => {
        $(
            $(#[$doc])+
            impl $(<$($parameter)*>)? IntoFuture for $object {
                type Output = <$object as Awaitable>::Output;
                type IntoFuture = Linked<$object>;

                fn into_future(self) -> Linked<$object> {
                    Linked::new(self)
                }
            }

            $(#[$doc])+
            impl $(<$($parameter)*>)? IntoFuture for &$object {
                type Output = <$object as Awaitable>::Output;
                type IntoFuture = Linked<$object>;

                fn into_future(self) -> Linked<$object> {
                    Linked::new(self.clone())
                }
            }
        )*
    };
}

into_future! {
    /// Waits for the greenlet's end, as [`get`](Greenlet::get) does. Dropping the future leaves the greenlet alone.
    {T: Clone + 'static} Greenlet<T>;
    /// Waits until the result is set, as [`get`](AsyncResult::get) does.
    {T: Clone + 'static} AsyncResult<T>;
    /// Waits until the event is set, as [`wait`](Event::wait) does.
    Event;
    /// Waits for the end of the child, as [`wait`](Popen::wait) does, and gives its
    /// [`returncode`](Popen::returncode). Dropping the future leaves the child alone. The future is a handle of the
    /// child, so its pipes stay open meanwhile.
    Popen;
}
