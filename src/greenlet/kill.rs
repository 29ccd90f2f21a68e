//! Killing greenlets: throwing into them and waiting for their ends.

use std::cell::RefCell;
use std::iter;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, call_each, catch};
use greenlet_core::{Exception, GreenletExit, RawGreenlet};
use hub::{Seconds, hub_to_wait_in};
use waiter::{Park, Resume};

use super::{AnyGreenlet, Greenlet, Killable, Victim, joinall};
use crate::timeout::Timeout;

/// Settings of a kill: the keywords of gevent's `Greenlet.kill` and `killall`.
///
/// ```
/// use gevent::{Exception, Kill, sleep, spawn};
///
/// let greenlet = spawn(|| sleep(100));
/// sleep(0)?;
/// greenlet.kill_with(Kill::with(Exception::msg("enough")).nonblocking())?;
/// assert!(!greenlet.ready()); // it is killed soon
/// assert_eq!(greenlet.get().unwrap_err().to_string(), "enough");
/// # Ok::<(), Exception>(())
/// ```
#[derive(Debug, Clone)]
pub struct Kill {
    /// The exception that is thrown into the greenlet. `GreenletExit` by default.
    pub exception: Exception,
    /// Whether to wait for the greenlet's end. True by default.
    pub block: bool,
    /// How many seconds to wait at most. `None`, the default, is no limit.
    pub timeout: Option<f64>,
}

impl Default for Kill {
    #[track_caller]
    fn default() -> Self {
        Kill::with(Exception::new(GreenletExit))
    }
}

impl Kill {
    /// Settings with this exception.
    pub fn with(exception: impl Into<Exception>) -> Self {
        Kill {
            exception: exception.into(),
            block: true,
            timeout: None,
        }
    }

    /// The kill does not wait for the greenlet's end: gevent's `block=False`.
    #[must_use]
    pub fn nonblocking(mut self) -> Self {
        self.block = false;
        self
    }

    /// Sets how many seconds to wait at most.
    #[must_use]
    pub fn timeout(mut self, seconds: impl Seconds) -> Self {
        self.timeout = seconds.seconds();
        self
    }
}

/// About how many cache lines of the stack a greenlet reads between its wait and its end.
const STACK_LINES: usize = 16;

/// Has the processor fetch all the memory that a greenlet needs for its end. It may have been
/// parked for long, and then one cache miss after the other would take longer than the rest of the
/// kill.
fn prefetch(greenlet: &RawGreenlet) {
    greenlet.prefetch();
    greenlet.prefetch_rest();
    greenlet.prefetch_stack(STACK_LINES);
}

/// The right to wake the killer. `None` if the killer cannot wait: the greenlet is killed all the
/// same.
fn resume(park: &Result<Park, Exception>) -> Option<Resume> {
    park.as_ref().ok().map(Park::resume)
}

impl AnyGreenlet {
    /// Throws `GreenletExit` into the greenlet and waits for its end. A greenlet that has not begun
    /// never will. Does nothing if the greenlet has ended.
    ///
    /// # Errors
    /// As for [`join`](AnyGreenlet::join).
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.kill_with(Kill::default()).map(drop)
    }

    /// [`kill`](AnyGreenlet::kill) with other settings. Returns whether the greenlet has ended: it
    /// goes on if it catches the exception, or holds kills back.
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
            self.join_timeout(kill.timeout)?;
        }
        Ok(self.ready())
    }
}

/// Kills a greenlet without waiting, as a destructor cannot wait, if it has not ended.
struct KillOnDrop<'a, T: 'static>(&'a Greenlet<T>);

impl<T> Drop for KillOnDrop<'_, T> {
    fn drop(&mut self) {
        let kill = Kill {
            block: false,
            ..Kill::default()
        };
        // This fails only if the loop is destroyed, after which nothing runs.
        let _ = self.0.kill_with(kill);
    }
}

impl<T: 'static> Greenlet<T> {
    /// Calls `function` with this greenlet, then joins the greenlet; if the function fails, kills
    /// the greenlet with that error instead: gevent's `with greenlet:`.
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
    /// The error of `function`; any exception that is thrown into the current greenlet while it
    /// waits for this one, which is killed then. An error that this greenlet ends with is not
    /// returned.
    #[track_caller]
    pub fn with<R>(&self, function: impl FnOnce(&Self) -> Result<R, Exception>) -> Result<R, Exception> {
        let killed = KillOnDrop(self);
        let result = function(self);
        match &result {
            Ok(_) => self.join()?,
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

    /// Throws `GreenletExit` into the greenlet and waits for its end. A greenlet that has not begun
    /// never will. Does nothing if the greenlet has ended.
    ///
    /// # Errors
    /// As for [`join`](Greenlet::join).
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.any().kill()
    }

    /// [`kill`](Greenlet::kill) with other settings. Returns whether the greenlet has ended: it
    /// goes on if it catches the exception, or holds kills back.
    ///
    /// # Errors
    /// As for [`join`](Greenlet::join).
    #[track_caller]
    pub fn kill_with(&self, kill: Kill) -> Result<bool, Exception> {
        self.any().kill_with(kill)
    }
}

/// Kills all the greenlets in one round of the loop, and waits for their ends. It does not wait for
/// raw greenlets, which cannot be joined: one that does not end at once goes on.
///
/// # Errors
/// Any exception that is thrown into the current greenlet meanwhile.
#[track_caller]
pub fn killall<K: Killable>(greenlets: impl IntoIterator<Item = K>) -> Result<(), Exception> {
    killall_with(greenlets, Kill::default())
}

/// [`killall`] with other settings.
///
/// # Errors
/// As for `killall`; the [`TimeoutError`](crate::TimeoutError) if the greenlets take longer than
/// `timeout` to end.
#[track_caller]
pub fn killall_with<K: Killable>(greenlets: impl IntoIterator<Item = K>, kill: Kill) -> Result<(), Exception> {
    // The list is complete before the first greenlet ends, as the iterator is user code.
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
            // The end of another victim may have ended this one.
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
        // This may drop the last handle of a greenlet, and the destructor of its value may panic.
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
    joinall(alive.take()).map(drop)
}
