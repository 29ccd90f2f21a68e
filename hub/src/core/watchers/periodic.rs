//! [`Periodic`]: a watcher for times of the real-time clock. Source: ev.pod, `ev_periodic`; gevent has no such watcher.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use greenlet_core::unwind::Caught;
use libev_sys as ev;
use libev_sys::ev_periodic;

use crate::core::error::{Error, IllegalTime};
use crate::core::event_loop::c_frames;
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::{Kind, body_of};
use crate::core::watchers::body_ref::BodyRef;
use crate::core::watchers::watcher::{plain_start_stop, watcher_type};
use crate::seconds::{Seconds, or_never};

type Reschedule = dyn Fn(f64) -> f64;

pub(in crate::core) struct PeriodicKind {
    reschedule: RefCell<Option<Rc<Reschedule>>>,
}

// SAFETY: ev_periodic begins with EV_WATCHER and is plain data.
unsafe impl Kind for PeriodicKind {
    type Raw = ev_periodic;
    const NAME: &'static str = "periodic";

    plain_start_stop!(ev_periodic_start, ev_periodic_stop);

    fn format(&self, raw: *mut ev_periodic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        let (offset, interval) = unsafe { ((*raw).offset, (*raw).interval) };
        write!(f, " offset={offset} interval={interval}")
    }
}

watcher_type! {
    /// Calls back at times of the real-time clock (seconds since the epoch), also if that clock is set meanwhile. Made
    /// by [`Loop::periodic`] and [`Loop::periodic_reschedule`].
    ///
    /// # Reschedule functions
    ///
    /// libev calls a reschedule function in the midst of its work. The function computes the next time from the one
    /// that it is given, and should do nothing else: methods that would change a loop fail with
    /// [`Uninterruptible`](crate::core::Uninterruptible) meanwhile, and greenlets cannot be switched. A time in the
    /// past counts as now; after NaN, or a panic (which is reported), the watcher never fires again.
    ///
    /// ```
    /// use hub::core::{Loop, time};
    ///
    /// let loop_ = Loop::new("", false)?;
    /// let once = loop_.periodic(time() + 0.01, 0.0)?;
    /// once.start(|| println!("now"))?;
    /// loop_.run()?;
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    Periodic(PeriodicKind)
}

impl Loop {
    /// A watcher that fires once at the time `offset` (`interval` 0), or at every time `offset + n * interval`.
    ///
    /// # Errors
    /// [`IllegalTime`] if either is not finite, if `interval` is negative, or if there is an interval and `offset` is
    /// beyond 10^12. Fails also if the loop is destroyed.
    pub fn periodic(&self, offset: impl Seconds, interval: impl Seconds) -> Result<Periodic, Error> {
        let (offset, interval) = (or_never(offset), or_never(interval));
        check(offset, interval)?;
        self.new_periodic(None, offset, interval)
    }

    /// A watcher that fires at times that the function `next` computes. `next` is given a time (now, or the time at
    /// which the watcher has just fired), and returns the first time after that at which the watcher is to fire.
    ///
    /// libev is half-way through a change when it calls `next`. Until `next` returns, it can change no loop
    /// ([`Uninterruptible`](crate::core::Uninterruptible)), nor switch to another greenlet
    /// ([`Pinned`](greenlet_core::GreenletError::Pinned)).
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn periodic_reschedule(&self, next: impl Fn(f64) -> f64 + 'static) -> Result<Periodic, Error> {
        self.new_periodic(Some(Rc::new(next)), 0.0, 0.0)
    }

    fn new_periodic(&self, next: Option<Rc<Reschedule>>, offset: f64, interval: f64) -> Result<Periodic, Error> {
        let callback_for_next = raw_reschedule(next.as_ref());
        let kind = PeriodicKind {
            reschedule: RefCell::new(next),
        };
        Periodic::make(self, kind, |_, raw, callback| {
            // SAFETY: `raw` is the new body's own.
            unsafe { ev::ev_shim_periodic_init(raw, Some(callback), offset, interval, callback_for_next) }
        })
    }
}

impl Periodic {
    /// Sets offset and interval, which replace the reschedule function if there was one.
    ///
    /// # Errors
    /// [`WatcherInUse`](crate::core::WatcherInUse) if the watcher is active or pending; otherwise the same as those of
    /// [`Loop::periodic`].
    pub fn set(&self, offset: impl Seconds, interval: impl Seconds) -> Result<(), Error> {
        let (offset, interval) = (or_never(offset), or_never(interval));
        self.check_idle("offset")?;
        check(offset, interval)?;
        self.replace(None, offset, interval)
    }

