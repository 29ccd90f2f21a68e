//! [`Mailbox`]: the part of a loop that other threads use: an inbox for callbacks, and the pointers for
//! `ev_async_send`.
//!
//! One mutex guards both. It is held while `ev_async_send` runs (a flag and at most one `write` to a descriptor)
//! and never while user code runs. The loop's thread closes the mailbox before it stops the async watchers or
//! destroys the loop; from then on other threads get an error and touch nothing.
//!
//! No thread has the mutex locked when another one forks: see [`ForkMutex`]. In the child, the mailboxes of threads
//! that stayed in the parent are closed: nobody would look into them, and their descriptors are the parent's, too.

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use std::collections::VecDeque;
use std::ptr;

use libev_sys as ev;
use libev_sys::{ev_async, ev_loop};

use crate::core::callbacks::callback::Mail;
use crate::core::error::LoopDestroyed;
use crate::core::event_loop::facts::Facts;
use crate::core::event_loop::forking::{ForkMutex, ThreadToken};

pub(in crate::core) type Inbox = VecDeque<Mail>;

pub(in crate::core) struct Mailbox {
    /// The loop's thread.
    thread: ThreadToken,
    pub(in crate::core) facts: Facts,
    /// Another thread wants the loop destroyed.
    unwanted: AtomicBool,
    shared: ForkMutex<MailboxParts>,
    has_mail: AtomicBool,
}

struct MailboxParts {
    /// Null while the mailbox is closed: before `open` and after `close`.
    loop_: *mut ev_loop,
    wakeup: *mut ev_async,
    inbox: Inbox,
}

// SAFETY: other threads use the pointers for nothing but `ev_async_send`, which libev allows from any thread while
// the loop and the watcher live. The pointers are only there between `open` and `close`, when both live; the mutex
// guards them.
unsafe impl Send for MailboxParts {}

impl Mailbox {
    pub(in crate::core) fn new() -> Mailbox {
        let shared = MailboxParts {
            loop_: ptr::null_mut(),
            wakeup: ptr::null_mut(),
            inbox: Inbox::new(),
        };
        Mailbox {
            thread: ThreadToken::here(),
            facts: Facts::default(),
            unwanted: AtomicBool::new(false),
            shared: ForkMutex::new(shared),
            has_mail: AtomicBool::new(false),
        }
    }

    /// Lets other threads reach `loop_`, through `wakeup`, which is started on it.
    pub(in crate::core) fn open(&self, loop_: *mut ev_loop, wakeup: *mut ev_async) {
        let mut shared = self.shared.lock();
        shared.loop_ = loop_;
        shared.wakeup = wakeup;
    }

    /// Cuts other threads off from the loop. Returns the callbacks that they had left.
    pub(in crate::core) fn close(&self) -> Inbox {
        let mut shared = self.shared.lock();
        shared.loop_ = ptr::null_mut();
        shared.wakeup = ptr::null_mut();
        self.has_mail.store(false, Ordering::Relaxed);
        std::mem::take(&mut shared.inbox)
    }

    /// Has the loop's thread destroy the loop, soon. Does nothing to one that is destroyed.
    pub(in crate::core) fn destroy(&self) {
        let shared = self.shared.lock();
        if !self.is_closed(&shared) {
            self.unwanted.store(true, Ordering::Relaxed);
            // SAFETY: as in `post`.
            unsafe { ev::ev_async_send(shared.loop_, shared.wakeup) };
        }
    }

    /// Whether the loop's thread is to destroy the loop.
    pub(in crate::core) fn is_unwanted(&self) -> bool {
        self.unwanted.load(Ordering::Relaxed)
    }

    /// Whether the loop is destroyed, or its thread stayed in the parent of a fork.
    pub(in crate::core) fn is_dead(&self) -> bool {
        !self.facts.is_alive() || self.thread.stayed_in_parent()
    }

    /// Whether the calling thread is the loop's.
    #[inline]
    pub(in crate::core) fn is_here(&self) -> bool {
        self.thread == ThreadToken::here()
    }

    fn is_closed(&self, shared: &MailboxParts) -> bool {
        shared.loop_.is_null() || self.thread.stayed_in_parent()
    }

    /// Whether [`take_mail`](Self::take_mail) would find something. It is a single load, for the fast path.
    #[inline]
    pub(in crate::core) fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Acquire)
    }

    /// Exchanges the inbox for `mail`, which is empty: so neither of the two is allocated anew.
    pub(in crate::core) fn take_mail(&self, mail: &mut Inbox) {
        if !self.has_mail() {
            return;
        }
        let mut shared = self.shared.lock();
        self.has_mail.store(false, Ordering::Relaxed);
        std::mem::swap(&mut shared.inbox, mail);
    }

    /// Leaves something for the loop and wakes it.
    pub(in crate::core) fn post(&self, mail: Mail) -> Result<(), LoopDestroyed> {
        let mut shared = self.shared.lock();
        if self.is_closed(&shared) {
            drop(shared);
            return Err(LoopDestroyed);
        }
        shared.inbox.push_back(mail);
        self.has_mail.store(true, Ordering::Release);
        // SAFETY: the loop and its wake-up watcher live while the mailbox is open. It is, and stays so while we hold
        // its mutex.
        unsafe { ev::ev_async_send(shared.loop_, shared.wakeup) };
        Ok(())
    }

    /// Calls `ev_async_send` for another watcher of the same loop. Returns false if `watcher` is null.
    pub(in crate::core) fn send(&self, watcher: &AtomicPtr<ev_async>) -> Result<bool, LoopDestroyed> {
        let shared = self.shared.lock();
        if self.is_closed(&shared) {
            return Err(LoopDestroyed);
        }
        let watcher = watcher.load(Ordering::Relaxed);
        if watcher.is_null() {
            return Ok(false);
        }
        // SAFETY: the loop lives while the mailbox is open. The watcher lives while its pointer is there, because its
        // owner clears the pointer under this mutex (`set_watcher`) before the watcher is freed.
        unsafe { ev::ev_async_send(shared.loop_, watcher) };
        Ok(true)
    }

    /// Changes the watcher that [`send`](Self::send) reaches, while no thread is sending.
    pub(in crate::core) fn set_watcher(&self, watcher: &AtomicPtr<ev_async>, to: *mut ev_async) {
        let _shared = self.shared.lock();
        watcher.store(to, Ordering::Relaxed);
    }
}
