//! [`Once`].

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicU8, Ordering};

use super::line::{Line, Monitor, calls_nobody, raise};

/// A function that is called once, by whoever comes first; the others wait until it has returned.
///
/// ```
/// use gevent_threading::sync::Once;
/// use gevent_threading::{spawn, yield_now};
///
/// static READY: Once = Once::new();
/// let prepare = || {
///     let mut mine = false;
///     READY.call_once(|| {
///         yield_now();
///         mine = true;
///     });
///     assert!(READY.is_completed());
///     mine
/// };
/// let (one, other) = (spawn(prepare), spawn(prepare));
/// assert_eq!((one.join().unwrap(), other.join().unwrap()), (true, false));
/// ```
///
/// Source: [`std::sync::Once`].
pub struct Once {
    state: AtomicU8,
    /// The state is changed with the monitor's lock.
    line: Monitor<Line>,
}

const NEW: u8 = 0;
const RUNNING: u8 = 1;
const DONE: u8 = 2;
const POISONED: u8 = 3;

/// What [`Once::call_once_force`] tells its function.
///
/// Source: [`std::sync::OnceState`].
pub struct OnceState {
    poisoned: bool,
}

impl OnceState {
    /// Whether an earlier function has panicked.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl Once {
    /// One whose function has not been called.
    #[allow(clippy::new_without_default)] // std's has no `Default`
    #[must_use]
    pub const fn new() -> Once {
        Once {
            state: AtomicU8::new(NEW),
            line: Monitor::new(Line::new()),
        }
    }

    /// Calls `f` if it is the first, and else waits until the first one's has returned. If `f` calls this again for the
    /// same `Once`, it waits for ever.
    ///
    /// # Panics
    /// If `f` does, and then always: the `Once` is *poisoned*. As [`park`](crate::park), if an exception is thrown into
    /// the caller.
    #[track_caller]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        if !self.is_completed() {
            self.call(false, |_| f());
        }
    }

    /// [`call_once`](Once::call_once), also if an earlier function has panicked.
    ///
    /// # Panics
    /// If `f` does. As [`park`](crate::park), if an exception is thrown into the caller.
    #[track_caller]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(&OnceState),
    {
        if !self.is_completed() {
            self.call(true, f);
        }
    }

    /// Whether a function has been called, and has returned.
    pub fn is_completed(&self) -> bool {
        self.state.load(Ordering::Acquire) == DONE
    }

    /// Waits until a function has been called and has returned.
    ///
    /// # Panics
    /// If it has panicked. As [`park`](crate::park), if an exception is thrown into the caller.
    #[track_caller]
    pub fn wait(&self) {
        self.wait_for(false);
    }

    /// [`wait`](Once::wait), also if an earlier function has panicked.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller.
    pub fn wait_force(&self) {
        self.wait_for(true);
    }

    #[cold]
    #[track_caller]
    fn call(&self, force: bool, f: impl FnOnce(&OnceState)) {
        let mut line = self.line.enter();
        loop {
            let state = self.state.load(Ordering::Acquire);
            match state {
                DONE => return,
                RUNNING => {
                    let waiter = line.join(());
                    let parked = self.line.wait(line, &waiter, |line| line, None, calls_nobody);
                    (line, _) = parked.unwrap_or_else(|thrown| raise(thrown));
                }
                POISONED if !force => {
                    drop(line);
                    poisoned();
                }
                _ => {
                    self.state.store(RUNNING, Ordering::Relaxed);
                    drop(line);
                    let mut ends = Ends {
                        once: self,
                        state: POISONED,
                    };
                    f(&OnceState {
                        poisoned: state == POISONED,
                    });
                    ends.state = DONE;
                    return;
                }
            }
        }
    }

    #[track_caller]
    fn wait_for(&self, force: bool) {
        if self.is_completed() {
            return;
        }
        let mut line = self.line.enter();
        loop {
            match self.state.load(Ordering::Acquire) {
                DONE => return,
                POISONED if !force => {
                    drop(line);
                    poisoned();
                }
                _ => {}
            }
            let waiter = line.join(());
            let parked = self.line.wait(line, &waiter, |line| line, None, calls_nobody);
            (line, _) = parked.unwrap_or_else(|thrown| raise(thrown));
        }
    }
}

#[cold]
#[track_caller]
fn poisoned() -> ! {
    panic!("Once instance has previously been poisoned")
}

/// The end of the function, by whatever.
struct Ends<'a> {
    once: &'a Once,
    state: u8,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut line = self.once.line.enter();
        self.once.state.store(self.state, Ordering::Release);
        let called = line.call_all();
        drop(line);
        called.wake();
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState")
            .field("poisoned", &self.is_poisoned())
            .finish()
    }
}

impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}
