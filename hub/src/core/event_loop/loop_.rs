//! [`Loop`]: making, running and ending it. Source: gevent's `loop` class in corecext.pyx.

use std::rc::Rc;

use greenlet_core::unwind::{self, Caught, catch};
use greenlet_core::{Exception, GreenletError, RawGreenlet, is_virtual_thread};
use libev_sys as ev;
use libev_sys::ev_loop;
use waiter::{Resume, Wake};

use crate::context::Context;
use crate::core::callbacks::callback::{Callback, Entry, GreenletFn, Notify, ThreadsafeCallback};
use crate::core::callbacks::outcome::CallbackResult;
use crate::core::callbacks::start::Start;
use crate::core::callbacks::threadsafe::ThreadsafeLoop;
use crate::core::error::{Error, HubDestroyed, LoopDestroyed, Uninterruptible};
use crate::core::event_loop::c_frames;
use crate::core::event_loop::flags::{IntoFlags, LoopFlags};
use crate::core::event_loop::parts::LoopParts;
use crate::core::event_loop::shared_loop::{self as shared_loop, SharedLoop};
use crate::core::watchers::body_ref::BodyRef;
use crate::pace::Pace;

/// An event loop: libev's `ev_loop` with gevent's queue of callbacks.
///
/// This is a handle: clones are the same loop, and equal. A loop belongs to one thread. When the last handle is dropped
/// (a watcher handle holds one too) the loop's watchers are stopped, and the loop is destroyed, unless it is libev's
/// default loop or was made elsewhere ([`from_ptr`](Self::from_ptr)). A started watcher does not keep the loop alive,
/// but a handle inside of its callback does, until the watcher is stopped or the loop destroyed.
///
/// # The default loop
///
/// libev has one default loop per process, and child watchers work on no other. `Loop::new(flags, true)` returns it;
/// the first call makes it, and the flags of later calls are ignored. Several `Loop`s on it may exist in one thread:
/// each has its own queue of callbacks, and destroying one destroys the loop for all. While one exists, no other thread
/// gets any. In the child of a fork, where only the thread that forked exists, that thread gets it: the same loop if it
/// had it, or if nobody had it, else a new one. So it is with [signals](Self::signal), which have one loop at a time.
///
/// # The end of a thread
///
/// All loops of a thread are destroyed at its end, also those of which there still are handles, in values that are
/// never dropped or only later. (The default loop, and loops made elsewhere, are left in place without our watchers.)
/// So no loop passes from one thread to another: a loop of a thread that is over is [destroyed](Self::destroyed). What
/// is left of it is memory without any tie to libev or the thread, so that `unsafe` code which has carried handles to
/// another thread, and lets one thread at a time use them, may drop them there.
///
/// Other threads ask a living thread to destroy its loop by [`ThreadsafeLoop::destroy`].
///
/// # Errors
///
/// Once the loop is destroyed, nearly all methods fail with [`LoopDestroyed`]. In a
/// [reschedule](crate::core::Periodic) or [system error](crate::core::set_syserr_cb) callback, and in those
/// [around a wait](crate::core::LoopRelease), all methods that would change the loop fail with [`Uninterruptible`].
///
/// ```
/// use hub::core::Loop;
///
/// let loop_ = Loop::new("", false)?;
/// let timer = loop_.timer(0.01)?;
/// timer.start(|| println!("done"))?;
/// loop_.run()?;
/// assert!(!timer.active());
/// # Ok::<(), hub::core::Error>(())
/// ```
///
/// A loop never leaves its thread:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(hub::core::Loop::new("", false).unwrap());
/// ```
pub struct Loop(Rc<LoopParts>);

/// Tells [`Loop::break_`] which runs to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(i32)]
pub enum Break {
    /// Takes back an earlier break.
    Cancel = ev::EVBREAK_CANCEL,
    /// The innermost run ends.
    #[default]
    One = ev::EVBREAK_ONE,
    /// All runs end.
    All = ev::EVBREAK_ALL,
}

/// libev's number, as gevent's `break_` takes it. As in libev, any number but 0 ([`Cancel`](Break::Cancel)) and 1
/// ([`One`](Break::One)) is [`All`](Break::All).
impl From<i32> for Break {
    fn from(how: i32) -> Break {
        match how {
            ev::EVBREAK_CANCEL => Break::Cancel,
            ev::EVBREAK_ONE => Break::One,
            _ => Break::All,
        }
    }
}

