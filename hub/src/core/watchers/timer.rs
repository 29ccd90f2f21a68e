//! [`Timer`]: a watcher for the time that passes. Source: gevent's `timer`; ev.pod, `ev_timer`.

use libev_sys as ev;
use libev_sys::ev_timer;

use crate::core::Events;
use crate::core::callbacks::outcome::CallbackResult;
use crate::core::error::{Error, IllegalTime};
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::Kind;
use crate::core::watchers::handler::Handler;
use crate::core::watchers::watcher::{plain_start_stop, watcher_type};
use crate::seconds::{Seconds, or_never};

pub(in crate::core) struct TimerKind;

// SAFETY: ev_timer begins with EV_WATCHER and is plain data.
unsafe impl Kind for TimerKind {
    type Raw = ev_timer;
    const NAME: &'static str = "timer";

    plain_start_stop!(ev_timer_start, ev_timer_stop);

    /// Updates the loop's clock while queued callbacks run: it may be far behind then.
    fn before_start(&self, loop_: &Loop) -> Result<(), Error> {
        if loop_.starting_timer_may_update_loop_time() {
            loop_.update_now()?;
        }
        Ok(())
    }
}

watcher_type! {
    /// Calls back after a time, once or repeatedly. Made by [`Loop::timer`].
    ///
    /// The time counts from the loop's clock ([`Loop::now`]), which stands still while callbacks run. A start
    /// in a queued callback ([`Loop::run_callback`]) updates the clock first.
    ///
    /// libev keeps the rest of the time over [`stop`](crate::core::Watcher::stop) and a new start: a timer that was
    /// stopped half-way fires after the other half, and one that has fired fires at once. Call [`set`](Timer::set)
    /// before the start to begin with the whole time.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use hub::core::Loop;
    ///
    /// let loop_ = Loop::new("", false)?;
    /// let ticks = Rc::new(Cell::new(0));
    /// let timer = loop_.timer_repeat(0.001, 0.001)?;
    /// timer.start({
    ///     let (timer, ticks) = (timer.clone(), ticks.clone());
    ///     move || {
    ///         ticks.set(ticks.get() + 1);
    ///         if ticks.get() == 3 {
    ///             timer.stop().unwrap();
    ///         }
    ///     }
    /// })?;
    /// loop_.run()?;
    /// assert_eq!(ticks.get(), 3);
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    Timer(TimerKind)
}

impl Loop {
    /// A timer that fires once, after `after` seconds: at once if that is negative, never if it is `None` or infinity.
    ///
    /// # Errors
    /// [`IllegalTime`] if `after` is NaN. Fails also if the loop is destroyed.
    pub fn timer(&self, after: impl Seconds) -> Result<Timer, Error> {
        self.timer_repeat(after, 0)
    }

    /// A timer that fires after `after` seconds, as one of [`timer`](Loop::timer) does, and then, unless `repeat` is 0,
    /// every `repeat` seconds: gevent's `timer(after, repeat)`.
    ///
    /// # Errors
    /// [`IllegalTime`] if `repeat` is negative, or either is NaN. Fails also if the loop is destroyed.
    pub fn timer_repeat(&self, after: impl Seconds, repeat: impl Seconds) -> Result<Timer, Error> {
        let (after, repeat) = check(or_never(after), or_never(repeat))?;
        Timer::make(self, TimerKind, |_, raw, callback| {
            // SAFETY: `raw` is the new body's own.
            unsafe { ev::ev_shim_timer_init(raw, Some(callback), after, repeat) }
        })
    }
}

impl Timer {
    /// Like [`start`](crate::core::Watcher::start), but `update` says whether to update the loop's clock first:
    /// gevent's `start(.., update=..)`.
    ///
    /// # Errors
    /// The same as those of `start`.
    pub fn start_update<F, R>(&self, update: bool, callback: F) -> Result<(), Error>
    where
        F: Fn() -> R + 'static,
        R: CallbackResult,
    {
        self.start_handler_update(update, Handler::plain(callback))
    }

    /// Like [`start_update`](Self::start_update), but the callback gets the events.
    ///
    /// # Errors
    /// The same as those of `start`.
    pub fn start_update_pass_events<F, R>(&self, update: bool, callback: F) -> Result<(), Error>
    where
        F: Fn(Events) -> R + 'static,
        R: CallbackResult,
    {
        self.start_handler_update(update, Handler::with_events(callback))
    }

    fn start_handler_update(&self, update: bool, handler: Handler) -> Result<(), Error> {
        if update {
            self.loop_().update_now()?;
        }
        self.start_prepared(handler)
    }

