//! The common part of the Rust halves: loops on the backend under test, and the trace. Its counterpart is parity.c.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::rc::Rc;

use greenlet_core::Exception;
use hub::core::{Events, Loop, LoopFlags, Run, Timer, Watcher};

/// The result of a scenario, and of a callback in it. An error ends the half, and is put into the trace.
pub(crate) type TestResult<T = ()> = Result<T, Exception>;

/// The trace of one half. It is a handle, of which callbacks hold clones.
#[derive(Clone)]
pub(crate) struct Trace(Rc<Shared>);

struct Shared {
    out: File,
    backend: LoopFlags,
    watched: RefCell<Vec<(&'static str, Watcher)>>,
    is_only_order: Cell<bool>,
}

impl Trace {
    pub(crate) fn new(out: File, backend: LoopFlags) -> Trace {
        Trace(Rc::new(Shared {
            out,
            backend,
            watched: RefCell::default(),
            is_only_order: Cell::new(false),
        }))
    }

    /// A loop on the backend under test.
    pub(crate) fn new_loop(&self) -> TestResult<Loop> {
        Ok(Loop::new(self.0.backend, false)?)
    }

    /// A loop on the backend under test, with these flags in addition.
    pub(crate) fn new_loop_with(&self, flags: LoopFlags) -> TestResult<Loop> {
        Ok(Loop::new(self.0.backend | flags, false)?)
    }

    /// libev's default loop, on the backend under test.
    pub(crate) fn default_loop(&self) -> TestResult<Loop> {
        Ok(Loop::new(self.0.backend, true)?)
    }

    /// Makes the watcher a part of the trace.
    pub(crate) fn watch<W: Clone + Into<Watcher>>(&self, name: &'static str, watcher: W) -> W {
        self.0.watched.borrow_mut().push((name, watcher.clone().into()));
        watcher
    }

    /// Puts a watcher of a new loop in the place of one of a loop that is gone. In C the same watcher is initialised
    /// again.
    pub(crate) fn rewatch<W: Clone + Into<Watcher>>(&self, name: &'static str, watcher: W) -> W {
        for (known, place) in &mut *self.0.watched.borrow_mut() {
            if *known == name {
                *place = watcher.clone().into();
            }
        }
        watcher
    }

    /// From here on lines show only what a slow machine cannot change: the events and their order.
    pub(crate) fn only_order(&self) {
        self.0.is_only_order.set(true);
    }

    /// Starts the watcher with a callback that does nothing but trace.
    pub(crate) fn start(&self, watcher: &Watcher) -> TestResult {
        self.start_then(watcher, || Ok(()))
    }

    /// Starts the watcher with a callback that traces and then does `action`.
    pub(crate) fn start_then(&self, watcher: &Watcher, action: impl Fn() -> TestResult + 'static) -> TestResult {
        Ok(watcher.start_pass_events(self.traced(watcher, action))?)
    }

    /// The same for the timer's `again`.
    pub(crate) fn again(&self, timer: &Timer) -> TestResult {
        // libev's `again` does not update the clock.
        Ok(timer.again_update_pass_events(false, self.traced(timer, || Ok(())))?)
    }

    /// Feeds the watcher, with a callback that does nothing but trace.
    pub(crate) fn feed(&self, watcher: &Watcher, events: Events) -> TestResult {
        self.feed_then(watcher, events, || Ok(()))
    }

    /// Feeds the watcher, with a callback that traces and then does `action`.
    pub(crate) fn feed_then(
        &self,
        watcher: &Watcher,
        events: Events,
        action: impl Fn() -> TestResult + 'static,
    ) -> TestResult {
        Ok(watcher.feed_pass_events(events, self.traced(watcher, action))?)
    }

    /// The callback of [`start_then`](Self::start_then).
    pub(crate) fn traced(
        &self,
        watcher: &Watcher,
        action: impl Fn() -> TestResult + 'static,
    ) -> impl Fn(Events) -> TestResult + 'static {
        let (trace, watcher) = (self.clone(), watcher.clone());
        move |events| {
            trace.trace(&watcher, events)?;
            action()
        }
    }

    /// Traces the call of a callback.
    fn trace(&self, watcher: &Watcher, events: Events) -> TestResult {
        let mut line = self.event(watcher, events);
        self.add_counts(&mut line, watcher.loop_())?;
        self.line(line)
    }

    /// Traces the call of a callback without the state of the loop, which may be gone.
    pub(crate) fn trace_alone(&self, watcher: &Watcher, events: Events) -> TestResult {
        let mut line = self.event(watcher, events);
        self.add_watchers(&mut line);
        self.line(line)
    }

    /// Traces that the scenario has come to a point.
    pub(crate) fn mark(&self, loop_: &Loop, event: &str) -> TestResult {
        let mut line = event.to_owned();
        self.add_counts(&mut line, loop_)?;
        self.line(line)
    }

    /// Traces a number.
    pub(crate) fn value(&self, name: &str, number: i64) -> TestResult {
        self.line(format!("{name} = {number}"))
    }

    pub(crate) fn run(&self, loop_: &Loop) -> TestResult {
        let more = loop_.run()?;
        self.ran(loop_, more)
    }

    pub(crate) fn run_nowait(&self, loop_: &Loop) -> TestResult {
        let more = loop_.run_nowait()?;
        self.ran(loop_, more)
    }

    pub(crate) fn run_once(&self, loop_: &Loop) -> TestResult {
        let more = loop_.run_once()?;
        self.ran(loop_, more)
    }

    pub(crate) fn run_with(&self, loop_: &Loop, how: Run) -> TestResult {
        let more = loop_.run_with(how)?;
        self.ran(loop_, more)
    }

    fn ran(&self, loop_: &Loop, more: bool) -> TestResult {
        self.mark(loop_, if more { "run: more to come" } else { "run: nothing left" })
    }

    /// Traces a text.
    pub(crate) fn note(&self, text: &str) -> TestResult {
        self.line(text.to_owned())
    }

    fn event(&self, watcher: &Watcher, events: Events) -> String {
        let watched = self.0.watched.borrow();
        let name = watched
            .iter()
            .find(|(_, known)| known == watcher)
            .map_or("nameless", |(name, _)| name);
        let over = if watcher.active() { "" } else { " over" };
        format!("{name}({}){over}", CHex(events.bits()))
    }

    fn add_counts(&self, line: &mut String, loop_: &Loop) -> TestResult {
        if self.0.is_only_order.get() {
            return Ok(());
        }
        write!(
            line,
            "  iteration={} active={} pending={} depth={} :",
            loop_.iteration()?,
            loop_.activecnt()?,
            loop_.pendingcnt()?,
            loop_.depth()?
        )?;
        self.add_watchers(line);
        Ok(())
    }

    fn add_watchers(&self, line: &mut String) {
        for (name, watcher) in &*self.0.watched.borrow() {
            *line += " ";
            *line += name;
            *line += if watcher.active() { "+" } else { "" };
            *line += if watcher.pending() { "!" } else { "" };
        }
    }

    fn line(&self, mut line: String) -> TestResult {
        line.push('\n');
        // The line is written in one piece, because other processes may write to the same pipe.
        Ok((&self.0.out).write_all(line.as_bytes())?)
    }
}

/// C's `%#x`, which writes zero without a prefix.
struct CHex(i32);

impl std::fmt::Display for CHex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            bits => write!(f, "{bits:#x}"),
        }
    }
}
