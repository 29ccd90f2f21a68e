//! Queues as streams and sinks, and [`iwait_stream`]: the traits of the crates `futures-core` and `futures-sink`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use greenlet_core::Exception;
use greenlet_core::unwind::call_each;
use hub::{Link, Linkable};

use super::task::LocalWaker;
use crate::queue::{BaseQueue, Channel, ChannelGet, Get, Put, PutError, Storage, is_end};

/// The items of a queue as they come; see [`BaseQueue::stream`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct QueueStream<S: Storage> {
    get: Get<S>,
    over: bool,
}

impl<S: Storage> BaseQueue<S> {
    /// The items as they come, as a stream: [`iter`](BaseQueue::iter) for futures. It ends when the queue is shut down
    /// and empty; any other error is its last element.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use gevent::future::block_on;
    /// use gevent::queue::Queue;
    ///
    /// let queue = Queue::with_items(None, [1, 2, 3]);
    /// queue.shutdown(false);
    /// let sum = block_on(queue.stream().fold(0, |sum, item| async move { sum + item.unwrap() }))?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn stream(&self) -> QueueStream<S> {
        QueueStream {
            get: self.get_async(),
            over: false,
        }
    }

    /// A sink that puts what it is sent into the queue. It is ready while the item before is in the queue.
    ///
    /// ```
    /// use futures::{SinkExt, stream};
    /// use gevent::future::block_on;
    /// use gevent::queue::Queue;
    ///
    /// let queue = Queue::with_maxsize(10);
    /// block_on(queue.sink().send_all(&mut stream::iter([Ok(1), Ok(2)])))??;
    /// assert_eq!(queue.qsize(), 2);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn sink(&self) -> QueueSink<S> {
        QueueSink {
            queue: self.clone(),
            put: None,
        }
    }
}

impl<S: Storage> Stream for QueueStream<S> {
    type Item = Result<S::Item, Exception>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.get).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(exception)) => {
                self.over = true;
                Poll::Ready((!is_end(&exception)).then_some(Err(exception)))
            }
            Poll::Ready(item) => Poll::Ready(Some(item)),
        }
    }
}

impl<S: Storage> FusedStream for QueueStream<S> {
    fn is_terminated(&self) -> bool {
        self.over
    }
}

impl<S: Storage> fmt::Debug for QueueStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueStream").field(&self.get).finish()
    }
}

/// Puts what it is sent into a queue; see [`BaseQueue::sink`].
#[must_use = "a sink does nothing unless it is polled"]
pub struct QueueSink<S: Storage> {
    queue: BaseQueue<S>,
    put: Option<Put<S>>,
}

impl<S: Storage> Sink<S::Item> for QueueSink<S> {
    type Error = PutError<S::Item>;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_flush(context)
    }

    fn start_send(mut self: Pin<&mut Self>, item: S::Item) -> Result<(), Self::Error> {
        self.put = Some(self.queue.put_async(item));
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let Some(put) = &mut self.put else {
            return Poll::Ready(Ok(()));
        };
        let done = Pin::new(put).poll(context);
        if done.is_ready() {
            self.put = None;
        }
        done
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // The queue belongs to all that have a handle.
        self.poll_flush(context)
    }
}

impl<S: Storage> fmt::Debug for QueueSink<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueSink").field(&self.queue).finish()
    }
}

/// The items that are put into a channel; see [`Channel::stream`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct ChannelStream<T: 'static>(ChannelGet<T>);

impl<T: 'static> Channel<T> {
    /// The items as they come, as a stream. It never ends.
    pub fn stream(&self) -> ChannelStream<T> {
        ChannelStream(self.get_async())
    }
}

impl<T: 'static> Stream for ChannelStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(context).map(Some)
    }
}

impl<T: 'static> fmt::Debug for ChannelStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChannelStream").field(&self.0).finish()
    }
}

/// The objects as they become ready; see [`iwait_stream`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct IwaitStream<L: Linkable> {
    /// The objects that were not ready yet, with their links.
    waits: Vec<Option<(L, Link)>>,
    left: usize,
    arrivals: Rc<Arrived>,
}

#[derive(Default)]
struct Arrived {
    places: RefCell<VecDeque<usize>>,
    waker: RefCell<Option<LocalWaker>>,
    /// The first poll has added the links.
    begun: Cell<bool>,
}

/// The objects as they become ready, as a stream: [`iwait`](crate::iwait) for futures. It ends after the last of them.
/// Dropping it leaves no links.
///
/// ```
/// use futures::StreamExt;
/// use gevent::future::{block_on, iwait_stream};
/// use gevent::{sleep, spawn};
///
/// let greenlets = [3, 1, 2].map(|ms| spawn(move || sleep(0.001 * f64::from(ms)).map(|()| ms)));
/// let ready: Vec<_> = block_on(iwait_stream(&greenlets).map(|greenlet| greenlet.get().unwrap()).collect())?;
/// assert_eq!(ready, [1, 2, 3]);
/// # Ok::<(), gevent::Exception>(())
/// ```
pub fn iwait_stream<L: Linkable>(objects: impl IntoIterator<Item = L>) -> IwaitStream<L> {
    let arrivals = Rc::new(Arrived::default());
    let waits: Vec<_> = objects
        .into_iter()
        .enumerate()
        .map(|(place, object)| {
            let arrivals = arrivals.clone();
            Some((object, Link::new(move |_| arrivals.add(place))))
        })
        .collect();
    IwaitStream {
        left: waits.len(),
        waits,
        arrivals,
    }
}

impl Arrived {
    /// Called by a link.
    fn add(&self, place: usize) {
        self.places.borrow_mut().push_back(place);
        let waker = self.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<L: Linkable> Unpin for IwaitStream<L> {}

impl<L: Linkable> Stream for IwaitStream<L> {
    type Item = L;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<L>> {
        let this = self.get_mut();
        if !this.arrivals.begun.replace(true) {
            for (object, link) in this.waits.iter().flatten() {
                object.rawlink(link.clone());
            }
        }
        loop {
            if this.left == 0 {
                return Poll::Ready(None);
            }
            LocalWaker::note(&this.arrivals.waker, context);
            let place = this.arrivals.places.borrow_mut().pop_front();
            let Some(place) = place else {
                return Poll::Pending;
            };
            if let Some((object, _link)) = this.waits[place].take() {
                this.left -= 1;
                return Poll::Ready(Some(object));
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<L: Linkable> Drop for IwaitStream<L> {
    fn drop(&mut self) {
        // Each link is taken away, also after a panic.
        let waits = self.waits.drain(..).flatten();
        call_each(waits.map(|(object, link)| move || object.unlink(&link)));
    }
}

impl<L: Linkable> fmt::Debug for IwaitStream<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<IwaitStream of {}, of which {} are not ready>",
            self.waits.len(),
            self.left
        )
    }
}
