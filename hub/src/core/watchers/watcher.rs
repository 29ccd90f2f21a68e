//! [`Watcher`]: the part that all watchers have in common. Source: gevent's `watcher` class in corecext.pyx.

use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};

use greenlet_core::RawGreenlet;
use libev_sys as ev;
use waiter::Resume;

use crate::core::Events;
use crate::core::callbacks::outcome::CallbackResult;
use crate::core::callbacks::start::Start;
use crate::core::error::{Error, WatcherInUse};
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body_ref::BodyRef;
use crate::core::watchers::handler::Handler;

/// Any watcher: the base class of [`Io`](crate::core::Io), [`Timer`](crate::core::Timer) and the others, which
/// dereference to it.
///
/// This is a handle: clones are the same watcher, and equal. A started watcher keeps itself alive; dropping all its
/// handles does not stop it.
///
/// # Starting and stopping
///
/// `start` makes the loop call the callback when the event happens; starting again only replaces the callback.
/// `stop` ends that, also for an event that has happened but was not delivered yet. A watcher that is over by
/// itself (a timer that does not repeat) is stopped, and its callback dropped, after the callback has returned.
///
/// A callback may do anything: start, stop and drop watchers, its own too, switch greenlets, run the loop or
/// destroy it. Its error or panic goes to [`Loop::handle_error`] with the watcher as context.
///
/// # Keeping the loop running
///
/// A loop runs as long as watchers are active. [`set_ref(false)`](Self::set_ref) takes a watcher out of that
/// count.
///
/// # Priorities
///
/// A priority is a number from -2 to 2; 0 is the default. Of the events of one iteration, those of higher priority are
/// delivered first. A value beyond that range is kept until the watcher starts, and then brought into range.
#[derive(Clone)]
pub struct Watcher {
    body: BodyRef,
    loop_: Loop,
}

impl Watcher {
    pub(in crate::core) fn new(loop_: &Loop, body: BodyRef) -> Watcher {
        Watcher {
            body,
            loop_: loop_.clone(),
        }
    }

