//! The objects for several threads as futures, which any executor of any thread may poll.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use greenlet_core::Exception;
use parking_lot::Mutex;

use super::async_result::{AsyncResult, AsyncResultState, For};
use super::event::{Event, EventState};
use super::line::{LinePlaceOf, Lined};
use super::queue::{End, Queue, QueueState};
use super::semaphore::{Semaphore, SemaphoreGuard};
use crate::queue::PutError;

/// A wait of a future in a line. Dropping it leaves the line; what was granted and not taken goes to the next waiter.
struct LineWait<S: Lined> {
    object: Arc<Mutex<S>>,
    which: S::Which,
    place: Option<LinePlaceOf<S>>,
}

impl<S: Lined> LineWait<S> {
    fn new(object: &Arc<Mutex<S>>, which: S::Which) -> Self {
        LineWait {
            object: object.clone(),
            which,
            place: None,
        }
    }

    /// Ready once `enter` has returned true, which is asked before the wait, or the wait was granted.
    fn poll(&mut self, context: &Context<'_>, enter: impl Fn(&mut S) -> bool) -> Poll<()> {
        let granted = match &mut self.place {
            Some(place) => place.is_granted(context),
            None => {
                self.place = LinePlaceOf::enter(&self.object, self.which, context, enter);
                self.place.is_none()
            }
        };
        if !granted {
            return Poll::Pending;
        }
        self.place = None;
        Poll::Ready(())
    }
}

macro_rules! plain_future {
    ($($future:ident $(<$parameter:ident>)? of $what:literal;)*) => {$(
        impl$(<$parameter: Send + 'static>)? fmt::Debug for $future$(<$parameter>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!("<", stringify!($future), " of ", $what, ">"))
            }
        }
    )*};
}

plain_future! {
    Acquire of "a threadsafe::Semaphore";
    WaitEvent of "a threadsafe::Event";
    GetResult<T> of "a threadsafe::AsyncResult";
    Get<T> of "a threadsafe::Queue";
    Put<T> of "a threadsafe::Queue";
}

/// The future of [`Semaphore::acquire_async`], also of a [`BoundedSemaphore`](super::BoundedSemaphore).
#[must_use = "a future does nothing unless it is awaited"]
pub struct Acquire {
    semaphore: Semaphore,
    /// The guard releases the semaphore unless its counter is so much.
    limit: usize,
    wait: LineWait<super::line::Permits>,
}

impl Acquire {
    pub(super) fn of(semaphore: &Semaphore, limit: usize) -> Acquire {
        Acquire {
            semaphore: semaphore.clone(),
            limit,
            wait: LineWait::new(&semaphore.0, ()),
        }
    }
}

impl Semaphore {
    /// [`acquire_guard`](Semaphore::acquire_guard) as a future, for any executor of any thread. It has its place among
    /// the waiting greenlets and threads from its first poll on. If it is dropped, it acquires nothing.
    ///
    /// ```
    /// use gevent::threadsafe::Semaphore;
    ///
    /// let semaphore = Semaphore::new(0);
    /// let thread = std::thread::spawn({
    ///     let semaphore = semaphore.clone();
    ///     move || futures::executor::block_on(semaphore.acquire_async()).forget()
    /// });
    /// semaphore.release();
    /// # thread.join().unwrap();
    /// ```
    pub fn acquire_async(&self) -> Acquire {
        Acquire::of(self, usize::MAX)
    }
}

impl Future for Acquire {
    type Output = SemaphoreGuard;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<SemaphoreGuard> {
        let acquired = self.wait.poll(context, super::line::Permits::try_take);
        acquired.map(|()| SemaphoreGuard::of(&self.semaphore, self.limit))
    }
}

/// The future of an [`Event`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct WaitEvent(LineWait<EventState>);

impl Future for WaitEvent {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll(context, |state| state.flag)
    }
}

/// Waits until the event is set, as [`wait`](Event::wait) does, in any executor of any thread.
impl IntoFuture for &Event {
    type Output = ();
    type IntoFuture = WaitEvent;

    fn into_future(self) -> WaitEvent {
        WaitEvent(LineWait::new(&self.0, ()))
    }
}

/// Waits until the event is set, as [`wait`](Event::wait) does, in any executor of any thread.
impl IntoFuture for Event {
    type Output = ();
    type IntoFuture = WaitEvent;

    fn into_future(self) -> WaitEvent {
        (&self).into_future()
    }
}