/// gevent's keywords of [`Loop::run_with`]. Both are false by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Run {
    /// Whether to handle only what is ready, as [`Loop::run_nowait`] does.
    pub nowait: bool,
    /// Whether to wait only once, as [`Loop::run_once`] does.
    pub once: bool,
}

/// Takes the errors of callbacks. A closure can be an error handler, too.
pub trait ErrorHandler {
    /// Called with the error that a callback returned (or panicked with), and with the watcher or callback as
    /// context; [`Context::None`] means that the error concerns the loop as a whole.
    ///
    /// The handler may switch greenlets. A panic in it is printed.
    fn handle_error(&self, context: Context<'_>, error: Exception);
}

impl<F: Fn(Context<'_>, Exception)> ErrorHandler for F {
    fn handle_error(&self, context: Context<'_>, error: Exception) {
        self(context, error);
    }
}

impl Loop {
    /// A new loop, or with `default` libev's default loop. See [`IntoFlags`] for what `flags` may be;
    /// [`NOENV`](LoopFlags::NOENV) and [`FORKCHECK`](LoopFlags::FORKCHECK) are always added.
    ///
    /// # Errors
    /// [`InvalidFlag`](crate::core::InvalidFlag) for an unknown name;
    /// [`UnsupportedBackend`](crate::core::UnsupportedBackend);
    /// [`CannotCreateLoop`](crate::core::CannotCreateLoop) if the kernel refuses the backend or has no descriptors
    /// left. For the default loop also [`DefaultLoopInUse`](crate::core::DefaultLoopInUse) if another thread uses it,
    /// and [`SignalInUse`](crate::core::SignalInUse) if another loop watches `SIGCHLD`. In a virtual thread
    /// [`GreenletError::VirtualThread`].
    pub fn new(flags: impl IntoFlags, default: bool) -> Result<Loop, Error> {
        interruptible()?;
        in_real_thread()?;
        let flags = flags.into_flags()?.check()? | LoopFlags::NOENV | LoopFlags::FORKCHECK;
        let shared = if default {
            SharedLoop::default(flags)?
        } else {
            SharedLoop::create(flags)?
        };
        Ok(Loop(LoopParts::new(shared)))
    }

    /// A `Loop` for an `ev_loop` that other code made, perhaps in C. Dropping the `Loop` stops the watchers that were
    /// started through it and leaves the `ev_loop` alone; [`destroy`](Self::destroy) destroys the `ev_loop`.
    ///
    /// # Errors
    /// [`DefaultLoopInUse`](crate::core::DefaultLoopInUse) if it is the default loop, and another thread uses it.
    ///
    /// # Safety
    /// `raw` must be a living loop that no other thread uses. It must not be destroyed as long as this `Loop` (or a
    /// clone, or a watcher of it) exists, except by `destroy`. The default loop may be destroyed outside of callbacks,
    /// if no watcher of ours is active; code that then makes it anew must set its userdata to null first.
    pub unsafe fn from_ptr(raw: *mut ev_loop) -> Result<Loop, Error> {
        interruptible()?;
        in_real_thread()?;
        // SAFETY: by this function's contract.
        let shared = unsafe { SharedLoop::adopt(raw)? };
        Ok(Loop(LoopParts::new(shared)))
    }

    /// libev's loop, for C code that shares it. Such code may do all that libev allows, except destroy it while
    /// watchers are active or a callback runs, change watchers that are ours, or set its userdata to null.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn as_ptr(&self) -> Result<*mut ev_loop, Error> {
        Ok(self.look()?)
    }

    /// Runs until no watcher that counts is active and no callback queued, or until a
    /// [`break_`](Self::break_). Says whether anything is still active, as `ev_run` does.
    ///
    /// May be called from a callback.
    ///
    /// # Errors
    /// Fails if the loop is destroyed before. A callback that destroys it ends the run, without an error.
    pub fn run(&self) -> Result<bool, Error> {
        self.run_flags(0)
    }

    /// Handles what is ready, without waiting: gevent's `run(nowait=True)`.
    ///
    /// # Errors
    /// The same as those of [`run`](Self::run).
    pub fn run_nowait(&self) -> Result<bool, Error> {
        self.run_flags(ev::EVRUN_NOWAIT)
    }