    /// gevent's name of the watcher's type: `"io"`, `"timer"`.
    pub fn type_name(&self) -> &'static str {
        self.body.table().name
    }

    /// A number that no other living watcher has: the address of libev's struct.
    pub fn address(&self) -> usize {
        self.body.raw().addr()
    }

    /// The watcher's loop.
    pub fn loop_(&self) -> &Loop {
        &self.loop_
    }

    /// Starts the watcher, or replaces the callback of one that is started. `callback` returns nothing or a
    /// `Result<(), Exception>`.
    ///
    /// # Errors
    /// Fails if the loop is destroyed. Some types of watcher have more errors, which their documentation names.
    #[inline]
    pub fn start<F, R>(&self, callback: F) -> Result<(), Error>
    where
        F: Fn() -> R + 'static,
        R: CallbackResult,
    {
        self.start_handler(Handler::plain(callback))
    }

    /// Like [`start`](Self::start), but the callback gets the events: gevent's `start(.., pass_events=True)`.
    ///
    /// # Errors
    /// The same as those of [`start`](Self::start).
    #[inline]
    pub fn start_pass_events<F, R>(&self, callback: F) -> Result<(), Error>
    where
        F: Fn(Events) -> R + 'static,
        R: CallbackResult,
    {
        self.start_handler(Handler::with_events(callback))
    }

    /// Like [`start`](Self::start), but wakes a greenlet instead of calling a function. Allocates nothing.
    ///
    /// # Errors
    /// The same as those of [`start`](Self::start).
    #[inline]
    pub fn start_resume(&self, resume: Resume) -> Result<(), Error> {
        self.start_handler(Handler::wake(resume))
    }

    /// Like [`start`](Self::start), but begins a greenlet instead of calling a function. If the watcher is stopped
    /// before, or its loop destroyed, or if there is no memory for the greenlet's stack by then, the greenlet
    /// [fails](RawGreenlet::fail).
    ///
    /// # Errors
    /// The same as those of [`start`](Self::start); the greenlet fails then, too.
    pub fn start_greenlet(&self, greenlet: RawGreenlet) -> Result<(), Error> {
        let start = Cell::new(Some(Start::new(greenlet)));
        self.start(move || start.take().map_or(Ok(()), |start| start.run()))
    }

    #[inline(always)]
    fn start_handler(&self, mut handler: Handler) -> Result<(), Error> {
        if let Some(raw_loop) = self.loop_.plain() {
            // SAFETY: `plain` says that the loop, which is the body's, is alive and runs no callbacks.
            match unsafe { self.body.start_if_plain(raw_loop, handler) } {
                Ok(()) => return Ok(()),
                Err(back) => handler = back,
            }
        }
        self.start_carefully(handler, false)
    }

    /// [`start_handler`](Self::start_handler) without the preparations of the watcher's type.
    pub(in crate::core) fn start_prepared(&self, handler: Handler) -> Result<(), Error> {
        self.start_carefully(handler, true)
    }

    /// The slow path of every start. It is not generic, so that it is compiled only once.
    #[inline(never)]
    fn start_carefully(&self, handler: Handler, prepared: bool) -> Result<(), Error> {
        self.start_with(handler, |raw_loop| {
            // SAFETY: `start_with` passes the living loop that the body belongs to, and keeps the body.
            unsafe { self.body.ev_start(&self.loop_, raw_loop, prepared) }
        })
    }

    /// Calls `start`, which tells libev of the watcher, and then sets the handler.
    pub(in crate::core) fn start_with(
        &self,
        handler: Handler,
        start: impl FnOnce(*mut ev::ev_loop) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let raw_loop = self.loop_.modify()?;
        start(raw_loop)?;
        self.body.keep();
        // SAFETY: `modify` says that the loop is alive.
        unsafe { self.body.take_ref(raw_loop) };
        self.body.handler.replace(handler);
        Ok(())
    }

    /// Stops the watcher and drops its callback. Does nothing to one that is not started.
    ///
    /// # Errors
    /// Fails if the loop is destroyed; that has stopped the watcher already.
    #[inline]
    pub fn stop(&self) -> Result<(), Error> {
        if let Some(raw_loop) = self.loop_.plain()
            // SAFETY: `plain` says that the loop, which is the body's, is alive.
            && unsafe { self.body.stop_if_plain(raw_loop) }
        {
            return Ok(());
        }
        self.stop_carefully()
    }

    #[inline(never)]
    fn stop_carefully(&self) -> Result<(), Error> {
        let raw_loop = self.loop_.modify()?;
        // SAFETY: `modify` says that the loop, which is the body's, is alive.
        unsafe { self.body.stop(raw_loop) };
        Ok(())
    }

    /// Like [`stop`](Self::stop), for a watcher that is not needed any more. It can be started again all the same.
    ///
    /// # Errors
    /// The same as those of [`stop`](Self::stop).
    pub fn close(&self) -> Result<(), Error> {
        self.body.closed();
        self.stop()
    }

    /// Delivers `events` to `callback` as if they had happened; the watcher need not be started.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn feed<F, R>(&self, events: Events, callback: F) -> Result<(), Error>
    where
        F: Fn() -> R + 'static,
        R: CallbackResult,
    {
        self.feed_handler(events, Handler::plain(callback))
    }

    /// Like [`feed`](Self::feed), but the callback gets the events.
    ///
    /// # Errors
    /// The same as those of [`feed`](Self::feed).
    pub fn feed_pass_events<F, R>(&self, events: Events, callback: F) -> Result<(), Error>
    where
        F: Fn(Events) -> R + 'static,
        R: CallbackResult,
    {
        self.feed_handler(events, Handler::with_events(callback))
    }

    fn feed_handler(&self, events: Events, handler: Handler) -> Result<(), Error> {
        self.start_with(handler, |raw_loop| {
            if !self.body.is_pending() {
                self.put_priority(self.body.feed_priority(self.priority()));
            }
            // SAFETY: the loop is alive, and `start_with` keeps the body.
            unsafe { ev::ev_feed_event(raw_loop, self.body.raw().cast(), events.bits()) };
            Ok(())
        })
    }

    /// Whether the watcher is started.
    pub fn active(&self) -> bool {
        self.body.is_active()
    }

    /// Whether an event has happened but was not delivered yet. (An [`Async`](crate::core::Async) watcher is pending
    /// from the moment of sending.)
    pub fn pending(&self) -> bool {
        self.body.shown_pending()
    }

    /// Whether the watcher, while active, keeps the loop running. True unless [`set_ref`](Self::set_ref) has set it to
    /// false.
    pub fn ref_(&self) -> bool {
        self.body.is_ref()
    }

    /// Sets [`ref_`](Self::ref_); for an active watcher it takes effect at once.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn set_ref(&self, ref_: bool) -> Result<(), Error> {
        let raw_loop = self.loop_.modify()?;
        // SAFETY: `modify` says that the loop is alive.
        unsafe { self.body.set_ref(raw_loop, ref_, self.active()) };
        Ok(())
    }

    /// The priority.
    pub fn priority(&self) -> i32 {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        unsafe { ev::ev_shim_priority(self.body.raw().cast()) }
    }

    /// Sets the priority.
    ///
    /// # Errors
    /// Fails if the watcher is active or pending.
    pub fn set_priority(&self, priority: i32) -> Result<(), Error> {
        self.check_idle("priority")?;
        self.put_priority(priority);
        Ok(())
    }

    fn put_priority(&self, priority: i32) {
        // SAFETY: as in `priority`. The callers make sure that the watcher is not pending, and that the priority of an
        // active idle watcher stays the same: libev relies on both.
        unsafe { ev::ev_shim_set_priority(self.body.raw().cast(), priority) };
    }

    /// Replaces the callback, whether the watcher is started or not: gevent's `watcher.callback = ..`.
    pub fn set_callback<F, R>(&self, callback: F)
    where
        F: Fn() -> R + 'static,
        R: CallbackResult,
    {
        self.body.handler.replace(Handler::plain(callback));
    }

    /// Like [`set_callback`](Self::set_callback), but the callback gets the events, as that of
    /// [`start_pass_events`](Self::start_pass_events) does.
    pub fn set_callback_pass_events<F, R>(&self, callback: F)
    where
        F: Fn(Events) -> R + 'static,
        R: CallbackResult,
    {
        self.body.handler.replace(Handler::with_events(callback));
    }

    /// Drops the callback, or the resume, and leaves the watcher as it is otherwise: gevent's
    /// `watcher.callback = None`. The events of a watcher that is started go nowhere then, until
    /// [`set_callback`](Self::set_callback) or a [`start`](Self::start) sets another one. (In gevent each of them is
    /// a `TypeError`, because `None` is called.) A callback that clears itself is dropped when its last call has
    /// returned.
    ///
    /// ```
    /// use hub::core::Loop;
    ///
    /// let loop_ = Loop::new("", false)?;
    /// let timer = loop_.timer(0.001)?;
    /// timer.start(|| panic!("never called") as ())?;
    /// timer.clear_callback();
    /// assert!(timer.active() && !timer.has_callback());
    /// loop_.run()?; // it fires, and is over
    /// assert!(!timer.active());
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    pub fn clear_callback(&self) {
        self.body.handler.clear();
    }

    /// Whether a callback is set. It is from the start (or feed) to the stop, unless
    /// [`clear_callback`](Self::clear_callback) takes it away.
    pub fn has_callback(&self) -> bool {
        self.body.handler.is_set()
    }

    /// The resume that [`start_resume`](Self::start_resume) has set, if any.
    pub fn resume(&self) -> Option<Resume> {
        self.body.handler.resume()
    }

    pub(in crate::core) fn body(&self) -> &BodyRef {
        &self.body
    }

    /// Returns an error if libev knows the watcher, so that it relies on the attribute.
    pub(in crate::core) fn check_idle(&self, attribute: &'static str) -> Result<(), WatcherInUse> {
        if self.body.is_known_to_libev() {
            Err(WatcherInUse {
                watcher: self.body.table().name,
                attribute,
            })
        } else {
            Ok(())
        }
    }
}

