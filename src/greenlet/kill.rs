//! Ending greenlets from outside.

use std::cell::RefCell;
use std::iter;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, call_each, catch};
use greenlet_core::{Exception, GreenletExit, RawGreenlet};
use hub::{Seconds, hub_to_wait_in};
use waiter::{Park, Resume};

use super::{AnyGreenlet, Greenlet, Killable, Victim, joinall};
use crate::timeout::Timeout;

/// How to kill: the keywords of gevent's `Greenlet.kill` and `killall`.
#[derive(Debug, Clone)]
pub struct Kill {
    /// What is thrown into the greenlet: `GreenletExit` unless told otherwise.
    pub exception: Exception,
    /// Whether to wait for its end; true unless told otherwise.
    pub block: bool,
    /// How many seconds to wait at most; for ever unless told otherwise.
    pub timeout: Option<f64>,
}

impl Default for Kill {
    #[track_caller]
    fn default() -> Self {
        Kill {
            exception: Exception::new(GreenletExit),
            block: true,
            timeout: None,
        }
    }
}

/// So many cache lines there are from a place where a greenlet waits up to its end, about.
const STACK_LINES: usize = 16;

/// Has all that a greenlet runs into when it ends fetched at once: it may have been parked for long. One
/// after the other would take longer than all the rest.
fn prefetch(greenlet: &RawGreenlet) {
    greenlet.prefetch();
    greenlet.prefetch_rest();
    greenlet.prefetch_stack(STACK_LINES);
}

/// What wakes the one who kills. Where nobody can wait, the kill is as good.
fn resume(park: &Result<Park, Exception>) -> Option<Resume> {
    park.as_ref().ok().map(Park::resume)
}

impl AnyGreenlet {
    /// Throws `GreenletExit` into the greenlet and waits for its end. One that has not begun
    /// never will; one that has ended is left alone.
    ///
    /// # Errors
    /// As for [`join`](AnyGreenlet::join).
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.kill_with(Kill::default()).map(drop)
    }

    /// [`kill`](AnyGreenlet::kill) with other settings. Says whether the greenlet has ended: one
    /// that ignores what it is told, or holds it back, goes on.
    ///
    /// # Errors
    /// As for [`join`](AnyGreenlet::join).
    #[track_caller]
    pub fn kill_with(&self, kill: Kill) -> Result<bool, Exception> {
        prefetch(self.raw());
        if self.end_unrun(&kill.exception) || self.ready() {
            return Ok(true);
        }
        let hub = self.base().hub.clone();
        hub.check_alive()?;
        let park = kill.block.then(|| Park::new(&hub));
        let (victim, woken) = (self.victim(), park.as_ref().and_then(resume));
        hub.loop_().run_callback(move || {
            victim.throw(&kill.exception);
            woken.map_or(Ok(()), |waiter| waiter.switch())
        })?;
        if let Some(park) = park {
            park?.wait(&hub, self)?;
            self.join(kill.timeout)?;
        }
        Ok(self.ready())
    }
}

/// Kills a greenlet that has not ended, without waiting: for those who cannot wait.
struct KillOnDrop<'a, T: 'static>(&'a Greenlet<T>);

impl<T> Drop for KillOnDrop<'_, T> {
    fn drop(&mut self) {
        let kill = Kill {
            block: false,
            ..Kill::default()
        };
        // Fails if the loop is destroyed, and nothing runs any more.
        let _ = self.0.kill_with(kill);
    }
}