    /// Sets a reschedule function, which replaces offset and interval.
    ///
    /// # Errors
    /// Fails if the watcher is active or pending.
    pub fn set_reschedule(&self, next: impl Fn(f64) -> f64 + 'static) -> Result<(), Error> {
        self.check_idle("reschedule")?;
        self.replace(Some(Rc::new(next)), 0.0, 0.0)
    }

    fn replace(&self, next: Option<Rc<Reschedule>>, offset: f64, interval: f64) -> Result<(), Error> {
        self.loop_().modify()?;
        // SAFETY: the body's own watcher, which libev does not know at the moment.
        unsafe { ev::ev_shim_periodic_set(self.raw(), offset, interval, raw_reschedule(next.as_ref())) };
        let old = self.kind().reschedule.replace(next);
        drop(old);
        Ok(())
    }

    /// The offset in seconds.
    pub fn offset(&self) -> f64 {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        unsafe { (*self.raw()).offset }
    }

    /// The interval in seconds; 0 if the watcher fires once, or has a reschedule function.
    pub fn interval(&self) -> f64 {
        // SAFETY: as in `offset`.
        unsafe { (*self.raw()).interval }
    }

    /// The time at which the watcher fires next, if it is active.
    pub fn at(&self) -> f64 {
        // SAFETY: as in `offset`.
        unsafe { (*self.raw()).at }
    }

    /// Computes the next time anew, as a stop and a start would.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn again(&self) -> Result<(), Error> {
        let raw_loop = self.loop_().modify()?;
        if self.active() {
            // SAFETY: the loop is alive; the body is active, and so kept.
            unsafe { ev::ev_periodic_again(raw_loop, self.raw()) };
        }
        Ok(())
    }
}

/// The largest offset with an interval. An offset that far from now (30,000 years) is still exact to a fraction of a
/// millisecond. libev computes a time near now, which rounding may falsify, and goes on from there in steps of the
/// interval, so a larger offset could keep it busy for ever.
const MAX_OFFSET: f64 = 1e12;

fn check(offset: f64, interval: f64) -> Result<(), IllegalTime> {
    // NaN is in no range, so it is refused here and below.
    if !(0.0..f64::INFINITY).contains(&interval) {
        return Err(IllegalTime {
            what: "interval",
            value: interval,
        });
    }
    let largest = if interval == 0.0 { f64::MAX } else { MAX_OFFSET };
    if offset.abs() <= largest {
        Ok(())
    } else {
        Err(IllegalTime {
            what: "offset",
            value: offset,
        })
    }
}

type RawReschedule = unsafe extern "C" fn(*mut ev_periodic, f64) -> f64;

fn raw_reschedule(next: Option<&Rc<Reschedule>>) -> Option<RawReschedule> {
    next.map(|_| reschedule as RawReschedule)
}

/// The reschedule function of all bodies that have one.
///
/// # Safety
/// Only libev calls this: `raw` is the watcher of one of our bodies, and is being started or active.
unsafe extern "C" fn reschedule(raw: *mut ev_periodic, now: f64) -> f64 {
    // SAFETY: the code that starts the watcher holds a reference to the body, and an active body is kept. This
    // reference is dropped before `next` is called; the other one still keeps the body then.
    let body = unsafe { BodyRef::new(body_of(raw.cast())) };
    let owner = body.owner.clone();
    let next = body
        .kind::<PeriodicKind>()
        .and_then(|kind| kind.reschedule.borrow().clone());
    drop(body);
    let result = c_frames::uninterruptible(move || next.map_or(f64::INFINITY, |next| next(now)));
    match result {
        Ok(at) if at.is_nan() => f64::INFINITY,
        Ok(at) => at.max(now),
        Err(caught) => {
            if let Some(loop_) = owner.upgrade().map(Loop::from_state) {
                match caught {
                    Caught::Panic(panic) => {
                        // SAFETY: as above; `next` could neither stop nor free the watcher.
                        let body = unsafe { BodyRef::new(body_of(raw.cast())) };
                        loop_.report_later(Some(body), panic);
                    }
                    forced => c_frames::absorb(&loop_, forced),
                }
            }
            f64::INFINITY
        }
    }
}
