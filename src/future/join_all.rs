//! [`join_all`]: several futures at once, in one greenlet.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// A future that is ready when all of these are, with their values in the same order. They are polled in one greenlet,
/// each when it was woken, so they must not wait in another way than by `await`: what waits belongs into
/// [`spawn_local`](super::spawn_local).
///
/// ```
/// use gevent::future::{block_on, join_all};
/// use gevent::{sleep, spawn};
///
/// let greenlets = [spawn(|| sleep(0.002).map(|()| "late")), spawn(|| Ok("soon"))];
/// let values: Result<Vec<_>, _> = block_on(join_all(&greenlets))?.into_iter().collect();
/// assert_eq!(values?, ["late", "soon"]);
/// # Ok::<(), gevent::Exception>(())
/// ```
pub fn join_all<I>(futures: I) -> JoinAll<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    let woken = Arc::new(Woken::default());
    let children: Vec<_> = futures
        .into_iter()
        .enumerate()
        .map(|(index, future)| {
            let wake = Arc::new(ChildWake {
                woken: woken.clone(),
                index,
                queued: AtomicBool::new(true),
            });
            Child::Waits(Box::pin(future.into_future()), Waker::from(wake.clone()), wake)
        })
        .collect();
    woken.shared.lock().indexes = (0..children.len()).collect();
    JoinAll {
        left: children.len(),
        children,
        woken,
        polled: Vec::new(),
    }
}

/// The future of [`join_all`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct JoinAll<F: Future> {
    children: Vec<Child<F>>,
    /// How many are not ready.
    left: usize,
    woken: Arc<Woken>,
    /// The children that are to be polled; kept so that its memory is used again.
    polled: Vec<usize>,
}

enum Child<F: Future> {
    Waits(Pin<Box<F>>, Waker, Arc<ChildWake>),
    Ready(F::Output),
}

/// The children whose wakers were used.
#[derive(Default)]
struct Woken {
    shared: Mutex<WokenParts>,
}

#[derive(Default)]
struct WokenParts {
    indexes: Vec<usize>,
    /// The waker of the whole.
    waker: Option<Waker>,
}

struct ChildWake {
    woken: Arc<Woken>,
    index: usize,
    /// Whether the child's index is among the woken ones.
    queued: AtomicBool,
}

impl Wake for ChildWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        // The whole's waker may be user code, so it is used without the lock.
        let waker = {
            let mut shared = self.woken.shared.lock();
            shared.indexes.push(self.index);
            shared.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

// The children are pinned in boxes of their own, and their values are not pinned.
impl<F: Future> Unpin for JoinAll<F> {}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let waker = context.waker().clone();
        let old = {
            let mut shared = this.woken.shared.lock();
            this.polled.clear();
            std::mem::swap(&mut shared.indexes, &mut this.polled);
            shared.waker.replace(waker)
        };
        drop(old);
        for index in this.polled.drain(..) {
            let Some(child) = this.children.get_mut(index) else {
                continue;
            };
            let Child::Waits(future, waker, wake) = child else {
                continue;
            };
            // From here on a wake-up counts for the next poll.
            wake.queued.swap(false, Ordering::AcqRel);
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                let done = std::mem::replace(child, Child::Ready(value));
                this.left -= 1;
                drop(done);
            }
        }
        if this.left > 0 {
            return Poll::Pending;
        }
        let values = std::mem::take(&mut this.children)
            .into_iter()
            .filter_map(|child| match child {
                Child::Ready(value) => Some(value),
                Child::Waits(..) => None,
            });
        Poll::Ready(values.collect())
    }
}

impl<F: Future> fmt::Debug for JoinAll<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, left) = (self.children.len(), self.left);
        write!(f, "<JoinAll of {all}, of which {left} are not ready>")
    }
}
