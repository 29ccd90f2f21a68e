//! [`Condvar`].

use std::fmt;
use std::mem;
use std::sync::{LockResult, PoisonError};
use std::time::{Duration, Instant};

use super::line::{Called, Line, Monitor, after, raise};
use super::mutex::MutexGuard;

/// Where threads wait until another one has changed the data of a [`Mutex`](super::Mutex).
///
/// ```
/// use gevent_threading::spawn;
/// use gevent_threading::sync::{Arc, Condvar, Mutex};
///
/// let pair = Arc::new((Mutex::new(false), Condvar::new()));
/// let theirs = pair.clone();
/// let thread = spawn(move || {
///     *theirs.0.lock().unwrap() = true;
///     theirs.1.notify_one();
/// });
/// let (ready, changed) = &*pair;
/// let ready = changed.wait_while(ready.lock().unwrap(), |ready| !*ready).unwrap();
/// assert!(*ready);
/// # drop(ready);
/// # thread.join().unwrap();
/// ```
///
/// Those who wait are woken in their order. A condition variable may be used with several mutexes.
///
/// Source: [`std::sync::Condvar`].
pub struct Condvar(Monitor<Line>);

/// Whether a wait has ended by its time.
///
/// Source: [`std::sync::WaitTimeoutResult`].
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether it has.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// One that nobody waits for.
    pub const fn new() -> Condvar {
        Condvar(Monitor::new(Line::new()))
    }

    /// Unlocks the mutex, waits to be notified, and locks it again. It may return without a reason.
    ///
    /// # Errors
    /// With the lock, if the mutex is poisoned.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller. The mutex is unlocked then, and not
    /// poisoned.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_until(guard, None).0
    }

    /// [Waits](Condvar::wait) as long as `condition` returns true.
    ///
    /// # Errors
    /// As [`wait`](Condvar::wait).
    ///
    /// # Panics
    /// As [`wait`](Condvar::wait), and if `condition` does.
    pub fn wait_while<'a, T, F>(&self, mut guard: MutexGuard<'a, T>, mut condition: F) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// [Waits](Condvar::wait) for at most the time given, and tells whether that has passed.
    ///
    /// # Errors
    /// As [`wait`](Condvar::wait).
    ///
    /// # Panics
    /// As [`wait`](Condvar::wait).
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        dur: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let (locked, timed_out) = self.wait_until(guard, after(dur));
        let timed_out = WaitTimeoutResult(timed_out);
        match locked {
            Ok(guard) => Ok((guard, timed_out)),
            Err(error) => Err(PoisonError::new((error.into_inner(), timed_out))),
        }
    }

    /// [Waits](Condvar::wait) as long as `condition` returns true, and for at most the time given. If that has passed
    /// and the condition still holds, the result says so.
    ///
    /// # Errors
    /// As [`wait`](Condvar::wait).
    ///
    /// # Panics
    /// As [`wait_while`](Condvar::wait_while).
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        dur: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let begun = Instant::now();
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let left = match dur.checked_sub(begun.elapsed()) {
                Some(left) => left,
                None => return Ok((guard, WaitTimeoutResult(true))),
            };
            guard = self.wait_timeout(guard, left)?.0;
        }
    }

    /// Wakes the one that waits longest, if somebody waits.
    pub fn notify_one(&self) {
        let called = self.0.enter().call_first();
        called.wake();
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        let called = self.0.enter().call_all();
        called.wake();
    }

    /// Waits, and returns the lock, and whether the time has passed.
    fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> (LockResult<MutexGuard<'a, T>>, bool) {
        let waiter = self.0.enter().join(());
        let unlocked = guard.unlock();
        // If it cannot use its notification, the next one gets it.
        let gives_up = |line: &mut Line, called| match called {
            true => line.call_first(),
            false => Called::default(),
        };
        let parked = self.0.park(&waiter, |line| line, deadline, gives_up);
        let (line, called) = parked.unwrap_or_else(|thrown| raise(thrown));
        drop(line);
        let passes_on = PassesOn(called.then_some(self));
        let locked = unlocked.lock(&|| passes_on.call());
        mem::forget(passes_on);
        (locked, !called)
    }
}

/// Notifies another one when it is dropped.
struct PassesOn<'a>(Option<&'a Condvar>);

impl PassesOn<'_> {
    fn call(&self) {
        if let Some(condvar) = self.0 {
            condvar.notify_one();
        }
    }
}

impl Drop for PassesOn<'_> {
    fn drop(&mut self) {
        self.call();
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