/// The future of an [`AsyncResult`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct GetResult<T: Send + 'static> {
    result: AsyncResult<T>,
    wait: LineWait<AsyncResultState<T>>,
    /// Whether the result is set, and the wait is for another thread that clones the value.
    is_set: bool,
}

impl<T: Clone + Send + 'static> Future for GetResult<T> {
    type Output = Result<T, Exception>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if this.is_set {
                if let Some(copied) = this.result.try_copy() {
                    return Poll::Ready(copied);
                }
                if this.wait.poll(context, |state| !state.is_being_copied()).is_pending() {
                    return Poll::Pending;
                }
            } else if this.wait.poll(context, |state| state.ready()).is_pending() {
                return Poll::Pending;
            } else {
                this.is_set = true;
                this.wait = LineWait::new(&this.result.0, For::Copy);
            }
        }
    }
}

/// Waits until the result is set, as [`get`](AsyncResult::get) does, in any executor of any thread.
impl<T: Clone + Send + 'static> IntoFuture for &AsyncResult<T> {
    type Output = Result<T, Exception>;
    type IntoFuture = GetResult<T>;

    fn into_future(self) -> GetResult<T> {
        GetResult {
            result: self.clone(),
            wait: LineWait::new(&self.0, For::Result),
            is_set: false,
        }
    }
}

/// Waits until the result is set, as [`get`](AsyncResult::get) does, in any executor of any thread.
impl<T: Clone + Send + 'static> IntoFuture for AsyncResult<T> {
    type Output = Result<T, Exception>;
    type IntoFuture = GetResult<T>;

    fn into_future(self) -> GetResult<T> {
        (&self).into_future()
    }
}

/// The future of [`Queue::get_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Get<T: Send + 'static> {
    queue: Queue<T>,
    wait: LineWait<QueueState<T>>,
    /// Whether an item is promised to this future, which waits until no greenlet peeks at the item.
    is_promised: bool,
}

impl<T: Send + 'static> Queue<T> {
    /// [`get`](Queue::get) as a future, for any executor of any thread. It has its place in line from its first poll
    /// on. If it is dropped, its item stays in the queue.
    ///
    /// # Errors
    /// [`ShutDown`](crate::queue::ShutDown) if the queue is shut down and empty, and the `ConcurrentObjectUseError` of
    /// `get`.
    pub fn get_async(&self) -> Get<T> {
        Get {
            queue: self.clone(),
            wait: LineWait::new(&self.0, End::Get),
            is_promised: false,
        }
    }

    /// [`put`](Queue::put) as a future, for any executor of any thread. It has its place in line from its first poll
    /// on. If it is dropped before it is ready, the item is dropped with it.
    ///
    /// # Errors
    /// [`PutError::ShutDown`] with the item if the queue is shut down.
    pub fn put_async(&self, item: T) -> Put<T> {
        Put {
            queue: self.clone(),
            item: Some(item),
            wait: LineWait::new(&self.0, End::Put),
        }
    }
}

impl<T: Send + 'static> Unpin for Get<T> {}

impl<T: Send + 'static> Future for Get<T> {
    type Output = Result<T, Exception>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if this.is_promised {
                match this.queue.try_pop() {
                    Some(item) => {
                        this.is_promised = false;
                        return Poll::Ready(item);
                    }
                    None if this.wait.poll(context, |state| state.lent.is_none()).is_pending() => {
                        return Poll::Pending;
                    }
                    None => {}
                }
            } else if this.wait.poll(context, QueueState::take_item).is_pending() {
                return Poll::Pending;
            } else {
                this.is_promised = true;
                this.wait = LineWait::new(&this.queue.0, End::Lent);
            }
        }
    }
}

impl<T: Send + 'static> Drop for Get<T> {
    fn drop(&mut self) {
        if self.is_promised {
            self.queue.take_back();
        }
    }
}

/// The future of [`Queue::put_async`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Put<T: Send + 'static> {
    queue: Queue<T>,
    item: Option<T>,
    wait: LineWait<QueueState<T>>,
}

impl<T: Send + 'static> Unpin for Put<T> {}

impl<T: Send + 'static> Future for Put<T> {
    type Output = Result<(), PutError<T>>;

    /// # Panics
    /// Panics if it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.wait.poll(context, QueueState::take_space_or_shut).is_pending() {
            return Poll::Pending;
        }
        let item = this.item.take().expect("it was not ready");
        Poll::Ready(this.queue.push_promised(item))
    }
}
