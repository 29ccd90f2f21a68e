//! A loop as other threads see it: an inbox for callbacks, and the leave to call `ev_async_send`.
//!
//! One mutex guards both. It is held while `ev_async_send` runs (a flag and at most one `write` to a descriptor)
//! and never while foreign code does. The loop's thread closes the link before it stops the async watchers or
//! destroys the loop; from then on other threads get an error and touch nothing.
//!
//! No thread has it locked when another one forks: see [`ForkMutex`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use std::collections::VecDeque;
use std::ptr;

use libev_sys as ev;
use libev_sys::{ev_async, ev_loop};

use crate::core::callbacks::callback::RemoteTask;
use crate::core::error::LoopDestroyed;
use crate::core::event_loop::forking::ForkMutex;

pub(in crate::core) type Inbox = VecDeque<Arc<RemoteTask>>;

pub(in crate::core) struct Mailbox {
    shared: ForkMutex<MailboxParts>,
    has_mail: AtomicBool,
}

struct MailboxParts {
    /// Null when the loop cannot be reached: not yet, or no longer.
    loop_: *mut ev_loop,
    wakeup: *mut ev_async,
    inbox: Inbox,
}

// SAFETY: other threads use the pointers for nothing but `ev_async_send`, which libev allows from any thread while
// the loop and the watcher live; `open` and `close` see to that under the mutex.
unsafe impl Send for MailboxParts {}

impl Mailbox {
    pub(in crate::core) fn new() -> Mailbox {
        let shared = MailboxParts {
            loop_: ptr::null_mut(),
            wakeup: ptr::null_mut(),
            inbox: Inbox::new(),
        };
        Mailbox {
            shared: ForkMutex::new(shared),
            has_mail: AtomicBool::new(false),
        }
    }

    /// From now on other threads reach `loop_`, through `wakeup`, which is started on it.
    pub(in crate::core) fn open(&self, loop_: *mut ev_loop, wakeup: *mut ev_async) {
        let mut shared = self.shared.lock();
        shared.loop_ = loop_;
        shared.wakeup = wakeup;
    }

    /// No other thread reaches the loop any more; returns what they had left there.
    pub(in crate::core) fn close(&self) -> Inbox {
        let mut shared = self.shared.lock();
        shared.loop_ = ptr::null_mut();
        shared.wakeup = ptr::null_mut();
        self.has_mail.store(false, Ordering::Relaxed);
        std::mem::take(&mut shared.inbox)
    }

    /// Whether [`take_mail`](Self::take_mail) would find something: one load, for the fast path.
    #[inline]
    pub(in crate::core) fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Acquire)
    }

    pub(in crate::core) fn take_mail(&self) -> Inbox {
        if !self.has_mail() {
            return Inbox::new();
        }
        let mut shared = self.shared.lock();
        self.has_mail.store(false, Ordering::Relaxed);
        std::mem::take(&mut shared.inbox)
    }

    /// Leaves a task for the loop and wakes it.
    pub(in crate::core) fn post(&self, task: Arc<RemoteTask>) -> Result<(), LoopDestroyed> {
        let mut shared = self.shared.lock();
        if shared.loop_.is_null() {
            drop(shared);
            return Err(LoopDestroyed);
        }
        shared.inbox.push_back(task);
        self.has_mail.store(true, Ordering::Release);
        // SAFETY: the loop and its wake-up watcher live while the link is open, and it is: we hold its mutex.
        unsafe { ev::ev_async_send(shared.loop_, shared.wakeup) };
        Ok(())
    }

    /// `ev_async_send` to another watcher of the same loop, unless `watcher` is null.
    pub(in crate::core) fn send(
        &self,
        watcher: &AtomicPtr<ev_async>,
    ) -> Result<bool, LoopDestroyed> {
        let shared = self.shared.lock();
        if shared.loop_.is_null() {
            return Err(LoopDestroyed);
        }
        let watcher = watcher.load(Ordering::Relaxed);
        if watcher.is_null() {
            return Ok(false);
        }
        // SAFETY: the loop lives while the link is open; the watcher while its pointer is there, because its
        // owner clears it under this mutex (`set_watcher`) before it goes.
        unsafe { ev::ev_async_send(shared.loop_, watcher) };
        Ok(true)
    }

    /// Changes the watcher that [`send`](Self::send) reaches, when nobody is sending to it.
    pub(in crate::core) fn set_watcher(&self, watcher: &AtomicPtr<ev_async>, to: *mut ev_async) {
        let _shared = self.shared.lock();
        watcher.store(to, Ordering::Relaxed);
    }
}