impl PartialEq for Watcher {
    fn eq(&self, other: &Watcher) -> bool {
        self.body == other.body
    }
}

impl Eq for Watcher {}

impl Hash for Watcher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl fmt::Debug for Watcher {
    /// gevent's repr: `<timer at 0x.. native=0x.. active pending callback=..>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.body, f)
    }
}

/// Declares the handle of one type of watcher.
macro_rules! watcher_type {
    ($(#[$doc:meta])* $name:ident($kind:ty)) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name($crate::core::watchers::watcher::Watcher);

        impl $name {
            /// Sets [`ref_`](crate::core::Watcher::ref_), which is a keyword argument of the constructor in gevent.
            ///
            /// # Errors
            /// Fails if the loop is destroyed.
            pub fn with_ref(self, ref_: bool) -> Result<Self, $crate::core::Error> {
                self.set_ref(ref_)?;
                Ok(self)
            }

            /// Sets the [`priority`](crate::core::Watcher::priority), which is a keyword argument of the constructor in
            /// gevent.
            ///
            /// # Errors
            /// Fails if the watcher is active or pending.
            pub fn with_priority(self, priority: i32) -> Result<Self, $crate::core::Error> {
                self.set_priority(priority)?;
                Ok(self)
            }

            /// Makes the handle of a new body; `init` is the shim's `ev_xxx_init`.
            #[allow(dead_code, reason = "not every type needs all of them")]
            fn make(
                loop_: &$crate::core::Loop,
                kind: $kind,
                init: impl FnOnce(
                    &$kind,
                    *mut <$kind as $crate::core::watchers::body::Kind>::Raw,
                    $crate::core::watchers::body::RawCallback<<$kind as $crate::core::watchers::body::Kind>::Raw>,
                ),
            ) -> Result<Self, $crate::core::Error> {
                loop_.look()?;
                let body = $crate::core::watchers::body::Body::make(loop_, kind, init);
                Ok($name($crate::core::watchers::watcher::Watcher::new(loop_, body)))
            }

            /// libev's struct. It lives as long as the handle.
            #[allow(dead_code, reason = "not every type needs all of them")]
            fn raw(&self) -> *mut <$kind as $crate::core::watchers::body::Kind>::Raw {
                self.0.body().raw().cast()
            }

            #[allow(dead_code, reason = "not every type needs all of them")]
            fn kind(&self) -> &$kind {
                let kind = self.0.body().kind::<$kind>();
                kind.expect("made by `make`, with this type")
            }
        }

        impl std::ops::Deref for $name {
            type Target = $crate::core::watchers::watcher::Watcher;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl From<$name> for $crate::core::watchers::watcher::Watcher {
            fn from(watcher: $name) -> Self {
                watcher.0
            }
        }

        impl AsRef<$crate::core::watchers::watcher::Watcher> for $name {
            fn as_ref(&self) -> &$crate::core::watchers::watcher::Watcher {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
pub(in crate::core) use watcher_type;

/// Implements `Kind`'s start and stop by libev's functions, for types whose start always succeeds.
macro_rules! plain_start_stop {
    ($start:ident, $stop:ident) => {
        const PLAIN: Option<[$crate::core::watchers::body::RawChange<Self::Raw>; 2]> =
            Some([libev_sys::$start, libev_sys::$stop]);

        unsafe fn start(&self, loop_: *mut libev_sys::ev_loop, raw: *mut Self::Raw) -> Result<(), $crate::core::Error> {
            // SAFETY: by the contract of this function and of the trait.
            unsafe { libev_sys::$start(loop_, raw) };
            Ok(())
        }

        unsafe fn stop(&self, loop_: *mut libev_sys::ev_loop, raw: *mut Self::Raw) {
            // SAFETY: by the contract of this function and of the trait.
            unsafe { libev_sys::$stop(loop_, raw) };
        }
    };
}
pub(in crate::core) use plain_start_stop;
