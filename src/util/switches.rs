//! [`assert_switches`]: some code lets other greenlets run. Source: `assert_switches` in gevent's `util.py`, and its
//! `_tracer.py`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use greenlet_core::{Exception, RawGreenlet, ThreadSlot, Tracer, getcurrent, gettrace, settrace};
use hub::{Hub, Seconds, get_hub};

use super::backtrace::Symbols;
use super::run_info::format_run_info;

/// Some code has not let other greenlets run, or not often enough.
///
/// Source: gevent's `_FailedToSwitch`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("To {to} in {seconds:.4} seconds{}\n{report}", limit(*max_blocking_time))]
#[non_exhaustive]
pub struct FailedToSwitch {
    /// What was not switched to: `"the hub"` or `"any greenlet"`.
    pub to: &'static str,
    /// The number of seconds that the code has taken in all.
    pub seconds: f64,
    /// See [`AssertSwitches::max_blocking_time`].
    pub max_blocking_time: Option<f64>,
    /// The greenlet that has kept the others waiting, and what all of them do.
    pub report: String,
}

fn limit(max_blocking_time: Option<f64>) -> String {
    max_blocking_time.map_or(String::new(), |max| format!(" (max allowed {max:.4} seconds)"))
}

/// Calls `function`, and fails if the thread has run nothing else meanwhile: for tests of code that is to wait for
/// something. [`AssertSwitches`] has limits of time.
///
/// ```
/// use gevent::util::{FailedToSwitch, assert_switches};
///
/// assert_switches(|| gevent::sleep(0))?;
/// let failed = assert_switches(|| Ok(2 + 2)).unwrap_err();
/// assert!(failed.is::<FailedToSwitch>());
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `with assert_switches()`.
///
/// # Errors
/// [`FailedToSwitch`], or the function's own error, whatever was switched to.
pub fn assert_switches<T>(function: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
    AssertSwitches::new().with(function)
}

/// [`assert_switches`] with limits.
///
/// ```
/// use gevent::util::AssertSwitches;
///
/// // No greenlet keeps the others waiting for a minute. This holds without any switch, too.
/// let minute = AssertSwitches::new().max_blocking_time(60);
/// assert_eq!(minute.with(|| Ok(2 + 2))?, 4);
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AssertSwitches {
    max_blocking_time: Option<f64>,
    hub_only: bool,
}

impl AssertSwitches {
    /// Without limits: there has to be a switch at some time.
    pub fn new() -> Self {
        AssertSwitches::default()
    }

    /// For so many seconds, greenlets may run without a switch; `None`, and 0, for no such limit. Time in the hub does
    /// not count.
    #[must_use]
    pub fn max_blocking_time(mut self, seconds: impl Seconds) -> Self {
        self.max_blocking_time = seconds.seconds().filter(|seconds| *seconds != 0.0);
        self
    }

    /// With a [`max_blocking_time`](Self::max_blocking_time), only switches into the hub count: there has to be one,
    /// and at the end, the last one is no longer ago than that. Without it, this has no effect.
    #[must_use]
    pub fn hub_only(mut self) -> Self {
        self.hub_only = true;
        self
    }

    /// Calls `function` under these rules.
    ///
    /// # Errors
    /// [`FailedToSwitch`], or the function's own error, whatever was switched to.
    pub fn with<T>(&self, function: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
        let watch = Watch::begin();
        let done = function()?;
        let seen = watch.end();
        if self.allows(&seen) {
            return Ok(done);
        }
        Err(Exception::new(self.failure(&seen)))
    }

    fn allows(&self, seen: &Seen) -> bool {
        match self.max_blocking_time {
            None => seen.switched || seen.began_in_hub,
            Some(max) if self.hub_only => seen.since_hub.is_some_and(|time| time.as_secs_f64() <= max),
            Some(max) => seen.longest.as_secs_f64() <= max,
        }
    }

    fn failure(&self, seen: &Seen) -> FailedToSwitch {
        let current = getcurrent();
        let shown = crate::AnyGreenlet::of(&current).map_or_else(|| format!("{current:?}"), |own| format!("{own:?}"));
        let mut report = vec!["=".repeat(80), format!("Greenlet {shown} appears to be blocked")];
        report.push("Blocked Stack:".to_owned());
        report.extend(Symbols::default().lines(&super::Backtrace::of(&current), usize::MAX));
        report.push("Info:".to_owned());
        report.extend(format_run_info());
        FailedToSwitch {
            to: if self.hub_only { "the hub" } else { "any greenlet" },
            seconds: seen.all.as_secs_f64(),
            max_blocking_time: self.max_blocking_time,
            report: report.join("\n"),
        }
    }
}

/// What happened while a function ran.
struct Seen {
    all: Duration,
    switched: bool,
    began_in_hub: bool,
    /// The longest time between two switches without the time in the hub.
    longest: Duration,
    /// The time since the last switch into the hub, if there was one.
    since_hub: Option<Duration>,
}

/// What the tracer notes for one function.
struct Notes {
    hub: Hub,
    switched: Cell<bool>,
    in_hub: Cell<bool>,
    last_switch: Cell<Instant>,
    longest: Cell<Duration>,
    last_hub: Cell<Option<Instant>>,
}

impl Notes {
    fn begin(hub: Hub, now: Instant, in_hub: bool) -> Notes {
        Notes {
            hub,
            switched: Cell::new(false),
            in_hub: Cell::new(in_hub),
            last_switch: Cell::new(now),
            longest: Cell::default(),
            last_hub: Cell::default(),
        }
    }