    /// Waits once, and handles the events that have come then: gevent's `run(once=True)`.
    ///
    /// # Errors
    /// The same as those of [`run`](Self::run).
    pub fn run_once(&self) -> Result<bool, Error> {
        self.run_flags(ev::EVRUN_ONCE)
    }

    /// Runs as the keywords say: gevent's `run(nowait=.., once=..)`. With both, the loop does not wait: for libev, once
    /// is then the same as not at all.
    ///
    /// ```
    /// use hub::core::{Loop, Run};
    ///
    /// let loop_ = Loop::new("", false)?;
    /// let timer = loop_.timer(100)?;
    /// timer.start(|| ())?;
    /// assert!(loop_.run_with(Run { nowait: true, once: true })?);
    /// assert!(timer.active());
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The same as those of [`run`](Self::run).
    pub fn run_with(&self, how: Run) -> Result<bool, Error> {
        let nowait = if how.nowait { ev::EVRUN_NOWAIT } else { 0 };
        let once = if how.once { ev::EVRUN_ONCE } else { 0 };
        self.run_flags(nowait | once)
    }

    fn run_flags(&self, flags: i32) -> Result<bool, Error> {
        let raw_loop = self.modify()?;
        // A run where no switch is possible would deliver wake-ups that wake nobody.
        may_wait()?;
        // A callback may drop the handle that `self` is.
        let this = self.clone();
        let state = this.state();
        state.broken.set(false);
        loop {
            // SAFETY: the loop is alive, and libev allows running it, also in a callback; `modify` has excluded the
            // callbacks where it does not. `this` keeps the loop until the run is over.
            let active = unsafe { ev::ev_run(raw_loop, flags) } != 0;
            c_frames::leave(&this);
            if this.look().is_err() {
                return Ok(false);
            }
            // SAFETY: `look` has just said that the loop is alive.
            unsafe { state.mailbox.facts.publish(raw_loop) };
            if unwind::is_told() {
                return Err(GreenletError::Unwinding.into());
            }
            if active || flags != 0 || state.broken.get() {
                return Ok(active);
            }
            // A callback that another thread queued keeps the loop running, too, but only this thread can count it.
            // SAFETY: `look` has just said that the loop is alive.
            if !unsafe { state.collect_mail(raw_loop) } && !state.mailbox.is_unwanted() {
                return Ok(false);
            }
        }
    }

