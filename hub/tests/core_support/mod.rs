//! Helpers of the tests of `hub::core`.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use greenlet_core::Exception;
use hub::Context;
use hub::core::{Break, Loop};

pub(crate) type TestResult = Result<(), Exception>;

/// A new loop, not libev's default loop.
pub(crate) fn new_loop() -> Result<Loop, Exception> {
    Ok(Loop::new((), false)?)
}

/// The limit for a run of the loop, in seconds. A test that takes longer hangs.
const BOUND: f64 = 60.0;

/// Runs the loop, and fails if that takes too long.
#[track_caller]
pub(crate) fn run(loop_: &Loop) -> TestResult {
    let late = Rc::new(Cell::new(false));
    loop_.update_now()?;
    let bound = loop_.timer(BOUND)?.with_ref(false)?;
    bound.start({
        let (loop_, late) = (loop_.clone(), late.clone());
        move || {
            late.set(true);
            let _ = loop_.break_(Break::All);
        }
    })?;
    let ran = loop_.run();
    let stopped = bound.stop();
    assert!(!late.get(), "the loop did not end by itself");
    ran?;
    if !loop_.destroyed() {
        stopped?;
    }
    Ok(())
}

/// The list of things that have happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Trace(Rc<RefCell<Vec<String>>>);

impl Trace {
    pub(crate) fn new() -> Trace {
        Trace::default()
    }

    pub(crate) fn add(&self, what: impl ToString) {
        self.0.borrow_mut().push(what.to_string());
    }

    /// A callback that adds `what`.
    pub(crate) fn adds(&self, what: impl ToString) -> impl Fn() + 'static {
        let (trace, what) = (self.clone(), what.to_string());
        move || trace.add(&what)
    }

    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// Collects the errors that reach the loop's error handler, as `context: error`.
pub(crate) fn collect_errors(loop_: &Loop) -> Trace {
    let trace = Trace::new();
    let errors = trace.clone();
    loop_.set_error_handler(Some(Rc::new(move |context: Context<'_>, error: Exception| {
        let whose = match context {
            Context::None => "nobody",
            Context::Watcher(watcher) => watcher.type_name(),
            Context::Callback(_) => "callback",
            Context::ThreadsafeCallback(_) => "threadsafe_callback",
            Context::Switch(_) => "switch",
            _ => "another",
        };
        errors.add(format!("{whose}: {error}"));
    })));
    trace
}

/// Fails unless the numbers are equal except for rounding.
#[track_caller]
pub(crate) fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
}

/// Keeps the processor busy for this many seconds of the monotonic clock.
pub(crate) fn busy_for(seconds: f64) {
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {}
}

/// The lock of tests that use something that a process has only once: the default loop, signals, children.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts its drops.
#[derive(Clone, Default)]
pub(crate) struct Drops(Rc<Cell<usize>>);

impl Drops {
    pub(crate) fn count(&self) -> usize {
        self.0.get()
    }

    /// A value that is counted when it is dropped, for a closure to capture.
    pub(crate) fn witness(&self) -> Witness {
        Witness(self.0.clone())
    }
}

pub(crate) struct Witness(Rc<Cell<usize>>);

impl Witness {
    /// Makes a closure capture the witness.
    pub(crate) fn touch(&self) {}
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("deliberate")]
pub(crate) struct Deliberate;

/// A callback that panics. (The type of a closure that does nothing else would be inferred as `!`.)
pub(crate) fn panics(message: &'static str) -> impl Fn() + Send + 'static {
    move || {
        if !message.is_empty() {
            panic!("{message}");
        }
    }
}
