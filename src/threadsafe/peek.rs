//! [`Lent`]: the first item of a queue, while greenlets peek at it.

use std::sync::Arc;
use std::thread::{self, ThreadId};

use greenlet_core::getcurrent;
use parking_lot::ReentrantMutex;

use super::queue::Queue;

/// An item at which greenlets of one thread are looking. It is out of the queue meanwhile, so that the queue need not
/// be locked while their code runs, which may wait. Only one thread looks at a time, so the item need not be `Sync`.
pub(super) struct Lent<T> {
    item: Arc<ReentrantMutex<T>>,
    thread: ThreadId,
    /// The numbers of the greenlets that are looking.
    greenlets: Vec<u64>,
}

impl<T> Lent<T> {
    pub(super) fn new(item: T) -> Self {
        Lent {
            item: Arc::new(ReentrantMutex::new(item)),
            thread: thread::current().id(),
            greenlets: Vec::new(),
        }
    }

    /// Whether the current greenlet is looking at the item.
    pub(super) fn is_used_here(&self) -> bool {
        self.thread == thread::current().id() && self.greenlets.contains(&getcurrent().id())
    }

    /// Lends the item to the current greenlet, too. `None` if another thread has it.
    pub(super) fn lend(&mut self) -> Option<Borrowed<T>> {
        if self.thread != thread::current().id() {
            return None;
        }
        let greenlet = getcurrent().id();
        self.greenlets.push(greenlet);
        Some(Borrowed {
            item: self.item.clone(),
            greenlet,
        })
    }
}

/// The item in the hands of one greenlet.
#[must_use]
pub(super) struct Borrowed<T> {
    item: Arc<ReentrantMutex<T>>,
    greenlet: u64,
}

impl<T: Send + 'static> Borrowed<T> {
    /// Calls `look` with the item, and gives the item back.
    pub(super) fn look<R>(self, queue: &Queue<T>, look: impl FnOnce(&T) -> R) -> R {
        let returned = Return {
            borrowed: Some(self),
            queue,
        };
        let borrowed = returned.borrowed.as_ref().expect("it is here");
        // The lock is free or held by this thread, as only greenlets of this thread have the item.
        let locked = borrowed.item.lock();
        let looked = look(&locked);
        drop(locked);
        drop(returned);
        looked
    }
}

/// A guard that gives the item back when it is dropped, also after a panic, or if the greenlet is unwound. The last
/// greenlet that looks puts the item back into the queue.
struct Return<'a, T: Send + 'static> {
    borrowed: Option<Borrowed<T>>,
    queue: &'a Queue<T>,
}

impl<T: Send + 'static> Drop for Return<'_, T> {
    fn drop(&mut self) {
        let Some(Borrowed { item, greenlet }) = self.borrowed.take() else {
            return;
        };
        let mut state = self.queue.0.lock();
        let Some(lent) = state.lent.as_mut().filter(|l| Arc::ptr_eq(&l.item, &item)) else {
            // The queue was emptied meanwhile. The last greenlet that looks drops the item.
            drop(state);
            return drop(item);
        };
        if let Some(index) = lent.greenlets.iter().rposition(|other| *other == greenlet) {
            lent.greenlets.swap_remove(index);
        }
        if !lent.greenlets.is_empty() {
            return;
        }
        drop(item);
        let lent = state.lent.take();
        if let Some(item) = lent.and_then(|lent| Arc::into_inner(lent.item)) {
            state.items.push_front(item.into_inner());
        }
        let told = state.lent_line.grant_all();
        drop(state);
        told.wake();
    }
}