impl<T: 'static> Greenlet<T> {
    /// Calls `function` with this greenlet. When that returns, the greenlet is joined; when it fails,
    /// the greenlet is killed with the very error: gevent's `with greenlet:`.
    ///
    /// ```
    /// let answer = gevent::spawn(|| gevent::sleep(0.001)).with(|greenlet| {
    ///     assert!(!greenlet.ready());
    ///     Ok((greenlet.clone(), 42))
    /// });
    /// let (greenlet, answer) = answer?;
    /// assert!(greenlet.successful() && answer == 42);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// The function's own; what is thrown into the current greenlet while it waits for this one, which
    /// is killed then. How this one ends is not among them.
    #[track_caller]
    pub fn with<R>(
        &self,
        function: impl FnOnce(&Self) -> Result<R, Exception>,
    ) -> Result<R, Exception> {
        let killed = KillOnDrop(self);
        let result = function(self);
        match &result {
            Ok(_) => self.join(None)?,
            Err(exception) => {
                let kill = Kill {
                    exception: exception.clone(),
                    ..Kill::default()
                };
                self.kill_with(kill)?;
            }
        }
        drop(killed);
        result
    }

    /// Throws `GreenletExit` into the greenlet and waits for its end. One that has not begun
    /// never will; one that has ended is left alone.
    ///
    /// # Errors
    /// As for [`join`](Greenlet::join).
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.any().kill()
    }

    /// [`kill`](Greenlet::kill) with other settings. Says whether the greenlet has ended: one
    /// that ignores what it is told, or holds it back, goes on.
    ///
    /// # Errors
    /// As for [`join`](Greenlet::join).
    #[track_caller]
    pub fn kill_with(&self, kill: Kill) -> Result<bool, Exception> {
        self.any().kill_with(kill)
    }
}

/// Kills all the greenlets, all in one round of the loop, and waits for their end. Raw greenlets
/// may be among them, but their end cannot be waited for: one that does not end at once goes on.
///
/// # Errors
/// What is thrown into the current greenlet meanwhile.
#[track_caller]
pub fn killall<K: Killable>(greenlets: impl IntoIterator<Item = K>) -> Result<(), Exception> {
    killall_with(greenlets, Kill::default())
}

/// [`killall`] with other settings.
///
/// # Errors
/// As for `killall`; the [`TimeoutError`](crate::TimeoutError) when they take longer than
/// `timeout` to end.
#[track_caller]
pub fn killall_with<K: Killable>(
    greenlets: impl IntoIterator<Item = K>,
    kill: Kill,
) -> Result<(), Exception> {
    // All of them, before the first one ends by it.
    let greenlets: Vec<_> = greenlets.into_iter().map(|g| g.victim()).collect();
    let exception = kill.exception;
    let running: Vec<_> = greenlets
        .into_iter()
        .filter(|g| !g.end_unrun(&exception) && !g.dead())
        .collect();
    if running.is_empty() {
        return Ok(());
    }
    let hub = hub_to_wait_in()?;
    let park = kill.block.then(|| Park::new(&hub));
    let alive = Rc::new(RefCell::new(Vec::new()));
    let (woken, diehards) = (park.as_ref().and_then(resume), alive.clone());
    hub.loop_().run_callback(move || {
        let mut running = running.into_iter();
        let kill = |victim: Victim| {
            // Another's end may have been its own.
            if !victim.dead() {
                victim.throw(&exception);
            }
            if let Victim::Greenlet(greenlet) = victim
                && !greenlet.dead()
            {
                diehards.borrow_mut().push(greenlet);
            }
        };
        let next = || {
            let victim = running.next()?;
            if let Some(next) = running.as_slice().first() {
                prefetch(next.raw());
            }
            Some(move || kill(victim))
        };
        // A destructor may panic, of the value of one that nobody else has a handle of.
        let killed = catch(|| call_each(iter::from_fn(next)));
        let woken = woken.map_or(Ok(()), |waiter| waiter.switch());
        match killed {
            Ok(()) => woken,
            Err(Caught::Panic(exception)) => woken.and(Err(exception)),
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    })?;
    let Some(park) = park else { return Ok(()) };
    let timeout = Timeout::new(kill.timeout.seconds());
    timeout.start()?;
    park?.wait(&hub, &"killall")?;
    joinall(alive.take(), None).map(drop)
}