    fn switched(&self, target: &RawGreenlet) {
        let (now, to_hub) = (Instant::now(), target == self.hub.greenlet());
        self.switched.set(true);
        self.next(now, to_hub);
        if to_hub {
            self.last_hub.set(Some(now));
        }
    }

    /// Ends the time of the greenlet that has run until now.
    fn next(&self, now: Instant, to_hub: bool) {
        if !self.in_hub.replace(to_hub) {
            let ran = now.duration_since(self.last_switch.get());
            self.longest.set(self.longest.get().max(ran));
        }
        self.last_switch.set(now);
    }
}

/// All functions of this thread that are watched. They may end in any order.
#[derive(Default)]
struct Watched {
    all: Vec<Rc<Notes>>,
    /// Our tracers. There are several only if the program has set its own in between. The last one notes the switches,
    /// for all functions; the others only pass on what they are told.
    tracers: Vec<OurTracer>,
    /// The number of the latest tracer.
    number: u64,
}

/// A tracer that is set for functions that are watched.
struct OurTracer {
    number: u64,
    tracer: Rc<Tracer>,
    /// The tracer that was set before.
    earlier: Option<Rc<Tracer>>,
    /// How many functions have begun to be watched while this was the last one, and have not ended.
    functions: usize,
}

thread_local! {
    static WATCHED: ThreadSlot<Watched> = const {
        let none = Watched { all: Vec::new(), tracers: Vec::new(), number: 0 };
        ThreadSlot::new(none, || WATCHED.with(ThreadSlot::clear))
    };
}

/// Calls `f` with what is watched; returns `None` as the thread ends.
fn with_watched<R>(f: impl FnOnce(&mut Watched) -> R) -> Option<R> {
    WATCHED.with(|slot| slot.with(|watched| f(&mut watched.borrow_mut())))
}

/// Makes the tracer of a number. It tells the one that was set before it of each switch, too.
fn tracer(number: u64, earlier: Option<Rc<Tracer>>) -> Rc<Tracer> {
    Tracer::new(move |event, origin, target| {
        with_watched(|watched| {
            if watched.tracers.last().is_some_and(|last| last.number == number) {
                watched.all.iter().for_each(|notes| notes.switched(target));
            }
        });
        earlier
            .as_ref()
            .map_or(Ok(()), |earlier| earlier.call(event, origin, target))
    })
}

/// Whether this is the tracer that is set.
fn is_set(tracer: &Rc<Tracer>) -> bool {
    gettrace().is_some_and(|set| Rc::ptr_eq(tracer, &set))
}

/// Sets a new tracer, for a function that begins to be watched. Returns its number.
fn set_tracer() -> u64 {
    let earlier = gettrace();
    let set = with_watched(|watched| {
        watched.number += 1;
        let number = watched.number;
        let tracer = tracer(number, earlier.clone());
        watched.tracers.push(OurTracer {
            number,
            tracer: tracer.clone(),
            earlier,
            functions: 1,
        });
        (number, tracer)
    });
    let Some((number, tracer)) = set else { return 0 };
    settrace(Some(tracer));
    number
}

/// A function is watched until this is dropped.
struct Watch {
    began: Instant,
    began_in_hub: bool,
    notes: Rc<Notes>,
    /// The number of the tracer that was the last one then.
    tracer: u64,
}

impl Watch {
    fn begin() -> Watch {
        let (began, hub) = (Instant::now(), get_hub());
        let began_in_hub = getcurrent() == *hub.greenlet();
        let notes = Rc::new(Notes::begin(hub, began, began_in_hub));
        let known = with_watched(|watched| {
            watched.all.push(notes.clone());
            let last = watched.tracers.last_mut().filter(|last| is_set(&last.tracer))?;
            last.functions += 1;
            Some(last.number)
        });
        Watch {
            began,
            began_in_hub,
            notes,
            tracer: known.flatten().unwrap_or_else(set_tracer),
        }
    }

    fn end(self) -> Seen {
        let (now, notes) = (Instant::now(), &self.notes);
        notes.next(now, false);
        Seen {
            all: now.duration_since(self.began),
            switched: notes.switched.get(),
            began_in_hub: self.began_in_hub,
            longest: notes.longest.get(),
            since_hub: notes.last_hub.get().map(|entered| now.duration_since(entered)),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let over = with_watched(|watched| {
            watched.all.retain(|notes| !Rc::ptr_eq(notes, &self.notes));
            let index = watched.tracers.iter().position(|ours| ours.number == self.tracer)?;
            watched.tracers[index].functions -= 1;
            (watched.tracers[index].functions == 0).then(|| watched.tracers.remove(index))
        });
        // Who has set another tracer meanwhile keeps it. Dropping ours may run user code: nothing is borrowed then.
        if let Some(over) = over.flatten()
            && is_set(&over.tracer)
        {
            settrace(over.earlier);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time between two switches counts, and not all of it together; time in the hub does not count at all.
    #[test]
    fn only_time_without_a_switch_counts() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let notes = Notes::begin(get_hub(), begun, false);
        let longest = || notes.longest.get().as_secs();
        notes.next(after(2), true);
        assert_eq!(longest(), 2);
        // A hundred seconds in the hub.
        notes.next(after(102), false);
        assert_eq!(longest(), 2);
        notes.next(after(103), false);
        notes.next(after(105), true);
        assert_eq!(longest(), 2);
        notes.next(after(106), false);
        notes.next(after(109), false);
        assert_eq!(longest(), 3);
        // The hub, which was not left, is the first that does not count here.
        let in_hub = Notes::begin(get_hub(), begun, true);
        in_hub.next(after(7), false);
        in_hub.next(after(8), false);
        assert_eq!(in_hub.longest.get().as_secs(), 1);
    }
}