    /// Begins anew with the repeat time: the timer, active or not, fires `repeat` seconds from now. Updates the loop's
    /// clock first.
    ///
    /// If `repeat` is 0, the timer will not fire: it is [stopped](crate::core::Watcher::stop) if it is active, and
    /// `callback` is dropped. (gevent keeps the callback, the watcher itself and, with `ref=False`, a reference that it
    /// took from the loop, until somebody stops the timer that is not active.)
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn again<F, R>(&self, callback: F) -> Result<(), Error>
    where
        F: Fn() -> R + 'static,
        R: CallbackResult,
    {
        self.again_update(true, callback)
    }

    /// Like [`again`](Self::again), but `update` says whether to update the loop's clock first: gevent's
    /// `again(.., update=..)`.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn again_update<F, R>(&self, update: bool, callback: F) -> Result<(), Error>
    where
        F: Fn() -> R + 'static,
        R: CallbackResult,
    {
        self.again_handler(update, Handler::plain(callback))
    }

    /// Like [`again`](Self::again), but the callback gets the events.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn again_pass_events<F, R>(&self, callback: F) -> Result<(), Error>
    where
        F: Fn(Events) -> R + 'static,
        R: CallbackResult,
    {
        self.again_update_pass_events(true, callback)
    }

    /// Like [`again_update`](Self::again_update), but the callback gets the events.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn again_update_pass_events<F, R>(&self, update: bool, callback: F) -> Result<(), Error>
    where
        F: Fn(Events) -> R + 'static,
        R: CallbackResult,
    {
        self.again_handler(update, Handler::with_events(callback))
    }

    fn again_handler(&self, update: bool, handler: Handler) -> Result<(), Error> {
        // A timer that is stopped keeps the time that it has left by this clock.
        if update {
            self.loop_().update_now()?;
        }
        if self.repeat() == 0.0 {
            return self.stop();
        }
        self.start_with(handler, |raw_loop| {
            // SAFETY: `start_with` passes the living loop that the body belongs to, and keeps the body.
            unsafe { ev::ev_timer_again(raw_loop, self.raw()) };
            Ok(())
        })
    }

    /// Sets both times anew; counting begins with the next start.
    ///
    /// # Errors
    /// [`WatcherInUse`](crate::core::WatcherInUse) if the watcher is active or pending; [`IllegalTime`] as for
    /// [`Loop::timer`].
    pub fn set(&self, after: impl Seconds, repeat: impl Seconds) -> Result<(), Error> {
        self.check_idle("after")?;
        let (after, repeat) = check(or_never(after), or_never(repeat))?;
        // SAFETY: the body's own watcher, which libev does not know at the moment.
        unsafe { ev::ev_shim_timer_set(self.raw(), after, repeat) };
        Ok(())
    }

    /// Sets the repeat time. Allowed at any time: an active timer uses it from its next expiry on (or from
    /// [`again`](Self::again)).
    ///
    /// # Errors
    /// Fails if `repeat` is negative or NaN.
    pub fn set_repeat(&self, repeat: impl Seconds) -> Result<(), Error> {
        let (_, repeat) = check(0.0, or_never(repeat))?;
        // SAFETY: the body's own watcher; libev documents the field as writable.
        unsafe { (*self.raw()).repeat = repeat };
        Ok(())
    }

    /// The repeat time in seconds; 0 if the timer fires once.
    pub fn repeat(&self) -> f64 {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        unsafe { (*self.raw()).repeat }
    }

    /// libev's `at`: for an active timer, the time of the loop's monotonic clock at which it fires; for any other, the
    /// seconds that a start would count down.
    pub fn at(&self) -> f64 {
        // SAFETY: as in `repeat`.
        unsafe { (*self.raw()).at }
    }

    /// The seconds until the timer fires, or, if it is not active, the seconds that a start would count down.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn remaining(&self) -> Result<f64, Error> {
        let raw_loop = self.loop_().look()?;
        // SAFETY: the loop is alive, and the watcher is the body's own.
        Ok(unsafe { ev::ev_timer_remaining(raw_loop, self.raw()) })
    }
}

/// Returns both times, with minus infinity made finite in `after`. With an infinite `repeat` added, minus infinity
/// would become NaN, which libev's heap of timers cannot order.
fn check(after: f64, repeat: f64) -> Result<(f64, f64), IllegalTime> {
    if after.is_nan() {
        return Err(IllegalTime {
            what: "after",
            value: after,
        });
    }
    // Not the same as `repeat < 0.0`, which lets NaN through.
    if repeat >= 0.0 {
        Ok((after.max(f64::MIN), repeat))
    } else {
        Err(IllegalTime {
            what: "repeat",
            value: repeat,
        })
    }
}
