//! [`Async`]: a watcher that other threads can wake. Source: gevent's `async_`; ev.pod, `ev_async`.

use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use libev_sys as ev;
use libev_sys::{ev_async, ev_loop};

use crate::core::callbacks::mailbox::Mailbox;
use crate::core::error::{Error, LoopDestroyed};
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::Kind;
use crate::core::watchers::watcher::watcher_type;

/// The part that senders share with the watcher.
struct SendTarget {
    mailbox: Arc<Mailbox>,
    /// Null when the watcher is closed or gone. Changed under the mailbox's mutex.
    watcher: AtomicPtr<ev_async>,
}

pub(in crate::core) struct AsyncKind {
    target: Arc<SendTarget>,
}

// SAFETY: ev_async begins with EV_WATCHER and is plain data.
unsafe impl Kind for AsyncKind {
    type Raw = ev_async;
    const NAME: &'static str = "async_";

    unsafe fn start(&self, loop_: *mut ev_loop, raw: *mut ev_async) -> Result<(), Error> {
        self.target.mailbox.set_watcher(&self.target.watcher, raw);
        // SAFETY: by the contract of this function and of the trait.
        unsafe { ev::ev_async_start(loop_, raw) };
        Ok(())
    }

    unsafe fn stop(&self, loop_: *mut ev_loop, raw: *mut ev_async) {
        // SAFETY: by the contract of this function and of the trait.
        unsafe { ev::ev_async_stop(loop_, raw) };
    }

    fn closed(&self) {
        self.target.mailbox.set_watcher(&self.target.watcher, ptr::null_mut());
    }

    fn pending(&self, raw: *mut ev_async) -> bool {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        unsafe { ev::ev_shim_async_pending(raw) != 0 }
    }
}

impl Drop for AsyncKind {
    /// Keeps senders from the watcher, which is about to be freed.
    fn drop(&mut self) {
        self.closed();
    }
}

watcher_type! {
    /// Calls back after any thread has [sent](AsyncSender::send) to it. Made by [`Loop::async_`].
    ///
    /// Several sends that come before the loop looks count as one; they carry no data. A send to a watcher that is not
    /// started is lost.
    ///
    /// ```
    /// use hub::core::Loop;
    ///
    /// let loop_ = Loop::new("", false)?;
    /// let async_ = loop_.async_()?;
    /// async_.start({
    ///     let async_ = async_.clone();
    ///     move || async_.stop().unwrap()
    /// })?;
    /// let sender = async_.sender();
    /// std::thread::spawn(move || sender.send().unwrap());
    /// loop_.run()?;
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    Async(AsyncKind)
}

impl Loop {
    /// A watcher that other threads can wake.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn async_(&self) -> Result<Async, Error> {
        let target = SendTarget {
            mailbox: self.state().mailbox.clone(),
            watcher: AtomicPtr::new(ptr::null_mut()),
        };
        let kind = AsyncKind {
            target: Arc::new(target),
        };
        Async::make(self, kind, |kind, raw, callback| {
            // SAFETY: `raw` is the new body's own.
            unsafe { ev::ev_shim_async_init(raw, Some(callback)) };
            kind.target.mailbox.set_watcher(&kind.target.watcher, raw);
        })
    }
}

impl Async {
    /// Makes the watcher fire, from the loop's own thread. Other threads use a [`sender`](Self::sender).
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn send(&self) -> Result<(), Error> {
        let raw_loop = self.loop_().modify()?;
        // SAFETY: the loop is alive, and the watcher is the body's own.
        unsafe { ev::ev_async_send(raw_loop, self.raw()) };
        Ok(())
    }

    /// A handle by which any thread can send. It does not keep the watcher alive.
    pub fn sender(&self) -> AsyncSender {
        AsyncSender(self.kind().target.clone())
    }
}

/// Wakes an [`Async`] watcher from any thread.
#[derive(Clone)]
pub struct AsyncSender(Arc<SendTarget>);

/// The watcher that an [`AsyncSender`] sends to was closed or dropped, or its loop destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the async watcher is closed")]
pub struct AsyncClosed;

impl AsyncSender {
    /// Makes the watcher fire.
    ///
    /// Takes a lock, so it is not to be called from a signal handler.
    ///
    /// # Errors
    /// Fails if the watcher is closed (and not started since) or dropped, or its loop destroyed.
    pub fn send(&self) -> Result<(), AsyncClosed> {
        match self.0.mailbox.send(&self.0.watcher) {
            Ok(true) => Ok(()),
            Ok(false) | Err(LoopDestroyed) => Err(AsyncClosed),
        }
    }
}

impl fmt::Debug for AsyncSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<sender of {:p}>", self.0.watcher.load(Ordering::Relaxed))
    }
}