    /// Makes [`run`](Self::run) return after the callbacks that are already pending have run.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn break_(&self, how: Break) -> Result<(), Error> {
        let raw_loop = self.modify()?;
        self.0.broken.set(how != Break::Cancel);
        // SAFETY: `modify` says that the loop is alive.
        unsafe { ev::ev_break(raw_loop, how as i32) };
        Ok(())
    }

    /// Adds a reference, which keeps the loop running even without active watchers.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn ref_(&self) -> Result<(), Error> {
        let raw_loop = self.modify()?;
        // SAFETY: `modify` says that the loop is alive.
        unsafe { ev::ev_ref(raw_loop) };
        Ok(())
    }

    /// Takes away a reference, either one that [`ref_`](Self::ref_) added or that of an active watcher. Unbalanced
    /// calls make the loop end too early or never; memory is safe all the same.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn unref(&self) -> Result<(), Error> {
        let raw_loop = self.modify()?;
        // SAFETY: `modify` says that the loop is alive.
        unsafe { ev::ev_unref(raw_loop) };
        Ok(())
    }

    /// Prepares the loop for use in the child of a `fork`. (By [`FORKCHECK`](LoopFlags::FORKCHECK), which is always
    /// set, the loop also notices a fork by itself when it next runs.) Does nothing to a destroyed loop. Source:
    /// ev.pod, `ev_loop_fork`.
    ///
    /// # Errors
    /// Only [`Uninterruptible`].
    pub fn reinit(&self) -> Result<(), Error> {
        match self.modify() {
            Ok(raw_loop) => {
                // SAFETY: `modify` says that the loop is alive.
                unsafe { ev::ev_shim_loop_fork(raw_loop) };
                Ok(())
            }
            Err(Error::Destroyed(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Stops all watchers, forgets all callbacks and destroys libev's loop. If it is running, its runs end first.
    /// [`Cleanup`](crate::core::Cleanup) watchers are called. A second call does nothing.
    ///
    /// # Errors
    /// Only [`Uninterruptible`].
    pub fn destroy(&self) -> Result<(), Error> {
        self.destroy_after(|| ())
    }

    /// [`destroy`](Self::destroy) that calls `end_runs` when nothing is left that the loop's runs could call.
    pub(crate) fn destroy_after(&self, end_runs: impl FnOnce()) -> Result<(), Error> {
        interruptible()?;
        let this = self.clone();
        this.state().shared.destroy(end_runs);
        c_frames::leave(&this);
        Ok(())
    }

    /// Queues `callback`: the loop calls it once, before it next waits. Callbacks run in the order in which they
    /// were queued, and keep the loop running until they have been called.
    ///
    /// ```
    /// # let loop_ = hub::core::Loop::new("", false)?;
    /// let callback = loop_.run_callback(|| println!("soon"))?;
    /// assert!(callback.pending());
    /// loop_.run()?;
    /// assert!(!callback.scheduled());
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn run_callback<F, R>(&self, callback: F) -> Result<Callback, Error>
    where
        F: FnOnce() -> R + 'static,
        R: CallbackResult + 'static,
    {
        let raw_loop = self.modify()?;
        let callback = Callback::new(callback);
        // SAFETY: `modify` says that the loop is alive.
        unsafe { self.0.enqueue(raw_loop, callback.to_entry()) };
        Ok(callback)
    }

    /// Queues the waking of a greenlet, in order with the callbacks. Allocates nothing (once the queue has grown to its
    /// usual size).
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    #[inline]
    pub fn run_callback_resume(&self, resume: Resume) -> Result<(), Error> {
        self.queue(resume)
    }

    /// Queues the first switch to a greenlet that never ran, in order with the callbacks. Allocates nothing (once the
    /// queue has grown to its usual size).
    ///
    /// If the greenlet cannot begin when its turn comes, because there is no memory for its stack or the loop was
    /// destroyed before, it [fails](RawGreenlet::fail).
    ///
    /// # Errors
    /// Fails if the loop is destroyed. The greenlet is unchanged then.
    #[inline]
    pub fn run_callback_start(&self, greenlet: RawGreenlet) -> Result<(), Error> {
        let raw_loop = self.look()?;
        // SAFETY: `look` says that the loop is alive.
        unsafe { self.queue_in(raw_loop, Start::new(greenlet)) };
        Ok(())
    }

    /// Queues an entry. This is possible at any time, in a reschedule function too: it changes nothing but a counter, a
    /// flag and a descriptor. (The entry is made of its parts only when it is pushed; a whole entry would be copied on
    /// the way.)
    #[inline(always)]
    fn queue(&self, entry: impl Into<Entry>) -> Result<(), Error> {
        let raw_loop = self.look()?;
        // SAFETY: `look` says that the loop is alive.
        unsafe { self.queue_in(raw_loop, entry) };
        Ok(())
    }

    /// [`queue`](Self::queue) for a loop that is known to be alive.
    ///
    /// # Safety
    /// The loop is alive.
    #[inline(always)]
    unsafe fn queue_in(&self, raw_loop: *mut ev_loop, entry: impl Into<Entry>) {
        // SAFETY: by this function's contract.
        unsafe {
            self.0.enqueue(raw_loop, entry);
            if c_frames::is_uninterruptible() {
                self.0.wake(raw_loop);
            }
        }
    }

    /// Queues a wake-up that was refused where it should have happened. Gives it back if the loop is destroyed.
    pub(crate) fn run_soon(&self, wake: Wake) -> Result<(), Wake> {
        if self.look().is_err() {
            return Err(wake);
        }
        let queued = self.queue(Callback::new(wake).to_entry());
        debug_assert!(queued.is_ok());
        Ok(())
    }

    /// Queues the call of an object's [`notify`](Notify::notify), in order with the callbacks. Allocates nothing (once
    /// the queue has grown to its usual size).
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    #[inline(never)]
    pub fn run_callback_notify(&self, object: Rc<dyn Notify>) -> Result<(), Error> {
        self.queue(object)
    }

    /// The pace of turns, which begins anew with each round.
    #[inline]
    pub(crate) fn turns(&self) -> &Pace {
        &self.state().turns
    }

    /// Keeps the next wait for events from lasting. Meant for events that are fed, whose callbacks queue others. gevent
    /// has no counterpart.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn do_not_wait(&self) -> Result<(), Error> {
        let raw_loop = self.modify()?;
        // SAFETY: `modify` says that the loop is alive.
        unsafe { self.state().do_not_wait(raw_loop) };
        Ok(())
    }

    /// Has the current round of callbacks look at the clock right after the current callback, instead of after 50 of
    /// them, and end if the [switch interval](crate::core::getswitchinterval) is over. Meant for a callback that has
    /// taken long. gevent has no counterpart.
    pub fn end_round(&self) {
        self.state().look_soon.set(true);
    }

    /// Queues a call of `function` with a greenlet, in order with the callbacks. Allocates nothing (once the queue has
    /// grown to its usual size).
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    #[inline]
    pub fn run_callback_greenlet(&self, greenlet: RawGreenlet, function: GreenletFn) -> Result<(), Error> {
        self.queue((greenlet, function))
    }

    /// [`ThreadsafeLoop::run_callback_threadsafe`] for this loop. The callback is among the
    /// [queued](Self::queued_callbacks) ones at once, and counts.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn run_callback_threadsafe<F, R>(&self, callback: F) -> Result<ThreadsafeCallback, Error>
    where
        F: FnOnce() -> R + Send + 'static,
        R: CallbackResult,
    {
        let callback = self.threadsafe().run_callback_threadsafe(callback)?;
        if let Ok(raw_loop) = self.look() {
            // SAFETY: `look` says that the loop is alive.
            unsafe { self.0.collect_mail(raw_loop) };
        }
        Ok(callback)
    }

    /// A handle of the loop for other threads.
    pub fn threadsafe(&self) -> ThreadsafeLoop {
        ThreadsafeLoop::new(self.0.mailbox.clone())
    }

    /// Sets the handler that gets the errors of callbacks. With `None` they are printed, and the run ends. The loop
    /// owns the handler, so the handler should refer to the loop weakly, or neither is ever dropped.
    pub fn set_error_handler(&self, handler: Option<Rc<dyn ErrorHandler>>) {
        let old = self.0.error_handler.replace(handler);
        drop(old);
    }

    /// The handler that was set by [`set_error_handler`](Self::set_error_handler).
    pub fn error_handler(&self) -> Option<Rc<dyn ErrorHandler>> {
        self.0.error_handler.borrow().clone()
    }

    /// Gives an error to the error handler. [`HubDestroyed`] goes to no handler: the queued callbacks are
    /// forgotten and the run ends.
    pub fn handle_error(&self, context: Context<'_>, error: Exception) {
        if error.error().is::<HubDestroyed>() {
            let _ends = EndsRun(self);
            if let Ok(raw_loop) = self.modify() {
                // SAFETY: `modify` says that the loop is alive.
                unsafe { self.0.clear_queue(raw_loop) };
            }
            return;
        }
        match self.error_handler() {
            Some(handler) => handler.handle_error(context, error),
            None => self.default_handle_error(context, error),
        }
    }

    /// Prints the error to stderr and ends the innermost run. This is called for errors if no handler is set.
    pub fn default_handle_error(&self, context: Context<'_>, error: Exception) {
        let _ends = EndsRun(self);
        match context {
            Context::None => c_frames::complain(format_args!("{error:?}")),
            context => c_frames::complain(format_args!("{error:?}\n    in {context:?}")),
        }
    }

    /// [`handle_error`](Self::handle_error) for callers out of which no panic may come.
    #[cold]
    pub(in crate::core) fn report(&self, context: Context<'_>, error: Exception) {
        if error.is_exit() && unwind::is_told() {
            // The greenlet that runs the loop was told to end by this error: nothing to report.
            return;
        }
        match catch(|| self.handle_error(context, error)) {
            Ok(()) => {}
            Err(Caught::Panic(panic)) => c_frames::complain(format_args!("panic in the error handler: {panic:?}")),
            Err(forced) => c_frames::absorb(self, forced),
        }
    }

    /// Queues an error, of the watcher `whose` if given, from a place where it cannot be reported, and wakes the loop
    /// for it.
    #[cold]
    pub(in crate::core) fn report_later(&self, whose: Option<BodyRef>, error: Exception) {
        if let Ok(raw_loop) = self.look() {
            // SAFETY: `look` says that the loop is alive. Both calls change nothing but a counter, a flag and a
            // descriptor, which is allowed at any time.
            unsafe {
                self.0.enqueue(raw_loop, Entry::Report(whose, error));
                self.0.wake(raw_loop);
            }
        }
    }

    /// A loop that is destroyed from the beginning, for code that must have a loop where none can be made.
    pub(crate) fn dead() -> Loop {
        Loop(LoopParts::dead())
    }

    pub(in crate::core) fn from_state(state: Rc<LoopParts>) -> Loop {
        Loop(state)
    }

    #[inline]
    pub(in crate::core) fn state(&self) -> &Rc<LoopParts> {
        &self.0
    }

    /// libev's loop, if it is alive, to be looked at.
    #[inline]
    pub(in crate::core) fn look(&self) -> Result<*mut ev_loop, LoopDestroyed> {
        if self.0.is_surely_alive() || self.is_alive() {
            Ok(self.0.raw)
        } else {
            Err(LoopDestroyed)
        }
    }

    /// [`look`](Self::look)'s slower check, for the default loop, which other code may have destroyed, and for a loop
    /// in whose place somebody waits.
    #[inline]
    fn is_alive(&self) -> bool {
        let is_alive = !self.0.is_dead() && self.0.shared.is_alive();
        if is_alive && self.0.is_in_outer_wait() {
            self.0.end_outer_wait();
        }
        is_alive
    }

    /// libev's loop, to be changed, if it is alive and runs no queued callbacks. `None` may also mean that this is not
    /// known.
    #[inline]
    pub(in crate::core) fn plain(&self) -> Option<*mut ev_loop> {
        if self.0.is_plain() && !c_frames::is_uninterruptible() {
            Some(self.0.raw)
        } else {
            self.plain_default()
        }
    }

    #[inline(never)]
    fn plain_default(&self) -> Option<*mut ev_loop> {
        let is_plain = self.0.is_plain_default() && !c_frames::is_uninterruptible();
        (is_plain && self.0.shared.is_alive()).then_some(self.0.raw)
    }

    /// libev's loop, if it is alive and libev may be called, to be changed.
    #[inline]
    pub(in crate::core) fn modify(&self) -> Result<*mut ev_loop, Error> {
        interruptible()?;
        Ok(self.look()?)
    }
}

/// Refuses to run a loop where no switch is possible. A doomed greenlet that keeps asking is unwound.
fn may_wait() -> Result<(), GreenletError> {
    greenlet_core::may_switch().inspect_err(|_| unwind::insist())
}

/// Ends the innermost run when it is dropped, so that a panic of user code does not prevent that.
struct EndsRun<'a>(&'a Loop);

impl Drop for EndsRun<'_> {
    fn drop(&mut self) {
        let _ = self.0.break_(Break::One);
    }
}

