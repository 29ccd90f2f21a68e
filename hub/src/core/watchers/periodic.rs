//! [`Periodic`]: a time of day comes. Source: ev.pod, `ev_periodic`; gevent has no such watcher.

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
    /// Calls back at times of the real-time clock (seconds since the epoch): they move with it when it is set.
    /// Made by [`Loop::periodic`] and [`Loop::periodic_reschedule`].
    ///
    /// # Reschedule functions
    ///
    /// libev calls them in the midst of its work. They compute the next time from the one given and do nothing
    /// else: methods that would change a loop fail with [`Uninterruptible`](crate::core::Uninterruptible) meanwhile,
    /// and they must not switch greenlets. A time in the past counts as now; after something that is not a number, or a
    /// panic (which is reported), the watcher never fires again.
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
    /// Either is not finite; `interval` is negative; `offset` is beyond 10^12 with an interval; the loop is
    /// destroyed.
    pub fn periodic(&self, offset: f64, interval: f64) -> Result<Periodic, Error> {
        check(offset, interval)?;
        self.new_periodic(None, offset, interval)
    }

    /// A watcher that fires at times a function computes: the first after the one given to it (now, or the time
    /// at which it has just fired).
    ///
    /// libev is half-way through a change when it asks: until the function returns, it can change no loop
    /// ([`Uninterruptible`](crate::core::Uninterruptible)), nor switch to another greenlet
    /// ([`Pinned`](greenlet_core::GreenletError::Pinned)).
    ///
    /// # Errors
    /// The loop is destroyed.
    pub fn periodic_reschedule(
        &self,
        next: impl Fn(f64) -> f64 + 'static,
    ) -> Result<Periodic, Error> {
        self.new_periodic(Some(Rc::new(next)), 0.0, 0.0)
    }

    fn new_periodic(
        &self,
        next: Option<Rc<Reschedule>>,
        offset: f64,
        interval: f64,
    ) -> Result<Periodic, Error> {
        let callback_for_next = raw_reschedule(next.as_ref());
        let kind = PeriodicKind {
            reschedule: RefCell::new(next),
        };
        Periodic::make(self, kind, |_, raw, callback| {
            // SAFETY: `raw` is the new body's own.
            unsafe {
                ev::ev_shim_periodic_init(raw, Some(callback), offset, interval, callback_for_next)
            }
        })
    }
}

impl Periodic {
    /// Sets offset and interval, in the place of a reschedule function if there was one.
    ///
    /// # Errors
    /// The watcher is active or pending; as for [`Loop::periodic`].
    pub fn set(&self, offset: f64, interval: f64) -> Result<(), Error> {
        self.check_idle("offset")?;
        check(offset, interval)?;
        self.replace(None, offset, interval)
    }

    /// Sets a reschedule function, in the place of offset and interval.
    ///
    /// # Errors
    /// The watcher is active or pending.
    pub fn set_reschedule(&self, next: impl Fn(f64) -> f64 + 'static) -> Result<(), Error> {
        self.check_idle("reschedule")?;
        self.replace(Some(Rc::new(next)), 0.0, 0.0)
    }

    fn replace(
        &self,
        next: Option<Rc<Reschedule>>,
        offset: f64,
        interval: f64,
    ) -> Result<(), Error> {
        self.loop_().modify()?;
        // SAFETY: the body's own watcher, which libev does not know at the moment.
        unsafe {
            ev::ev_shim_periodic_set(self.raw(), offset, interval, raw_reschedule(next.as_ref()))
        };
        let old = self.kind().reschedule.replace(next);
        drop(old);
        Ok(())
    }

    /// The offset in seconds.
    pub fn offset(&self) -> f64 {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        unsafe { (*self.raw()).offset }
    }

    /// The interval in seconds; 0: once, or a reschedule function decides.
    pub fn interval(&self) -> f64 {
        // SAFETY: as in `offset`.
        unsafe { (*self.raw()).interval }
    }

    /// When it fires next; of an active watcher.
    pub fn at(&self) -> f64 {
        // SAFETY: as in `offset`.
        unsafe { (*self.raw()).at }
    }

    /// Computes the next time anew, as a stop and a start would.
    ///
    /// # Errors
    /// The loop is destroyed.
    pub fn again(&self) -> Result<(), Error> {
        let raw_loop = self.loop_().modify()?;
        if self.active() {
            // SAFETY: the loop is alive; the body is active, and so kept.
            unsafe { ev::ev_periodic_again(raw_loop, self.raw()) };
        }
        Ok(())
    }
}

/// An offset this far from now (30,000 years) is still exact to a fraction of a millisecond. libev steps from
/// where rounding has left it to now in steps of the interval, so a larger one could keep it busy for ever.
const MAX_OFFSET: f64 = 1e12;

fn check(offset: f64, interval: f64) -> Result<(), IllegalTime> {
    // Written so that NaN fits nowhere.
    if !(0.0..f64::INFINITY).contains(&interval) {
        return Err(IllegalTime {
            what: "interval",
            value: interval,
        });
    }
    let largest = if interval == 0.0 {
        f64::MAX
    } else {
        MAX_OFFSET
    };
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
/// Only for libev: `raw` is the watcher of one of our bodies, being started or active.
unsafe extern "C" fn reschedule(raw: *mut ev_periodic, now: f64) -> f64 {
    // SAFETY: whoever starts the watcher has the body in hand, and an active one is kept. The reference is given up
    // before `next` is called, while others keep the body.
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
                        // SAFETY: as above; nobody can have stopped or dropped the watcher meanwhile.
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
