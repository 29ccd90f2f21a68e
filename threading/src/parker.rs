//! Waits for code that cannot be unwound, as C: an exception that is thrown into them is their error.

use std::fmt;
use std::time::Duration;

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};

use crate::here::{self, outside, wait_outside};
use crate::thread::Thread;

/// Calls a function that waits in the hub, by the thread that carries the caller, as
/// [`on_carrier`](crate::on_carrier) does; but nothing is raised. In a real thread, and in a greenlet, this just calls
/// the function.
///
/// ```
/// use gevent_threading::{spawn, wait_by_carrier};
///
/// let thread = spawn(|| wait_by_carrier(|| gevent::sleep(0.001)).is_ok());
/// assert!(thread.join().unwrap());
/// ```
///
/// # Errors
/// The function's, as one that was thrown into its wait. If the greenlet of a virtual thread is dropped meanwhile, that
/// is a `GreenletExit`; it is unwound when the virtual thread has ended.
pub fn wait_by_carrier<R: Send>(wait: impl FnOnce() -> Result<R, Exception> + Send) -> Result<R, Exception> {
    wait_outside(wait)
}

/// A place where one thread waits until another one calls: as [`park`](crate::park) and
/// [`unpark`](crate::Thread::unpark), with a token of its own. Its clones are the same one.
///
/// ```
/// use gevent_threading::{Parker, spawn};
///
/// let parker = Parker::new();
/// let caller = parker.clone();
/// let thread = spawn(move || caller.unpark());
/// assert!(parker.park(None)?.is_none());
/// thread.join().unwrap();
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone)]
pub struct Parker(Thread);

impl Parker {
    /// One whose token is not there.
    pub fn new() -> Parker {
        Parker(Thread::new(None))
    }

    /// Waits for the token and takes it, or until the time is over, or for no reason at all. Only one thread may wait
    /// at a time. What is thrown into the caller meanwhile is held back, also the unwinding of a greenlet that is
    /// dropped, and returned.
    ///
    /// # Errors
    /// The reason why the caller cannot wait.
    pub fn park(&self, limit: Option<Duration>) -> Result<Option<Caught>, Exception> {
        held(|| self.0.park_held(limit))
    }

    /// As [`park`](Parker::park), for one that stands in a line. A carrier may return without
    /// [`hub::run`], and leave the caller behind in here for ever. Then it calls `left` at its end, so that the
    /// caller leaves the line, and what it was called for goes to the next one.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use gevent_threading::{Parker, spawn, yield_now};
    ///
    /// static IS_LEFT: AtomicBool = AtomicBool::new(false);
    /// let carrier = std::thread::spawn(|| {
    ///     spawn(|| Parker::new().park_in_line(None, &|| IS_LEFT.store(true, Ordering::Relaxed)).is_ok());
    ///     yield_now();
    /// });
    /// carrier.join().unwrap();
    /// assert!(IS_LEFT.load(Ordering::Relaxed));
    /// ```
    ///
    /// # Errors
    /// The reason why the caller cannot wait.
    pub fn park_in_line(&self, limit: Option<Duration>, left: &(dyn Fn() + Sync)) -> Result<Option<Caught>, Exception> {
        held(|| self.0.park_held_in_line(limit, &|| left()))
    }

    pub(crate) fn thread(&self) -> &Thread {
        &self.0
    }

    /// Gives the token, and wakes who waits. Any thread may call this. Returns false if somebody waits who will never
    /// run again: the hub of his thread is gone.
    pub fn unpark(&self) -> bool {
        self.0.try_unpark()
    }
}

/// What is thrown into a wait, and what unwinds it, as a value.
fn held(wait: impl FnOnce() -> Result<Option<Exception>, Exception>) -> Result<Option<Caught>, Exception> {
    match catch(wait) {
        Ok(parked) => Ok(parked?.map(Caught::Panic)),
        Err(caught) => Ok(Some(caught)),
    }
}

impl Default for Parker {
    fn default() -> Self {
        Parker::new()
    }
}

impl fmt::Debug for Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parker").finish_non_exhaustive()
    }
}

/// Whether the caller waits no more: its greenlet was dropped, and is being unwound, or has caught that. False while a
/// destructor runs because of a panic, or at the end of a virtual thread, where that is not to be noticed.
pub fn is_unwound() -> bool {
    !here::is_quiet() && here::is_unwound()
}

/// Ends the caller, which [is unwound](is_unwound), but has frames that cannot be: they stay where they are for ever.
/// Prints a warning that says `why`. Returns only if the caller is no greenlet and no virtual thread.
pub fn give_up(why: &str) {
    outside(|| _ = greenlet_core::unwind::give_up(why));
}

/// Whether the caller is a virtual thread.
///
/// ```
/// use gevent_threading::{is_virtual, spawn};
///
/// assert!(!is_virtual());
/// assert!(spawn(is_virtual).join().unwrap());
/// ```
pub fn is_virtual() -> bool {
    greenlet_core::is_virtual_thread()
}

/// An address that tells the operating system's thread of the caller, which carries it perhaps, from all others that
/// are there at the time.
pub fn os_thread() -> usize {
    thread_local!(static MARK: u8 = const { 0 });
    outside(|| MARK.with(|mark| std::ptr::from_ref(mark).addr()))
}