/// Refuses a virtual thread: its loop would keep all the others from running.
fn in_real_thread() -> Result<(), GreenletError> {
    if is_virtual_thread() {
        Err(GreenletError::VirtualThread)
    } else {
        Ok(())
    }
}

#[inline]
fn interruptible() -> Result<(), Uninterruptible> {
    if c_frames::is_uninterruptible() {
        Err(Uninterruptible)
    } else {
        Ok(())
    }
}

impl Clone for Loop {
    #[inline]
    fn clone(&self) -> Loop {
        Loop(self.0.clone())
    }
}

impl PartialEq for Loop {
    fn eq(&self, other: &Loop) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Loop {}

impl Drop for Loop {
    #[inline]
    fn drop(&mut self) {
        if Rc::strong_count(&self.0) == 1 && !self.0.is_dead() {
            last_handle_dropped(&self.0);
        }
    }
}

#[cold]
fn last_handle_dropped(state: &Rc<LoopParts>) {
    if c_frames::is_uninterruptible() {
        // A reschedule function has dropped the handle, so libev cannot be called at the moment.
        shared_loop::drop_later(Loop(state.clone()));
    } else {
        state.shared.release(state);
        // Cleanup watchers may have run, and parked or unwound this greenlet.
        c_frames::leave_in_drop(&Loop(state.clone()));
    }
}
